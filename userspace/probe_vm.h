/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * probe_vm.h - a VM of one instruction, run in a process of its own
 */
#ifndef RONDO_BPFD_PROBE_VM_H
#define RONDO_BPFD_PROBE_VM_H

#include <sys/types.h>

struct probe_vm {
	pid_t pid;
	int go; /* written to by run */
};

/* Starts the process, which waits. 0, or -errno. */
int probe_vm_start(struct probe_vm *vm);

/*
 * Lets it run its guest, one `out`, which ends KVM_RUN with KVM_EXIT_IO, and end. 0; 1 if it could not run a guest (no
 * /dev/kvm, or another architecture); -ETIMEDOUT if it had to be killed.
 */
int probe_vm_run(struct probe_vm *vm);

#endif /* RONDO_BPFD_PROBE_VM_H */
