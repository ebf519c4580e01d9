/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * blk_stats.h - what a block device counts of itself, for whoever records it
 *
 * The thread that does the I/O is the only writer; the maintenance tick and the HTTP thread read.
 * Knows neither virtio nor librondo.
 */
#ifndef RONDO_VMM_BLK_STATS_H
#define RONDO_VMM_BLK_STATS_H

#include <stdint.h>
#include "durations.h"

enum blk_op {
	BLK_OP_READ,
	BLK_OP_WRITE,
	BLK_OP_FLUSH,
	BLK_OP_OTHER, /* the device's name, and what it refuses */
	BLK_OP_NR
};

struct blk_stats {
	uint64_t started;             /* requests taken from the queue */
	uint64_t finished[BLK_OP_NR]; /* requests given back, successful or not */
	uint64_t read_bytes;          /* of the disk, into the guest */
	uint64_t written_bytes;       /* of the guest, to the disk */
	struct durations durations;   /* from taken to given back */
};

static inline void blk_stats_start(struct blk_stats *s)
{
	counter_add(&s->started, 1);
}

/* bytes: of a read or write that succeeded; else 0.  ns: since blk_stats_start(). */
static inline void blk_stats_finish(struct blk_stats *s, enum blk_op op, uint64_t bytes,
				    uint64_t ns)
{
	if (op == BLK_OP_READ)
		counter_add(&s->read_bytes, bytes);
	if (op == BLK_OP_WRITE)
		counter_add(&s->written_bytes, bytes);
	durations_add(&s->durations, ns);
	counter_add(&s->finished[op], 1);
}

#endif
