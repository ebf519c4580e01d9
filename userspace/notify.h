/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * notify.h - telling the service manager, if one started us, how far we are
 */
#ifndef RONDO_BPFD_NOTIFY_H
#define RONDO_BPFD_NOTIFY_H

/* "READY=1" and the like, as sd_notify(3) has them. Nothing happens without $NOTIFY_SOCKET. */
void notify(const char *state);

#endif /* RONDO_BPFD_NOTIFY_H */
