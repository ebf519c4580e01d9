/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * identity.h - who a VM is: its name, and what else its process tells
 *
 * Pure: from a process' names, command line and cgroups, by a table of rules per VMM. libvirt is
 * never asked. Reading /proc is proc.h's; that names are unique is vms.h's.
 */
#ifndef RONDO_BPFD_IDENTITY_H
#define RONDO_BPFD_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cgroup.h"

#define INSTANCE_MAX 128 /* bytes of a name, without the NUL */

/* What is known of the process; "" and 0 where something is not. */
struct identity_source {
	uint32_t tgid;
	const char *comm;
	const char *exe;     /* the program's path, as the kernel knows it */
	const char *cmdline; /* arguments that end in a NUL each; the last one may be cut */
	size_t length;
	struct cgroups cgroups;
};

/* All is valid UTF-8 without control characters; "" where it is not known, but for name and vmm. */
struct identity {
	char name[INSTANCE_MAX + 1]; /* "<comm>-<tgid>" if nothing tells */
	char uuid[37];               /* lower case */
	char number[16];             /* Proxmox' */
	char namespace[64];          /* Kubernetes'; name is "<namespace>/<name>" then */
	char pod[37];                /* the pod's uid */
	char cgroup[256];            /* path, its end if it is longer */
	const char *vmm;             /* "qemu", ..., "other"; static */
	uint32_t cgroup_version;     /* 1 or 2: of the path; 0 without one */
	bool fallback;               /* the name is made of the process' number */
};

void identity_find(const struct identity_source *source, struct identity *identity);

#endif /* RONDO_BPFD_IDENTITY_H */
