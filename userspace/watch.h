/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * watch.h - what is known of VMs and the host beside their vCPUs' slots: each VM's own series, who
 * stole from it, its threads, its time by CPU; the host's and the collector's own figures
 *
 * Fed by the drainer, once a tick.
 */
#ifndef RONDO_BPFD_WATCH_H
#define RONDO_BPFD_WATCH_H

#include "culprits.h"
#include "host_series.h"
#include "vms.h"

struct watch {
	const struct capabilities *c;
	struct kernel *k;
	struct store *s;
	struct vms *vms;
	struct culprits *culprits;
	struct host_series host;
	uint64_t until; /* wall time */
};

/* All are kept, not owned. top: culprits with names, per VM. 0, or -1: no memory. */
int watch_begin(struct watch *w, const struct capabilities *c, struct kernel *k, struct store *s,
		struct vms *vms, uint32_t top, uint64_t wall_ns);
void watch_free(struct watch *w);

/* A VM, and the thread of one of its vCPUs; its end, when all that its vCPUs had is in their sums. */
void watch_vm_begin(struct watch *w, struct vm *vm, uint32_t tid);
void watch_vm_end(struct watch *w, struct vm *vm, uint64_t wall_ns);

/* A vCPU's sums go to its VM; at its end, or at that of the tick. */
void watch_vcpu(struct vcpu *vcpu);

/* A vCPU's open time on its CPU, before watch_tick(). */
void watch_cpu(struct vm *vm, const struct rbpf_slot *slot, uint64_t now);

/* The tick ends. */
void watch_tick(struct watch *w, const uint64_t lost[LOST_NR], uint64_t wall_ns);

#endif /* RONDO_BPFD_WATCH_H */
