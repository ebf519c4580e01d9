// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * drain.c - from slots and records to the store
 */
#include "drain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "event_log.h"
#include "filter.h"
#include "info.h"
#include "log.h"
#include "naming.h"
#include "proc.h"
#include "reasons.h"
#include "sweep.h"
#include "vms.h"
#include "watch.h"

#define SWEEP_TICK 3 /* by then all VMs that live have been met */

/* What is taken of a slot's histograms by reason, where they are kept. */
struct reasons_taken {
	struct rbpf_reason_latency latency;
	uint64_t ns[RBPF_REASONS];
};

/* What we know of a slot, as long as it is one vCPU's. */
struct binding {
	struct vcpu *vcpu; /* NULL: the slot is free, or nobody's yet */
	uint32_t gen;
	uint64_t parts_until; /* CLOCK_MONOTONIC, as all times here */
	uint64_t counts_until;
	struct stored stored;
	struct reasons_taken *reasons;
};

struct drain {
	const struct capabilities *c;
	const struct settings *settings;
	struct kernel *k;
	struct store *s;
	struct vms vms;
	struct roster *roster;
	struct watch watch;
	struct event_log *log;
	uint64_t unattributed;
	uint64_t ticks;
	uint64_t offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC in this tick */
	uint32_t n_slots;
	struct binding bindings[];
};

struct drain *drain_new(const struct capabilities *c, uint32_t n_slots,
			const struct settings *settings)
{
	struct drain *d = calloc(1, sizeof(*d) + n_slots * sizeof(d->bindings[0]));

	if (d) {
		d->c = c;
		d->settings = settings;
		d->n_slots = n_slots;
	}
	return d;
}

int drain_begin(struct drain *d, struct kernel *k, struct store *s, uint64_t now, uint64_t offset)
{
	d->k = k;
	d->s = s;
	d->offset = offset;
	if (watch_begin(&d->watch, d->c, k, s, &d->vms, d->settings->store.sizes.top, now + offset))
		return -1;
	d->watch.host.measures = d->settings->measure;
	if (d->settings->outlier_ns)
		d->log = event_log_open(d->settings->store_dir);
	d->roster = info_roster(s);
	return d->roster ? 0 : -1;
}

void drain_free(struct drain *d)
{
	if (!d)
		return;
	while (d->vms.vcpus)
		vms_remove(&d->vms, d->vms.vcpus);
	watch_free(&d->watch);
	event_log_close(d->log);
	roster_free(d->roster);
	free(d);
}

static struct span wall(const struct drain *d, uint64_t from, uint64_t to)
{
	return (struct span){ .from = from + d->offset, .to = to + d->offset };
}

static void add_parts(struct drain *d, struct binding *b, const struct rbpf_totals *totals,
		      uint64_t now)
{
	if (b->vcpu->vm->left_out)
		return;
	series_add_totals(&b->vcpu->series, d->s, &b->stored, totals, wall(d, b->parts_until, now),
			  d->offset);
	b->parts_until = now;
}

static void add_counts(struct drain *d, struct binding *b, const struct rbpf_slot *slot,
		       uint64_t now)
{
	if (b->vcpu->vm->left_out)
		return;
	series_add_slot(&b->vcpu->series, d->s, &b->stored, d->k, slot,
			wall(d, b->counts_until, now));
	if (b->reasons)
		vm_series_reasons(&b->vcpu->vm->series, d->s, d->k, slot,
				  (uint32_t)(b - d->bindings), &b->reasons->latency, b->reasons->ns,
				  tick_ended(d->s, now + d->offset));
	b->counts_until = now;
}

static void add_stats(struct drain *d, struct binding *b, const __u64 stat[RBPF_STATS],
		      uint64_t now)
{
	if (b->vcpu->vm->left_out)
		return;
	series_add_stats(&b->vcpu->series, d->s, &b->stored, stat, wall(d, now, now));
}

static void unbind(struct drain *d, struct binding *b, uint64_t now)
{
	struct vcpu *vcpu = b->vcpu;

	free(b->reasons);
	b->reasons = NULL;
	b->vcpu = NULL;
	watch_vcpu(vcpu);
	if (--vcpu->slots)
		return;
	log_debug("VM %s: vCPU %d ends", vcpu->vm->instance, vcpu->id);
	series_vcpu_end(&vcpu->series, d->s, now + d->offset);
	if (vcpu->vm->n_vcpus == 1) {
		watch_vm_end(&d->watch, vcpu->vm, now + d->offset);
		info_end(vcpu->vm, d->roster, d->s, now + d->offset);
	}
	vms_remove(&d->vms, vcpu);
}

static bool bind(struct drain *d, uint32_t n, const struct rbpf_birth *birth, size_t size);

/* Takes a DEAD slot's final totals and frees it. */
static void finish(struct drain *d, uint32_t n)
{
	struct rbpf_slot *slot = kernel_slot(d->k, n);
	struct binding *b = &d->bindings[n];
	uint64_t now = slot->t0;

	if (!b->vcpu && !bind(d, n, NULL, 0)) {
		d->unattributed++;
	} else {
		log_debug("VM %s: vCPU %d, thread %u: %" PRIu64 " exits, %" PRIu64
			  " to userspace, %" PRIu64 " late, %" PRIu64 " preemptions, %" PRIu64
			  " migrations",
			  b->vcpu->vm->instance, b->vcpu->id, slot->tid,
			  (uint64_t)slot->totals.exits, (uint64_t)slot->totals.user_exits,
			  (uint64_t)slot->totals.late_exits, (uint64_t)slot->totals.preemptions,
			  (uint64_t)slot->totals.migrations);
		if (now > b->parts_until)
			add_parts(d, b, &slot->totals, now);
		else
			add_parts(d, b, &slot->totals, b->parts_until);
		add_counts(d, b, slot, now > b->counts_until ? now : b->counts_until);
		add_stats(d, b, slot->stat_end, now);
		unbind(d, b, now);
	}
	kernel_free_slot(d->k, n);
}

/* Those that are bound: it is called while one is being bound. */
static void finish_dead(struct drain *d)
{
	uint32_t n;

	for (n = 0; n < d->n_slots; n++)
		if (d->bindings[n].vcpu && kernel_load(kernel_slot(d->k, n)->state) == RBPF_DEAD)
			finish(d, n);
}

static struct vm *meet_vm(struct drain *d, const struct rbpf_slot *slot,
			  const struct rbpf_birth *birth)
{
	struct vm *vm = vms_find(&d->vms, slot->tgid, slot->start, slot->kvm);
	struct identity id;

	if (vm)
		return vm;
	naming_find(slot->tgid, slot->start, birth, &id);
	/* A VM that was started anew at once may come before we took note of the old one's end. */
	vm = vms_named(&d->vms, id.name);
	if (vm && !proc_is(vm->tgid, vm->start))
		finish_dead(d);
	vm = vms_add(&d->vms, slot->tgid, slot->start, slot->kvm);
	if (!vm)
		return NULL;
	vm->id = id;
	vm->left_out = !filter_takes(d->settings->filter, id.name);
	info_begin(vm, d->roster, d->s, slot->born + d->offset);
	watch_vm_begin(&d->watch, vm, slot->tid);
	return vm;
}

/* Finds out whose slot it is. False: not known yet. birth: NULL, or its record of size bytes. */
static bool bind(struct drain *d, uint32_t n, const struct rbpf_birth *birth, size_t size)
{
	struct rbpf_slot *slot = kernel_slot(d->k, n);
	struct binding *b = &d->bindings[n];
	struct vcpu *vcpu;
	struct vm *vm;
	bool is_new;

	if (birth && (size < sizeof(*birth) || birth->cmdline_len > RBPF_CMDLINE))
		birth = NULL;
	if ((int32_t)kernel_load(slot->vcpu_id) < 0)
		return false;
	vm = meet_vm(d, slot, birth);
	if (!vm)
		return false;
	vcpu = vms_vcpu(&d->vms, vm, slot->vcpu_id, &is_new);
	if (!vcpu)
		return false;
	if (is_new) {
		log_debug("VM %s: vCPU %d, thread %u", vm->instance, vcpu->id, slot->tid);
		if (!vm->left_out)
			series_vcpu_begin(&vcpu->series, d->s, d->c, vm->instance, vcpu->id);
	}
	vcpu->slots++;
	*b = (struct binding){
		.vcpu = vcpu,
		.gen = slot->gen,
		.parts_until = slot->born,
		.counts_until = slot->born,
	};
	memcpy(b->stored.stat, slot->stat_begin, sizeof(b->stored.stat));
	if (kernel_reason_latency(d->k, n))
		b->reasons = calloc(1, sizeof(*b->reasons));
	return true;
}

/* Is the slot bound, as of this generation? Binds it where that can be done. */
static struct binding *bound(struct drain *d, uint32_t n, const struct rbpf_birth *birth,
			     size_t size)
{
	struct binding *b = &d->bindings[n];

	if (b->vcpu && b->gen == kernel_slot(d->k, n)->gen)
		return b;
	return bind(d, n, birth, size) ? b : NULL;
}

static void log_outlier(struct drain *d, const struct binding *b, const struct rbpf_slot *slot,
			const struct rbpf_outlier *r)
{
	char buffer[REASON_MAX];
	struct event_line line = {
		.wall_ns = r->head.now + d->offset,
		.vm = b->vcpu->vm->instance,
		.vcpu = b->vcpu->id,
		.event = r->what == RBPF_OUTLIER_EXIT ? "exit" : "steal",
		.ns = r->ns,
		.cpu = r->cpu,
	};

	if (!d->log || b->vcpu->vm->left_out)
		return;
	if (r->what == RBPF_OUTLIER_EXIT)
		line.reason =
			reason_exit(kernel_load(slot->isa), kernel_reason(d->k, r->reason), buffer);
	event_log_add(d->log, &line);
}

void drain_record(void *ctx, const struct rbpf_head *head, size_t size)
{
	struct drain *d = ctx;
	struct rbpf_slot *slot = kernel_slot(d->k, head->slot);
	const struct rbpf_record *record = (const void *)head;
	const struct rbpf_stat_record *stats = (const void *)head;
	uint32_t state = kernel_load(slot->state);
	struct binding *b;

	/* Of a slot that was freed meanwhile: its final totals have been taken. */
	if (head->gen != slot->gen || state == RBPF_FREE)
		return;
	b = bound(d, head->slot, head->kind == RBPF_BIRTH ? (const void *)head : NULL, size);
	switch (head->kind) {
	case RBPF_TICK:
	case RBPF_FLUSH:
		if (b && size >= sizeof(*record) && head->now > b->parts_until)
			add_parts(d, b, &record->totals, head->now);
		break;
	case RBPF_STATS_NOW:
		if (b && size >= sizeof(*stats))
			add_stats(d, b, stats->stat, head->now);
		break;
	case RBPF_OUTLIER:
		if (b && size >= sizeof(struct rbpf_outlier))
			log_outlier(d, b, slot, (const void *)head);
		break;
	case RBPF_DEATH:
		/* Else it is just dying, and the next tick finds it. */
		if (state == RBPF_DEAD)
			finish(d, head->slot);
		break;
	}
}

static void watch(struct drain *d, uint64_t now)
{
	uint64_t lost[LOST_NR] = {
		[LOST_UNATTRIBUTED] = d->unattributed,
		[LOST_STORE_FULL] = store_full(d->s),
		[LOST_STORE_REFUSED] = store_refused(d->s),
		[LOST_EVENT_LOG] = event_log_lost(d->log),
	};
	unsigned int i;

	for (i = 0; i < RBPF_LOST_NR; i++)
		lost[i] = kernel_lost(d->k, i);
	watch_tick(&d->watch, lost, now + d->offset);
}

/* A slot that lives, at the end of a tick. */
static void tick_slot(struct drain *d, uint32_t n, uint64_t now)
{
	struct rbpf_slot *slot = kernel_slot(d->k, n);
	struct binding *b = bound(d, n, NULL, 0);

	if (!b || b->vcpu->vm->left_out)
		return;
	if (now > b->counts_until)
		add_counts(d, b, slot, now);
	series_vcpu_tick(&b->vcpu->series, d->s, slot, now, now + d->offset);
	watch_vcpu(b->vcpu);
	watch_cpu(b->vcpu->vm, slot, now);
}

void drain_tick(struct drain *d, uint64_t now, uint64_t offset)
{
	uint32_t n, state;
	struct vm *vm;
	int err;

	d->offset = offset;
	event_log_flush(d->log);
	kernel_set_wall_offset(d->k, offset);
	err = kernel_flush(d->k);
	if (err)
		log_debug("flush: %s", strerror(-err));
	kernel_consume(d->k);
	for (vm = d->vms.vms; vm; vm = vm->next)
		cpu_times_reset(&vm->cpus);
	for (n = 0; n < d->n_slots; n++) {
		state = kernel_load(kernel_slot(d->k, n)->state);
		if (state == RBPF_DEAD) {
			finish(d, n);
		} else if (state == RBPF_LIVE) {
			tick_slot(d, n, now);
		}
	}
	watch(d, now);
	for (vm = d->vms.vms; vm; vm = vm->next)
		info_tick(vm, d->s, now + offset);
	if (++d->ticks == SWEEP_TICK)
		sweep_stale(d->s, &d->vms, now + offset);
	store_tick(d->s, now + offset);
}
