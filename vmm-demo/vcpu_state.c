// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vcpu_state.c - what is in a vCPU before its first instruction: CPUID, registers, steal time
 */
#include "vcpu_state.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include "layout.h"

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)

#define CR4_PAE (1u << 5)

#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define RFLAGS_ALWAYS 2

#define CPUID_1_EDX_HTT          (1u << 28)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_HYPERVISOR   (1u << 31)

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code, bool system)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = system ? 0x67 : 0xffffffff,
		.type = type,
		.present = 1,
		.s = !system,
		.l = code,
		.db = !code && !system,
		.g = !system,
	};
}

int vcpu_set_start(struct vcpu *v, const struct vcpu_start *start)
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = start->rip,
		.rsp = start->rsp,
		.rdi = start->rdi,
		.rsi = start->rsi,
		.rflags = RFLAGS_ALWAYS,
	};

	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		return vm_fail(v->vm, "KVM_GET_SREGS: %s", strerror(errno));
	s.cs = segment(LAYOUT_CS, 0xb, true, false);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(LAYOUT_DS, 0x3, false, false);
	s.tr = segment(LAYOUT_TR, 0xb, false, true);
	s.gdt.base = LAYOUT_GDT;
	s.gdt.limit = LAYOUT_TR + 16 - 1;
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = LAYOUT_PML4;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	if (ioctl(v->fd, KVM_SET_SREGS, &s))
		return vm_fail(v->vm, "KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(v->fd, KVM_SET_REGS, &r))
		return vm_fail(v->vm, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

/* CPUID leaves that differ from vCPU to vCPU, or that tell of the machine that KVM runs on. */
static void patch_cpuid(const struct vcpu *v, struct kvm_cpuid_entry2 *e, unsigned int cpus)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0x0000ffff) | cpus << 16 | v->index << 24;
		/* There is a hypervisor: else Linux doesn't look for KVM's clock and steal time. */
		e->ecx |= CPUID_1_ECX_HYPERVISOR;
		e->edx = (e->edx & ~CPUID_1_EDX_HTT) | (cpus > 1 ? CPUID_1_EDX_HTT : 0);
		/* KVM offers it for its own APIC only, so it is not in what it supports. */
		if (v->vm->has_irqchip &&
		    ioctl(v->vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			e->ecx |= CPUID_1_ECX_TSC_DEADLINE;
		break;
	case 0xb:
	case 0x1f:
		e->edx = v->index;
		break;
	case 0x80000008: /* AMD: processors, less one */
		e->ecx = (e->ecx & ~0xf0ffu) | (cpus - 1);
		break;
	case 0x8000001e: /* AMD: each a core of one thread */
		e->eax = v->index;
		e->ebx = v->index;
		e->ecx = 0;
		break;
	default:
		break;
	}
}

int vcpu_set_cpuid(struct vcpu *v, unsigned int cpus)
{
	struct kvm_cpuid2 *cpuid = v->vm->cpuid;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		patch_cpuid(v, &cpuid->entries[i], cpus);
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		return vm_fail(v->vm, "KVM_SET_CPUID2: %s", strerror(errno));
	return 0;
}

int vcpu_set_steal_time(struct vcpu *v, uint64_t address)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = MSR_KVM_STEAL_TIME, .data = address | KVM_MSR_ENABLED },
	};

	if (ioctl(v->fd, KVM_SET_MSRS, &msrs) != 1)
		return vm_fail(v->vm, "KVM_SET_MSRS: MSR_KVM_STEAL_TIME was refused");
	return 0;
}
