/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * series.h - which series the collector records
 *
 * Those of a vCPU, from the totals of the slots that run it, and the collector's own losses.
 */
#ifndef RONDO_BPFD_SERIES_H
#define RONDO_BPFD_SERIES_H

#include "capabilities.h"
#include "reasons.h"
#include "rondo_event.h"
#include "store.h"

/* Series of one vCPU; NULL: this host can't measure it, it has not been seen yet, or no room. */
struct vcpu_series {
	const char *instance; /* the VM's */
	char vcpu[12];
	rondo_series *part[RBPF_PART_NR];
	rondo_series *reentries;
	rondo_series *class[CLASS_NR];
	bool class_tried[CLASS_NR]; /* registered, or refused: not again */
	rondo_series *exit[RBPF_EXITS];
	rondo_series *user_exit[RBPF_USER_EXITS];
	bool exit_tried[RBPF_EXITS];
	bool user_exit_tried[RBPF_USER_EXITS];
};

/* Registers what every vCPU has. */
void series_vcpu_begin(struct vcpu_series *v, struct store *s, const struct capabilities *c,
		       const char *instance, int32_t vcpu_id);

/* Retires them all. */
void series_vcpu_end(struct vcpu_series *v, struct store *s, uint64_t wall_ns);

/* A span of wall time that amounts came about in. */
struct span {
	uint64_t from, to;
};

/*
 * What is stored of one slot's totals. Each call adds what has grown since; series of reasons are
 * registered when they are first seen, and get a 0 in every tick from then on.
 */
struct stored {
	uint64_t part[RBPF_PART_NR];
	uint64_t reentries;
	uint64_t class[CLASS_NR];
	uint64_t exit[RBPF_EXITS];
	uint64_t user_exit[RBPF_USER_EXITS];
};

void series_add_parts(struct vcpu_series *v, struct store *s, struct stored *stored,
		      const struct rbpf_totals *totals, struct span span);
void series_add_counts(struct vcpu_series *v, struct store *s, struct stored *stored,
		       const struct rbpf_slot *slot, struct span span);

/* Losses: the programs' (enum rbpf_lost), then our own. */
enum series_lost {
	LOST_UNATTRIBUTED =
		RBPF_LOST_NR, /* slots that ended before it was known which vCPU they were */
	LOST_STORE_FULL,      /* series that the store has no room for */
	LOST_STORE_REFUSED,   /* amounts that no tick took */
	LOST_NR,
};

struct lost_series {
	rondo_series *series[LOST_NR];
	uint64_t stored[LOST_NR];
};

void series_lost_begin(struct lost_series *l, struct store *s);
void series_add_lost(struct lost_series *l, struct store *s, const uint64_t totals[LOST_NR],
		     struct span span);

#endif /* RONDO_BPFD_SERIES_H */
