/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * proc.h - what /proc says of a process
 */
#ifndef RONDO_BPFD_PROC_H
#define RONDO_BPFD_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup.h"

/*
 * Where /proc is: the host's, if we are in a pid namespace of our own. Kept. Default "/proc".
 * The kernel's programs know processes by their numbers on the host.
 */
void proc_set_root(const char *root);

/* Are we in a pid namespace of our own, and were not told of the host's /proc? */
bool proc_is_foreign(void);

/* Is this the process that started then? start: ns since boot, as the kernel has it. */
bool proc_is(uint32_t tgid, uint64_t start);

/* Its command line into buffer[size]; the length, 0 if it has none or is gone. */
size_t proc_cmdline(uint32_t tgid, char *buffer, size_t size);

/* Its name without the newline into comm[16]; "" if it is gone. */
void proc_comm(uint32_t tgid, char comm[16]);

/* The path of its program into path[size]; "" if it is gone. */
void proc_exe(uint32_t tgid, char *path, size_t size);

/* Its cgroups; "" each if it is gone. */
void proc_cgroups(uint32_t tgid, struct cgroups *cgroups);

/* Field 22 of a /proc/PID/stat line, in clock ticks since boot; 0 if there is none. Pure. */
uint64_t proc_parse_start(const char *stat);

#endif /* RONDO_BPFD_PROC_H */
