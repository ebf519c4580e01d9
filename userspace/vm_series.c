// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vm_series.c - the series of a VM
 */
#include "vm_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"

static const char *const roles[ROLE_NR] = {
	[ROLE_EMULATOR] = "emulator",
	[ROLE_IOTHREAD] = "iothread",
	[ROLE_VHOST] = "vhost",
};

static rondo_series *vm_one(const struct vm_series *v, struct store *s, enum group group,
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
				    .label = { label },
			    });
}

static const struct rondo_label none;

void vm_series_begin(struct vm_series *v, struct store *s, const struct capabilities *c,
		     const char *instance, uint32_t tid)
{
	memset(v, 0, sizeof(*v));
	v->instance = instance;
	v->ready = vm_one(v, s, GROUP_VM_LEVELS, RONDO_GAUGE, "vm_ready_ratio", NULL,
			  "share of its vCPUs' time that was stolen", none);
	v->worst = vm_one(v, s, GROUP_VM_LEVELS, RONDO_GAUGE, "vm_worst_vcpu_ready_ratio", NULL,
			  "the same of the vCPU that waited most", none);
	v->vcpus = vm_one(v, s, GROUP_VM_LEVELS, RONDO_GAUGE, "vm_vcpus", NULL, "vCPUs that live",
			  none);
	if (c->entry_exit)
		v->exits = vm_one(v, s, GROUP_VM_LEVELS, RONDO_GAUGE, "vm_exits_per_second", NULL,
				  "exits of all its vCPUs", none);
	v->wakeups = vm_one(v, s, GROUP_WAKEUPS, RONDO_HISTOGRAM, "vm_wakeup_latency_ns", "ns",
			    "how long its vCPUs waited for a CPU when they were woken", none);
	if (store_has(s, GROUP_VM) && throttle_begin(&v->throttle, tid))
		v->throttled = vm_one(v, s, GROUP_VM, RONDO_COUNTER, "vm_cpu_throttled_ns", "ns",
				      "kept from running by its cgroups' CPU quota; part of steal",
				      none);
}

void vm_series_end(struct vm_series *v, struct store *s, uint64_t wall_ns)
{
	rondo_series *const one[] = { v->ready, v->worst,   v->vcpus,
				      v->exits, v->wakeups, v->throttled };
	size_t i;

	for (i = 0; i < sizeof(one) / sizeof(one[0]); i++)
		store_retire(s, one[i], wall_ns);
	for (i = 0; i < ROLE_NR; i++) {
		store_retire(s, v->thread_cpu[i], wall_ns);
		store_retire(s, v->thread_steal[i], wall_ns);
	}
	for (i = 0; i < RBPF_REASONS; i++)
		store_retire(s, v->reason[i], wall_ns);
	throttle_end(&v->throttle);
	free(v->threads);
	v->threads = NULL;
	v->n_threads = v->max_threads = 0;
}

void vm_series_take(struct vm_series *v, struct sums *vcpu)
{
	double ratio = vcpu->wall ? (double)vcpu->steal / (double)vcpu->wall : 0;
	int i;

	if (ratio > v->worst_ratio)
		v->worst_ratio = ratio;
	v->sums.steal += vcpu->steal;
	v->sums.wall += vcpu->wall;
	v->sums.exits += vcpu->exits;
	for (i = 0; i < RBPF_BY_NR; i++)
		v->sums.by[i] += vcpu->by[i];
	for (i = 0; i <= HISTOGRAM_BOUNDS; i++)
		v->sums.wakeups[i] += vcpu->wakeups[i];
	v->sums.wakeup_ns += vcpu->wakeup_ns;
	memset(vcpu, 0, sizeof(*vcpu));
}

enum role vm_thread_role(const struct rbpf_thread *thread)
{
	if (!strncmp(thread->comm, "vhost-", 6))
		return ROLE_VHOST;
	/* QEMU's names, with debug-threads=on. */
	if (!strncmp(thread->comm, "IO ", 3) || !strncmp(thread->comm, "iothread", 8))
		return ROLE_IOTHREAD;
	return ROLE_EMULATOR;
}

static struct vm_thread *find_thread(struct vm_series *v, uint32_t tid)
{
	struct vm_thread *more;
	unsigned int i, max;

	for (i = 0; i < v->n_threads; i++)
		if (v->threads[i].tid == tid)
			return &v->threads[i];
	if (v->n_threads == v->max_threads) {
		max = v->max_threads ? 2 * v->max_threads : 16;
		more = realloc(v->threads, max * sizeof(*more));
		if (!more)
			return NULL;
		v->threads = more;
		v->max_threads = max;
	}
	v->threads[v->n_threads] = (struct vm_thread){ .tid = tid };
	return &v->threads[v->n_threads++];
}

void vm_series_thread(struct vm_series *v, const struct rbpf_thread *thread)
{
	enum role role = vm_thread_role(thread);
	struct vm_thread *t = find_thread(v, thread->tid);

	if (!t)
		return;
	/* A number that was given again has less; then, and at first, it is a baseline. */
	if (t->role == role && t->cpu_ns && thread->cpu_ns >= t->cpu_ns &&
	    thread->delay_ns >= t->delay_ns) {
		v->cpu_ns[role] += thread->cpu_ns - t->cpu_ns;
		v->delay_ns[role] += thread->delay_ns - t->delay_ns;
	}
	*t = (struct vm_thread){
		.tid = thread->tid,
		.role = role,
		.seen = true,
		.cpu_ns = thread->cpu_ns,
		.delay_ns = thread->delay_ns,
	};
}

static void add_threads(struct vm_series *v, struct store *s, struct span span)
{
	unsigned int i, n = 0;

	if (!store_has(s, GROUP_VM))
		return;
	for (i = 0; i < v->n_threads; i++) {
		enum role role = v->threads[i].role;
		struct rondo_label label = { "role", roles[role] };

		if (v->thread_cpu[role])
			continue;
		v->thread_cpu[role] = vm_one(v, s, GROUP_VM, RONDO_COUNTER, "vm_thread_cpu_ns",
					     "ns", "CPU time of its threads that are no vCPUs",
					     label);
		v->thread_steal[role] =
			vm_one(v, s, GROUP_VM, RONDO_COUNTER, "vm_thread_steal_ns", "ns",
			       "how long those were ready to run, but not running", label);
	}
	/* Those that were not seen have ended. */
	for (i = 0; i < v->n_threads; i++)
		if (v->threads[i].seen) {
			v->threads[n] = v->threads[i];
			v->threads[n++].seen = false;
		}
	v->n_threads = n;
	for (i = 0; i < ROLE_NR; i++) {
		if (v->thread_cpu[i])
			series_add_growth(s, v->thread_cpu[i], &v->cpu_stored[i], v->cpu_ns[i],
					  span);
		if (v->thread_steal[i])
			series_add_growth(s, v->thread_steal[i], &v->delay_stored[i],
					  v->delay_ns[i], span);
	}
}

void vm_series_reasons(struct vm_series *v, struct store *s, struct kernel *k,
		       const struct rbpf_slot *slot, uint32_t number,
		       struct rbpf_reason_latency *stored, uint64_t stored_ns[RBPF_REASONS],
		       uint64_t wall_ns)
{
	const struct rbpf_reason_latency *now = kernel_reason_latency(k, number);
	uint64_t counts[HISTOGRAM_BOUNDS + 1], ns;
	uint32_t isa = kernel_load(slot->isa), i;
	char buffer[REASON_MAX];

	for (i = 0; i < RBPF_REASONS; i++) {
		ns = budget_growth(&stored_ns[i], kernel_load(slot->reason_ns[i]));
		if (!series_take_buckets(stored->n[i], now->n[i], counts) && !v->reason[i])
			continue;
		if (!v->reason_tried[i]) {
			v->reason_tried[i] = true;
			v->reason[i] = vm_one(
				v, s, GROUP_REASON_LATENCY, RONDO_HISTOGRAM, "vm_exit_latency_ns",
				"ns", "handling time of exits of a reason, on a CPU",
				(struct rondo_label){
					"reason", reason_exit(isa, kernel_reason(k, i), buffer) });
		}
		store_histogram(s, v->reason[i], wall_ns, counts, (double)ns);
	}
}

void vm_series_tick(struct vm_series *v, struct store *s, uint32_t n_vcpus, struct span span)
{
	uint64_t at = tick_ended(s, span.to);
	const struct sums *sums = &v->sums;

	if (sums->wall) {
		store_level(s, v->ready, at, (double)sums->steal / (double)sums->wall);
		store_level(s, v->worst, at, v->worst_ratio);
	}
	if (span.to > span.from)
		store_level(s, v->exits, at,
			    (double)sums->exits * 1e9 / (double)(span.to - span.from));
	store_level(s, v->vcpus, at, n_vcpus);
	store_histogram(s, v->wakeups, at, sums->wakeups, (double)sums->wakeup_ns);
	add_threads(v, s, span);
	if (v->throttled) {
		throttle_read(&v->throttle);
		series_add_growth(s, v->throttled, &v->throttled_stored, v->throttle.total, span);
	}
	memset(&v->sums, 0, sizeof(v->sums));
	v->worst_ratio = 0;
}
