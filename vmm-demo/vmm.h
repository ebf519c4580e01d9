/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vmm.h - one VM from its creation to its end: all parts together
 *
 * Called from the main thread, which never enters the guest.
 */
#ifndef RONDO_VMM_VMM_H
#define RONDO_VMM_VMM_H

#include <stdbool.h>
#include <stdint.h>
#include "api.h"
#include "devices.h"
#include "events.h"
#include "guest.h"
#include "linux.h"
#include "options.h"
#include "recorder.h"
#include "report.h"
#include "sampler.h"
#include "vcpu.h"
#include "vm.h"

struct vmm {
	struct vmm_options options;
	struct events events;
	struct vm vm;
	struct guest guest;             /* bare metal, or */
	struct linux_guest linux_guest; /* Linux, which has */
	struct devices devices;
	struct vcpu vcpus[VMM_CPUS_MAX];
	unsigned int n_vcpus; /* that vcpu_create() has seen */
	struct sampler sampler;
	struct recorder recorder; /* with --store */
	struct api *api;          /* with --api */
	struct report_vcpu report[VMM_CPUS_MAX];
	int parked_fd; /* eventfd: a vCPU thread came to its end */
	bool paused;   /* control.c */
	int signal;    /* that ended the guest, or 0 */
	bool expired;  /* --duration did */
	bool failed;   /* a vCPU, or the report */
	uint64_t begin_ns, end_ns;
};

/* A line on standard error. */
void vmm_complain(const char *text);

/* In this order.  0, or -1 and vm.error; vmm_destroy() takes any half-made state. */
int vmm_create(struct vmm *vmm);

/* The guest into memory that is all zeros: at creation and after a reset. */
int vmm_load(struct vmm *vmm);

/* Until all vCPUs are parked. */
int vmm_run(struct vmm *vmm);

/* The final figures; the vCPU threads sleep, and stay so for --linger. */
void vmm_report(struct vmm *vmm);
void vmm_linger(struct vmm *vmm);

void vmm_destroy(struct vmm *vmm);

/* How it ended: a word for the report, and the exit status. */
const char *vmm_status(const struct vmm *vmm);
int vmm_exit_status(const struct vmm *vmm);

#endif
