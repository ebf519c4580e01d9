// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vcpu_saved.c - a vCPU's state kept for a reset, and brought back
 */
#include "vcpu_state.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define MSRS_MAX 512
#define MSR_TSC  0x10

struct vcpu_saved {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_mp_state mp_state;
	struct kvm_vcpu_events events;
	struct kvm_debugregs debugregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_lapic_state lapic; /* with the interrupt controllers */
	unsigned int n_msrs;
	struct kvm_msr_entry msrs[MSRS_MAX];
};

/* What is asked for and set with one call each.  The local APIC wants its base, in sregs, first. */
static const struct part {
	const char *name;
	unsigned long get, set;
	size_t offset;
	bool irqchip;
} parts[] = {
#define PART(name, field, irqchip)                                                                 \
	{                                                                                          \
#name, KVM_GET_##name, KVM_SET_##name, offsetof(struct vcpu_saved, field), irqchip \
	}
	PART(SREGS, sregs, false),         PART(REGS, regs, false),
	PART(XCRS, xcrs, false),           PART(XSAVE, xsave, false),
	PART(DEBUGREGS, debugregs, false), PART(LAPIC, lapic, true),
	PART(VCPU_EVENTS, events, false),  PART(MP_STATE, mp_state, true),
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static bool msr_ioctl(const struct vcpu *v, unsigned long request, struct kvm_msr_entry *entry)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = { .head.nmsrs = 1, .entry = *entry };

	if (ioctl(v->fd, request, &one) != 1)
		return false;
	*entry = one.entry;
	return true;
}

/* One by one: some that KVM lists can't be read on some processors. */
static int save_msrs(struct vcpu *v, struct vcpu_saved *s)
{
	struct {
		struct kvm_msr_list head;
		uint32_t numbers[MSRS_MAX];
	} list = { .head.nmsrs = MSRS_MAX };
	unsigned int i;

	if (ioctl(v->vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &list))
		return vm_fail(v->vm, "KVM_GET_MSR_INDEX_LIST: %s", strerror(errno));
	for (i = 0; i < list.head.nmsrs; i++) {
		struct kvm_msr_entry entry = { .index = list.head.indices[i] };

		if (entry.index != MSR_TSC && msr_ioctl(v, KVM_GET_MSRS, &entry))
			s->msrs[s->n_msrs++] = entry;
	}
	return 0;
}

int vcpu_save(struct vcpu *v)
{
	struct vcpu_saved *s = calloc(1, sizeof(*s));
	size_t i;

	if (!s)
		return vm_fail(v->vm, "out of memory");
	v->saved = s;
	for (i = 0; i < N_PARTS; i++)
		if ((!parts[i].irqchip || v->vm->has_irqchip) &&
		    ioctl(v->fd, parts[i].get, (uint8_t *)s + parts[i].offset))
			return vm_fail(v->vm, "KVM_GET_%s: %s", parts[i].name, strerror(errno));
	return save_msrs(v, s);
}

/* What KVM doesn't take back it didn't let the guest change either. */
int vcpu_restore(struct vcpu *v)
{
	struct vcpu_saved *s = v->saved;
	unsigned int n;
	size_t i;

	for (i = 0; i < N_PARTS; i++)
		if ((!parts[i].irqchip || v->vm->has_irqchip) &&
		    ioctl(v->fd, parts[i].set, (uint8_t *)s + parts[i].offset))
			return vm_fail(v->vm, "KVM_SET_%s: %s", parts[i].name, strerror(errno));
	for (n = 0; n < s->n_msrs; n++)
		msr_ioctl(v, KVM_SET_MSRS, &s->msrs[n]);
	return 0;
}
