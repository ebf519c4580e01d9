/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sandbox.h - what is left of our rights once the guest runs: none of root's, and few system calls
 *
 * Each thread has a role, and each role a list of system calls (sandbox.c) which a seccomp filter
 * lets through.  Any other one ends the VMM with a line that names it and exit status
 * SANDBOX_STATUS.  With the sanitizers, whose own calls nobody lists, there is no sandbox.
 */
#ifndef RONDO_VMM_SANDBOX_H
#define RONDO_VMM_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_STATUS 159   /* 128 + SIGSYS */
#define SANDBOX_USER   65534 /* nobody, user and group */

enum sandbox_role { SANDBOX_MAIN, SANDBOX_VCPU, SANDBOX_IO, SANDBOX_API, SANDBOX_ROLES };

/* Whether this build has it. */
bool sandbox_available(void);

/*
 * For the process, once all is open that root's rights are needed for: all threads are nobody's, if
 * they were root's.  0, or -1 and a sentence.
 */
int sandbox_drop(char *error, size_t error_size);

/*
 * For the calling thread, for good: its role's system calls and no others.  Threads that it makes
 * later would have the same.  Before or after sandbox_drop().  0, or -1 and errno.
 */
int sandbox_enter(enum sandbox_role role);

/* Names by number, made from the kernel's headers (build.mk); NULL for a gap. */
extern const char *const sandbox_names[];
extern const unsigned int sandbox_n_names;

#endif
