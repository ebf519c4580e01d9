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

/* What the scheduler says of a thread right now, read from another CPU. */
struct waiting {
	u64 queued;  /* since when it waits, 0 if it does not; sched_clock */
	u64 arrival; /* when it was switched to last; sched_clock */
	u64 delay;
};

/* An open wait. It is nobody's yet; but as long as it lasts it may be the longest. */
static __always_inline void add_wait(struct rbpf_totals *t, u64 ns, u64 now)
{
	t->part[RBPF_STEAL] += ns;
	if (ns > t->wait.ns || (s64)(now - t->wait.at) > (s64)tick_ns) {
		t->wait.ns = ns;
		t->wait.at = now;
	}
}

/* The open interval of a thread that is off the CPU. */
static __always_inline void add_off(const struct rbpf_slot *s, struct rbpf_totals *t,
				    const struct waiting *w, u64 now)
{
	u32 part = s->off == RBPF_B_HALT ? RBPF_HALTED : RBPF_BLOCKED;
	u64 open = now - s->t0, queued = w->queued + s->clock;

	if (s->off == RBPF_PREEMPTED) {
		add_wait(t, surely(open, open), now);
		return;
	}
	if (w->queued && s->clock) {
		/* Already woken. */
		if ((s64)(queued - s->t0) < 0)
			queued = s->t0;
		if ((s64)(now - queued) > 0)
			open = queued - s->t0;
		add_wait(t, surely(now - queued, now - s->clock_at), now);
	}
	t->part[bounded(part, RBPF_PARTS)] += open;
}

/*
 * Adds what is open at now. False: it is just changing. A thread of which we think that it is off, but
 * which has been switched to since, is on: the switch was lost.
 */
static __always_inline bool add_open(const struct rbpf_slot *s, struct rbpf_totals *t, u64 now)
{
	struct task_struct *task = (void *)s->task;
	struct waiting w = {
		.queued = BPF_CORE_READ(task, sched_info.last_queued),
		.arrival = BPF_CORE_READ(task, sched_info.last_arrival),
		.delay = BPF_CORE_READ(task, sched_info.run_delay),
	};
	u64 since = s->t0, off_ns = s->off_ns, waited = w.delay - s->delay, rest;
	u32 why = s->why, part = s->mode;
	bool pending = s->pending;

	if ((u32)BPF_CORE_READ(task, pid) != s->tid)
		return false; /* it has just gone, and its memory is another's */
	if ((s64)(now - s->t0) < 0)
		return false;
	if (s->off != RBPF_ON) {
		since = w.arrival + s->clock;
		if (!s->clock || (s64)(since - s->t0) < (s64)ARRIVING_NS) {
			add_off(s, t, &w, now);
			return true;
		}
		if (w.queued || (s64)(now - since) < 0)
			return false;
		off_ns = since - s->t0;
		why = s->off;
		pending = true;
	}
	if (pending) {
		if (now - since < ARRIVING_NS)
			return false;
		rest = off_ns - waited;
		if (why != RBPF_PREEMPTED && (s64)rest >= 0)
			part = why == RBPF_B_HALT ? RBPF_HALTED : RBPF_BLOCKED;
		t->part[bounded(part, RBPF_PARTS)] += rest;
		t->part[RBPF_STEAL] += waited;
	}
	t->part[bounded(s->mode, RBPF_PARTS)] += now - since;
	return true;
}

static __always_inline void flush_stats(const struct rbpf_slot *s, u32 number)
{
	struct rbpf_stat_record *r;

	if (!slot_has_vcpu(s))
		return;
	r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
	if (!r) {
		lose(RBPF_LOST_RING_FULL);
		return;
	}
	head_fill(&r->head, RBPF_STATS_NOW, number, s->gen, bpf_ktime_get_ns());
	vcpu_stats((void *)s->vcpu, r->stat);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

static long flush_slot(void *map, u32 *key, struct rbpf_slot *s, void *ctx)
{
	struct rbpf_record *r;
	u64 seq;

	(void)map;
	(void)ctx;
	if (s->state != RBPF_LIVE)
		return 0;
	flush_stats(s, *key);
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
		s->off = !task->__state        ? RBPF_PREEMPTED
			 : vcpu_blocking(vcpu) ? RBPF_B_HALT
					       : RBPF_B_OTHER;
	if (__sync_val_compare_and_swap(&thread->slot1, 0, number + 1)) {
		bpf_map_push_elem(&free_slots, &number, BPF_ANY);
		return;
	}
	slot_publish(s);
	emit_birth(s, number, task, false);
}

/* Threads of the processes that hold VMs, and the host's threads that are named after one (vhost). */
static __always_inline void report_thread(struct seq_file *seq, struct task_struct *task)
{
	struct rbpf_thread t = { .tgid = task->tgid, .tid = task->pid };
	u32 number;

	t.kthread = (task->flags & PF_KTHREAD) != 0;
	__builtin_memcpy(t.comm, task->comm, sizeof(t.comm));
	if (t.kthread ? t.comm[0] != 'v' || t.comm[1] != 'h' || t.comm[5] != '-'
		      : !bpf_map_lookup_elem(&vm_processes, &t.tgid))
		return;
	if (may_be_vcpu(t.tid) && slot_find(task, &number))
		return; /* a vCPU: its slot says more */
	t.cpu_ns = task->se.sum_exec_runtime;
	t.delay_ns = task->sched_info.run_delay;
	bpf_seq_write(seq, &t, sizeof(t));
}

#endif /* RONDO_FLUSH_BPF_H */
