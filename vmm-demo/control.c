// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * control.c - pause, resume and reset of a VM that runs
 */
#include "control.h"

#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

void vmm_pause(struct vmm *m)
{
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++)
		vcpu_pause(&m->vcpus[i]);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_wait_held(&m->vcpus[i]);
	m->paused = true;
}

void vmm_resume(struct vmm *m)
{
	unsigned int i;

	/* Refused by KVM for a guest that doesn't use its clock: that one isn't told. */
	for (i = 0; i < m->n_vcpus; i++)
		ioctl(m->vcpus[i].fd, KVM_KVMCLOCK_CTRL, 0);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_resume(&m->vcpus[i]);
	m->paused = false;
}

int vmm_reset(struct vmm *m)
{
	bool was_paused = m->paused;
	unsigned int i;

	vmm_pause(m);
	for (i = 0; i < m->n_vcpus; i++)
		if (vcpu_is_parked(&m->vcpus[i]))
			return vm_fail(&m->vm, "no reset: vCPU %u has come to its end", i);
	/* The devices first: the I/O thread lets go of guest memory. */
	devices_reset(&m->devices);
	if (vm_reset(&m->vm) || vmm_load(m))
		return -1;
	for (i = 0; i < m->n_vcpus; i++)
		if (vcpu_restore(&m->vcpus[i]))
			return -1;
	if (!was_paused)
		vmm_resume(m);
	return 0;
}

bool vmm_control(struct vmm *m, int number)
{
	switch (number) {
	case SIGTSTP:
		vmm_pause(m);
		return true;
	case SIGCONT:
		if (m->paused)
			vmm_resume(m);
		return true;
	case SIGUSR2:
		if (!vmm_reset(m))
			return true;
		vmm_complain(m->vm.error);
		m->failed = true;
		return true;
	default:
		return false;
	}
}
