// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * drain.c - from slots and records to the store
 */
#include "drain.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "info.h"
#include "log.h"
#include "naming.h"
#include "proc.h"
#include "sweep.h"
#include "vms.h"

#define SWEEP_TICK 3 /* by then all VMs that live have been met */

/* What we know of a slot, as long as it is one vCPU's. */
struct binding {
	struct vcpu *vcpu; /* NULL: the slot is free, or nobody's yet */
	uint32_t gen;
	uint64_t parts_until; /* CLOCK_MONOTONIC, as all times here */
	uint64_t counts_until;
	struct stored stored;
};

struct drain {
	const struct capabilities *c;
	const struct settings *settings;
	struct kernel *k;
	struct store *s;
	struct vms vms;
	struct roster *roster;
	struct lost_series lost;
	uint64_t unattributed;
	uint64_t lost_until;
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
	d->lost_until = now;
	series_lost_begin(&d->lost, s);
	d->roster = info_roster(s);
	return d->roster ? 0 : -1;
}

void drain_free(struct drain *d)
{
	if (!d)
		return;
	while (d->vms.vcpus)
		vms_remove(&d->vms, d->vms.vcpus);
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
	series_add_parts(&b->vcpu->series, d->s, &b->stored, totals, wall(d, b->parts_until, now));
	b->parts_until = now;
}

static void add_counts(struct drain *d, struct binding *b, const struct rbpf_slot *slot,
		       uint64_t now)
{
	if (b->vcpu->vm->left_out)
		return;
	series_add_counts(&b->vcpu->series, d->s, &b->stored, slot, wall(d, b->counts_until, now));
	b->counts_until = now;
}

static void unbind(struct drain *d, struct binding *b, uint64_t now)
{
	struct vcpu *vcpu = b->vcpu;

	b->vcpu = NULL;
	if (--vcpu->slots)
		return;
	log_debug("VM %s: vCPU %d ends", vcpu->vm->instance, vcpu->id);
	series_vcpu_end(&vcpu->series, d->s, now + d->offset);
	if (vcpu->vm->n_vcpus == 1)
		info_end(vcpu->vm, d->roster, d->s, now + d->offset);
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

void drain_record(void *ctx, const struct rbpf_head *head, size_t size)
{
	struct drain *d = ctx;
	struct rbpf_slot *slot = kernel_slot(d->k, head->slot);
	const struct rbpf_record *record = (const void *)head;
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
	case RBPF_DEATH:
		/* Else it is just dying, and the next tick finds it. */
		if (state == RBPF_DEAD)
			finish(d, head->slot);
		break;
	}
}

static void add_lost(struct drain *d, uint64_t now)
{
	uint64_t totals[LOST_NR] = {
		[LOST_UNATTRIBUTED] = d->unattributed,
		[LOST_STORE_FULL] = store_full(d->s),
		[LOST_STORE_REFUSED] = store_refused(d->s),
	};
	unsigned int i;

	for (i = 0; i < RBPF_LOST_NR; i++)
		totals[i] = kernel_lost(d->k, i);
	series_add_lost(&d->lost, d->s, totals, wall(d, d->lost_until, now));
	d->lost_until = now;
}

void drain_tick(struct drain *d, uint64_t now, uint64_t offset)
{
	struct rbpf_slot *slot;
	struct binding *b;
	uint32_t n, state;
	struct vm *vm;
	int err;

	d->offset = offset;
	kernel_set_wall_offset(d->k, offset);
	err = kernel_flush(d->k);
	if (err)
		log_debug("flush: %s", strerror(-err));
	kernel_consume(d->k);
	for (n = 0; n < d->n_slots; n++) {
		slot = kernel_slot(d->k, n);
		state = kernel_load(slot->state);
		if (state == RBPF_DEAD) {
			finish(d, n);
		} else if (state == RBPF_LIVE) {
			b = bound(d, n, NULL, 0);
			if (b && now > b->counts_until)
				add_counts(d, b, slot, now);
		}
	}
	for (vm = d->vms.vms; vm; vm = vm->next)
		info_tick(vm, d->s, now + offset);
	if (++d->ticks == SWEEP_TICK)
		sweep_stale(d->s, &d->vms, now + offset);
	add_lost(d, now);
	store_tick(d->s, now + offset);
}
