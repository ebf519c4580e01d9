/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vm.h - the virtual machine: KVM's descriptors, guest memory, what KVM offers, the two buses
 *
 * Knows no vCPU loop, no guest and no recording.
 */
#ifndef RONDO_VMM_VM_H
#define RONDO_VMM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bus.h"

struct kvm_cpuid2;
struct vm_saved;

#define VM_LINES_MAX 32

struct vm {
	int kvm_fd;
	int fd;
	uint8_t *memory; /* guest address 0; read and write by vm_memory() only */
	size_t memory_size;
	unsigned int n_slots; /* of KVM's memory slots in use */
	size_t run_size;      /* of a vCPU's struct kvm_run mapping */
	struct kvm_cpuid2 *cpuid;
	bool has_steal_time; /* KVM_FEATURE_STEAL_TIME */
	bool has_irqchip;    /* interrupt controllers and timer in KVM: a HLT is KVM's to handle */
	struct bus ports;
	struct bus mmio;
	struct bus msrs;         /* by register number: those that vm_take_msrs() brings here */
	unsigned int n_virtio;   /* devices, at layout_virtio(0) and up */
	int lines[VM_LINES_MAX]; /* eventfds of vm_irq() and vm_doorbell() */
	unsigned int n_lines;
	struct vm_saved *saved; /* the interrupt controllers, for vm_reset() */
	char error[256];        /* why the last call failed, one line */
};

/*
 * irqchip: with interrupt controllers and a timer, which Linux needs; without them every HLT comes
 * back from KVM_RUN.  0, or -1 and vm->error.  vm_destroy() takes any half-made state.
 */
int vm_create(struct vm *vm, unsigned int memory_mib, bool irqchip);
void vm_destroy(struct vm *vm);

/*
 * While all vCPUs are held: guest memory is zeros again, and interrupt controllers and timer are as
 * they were at creation.  0, or -1 and vm->error.
 */
int vm_reset(struct vm *vm);

/*
 * The only way to guest memory: NULL if [address, address + size) isn't all memory.  The guest may
 * change what lies there at any time: read a value once, then check it, then use it.
 */
void *vm_memory(const struct vm *vm, uint64_t address, uint64_t size);

/*
 * From now on a model-specific register that KVM doesn't know is not the guest's fault (#GP) at
 * once, but comes to user space.  0, or -1 and vm->error.
 */
int vm_take_msrs(struct vm *vm);

/*
 * Two eventfds that KVM itself looks after; they are the VM's to close.  -1 and vm->error.
 * vm_irq(): a write raises that interrupt, as an edge.  vm_doorbell(): can be read once the guest
 * has written that value (4 bytes) to that address, without a return to user space.
 */
int vm_irq(struct vm *vm, unsigned int gsi);
int vm_doorbell(struct vm *vm, uint64_t address, uint32_t value);

/* Sets vm->error; returns -1. */
int vm_fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
