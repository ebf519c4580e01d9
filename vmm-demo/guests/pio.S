/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * pio.S - one port write of four bytes, the event's number: one KVM_EXIT_IO
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_pio
	.hidden	guest_pio
guest_pio:
	mov	PARAM_PORT(%rbp), %edx
	mov	%edi, %eax
	out	%eax, %dx
	ret

	.section .note.GNU-stack, "", @progbits
