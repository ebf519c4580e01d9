/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * series.h - the series of a vCPU: its budget, its exits, what it waited for, how long each took
 *
 * A vCPU is fed from the totals of the slots that run it. What a VM or the host has is vm_series.h's
 * and host_series.h's.
 */
#ifndef RONDO_BPFD_SERIES_H
#define RONDO_BPFD_SERIES_H

#include "capabilities.h"
#include "kernel.h"
#include "reasons.h"
#include "rondo_event.h"
#include "store.h"

/* Counters from a record's totals, beside the parts. */
enum series_count {
	COUNT_REENTRIES,
	COUNT_PREEMPTIONS,
	COUNT_MIGRATIONS,
	COUNT_STALLS,
	COUNT_NR,
};

/* A gauge of the largest in each tick. */
struct peak {
	rondo_series *series;
	uint64_t tick; /* wall time / the tick of what is recorded */
	uint64_t value;
};

/* What has grown since it was reset, of a vCPU or of all of a VM's. */
struct sums {
	uint64_t steal, wall, exits;
	uint64_t by[RBPF_BY_NR];
	uint64_t wakeups[HISTOGRAM_BOUNDS + 1];
	uint64_t wakeup_ns;
};

/* Series of one vCPU; NULL: this host can't measure it, it has not been seen yet, or no room. */
struct vcpu_series {
	const char *instance; /* the VM's */
	char vcpu[12];
	rondo_series *part[RBPF_PART_NR];
	rondo_series *count[COUNT_NR];
	rondo_series *stat[RBPF_STAT_NR];
	rondo_series *latency;
	rondo_series *age;
	struct peak wait, exit;
	rondo_series *class[CLASS_NR], *class_ns[CLASS_NR];
	rondo_series *reason[RBPF_REASONS], *reason_ns[RBPF_REASONS];
	rondo_series *user_exit[RBPF_USER_EXITS];
	/* Registered, or refused: not again. */
	bool class_tried[CLASS_NR];
	bool reason_tried[RBPF_REASONS];
	bool user_exit_tried[RBPF_USER_EXITS];
	struct sums sums; /* of this tick */
};

/* Registers what every vCPU has. */
void series_vcpu_begin(struct vcpu_series *v, struct store *s, const struct capabilities *c,
		       const char *instance, int32_t vcpu_id);

/* Retires them all. */
void series_vcpu_end(struct vcpu_series *v, struct store *s, uint64_t wall_ns);

/* A span of wall time that amounts came about in. */
struct span {
	uint64_t from, to;
};

/*
 * What is stored of one slot's totals. Each call adds what has grown since; series of classes and
 * reasons are registered when they are first seen, and get a 0 in every tick from then on.
 */
struct stored {
	uint64_t part[RBPF_PART_NR];
	uint64_t by[RBPF_BY_NR];
	uint64_t count[COUNT_NR];
	uint64_t exits;
	uint64_t class[CLASS_NR], class_ns[CLASS_NR];
	uint64_t stat[RBPF_STATS]; /* begins with the slot's stat_begin: KVM counted before, too */
	uint64_t reason[RBPF_REASONS], reason_ns[RBPF_REASONS];
	uint64_t user_exit[RBPF_USER_EXITS];
	uint64_t latency_ns, wakeup_ns;
	uint32_t latency[RBPF_BUCKETS], wakeup[RBPF_BUCKETS];
};

/* offset: wall time - CLOCK_MONOTONIC, for the times in the totals. */
void series_add_totals(struct vcpu_series *v, struct store *s, struct stored *stored,
		       const struct rbpf_totals *totals, struct span span, uint64_t offset);

/* What only the slot has: histograms, reasons, userspace exits. */
void series_add_slot(struct vcpu_series *v, struct store *s, struct stored *stored,
		     struct kernel *k, const struct rbpf_slot *slot, struct span span);

void series_add_stats(struct vcpu_series *v, struct store *s, struct stored *stored,
		      const __u64 stat[RBPF_STATS], struct span span);

/*
 * A tick is over for a vCPU that lives: what did not happen in it was 0; and how long ago the guest was
 * entered last.
 */
void series_vcpu_tick(struct vcpu_series *v, struct store *s, const struct rbpf_slot *slot,
		      uint64_t now, uint64_t wall_ns);

/* A time in the tick that levels at its end, just before wall_ns, are of. */
uint64_t tick_ended(const struct store *s, uint64_t wall_ns);

/* Adds what a total has grown by since *stored, spread over the span; that amount. */
uint64_t series_add_growth(struct store *s, rondo_series *series, uint64_t *stored, uint64_t total,
			   struct span span);

/* The growth of a slot's buckets since the last call, as a histogram's counts; whether there is any. */
bool series_take_buckets(uint32_t stored[RBPF_BUCKETS], const uint32_t now[RBPF_BUCKETS],
			 uint64_t counts[HISTOGRAM_BOUNDS + 1]);

#endif /* RONDO_BPFD_SERIES_H */
