/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kvm_compat.bpf.h - all that depends on the kernel's version or architecture
 *
 * Every field of a module's type is read by BPF_CORE_READ: no verifier refuses that, and a type
 * that isn't there turns its branch into dead code. Knows nothing of slots.
 */
#ifndef RONDO_KVM_COMPAT_BPF_H
#define RONDO_KVM_COMPAT_BPF_H

#include "kernel/types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "rondo_event.h"

#define barrier() asm volatile("" ::: "memory")

/*
 * An index below size, a power of two. The empty statement keeps clang from proving that the mask
 * isn't needed: 6.1's verifier can't follow the proof.
 */
#define bounded(index, size)                                                                       \
	({                                                                                         \
		u32 index_ = (index);                                                              \
		asm volatile("" : "+r"(index_));                                                   \
		index_ &((size)-1);                                                                \
	})

/*
 * BPF has no fences. On x86 plain stores are seen in order; elsewhere an atomic operation that
 * returns a value is a full barrier.
 */
static __always_inline void seq_advance(u64 *seq)
{
#if defined(__TARGET_ARCH_x86)
	barrier();
	*(volatile u64 *)seq = *seq + 1;
	barrier();
#else
	__sync_fetch_and_add(seq, 1);
#endif
}

/* The vCPU that this thread has loaded: it is inside KVM_RUN (or a shorter ioctl), or NULL. */
static __always_inline struct kvm_vcpu *task_vcpu(struct task_struct *task)
{
	struct hlist_node *link = BPF_CORE_READ(task, preempt_notifiers.first);

	if (!link)
		return NULL;
	return (void *)link - bpf_core_field_offset(struct kvm_vcpu, preempt_notifier) -
	       bpf_core_field_offset(struct preempt_notifier, link);
}

/* x86: kvm_entry(vcpu, ...) since 5.16; arm64: kvm_entry(pc). */
static __always_inline struct kvm_vcpu *entry_vcpu(struct bpf_raw_tracepoint_args *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return (void *)ctx->args[0];
#else
	return task_vcpu(bpf_get_current_task_btf());
#endif
}

/* x86: kvm_exit(vcpu, isa) since 5.16; arm64: kvm_exit(ret, esr_ec, pc). */
static __always_inline struct kvm_vcpu *exit_vcpu(struct bpf_raw_tracepoint_args *ctx)
{
	return entry_vcpu(ctx);
}

static __always_inline u32 exit_isa(struct bpf_raw_tracepoint_args *ctx)
{
#if defined(__TARGET_ARCH_x86)
	return (u32)ctx->args[1];
#else
	return RBPF_ISA_ARM;
#endif
}

static __always_inline u32 fold_svm(u32 code)
{
	if (code < RBPF_SVM_FOLD)
		return code;
	if (code >= RBPF_SVM_HIGH && code < RBPF_SVM_HIGH + 16)
		return RBPF_SVM_FOLD + (code - RBPF_SVM_HIGH);
	return code == (u32)-1 ? RBPF_EXIT_INVAL : RBPF_EXIT_OTHER;
}

/* The exit's reason, folded: an index below RBPF_EXITS. */
static __always_inline u32 exit_reason(struct bpf_raw_tracepoint_args *ctx)
{
#if defined(__TARGET_ARCH_x86)
	void *vcpu = (void *)ctx->args[0];
	u32 isa = (u32)ctx->args[1], code;

	if (isa == RBPF_ISA_SVM && bpf_core_type_exists(struct vcpu_svm))
		return fold_svm(BPF_CORE_READ((struct vcpu_svm *)vcpu, vmcb, control.exit_code));
	if (isa != RBPF_ISA_VMX)
		return RBPF_EXIT_OTHER;
	/* Since 6.16 the reason is in a part that VMX shares with TDX. */
	if (bpf_core_field_exists(((struct vcpu_vmx *)0)->exit_reason))
		code = BPF_CORE_READ((struct vcpu_vmx *)vcpu, exit_reason.full);
	else if (bpf_core_field_exists(((struct vcpu_vmx___vt *)0)->vt))
		code = BPF_CORE_READ((struct vcpu_vmx___vt *)vcpu, vt.exit_reason.full);
	else
		return RBPF_EXIT_OTHER;
	code &= 0xffff;
	return code < RBPF_SVM_FOLD ? code : RBPF_EXIT_OTHER;
#else
	u32 ret = (u32)ctx->args[0] & 0x7fffffff; /* without "an SError is pending" */

	if (ret == 2) /* ARM_EXCEPTION_TRAP */
		return (u32)ctx->args[1] & 0x3f;
	return ret < RBPF_ARM_FOLD ? RBPF_ARM_FOLD + ret : RBPF_EXIT_OTHER;
#endif
}

/* Asleep in HLT or WFI inside KVM_RUN. In kvm_vcpu_stat_generic since 5.16. */
static __always_inline bool vcpu_blocking(struct kvm_vcpu *vcpu)
{
	if (!vcpu || !bpf_core_field_exists(((struct kvm_vcpu_stat_generic *)0)->blocking))
		return false;
	return BPF_CORE_READ(vcpu, stat.generic.blocking) != 0;
}

static __always_inline u64 vcpu_polled(struct kvm_vcpu *vcpu)
{
	if (!vcpu ||
	    !bpf_core_field_exists(((struct kvm_vcpu_stat_generic *)0)->halt_poll_success_ns))
		return 0;
	return BPF_CORE_READ(vcpu, stat.generic.halt_poll_success_ns) +
	       BPF_CORE_READ(vcpu, stat.generic.halt_poll_fail_ns);
}

/*
 * KVM's own counters. On x86 pf_taken is there since 5.19, the others, 64 bits wide, since 5.13;
 * arm64 has others. What is not there reads as 0, and known_types() says so.
 */
#define HAS_STAT(field)      bpf_core_field_exists(((struct kvm_vcpu_stat *)0)->field)
#define HAS_GENERIC(field)   bpf_core_field_exists(((struct kvm_vcpu_stat_generic *)0)->field)
#define STAT(vcpu, field)    (HAS_STAT(field) ? BPF_CORE_READ(vcpu, stat.field) : 0)
#define GENERIC(vcpu, field) (HAS_GENERIC(field) ? BPF_CORE_READ(vcpu, stat.generic.field) : 0)

static __always_inline void vcpu_stats(struct kvm_vcpu *vcpu, u64 stat[RBPF_STATS])
{
	stat[RBPF_STAT_HALT_WAKEUPS] = GENERIC(vcpu, halt_wakeup);
	stat[RBPF_STAT_HALT_POLLS] = GENERIC(vcpu, halt_attempted_poll);
	stat[RBPF_STAT_HALT_POLL_NS] = vcpu_polled(vcpu);
	stat[RBPF_STAT_EXITS] = STAT(vcpu, exits);
#if defined(__TARGET_ARCH_x86)
	stat[RBPF_STAT_INTERRUPTS] = STAT(vcpu, irq_injections) + STAT(vcpu, nmi_injections);
	stat[RBPF_STAT_HYPERCALLS] = STAT(vcpu, hypercalls);
	stat[RBPF_STAT_PAGE_FAULTS] = STAT(vcpu, pf_taken);
	stat[RBPF_STAT_MMIO] = STAT(vcpu, mmio_exits);
	stat[RBPF_STAT_PIO] = STAT(vcpu, io_exits);
#else
	stat[RBPF_STAT_INTERRUPTS] = 0;
	stat[RBPF_STAT_HYPERCALLS] = STAT(vcpu, hvc_exit_stat);
	stat[RBPF_STAT_PAGE_FAULTS] = 0;
	stat[RBPF_STAT_MMIO] = STAT(vcpu, mmio_exit_user) + STAT(vcpu, mmio_exit_kernel);
	stat[RBPF_STAT_PIO] = 0;
#endif
	stat[RBPF_STATS - 1] = 0;
}

static __always_inline u32 known_stats(void)
{
	u32 bits = 0;

	if (HAS_GENERIC(halt_wakeup))
		bits |= 1u << RBPF_STAT_HALT_WAKEUPS;
	if (HAS_GENERIC(halt_attempted_poll))
		bits |= 1u << RBPF_STAT_HALT_POLLS;
	if (HAS_GENERIC(halt_poll_success_ns))
		bits |= 1u << RBPF_STAT_HALT_POLL_NS;
	if (HAS_STAT(exits))
		bits |= 1u << RBPF_STAT_EXITS;
#if defined(__TARGET_ARCH_x86)
	if (HAS_STAT(irq_injections))
		bits |= 1u << RBPF_STAT_INTERRUPTS;
	if (HAS_STAT(hypercalls))
		bits |= 1u << RBPF_STAT_HYPERCALLS;
	if (HAS_STAT(pf_taken))
		bits |= 1u << RBPF_STAT_PAGE_FAULTS;
	if (HAS_STAT(mmio_exits))
		bits |= 1u << RBPF_STAT_MMIO;
	if (HAS_STAT(io_exits))
		bits |= 1u << RBPF_STAT_PIO;
#else
	if (HAS_STAT(hvc_exit_stat))
		bits |= 1u << RBPF_STAT_HYPERCALLS;
	if (HAS_STAT(mmio_exit_user))
		bits |= 1u << RBPF_STAT_MMIO;
#endif
	return bits;
}

/* What of the above this kernel's types have: bits numbered by enum rbpf_type. */
static __always_inline u32 known_types(void)
{
	u32 bits = known_stats() << RBPF_TYPE_STAT;

	if (bpf_core_field_exists(((struct kvm_vcpu_stat_generic *)0)->blocking))
		bits |= 1u << RBPF_TYPE_BLOCKING;
	if (bpf_core_field_exists(((struct kvm_vcpu_stat_generic *)0)->halt_poll_success_ns))
		bits |= 1u << RBPF_TYPE_POLLING;
	if (bpf_core_type_exists(struct vcpu_svm))
		bits |= 1u << RBPF_TYPE_SVM;
	if (bpf_core_field_exists(((struct vcpu_vmx *)0)->exit_reason) ||
	    bpf_core_field_exists(((struct vcpu_vmx___vt *)0)->vt))
		bits |= 1u << RBPF_TYPE_VMX;
	return bits;
}

#endif /* RONDO_KVM_COMPAT_BPF_H */
