/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * hlt.S - one HLT; without an interrupt controller in the kernel it is one KVM_EXIT_HLT
 *
 * The VMM lets the vCPU sleep for --halt-us and enters it again behind the instruction.
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_hlt
	.hidden	guest_hlt
guest_hlt:
	hlt
	ret

	.section .note.GNU-stack, "", @progbits
