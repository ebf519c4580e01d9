/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * groups.h - the groups of metrics: what each holds, what it costs, whether it is on by default
 *
 * One group is one schema of the store. The table is all there is to know of a group: options name
 * groups by it, plans count by it, and who records asks whether a group is on. No store, no I/O.
 */
#ifndef RONDO_BPFD_GROUPS_H
#define RONDO_BPFD_GROUPS_H

#include <rondo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)
#define TICK_NS  NS_PER_S /* by default; a store's own: store_tick_ns() */

enum group {
	GROUP_BUDGET,
	GROUP_CLASSES,
	GROUP_STALLS,
	GROUP_STALL_COUNTS,
	GROUP_ACTIVITY,
	GROUP_USER_EXITS,
	GROUP_LATENCY,
	GROUP_VM,
	GROUP_VM_LEVELS,
	GROUP_INFO,
	GROUP_CULPRITS,
	GROUP_WAKEUPS,
	GROUP_CPUS,
	GROUP_HOST,
	GROUP_COLLECTOR,
	GROUP_COLLECTOR_LEVELS,
	GROUP_REASONS,
	GROUP_REASON_LATENCY,
	GROUP_NR,
};

/* A set of groups: bit numbers are enum group. */
typedef uint32_t group_set;

#define GROUP_BIT(g) ((group_set)1 << (g))

struct group_def {
	const char *name;  /* as options and schemas have it */
	const char *what;  /* for people, a few words */
	const char *names; /* of its series: a regular expression, as selectors have them */
	bool on;           /* by default */
	bool always;       /* can't be switched off */
	/* What it may hold at the same time: series per vCPU, per VM, and once. */
	uint32_t per_vcpu, per_vm, per_host;
	uint8_t shape; /* of its tiers; groups.c has them */
	/* Dropped for cost in this order, 1 first; 0: never. */
	uint8_t drop;
};

extern const struct group_def groups[GROUP_NR];

/* All that is on by default. */
group_set groups_default(void);

/*
 * A set from words: names of groups, separated by commas, each with "+" (or nothing) to switch it on
 * or "-" to switch it off, begun from the default; "all", "default" and "none" (but for those that
 * can't be switched off) may come first. 0, or -1 and the word that is no group in bad (cut if need be).
 */
int groups_parse(const char *text, group_set *set, char *bad, size_t bad_size);

#define TIERS_MAX 4

/* Resolutions, the finest, which is the tick, first. n 0: each group's own. */
struct tiers {
	uint32_t n;
	struct {
		uint64_t interval_ns, retention_ns;
	} tier[TIERS_MAX];
};

/* What a store has room for at the same time. top: culprits with series of their own, per VM. */
struct group_sizes {
	uint32_t max_vcpus, max_vms, top;
};

#define TOP_DEFAULT 8

/*
 * The schemas of the groups of a set; how many. With tiers,
 * histograms have the first two of them, kept shorter. What they point to is static.
 */
size_t groups_schemas(group_set set, const struct group_sizes *sizes, const struct tiers *tiers,
		      struct rondo_schema schemas[GROUP_NR]);

/* The group of a schema's name, or -1. */
int groups_find(const char *name, size_t length);

/*
 * Latency histograms: bucket i takes what is above HISTOGRAM_BOUND(i - 1) and not above
 * HISTOGRAM_BOUND(i), in ns; the last one takes what is above all bounds. Powers of 2 from 256 ns to 8.6 s.
 */
#define HISTOGRAM_BOUNDS   26
#define HISTOGRAM_BOUND(i) (UINT64_C(256) << (i))

#endif /* RONDO_BPFD_GROUPS_H */
