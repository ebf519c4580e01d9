/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * slot.bpf.h - the life of a slot: taking one, reporting it, closing its open interval
 *
 * Which event leads to which mode is transitions.bpf.h's.
 */
#ifndef RONDO_SLOT_BPF_H
#define RONDO_SLOT_BPF_H

#include "birth.bpf.h"
#include "culprit.bpf.h"
#include "latency.bpf.h"
#include "outlier.bpf.h"

#define RETRY_NS 1000000000ull /* after there was no free slot */

/* Ends of an update. begin is false in the middle of another one, which a switch can interrupt. */
static __always_inline bool slot_begin(struct rbpf_slot *s)
{
	if (s->seq & 1) {
		lose(RBPF_LOST_NESTED);
		return false;
	}
	seq_advance(&s->seq);
	return true;
}

static __always_inline void slot_end(struct rbpf_slot *s)
{
	seq_advance(&s->seq);
}

static __always_inline void head_fill(struct rbpf_head *head, u32 kind, u32 number, u32 gen,
				      u64 now)
{
	head->kind = kind;
	head->slot = number;
	head->gen = gen;
	head->pad = 0;
	head->now = now;
}

/* Totals as they were when the slot was closed last. */
static __always_inline void emit(struct rbpf_slot *s, u32 number, u32 kind)
{
	struct rbpf_record *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	if (!r) {
		lose(RBPF_LOST_RING_FULL);
		return;
	}
	head_fill(&r->head, kind, number, s->gen, s->pending ? s->t0 - s->off_ns : s->t0);
	r->totals = s->totals;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* own: task is the current thread, so its memory can be read. */
static __always_inline void emit_birth(struct rbpf_slot *s, u32 number, struct task_struct *task,
				       bool own)
{
	struct rbpf_birth *r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);

	if (!r) {
		lose(RBPF_LOST_RING_FULL);
		return;
	}
	head_fill(&r->head, RBPF_BIRTH, number, s->gen, s->born);
	birth_fill(r, task, own);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

static __always_inline u64 tick_end_after(u64 now)
{
	u64 wall = now + wall_offset;

	return now + tick_ns - wall % tick_ns;
}

/* A free slot that becomes this thread's, on a CPU, in the given mode; not published yet. */
static __always_inline struct rbpf_slot *slot_take(struct task_struct *task, struct kvm_vcpu *vcpu,
						   u32 mode, u64 now, u32 *number)
{
	struct rbpf_slot *s;
	u32 n;

	if (bpf_map_pop_elem(&free_slots, &n)) {
		lose(RBPF_LOST_SLOTS_FULL);
		return NULL;
	}
	s = bpf_map_lookup_elem(&slots, &n);
	if (!s)
		return NULL;
	*number = n;
	s->number = n;
	s->tid = BPF_CORE_READ(task, pid);
	s->tgid = BPF_CORE_READ(task, tgid);
	s->start = BPF_CORE_READ(task, group_leader, start_boottime);
	s->task = (u64)task;
	s->vcpu = (u64)vcpu;
	s->kvm = vcpu ? (u64)BPF_CORE_READ(vcpu, kvm) : 0;
	s->vcpu_id = vcpu ? BPF_CORE_READ(vcpu, vcpu_id) : -1;
	s->polled = vcpu_polled(vcpu);
	if (vcpu)
		vcpu_stats(vcpu, s->stat_begin);
	s->delay = BPF_CORE_READ(task, sched_info.run_delay);
	s->born = now;
	s->t0 = now;
	s->on_since = now;
	s->totals.last_entry = now;
	s->tick_end = tick_end_after(now);
	s->mode = mode;
	s->off = RBPF_ON;
	s->cpu = bpf_get_smp_processor_id();
	return s;
}

/* From here on the thread's events find it, and userspace sees it. */
static __always_inline void slot_publish(struct rbpf_slot *s)
{
	barrier();
	__sync_fetch_and_add(&s->state, RBPF_LIVE - RBPF_FREE);
	mark_vcpu(s->tid);
}

/* A wait that is over, in a piece: how long it was, and after what. */
static __always_inline void wait_done(struct rbpf_slot *s, u64 waited, u64 arrival)
{
	charge_wait(s, waited, arrival);
	longest(&s->totals.wait, s, waited, s->t0);
	outlier(s, RBPF_OUTLIER_WAIT, waited, s->t0);
	if (waited > RBPF_STALL_NS)
		s->totals.stalls++;
	if (s->why != RBPF_PREEMPTED) {
		s->wakeup[bounded(bucket(waited), RBPF_BUCKETS)]++;
		s->wakeup_ns += waited;
	}
}

/*
 * Brings the totals up to now. The thread is on a CPU. A wait that is over is settled here, at the
 * first event after it, when the scheduler has accounted it: run_delay says how much of the time
 * off the CPU was waiting, the rest was what it went off for.
 */
static __always_inline void slot_close(struct rbpf_slot *s, struct task_struct *task, u64 now)
{
	u64 delay = BPF_CORE_READ(task, sched_info.run_delay), arrival;
	u64 waited = delay - s->delay, rest;
	u32 to;

	s->delay = delay;
	s->totals.part[RBPF_STEAL] += waited;
	if (s->pending) {
		arrival = BPF_CORE_READ(task, sched_info.last_arrival);
		wait_done(s, waited, arrival);
		rest = s->off_ns - waited;
		to = s->mode;
		if (s->why != RBPF_PREEMPTED && (s64)rest >= 0)
			to = s->why == RBPF_B_HALT ? RBPF_HALTED : RBPF_BLOCKED;
		s->totals.part[bounded(to, RBPF_PARTS)] += rest;
		s->pending = 0;
		/* t0 is still the switch's time. */
		s->clock = s->t0 - arrival;
		s->clock_at = s->t0;
	} else if (waited) {
		s->totals.part[bounded(s->mode, RBPF_PARTS)] -= waited;
		s->totals.by[RBPF_BY_OTHER] += waited;
		s->exit_ns -= waited;
		s->totals.missed_switch++;
		lose(RBPF_LOST_MISSED_SWITCH);
	}
	s->totals.part[bounded(s->mode, RBPF_PARTS)] += now - s->t0;
	if (s->mode != RBPF_GUEST)
		s->exit_ns += now - s->t0;
	s->t0 = now;
}

/* Its time on this CPU, which it leaves. */
static __always_inline void slot_leave_cpu(struct rbpf_slot *s, u64 now)
{
	struct rbpf_cpu_key key = { .kvm = s->kvm, .tgid = s->tgid, .cpu = s->cpu };
	u64 ns = now - s->on_since, *total;

	s->on_since = now;
	if (!want_cpus || (s64)ns <= 0)
		return;
	total = bpf_map_lookup_elem(&cpu_times, &key);
	if (total)
		__sync_fetch_and_add(total, ns);
	else if (bpf_map_update_elem(&cpu_times, &key, &ns, BPF_NOEXIST))
		lose(RBPF_LOST_CPU_TIMES_FULL);
}

/*
 * The thread does something while we think that it is off: the switch was lost. The scheduler knows
 * when it was, on its own clock.
 */
static __always_inline void slot_on(struct rbpf_slot *s, struct task_struct *task, u64 now)
{
	u64 since = now;

	if (s->off == RBPF_ON)
		return;
	if (s->clock)
		since = BPF_CORE_READ(task, sched_info.last_arrival) + s->clock;
	if ((s64)(since - s->t0) < 0)
		since = s->t0;
	if ((s64)(now - since) < 0)
		since = now;
	s->off_ns = since - s->t0;
	s->why = s->off;
	s->pending = 1;
	s->off = RBPF_ON;
	s->queued = 0;
	s->on_since = since;
	s->t0 = since;
	s->totals.missed_switch++;
	lose(RBPF_LOST_MISSED_SWITCH);
}

/*
 * One record per tick at most, at the first event after its end, before that is accounted: what is in
 * the totals then is of the ticks before.
 */
static __always_inline void slot_tick(struct rbpf_slot *s, u32 number, u64 now)
{
	if ((s64)(now - s->tick_end) < 0)
		return;
	s->tick_end = tick_end_after(now);
	emit(s, number, RBPF_TICK);
}

/* Is the vCPU still the one that the slot has? Else its memory is another's. */
static __always_inline bool slot_has_vcpu(const struct rbpf_slot *s)
{
	struct kvm_vcpu *vcpu = (void *)s->vcpu;

	return vcpu && (u64)BPF_CORE_READ(vcpu, kvm) == s->kvm &&
	       BPF_CORE_READ(vcpu, vcpu_id) == s->vcpu_id;
}

static __always_inline void slot_die(struct rbpf_slot *s, u32 number)
{
	slot_leave_cpu(s, s->t0);
	if (slot_has_vcpu(s))
		vcpu_stats((void *)s->vcpu, s->stat_end);
	else
		__builtin_memcpy(s->stat_end, s->stat_begin, sizeof(s->stat_end));
	emit(s, number, RBPF_DEATH);
	barrier();
	__sync_fetch_and_add(&s->state, RBPF_DEAD - RBPF_LIVE);
}

/*
 * The slot of the current thread, which loads or runs this vCPU (NULL: not known which): the one it
 * has, or a new one. A thread that turns to another vCPU gets a new slot, and the old one ends.
 */
static __always_inline struct rbpf_slot *slot_current(struct kvm_vcpu *vcpu, u32 mode, u64 now,
						      u32 *number)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_slot *thread;
	struct rbpf_slot *s;

	if (!active)
		return NULL;
	thread = bpf_task_storage_get(&threads, task, 0, 0);
	if (!thread)
		thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		lose(RBPF_LOST_STORAGE);
		return NULL;
	}
	s = slot_at(thread->slot1);
	if (s) {
		*number = thread->slot1 - 1;
		if (!vcpu || s->vcpu == (u64)vcpu)
			return s;
		if (!slot_begin(s))
			return NULL;
		if (!s->vcpu) {
			s->vcpu = (u64)vcpu;
			s->kvm = (u64)BPF_CORE_READ(vcpu, kvm);
			s->polled = vcpu_polled(vcpu);
			vcpu_stats(vcpu, s->stat_begin);
			barrier();
			s->vcpu_id = BPF_CORE_READ(vcpu, vcpu_id);
			slot_end(s);
			return s;
		}
		slot_on(s, task, now);
		slot_tick(s, *number, now);
		slot_close(s, task, now);
		slot_end(s);
		thread->slot1 = 0;
		slot_die(s, *number);
	} else if (thread->retry_at > now) {
		lose(RBPF_LOST_SLOTS_FULL);
		return NULL;
	}
	s = slot_take(task, vcpu, mode, now, number);
	if (!s) {
		thread->retry_at = now + RETRY_NS;
		return NULL;
	}
	/* iter/task may be seeding this thread at the same time: the first one stays. */
	if (__sync_val_compare_and_swap(&thread->slot1, 0, *number + 1)) {
		bpf_map_push_elem(&free_slots, number, BPF_ANY);
		return NULL;
	}
	slot_publish(s);
	emit_birth(s, *number, task, true);
	return s;
}

#endif /* RONDO_SLOT_BPF_H */
