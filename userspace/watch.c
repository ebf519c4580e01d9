// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * watch.c - what is known of VMs and the host beside their vCPUs' slots
 */
#include "watch.h"

#include <stdlib.h>
#include <string.h>

/* Throttled time needs the cgroup that the VM's manager puts it into, maybe only later. */
#define CGROUP_TICKS 10

static const char *vm_of(void *ctx, uint32_t tgid)
{
	const struct watch *w = ctx;
	struct vm *vm = vms_of_process(w->vms, tgid, 0);

	return vm ? vm->instance : NULL;
}

int watch_begin(struct watch *w, const struct capabilities *c, struct kernel *k, struct store *s,
		struct vms *vms, uint32_t top, uint64_t wall_ns)
{
	*w = (struct watch){ .c = c, .k = k, .s = s, .vms = vms, .until = wall_ns };
	w->culprits = culprits_new(top, vm_of, w);
	if (!w->culprits)
		return -1;
	host_series_begin(&w->host, s, k);
	return 0;
}

void watch_free(struct watch *w)
{
	culprits_free(w->culprits);
	w->culprits = NULL;
}

void watch_vm_begin(struct watch *w, struct vm *vm, uint32_t tid)
{
	vm->tid = tid;
	kernel_vm_process(w->k, vm->tgid, true);
	if (vm->left_out)
		return;
	vm_series_begin(&vm->series, w->s, w->c, vm->instance, tid);
	culprits_begin(w->culprits, &vm->culprits, vm->instance, vm->tgid, vm->kvm);
}

static struct span span_until(const struct watch *w, uint64_t wall_ns)
{
	return (struct span){
		.from = w->until < wall_ns ? w->until : wall_ns,
		.to = wall_ns,
	};
}

void watch_vm_end(struct watch *w, struct vm *vm, uint64_t wall_ns)
{
	struct span span = span_until(w, wall_ns);

	if (!vm->left_out) {
		culprits_add(&vm->culprits, vm->series.sums.by);
		culprits_end(w->culprits, &vm->culprits, w->k, w->s, span);
		vm_series_tick(&vm->series, w->s, 0, span);
		vm_series_end(&vm->series, w->s, wall_ns);
		cpu_times_end(&vm->cpus, w->s, wall_ns);
	}
	/* It may hold others. */
	vms_forget_process(w->vms, vm);
	if (!vms_of_process(w->vms, vm->tgid, 0))
		kernel_vm_process(w->k, vm->tgid, false);
}

void watch_vcpu(struct vcpu *vcpu)
{
	vm_series_take(&vcpu->vm->series, &vcpu->series.sums);
}

static void one_thread(void *ctx, const struct rbpf_thread *thread)
{
	struct watch *w = ctx;
	uint32_t tgid = thread->tgid;
	struct vm *vm;

	if (thread->kthread)
		tgid = (uint32_t)strtoul(thread->comm + strlen("vhost-"), NULL, 10);
	vm = vms_of_process(w->vms, tgid, 0);
	if (vm && !vm->left_out)
		vm_series_thread(&vm->series, thread);
}

static void one_cpu(void *ctx, const struct rbpf_cpu_key *key, uint64_t ns)
{
	struct watch *w = ctx;
	struct vm *vm = vms_of_process(w->vms, key->tgid, key->kvm);

	if (vm)
		cpu_times_add(&vm->cpus, key->cpu, ns);
	else
		kernel_forget_cpu(w->k, key);
}

void watch_cpu(struct vm *vm, const struct rbpf_slot *slot, uint64_t now)
{
	uint64_t open = now - kernel_load(slot->on_since);

	if (kernel_load(slot->off) == RBPF_ON && (int64_t)open > 0)
		cpu_times_add(&vm->cpus, kernel_load(slot->cpu), open);
}

static void follow_cgroup(struct vm *vm, uint64_t ticks)
{
	struct throttle now, *t = &vm->series.throttle;

	if (ticks % CGROUP_TICKS != 1 || !vm->series.throttled)
		return;
	now.total = t->total;
	if (throttle_begin(&now, vm->tid) && strcmp(now.path, t->path) != 0) {
		throttle_end(t);
		*t = now;
	} else {
		throttle_end(&now);
	}
}

void watch_tick(struct watch *w, const uint64_t lost[LOST_NR], uint64_t wall_ns)
{
	struct span span = span_until(w, wall_ns);
	struct host_sums sums = { 0 };
	struct vm *vm;
	uint64_t tick = store_tick_ns(w->s);

	if (store_has(w->s, GROUP_CPUS))
		kernel_cpus(w->k, one_cpu, w);
	if (store_has(w->s, GROUP_VM))
		kernel_threads(w->k, one_thread, w);
	for (vm = w->vms->vms; vm; vm = vm->next)
		if (!vm->left_out)
			culprits_add(&vm->culprits, vm->series.sums.by);
	if (store_has(w->s, GROUP_CULPRITS))
		culprits_take(w->culprits, w->k, w->s, span);
	for (vm = w->vms->vms; vm; vm = vm->next) {
		sums.vms++;
		sums.vcpus += vm->n_vcpus;
		if (vm->left_out)
			continue;
		sums.steal += vm->series.sums.steal;
		sums.wall += vm->series.sums.wall;
		follow_cgroup(vm, w->host.ticks);
		culprits_tick(&vm->culprits, w->s, span);
		cpu_times_tick(&vm->cpus, w->s, vm->instance, span);
		vm_series_tick(&vm->series, w->s, vm->n_vcpus, span);
	}
	host_series_tick(&w->host, w->s, w->k, &sums, lost, wall_ns % tick, span);
	w->until = wall_ns;
}
