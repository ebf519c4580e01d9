/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * control.h - pause, resume and reset of a VM that runs
 *
 * From the main thread, between vmm_run()'s begin and end.
 */
#ifndef RONDO_VMM_CONTROL_H
#define RONDO_VMM_CONTROL_H

#include "vmm.h"

/*
 * No vCPU is in the guest when it returns, and none gets there before vmm_resume().  Time goes on,
 * the guest's too; its watchdogs are told.  Twice is once.
 */
void vmm_pause(struct vmm *vmm);
void vmm_resume(struct vmm *vmm);

/*
 * The guest begins anew, as at power-on: memory, vCPUs, devices.  What was recorded and counted goes
 * on.  A paused VM stays paused.  0, or -1 and vm.error: it can't run on then.
 */
int vmm_reset(struct vmm *vmm);

/* One of these if the signal asks for it; false if it asks for the VM's end. */
bool vmm_control(struct vmm *vmm, int signal);

#endif
