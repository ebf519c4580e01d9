/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * drain.h - from slots and records to the store
 *
 * Takes what the kernel side reports, finds out whose it is, and adds it to the series. The slot is
 * the truth: records only bring its totals earlier, with the time at which they held. No allocation
 * but when a vCPU appears.
 */
#ifndef RONDO_BPFD_DRAIN_H
#define RONDO_BPFD_DRAIN_H

#include "capabilities.h"
#include "kernel.h"
#include "settings.h"
#include "store.h"

struct drain;

/* All are kept, not owned. NULL: no memory. */
struct drain *drain_new(const struct capabilities *c, uint32_t n_slots,
			const struct settings *settings);
void drain_free(struct drain *d);

/*
 * Before the first record: where from and where to. offset: CLOCK_REALTIME - CLOCK_MONOTONIC, of the
 * first tick. 0, or -1: no memory.
 */
int drain_begin(struct drain *d, struct kernel *k, struct store *s, uint64_t now, uint64_t offset);

/* The kernel_record_fn; ctx is the drain. */
void drain_record(void *ctx, const struct rbpf_head *head, size_t size);

/*
 * The end of a tick: asks for what is open, takes all totals, ends what is dead, lets the store
 * consolidate. now: CLOCK_MONOTONIC; offset holds until the next tick.
 */
void drain_tick(struct drain *d, uint64_t now, uint64_t offset);

#endif /* RONDO_BPFD_DRAIN_H */
