// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vms.c - the VMs that live now, and their vCPUs
 *
 * Plain lists: they are walked when a vCPU comes or goes, not per record.
 */
#include "vms.h"

#include <stdlib.h>
#include <string.h>

struct vm *vms_find(struct vms *t, uint32_t tgid, uint64_t start, uint64_t kvm)
{
	struct vm *vm;

	for (vm = t->vms; vm; vm = vm->next)
		if (vm->tgid == tgid && vm->start == start && vm->kvm == kvm)
			return vm;
	return NULL;
}

struct vm *vms_of_process(const struct vms *t, uint32_t tgid, uint64_t kvm)
{
	struct vm *vm;

	for (vm = t->of_hash[tgid % VMS_HASH]; vm; vm = vm->next_of_hash)
		if (vm->tgid == tgid && (!kvm || vm->kvm == kvm))
			return vm;
	return NULL;
}

void vms_forget_process(struct vms *t, struct vm *vm)
{
	struct vm **p = &t->of_hash[vm->tgid % VMS_HASH];

	while (*p && *p != vm)
		p = &(*p)->next_of_hash;
	if (*p)
		*p = vm->next_of_hash;
}

struct vm *vms_named(struct vms *t, const char *instance)
{
	struct vm *vm;

	for (vm = t->vms; vm; vm = vm->next)
		if (!strcmp(vm->instance, instance))
			return vm;
	return NULL;
}

static bool has_ordinal(const struct vms *t, const struct vm *vm, uint32_t ordinal)
{
	const struct vm *other;

	for (other = t->vms; other; other = other->next)
		if (other->tgid == vm->tgid && other->start == vm->start &&
		    other->ordinal == ordinal)
			return true;
	return false;
}

struct vm *vms_add(struct vms *t, uint32_t tgid, uint64_t start, uint64_t kvm)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->tgid = tgid;
	vm->start = start;
	vm->kvm = kvm;
	vm->instance = vm->who.instance;
	while (has_ordinal(t, vm, vm->ordinal))
		vm->ordinal++;
	vm->next = t->vms;
	t->vms = vm;
	vm->next_of_hash = t->of_hash[tgid % VMS_HASH];
	t->of_hash[tgid % VMS_HASH] = vm;
	return vm;
}

struct vcpu *vms_vcpu(struct vms *t, struct vm *vm, int32_t id, bool *is_new)
{
	struct vcpu *vcpu;

	*is_new = false;
	for (vcpu = t->vcpus; vcpu; vcpu = vcpu->next)
		if (vcpu->vm == vm && vcpu->id == id)
			return vcpu;
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return NULL;
	*is_new = true;
	vcpu->vm = vm;
	vcpu->id = id;
	vm->n_vcpus++;
	vcpu->next = t->vcpus;
	t->vcpus = vcpu;
	return vcpu;
}

static void remove_vm(struct vms *t, struct vm *vm)
{
	struct vm **p = &t->vms;

	while (*p && *p != vm)
		p = &(*p)->next;
	if (*p)
		*p = vm->next;
	vms_forget_process(t, vm);
	free(vm);
}

void vms_remove(struct vms *t, struct vcpu *vcpu)
{
	struct vcpu **p = &t->vcpus;
	struct vm *vm = vcpu->vm;

	while (*p && *p != vcpu)
		p = &(*p)->next;
	if (*p)
		*p = vcpu->next;
	free(vcpu);
	if (!--vm->n_vcpus)
		remove_vm(t, vm);
}
