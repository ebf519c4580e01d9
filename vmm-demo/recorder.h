/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * recorder.h - all that rondo-vmm does with librondo
 *
 * Series {instance, vcpu}: vcpu_exits_total{reason}, vcpu_run_duration_ns, vcpu_exit_duration_ns,
 * which the vCPU's own thread writes at each exit, and vcpu_steal_ns, which only the maintenance
 * tick writes.  Nothing here stops a guest: where the store fails there is one warning, and the
 * VM runs on without recording.
 */
#ifndef RONDO_VMM_RECORDER_H
#define RONDO_VMM_RECORDER_H

#include <rondo.h>
#include <stdatomic.h>
#include <stdint.h>
#include "exits.h"

struct recorder;

/*
 * A counter and what it has been refused so far: a clock that was set back makes librondo refuse
 * samples of closed windows, and the sums shall be exact all the same.
 */
struct recorder_counter {
	rondo_series *series;
	double owed;
};

/* One vCPU's part, written by its thread alone. */
struct recorder_vcpu {
	const _Atomic uint64_t *utc_offset; /* UTC minus CLOCK_MONOTONIC, modulo 2^64 */
	struct recorder *recorder;
	unsigned int index;
	struct recorder_counter run;
	struct recorder_counter handling;
	struct recorder_counter exits[EXIT_SLOTS];
} __attribute__((aligned(64)));

/*
 * Opens or creates the store and registers the series of all vCPUs, those of the exit reasons
 * slots[n_slots] included.  NULL after one warning.
 */
struct recorder *recorder_open(const char *store, const char *instance, unsigned int n_vcpus,
			       const unsigned int *slots, unsigned int n_slots);

/* NULL for a NULL recorder. */
struct recorder_vcpu *recorder_of(struct recorder *recorder, unsigned int vcpu);

/*
 * The maintenance tick, about once a second from one thread: the clocks' offset, then each vCPU's
 * steal (cumulative; the first call's is where counting starts), then consolidation.
 */
void recorder_tick(struct recorder *recorder, const uint64_t *steal_ns);

/* After the vCPU threads' last exit: what is still owed is recorded, or a warning says so. */
void recorder_finish(struct recorder *recorder);

/* Retires the series and closes the store. NULL is allowed. */
void recorder_close(struct recorder *recorder);

/* For an exit reason without a series, by the vCPU's own thread: registers it.  Slow. */
void recorder_late_exit(struct recorder_vcpu *v, unsigned int slot);

static inline void recorder_add(struct recorder_counter *c, uint64_t utc_ns, double delta)
{
	delta += c->owed;
	c->owed = rondo_add(c->series, utc_ns, delta) == RONDO_OK ? 0 : delta;
}

/*
 * One return of KVM_RUN: its reason, how long KVM had the thread, how long it took to come back to
 * KVM after the last return.  No lock, no allocation, no system call.
 */
static inline void recorder_exit(struct recorder_vcpu *v, uint64_t monotonic_ns, unsigned int slot,
				 uint64_t run_ns, uint64_t handling_ns)
{
	uint64_t utc_ns = monotonic_ns + atomic_load_explicit(v->utc_offset, memory_order_relaxed);

	if (__builtin_expect(!v->exits[slot].series, 0))
		recorder_late_exit(v, slot);
	if (v->exits[slot].series)
		recorder_add(&v->exits[slot], utc_ns, 1);
	recorder_add(&v->run, utc_ns, (double)run_ns);
	recorder_add(&v->handling, utc_ns, (double)handling_ns);
}

#endif
