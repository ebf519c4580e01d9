/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vcpu_run.h - what a vCPU's thread does: the priming run and the loop around KVM_RUN
 */
#ifndef RONDO_VMM_VCPU_RUN_H
#define RONDO_VMM_VCPU_RUN_H

#include <signal.h>
#include "vcpu.h"

/* Makes KVM_RUN return; see vcpu_stop().  vcpu_run_init() installs its handler, once. */
#define VCPU_KICK_SIGNAL SIGUSR1

int vcpu_run_init(void);

/* On the vCPU's own thread, in this order.  Prime: 0, or -1 and v->failure. */
int vcpu_run_prime(struct vcpu *v);
void vcpu_run(struct vcpu *v);

#endif
