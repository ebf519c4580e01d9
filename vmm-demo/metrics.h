/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * metrics.h - the table of all that this VMM tells of itself: names, labels, where each value is
 *
 * Made once, before the first vCPU runs, and never resized: any thread may walk it.  It knows
 * nothing of where values go: recorder.c puts them into a store, api_metrics.c answers scrapes.
 */
#ifndef RONDO_VMM_METRICS_H
#define RONDO_VMM_METRICS_H

#include <rondo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "durations.h"

#define METRIC_TEXT_MAX 64

struct metric {
	/* of the thread that records it: a vCPU's if `hot`, else the tick's */
	rondo_series *series;   /* NULL: not recorded (yet); set with release by the tick */
	double owed;            /* what the store has refused so far; of a histogram, how many */
	struct durations *past; /* HISTOGRAM: what is owed (hot), or what the tick has recorded */
	bool based;             /* the tick's COUNTER: the store knows where it began */
	bool hot;

	bool rare;    /* nobody expects it: registered, and shown, once it is above 0 */
	bool unsaved; /* for scrapes only */
	enum rondo_kind kind;
	char name[METRIC_TEXT_MAX];
	const char *unit, *help;
	size_t n_labels;
	struct rondo_label labels[3];
	char vcpu[12], extra[METRIC_TEXT_MAX]; /* values of labels */

	/*
	 * The value since the VM's start: in a counter of the thread that counts, or what the tick
	 * sampled last, as a double's bits (atomic).
	 */
	const uint64_t *counter;
	const struct durations *durations;
	uint64_t sampled; /* RONDO_EMPTY before the first time */
} __attribute__((aligned(64)));

struct metrics {
	struct metric *all;
	size_t n, room;
	const char *instance; /* the caller's */
};

/* Room for that many.  0, or -1: no memory. */
int metrics_init(struct metrics *metrics, const char *instance, size_t room);
void metrics_free(struct metrics *metrics);

/*
 * A new metric with label instance, and vcpu unless that is -1; unit and help are the caller's, and
 * stay.  NULL: no memory, or the room is used up.
 */
struct metric *metrics_add(struct metrics *metrics, enum rondo_kind kind, const char *name,
			   const char *unit, const char *help, int vcpu);

/* One label more; copies the value. NULL passes through. */
struct metric *metric_label(struct metric *metric, const char *label, const char *value);

/* The value of a gauge or counter in stored units; false if there is none yet. */
bool metric_value(const struct metric *metric, double *value);

/* By the tick. NULL is allowed. */
void metric_sample(struct metric *metric, double value);

#endif
