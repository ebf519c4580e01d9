/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * params.h - what rondo-vmm and its bare-metal guests agree on: one page of guest memory per vCPU
 *
 * Included by the assembler (offsets) and by C (the struct, whose offsets are checked against
 * them).  The VMM fills the page before the guest starts; the guest writes `state`, `steal_first`,
 * `steal_last` and each step's `done`.
 */
#ifndef RONDO_VMM_GUESTS_PARAMS_H
#define RONDO_VMM_GUESTS_PARAMS_H

/* struct guest_params */
#define PARAM_STATE       0x00
#define PARAM_STEAL       0x08
#define PARAM_STEAL_FIRST 0x10
#define PARAM_STEAL_LAST  0x18
#define PARAM_PORT        0x20
#define PARAM_MMIO        0x28
#define PARAM_N_STEPS     0x30
#define PARAM_VMMCALL     0x38
#define PARAM_STEPS       0x40

/* struct guest_step */
#define STEP_OP    0x00
#define STEP_COUNT 0x08
#define STEP_GAP   0x10
#define STEP_FIRST 0x18
#define STEP_DONE  0x20
#define STEP_SIZE  0x28

#define GUEST_STEPS_MAX 16

/* PARAM_STATE */
#define GUEST_LOADED  0
#define GUEST_RUNNING 1
#define GUEST_DONE    2

/* STEP_OP; the order is that of the table in start.S */
#define GUEST_OP_PIO       0
#define GUEST_OP_MMIO      1
#define GUEST_OP_HLT       2
#define GUEST_OP_SPIN      3
#define GUEST_OP_CPUID     4
#define GUEST_OP_MSR       5
#define GUEST_OP_HYPERCALL 6
#define GUEST_OP_NR        7

/* Where msr.S writes: among those that are KVM's to give away, and not given away. */
#define GUEST_MSR 0x4b564df7

/* kvm_steal_time.steal's offset is 0: PARAM_STEAL is the address of that struct, or 0. */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct guest_step {
	uint64_t op;
	uint64_t count; /* events */
	uint64_t gap;   /* TSC cycles from one event's due time to the next one's; 0: at once */
	uint64_t first; /* number of the first event, counted over all steps of the same op */
	uint64_t done;  /* events so far, written by the guest */
};

struct guest_params {
	uint64_t state;
	uint64_t steal;       /* guest address of struct kvm_steal_time, or 0 */
	uint64_t steal_first; /* its `steal` at the guest's first and last instructions */
	uint64_t steal_last;
	uint64_t port;
	uint64_t mmio;
	uint64_t n_steps;
	uint64_t vmmcall; /* this processor is AMD's: VMMCALL, not VMCALL */
	struct guest_step steps[GUEST_STEPS_MAX];
};

#define PARAM_AT(field, offset)                                                                    \
	_Static_assert(offsetof(struct guest_params, field) == (offset), #field)
#define STEP_AT(field, offset)                                                                     \
	_Static_assert(offsetof(struct guest_step, field) == (offset), #field)

PARAM_AT(state, PARAM_STATE);
PARAM_AT(steal, PARAM_STEAL);
PARAM_AT(steal_first, PARAM_STEAL_FIRST);
PARAM_AT(steal_last, PARAM_STEAL_LAST);
PARAM_AT(port, PARAM_PORT);
PARAM_AT(mmio, PARAM_MMIO);
PARAM_AT(n_steps, PARAM_N_STEPS);
PARAM_AT(vmmcall, PARAM_VMMCALL);
PARAM_AT(steps, PARAM_STEPS);
STEP_AT(op, STEP_OP);
STEP_AT(count, STEP_COUNT);
STEP_AT(gap, STEP_GAP);
STEP_AT(first, STEP_FIRST);
STEP_AT(done, STEP_DONE);
_Static_assert(sizeof(struct guest_step) == STEP_SIZE, "step size");
#endif /* __ASSEMBLER__ */

#endif
