// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * overhead.c - what measuring takes
 *
 * Programs are measured in one tick of MEASURE_EVERY (measuring costs, too), which is taken for all of
 * them; the process' own CPU time is known anyway.
 */
#include "overhead.h"

#include <sys/resource.h>
#include <unistd.h>

#include "host_series.h"
#include "log.h"

void overhead_begin(struct overhead *o, struct store *s, uint32_t limit)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct store_def def = {
		.name = "collector_overhead_ratio",
		.help = "share of the host's CPU time that measuring took",
		.kind = RONDO_GAUGE,
	};
	int i;

	*o = (struct overhead){ .limit = limit, .cpus = cpus > 0 ? (uint32_t)cpus : 1 };
	o->share = store_series(s, GROUP_COLLECTOR_LEVELS, &def);
	def.name = "collector_group_recorded";
	def.help = "1 if the group of metrics is recorded; 0 if not, for whatever reason";
	for (i = 0; i < GROUP_NR; i++) {
		def.label[0] = (struct rondo_label){ "group", groups[i].name };
		o->recorded[i] = store_series(s, GROUP_COLLECTOR_LEVELS, &def);
	}
}

group_set overhead_drop(group_set set)
{
	unsigned int next = 0, i;

	for (i = 0; i < GROUP_NR; i++)
		if (set & GROUP_BIT(i) && groups[i].drop && (!next || groups[i].drop < next))
			next = groups[i].drop;
	for (i = 0; next && i < GROUP_NR; i++)
		if (groups[i].drop == next)
			set &= ~GROUP_BIT(i);
	return set;
}

/* What has grown since the last look, in ns of CPU time per tick. */
static double cost_per_tick(struct overhead *o, struct kernel *k)
{
	uint64_t programs = 0, cpu, grown;
	struct program_cost cost;
	struct rusage u;
	unsigned int i;

	for (i = 0; i < kernel_programs(k); i++)
		if (kernel_program_cost(k, i, &cost))
			programs += cost.ns;
	getrusage(RUSAGE_SELF, &u);
	cpu = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
	      (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
	grown = cpu - o->cpu_ns;
	o->cpu_ns = cpu;
	cpu = programs - o->programs_ns;
	o->programs_ns = programs;
	return (double)cpu + (double)grown / MEASURE_EVERY;
}

bool overhead_tick(struct overhead *o, struct kernel *k, struct store *s, uint64_t wall_ns,
		   group_set *rest)
{
	uint64_t at = wall_ns - store_tick_ns(s); /* within the tick that has ended */
	double share;
	int i;

	for (i = 0; i < GROUP_NR; i++)
		store_level(s, o->recorded[i], at, store_has(s, (enum group)i));
	if (o->ticks++ % MEASURE_EVERY)
		return false;
	share = cost_per_tick(o, k) / (double)store_tick_ns(s) / o->cpus;
	/* The first look has the start in it. */
	if (o->ticks == 1)
		return false;
	store_level(s, o->share, at, share);
	if (!o->limit || share * 1e6 <= o->limit)
		return false;
	*rest = overhead_drop(store_groups(s));
	if (*rest == store_groups(s))
		return false;
	for (i = 0; i < GROUP_NR; i++)
		if (store_has(s, (enum group)i) && !(*rest & GROUP_BIT(i)))
			log_line(
				"measuring takes %.3f%% of the host's CPU time, the limit is %.3f%%: "
				"the group %s is dropped",
				share * 100, o->limit / 1e4, groups[i].name);
	return true;
}
