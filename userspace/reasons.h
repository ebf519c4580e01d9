/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * reasons.h - names of exits
 */
#ifndef RONDO_BPFD_REASONS_H
#define RONDO_BPFD_REASONS_H

#include <stdint.h>

#define REASON_MAX 32

/*
 * The kernel's name of a hardware exit's folded reason (rondo_event.h), in lower case, blanks as
 * underscores; isa: enum rbpf_isa. A code without a name is unknown_<code>, one that was folded
 * away is "other". The result is static, or in buffer.
 */
const char *reason_exit(uint32_t isa, uint32_t index, char buffer[REASON_MAX]);

/* The same for userspace exits: KVM_EXIT_* without the prefix, "intr", "error", "other". */
const char *reason_user_exit(uint32_t index, char buffer[REASON_MAX]);

#endif /* RONDO_BPFD_REASONS_H */
