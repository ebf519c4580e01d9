// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * series.c - the series of a vCPU
 */
#include "series.h"

#include <stdio.h>
#include <string.h>

#include "budget.h"

static const struct {
	const char *name, *help;
} parts[RBPF_PART_NR] = {
	[RBPF_GUEST] = { "vcpu_guest_ns", "in the guest" },
	[RBPF_KERNEL] = { "vcpu_exit_ns", "exits being handled in the kernel, on a CPU" },
	[RBPF_USER] = { "vcpu_userspace_ns", "in the VMM, on a CPU" },
	[RBPF_RUN] = { "vcpu_run_ns", "in KVM_RUN, on a CPU: guest and exits together" },
	[RBPF_HALTED] = { "vcpu_halted_ns", "asleep in HLT or WFI, halt polling included" },
	[RBPF_BLOCKED] = { "vcpu_blocked_ns", "asleep for another reason" },
	[RBPF_STEAL] = { "vcpu_steal_ns", "ready to run, but not running" },
};

static const struct count {
	enum group group;
	const char *name, *unit, *help;
} count_defs[COUNT_NR] = {
	[COUNT_REENTRIES] = { GROUP_ACTIVITY, "vcpu_reentries_total", NULL,
			      "entries right after an exit that KVM handled at once, without "
			      "kvm_exit" },
	[COUNT_PREEMPTIONS] = { GROUP_ACTIVITY, "vcpu_preemptions_total", NULL,
				"how often it was taken off a CPU though it could run" },
	[COUNT_MIGRATIONS] = { GROUP_ACTIVITY, "vcpu_migrations_total", NULL,
			       "how often it came to another CPU" },
	[COUNT_STALLS] = { GROUP_STALL_COUNTS, "vcpu_stalls_total", NULL,
			   "single waits for a CPU above 10 ms" },
};

static const struct count stat_defs[RBPF_STAT_NR] = {
	[RBPF_STAT_HALT_WAKEUPS] = { GROUP_ACTIVITY, "vcpu_halt_wakeups_total", NULL,
				     "wake-ups from HLT or WFI, by KVM's count" },
	[RBPF_STAT_HALT_POLLS] = { GROUP_ACTIVITY, "vcpu_halt_polls_total", NULL,
				   "how often KVM polled before it let a halted vCPU sleep" },
	[RBPF_STAT_HALT_POLL_NS] = { GROUP_ACTIVITY, "vcpu_halt_poll_ns", "ns",
				     "KVM's polling, part of vcpu_halted_ns" },
	[RBPF_STAT_INTERRUPTS] = { GROUP_ACTIVITY, "vcpu_interrupts_injected_total", NULL,
				   "interrupts and NMIs given to the guest, by KVM's count" },
	[RBPF_STAT_HYPERCALLS] = { GROUP_ACTIVITY, "vcpu_hypercalls_total", NULL,
				   "hypercalls, by KVM's count" },
	[RBPF_STAT_PAGE_FAULTS] = { GROUP_ACTIVITY, "vcpu_page_faults_total", NULL,
				    "faults of the guest's memory, by KVM's count" },
	[RBPF_STAT_MMIO] = { GROUP_ACTIVITY, "vcpu_mmio_total", NULL,
			     "memory-mapped I/O that left KVM, by its count" },
	[RBPF_STAT_PIO] = { GROUP_ACTIVITY, "vcpu_pio_total", NULL,
			    "port I/O exits, by KVM's count" },
};

static rondo_series *vcpu_series(const struct vcpu_series *v, struct store *s, enum group group,
				 enum rondo_kind kind, const char *name, const char *unit,
				 const char *help, struct rondo_label label)
{
	return store_series(s, group,
			    &(struct store_def){
				    .name = name,
				    .unit = unit,
				    .help = help,
				    .kind = kind,
				    .instance = v->instance,
				    .vcpu = v->vcpu,
				    .label = { label },
			    });
}

static const struct rondo_label none;

void series_vcpu_begin(struct vcpu_series *v, struct store *s, const struct capabilities *c,
		       const char *instance, int32_t vcpu_id)
{
	int i;

	memset(v, 0, sizeof(*v));
	v->instance = instance;
	snprintf(v->vcpu, sizeof(v->vcpu), "%d", vcpu_id);
	for (i = 0; i < RBPF_PART_NR; i++)
		if (c->part[i])
			v->part[i] = vcpu_series(v, s, GROUP_BUDGET, RONDO_COUNTER, parts[i].name,
						 "ns", parts[i].help, none);
	for (i = 0; i < COUNT_NR; i++)
		if (i != COUNT_REENTRIES || c->entry_exit)
			v->count[i] = vcpu_series(v, s, count_defs[i].group, RONDO_COUNTER,
						  count_defs[i].name, count_defs[i].unit,
						  count_defs[i].help, none);
	for (i = 0; i < RBPF_STAT_NR; i++)
		if (stat_defs[i].name && c->types >> (RBPF_TYPE_STAT + i) & 1)
			v->stat[i] = vcpu_series(v, s, stat_defs[i].group, RONDO_COUNTER,
						 stat_defs[i].name, stat_defs[i].unit,
						 stat_defs[i].help, none);
	v->wait.series = vcpu_series(v, s, GROUP_STALLS, RONDO_GAUGE, "vcpu_steal_longest_ns", "ns",
				     "the longest single wait for a CPU", none);
	v->age = vcpu_series(v, s, GROUP_STALLS, RONDO_GAUGE, "vcpu_last_entry_age_seconds", "s",
			     "how long ago the guest was entered last", none);
	if (c->entry_exit) {
		v->exit.series = vcpu_series(v, s, GROUP_STALLS, RONDO_GAUGE,
					     "vcpu_exit_longest_ns", "ns",
					     "the longest handling of one exit, on a CPU", none);
		v->latency = vcpu_series(v, s, GROUP_LATENCY, RONDO_HISTOGRAM,
					 "vcpu_exit_latency_ns", "ns",
					 "handling time of exits, on a CPU", none);
	}
	/* A wrong or unknown reason would be a wrong name: no such series then. */
	if (!c->reasons) {
		memset(v->class_tried, true, sizeof(v->class_tried));
		memset(v->reason_tried, true, sizeof(v->reason_tried));
	}
}

static void retire_all(struct store *s, rondo_series *const *series, int n, uint64_t wall_ns)
{
	int i;

	for (i = 0; i < n; i++)
		store_retire(s, series[i], wall_ns);
}

void series_vcpu_end(struct vcpu_series *v, struct store *s, uint64_t wall_ns)
{
	retire_all(s, v->part, RBPF_PART_NR, wall_ns);
	retire_all(s, v->count, COUNT_NR, wall_ns);
	retire_all(s, v->stat, RBPF_STAT_NR, wall_ns);
	retire_all(s, v->class, CLASS_NR, wall_ns);
	retire_all(s, v->class_ns, CLASS_NR, wall_ns);
	retire_all(s, v->reason, RBPF_REASONS, wall_ns);
	retire_all(s, v->reason_ns, RBPF_REASONS, wall_ns);
	retire_all(s, v->user_exit, RBPF_USER_EXITS, wall_ns);
	store_retire(s, v->latency, wall_ns);
	store_retire(s, v->age, wall_ns);
	store_retire(s, v->wait.series, wall_ns);
	store_retire(s, v->exit.series, wall_ns);
}

uint64_t series_add_growth(struct store *s, rondo_series *series, uint64_t *stored, uint64_t total,
			   struct span span)
{
	uint64_t grown = budget_growth(stored, total);

	store_add(s, series, grown, span.from, span.to);
	return grown;
}

/* One that ended at this time; of an older tick than what is recorded it is ignored. */
static void add_peak(struct peak *p, struct store *s, uint64_t value, uint64_t wall_ns)
{
	uint64_t tick = wall_ns / store_tick_ns(s);

	if (!p->series || tick < p->tick || (tick == p->tick && value <= p->value))
		return;
	p->tick = tick;
	p->value = value;
	store_level(s, p->series, wall_ns, (double)value);
}

static void add_class(struct vcpu_series *v, struct store *s, struct stored *stored, int i,
		      const struct rbpf_totals *totals, struct span span)
{
	const struct rondo_label label = { "class", class_name(i) };

	if (totals->class_exits[i] && !v->class_tried[i]) {
		v->class_tried[i] = true;
		v->class[i] = vcpu_series(v, s, GROUP_CLASSES, RONDO_COUNTER, "vcpu_exits_total",
					  NULL, "exits by class", label);
		v->class_ns[i] = vcpu_series(
			v, s, GROUP_CLASSES, RONDO_COUNTER, "vcpu_exit_handling_ns", "ns",
			"from exits of a class to the next entry, on a CPU", label);
	}
	if (v->class[i])
		series_add_growth(s, v->class[i], &stored -> class[i], totals -> class_exits[i],
				  span);
	if (v->class_ns[i])
		series_add_growth(s, v->class_ns[i], &stored->class_ns[i], totals->class_ns[i],
				  span);
}

void series_add_totals(struct vcpu_series *v, struct store *s, struct stored *stored,
		       const struct rbpf_totals *totals, struct span span, uint64_t offset)
{
	const uint64_t count[COUNT_NR] = {
		[COUNT_REENTRIES] = totals->reentries,
		[COUNT_PREEMPTIONS] = totals->preemptions,
		[COUNT_MIGRATIONS] = totals->migrations,
		[COUNT_STALLS] = totals->stalls,
	};
	uint64_t grown;
	int i;

	for (i = 0; i < RBPF_PART_NR; i++) {
		grown = series_add_growth(s, v->part[i], &stored->part[i], totals->part[i], span);
		v->sums.wall += grown;
		if (i == RBPF_STEAL)
			v->sums.steal += grown;
	}
	for (i = 0; i < RBPF_BY_NR; i++)
		v->sums.by[i] += budget_growth(&stored->by[i], totals->by[i]);
	for (i = 0; i < COUNT_NR; i++)
		series_add_growth(s, v->count[i], &stored->count[i], count[i], span);
	for (i = 0; i < CLASS_NR; i++)
		add_class(v, s, stored, i, totals, span);
	v->sums.exits += budget_growth(&stored->exits, totals->exits);
	/* A wait that still lasts ends now, as it were: at the end of the tick. */
	if (totals->wait.at)
		add_peak(&v->wait, s, totals->wait.ns,
			 totals->wait.at + offset == span.to ? tick_ended(s, span.to)
							     : totals->wait.at + offset);
	if (totals->exit.at)
		add_peak(&v->exit, s, totals->exit.ns, totals->exit.at + offset);
}

void series_add_stats(struct vcpu_series *v, struct store *s, struct stored *stored,
		      const __u64 stat[RBPF_STATS], struct span span)
{
	int i;

	for (i = 0; i < RBPF_STAT_NR; i++)
		series_add_growth(s, v->stat[i], &stored->stat[i], stat[i], span);
}

bool series_take_buckets(uint32_t stored[RBPF_BUCKETS], const uint32_t now[RBPF_BUCKETS],
			 uint64_t counts[HISTOGRAM_BOUNDS + 1])
{
	uint32_t value;
	bool any = false;
	int i;

	for (i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		value = __atomic_load_n(&now[i], __ATOMIC_RELAXED);
		counts[i] = (uint32_t)(value - stored[i]);
		any |= counts[i] != 0;
		stored[i] = value;
	}
	return any;
}

static void add_reasons(struct vcpu_series *v, struct store *s, struct stored *stored,
			struct kernel *k, const struct rbpf_slot *slot, struct span span)
{
	uint32_t isa = kernel_load(slot->isa), i;
	char buffer[REASON_MAX];
	struct rondo_label label = { "reason", NULL };

	for (i = 0; i < RBPF_REASONS; i++) {
		uint64_t total = kernel_load(slot->reason[i]);

		if (total && !v->reason_tried[i]) {
			v->reason_tried[i] = true;
			label.value = reason_exit(isa, kernel_reason(k, i), buffer);
			v->reason[i] = vcpu_series(v, s, GROUP_REASONS, RONDO_COUNTER,
						   "vcpu_reason_exits_total", NULL,
						   "exits by the processor's reason", label);
			v->reason_ns[i] = vcpu_series(
				v, s, GROUP_REASONS, RONDO_COUNTER, "vcpu_reason_exit_handling_ns",
				"ns", "from exits of a reason to the next entry, on a CPU", label);
		}
		if (v->reason[i])
			series_add_growth(s, v->reason[i], &stored->reason[i], total, span);
		if (v->reason_ns[i])
			series_add_growth(s, v->reason_ns[i], &stored->reason_ns[i],
					  kernel_load(slot->reason_ns[i]), span);
	}
}

static void add_user_exits(struct vcpu_series *v, struct store *s, struct stored *stored,
			   const struct rbpf_slot *slot, struct span span)
{
	char buffer[REASON_MAX];
	uint64_t total;
	uint32_t i;

	for (i = 0; i < RBPF_USER_EXITS; i++) {
		total = kernel_load(slot->user_exit[i]);
		if (total && !v->user_exit_tried[i]) {
			v->user_exit_tried[i] = true;
			v->user_exit[i] = vcpu_series(
				v, s, GROUP_USER_EXITS, RONDO_COUNTER, "vcpu_userspace_exits_total",
				NULL, "returns of KVM_RUN to the VMM",
				(struct rondo_label){ "reason", reason_user_exit(i, buffer) });
		}
		if (v->user_exit[i])
			series_add_growth(s, v->user_exit[i], &stored->user_exit[i], total, span);
	}
}

void series_add_slot(struct vcpu_series *v, struct store *s, struct stored *stored,
		     struct kernel *k, const struct rbpf_slot *slot, struct span span)
{
	uint64_t buckets[HISTOGRAM_BOUNDS + 1], ns = 0, waits;
	int i;

	if (store_has(s, GROUP_REASONS))
		add_reasons(v, s, stored, k, slot, span);
	add_user_exits(v, s, stored, slot, span);
	if (v->latency) {
		for (i = 0; i < RBPF_CLASSES; i++)
			ns += kernel_load(slot->totals.class_ns[i]);
		ns = budget_growth(&stored->latency_ns, ns);
		series_take_buckets(stored->latency, slot->latency, buckets);
		store_histogram(s, v->latency, tick_ended(s, span.to), buckets, (double)ns);
	}
	series_take_buckets(stored->wakeup, slot->wakeup, buckets);
	for (i = 0; i <= HISTOGRAM_BOUNDS; i++)
		v->sums.wakeups[i] += buckets[i];
	waits = kernel_load(slot->wakeup_ns);
	v->sums.wakeup_ns += budget_growth(&stored->wakeup_ns, waits);
}

uint64_t tick_ended(const struct store *s, uint64_t wall_ns)
{
	uint64_t tick = store_tick_ns(s);

	/* We are a little late as a rule; in the middle of a tick the collector is about to end. */
	return wall_ns % tick < tick / 2 ? wall_ns - wall_ns % tick - 1 : wall_ns;
}

static void add_age(struct vcpu_series *v, struct store *s, const struct rbpf_slot *slot,
		    uint64_t now, uint64_t at)
{
	uint32_t mode = kernel_load(slot->mode);
	uint64_t last = kernel_load(slot->totals.last_entry);
	bool inside = (mode == RBPF_GUEST || mode == RBPF_RUN) && kernel_load(slot->off) == RBPF_ON;

	store_level(s, v->age, at,
		    inside || (int64_t)(now - last) < 0 ? 0 : (double)(now - last) / 1e9);
}

void series_vcpu_tick(struct vcpu_series *v, struct store *s, const struct rbpf_slot *slot,
		      uint64_t now, uint64_t wall_ns)
{
	uint64_t at = tick_ended(s, wall_ns);

	add_peak(&v->wait, s, 0, at);
	add_peak(&v->exit, s, 0, at);
	add_age(v, s, slot, now, at);
}
