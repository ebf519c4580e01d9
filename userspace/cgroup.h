/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * cgroup.h - what the paths of a process' cgroups say of its VM
 *
 * Pure: from the text of /proc/PID/cgroup. Paths are those that managers of VMs use; any component
 * may have been chosen by a VM's owner, so nothing is trusted but its form.
 */
#ifndef RONDO_BPFD_CGROUP_H
#define RONDO_BPFD_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_MAX 512 /* bytes of a path, with the NUL; longer ones are cut at the front */

/* "" where the process is in no such hierarchy. */
struct cgroups {
	char v2[CGROUP_MAX];
	char v1[CGROUP_MAX]; /* the cpu controller's, else systemd's own */
};

void cgroup_parse(const char *text, struct cgroups *cgroups);

/* Cuts what a manager puts below the VM's own cgroup: libvirt's emulator and vcpuN and the like. */
void cgroup_trim(char *path);

/* The one of the VM, trimmed: the deeper one of both. *v2: which hierarchy. cgroups is changed. */
const char *cgroup_of_vm(struct cgroups *cgroups, bool *v2);

/* What a path tells. All "" or false where it does not. */
struct cgroup_hints {
	char name[256];  /* libvirt's: may be cut and is what systemd allows in a unit's name */
	char number[16]; /* Proxmox' number of the VM */
	char jail[64];   /* Firecracker's jailer: its id */
	char pod[37];    /* the pod's uid */
	bool kubernetes;
};

void cgroup_hints(const char *path, struct cgroup_hints *hints);

#endif /* RONDO_BPFD_CGROUP_H */
