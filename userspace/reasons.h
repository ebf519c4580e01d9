/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * reasons.h - names of exits
 */
#ifndef RONDO_BPFD_REASONS_H
#define RONDO_BPFD_REASONS_H

#include <stdint.h>

#define REASON_MAX 32

/*
 * The kernel's name of a hardware exit's folded reason (rondo_event.h), in lower case, blanks as
 * underscores; isa: enum rbpf_isa. A code without a name is unknown_<code>, one that was folded
 * away is "other". The result is static, or in buffer.
 */
const char *reason_exit(uint32_t isa, uint32_t index, char buffer[REASON_MAX]);

/*
 * What kinds of exits there are on every processor, so that hosts can be compared: reasons are many
 * and differ, classes are these.
 */
enum exit_class {
	CLASS_OTHER, /* also codes without a name */
	CLASS_HALT,
	CLASS_IO,
	CLASS_MMIO, /* nested page faults too, by which KVM maps memory */
	CLASS_MSR,  /* and arm64's system registers */
	CLASS_CPUID,
	CLASS_INTERRUPT, /* of the host, which takes the CPU from the guest */
	CLASS_IRQ_WINDOW,
	CLASS_HYPERCALL,
	CLASS_PAUSE,
	CLASS_TIMER,
	CLASS_APIC,
	CLASS_EXCEPTION,
	CLASS_NR,
};

/* The class of a folded reason, and its name. */
enum exit_class reason_class(uint32_t isa, uint32_t index);
const char *class_name(enum exit_class class);

/* The same for userspace exits: KVM_EXIT_* without the prefix, "intr", "error", "other". */
const char *reason_user_exit(uint32_t index, char buffer[REASON_MAX]);

#endif /* RONDO_BPFD_REASONS_H */
