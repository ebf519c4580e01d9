/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guest.h - puts a bare-metal guest into a VM's memory and says afterwards what became of it
 *
 * These guests, guests/, are part of this program; linux.h is for those that come in files.
 */
#ifndef RONDO_VMM_GUEST_H
#define RONDO_VMM_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include "options.h"
#include "testdev.h"
#include "vcpu_state.h"
#include "vm.h"

struct guest {
	struct testdev port_device;
	struct testdev mmio_device;
	struct testdev msr_device;
};

/* Events of one kind that the options ask of each vCPU. */
uint64_t guest_expected(const struct vmm_options *options, unsigned int op);

/* Whether this machine's processor can do hypercalls at all. */
bool guest_has_hypercall(void);

/* Once: its devices.  0, or -1 and vm->error. */
int guest_add_devices(struct guest *guest, struct vm *vm);

/* Code and tables, into memory that is all zeros; the devices forget.  0, or -1 and vm->error. */
int guest_load(struct guest *guest, struct vm *vm);

/* How a vCPU starts. */
struct vcpu_start guest_start(unsigned int vcpu);

/* One vCPU's parameters; tsc_khz: of its time stamp counter.  0, or -1 and vm->error. */
int guest_set_params(struct vm *vm, unsigned int vcpu, const struct vmm_options *options,
		     uint64_t tsc_khz);

/* The guest has done all its work: its HLT is the last one. */
bool guest_is_done(const struct vm *vm, unsigned int vcpu);

/* The guest's own account is what was asked for; false and a sentence otherwise. */
bool guest_check(const struct guest *guest, const struct vm *vm, unsigned int vcpu,
		 const struct vmm_options *options, char *why, size_t why_size);

/* Guest address of the vCPU's struct kvm_steal_time, and what the guest read in it at its start. */
uint64_t guest_steal_address(unsigned int vcpu);
uint64_t guest_steal_now(const struct vm *vm, unsigned int vcpu);
uint64_t guest_steal_first(const struct vm *vm, unsigned int vcpu);

#endif
