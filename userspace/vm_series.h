/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vm_series.h - the series of a VM: ready ratio, wake-up latency, its other threads, its CPU quota
 *
 * Who stole from it is culprits.h's.
 */
#ifndef RONDO_BPFD_VM_SERIES_H
#define RONDO_BPFD_VM_SERIES_H

#include "rondo_event.h"
#include "series.h"
#include "store.h"
#include "throttle.h"

/* What a VM has threads for that are no vCPUs. */
enum role {
	ROLE_EMULATOR, /* the VMM itself and what is not told apart from it */
	ROLE_IOTHREAD,
	ROLE_VHOST, /* the kernel's, that move packets for it */
	ROLE_NR,
};

struct vm_thread {
	uint32_t tid;
	enum role role;
	bool seen; /* in this tick */
	uint64_t cpu_ns, delay_ns;
};

struct vm_series {
	const char *instance;
	rondo_series *ready, *worst, *vcpus, *exits;
	rondo_series *wakeups;
	rondo_series *throttled;
	rondo_series *thread_cpu[ROLE_NR], *thread_steal[ROLE_NR];
	rondo_series *reason[RBPF_REASONS]; /* histograms */
	bool reason_tried[RBPF_REASONS];
	struct vm_thread *threads;
	unsigned int n_threads, max_threads;
	uint64_t cpu_ns[ROLE_NR], delay_ns[ROLE_NR]; /* totals of all threads of a role */
	uint64_t cpu_stored[ROLE_NR], delay_stored[ROLE_NR];
	struct throttle throttle;
	uint64_t throttled_stored;
	/* Of this tick: all its vCPUs, and the one of them that waited most, relative to its time. */
	struct sums sums;
	double worst_ratio;
};

/* tid: of one of its vCPU threads, whose cgroup it is. */
void vm_series_begin(struct vm_series *v, struct store *s, const struct capabilities *c,
		     const char *instance, uint32_t tid);
void vm_series_end(struct vm_series *v, struct store *s, uint64_t wall_ns);

/* Takes in what a vCPU's sums have grown to in this tick, and resets them. */
void vm_series_take(struct vm_series *v, struct sums *vcpu);

/* One of its threads, as of now. The first time it is a baseline. */
void vm_series_thread(struct vm_series *v, const struct rbpf_thread *thread);

/* A slot's latencies by reason; stored: what was taken of them before. */
void vm_series_reasons(struct vm_series *v, struct store *s, struct kernel *k,
		       const struct rbpf_slot *slot, uint32_t number,
		       struct rbpf_reason_latency *stored, uint64_t stored_ns[RBPF_REASONS],
		       uint64_t wall_ns);

/* The tick ends. */
void vm_series_tick(struct vm_series *v, struct store *s, uint32_t n_vcpus, struct span span);

/* Pure: what a thread is for, by its name. */
enum role vm_thread_role(const struct rbpf_thread *thread);

#endif /* RONDO_BPFD_VM_SERIES_H */
