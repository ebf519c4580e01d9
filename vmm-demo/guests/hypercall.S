/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hypercall.S - one hypercall, of the kind that does nothing (KVM_HC_VAPIC_POLL_IRQ); KVM answers it
 * by itself, so it is a hardware exit and none to the VMM
 *
 * By the instruction that this processor has: for the other vendor's KVM would mend the code in guest
 * memory, which is an exit more.
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_hypercall
	.hidden	guest_hypercall
guest_hypercall:
	mov	$1, %eax
	cmpq	$0, PARAM_VMMCALL(%rbp)
	jne	1f
	vmcall
	ret
1:	vmmcall
	ret

	.section .note.GNU-stack, "", @progbits
