/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * spin.S - an event that does nothing: the time goes by in start.S, without an exit
 */
#include "params.h"

	.section guest_code, "a", @progbits
	.code64

	.globl	guest_spin
	.hidden	guest_spin
guest_spin:
	ret

	.section .note.GNU-stack, "", @progbits
