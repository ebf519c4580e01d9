// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * probe_vm.c - a VM of one instruction
 *
 * Its process inherits nothing that it needs and touches nothing of the parent: it opens /dev/kvm,
 * runs, and ends by _exit.
 */
#include "probe_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 10000
#define GUEST_SIZE 4096
#define GUEST_AT   0x1000

#if defined(__x86_64__)

/* In real mode, from CS:IP 0:GUEST_AT. */
static bool set_registers(int vcpu)
{
	struct kvm_regs regs = { .rip = GUEST_AT, .rflags = 2 };
	struct kvm_sregs sregs;

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		return false;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	return !ioctl(vcpu, KVM_SET_SREGS, &sregs) && !ioctl(vcpu, KVM_SET_REGS, &regs);
}

static bool run_guest(void)
{
	static const unsigned char code[] = { 0xe6, 0x80, 0xf4 }; /* out %al, $0x80; hlt */
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_AT,
		.memory_size = GUEST_SIZE,
	};
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu, size;
	struct kvm_run *run;
	void *memory;

	if (kvm < 0)
		return false;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm < 0 || size < (int)sizeof(*run) || memory == MAP_FAILED)
		return false;
	memcpy(memory, code, sizeof(code));
	region.userspace_addr = (__u64)(uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		return false;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return false;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || !set_registers(vcpu))
		return false;
	while (ioctl(vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			return false;
	return run->exit_reason == KVM_EXIT_IO;
}

#else

static bool run_guest(void)
{
	return false;
}

#endif

int probe_vm_start(struct probe_vm *vm)
{
	int go[2];
	char c;

	if (pipe2(go, O_CLOEXEC))
		return -errno;
	vm->pid = fork();
	if (vm->pid < 0) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	if (!vm->pid) {
		close(go[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(read(go[0], &c, 1) == 1 && run_guest() ? 0 : 1);
	}
	close(go[0]);
	vm->go = go[1];
	return 0;
}

int probe_vm_run(struct probe_vm *vm)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	int i, status = 0;
	pid_t got = 0;

	if (write(vm->go, "g", 1) != 1)
		kill(vm->pid, SIGKILL);
	close(vm->go);
	for (i = 0; i < TIMEOUT_MS / 2 && !got; i++) {
		got = waitpid(vm->pid, &status, WNOHANG);
		if (!got)
			nanosleep(&nap, NULL);
	}
	if (!got) {
		kill(vm->pid, SIGKILL);
		waitpid(vm->pid, &status, 0);
		return -ETIMEDOUT;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : 1;
}
