/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vm.h - the virtual machine: KVM's descriptors, guest memory, what KVM offers, the two buses
 *
 * Knows no vCPU loop, no guest and no recording.  What comes with Linux guests (interrupt
 * controllers, timers) is created in vm_create() too.
 */
#ifndef RONDO_VMM_VM_H
#define RONDO_VMM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "bus.h"

struct kvm_cpuid2;

struct vm {
	int kvm_fd;
	int fd;
	uint8_t *memory; /* guest address 0; read and write by vm_memory() only */
	size_t memory_size;
	unsigned int n_slots; /* of KVM's memory slots in use */
	size_t run_size;      /* of a vCPU's struct kvm_run mapping */
	struct kvm_cpuid2 *cpuid;
	bool has_steal_time; /* KVM_FEATURE_STEAL_TIME */
	struct bus ports;
	struct bus mmio;
	char error[256]; /* why the last call failed, one line */
};

/* 0, or -1 and vm->error.  vm_destroy() takes any half-made state. */
int vm_create(struct vm *vm, unsigned int memory_mib);
void vm_destroy(struct vm *vm);

/* The only way to guest memory: NULL if [address, address + size) isn't all memory. */
void *vm_memory(const struct vm *vm, uint64_t address, uint64_t size);

/* Sets vm->error; returns -1. */
int vm_fail(struct vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
