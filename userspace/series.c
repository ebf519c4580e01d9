// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * series.c - which series the collector records
 */
#include "series.h"

#include <stdio.h>
#include <string.h>

#include "budget.h"
#include "kernel.h"
#include "reasons.h"

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

static const char *const causes[LOST_NR] = {
	[RBPF_LOST_RING_FULL] = "ring_full",         [RBPF_LOST_SLOTS_FULL] = "slots_full",
	[RBPF_LOST_STORAGE] = "thread_storage",      [RBPF_LOST_NESTED] = "nested_switch",
	[RBPF_LOST_MISSED_SWITCH] = "missed_switch", [RBPF_LOST_UNMATCHED] = "unmatched_exit",
	[LOST_UNATTRIBUTED] = "unattributed",        [LOST_STORE_FULL] = "store_full",
	[LOST_STORE_REFUSED] = "store_refused",
};

void series_vcpu_begin(struct vcpu_series *v, struct store *s, const struct capabilities *c,
		       const char *instance, int32_t vcpu_id)
{
	struct store_def def = { .instance = instance, .vcpu = v->vcpu, .unit = "ns" };
	int i;

	memset(v, 0, sizeof(*v));
	v->instance = instance;
	snprintf(v->vcpu, sizeof(v->vcpu), "%d", vcpu_id);
	for (i = 0; i < RBPF_PART_NR; i++) {
		if (!c->part[i])
			continue;
		def.name = parts[i].name;
		def.help = parts[i].help;
		v->part[i] = store_series(s, GROUP_BUDGET, &def);
	}
	if (c->entry_exit) {
		def.name = "vcpu_reentries_total";
		def.help = "entries right after an exit that KVM handled at once, without kvm_exit";
		def.unit = NULL;
		v->reentries = store_series(s, GROUP_ACTIVITY, &def);
	}
	/* A wrong or unknown reason would be a wrong name: no such series then. */
	if (!c->reasons) {
		memset(v->class_tried, true, sizeof(v->class_tried));
		memset(v->exit_tried, true, sizeof(v->exit_tried));
	}
}

void series_vcpu_end(struct vcpu_series *v, struct store *s, uint64_t wall_ns)
{
	int i;

	for (i = 0; i < RBPF_PART_NR; i++)
		store_retire(s, v->part[i], wall_ns);
	store_retire(s, v->reentries, wall_ns);
	for (i = 0; i < CLASS_NR; i++)
		store_retire(s, v->class[i], wall_ns);
	for (i = 0; i < RBPF_EXITS; i++)
		store_retire(s, v->exit[i], wall_ns);
	for (i = 0; i < RBPF_USER_EXITS; i++)
		store_retire(s, v->user_exit[i], wall_ns);
}

static void add_growth(struct store *s, rondo_series *series, uint64_t *stored, uint64_t total,
		       struct span span)
{
	store_add(s, series, budget_growth(stored, total), span.from, span.to);
}

void series_add_parts(struct vcpu_series *v, struct store *s, struct stored *stored,
		      const struct rbpf_totals *totals, struct span span)
{
	int i;

	for (i = 0; i < RBPF_PART_NR; i++)
		add_growth(s, v->part[i], &stored->part[i], totals->part[i], span);
	add_growth(s, v->reentries, &stored->reentries, totals->reentries, span);
}

/* A series that only comes about once there is something to count. label: its own, beside the vCPU's. */
static void add_seen(struct vcpu_series *v, struct store *s, enum group group,
		     rondo_series **series, bool *tried, const char *name, const char *help,
		     struct rondo_label label)
{
	if (*tried)
		return;
	*tried = true;
	*series = store_series(s, group,
			       &(struct store_def){
				       .name = name,
				       .help = help,
				       .instance = v->instance,
				       .vcpu = v->vcpu,
				       .label = { label },
			       });
}

static void add_exits(struct vcpu_series *v, struct store *s, struct stored *stored,
		      const struct rbpf_slot *slot, struct span span)
{
	uint32_t isa = kernel_load(slot->isa), i;
	uint64_t total, class[CLASS_NR] = { 0 };
	char buffer[REASON_MAX];

	for (i = 0; i < RBPF_EXITS; i++) {
		total = kernel_load(slot->exit[i]);
		class[reason_class(isa, i)] += total;
		if (total && !v->exit_tried[i])
			add_seen(v, s, GROUP_REASONS, &v->exit[i], &v->exit_tried[i],
				 "vcpu_reason_exits_total", "exits by the processor's reason",
				 (struct rondo_label){ "reason", reason_exit(isa, i, buffer) });
		if (v->exit[i])
			add_growth(s, v->exit[i], &stored->exit[i], total, span);
	}
	for (i = 0; i < CLASS_NR; i++) {
		if (class[i] && !v->class_tried[i])
			add_seen(v, s, GROUP_CLASSES, &v->class[i], &v -> class_tried[i],
				 "vcpu_exits_total", "exits by class",
				 (struct rondo_label){ "class", class_name(i) });
		if (v->class[i])
			add_growth(s, v->class[i], &stored -> class[i], class[i], span);
	}
}

void series_add_counts(struct vcpu_series *v, struct store *s, struct stored *stored,
		       const struct rbpf_slot *slot, struct span span)
{
	char buffer[REASON_MAX];
	uint64_t total;
	uint32_t i;

	add_exits(v, s, stored, slot, span);
	for (i = 0; i < RBPF_USER_EXITS; i++) {
		total = kernel_load(slot->user_exit[i]);
		if (total && !v->user_exit_tried[i])
			add_seen(v, s, GROUP_USER_EXITS, &v->user_exit[i], &v->user_exit_tried[i],
				 "vcpu_userspace_exits_total", "returns of KVM_RUN to the VMM",
				 (struct rondo_label){ "reason", reason_user_exit(i, buffer) });
		if (v->user_exit[i])
			add_growth(s, v->user_exit[i], &stored->user_exit[i], total, span);
	}
}

void series_lost_begin(struct lost_series *l, struct store *s)
{
	int i;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < LOST_NR; i++)
		l->series[i] = store_series(s, GROUP_COLLECTOR,
					    &(struct store_def){
						    .name = "collector_events_lost_total",
						    .help = "what the collector could not take in",
						    .label = { { "cause", causes[i] } },
					    });
}

void series_add_lost(struct lost_series *l, struct store *s, const uint64_t totals[LOST_NR],
		     struct span span)
{
	int i;

	for (i = 0; i < LOST_NR; i++)
		add_growth(s, l->series[i], &l->stored[i], totals[i], span);
}
