/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * start.S - where every bare-metal guest begins: runs its list of steps, then halts for good
 *
 * Entered in 64-bit mode, ring 0, interrupts off, no IDT (any fault is a triple fault, which the
 * VMM reports), with
 *	rdi	the guest address of this vCPU's struct guest_params
 *	rsp	a stack
 * A step is `count` events of one kind.  With a gap, event i (from 1) is due at start + i * gap
 * on the TSC, whatever the events before it took: the guest spins until then, so a step lasts
 * count * gap even when its vCPU is often off the CPU.  Exits are exactly those that the events
 * make, plus one HLT at the end, with state = GUEST_DONE.
 *
 * The code is position-independent and all of it lies in the section guest_code, which the VMM
 * copies into guest memory (guest.c).  An event routine gets the event's number in edi and the
 * parameters' address in rbp; it may change rax, rcx, rdx and rdi.
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_entry
	.hidden	guest_entry
guest_entry:
	mov	%rdi, %rbp
	movq	$GUEST_RUNNING, PARAM_STATE(%rbp)
	call	read_steal
	mov	%rax, PARAM_STEAL_FIRST(%rbp)

	lea	PARAM_STEPS(%rbp), %rbx		/* rbx: the step */
	mov	PARAM_N_STEPS(%rbp), %r12	/* r12: steps left */
.Lstep:
	test	%r12, %r12
	jz	.Lend
	mov	STEP_GAP(%rbx), %r14		/* r14: gap, r15: when the event is due */
	call	read_tsc
	mov	%rax, %r15
	lea	.Lops(%rip), %r13		/* r13: the event's routine */
	mov	STEP_OP(%rbx), %rax
	movslq	(%r13,%rax,4), %rax
	add	%rax, %r13
.Levent:
	mov	STEP_DONE(%rbx), %rdi
	cmp	STEP_COUNT(%rbx), %rdi
	jae	.Lnext
	add	%r14, %r15
	test	%r14, %r14
	jz	.Ldue
.Lspin:
	call	read_tsc
	cmp	%r15, %rax
	jb	.Lspin
.Ldue:
	add	STEP_FIRST(%rbx), %rdi
	call	*%r13
	incq	STEP_DONE(%rbx)
	jmp	.Levent
.Lnext:
	add	$STEP_SIZE, %rbx
	dec	%r12
	jmp	.Lstep

.Lend:
	call	read_steal
	mov	%rax, PARAM_STEAL_LAST(%rbp)
	movq	$GUEST_DONE, PARAM_STATE(%rbp)
.Lhalt:
	hlt
	jmp	.Lhalt

/* rax = the TSC; changes rdx */
read_tsc:
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	ret

/* rax = kvm_steal_time.steal, 0 where there is none; one 8-byte read, so no version loop */
read_steal:
	mov	PARAM_STEAL(%rbp), %rax
	test	%rax, %rax
	jz	1f
	mov	(%rax), %rax
1:	ret

	.balign	4
.Lops:
	.long	guest_pio - .Lops
	.long	guest_mmio - .Lops
	.long	guest_hlt - .Lops
	.long	guest_spin - .Lops
	.long	guest_cpuid - .Lops
	.long	guest_msr - .Lops
	.long	guest_hypercall - .Lops

	.section .note.GNU-stack, "", @progbits
