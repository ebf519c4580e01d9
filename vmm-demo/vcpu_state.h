/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vcpu_state.h - what is in a vCPU before its first instruction: CPUID, registers, steal time
 *
 * All return 0, or -1 and vm->error; called before the vCPU's thread runs, or while it is held.
 */
#ifndef RONDO_VMM_VCPU_STATE_H
#define RONDO_VMM_VCPU_STATE_H

#include <stdint.h>
#include "vcpu.h"

/* What KVM supports, with this vCPU's own number and the VM's number of vCPUs. */
int vcpu_set_cpuid(struct vcpu *vcpu, unsigned int cpus);

/* The general registers that a guest finds; the others are 0. */
struct vcpu_start {
	uint64_t rip;
	uint64_t rsp;
	uint64_t rdi;
	uint64_t rsi;
};

/* 64-bit mode, ring 0, interrupts off, descriptors and paging as layout.c makes them. */
int vcpu_set_start(struct vcpu *vcpu, const struct vcpu_start *start);

/* KVM writes the guest's steal time there from the next entry on. */
int vcpu_set_steal_time(struct vcpu *vcpu, uint64_t address);

/*
 * All that a guest can change in a vCPU, but for the TSC, which goes on: kept as it is now, and
 * brought back as often as need be.
 */
int vcpu_save(struct vcpu *vcpu);
int vcpu_restore(struct vcpu *vcpu);

#endif
