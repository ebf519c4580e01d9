// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * groups.c - the table of groups, and the shapes of their tiers
 *
 * Sizes, with rondo_plan(): a counter of SHAPE_BUDGET takes 119 KB, of SHAPE_COUNTS 44 KB, a level
 * 66 KB, a peak 36 KB, a histogram 134 KB. What is on by default stays below 3 MB per vCPU, which a test holds it to.
 */
#include "groups.h"

#include <stdio.h>
#include <string.h>

enum shape {
	SHAPE_BUDGET,    /* counters kept longest, with the largest tick of each window */
	SHAPE_COUNTS,    /* counters */
	SHAPE_LEVELS,    /* gauges of which the mean and the largest matter */
	SHAPE_PEAKS,     /* gauges of which the largest matters */
	SHAPE_HISTOGRAM, /* of latencies, short */
	SHAPE_NR,
};

/* In the order of enum group. Those of the same drop number go together. */
const struct group_def groups[GROUP_NR] = {
	[GROUP_BUDGET] = {
		.name = "budget", .what = "where each vCPU's time went: steal, guest, exits, halted, ...",
		.names = "vcpu_(guest|exit|userspace|run|halted|blocked|steal)_ns",
		.on = true, .always = true, .per_vcpu = 6, .shape = SHAPE_BUDGET,
	},
	[GROUP_CLASSES] = {
		.name = "classes", .what = "exits and their handling time by class: halt, io, mmio, ...",
		.names = "vcpu_exits_total|vcpu_exit_handling_ns",
		.on = true, .per_vcpu = 26, .shape = SHAPE_COUNTS, .drop = 5,
	},
	[GROUP_STALLS] = {
		.name = "stalls", .what = "longest wait and exit of each second, age of the last entry",
		.names = "vcpu_(steal|exit)_longest_ns|vcpu_last_entry_age_seconds",
		.on = true, .per_vcpu = 3, .shape = SHAPE_PEAKS, .drop = 6,
	},
	[GROUP_STALL_COUNTS] = {
		.name = "stall-counts", .what = "waits above 10 ms",
		.names = "vcpu_stalls_total",
		.on = true, .per_vcpu = 1, .shape = SHAPE_COUNTS, .drop = 6,
	},
	[GROUP_ACTIVITY] = {
		.name = "activity",
		.what = "halt polling, wake-ups, interrupts, page faults, migrations, preemptions",
		.names = "vcpu_(reentries|preemptions|migrations|halt_wakeups|halt_polls|interrupts_injected|"
			 "hypercalls|page_faults|mmio|pio)_total|vcpu_halt_poll_ns",
		.on = true, .per_vcpu = 11, .shape = SHAPE_COUNTS, .drop = 4,
	},
	[GROUP_USER_EXITS] = {
		.name = "userspace-exits", .what = "returns of KVM_RUN by KVM_EXIT_* reason",
		.names = "vcpu_userspace_exits_total",
		.on = true, .per_vcpu = 6, .shape = SHAPE_COUNTS, .drop = 5,
	},
	[GROUP_LATENCY] = {
		.name = "latency", .what = "a histogram of each vCPU's exit handling time",
		.names = "vcpu_exit_latency_ns",
		.on = true, .per_vcpu = 1, .shape = SHAPE_HISTOGRAM, .drop = 2,
	},
	[GROUP_VM] = {
		.name = "vm", .what = "VMs' other threads, CPU quota",
		.names = "vm_thread_(steal|cpu)_ns|vm_cpu_throttled_ns",
		.on = true, .per_vm = 7, .shape = SHAPE_COUNTS, .drop = 4,
	},
	[GROUP_VM_LEVELS] = {
		.name = "vm-levels", .what = "ready ratio of VMs and of their worst vCPU",
		.names = "vm_(worst_vcpu_)?ready_ratio|vm_vcpus|vm_exits_per_second",
		.on = true, .per_vm = 4, .shape = SHAPE_LEVELS, .drop = 6,
	},
	[GROUP_INFO] = {
		.name = "vm-info", .what = "who each VM is: name, uuid, VMM, process, cgroup, namespace",
		.names = "vm_info",
		.on = true, .always = true, .per_vm = 4, .shape = SHAPE_PEAKS,
	},
	[GROUP_CULPRITS] = {
		.name = "culprits", .what = "who took the time that was stolen from a VM",
		.names = "vm_steal_by_ns",
		.on = true, .per_vm = 16, .shape = SHAPE_COUNTS, .drop = 3,
	},
	[GROUP_WAKEUPS] = {
		.name = "wakeups", .what = "a histogram of each VM's wake-up latency",
		.names = "vm_wakeup_latency_ns",
		.on = true, .per_vm = 1, .shape = SHAPE_HISTOGRAM, .drop = 2,
	},
	[GROUP_CPUS] = {
		.name = "cpus", .what = "CPU time of vCPUs by physical CPU",
		.names = "cpu_vcpus_ns",
		.on = true, .per_vm = 2, .per_host = 64, .shape = SHAPE_COUNTS, .drop = 4,
	},
	[GROUP_HOST] = {
		.name = "host", .what = "numbers of VMs and vCPUs, ready ratio of the host",
		.names = "host_.*",
		.on = true, .always = true, .per_host = 8, .shape = SHAPE_LEVELS,
	},
	[GROUP_COLLECTOR] = {
		.name = "collector", .what = "the collector's own cost and losses",
		.names = "collector_.*_total|collector_.*_ns",
		.on = true, .always = true, .per_host = 64, .shape = SHAPE_COUNTS,
	},
	[GROUP_COLLECTOR_LEVELS] = {
		.name = "collector-levels", .what = "its memory and lag, and what it records",
		.names = "collector_.*",
		.on = true, .always = true, .per_host = 40, .shape = SHAPE_LEVELS,
	},
	[GROUP_REASONS] = {
		.name = "reasons", .what = "exits and their handling time by the processor's reason, per vCPU",
		.names = "vcpu_reason_exits_total|vcpu_reason_exit_handling_ns",
		.per_vcpu = 48, .shape = SHAPE_COUNTS, .drop = 2,
	},
	[GROUP_REASON_LATENCY] = {
		.name = "reason-latency", .what = "a histogram of exit handling time per VM and reason",
		.names = "vm_exit_latency_ns",
		.per_vm = 24, .shape = SHAPE_HISTOGRAM, .drop = 1,
	},
};

#define MINUTE_NS (60 * TICK_NS)
#define HOUR_NS   (60 * MINUTE_NS)
#define WEEK_NS   (7 * 24 * HOUR_NS)
#define MOST      (RONDO_FNS_SUM | RONDO_FNS_MAX)
#define LEVEL     (RONDO_FNS_AVG | RONDO_FNS_MAX)

static const struct {
	struct rondo_tier tiers[3];
	uint32_t n_tiers;
	bool histogram;
} shapes[SHAPE_NR] = {
	[SHAPE_BUDGET] = { { { TICK_NS, 10 * MINUTE_NS, 0, 0 },
			     { 10 * TICK_NS, 6 * HOUR_NS, MOST | RONDO_FNS_TOTAL, 0 },
			     { 5 * MINUTE_NS, WEEK_NS, MOST, 0 } },
			   3,
			   false },
	[SHAPE_COUNTS] = { { { TICK_NS, 10 * MINUTE_NS, 0, 0 },
			     { 10 * TICK_NS, 2 * HOUR_NS, RONDO_FNS_SUM | RONDO_FNS_TOTAL, 0 },
			     { 5 * MINUTE_NS, WEEK_NS, RONDO_FNS_SUM, 0 } },
			   3,
			   false },
	[SHAPE_LEVELS] = { { { TICK_NS, 10 * MINUTE_NS, 0, 0 },
			     { 10 * TICK_NS, 2 * HOUR_NS, LEVEL, 0 },
			     { 5 * MINUTE_NS, WEEK_NS, LEVEL, 0 } },
			   3,
			   false },
	[SHAPE_PEAKS] = { { { TICK_NS, 10 * MINUTE_NS, 0, 0 },
			    { 10 * TICK_NS, 2 * HOUR_NS, RONDO_FNS_MAX, 0 },
			    { 5 * MINUTE_NS, WEEK_NS, RONDO_FNS_MAX, 0 } },
			  3,
			  false },
	[SHAPE_HISTOGRAM] = { { { TICK_NS, MINUTE_NS, 0, 0 },
				{ 10 * TICK_NS, HOUR_NS, RONDO_FNS_SUM | RONDO_FNS_COUNT, 0 } },
			      2,
			      true },
};

#define B(i)  (double)HISTOGRAM_BOUND(i)
#define B5(i) B(i), B((i) + 1), B((i) + 2), B((i) + 3), B((i) + 4)

static const double bounds[HISTOGRAM_BOUNDS] = { B5(0), B5(5), B5(10), B5(15), B5(20), B(25) };

group_set groups_default(void)
{
	group_set set = 0;
	int i;

	for (i = 0; i < GROUP_NR; i++)
		if (groups[i].on)
			set |= GROUP_BIT(i);
	return set;
}

int groups_find(const char *name, size_t length)
{
	int i;

	for (i = 0; i < GROUP_NR; i++)
		if (strlen(groups[i].name) == length && !memcmp(groups[i].name, name, length))
			return i;
	return -1;
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && !memcmp(text, word, length);
}

int groups_parse(const char *text, group_set *set, char *bad, size_t bad_size)
{
	group_set result = groups_default();
	const char *word = text;
	size_t length;
	bool off;
	int i;

	for (;; word += length + 1) {
		length = strcspn(word, ",");
		off = *word == '-';
		if (word == text && is_word(word, length, "all")) {
			result = GROUP_BIT(GROUP_NR) - 1;
		} else if (word == text && is_word(word, length, "none")) {
			result = 0;
		} else if (word != text || !is_word(word, length, "default")) {
			i = groups_find(word + (off || *word == '+'),
					length - (off || *word == '+'));
			if (i < 0) {
				snprintf(bad, bad_size, "%.*s", (int)length, word);
				return -1;
			}
			result = off ? result & ~GROUP_BIT(i) : result | GROUP_BIT(i);
		}
		if (!word[length])
			break;
	}
	for (i = 0; i < GROUP_NR; i++)
		if (groups[i].always)
			result |= GROUP_BIT(i);
	*set = result;
	return 0;
}

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Short: a histogram takes thirty times the room of a counter. */
static uint64_t histogram_retention(const struct tiers *tiers, uint32_t i)
{
	uint64_t tick = tiers->tier[0].interval_ns, need;

	if (i || tiers->n == 1)
		return tiers->tier[i].retention_ns < 360 * tiers->tier[i].interval_ns
			       ? tiers->tier[i].retention_ns
			       : 360 * tiers->tier[i].interval_ns;
	/* What librondo asks for under a coarser tier: two windows and the grace. */
	need = 2 * tiers->tier[1].interval_ns + at_least(2 * NS_PER_S, 6 * tick);
	return at_least(60 * tick, (need + tick - 1) / tick * tick);
}

/* The group's tiers into out[]: how many. */
static uint32_t tiers_of(const struct group_def *g, const struct tiers *tiers,
			 struct rondo_tier out[TIERS_MAX])
{
	const bool histogram = shapes[g->shape].histogram;
	uint32_t n = shapes[g->shape].n_tiers, i, like;

	if (!tiers->n) {
		memcpy(out, shapes[g->shape].tiers, n * sizeof(out[0]));
		return n;
	}
	if (!histogram || tiers->n < n)
		n = tiers->n;
	for (i = 0; i < n; i++) {
		like = i < shapes[g->shape].n_tiers ? i : shapes[g->shape].n_tiers - 1;
		out[i] = (struct rondo_tier){
			.interval_ns = tiers->tier[i].interval_ns,
			.retention_ns = histogram ? histogram_retention(tiers, i)
						  : tiers->tier[i].retention_ns,
			.functions = shapes[g->shape].tiers[like].functions,
		};
	}
	return n;
}

/* The table's figure for culprits has the usual number of those with names in it. */
static uint32_t series_of(const struct group_def *g, const struct group_sizes *sizes)
{
	uint32_t per_vm = g->per_vm;

	if (g == &groups[GROUP_CULPRITS])
		per_vm += sizes->top - TOP_DEFAULT;
	return g->per_vcpu * sizes->max_vcpus + per_vm * sizes->max_vms + g->per_host;
}

size_t groups_schemas(group_set set, const struct group_sizes *sizes, const struct tiers *tiers,
		      struct rondo_schema schemas[GROUP_NR])
{
	static struct rondo_tier group_tiers[GROUP_NR][TIERS_MAX];
	static char selectors[GROUP_NR][256];
	const struct group_def *g;
	size_t n = 0;
	int i;

	for (i = 0; i < GROUP_NR; i++) {
		g = &groups[i];
		if (!(set & GROUP_BIT(i)))
			continue;
		snprintf(selectors[i], sizeof(selectors[i]), "{__name__=~\"%s\"}", g->names);
		schemas[n++] = (struct rondo_schema){
			.size = sizeof(schemas[0]),
			.name = g->name,
			.selector = selectors[i],
			.tiers = group_tiers[i],
			.n_tiers = tiers_of(g, tiers, group_tiers[i]),
			.max_series = series_of(g, sizes),
			.on_full = RONDO_ON_FULL_RECLAIM,
			.bounds = shapes[g->shape].histogram ? bounds : NULL,
			.n_bounds = shapes[g->shape].histogram ? HISTOGRAM_BOUNDS : 0,
		};
	}
	return n;
}
