/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * host_series.h - the series of the host and of the collector itself: numbers of VMs, vCPUs' time by
 * physical CPU, losses by cause, what collecting costs
 */
#ifndef RONDO_BPFD_HOST_SERIES_H
#define RONDO_BPFD_HOST_SERIES_H

#include "kernel.h"
#include "series.h"
#include "store.h"

/* Losses: the programs' (enum rbpf_lost), then our own. */
enum series_lost {
	LOST_UNATTRIBUTED =
		RBPF_LOST_NR, /* slots that ended before it was known which vCPU they were */
	LOST_STORE_FULL,      /* series that the store has no room for */
	LOST_STORE_REFUSED,   /* amounts that no tick took */
	LOST_EVENT_LOG,       /* outliers that could not be written into the event log */
	LOST_NR,
};

#define PROGRAMS_MAX 12

/* Programs are measured in one of so many ticks: measuring costs about as much as they do. */
#define MEASURE_EVERY 10

struct host_series {
	rondo_series *lost[LOST_NR];
	uint64_t lost_stored[LOST_NR];
	rondo_series *vms, *vcpus, *ready;
	rondo_series *cpu, *rss, *lag;
	uint64_t cpu_stored;
	rondo_series *program_ns[PROGRAMS_MAX], *program_runs[PROGRAMS_MAX], *missed;
	uint64_t ns_stored[PROGRAMS_MAX], runs_stored[PROGRAMS_MAX], missed_stored;
	unsigned int ticks;
	bool measures; /* programs, at all */
	bool measuring;
};

/* What the host's levels are made of. */
struct host_sums {
	uint32_t vms, vcpus;
	uint64_t steal, wall;
};

void host_series_begin(struct host_series *h, struct store *s, const struct kernel *k);

/* The tick ends: lag_ns is how long ago it should have. */
void host_series_tick(struct host_series *h, struct store *s, struct kernel *k,
		      const struct host_sums *sums, const uint64_t lost[LOST_NR], uint64_t lag_ns,
		      struct span span);

/* A VM's vCPUs' time on one CPU. */
struct cpu_time {
	rondo_series *series;
	uint64_t total, stored;
};

/* All CPUs', for a VM; grows as CPUs are seen. */
struct cpu_times {
	struct cpu_time *cpu;
	uint32_t n;
};

/* Totals are counted anew in each tick: from 0, by all that adds to them. */
void cpu_times_reset(struct cpu_times *t);
void cpu_times_add(struct cpu_times *t, uint32_t cpu, uint64_t ns);
void cpu_times_tick(struct cpu_times *t, struct store *s, const char *instance, struct span span);
void cpu_times_end(struct cpu_times *t, struct store *s, uint64_t wall_ns);

#endif /* RONDO_BPFD_HOST_SERIES_H */
