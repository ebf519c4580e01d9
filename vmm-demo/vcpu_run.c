// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vcpu_run.c - the loop around KVM_RUN: enter, count, record, dispatch by exit reason
 *
 * Every return of KVM_RUN is counted under its reason, one that a signal caused (-EINTR) as intr.
 * Time is split in two by CLOCK_MONOTONIC: inside KVM_RUN, and between a return and the next
 * entry.  The lines between "librondo: hot path" marks are all that embedding the store takes here.
 */
#include "vcpu_run.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "clock.h"

enum next {
	NEXT_RUN,  /* enter the guest again */
	NEXT_DONE, /* the guest has come to its end */
	NEXT_FAIL, /* v->failure says why */
};

/* The calling thread's vCPU, for the kick. */
static __thread struct kvm_run *volatile kicked;

static void on_kick(int number)
{
	struct kvm_run *run = kicked;

	(void)number;
	if (run)
		__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_RELAXED);
}

int vcpu_run_init(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	sigemptyset(&action.sa_mask);
	return sigaction(VCPU_KICK_SIGNAL, &action, NULL);
}

static bool stopped(struct vcpu *v)
{
	return __atomic_load_n(&v->stop, __ATOMIC_SEQ_CST);
}

static bool paused(struct vcpu *v)
{
	return __atomic_load_n(&v->pause, __ATOMIC_SEQ_CST);
}

static enum next on_io(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	struct bus_access access = {
		.vcpu = v->index,
		.write = run->io.direction == KVM_EXIT_IO_OUT,
		.size = run->io.size,
		.data = (uint8_t *)run + run->io.data_offset,
	};
	uint32_t i;

	for (i = 0; i < run->io.count; i++, access.data += access.size)
		bus_access(&v->vm->ports, run->io.port, access);
	return NEXT_RUN;
}

static enum next on_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;

	bus_access(&v->vm->mmio, run->mmio.phys_addr,
		   (struct bus_access){ .vcpu = v->index,
					.write = run->mmio.is_write,
					.size = run->mmio.len,
					.data = run->mmio.data });
	return NEXT_RUN;
}

/* A register that nobody knows, not even here, is a fault of the guest's: it gets its #GP. */
static enum next on_msr(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	struct bus_access access = {
		.vcpu = v->index,
		.write = run->exit_reason == KVM_EXIT_X86_WRMSR,
		.size = sizeof(run->msr.data),
		.data = (uint8_t *)&run->msr.data,
	};

	run->msr.error = !bus_access(&v->vm->msrs, run->msr.index, access);
	return NEXT_RUN;
}

/* Without an interrupt controller in KVM a HLT comes here: nothing but time will end it. */
static enum next on_hlt(struct vcpu *v)
{
	uint64_t begin, until;
	struct timespec deadline;

	if (v->is_done && v->is_done(v->vm, v->index))
		return NEXT_DONE;
	if (!v->halt_ns)
		return NEXT_RUN;
	begin = clock_monotonic();
	until = begin + v->halt_ns;
	deadline = clock_timespec(until);
	pthread_mutex_lock(&v->lock);
	while (!stopped(v) && !paused(v) && clock_monotonic() < until)
		pthread_cond_timedwait(&v->changed, &v->lock, &deadline);
	pthread_mutex_unlock(&v->lock);
	v->halted_ns += clock_monotonic() - begin;
	return NEXT_RUN;
}

/* Nothing to do but enter again: the loop looks at `stop` and `pause`. */
static enum next on_nothing(struct vcpu *v)
{
	(void)v;
	return NEXT_RUN;
}

__attribute__((format(printf, 2, 3))) static enum next failed(struct vcpu *v, const char *format,
							      ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(v->failure, sizeof(v->failure), format, args);
	va_end(args);
	return NEXT_FAIL;
}

static enum next on_shutdown(struct vcpu *v)
{
	v->triple_fault = true;
	return failed(v, "the guest shut down by a triple fault");
}

static enum next on_fail_entry(struct vcpu *v)
{
	return failed(v, "the hardware refused to enter the guest, reason %#llx",
		      (unsigned long long)v->run->fail_entry.hardware_entry_failure_reason);
}

static enum next on_internal_error(struct vcpu *v)
{
	struct kvm_regs regs = { .rip = 0 };

	ioctl(v->fd, KVM_GET_REGS, &regs);
	return failed(v, "KVM gave up (internal error %u) at %#llx", v->run->internal.suberror,
		      (unsigned long long)regs.rip);
}

static enum next (*const handlers[EXIT_SLOTS])(struct vcpu *v) = {
	[KVM_EXIT_IO] = on_io,
	[KVM_EXIT_MMIO] = on_mmio,
	[KVM_EXIT_HLT] = on_hlt,
	[KVM_EXIT_INTR] = on_nothing,
	[EXIT_ERROR] = on_nothing,
	[KVM_EXIT_X86_RDMSR] = on_msr,
	[KVM_EXIT_X86_WRMSR] = on_msr,
	[KVM_EXIT_SHUTDOWN] = on_shutdown,
	[KVM_EXIT_FAIL_ENTRY] = on_fail_entry,
	[KVM_EXIT_INTERNAL_ERROR] = on_internal_error,
};

unsigned int vcpu_known_exits(unsigned int slots[EXIT_SLOTS])
{
	unsigned int i, n = 0;

	for (i = 0; i < EXIT_SLOTS; i++)
		if (handlers[i])
			slots[n++] = i;
	return n;
}

/*
 * One KVM_RUN, counted and recorded.  *left: when the last one returned, 0 if there was none.
 * Returns the exit's slot, or -1 and v->failure.
 */
static int enter(struct vcpu *v, uint64_t *left)
{
	uint64_t entered = clock_monotonic();
	uint64_t handling = *left ? entered - *left : 0;
	int slot = KVM_EXIT_INTR;

	if (ioctl(v->fd, KVM_RUN, 0) == 0) {
		slot = (int)exit_slot(v->run->exit_reason);
	} else if (errno == EAGAIN) {
		slot = EXIT_ERROR;
	} else if (errno != EINTR) {
		failed(v, "KVM_RUN: %s", strerror(errno));
		return -1;
	}
	*left = clock_monotonic();
	counter_add(&v->exits[slot], 1);
	counter_add(&v->run_ns, *left - entered);
	if (handling) {
		counter_add(&v->exit_ns, handling);
		durations_add(&v->durations, handling);
	}

	/* librondo: hot path begin */
	if (v->recorder)
		recorder_exit(v->recorder, *left, (unsigned int)slot, *left - entered, handling);
	/* librondo: hot path end */
	return slot;
}

/*
 * An observer of KVM's tracepoints gets to know this thread by its first KVM_RUN, and counts its
 * steal from there.  Where nothing takes the CPU from it in between, the reading before that run
 * and the one after are the same figure: what the observer starts with.  So it happens under a
 * real-time policy, where we may have one, and else in a slice that has just begun.
 */
static int first_run(struct vcpu *v)
{
	const struct sched_param fifo = { .sched_priority = 1 };
	const struct timespec slice = { 0, 2000000 };
	int policy = sched_getscheduler(0);
	struct sched_param normal;
	struct schedstat after;
	bool raised, read_all;
	uint64_t left = 0;
	int slot;

	nanosleep(&slice, NULL);
	raised = policy >= 0 && !sched_getparam(0, &normal) &&
		 !sched_setscheduler(0, SCHED_FIFO, &fifo);
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELAXED);
	read_all = schedstat_read(v->schedstat_fd, &v->baseline);
	slot = enter(v, &left);
	read_all &= schedstat_read(v->schedstat_fd, &after);
	if (raised && sched_setscheduler(0, policy, &normal))
		return failed(v, "sched_setscheduler: %s", strerror(errno)), -1;
	if (slot < 0)
		return -1;
	if (!read_all)
		return failed(v, "schedstat: can't be read"), -1;
	v->steal_after_ns = after.steal_ns;
	return 0;
}

int vcpu_run_prime(struct vcpu *v)
{
	char name[16];
	cpu_set_t cpus;

	v->tid = gettid();
	snprintf(name, sizeof(name), "vcpu%u", v->index);
	pthread_setname_np(pthread_self(), name);
	kicked = v->run;
	if (v->pin >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET(v->pin, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			return failed(v, "can't be pinned to CPU %d: %s", v->pin, strerror(errno)),
			       -1;
	}
	/* Timers to the microsecond, or each HLT's sleep takes 50 us more than it should. */
	prctl(PR_SET_TIMERSLACK, 1000UL);
	v->schedstat_fd = schedstat_open(v->tid);
	if (v->schedstat_fd < 0)
		return failed(v, "/proc/self/task/%d/schedstat: %s", v->tid, strerror(errno)), -1;
	return first_run(v);
}

void vcpu_run(struct vcpu *v)
{
	enum next next = NEXT_RUN;
	uint64_t left = 0;

	while (next == NEXT_RUN) {
		bool hold;
		int slot;

		/* In this order: a kick between the two lines is seen by the second. */
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (stopped(v))
			break;
		/* So that KVM ends what the last exit began, and comes back at once. */
		hold = paused(v);
		if (hold)
			__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELAXED);
		slot = enter(v, &left);
		if (slot < 0)
			break;
		if (handlers[slot])
			next = handlers[slot](v);
		else
			next = failed(v, "KVM_RUN returned reason %u, which nothing here handles",
				      v->run->exit_reason);
		if (hold && slot == KVM_EXIT_INTR) {
			vcpu_hold(v);
			left = 0; /* that was no handling */
		}
	}
	v->done = next == NEXT_DONE;
}
