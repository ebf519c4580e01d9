/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * types.h - the kernel's types as far as bpf/ reads them
 *
 * Our own text: each struct has the fields that we read and no others, in any order; CO-RE finds
 * where they are in the kernel that runs (preserve_access_index). Names with ___ are other shapes
 * of the same type in other kernels. So a build needs no BTF of the build machine. No logic here.
 */
#ifndef RONDO_KERNEL_TYPES_H
#define RONDO_KERNEL_TYPES_H

#include <linux/bpf.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

/* Always there where KVM is: it selects SCHED_INFO. All in nanoseconds of sched_clock. */
struct sched_info {
	unsigned long long run_delay;
	unsigned long long last_arrival;
	unsigned long long last_queued;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct sched_entity {
	u64 sum_exec_runtime;
};

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	unsigned int __state;
	unsigned int flags;
	int on_cpu;
	u64 start_boottime;
	struct mm_struct *mm;
	struct task_struct *group_leader;
	struct sched_entity se;
	struct sched_info sched_info;
	struct hlist_head preempt_notifiers;
};

/* KVM */

struct preempt_notifier {
	struct hlist_node link;
};

struct kvm;

struct kvm_vcpu_stat_generic {
	u64 halt_poll_success_ns;
	u64 halt_poll_fail_ns;
	u64 halt_attempted_poll;
	u64 halt_wakeup;
	u64 blocking;
};

/* Of x86, then of arm64. */
struct kvm_vcpu_stat {
	struct kvm_vcpu_stat_generic generic;
	u64 exits;
	u64 io_exits;
	u64 mmio_exits;
	u64 irq_injections;
	u64 nmi_injections;
	u64 hypercalls;
	u64 pf_taken;

	u64 hvc_exit_stat;
	u64 mmio_exit_user;
	u64 mmio_exit_kernel;
};

struct kvm_vcpu {
	struct kvm *kvm;
	struct preempt_notifier preempt_notifier;
	int vcpu_id;
	struct kvm_vcpu_stat stat;
};

/* AMD: in the BTF of kvm_amd. */

struct vmcb_control_area {
	u32 exit_code;
};

struct vmcb {
	struct vmcb_control_area control;
};

struct vcpu_svm {
	struct vmcb *vmcb;
};

/* Intel: in the BTF of kvm_intel. */

union vmx_exit_reason {
	u32 full;
};

struct vcpu_vmx {
	union vmx_exit_reason exit_reason;
};

struct vcpu_vt {
	union vmx_exit_reason exit_reason;
};

struct vcpu_vmx___vt {
	struct vcpu_vt vt;
};

/* BPF iterators */

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

#pragma clang attribute pop

#endif /* RONDO_KERNEL_TYPES_H */
