/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * transitions.bpf.h - the state machine of a vCPU thread: one function per event
 *
 *   KVM_RUN    entry   exit        entry        exit    uexit      KVM_RUN
 *      |-KERNEL--|-GUEST-|--KERNEL----|---GUEST----|-KERNEL-|--USER----|-KERNEL- ...
 *                            ^    ^
 *             switched out __|    |__ switched in: PREEMPTED or asleep between, taken out of KERNEL
 *
 * Each function closes the slot (slot.bpf.h: time since the last event goes to the old mode), then
 * sets the new mode. Tracepoints' arguments are unpacked by rondo.bpf.c.
 */
#ifndef RONDO_TRANSITIONS_BPF_H
#define RONDO_TRANSITIONS_BPF_H

#include "slot.bpf.h"

#define EINTR        4
#define KVM_EXIT_HLT 5

static __always_inline u32 kernel_mode(void)
{
	return no_entry ? RBPF_RUN : RBPF_KERNEL;
}

/* The common begin of what happens in the thread's own context. False: not ours. */
static __always_inline bool event_begin(struct rbpf_slot *s, u32 number, u64 now)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if (!s || !slot_begin(s))
		return false;
	slot_on(s, task, now);
	slot_tick(s, number, now);
	slot_close(s, task, now);
	return true;
}

/* KVM_RUN has begun (x86; also in a few short ioctls, which the next switch corrects). */
static __always_inline void handle_fpu_load(void)
{
	u64 now = bpf_ktime_get_ns();
	struct kvm_vcpu *vcpu = task_vcpu(bpf_get_current_task_btf());
	u32 number = 0;
	struct rbpf_slot *s = slot_current(vcpu, kernel_mode(), now, &number);

	if (!event_begin(s, number, now))
		return;
	s->mode = kernel_mode();
	s->totals.last_entry = now;
	slot_end(s);
}

static __always_inline void handle_entry(struct kvm_vcpu *vcpu)
{
	u64 now = bpf_ktime_get_ns();
	u32 number = 0;
	struct rbpf_slot *s = slot_current(vcpu, RBPF_KERNEL, now, &number);

	if (!event_begin(s, number, now))
		return;
	if (s->mode == RBPF_GUEST)
		s->totals.reentries++;
	else if (s->exit_open)
		exit_done(s, number, now);
	s->mode = RBPF_GUEST;
	s->late = 0;
	s->totals.last_entry = now;
	slot_end(s);
}

static __always_inline void handle_exit(struct kvm_vcpu *vcpu, u32 isa, u32 code)
{
	u64 now = bpf_ktime_get_ns();
	u32 number = 0;
	struct rbpf_slot *s = slot_current(vcpu, RBPF_GUEST, now, &number);

	if (!event_begin(s, number, now))
		return;
	if (s->mode != RBPF_GUEST && !s->late) {
		s->totals.unmatched++;
		lose(RBPF_LOST_UNMATCHED);
	}
	s->late = 0;
	s->isa = isa;
	s->exit_open = 1;
	s->exit_ns = 0;
	s->exit_class = class_of[bounded(code, RBPF_EXITS)];
	s->exit_code = reason_number(code);
	s->reason[bounded(s->exit_code, RBPF_REASONS)]++;
	s->totals.class_exits[bounded(s->exit_class, RBPF_CLASSES)]++;
	s->totals.exits++;
	s->mode = RBPF_KERNEL;
	slot_end(s);
}

/* KVM_RUN returns: with a reason, or with an error. The vCPU is no longer loaded. */
static __always_inline void handle_user_exit(u32 reason, int error)
{
	u64 now = bpf_ktime_get_ns();
	u32 number = 0;
	struct rbpf_slot *s = slot_current(NULL, kernel_mode(), now, &number);

	if (!event_begin(s, number, now))
		return;
	if (error < 0)
		reason = error == -EINTR ? RBPF_USER_INTR : RBPF_USER_ERROR;
	else if (reason > RBPF_USER_OTHER)
		reason = RBPF_USER_OTHER;
	s->last_user = reason;
	s->user_exit[bounded(reason, RBPF_USER_EXITS)]++;
	s->totals.user_exits++;
	s->mode = RBPF_USER;
	slot_end(s);
}

/* A halt is over. What KVM polled before it slept was spent on the CPU, but belongs to the halt. */
static __always_inline void handle_wakeup(void)
{
	u64 now = bpf_ktime_get_ns(), polled;
	u32 number = 0;
	struct rbpf_slot *s = slot_find(bpf_get_current_task_btf(), &number);

	if (!event_begin(s, number, now))
		return;
	polled = vcpu_polled((void *)s->vcpu);
	s->totals.part[RBPF_HALTED] += polled - s->polled;
	s->totals.part[bounded(s->mode, RBPF_PARTS)] -= polled - s->polled;
	s->exit_ns -= polled - s->polled;
	s->polled = polled;
	slot_end(s);
}

static __always_inline void handle_switch_out(struct task_struct *task, bool preempt, u32 state)
{
	u64 now = bpf_ktime_get_ns();
	u32 number = 0;
	struct rbpf_slot *s = slot_find(task, &number);
	bool inside;

	if (!event_begin(s, number, now))
		return;
	slot_leave_cpu(s, now);
	inside = task_vcpu(task) != NULL;
	if (s->mode == RBPF_RUN && inside)
		s->totals.last_entry = now; /* it may have been in the guest until now */
	if (s->mode == RBPF_GUEST) {
		/* No guest runs while the scheduler does: its exit is traced later. */
		s->mode = RBPF_KERNEL;
		s->late = 1;
		s->totals.late_exits++;
	} else if (!inside && s->mode != RBPF_USER) {
		s->mode = RBPF_USER;
	}
	if (preempt || !state) {
		s->off = RBPF_PREEMPTED;
		s->totals.preemptions++;
	} else if (inside ? vcpu_blocking((void *)s->vcpu) : s->last_user == KVM_EXIT_HLT) {
		s->off = RBPF_B_HALT;
	} else {
		s->off = RBPF_B_OTHER;
	}
	slot_end(s);
}

/* run_delay is not read here: the scheduler adds this wait to it only after the tracepoint. */
static __always_inline void handle_switch_in(struct task_struct *task)
{
	u64 now = bpf_ktime_get_ns(), off_ns, queued;
	u32 number = 0, cpu = bpf_get_smp_processor_id();
	struct rbpf_slot *s = slot_find(task, &number);

	queued = task->sched_info.last_queued;
	if (!s || !slot_begin(s))
		return;
	off_ns = now - s->t0;
	if (s->off != RBPF_ON) {
		s->why = s->off;
		s->off = RBPF_ON;
	} else {
		/* It went off unseen; what was waiting will show in run_delay. */
		off_ns += s->pending ? s->off_ns : 0;
		s->why = s->pending ? s->why : RBPF_PREEMPTED;
		s->totals.missed_switch++;
		lose(RBPF_LOST_MISSED_SWITCH);
		queued = 0;
	}
	s->off_ns = off_ns;
	s->pending = 1;
	s->queued = queued;
	s->on_since = now;
	s->t0 = now;
	if (s->cpu != cpu) {
		s->cpu = cpu;
		s->totals.migrations++;
	}
	slot_end(s);
}

static __always_inline void handle_thread_exit(struct task_struct *task)
{
	u64 now = bpf_ktime_get_ns();
	u32 number = 0;
	struct rbpf_slot *s;

	if (!may_be_vcpu(task->pid))
		return;
	s = slot_find(task, &number);
	if (!event_begin(s, number, now))
		return;
	slot_end(s);
	bpf_task_storage_delete(&threads, task);
	slot_die(s, number);
}

#endif /* RONDO_TRANSITIONS_BPF_H */
