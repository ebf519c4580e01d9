/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * flush.bpf.h - reporting the vCPUs that are in the middle of something, and those that ran before us
 *
 * The flush runs on another CPU than the vCPU and writes no slot: what it adds for the interval that
 * is still open goes into the record alone. It must never add more steal than the scheduler
 * will, or the stored total could not be right in the end; so open waits are cut by what clocks may
 * drift apart, and a slot that moves meanwhile is left to its own record.
 */
#ifndef RONDO_FLUSH_BPF_H
#define RONDO_FLUSH_BPF_H

#include "slot.bpf.h"
#include "transitions.bpf.h"

#define ARRIVING_NS 100000ull /* after a switch, until run_delay is surely up to date */
#define MARGIN_NS   20000ull

/* A wait that has lasted for open ns by the clock, since the clocks were compared drift ns ago. */
static __always_inline u64 surely(u64 open, u64 drift)
{
	u64 cut = drift / 1024 + MARGIN_NS;

	return (s64)open > 0 && open > cut ? open - cut : 0;
}

/* Adds what is open at now. False: it is just changing. */
static __always_inline bool add_open(const struct rbpf_slot *s, struct rbpf_totals *t, u64 now)
{
	struct task_struct *task = (void *)s->task;
	u64 queued = BPF_CORE_READ(task, sched_info.last_queued);
	u64 delay = BPF_CORE_READ(task, sched_info.run_delay);
	u64 open = now - s->t0, waited, rest;
	u32 part, mode = bounded(s->mode, RBPF_PARTS);

	if ((u32)BPF_CORE_READ(task, pid) != s->tid)
		return false; /* it has just gone, and its memory is another's */
	if ((s64)open < 0)
		return false;
	if (s->off == RBPF_PREEMPTED) {
		t->part[RBPF_STEAL] += surely(open, open);
		return true;
	}
	if (s->off != RBPF_ON) {
		part = s->off == RBPF_B_HALT ? RBPF_HALTED : RBPF_BLOCKED;
		if (queued && s->clock) {
			queued += s->clock;
			if ((s64)(queued - s->t0) < 0)
				queued = s->t0;
			t->part[RBPF_STEAL] += surely(now - queued, now - s->clock_at);
			open = (s64)(now - queued) > 0 ? queued - s->t0 : open;
		}
		t->part[bounded(part, RBPF_PARTS)] += open;
		return true;
	}
	waited = delay - s->delay;
	if (s->pending) {
		if (open < ARRIVING_NS)
			return false;
		rest = s->off_ns - waited;
		part = mode;
		if (s->why != RBPF_PREEMPTED && (s64)rest >= 0)
			part = s->why == RBPF_B_HALT ? RBPF_HALTED : RBPF_BLOCKED;
		t->part[bounded(part, RBPF_PARTS)] += rest;
		t->part[RBPF_STEAL] += waited;
	}
	t->part[bounded(mode, RBPF_PARTS)] += open;
	return true;
}

static long flush_slot(void *map, u32 *key, struct rbpf_slot *s, void *ctx)
{
	struct rbpf_record *r;
	u64 seq;

	(void)map;
	(void)ctx;
	if (s->state != RBPF_LIVE)
		return 0;
	r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) {
		lose(RBPF_LOST_RING_FULL);
		return 0;
	}
	seq = *(volatile u64 *)&s->seq;
	barrier();
	head_fill(&r->head, RBPF_FLUSH, *key, s->gen, bpf_ktime_get_ns());
	r->totals = s->totals;
	if (!(seq & 1) && add_open(s, &r->totals, r->head.now)) {
		barrier();
		if (*(volatile u64 *)&s->seq == seq) {
			bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
			return 0;
		}
	}
	bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline void flush_all(void)
{
	bpf_for_each_map_elem(&slots, flush_slot, NULL, 0);
}

/* A thread that has a vCPU loaded and that no event has shown us yet. */
static __always_inline void seed(struct task_struct *task)
{
	struct kvm_vcpu *vcpu = task_vcpu(task);
	u64 now = bpf_ktime_get_ns();
	struct thread_slot *thread;
	struct rbpf_slot *s;
	u32 number;

	if (!vcpu)
		return;
	thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		lose(RBPF_LOST_STORAGE);
		return;
	}
	if (thread->slot1)
		return;
	s = slot_take(task, vcpu, kernel_mode(), now, &number);
	if (!s)
		return;
	s->late = 1; /* it may be in the guest */
	if (!task->on_cpu)
		s->off = !task->__state	     ? RBPF_PREEMPTED :
			 vcpu_blocking(vcpu) ? RBPF_B_HALT :
					       RBPF_B_OTHER;
	if (__sync_val_compare_and_swap(&thread->slot1, 0, number + 1)) {
		bpf_map_push_elem(&free_slots, &number, BPF_ANY);
		return;
	}
	slot_publish(s);
	emit_birth(s, number, task, false);
}

#endif /* RONDO_FLUSH_BPF_H */
