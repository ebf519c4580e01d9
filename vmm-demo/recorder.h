/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * recorder.h - all that rondo-vmm does with librondo
 *
 * Each vCPU's thread records its own exits, as they happen; the maintenance tick records what is
 * sampled, and is the only writer of that.  Nothing here stops a guest: where the store fails there
 * is one warning, and the VM runs on without recording.  A SIGBUS in its files is fatal.c's to handle.
 */
#ifndef RONDO_VMM_RECORDER_H
#define RONDO_VMM_RECORDER_H

#include <rondo.h>
#include <stdatomic.h>
#include <stdint.h>
#include "exits.h"
#include "metrics.h"

enum recorder_state {
	RECORDER_OK,
	RECORDER_PARTIAL, /* some series are not recorded: the store has no room for them */
	RECORDER_FAILED,  /* nothing is recorded (any more) */
};

struct recorder {
	struct metrics *metrics;
	rondo_store *store; /* NULL: it could not be opened */
	const char *path;
	_Atomic uint64_t utc_offset; /* UTC minus CLOCK_MONOTONIC, modulo 2^64 */
	_Atomic uint64_t ticked_ns;  /* CLOCK_MONOTONIC of the last tick */
	_Atomic unsigned int state;  /* enum recorder_state */
	char problem[256];           /* one sentence; written before the state leaves OK */
};

/* One vCPU's part, for its thread: its metrics, by what they are. */
struct recorder_vcpu {
	const _Atomic uint64_t *utc_offset;
	struct metric *run;
	struct metric *handling;
	struct metric *exits[EXIT_SLOTS];
};

/*
 * Opens or creates the store and registers the metrics in it, but the rare ones.  After a failure,
 * and its warning, the recorder is there all the same: its calls do nothing, and its state says so.
 * path and metrics stay the caller's, until recorder_close().
 */
void recorder_open(struct recorder *recorder, const char *path, struct metrics *metrics);

/*
 * The maintenance tick, about once a second from one thread: the clocks' offset, what is sampled,
 * series for what came up for the first time, consolidation.
 */
void recorder_tick(struct recorder *recorder);

/* After the vCPU threads' last exit: what is still owed is recorded, or a warning says so. */
void recorder_finish(struct recorder *recorder);

/* Retires the series and closes the store. One that was never opened is allowed. */
void recorder_close(struct recorder *recorder);

/* Records what a histogram is owed, if the store takes it now. */
void recorder_pay(struct metric *metric, uint64_t utc_ns);

/* librondo: hot path begin */

/* By a vCPU's thread.  What the store refuses, as its clock was set back, it is owed: sums are exact. */
static inline void recorder_add(struct metric *m, uint64_t utc_ns, double delta)
{
	rondo_series *series = __atomic_load_n(&m->series, __ATOMIC_ACQUIRE);

	delta += m->owed;
	m->owed = series && rondo_add(series, utc_ns, delta) == RONDO_OK ? 0 : delta;
}

static inline void recorder_observe(struct metric *m, uint64_t utc_ns, uint64_t ns)
{
	rondo_series *series = __atomic_load_n(&m->series, __ATOMIC_ACQUIRE);

	if (__builtin_expect(m->owed > 0, 0))
		recorder_pay(m, utc_ns);
	if (!series || rondo_observe(series, utc_ns, (double)ns) != RONDO_OK) {
		durations_add(m->past, ns);
		m->owed++;
	}
}

/*
 * One return of KVM_RUN: its reason, how long KVM had the thread, how long it took to come back to
 * KVM after the last return (0: there was none).  No lock, no allocation, no system call.
 */
static inline void recorder_exit(struct recorder_vcpu *v, uint64_t monotonic_ns, unsigned int slot,
				 uint64_t run_ns, uint64_t handling_ns)
{
	uint64_t utc_ns = monotonic_ns + atomic_load_explicit(v->utc_offset, memory_order_relaxed);

	recorder_add(v->exits[slot], utc_ns, 1);
	recorder_add(v->run, utc_ns, (double)run_ns);
	if (handling_ns)
		recorder_observe(v->handling, utc_ns, handling_ns);
}

/* librondo: hot path end */

#endif
