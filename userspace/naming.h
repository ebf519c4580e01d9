/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * naming.h - from a vCPU's slot and birth record to who its VM is, with the help of /proc
 */
#ifndef RONDO_BPFD_NAMING_H
#define RONDO_BPFD_NAMING_H

#include "identity.h"
#include "rondo_event.h"

/*
 * The birth record has what the vCPU itself saw, so that a VM that is gone has its name all the
 * same; /proc adds what is there for as long as the process is. birth: NULL if it was lost. One
 * thread only.
 */
void naming_find(uint32_t tgid, uint64_t start, const struct rbpf_birth *birth,
		 struct identity *identity);

#endif /* RONDO_BPFD_NAMING_H */
