/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * report.h - the final account of a VM, as a table or as JSON
 *
 * Pure: plain figures in, text out.  What could not be measured is absent, never zero.
 */
#ifndef RONDO_VMM_REPORT_H
#define RONDO_VMM_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "exits.h"

struct report_figure {
	bool known;
	uint64_t value;
};

struct report_vcpu {
	unsigned int vcpu;
	long tid;
	const uint64_t *exits; /* EXIT_SLOTS */
	uint64_t run_ns;
	uint64_t exit_ns;
	uint64_t halted_ns;
	uint64_t steal_baseline_ns;       /* schedstat field 2 before the first KVM_RUN */
	uint64_t steal_baseline_after_ns; /* and right after it */
	struct report_figure steal_end_ns;
	uint64_t cpu_baseline_ns; /* field 1 */
	struct report_figure cpu_end_ns;
	struct report_figure guest_steal_first_ns; /* what KVM showed the guest, at its start */
	struct report_figure guest_steal_ns;       /* and at its end */
	struct report_figure kvm_exits;
	const char *failure; /* "" if there was none */
};

struct report {
	const char *name;
	long pid;
	const char *guest;
	const char *status; /* ok, stopped, failed */
	bool recorded;
	uint64_t wall_ns; /* from the first vCPU's start to the last one's end */
	const struct report_vcpu *vcpus;
	unsigned int n_vcpus;
};

void report_text(const struct report *report, FILE *out);
void report_json(const struct report *report, FILE *out);

#endif
