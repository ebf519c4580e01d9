/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * status.h - rondo-bpfd's exit statuses, as its manual page has them
 */
#ifndef RONDO_BPFD_STATUS_H
#define RONDO_BPFD_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_FAILED = 1, /* something failed while it ran */
	STATUS_USAGE = 2,
	STATUS_KERNEL = 3, /* this kernel lacks something, or KVM is not loaded */
	STATUS_RIGHTS = 4,
	STATUS_STORE = 5, /* the store can't be opened or made */
};

#endif /* RONDO_BPFD_STATUS_H */
