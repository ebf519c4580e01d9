// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vm.c - the virtual machine: KVM's descriptors, guest memory, what KVM offers
 */
#include "vm.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Three pages that KVM needs on Intel processors, below the firmware's place, in no one's way. */
#define TSS_ADDRESS UINT64_C(0xfffbd000)

int vm_fail(struct vm *vm, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(vm->error, sizeof(vm->error), format, args);
	va_end(args);
	return -1;
}

static int open_kvm(struct vm *vm)
{
	int version;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0) {
		switch (errno) {
		case ENOENT:
		case ENODEV:
		case ENXIO:
			return vm_fail(vm, "/dev/kvm is not there: load KVM (modprobe kvm_amd, or "
					   "kvm_intel) and see that the firmware, or the machine "
					   "around this one, has virtualization switched on");
		case EACCES:
		case EPERM:
			return vm_fail(vm,
				       "/dev/kvm: permission denied: be root, or join its group "
				       "(usermod -aG kvm USER, then log in anew)");
		default:
			return vm_fail(vm, "/dev/kvm: %s", strerror(errno));
		}
	}
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION)
		return vm_fail(vm, "/dev/kvm has API version %d, and this program speaks %d only",
			       version, KVM_API_VERSION);
	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IMMEDIATE_EXIT) <= 0)
		return vm_fail(vm, "this KVM lacks KVM_CAP_IMMEDIATE_EXIT (Linux 4.12)");
	return 0;
}

static int read_cpuid(struct vm *vm)
{
	const unsigned int max = 256;
	unsigned int i;

	vm->cpuid = calloc(1, sizeof(*vm->cpuid) + max * sizeof(vm->cpuid->entries[0]));
	if (!vm->cpuid)
		return vm_fail(vm, "out of memory");
	vm->cpuid->nent = max;
	if (ioctl(vm->kvm_fd, KVM_GET_SUPPORTED_CPUID, vm->cpuid))
		return vm_fail(vm, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	for (i = 0; i < vm->cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &vm->cpuid->entries[i];

		if (e->function == KVM_CPUID_FEATURES)
			vm->has_steal_time = e->eax & 1u << KVM_FEATURE_STEAL_TIME;
	}
	return 0;
}

static int map_memory(struct vm *vm, unsigned int memory_mib)
{
	struct kvm_userspace_memory_region region = { 0 };
	size_t size = (size_t)memory_mib << 20;

	vm->memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->memory == MAP_FAILED) {
		vm->memory = NULL;
		return vm_fail(vm, "%u MiB of guest memory: %s", memory_mib, strerror(errno));
	}
	vm->memory_size = size;
	region.memory_size = size;
	region.userspace_addr = (uintptr_t)vm->memory;
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return vm_fail(vm, "KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
	vm->n_slots = 1;
	return 0;
}

/* The two 8259 and the I/O APIC, and the 8254. */
struct vm_saved {
	struct kvm_irqchip chips[3];
	struct kvm_pit_state2 pit;
};

static int save_irqchip(struct vm *vm)
{
	struct vm_saved *s = calloc(1, sizeof(*s));
	unsigned int i;

	vm->saved = s;
	for (i = 0; s && i < 3; i++) {
		s->chips[i].chip_id = i;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &s->chips[i]))
			return vm_fail(vm, "KVM_GET_IRQCHIP: %s", strerror(errno));
	}
	if (!s || ioctl(vm->fd, KVM_GET_PIT2, &s->pit))
		return vm_fail(vm, "KVM_GET_PIT2: %s", strerror(errno));
	return 0;
}

int vm_reset(struct vm *vm)
{
	unsigned int i;

	if (madvise(vm->memory, vm->memory_size, MADV_DONTNEED))
		return vm_fail(vm, "guest memory can't be emptied: %s", strerror(errno));
	for (i = 0; vm->saved && i < 3; i++)
		if (ioctl(vm->fd, KVM_SET_IRQCHIP, &vm->saved->chips[i]))
			return vm_fail(vm, "KVM_SET_IRQCHIP: %s", strerror(errno));
	if (vm->saved && ioctl(vm->fd, KVM_SET_PIT2, &vm->saved->pit))
		return vm_fail(vm, "KVM_SET_PIT2: %s", strerror(errno));
	return 0;
}

static int create_irqchip(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return vm_fail(vm, "KVM_CREATE_IRQCHIP: %s", strerror(errno));
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		return vm_fail(vm, "KVM_CREATE_PIT2: %s", strerror(errno));
	vm->has_irqchip = true;
	return save_irqchip(vm);
}

int vm_create(struct vm *vm, unsigned int memory_mib, bool irqchip)
{
	int size;

	memset(vm, 0, sizeof(*vm));
	vm->kvm_fd = -1;
	vm->fd = -1;
	if (open_kvm(vm) || read_cpuid(vm))
		return -1;
	size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return vm_fail(vm, "KVM_GET_VCPU_MMAP_SIZE: %d bytes", size);
	vm->run_size = (size_t)size;
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return vm_fail(vm, "KVM_CREATE_VM: %s", strerror(errno));
	if (ioctl(vm->kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR) > 0 &&
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS))
		return vm_fail(vm, "KVM_SET_TSS_ADDR: %s", strerror(errno));
	if (irqchip && create_irqchip(vm))
		return -1;
	return map_memory(vm, memory_mib);
}

int vm_take_msrs(struct vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_USER_SPACE_MSR,
				      .args = { KVM_MSR_EXIT_REASON_UNKNOWN } };

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		return vm_fail(vm, "this KVM lacks KVM_CAP_X86_USER_SPACE_MSR (Linux 5.10), which "
				   "--guest msr needs");
	return 0;
}

static int add_line(struct vm *vm)
{
	int fd;

	if (vm->n_lines == VM_LINES_MAX)
		return vm_fail(vm, "more than %d interrupts and doorbells", VM_LINES_MAX);
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return vm_fail(vm, "eventfd: %s", strerror(errno));
	vm->lines[vm->n_lines++] = fd;
	return fd;
}

int vm_irq(struct vm *vm, unsigned int gsi)
{
	struct kvm_irqfd irq = { .gsi = gsi };
	int fd = add_line(vm);

	if (fd < 0)
		return -1;
	irq.fd = (uint32_t)fd;
	if (ioctl(vm->fd, KVM_IRQFD, &irq))
		return vm_fail(vm, "KVM_IRQFD %u: %s", gsi, strerror(errno));
	return fd;
}

int vm_doorbell(struct vm *vm, uint64_t address, uint32_t value)
{
	struct kvm_ioeventfd bell = { .datamatch = value,
				      .addr = address,
				      .len = sizeof(value),
				      .flags = KVM_IOEVENTFD_FLAG_DATAMATCH };

	bell.fd = add_line(vm);
	if (bell.fd < 0)
		return -1;
	if (ioctl(vm->fd, KVM_IOEVENTFD, &bell))
		return vm_fail(vm, "KVM_IOEVENTFD %#llx: %s", (unsigned long long)address,
			       strerror(errno));
	return bell.fd;
}

void vm_destroy(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->n_lines; i++)
		close(vm->lines[i]);
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm_fd >= 0)
		close(vm->kvm_fd);
	if (vm->memory)
		munmap(vm->memory, vm->memory_size);
	free(vm->cpuid);
	free(vm->saved);
}

void *vm_memory(const struct vm *vm, uint64_t address, uint64_t size)
{
	if (address > vm->memory_size || size > vm->memory_size - address)
		return NULL;
	return vm->memory + address;
}
