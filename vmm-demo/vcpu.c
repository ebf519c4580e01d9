// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vcpu.c - makes a virtual CPU, and starts, stops, parks and ends its thread
 *
 * What the thread does between is vcpu_run.c.
 */
#include "vcpu.h"

#include <asm/kvm_para.h>
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"
#include "layout.h"
#include "vcpu_run.h"

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)

#define CR4_PAE (1u << 5)

#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

#define RFLAGS_ALWAYS 2

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code, bool system)
{
	return (struct kvm_segment){
		.selector = selector,
		.limit = system ? 0x67 : 0xffffffff,
		.type = type,
		.present = 1,
		.s = !system,
		.l = code,
		.db = !code && !system,
		.g = !system,
	};
}

/* 64-bit mode, ring 0, interrupts off, paging by layout_tables(). */
static int set_registers(struct vcpu *v, uint64_t entry)
{
	struct kvm_sregs s;
	struct kvm_regs r = {
		.rip = entry,
		.rsp = layout_stack(v->index),
		.rdi = layout_params(v->index),
		.rflags = RFLAGS_ALWAYS,
	};

	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		return vm_fail(v->vm, "KVM_GET_SREGS: %s", strerror(errno));
	s.cs = segment(LAYOUT_CS, 0xb, true, false);
	s.ds = s.es = s.fs = s.gs = s.ss = segment(LAYOUT_DS, 0x3, false, false);
	s.tr = segment(LAYOUT_TR, 0xb, false, true);
	s.gdt.base = LAYOUT_GDT;
	s.gdt.limit = LAYOUT_TR + 16 - 1;
	s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = LAYOUT_PML4;
	s.cr4 = CR4_PAE;
	s.efer = EFER_LME | EFER_LMA;
	if (ioctl(v->fd, KVM_SET_SREGS, &s))
		return vm_fail(v->vm, "KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(v->fd, KVM_SET_REGS, &r))
		return vm_fail(v->vm, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

/* What KVM supports, with this vCPU's own number where CPUID tells it. */
static int set_cpuid(struct vcpu *v)
{
	struct kvm_cpuid2 *cpuid = v->vm->cpuid;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0x00ffffff) | v->index << 24;
		else if (e->function == 0xb || e->function == 0x1f)
			e->edx = v->index;
	}
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid))
		return vm_fail(v->vm, "KVM_SET_CPUID2: %s", strerror(errno));
	return 0;
}

/* KVM writes the guest's steal time into guest memory from the next entry on. */
static int enable_steal_time(struct vcpu *v)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = MSR_KVM_STEAL_TIME,
			   .data = guest_steal_address(v->index) | KVM_MSR_ENABLED },
	};

	if (!v->vm->has_steal_time)
		return 0;
	if (ioctl(v->fd, KVM_SET_MSRS, &msrs) != 1)
		return vm_fail(v->vm, "KVM_SET_MSRS: MSR_KVM_STEAL_TIME was refused");
	return 0;
}

int vcpu_create(struct vcpu *v, struct vm *vm, unsigned int index, uint64_t entry)
{
	pthread_condattr_t attr;
	int khz;

	memset(v, 0, sizeof(*v));
	v->vm = vm;
	v->index = index;
	v->pin = -1;
	v->schedstat_fd = -1;
	v->parked_eventfd = -1;
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->changed, &attr);
	pthread_condattr_destroy(&attr);

	v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return vm_fail(vm, "KVM_CREATE_VCPU %u: %s", index, strerror(errno));
	v->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return vm_fail(vm, "mapping vCPU %u: %s", index, strerror(errno));
	}
	if (set_cpuid(v) || set_registers(v, entry) || enable_steal_time(v))
		return -1;
	khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0)
		return vm_fail(vm, "KVM_GET_TSC_KHZ: %s", khz ? strerror(errno) : "none");
	v->tsc_khz = (uint64_t)khz;
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->vm->run_size);
	if (v->fd >= 0)
		close(v->fd);
	if (v->schedstat_fd >= 0)
		close(v->schedstat_fd);
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
}

static void set_phase(struct vcpu *v, enum vcpu_phase phase)
{
	pthread_mutex_lock(&v->lock);
	v->phase = phase;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

static void wait_phase(struct vcpu *v, enum vcpu_phase phase)
{
	pthread_mutex_lock(&v->lock);
	while (v->phase < phase)
		pthread_cond_wait(&v->changed, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

static void *thread_main(void *arg)
{
	const uint64_t told = 1;
	struct vcpu *v = arg;

	if (vcpu_run_prime(v) == 0) {
		set_phase(v, VCPU_PRIMED);
		wait_phase(v, VCPU_RUNNING);
		vcpu_run(v);
	}
	set_phase(v, VCPU_PARKED);
	/* An eventfd takes this write unless 2^64 - 2 are unread. */
	if (write(v->parked_eventfd, &told, sizeof(told)) < 0)
		perror("rondo-vmm: eventfd");
	wait_phase(v, VCPU_LEAVING);
	return NULL;
}

int vcpu_start(struct vcpu *v)
{
	int error = pthread_create(&v->thread, NULL, thread_main, v);

	if (error)
		return vm_fail(v->vm, "a thread for vCPU %u: %s", v->index, strerror(error));
	v->has_thread = true;
	wait_phase(v, VCPU_PRIMED);
	return vcpu_is_parked(v) ? vm_fail(v->vm, "vCPU %u: %s", v->index, v->failure) : 0;
}

void vcpu_go(struct vcpu *v)
{
	set_phase(v, VCPU_RUNNING);
}

void vcpu_stop(struct vcpu *v)
{
	/*
	 * The order that loses no wake-up: `stop`, then the signal.  Wherever the thread is, it
	 * either looks at `stop` later than this, or is asleep on `changed`, or the signal's
	 * handler sets immediate_exit before its KVM_RUN gets to the guest.
	 */
	pthread_mutex_lock(&v->lock);
	__atomic_store_n(&v->stop, true, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
	if (v->has_thread)
		pthread_kill(v->thread, VCPU_KICK_SIGNAL);
}

bool vcpu_is_parked(struct vcpu *v)
{
	bool parked;

	pthread_mutex_lock(&v->lock);
	parked = v->phase == VCPU_PARKED;
	pthread_mutex_unlock(&v->lock);
	return parked;
}

void vcpu_leave(struct vcpu *v)
{
	if (!v->has_thread)
		return;
	set_phase(v, VCPU_LEAVING);
	pthread_join(v->thread, NULL);
	v->has_thread = false;
}
