/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * identity.h - what a VM is called
 *
 * Pure: from a process' name and command line to a name that can be a label. Reading /proc is
 * proc.h's.
 */
#ifndef RONDO_BPFD_IDENTITY_H
#define RONDO_BPFD_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#define INSTANCE_MAX 128 /* bytes of a name, without the NUL */

/*
 * The name that a VMM's command line gives its VM, by the table of rules, else "<comm>-<tgid>".
 * cmdline[length]: arguments that end in NUL each (the last one may be cut). instance gets valid UTF-8 without
 * control characters, at least one byte.
 */
void identity_name(const char *comm, const char *cmdline, size_t length, uint32_t tgid,
		   char instance[INSTANCE_MAX + 1]);

/*
 * Makes a name of bytes of unknown quality: what is no UTF-8 or a control character becomes '_';
 * cut at a character's border. An empty one becomes "_". text[length] may hold NULs (as controls).
 */
void identity_clean(const char *text, size_t length, char instance[INSTANCE_MAX + 1]);

/* Appends a suffix ("-4711"), cutting the name so that both fit. */
void identity_append(char instance[INSTANCE_MAX + 1], const char *suffix);

#endif /* RONDO_BPFD_IDENTITY_H */
