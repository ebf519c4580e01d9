/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * msr.S - one write of the event's number to a model-specific register that KVM doesn't know: one
 * KVM_EXIT_X86_WRMSR
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_msr
	.hidden	guest_msr
guest_msr:
	mov	%edi, %eax
	xor	%edx, %edx
	mov	$GUEST_MSR, %ecx
	wrmsr
	ret

	.section .note.GNU-stack, "", @progbits
