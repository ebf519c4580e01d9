// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * recorder.c - all that rondo-vmm does with librondo: the store, the series, the maintenance tick
 *
 * Spans are recorded in the tick in which they end: a KVM_RUN of ten seconds is ten seconds of
 * run time in its last tick.
 */
#include "recorder.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

#define S(n) ((n)*UINT64_C(1000000000))

static const struct rondo_tier tiers[] = {
	{ S(1), S(600), 0, 0 },
	{ S(10), S(6 * 3600), RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
	{ S(300), S(7 * 86400), RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
};

/* For what is many (KVM's statistics) or large (histograms). */
static const struct rondo_tier short_tiers[] = {
	{ S(1), S(600), 0, 0 },
	{ S(60), S(86400), RONDO_FNS_SUM | RONDO_FNS_TOTAL, 0 },
};

static const double bounds[] = { DURATIONS_BOUNDS };
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == DURATIONS_BOUNDS_NR, "bounds");

enum { SCHEMA_VMM, SCHEMA_KVM, SCHEMA_DURATIONS, SCHEMAS_NR };

/* The first whose selector matches takes a series; histograms go to the one with bounds. */
#define N_TIERS(t) (sizeof(t) / sizeof((t)[0]))
static const struct rondo_schema schemas[SCHEMAS_NR] = {
	[SCHEMA_VMM] = { .size = sizeof(struct rondo_schema),
			 .name = "vmm",
			 .selector = "{__name__!~\"kvm_stat_.*\"}",
			 .tiers = tiers,
			 .n_tiers = N_TIERS(tiers) },
	[SCHEMA_KVM] = { .size = sizeof(struct rondo_schema),
			 .name = "kvm",
			 .tiers = short_tiers,
			 .n_tiers = N_TIERS(short_tiers) },
	[SCHEMA_DURATIONS] = { .size = sizeof(struct rondo_schema),
			       .name = "durations",
			       .tiers = short_tiers,
			       .n_tiers = N_TIERS(short_tiers),
			       .bounds = bounds,
			       .n_bounds = DURATIONS_BOUNDS_NR },
};

/* Room in a new store beyond what this VM's series take: its rare ones, and the next VM's. */
#define SPARE 8

/* The first problem is told, and kept for whoever asks; later ones are its consequences. */
__attribute__((format(printf, 3, 4))) static void
problem(struct recorder *r, enum recorder_state state, const char *format, ...)
{
	va_list args;

	if (atomic_load(&r->state) == RECORDER_OK) {
		va_start(args, format);
		vsnprintf(r->problem, sizeof(r->problem), format, args);
		va_end(args);
		fprintf(stderr, "rondo-vmm: warning: %s: %s\n",
			state == RECORDER_FAILED ? "runs without recording" : "not all is recorded",
			r->problem);
	}
	if (atomic_load(&r->state) != RECORDER_FAILED)
		atomic_store(&r->state, state);
}

static unsigned int schema_of(const struct metric *m)
{
	if (m->kind == RONDO_HISTOGRAM)
		return SCHEMA_DURATIONS;
	return strncmp(m->name, "kvm_stat_", strlen("kvm_stat_")) ? SCHEMA_VMM : SCHEMA_KVM;
}

static int open_store(struct recorder *r, char *detail, size_t detail_size)
{
	struct rondo_schema own[SCHEMAS_NR];
	struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.schemas = own,
		.n_schemas = SCHEMAS_NR,
		.detail = detail,
		.detail_size = detail_size,
	};
	size_t i;
	int rc;

	memcpy(own, schemas, sizeof(own));
	for (i = 0; i < SCHEMAS_NR; i++) {
		own[i].max_series = i == SCHEMA_DURATIONS ? 0 : SPARE;
		own[i].on_full = RONDO_ON_FULL_RECLAIM;
		/* A handle of a retired series is never used again here. */
		own[i].reclaim_delay_ns = 1;
	}
	for (i = 0; i < r->metrics->n; i++) {
		const struct metric *m = &r->metrics->all[i];

		if (!m->rare && !m->unsaved)
			own[schema_of(m)].max_series++;
	}
	for (i = 0; i < SCHEMAS_NR; i++)
		own[i].max_series += !own[i].max_series;
	/* One that is there already is taken as it is. */
	rc = rondo_store_open(r->path, &opts, &r->store);
	if (rc == RONDO_E_NOT_FOUND) {
		*detail = '\0';
		opts.flags = RONDO_OPEN_CREATE;
		rc = rondo_store_open(r->path, &opts, &r->store);
	}
	return rc;
}

static void add_series(struct recorder *r, struct metric *m)
{
	const struct rondo_series_def def = {
		.size = sizeof(def),
		.name = m->name,
		.labels = m->labels,
		.n_labels = m->n_labels,
		.kind = m->kind,
		.unit = m->unit,
		.help = m->help,
	};
	rondo_series *series = NULL;
	int rc = rondo_series_register(r->store, &def, &series);

	if (!rc)
		__atomic_store_n(&m->series, series, __ATOMIC_RELEASE);
	else
		problem(r, RECORDER_PARTIAL, "store %s: %s: %s", r->path, m->name,
			rondo_strerror(rc));
}

/*
 * Whoever holds the lock is the only one that writes: what is live in the store though it is not
 * ours was left so by a VM that was killed.  Retired as of before the store was opened, its slots
 * can be given to others at once.
 */
static void retire_dead(struct recorder *r, uint64_t before)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	char selector[128];
	rondo_iter *iter;

	snprintf(selector, sizeof(selector), "{instance!=\"%s\"}", r->metrics->instance);
	if (rondo_iter_begin(r->store, selector, &iter, NULL, 0))
		return;
	while (rondo_iter_next(iter, &info) > 0) {
		const struct rondo_series_def def = {
			.size = sizeof(def),
			.name = info.name,
			.labels = info.labels,
			.n_labels = info.n_labels,
			.kind = info.kind,
		};
		rondo_series *series;

		if (!info.retired && rondo_series_register(r->store, &def, &series) == RONDO_OK)
			rondo_series_retire(r->store, series, before);
	}
	rondo_iter_end(iter);
}

static void set_offset(struct recorder *r)
{
	atomic_store_explicit(&r->utc_offset, clock_utc() - clock_monotonic(),
			      memory_order_relaxed);
	atomic_store(&r->ticked_ns, clock_monotonic());
}

void recorder_open(struct recorder *r, const char *path, struct metrics *metrics)
{
	uint64_t before = clock_utc();
	char detail[200] = "";
	size_t i;
	int rc;

	*r = (struct recorder){ .path = path, .metrics = metrics };
	set_offset(r);
	rc = open_store(r, detail, sizeof(detail));
	if (rc) {
		bool named = !strncmp(detail, path, strlen(path));

		r->store = NULL;
		/* Some details begin with the path. */
		problem(r, RECORDER_FAILED, "store %s%s%s", named ? "" : path, named ? "" : ": ",
			*detail ? detail : rondo_strerror(rc));
		return;
	}
	retire_dead(r, before);
	for (i = 0; i < metrics->n; i++)
		if (!metrics->all[i].rare && !metrics->all[i].unsaved)
			add_series(r, &metrics->all[i]);
}

void recorder_pay(struct metric *m, uint64_t utc_ns)
{
	if (m->series && rondo_observe_counts(m->series, utc_ns, m->past->counts,
					      (double)m->past->sum_ns) == RONDO_OK) {
		memset(m->past, 0, sizeof(*m->past));
		m->owed = 0;
	}
}

/* What was counted since the last tick. */
static void tick_durations(struct metric *m, uint64_t now)
{
	struct durations seen, fresh;
	unsigned int i;

	for (i = 0; i < DURATIONS_BUCKETS_NR; i++) {
		seen.counts[i] = counter_read(&m->durations->counts[i]);
		fresh.counts[i] = seen.counts[i] - m->past->counts[i];
	}
	seen.sum_ns = counter_read(&m->durations->sum_ns);
	fresh.sum_ns = seen.sum_ns - m->past->sum_ns;
	if (rondo_observe_counts(m->series, now, fresh.counts, (double)fresh.sum_ns) == RONDO_OK)
		*m->past = seen;
}

/* A refused reading is in the next one's difference. */
static void tick_metric(struct metric *m, uint64_t now)
{
	double value;

	if (m->kind == RONDO_HISTOGRAM) {
		tick_durations(m, now);
	} else if (metric_value(m, &value)) {
		if (m->kind == RONDO_GAUGE) {
			rondo_record(m->series, now, value);
			return;
		}
		if (!m->based)
			m->based = rondo_record_total(m->series, now, 0) == RONDO_OK;
		if (m->based)
			rondo_record_total(m->series, now, value);
	}
}

void recorder_tick(struct recorder *r)
{
	double value;
	uint64_t now;
	size_t i;
	int rc;

	set_offset(r);
	if (!r->store || atomic_load(&r->state) == RECORDER_FAILED)
		return;
	now = clock_utc();
	for (i = 0; i < r->metrics->n; i++) {
		struct metric *m = &r->metrics->all[i];

		if (m->rare && !m->based && metric_value(m, &value)) {
			m->based = true; /* tried once */
			add_series(r, m);
		}
		if (m->series && !m->hot)
			tick_metric(m, now);
	}
	rc = rondo_consolidate(r->store, now, 0);
	if (rc < 0)
		problem(r, RECORDER_FAILED, "store %s: %s", r->path, rondo_strerror(rc));
}

void recorder_finish(struct recorder *r)
{
	uint64_t now = clock_utc();
	bool owed = false;
	size_t i;

	if (!r->store || atomic_load(&r->state) == RECORDER_FAILED)
		return;
	for (i = 0; i < r->metrics->n; i++) {
		struct metric *m = &r->metrics->all[i];

		if (!m->hot || m->owed <= 0)
			continue;
		if (m->kind == RONDO_HISTOGRAM)
			recorder_pay(m, now);
		else
			recorder_add(m, now, 0);
		owed |= m->owed > 0 && m->series;
	}
	if (owed)
		problem(r, RECORDER_PARTIAL, "store %s: refused samples (was the clock set back?)",
			r->path);
}

void recorder_close(struct recorder *r)
{
	uint64_t now = clock_utc();
	size_t i;

	if (!r->store)
		return;
	for (i = 0; i < r->metrics->n; i++) {
		struct metric *m = &r->metrics->all[i];

		if (m->series)
			rondo_series_retire(r->store, m->series, now);
		m->series = NULL;
	}
	rondo_store_close(r->store);
	r->store = NULL;
}
