// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * rondo.bpf.c - the collector's programs: what they are attached to, and nothing else
 *
 * Measured, per vCPU thread of every KVM VM: the parts that its wall time is made of,
 *
 *	wall = guest + exit handling in the kernel + VMM + halted + steal + blocked,
 *
 * and its exits by reason. transitions.bpf.h is the state machine, slot.bpf.h the arithmetic,
 * culprit.bpf.h who stole,
 * latency.bpf.h the histograms, flush.bpf.h what is reported from outside, kvm_compat.bpf.h what differs between kernels. Totals
 * are in slots that userspace maps; records in a ring tell it when to look.
 *
 * Not seen: what the host's interrupts take out of guest time; threads that have not run a vCPU
 * since we started, until they do; exits that KVM handles without a tracepoint (their re-entries
 * are counted).
 */
#include "flush.bpf.h"
#include "transitions.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

SEC("raw_tp/kvm_entry")
int on_entry(struct bpf_raw_tracepoint_args *ctx)
{
	handle_entry(entry_vcpu(ctx));
	return 0;
}

SEC("raw_tp/kvm_exit")
int on_exit(struct bpf_raw_tracepoint_args *ctx)
{
	handle_exit(exit_vcpu(ctx), exit_isa(ctx), exit_reason(ctx));
	return 0;
}

SEC("tp_btf/kvm_userspace_exit")
int BPF_PROG(on_userspace_exit, u32 reason, int error)
{
	handle_user_exit(reason, error);
	return 0;
}

/* x86 only. */
SEC("tp_btf/kvm_fpu")
int BPF_PROG(on_fpu, int load)
{
	if (load)
		handle_fpu_load();
	return 0;
}

SEC("tp_btf/kvm_vcpu_wakeup")
int BPF_PROG(on_wakeup, u64 ns, bool waited, bool valid)
{
	handle_wakeup();
	return 0;
}

/* prev_state is an argument, in this place, since 5.19. */
SEC("tp_btf/sched_switch")
int BPF_PROG(on_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
	     unsigned int prev_state)
{
	run_remember(prev, next);
	if (may_be_vcpu(prev->pid))
		handle_switch_out(prev, preempt, prev_state);
	if (may_be_vcpu(next->pid))
		handle_switch_in(next);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_thread_exit, struct task_struct *task)
{
	handle_thread_exit(task);
	return 0;
}

/* Run by userspace, once per tick. */
SEC("syscall")
int flush(void *ctx)
{
	flush_all();
	return 0;
}

/* Read by userspace, once, after all is attached. */
SEC("iter/task")
int seed_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		seed(task);
	return 0;
}

/* Read by userspace, once per tick. */
SEC("iter/task")
int report_threads(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		report_thread(ctx->meta->seq, task);
	return 0;
}
