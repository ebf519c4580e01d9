// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * metrics.c - the table of all that this VMM tells of itself
 */
#include "metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int metrics_init(struct metrics *m, const char *instance, size_t room)
{
	*m = (struct metrics){ .instance = instance, .room = room };
	m->all = aligned_alloc(_Alignof(struct metric), room * sizeof(*m->all));
	if (!m->all)
		return -1;
	memset(m->all, 0, room * sizeof(*m->all));
	return 0;
}

void metrics_free(struct metrics *m)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		free(m->all[i].past);
	free(m->all);
	*m = (struct metrics){ NULL, 0, 0, NULL };
}

struct metric *metrics_add(struct metrics *m, enum rondo_kind kind, const char *name,
			   const char *unit, const char *help, int vcpu)
{
	struct metric *metric;

	if (m->n == m->room)
		return NULL;
	metric = &m->all[m->n];
	if (kind == RONDO_HISTOGRAM) {
		metric->past = calloc(1, sizeof(*metric->past));
		if (!metric->past)
			return NULL;
	}
	m->n++;
	metric->kind = kind;
	metric->unit = unit;
	metric->help = help;
	metric->sampled = RONDO_EMPTY;
	snprintf(metric->name, sizeof(metric->name), "%s", name);
	metric->labels[metric->n_labels++] = (struct rondo_label){ "instance", m->instance };
	if (vcpu >= 0) {
		snprintf(metric->vcpu, sizeof(metric->vcpu), "%d", vcpu);
		metric->labels[metric->n_labels++] = (struct rondo_label){ "vcpu", metric->vcpu };
	}
	return metric;
}

struct metric *metric_label(struct metric *metric, const char *label, const char *value)
{
	if (!metric)
		return NULL;
	snprintf(metric->extra, sizeof(metric->extra), "%s", value);
	metric->labels[metric->n_labels++] = (struct rondo_label){ label, metric->extra };
	return metric;
}

bool metric_value(const struct metric *metric, double *value)
{
	uint64_t bits;

	if (metric->counter) {
		*value = (double)counter_read(metric->counter);
		return !metric->rare || *value > 0;
	}
	bits = counter_read(&metric->sampled);
	memcpy(value, &bits, sizeof(*value));
	return bits != RONDO_EMPTY;
}

void metric_sample(struct metric *metric, double value)
{
	uint64_t bits;

	if (!metric)
		return;
	memcpy(&bits, &value, sizeof(bits));
	__atomic_store_n(&metric->sampled, bits, __ATOMIC_RELAXED);
}
