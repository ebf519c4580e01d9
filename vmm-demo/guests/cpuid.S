/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * cpuid.S - one CPUID; KVM answers it by itself, so it is a hardware exit and none to the VMM
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_cpuid
	.hidden	guest_cpuid
guest_cpuid:
	push	%rbx
	xor	%eax, %eax
	xor	%ecx, %ecx
	cpuid
	pop	%rbx
	ret

	.section .note.GNU-stack, "", @progbits
