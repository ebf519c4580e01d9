// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * probe.bpf.c - what this kernel can tell about a vCPU, found by watching one
 *
 * Userspace runs a VM of one instruction under these programs, which count its events and keep its
 * last exit's reason. Nothing else is measured. A program that does not load here is left out by
 * userspace one by one, so each tells about itself alone.
 */
#include "kvm_compat.bpf.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u32 target; /* the VM's process */
__u64 events[RBPF_EVENT_NR];
__u32 last_isa;
__u32 last_reason; /* folded */
__u32 types;       /* bits of enum rbpf_type */

static __always_inline bool ours(void)
{
	return target && bpf_get_current_pid_tgid() >> 32 == target;
}

static __always_inline void count(u32 event)
{
	if (event < RBPF_EVENT_NR)
		__sync_fetch_and_add(&events[event], 1);
}

SEC("raw_tp/kvm_entry")
int probe_entry(struct bpf_raw_tracepoint_args *ctx)
{
	if (ours())
		count(RBPF_EVENT_ENTRY);
	return 0;
}

SEC("raw_tp/kvm_exit")
int probe_exit(struct bpf_raw_tracepoint_args *ctx)
{
	if (!ours())
		return 0;
	count(RBPF_EVENT_EXIT);
	last_isa = exit_isa(ctx);
	last_reason = exit_reason(ctx);
	return 0;
}

SEC("tp_btf/kvm_fpu")
int BPF_PROG(probe_fpu, int load)
{
	if (load && ours())
		count(RBPF_EVENT_FPU);
	return 0;
}

SEC("tp_btf/kvm_userspace_exit")
int BPF_PROG(probe_user_exit, u32 reason, int error)
{
	if (ours())
		count(RBPF_EVENT_USER_EXIT);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(probe_switch, bool preempt, struct task_struct *prev)
{
	if (target && (u32)prev->tgid == target)
		count(RBPF_EVENT_SWITCH);
	return 0;
}

SEC("syscall")
int probe_types(void *ctx)
{
	types = known_types();
	return 0;
}
