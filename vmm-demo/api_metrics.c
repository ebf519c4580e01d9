// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * api_metrics.c - /metrics, /metrics/info, /metrics/health: what is so now
 *
 * /metrics comes from the threads' own counters and the last samples, not from the store: it is there
 * without one, too, and counts from the VM's start as Prometheus expects.
 */
#include "api_answer.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"
#include "text.h"

static const double bounds[] = { DURATIONS_BOUNDS };

int answer_prepare(struct exposition *e, const struct metrics *metrics, char *error,
		   size_t error_size)
{
	const struct exposition_entry *one, *other;
	size_t i;

	for (i = 0; i < metrics->n; i++) {
		const struct metric *m = &metrics->all[i];
		const struct rondo_series_info info = {
			.key = m->name,
			.name = m->name,
			.labels = m->labels,
			.n_labels = m->n_labels,
			.kind = m->kind,
			.unit = m->unit,
			.help = m->help,
		};

		if (exposition_add(e, &info, RONDO_FN_DEFAULT, i)) {
			snprintf(error, error_size, "out of memory");
			return -1;
		}
	}
	if (exposition_sort(e, &one, &other))
		return 0;
	snprintf(error, error_size, "%s and %s would have the same name", one->key, other->key);
	return -1;
}

static void write_durations(struct answer *a, const struct exposition_entry *entry,
			    const struct durations *d)
{
	double counts[DURATIONS_BUCKETS_NR];
	unsigned int i;

	for (i = 0; i < DURATIONS_BUCKETS_NR; i++)
		counts[i] = (double)counter_read(&d->counts[i]);
	exposition_histogram(a->exposition, a->out, entry, bounds, DURATIONS_BOUNDS_NR, counts,
			     (double)counter_read(&d->sum_ns), NULL);
}

int answer_metrics(struct answer *a)
{
	struct exposition *e = a->exposition;
	double value;
	size_t i;

	a->type = EXPOSITION_TYPE;
	e->headed = NULL;
	for (i = 0; i < e->n; i++) {
		const struct metric *m = &a->sources->metrics->all[e->entries[i].user];

		if (m->durations)
			write_durations(a, &e->entries[i], m->durations);
		else if (metric_value(m, &value))
			exposition_sample(e, a->out, &e->entries[i], value, NULL);
	}
	exposition_end(a->out);
	return 200;
}

static void info_schema(FILE *out, const struct rondo_schema *schema)
{
	uint32_t i;

	fputs("{\"name\":", out);
	json_string(out, schema->name);
	fprintf(out, ",\"max_series\":%" PRIu32 ",\"tiers\":[", schema->max_series);
	for (i = 0; i < schema->n_tiers; i++)
		fprintf(out, "%s{\"interval_ns\":%" PRIu64 ",\"retention_ns\":%" PRIu64 "}",
			i ? "," : "", schema->tiers[i].interval_ns, schema->tiers[i].retention_ns);
	fputs("]}", out);
}

static void info_store(FILE *out, const struct recorder *r)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	struct rondo_schema schema = { .size = sizeof(schema) };
	uint32_t i;

	fputs(",\"store\":{\"path\":", out);
	json_string(out, r->path);
	if (r->store && rondo_store_info(r->store, &info) == RONDO_OK) {
		fprintf(out,
			",\"bytes\":%" PRIu64 ",\"series_live\":%" PRIu64
			",\"series_retired\":%" PRIu64 ",\"series_max\":%" PRIu64 ",\"schemas\":[",
			info.bytes, info.series_live, info.series_retired, info.series_max);
		for (i = 0; rondo_store_schema(r->store, i, &schema) == RONDO_OK; i++) {
			fputs(i ? "," : "", out);
			info_schema(out, &schema);
		}
		fputc(']', out);
	}
	fputc('}', out);
}

int answer_info(struct answer *a)
{
	const struct vmm_options *o = a->sources->options;
	FILE *out = a->out;

	fputs("{\"name\":", out);
	json_string(out, o->name);
	fprintf(out, ",\"version\":\"%s\",\"pid\":%ld,\"vcpus\":%u,\"memory_bytes\":%zu",
		rondo_version(), (long)getpid(), o->cpus, a->sources->memory_size);
	if (a->sources->recorder)
		info_store(out, a->sources->recorder);
	fputs("}\n", out);
	return 200;
}

static void health_refused(FILE *out, rondo_store *store)
{
	struct rondo_store_info info = { .size = sizeof(info) };

	if (!store || rondo_store_info(store, &info) != RONDO_OK)
		return;
	fprintf(out,
		",\"refused\":{\"too_old\":%" PRIu64 ",\"future\":%" PRIu64 ",\"invalid\":%" PRIu64
		",\"full\":%" PRIu64 "}",
		info.too_old, info.future, info.invalid, info.full);
}

/* Always 200: who restarts a VM because a probe failed must not do it for a lack of records. */
int answer_health(struct answer *a)
{
	static const char *const states[] = {
		[RECORDER_OK] = "ok",
		[RECORDER_PARTIAL] = "partial",
		[RECORDER_FAILED] = "failed",
	};
	struct recorder *r = a->sources->recorder;
	unsigned int state = r ? atomic_load(&r->state) : RECORDER_OK;

	fprintf(a->out, "{\"status\":\"%s\",\"recording\":\"%s\"",
		state == RECORDER_OK ? "ok" : "degraded", r ? states[state] : "off");
	if (r && state != RECORDER_OK) {
		fputs(",\"problem\":", a->out);
		json_string(a->out, r->problem);
	}
	if (r) {
		fprintf(a->out, ",\"last_tick_age_seconds\":%.3f",
			(double)(clock_monotonic() - atomic_load(&r->ticked_ns)) / 1e9);
		health_refused(a->out, r->store);
	}
	fputs("}\n", a->out);
	return 200;
}
