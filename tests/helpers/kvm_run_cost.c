// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What a KVM_RUN costs that does not enter the guest (immediate_exit): the system call, and KVM's loading
 * and putting of the vCPU. Prints the mean of many, in ns. Without rondo's help: it is an oracle.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5000

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(void)
{
	int kvm = open("/dev/kvm", O_RDWR), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run;
	uint64_t begin;

	if (vcpu < 0 || size < (int)sizeof(*run))
		err(1, "/dev/kvm");
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		err(1, "mmap");
	run->immediate_exit = 1;
	begin = now();
	for (int i = 0; i < ROUNDS; i++)
		if (ioctl(vcpu, KVM_RUN, 0) != -1 || errno != EINTR)
			err(1, "KVM_RUN");
	printf("%llu\n", (unsigned long long)((now() - begin) / ROUNDS));
	close(vcpu);
	close(vm);
	close(kvm);
	return 0;
}
