// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * guest.c - loads the bare-metal guests, passes their parameters, reads their account
 *
 * The guests' code is one linker section of this program, guest_code, copied as it is: it is
 * position-independent.  See guests/start.S for the state in which it is entered.
 */
#include "guest.h"

#include <asm/kvm_para.h>
#include <cpuid.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "layout.h"

#define bit_VMX (1u << 5)
#define bit_SVM (1u << 2)

/* Made by the linker; guest_entry by start.S, which is why that object is linked in at all. */
extern const uint8_t __start_guest_code[] __attribute__((visibility("hidden")));
extern const uint8_t __stop_guest_code[] __attribute__((visibility("hidden")));
extern const uint8_t guest_entry[] __attribute__((visibility("hidden")));

_Static_assert(sizeof(struct guest_params) <= LAYOUT_STEAL, "parameters reach into steal time");
_Static_assert(offsetof(struct kvm_steal_time, steal) == 0, "start.S reads steal at offset 0");
_Static_assert(LAYOUT_PARAMS + VMM_CPUS_MAX * LAYOUT_PARAMS_SIZE <= LAYOUT_CODE, "layout");

uint64_t guest_expected(const struct vmm_options *options, unsigned int op)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < options->n_steps; i++)
		if (options->steps[i].op == op)
			sum += options->steps[i].count;
	return sum;
}

int guest_load(struct guest *guest, struct vm *vm)
{
	size_t size = (size_t)(__stop_guest_code - __start_guest_code);
	void *code = vm_memory(vm, LAYOUT_CODE, size);
	uint8_t *low = vm_memory(vm, 0, LAYOUT_TABLES_END);

	memset(guest, 0, sizeof(*guest));
	if (!code || !low)
		return vm_fail(vm, "%zu bytes of guest memory are too few", vm->memory_size);
	layout_gdt(low);
	layout_tables(low);
	memcpy(code, __start_guest_code, size);
	return 0;
}

int guest_add_devices(struct guest *guest, struct vm *vm)
{
	if (!bus_add(&vm->ports, LAYOUT_PORT, LAYOUT_PORT_SIZE, testdev_access,
		     &guest->port_device) ||
	    !bus_add(&vm->mmio, LAYOUT_MMIO, LAYOUT_MMIO_SIZE, testdev_access,
		     &guest->mmio_device) ||
	    !bus_add(&vm->msrs, GUEST_MSR, sizeof(uint64_t), testdev_access, &guest->msr_device))
		return vm_fail(vm, "the guest's devices don't fit on the buses");
	return 0;
}

struct vcpu_start guest_start(unsigned int vcpu)
{
	return (struct vcpu_start){
		.rip = LAYOUT_CODE + (uint64_t)(guest_entry - __start_guest_code),
		.rsp = layout_stack(vcpu),
		.rdi = layout_params(vcpu),
	};
}

static struct guest_params *params_of(const struct vm *vm, unsigned int vcpu)
{
	return vm_memory(vm, layout_params(vcpu), LAYOUT_PARAMS_SIZE);
}

/* A KVM that has neither emulates hypercalls by mending the code, for ever. */
bool guest_has_hypercall(void)
{
	unsigned int a, b, c, d;

	return (__get_cpuid(1, &a, &b, &c, &d) && c & bit_VMX) ||
	       (__get_cpuid(0x80000001, &a, &b, &c, &d) && c & bit_SVM);
}

static bool has_vmmcall(const struct vm *vm)
{
	unsigned int i;

	/* "AuthenticAMD", "HygonGenuine": by the second word, which is in EDX. */
	for (i = 0; vm->cpuid && i < vm->cpuid->nent; i++)
		if (vm->cpuid->entries[i].function == 0)
			return !memcmp(&vm->cpuid->entries[i].edx, "enti", 4) ||
			       !memcmp(&vm->cpuid->entries[i].edx, "nGen", 4);
	return false;
}

int guest_set_params(struct vm *vm, unsigned int vcpu, const struct vmm_options *options,
		     uint64_t tsc_khz)
{
	struct guest_params *p = params_of(vm, vcpu);
	uint64_t first[GUEST_OP_NR] = { 0 };
	uint64_t share_us = options->duration_ns / 1000 / options->n_steps;
	size_t i;

	if (!p)
		return vm_fail(vm, "guest memory is too small for vCPU %u", vcpu);
	memset(p, 0, LAYOUT_PARAMS_SIZE);
	p->steal = vm->has_steal_time ? guest_steal_address(vcpu) : 0;
	p->port = LAYOUT_PORT;
	p->mmio = LAYOUT_MMIO;
	p->n_steps = options->n_steps;
	p->vmmcall = has_vmmcall(vm);
	for (i = 0; i < options->n_steps; i++) {
		const struct vmm_step *from = &options->steps[i];
		struct guest_step *to = &p->steps[i];

		to->op = from->op;
		to->count = from->count;
		/* kHz times us is thousandths of a cycle; a day at 10 GHz stays below 2^60 */
		to->gap = share_us * tsc_khz / 1000 / from->count;
		to->first = first[from->op];
		first[from->op] += from->count;
	}
	return 0;
}

bool guest_is_done(const struct vm *vm, unsigned int vcpu)
{
	const struct guest_params *p = params_of(vm, vcpu);

	return __atomic_load_n(&p->state, __ATOMIC_ACQUIRE) == GUEST_DONE;
}

static bool check_device(const struct testdev *device, unsigned int vcpu, uint64_t expected,
			 const char *what, char *why, size_t why_size)
{
	const struct testdev_vcpu *v = &device->vcpus[vcpu];

	if (v->events == expected && !v->wrong)
		return true;
	snprintf(why, why_size,
		 "the %s device got %llu events, %llu of them out of order, not %llu", what,
		 (unsigned long long)v->events, (unsigned long long)v->wrong,
		 (unsigned long long)expected);
	return false;
}

bool guest_check(const struct guest *guest, const struct vm *vm, unsigned int vcpu,
		 const struct vmm_options *options, char *why, size_t why_size)
{
	const struct guest_params *p = params_of(vm, vcpu);
	size_t i;

	for (i = 0; i < options->n_steps; i++) {
		if (p->steps[i].done == options->steps[i].count)
			continue;
		snprintf(why, why_size, "the guest did %llu of %llu %s events",
			 (unsigned long long)p->steps[i].done,
			 (unsigned long long)options->steps[i].count,
			 guest_op_name(options->steps[i].op));
		return false;
	}
	return check_device(&guest->port_device, vcpu, guest_expected(options, GUEST_OP_PIO),
			    "port", why, why_size) &&
	       check_device(&guest->mmio_device, vcpu, guest_expected(options, GUEST_OP_MMIO),
			    "MMIO", why, why_size) &&
	       check_device(&guest->msr_device, vcpu, guest_expected(options, GUEST_OP_MSR), "MSR",
			    why, why_size);
}

uint64_t guest_steal_address(unsigned int vcpu)
{
	return layout_params(vcpu) + LAYOUT_STEAL;
}

uint64_t guest_steal_now(const struct vm *vm, unsigned int vcpu)
{
	const struct kvm_steal_time *st =
		vm_memory(vm, guest_steal_address(vcpu), sizeof(struct kvm_steal_time));

	return __atomic_load_n(&st->steal, __ATOMIC_RELAXED);
}

uint64_t guest_steal_first(const struct vm *vm, unsigned int vcpu)
{
	return params_of(vm, vcpu)->steal_first;
}
