/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * durations.h - how long things took, counted into buckets
 *
 * One thread counts; any other may read meanwhile: each number by itself is right, and none ever
 * goes down, but the sum may be one duration ahead of, or behind, the counts.
 */
#ifndef RONDO_VMM_DURATIONS_H
#define RONDO_VMM_DURATIONS_H

#include <stdint.h>

/* Upper bounds in ns, inclusive: 1-2-5 from 500 ns to 1 s. What is longer goes into one bucket more. */
#define DURATIONS_BOUNDS                                                                           \
	500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000, 2000000,      \
		5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000
#define DURATIONS_BOUNDS_NR  20
#define DURATIONS_BUCKETS_NR (DURATIONS_BOUNDS_NR + 1)

struct durations {
	uint64_t counts[DURATIONS_BUCKETS_NR];
	uint64_t sum_ns;
};

/* What one thread alone writes and others read: plain moves, never torn. */
static inline void counter_add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t counter_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void durations_add(struct durations *d, uint64_t ns)
{
	static const uint64_t bounds[DURATIONS_BOUNDS_NR] = { DURATIONS_BOUNDS };
	unsigned int i = 0;

	while (i < DURATIONS_BOUNDS_NR && ns > bounds[i])
		i++;
	counter_add(&d->counts[i], 1);
	counter_add(&d->sum_ns, ns);
}

#endif
