/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * mmio.S - one write of four bytes to an address without memory: one KVM_EXIT_MMIO
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_mmio
	.hidden	guest_mmio
guest_mmio:
	mov	PARAM_MMIO(%rbp), %rax
	mov	%edi, (%rax)
	ret

	.section .note.GNU-stack, "", @progbits
