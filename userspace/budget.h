/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * budget.h - arithmetic of totals: growth, and its spread over ticks
 *
 * Pure: no clock, no store, no BPF. All values are integers, so that sums are exact.
 */
#ifndef RONDO_BPFD_BUDGET_H
#define RONDO_BPFD_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

/* A spread starts at most so many ticks before its end: the finest tier holds no more. */
#define SPREAD_TICKS 600

/*
 * What a total has grown by since *stored, which becomes the larger of both: a total may be an
 * estimate that the next one takes back, and then it has grown by 0 until it catches up. Totals are
 * differences of 64-bit numbers; one that is negative (as s64) has not grown.
 */
uint64_t budget_growth(uint64_t *stored, uint64_t total);

/* An amount that came about evenly over [from, to), being cut at ticks. */
struct spread {
	uint64_t amount, from, to, tick;
	uint64_t pos, given;
};

/* from >= to: all of it in the tick of to. to > 0, tick > 0. */
void spread_begin(struct spread *s, uint64_t amount, uint64_t from, uint64_t to, uint64_t tick);

/*
 * The next piece, in order of time; *at is a time within its tick. Pieces may be 0; they add up to
 * the amount. False: no more.
 */
bool spread_next(struct spread *s, uint64_t *at, uint64_t *piece);

#endif /* RONDO_BPFD_BUDGET_H */
