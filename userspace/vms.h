/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vms.h - the VMs that live now, and their vCPUs
 *
 * A VM is known by its process (tgid and start time) and the kernel's address of it, as a process
 * may hold several. Names are roster.h's. A vCPU lives as long as a slot runs it.
 */
#ifndef RONDO_BPFD_VMS_H
#define RONDO_BPFD_VMS_H

#include <stdbool.h>
#include <stdint.h>

#include "culprits.h"
#include "host_series.h"
#include "identity.h"
#include "roster.h"
#include "series.h"
#include "vm_series.h"

struct vm {
	struct vm *next;
	uint32_t tgid;
	uint64_t start, kvm;
	uint32_t ordinal; /* the lowest that no other VM of its process has */
	uint32_t n_vcpus;
	struct identity id;
	bool left_out; /* by the filter: no series */
	struct roster_entry who;
	const char *instance; /* who's: the label */
	uint32_t tid;         /* of one of its vCPUs */
	struct vm *next_of_hash;
	struct vm_series series;
	struct vm_culprits culprits;
	struct cpu_times cpus;
	rondo_series *info;
	uint64_t info_at; /* until when that is recorded, wall time */
};

struct vcpu {
	struct vcpu *next;
	struct vm *vm;
	int32_t id;
	uint32_t slots; /* that run it */
	struct vcpu_series series;
};

#define VMS_HASH 1024

struct vms {
	struct vm *vms;
	struct vm *of_hash[VMS_HASH]; /* by process */
	struct vcpu *vcpus;
};

struct vm *vms_find(struct vms *t, uint32_t tgid, uint64_t start, uint64_t kvm);

/* A VM of this process; kvm: the one at this address, 0: any. NULL: it has none. */
struct vm *vms_of_process(const struct vms *t, uint32_t tgid, uint64_t kvm);

/* It is not found that way any more. */
void vms_forget_process(struct vms *t, struct vm *vm);

/* The VM that has this name, or NULL. */
struct vm *vms_named(struct vms *t, const char *instance);

/* A new VM, without a name yet. NULL: no memory. */
struct vm *vms_add(struct vms *t, uint32_t tgid, uint64_t start, uint64_t kvm);

/* The VM's vCPU of this number, made if it is new (*is_new). NULL: no memory. */
struct vcpu *vms_vcpu(struct vms *t, struct vm *vm, int32_t id, bool *is_new);

/* A vCPU without slots goes, and its VM with its last one. The series are the caller's to end. */
void vms_remove(struct vms *t, struct vcpu *vcpu);

#endif /* RONDO_BPFD_VMS_H */
