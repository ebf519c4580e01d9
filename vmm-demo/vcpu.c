// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vcpu.c - makes a virtual CPU, and starts, stops, parks and ends its thread
 *
 * What the thread does between is vcpu_run.c, what is in the registers vcpu_state.c.
 */
#include "vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sandbox.h"
#include "vcpu_run.h"
#include "vcpu_state.h"

int vcpu_create(struct vcpu *v, struct vm *vm, unsigned int index, unsigned int cpus)
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
	if (vcpu_set_cpuid(v, cpus))
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
	free(v->saved);
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
		if (v->sandbox && sandbox_enter(SANDBOX_VCPU))
			snprintf(v->failure, sizeof(v->failure), "seccomp: %s", strerror(errno));
		else
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

/*
 * The order that loses no wake-up: the flag, then the signal.  Wherever the thread is, it either
 * looks at the flag later than this, or is asleep on `changed`, or the signal's handler sets
 * immediate_exit before its KVM_RUN gets to the guest.
 */
static void kick(struct vcpu *v, bool *flag)
{
	pthread_mutex_lock(&v->lock);
	__atomic_store_n(flag, true, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
	if (v->has_thread)
		pthread_kill(v->thread, VCPU_KICK_SIGNAL);
}

void vcpu_stop(struct vcpu *v)
{
	kick(v, &v->stop);
}

void vcpu_pause(struct vcpu *v)
{
	kick(v, &v->pause);
}

void vcpu_wait_held(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	while (!v->held && v->phase != VCPU_PARKED)
		pthread_cond_wait(&v->changed, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_resume(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	__atomic_store_n(&v->pause, false, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

void vcpu_hold(struct vcpu *v)
{
	pthread_mutex_lock(&v->lock);
	v->held = true;
	pthread_cond_broadcast(&v->changed);
	while (v->pause && !v->stop)
		pthread_cond_wait(&v->changed, &v->lock);
	v->held = false;
	pthread_mutex_unlock(&v->lock);
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
