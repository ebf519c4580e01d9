/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * culprits.h - steal by who took it: the parts of each VM's steal, by name
 *
 * The programs charge each wait that is over to the runs that it waited for. What they know of other
 * processes is in a map by process; here those get names, and those that took most get series of
 * their own. All series of a VM add up to its steal, but for waits that still last.
 */
#ifndef RONDO_BPFD_CULPRITS_H
#define RONDO_BPFD_CULPRITS_H

#include "kernel.h"
#include "series.h"
#include "store.h"

/* Label culprit_kind. The first four have culprits with names. */
enum culprit_kind {
	KIND_VM, /* another VM's process: vCPUs and all other threads */
	KIND_VHOST,
	KIND_HOST,   /* any other process */
	KIND_KERNEL, /* its own threads */
	KIND_NAMED,
	KIND_SELF = KIND_NAMED, /* the VM's own other threads and vCPUs */
	KIND_IDLE,
	KIND_MOVED,
	KIND_OTHER,
	KIND_NR,
};

#define CULPRITS_MINUTES 10
#define CULPRIT_NAME_MAX 64

struct culprit_entry;

/* A VM's. */
struct vm_culprits {
	const char *instance;
	uint32_t tgid;
	uint64_t kvm;
	struct culprit_entry *entries;
	unsigned int top, n_named;
	rondo_series *rest[KIND_NR]; /* without a name */
	uint64_t total[KIND_NR], stored[KIND_NR];
	uint64_t tasks; /* charged to other processes, as the slots know it */
	uint64_t found; /* and as the map does */
};

struct culprits;

/* What a process is called: the VM that it holds, or NULL. */
typedef const char *culprit_vm_fn(void *ctx, uint32_t tgid);

/* top: how many get a name, per VM: those that took most in the last CULPRITS_MINUTES. NULL: no memory. */
struct culprits *culprits_new(uint32_t top, culprit_vm_fn *vm_of, void *ctx);
void culprits_free(struct culprits *t);

void culprits_begin(struct culprits *t, struct vm_culprits *vm, const char *instance, uint32_t tgid,
		    uint64_t kvm);

/*
 * Before culprits_take(): what the VM's slots have been charged in this tick. Then that of all VMs is
 * found in the map, then each VM's tick ends.
 */
void culprits_add(struct vm_culprits *vm, const uint64_t by[RBPF_BY_NR]);
void culprits_take(struct culprits *t, struct kernel *k, struct store *s, struct span span);
void culprits_tick(struct vm_culprits *vm, struct store *s, struct span span);

/* Takes what is left, and forgets the VM. */
void culprits_end(struct culprits *t, struct vm_culprits *vm, struct kernel *k, struct store *s,
		  struct span span);

/* Pure: what kind a culprit is, and its name without numbers of CPUs. vm: as culprit_vm_fn has it. */
enum culprit_kind culprit_name(const struct rbpf_culprit *culprit, const char *vm,
			       char name[CULPRIT_NAME_MAX]);

#endif /* RONDO_BPFD_CULPRITS_H */
