/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * capabilities.h - what this kernel can and can't give
 *
 * Found by looking (BTF, rights), then by watching a VM of one instruction (probe_vm.h).
 */
#ifndef RONDO_BPFD_CAPABILITIES_H
#define RONDO_BPFD_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "rondo_event.h"
#include "status.h"

/* A line of the table that --check prints. */
enum fact_state {
	FACT_YES,
	FACT_NO,      /* and the collector works without it */
	FACT_MISSING, /* the collector needs it */
};

struct fact {
	const char *name;
	enum fact_state state;
	char text[160];
};

#define FACTS_MAX 24

struct capabilities {
	bool tracepoints[RBPF_EVENT_NR]; /* the kernel has them */
	bool events[RBPF_EVENT_NR];      /* the probe's VM made them fire */
	bool probed;                     /* there was such a VM */
	bool has_wakeup;
	bool entry_exit; /* guest and exit time can be told apart */
	bool reasons;    /* hardware exits can be counted by reason */
	uint32_t types;  /* bits of enum rbpf_type */
	uint32_t isa;
	bool part[RBPF_PART_NR]; /* which parts of the budget can be measured */
	bool waits;              /* what is missing is KVM, or a module of it: it may still come */
	enum status status;      /* STATUS_OK: all that is needed is there */
	char why[256];           /* if not: one line, with the way out */
	struct fact facts[FACTS_MAX];
	unsigned int n_facts;
};

void capabilities_find(struct capabilities *c);

/*
 * What KVM's modules are at the moment: another number after one of them was unloaded, or loaded
 * again. Cheap.
 */
uint64_t capabilities_modules(void);

/* The table, on standard output. */
void capabilities_print(const struct capabilities *c);

#endif /* RONDO_BPFD_CAPABILITIES_H */
