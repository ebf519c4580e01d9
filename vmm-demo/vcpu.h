/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vcpu.h - one virtual CPU and the thread that runs it
 *
 * The thread's life: pin, prime (one KVM_RUN that returns at once, so that an observer outside
 * starts to count at a known figure), wait for vcpu_go(), run until the guest ends or vcpu_stop(),
 * then sleep until vcpu_leave().  All members are the thread's until vcpu_is_parked(), and after
 * that whoever saw it.
 */
#ifndef RONDO_VMM_VCPU_H
#define RONDO_VMM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "exits.h"
#include "recorder.h"
#include "schedstat.h"
#include "vm.h"

struct kvm_run;
struct vcpu_saved;

enum vcpu_phase {
	VCPU_CREATED,
	VCPU_PRIMED,
	VCPU_RUNNING,
	VCPU_PARKED,
	VCPU_LEAVING,
};

struct vcpu {
	/* set at creation */
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	uint64_t tsc_khz;
	int pin;            /* CPU, or -1 */
	uint64_t halt_ns;   /* sleep for each HLT */
	int parked_eventfd; /* told when the thread parks */
	bool sandbox;       /* the thread gives up its rights before it enters the guest */
	/* whether a HLT that comes to user space is the guest's last one; NULL: it never is */
	bool (*is_done)(const struct vm *vm, unsigned int vcpu);
	struct recorder_vcpu *recorder; /* NULL: nothing is recorded */

	struct vcpu_saved *saved; /* for a reset: vcpu_state.c */

	/* the thread, and how it is talked to */
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum vcpu_phase phase; /* under lock */
	bool stop;             /* atomic; see vcpu_stop() */
	bool pause;            /* atomic; see vcpu_pause() */
	bool held;             /* under lock: it has seen that, and waits */

	/* its account */
	pid_t tid;
	int schedstat_fd;
	struct schedstat baseline;  /* before the priming run */
	uint64_t steal_after_ns;    /* field 2 after it */
	uint64_t exits[EXIT_SLOTS]; /* these four: others may read them by counter_read() */
	uint64_t run_ns;
	uint64_t exit_ns;
	struct durations durations; /* exit_ns, one by one */
	uint64_t halted_ns; /* asleep for a HLT: part of exit_ns, unless a stop cut it short */
	bool done;          /* the guest came to its end */
	bool triple_fault;  /* the guest's own failure */
	char failure[192];  /* "" unless this vCPU failed */
};

/* The exit reasons that vcpu_run has a handler for, and intr: up to EXIT_SLOTS; returns how many. */
unsigned int vcpu_known_exits(unsigned int slots[EXIT_SLOTS]);

/*
 * A vCPU that vcpu_set_start() gives its first instruction.  cpus: how many the VM will have, as
 * CPUID tells it.  0, or -1 and vm->error; vcpu_destroy() takes any half.
 */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int index, unsigned int cpus);
void vcpu_destroy(struct vcpu *vcpu);

/* Starts the thread and waits until it is primed.  0, or -1 and vm->error. */
int vcpu_start(struct vcpu *vcpu);
void vcpu_go(struct vcpu *vcpu);

/* Ends the run at the next instruction border, wherever the thread is now. */
void vcpu_stop(struct vcpu *vcpu);

/*
 * Holds the thread outside the guest, nothing half done: its registers may be read and set.  By
 * vcpu_wait_held()'s return it is so, or the thread is parked.  vcpu_resume() lets it go on.
 */
void vcpu_pause(struct vcpu *vcpu);
void vcpu_wait_held(struct vcpu *vcpu);
void vcpu_resume(struct vcpu *vcpu);

/* The thread's part of that: waits until it is resumed, or stopped. */
void vcpu_hold(struct vcpu *vcpu);

bool vcpu_is_parked(struct vcpu *vcpu);

/* Lets the thread go and joins it. */
void vcpu_leave(struct vcpu *vcpu);

#endif
