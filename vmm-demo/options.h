/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * options.h - rondo-vmm's command line as a struct
 *
 * Parsing only: nothing is opened, nothing is printed but by options_usage().
 */
#ifndef RONDO_VMM_OPTIONS_H
#define RONDO_VMM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "guests/params.h"

#define VMM_CPUS_MAX  16
#define VMM_COUNT_MAX UINT64_C(1000000000)
#define VMM_NAME_MAX  63
#define VMM_MEM_MIN   4    /* MiB */
#define VMM_MEM_MAX   3072 /* all below the MMIO gap */

/*
 * What every Linux guest is told, before --cmdline.  A panic reboots at once, and as a warm boot
 * (power.c), which no other reboot does unless it is asked to.
 */
#define VMM_CMDLINE "console=ttyS0 panic=-1 reboot=panic_warm"

/* One part of a guest's work: `count` events of one kind (enum in guests/params.h). */
struct vmm_step {
	unsigned int op;
	uint64_t count;
};

struct vmm_options {
	char guest[128]; /* as it was given */
	struct vmm_step steps[GUEST_STEPS_MAX];
	size_t n_steps;
	uint64_t duration_ns; /* 0: as fast as it goes; Linux: until it ends by itself */
	uint64_t halt_ns;
	uint64_t linger_ns;
	unsigned int cpus;
	unsigned int mem_mib;
	int pin; /* -1: not pinned */
	char name[VMM_NAME_MAX + 1];
	const char *store; /* argv's, as the other texts; NULL: nothing is recorded */
	const char *api;   /* NULL: no HTTP */
	bool json;
	bool no_sandbox;
	const char *kernel; /* a bzImage; NULL: a bare-metal guest */
	const char *initrd;
	const char *cmdline;
	const char *disk;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_BAD, /* `error` has a sentence without a full stop */
};

enum options_result options_parse(int argc, char **argv, struct vmm_options *options, char *error,
				  size_t error_size);
void options_usage(FILE *out);

/* "pio" and so on */
const char *guest_op_name(unsigned int op);

#endif
