// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * host_series.c - the series of the host and of the collector itself
 */
#include "host_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *const causes[LOST_NR] = {
	[RBPF_LOST_RING_FULL] = "ring_full",           [RBPF_LOST_SLOTS_FULL] = "slots_full",
	[RBPF_LOST_STORAGE] = "thread_storage",        [RBPF_LOST_NESTED] = "nested_switch",
	[RBPF_LOST_MISSED_SWITCH] = "missed_switch",   [RBPF_LOST_UNMATCHED] = "unmatched_exit",
	[RBPF_LOST_CPU_TIMES_FULL] = "cpu_times_full", [RBPF_LOST_CULPRITS_FULL] = "culprits_full",
	[RBPF_LOST_OUTLIERS_FULL] = "outliers_full",   [LOST_EVENT_LOG] = "event_log",
	[LOST_UNATTRIBUTED] = "unattributed",          [LOST_STORE_FULL] = "store_full",
	[LOST_STORE_REFUSED] = "store_refused",
};

static rondo_series *counter(struct store *s, const char *name, const char *unit, const char *help,
			     struct rondo_label label)
{
	return store_series(s, GROUP_COLLECTOR,
			    &(struct store_def){
				    .name = name,
				    .unit = unit,
				    .help = help,
				    .label = { label },
			    });
}

static rondo_series *level(struct store *s, enum group group, const char *name, const char *unit,
			   const char *help)
{
	return store_series(s, group,
			    &(struct store_def){
				    .name = name,
				    .unit = unit,
				    .help = help,
				    .kind = RONDO_GAUGE,
			    });
}

static const struct rondo_label none;

void host_series_begin(struct host_series *h, struct store *s, const struct kernel *k)
{
	struct program_cost cost;
	unsigned int i;

	memset(h, 0, sizeof(*h));
	for (i = 0; i < LOST_NR; i++)
		h->lost[i] = counter(s, "collector_events_lost_total", NULL,
				     "what the collector could not take in",
				     (struct rondo_label){ "cause", causes[i] });
	h->vms = level(s, GROUP_HOST, "host_vms", NULL, "VMs that live");
	h->vcpus = level(s, GROUP_HOST, "host_vcpus", NULL, "vCPUs that live");
	h->ready = level(s, GROUP_HOST, "host_ready_ratio", NULL,
			 "share of all vCPUs' time that was stolen");
	h->rss = level(s, GROUP_COLLECTOR_LEVELS, "collector_resident_bytes", "bytes",
		       "the collector's memory");
	h->lag = level(s, GROUP_COLLECTOR_LEVELS, "collector_tick_lag_seconds", "s",
		       "how late the end of the tick was noticed");
	h->cpu = counter(s, "collector_cpu_ns", "ns", "CPU time of the collector's process", none);
	h->missed = counter(s, "collector_program_misses_total", NULL,
			    "runs of programs that were left out, as they would have interrupted "
			    "themselves",
			    none);
	for (i = 0; i < PROGRAMS_MAX && i < kernel_programs(k); i++) {
		if (!kernel_program_cost(k, i, &cost))
			continue;
		h->program_ns[i] = counter(s, "collector_program_ns", "ns",
					   "time in a BPF program; measured in every tenth second",
					   (struct rondo_label){ "program", cost.name });
		h->program_runs[i] = counter(s, "collector_program_runs_total", NULL,
					     "runs of a BPF program; counted in every tenth second",
					     (struct rondo_label){ "program", cost.name });
	}
}

/* What programs cost in this tick, if it was one that is measured; and whether the next one is. */
static void add_programs(struct host_series *h, struct store *s, struct kernel *k, struct span span)
{
	struct program_cost cost;
	uint64_t missed = 0;
	unsigned int i;

	for (i = 0; i < PROGRAMS_MAX && i < kernel_programs(k); i++) {
		if (!kernel_program_cost(k, i, &cost))
			continue;
		missed += cost.missed;
		if (!h->measuring)
			continue;
		series_add_growth(s, h->program_ns[i], &h->ns_stored[i], cost.ns, span);
		series_add_growth(s, h->program_runs[i], &h->runs_stored[i], cost.runs, span);
	}
	series_add_growth(s, h->missed, &h->missed_stored, missed, span);
	h->measuring = h->measures && ++h->ticks % MEASURE_EVERY == 1;
	kernel_measure(k, h->measuring);
}

static uint64_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t cpu_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NS_PER_S +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
}

void host_series_tick(struct host_series *h, struct store *s, struct kernel *k,
		      const struct host_sums *sums, const uint64_t lost[LOST_NR], uint64_t lag_ns,
		      struct span span)
{
	uint64_t at = tick_ended(s, span.to);
	unsigned int i;

	for (i = 0; i < LOST_NR; i++)
		series_add_growth(s, h->lost[i], &h->lost_stored[i], lost[i], span);
	store_level(s, h->vms, at, sums->vms);
	store_level(s, h->vcpus, at, sums->vcpus);
	if (sums->wall)
		store_level(s, h->ready, at, (double)sums->steal / (double)sums->wall);
	series_add_growth(s, h->cpu, &h->cpu_stored, cpu_ns(), span);
	store_level(s, h->rss, at, (double)resident());
	store_level(s, h->lag, at, (double)lag_ns / 1e9);
	add_programs(h, s, k, span);
}

static struct cpu_time *cpu_of(struct cpu_times *t, uint32_t cpu)
{
	struct cpu_time *more;

	if (cpu >= t->n) {
		more = cpu < 8192 ? realloc(t->cpu, (cpu + 1) * sizeof(*more)) : NULL;
		if (!more)
			return NULL;
		memset(&more[t->n], 0, (cpu + 1 - t->n) * sizeof(*more));
		t->cpu = more;
		t->n = cpu + 1;
	}
	return &t->cpu[cpu];
}

void cpu_times_reset(struct cpu_times *t)
{
	uint32_t i;

	for (i = 0; i < t->n; i++)
		t->cpu[i].total = 0;
}

void cpu_times_add(struct cpu_times *t, uint32_t cpu, uint64_t ns)
{
	struct cpu_time *c = cpu_of(t, cpu);

	if (c)
		c->total += ns;
}

void cpu_times_tick(struct cpu_times *t, struct store *s, const char *instance, struct span span)
{
	char name[12];
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		struct cpu_time *c = &t->cpu[i];

		if (!c->series && c->total > c->stored) {
			snprintf(name, sizeof(name), "%u", i);
			c->series = store_series(
				s, GROUP_CPUS,
				&(struct store_def){
					.name = "cpu_vcpus_ns",
					.unit = "ns",
					.help = "time of a VM's vCPUs on a physical CPU",
					.instance = instance,
					.label = { { "cpu", name } },
				});
		}
		if (c->series)
			series_add_growth(s, c->series, &c->stored, c->total, span);
	}
}

void cpu_times_end(struct cpu_times *t, struct store *s, uint64_t wall_ns)
{
	uint32_t i;

	for (i = 0; i < t->n; i++)
		store_retire(s, t->cpu[i].series, wall_ns);
	free(t->cpu);
	*t = (struct cpu_times){ 0 };
}
