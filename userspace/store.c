// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * store.c - the collector's store
 */
#include "store.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "log.h"

#define MINUTE_NS (60 * TICK_NS)
#define HOUR_NS   (60 * MINUTE_NS)

/* The budget's parts, re-entries, and about two dozen reasons of both kinds of exits. */
#define SERIES_PER_VCPU  32
#define SERIES_COLLECTOR 32

struct store {
	rondo_store *rondo;
	uint64_t refused, full;
	bool full_logged, tick_logged;
};

static const struct rondo_tier tiers[] = {
	{ TICK_NS, 10 * MINUTE_NS, 0, 0 },
	{ 10 * TICK_NS, 6 * HOUR_NS, RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
	{ 5 * MINUTE_NS, 7 * 24 * HOUR_NS, RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
};

#define SCHEMAS 2

/* The collector's own series have a schema of their own, so that vCPUs never crowd them out. */
static void schemas_fill(uint32_t max_vcpus, struct rondo_schema schemas[SCHEMAS])
{
	schemas[0] = (struct rondo_schema){
		.size = sizeof(schemas[0]),
		.name = "vcpu",
		.selector = "{__name__=~\"vcpu_.*\"}",
		.tiers = tiers,
		.n_tiers = sizeof(tiers) / sizeof(tiers[0]),
		.max_series = max_vcpus * SERIES_PER_VCPU,
		.on_full = RONDO_ON_FULL_RECLAIM,
	};
	schemas[1] = schemas[0];
	schemas[1].name = "collector";
	schemas[1].selector = "{__name__=~\"collector_.*\"}";
	schemas[1].max_series = SERIES_COLLECTOR;
}

uint64_t store_plan(uint32_t max_vcpus)
{
	struct rondo_schema schemas[SCHEMAS];
	struct rondo_plan plan;

	schemas_fill(max_vcpus, schemas);
	return rondo_plan(schemas, SCHEMAS, 0, &plan, NULL, 0) ? 0 : plan.bytes;
}

/* Made by us, with these schemas, for however many vCPUs. */
static bool store_is_ours(rondo_store *rondo)
{
	static const char *const names[SCHEMAS] = { "vcpu", "collector" };
	struct rondo_schema schema = { .size = sizeof(schema) };
	uint32_t i;

	for (i = 0; i < SCHEMAS; i++)
		if (rondo_store_schema(rondo, i, &schema) || strcmp(schema.name, names[i]) != 0 ||
		    schema.tiers[0].interval_ns != TICK_NS)
			return false;
	return true;
}

/* What is wrong with it, in one line, with the way out. detail: librondo's sentence, may be empty. */
static void explain(const char *dir, int err, const char *detail)
{
	const char *hint = "";

	switch (err) {
	case RONDO_E_LOCKED:
		hint = "; another rondo-bpfd writes it: stop that one, or use another --store";
		break;
	case RONDO_E_NOT_FOUND:
		hint = "; its parent directory must exist";
		break;
	case RONDO_E_NO_SPACE:
		hint = "; make room, or use a smaller --max-vcpus";
		break;
	case RONDO_E_IO:
		hint = "; --store names another place";
		break;
	}
	if (*detail)
		log_line("can't open the store: %s%s", detail, hint);
	else
		log_line("can't open the store %s: %s%s", dir, rondo_strerror(err), hint);
}

enum status store_open(const char *dir, uint32_t max_vcpus, struct store **store)
{
	struct rondo_schema schemas[SCHEMAS];
	char detail[256] = "";
	struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.detail = detail,
		.detail_size = sizeof(detail),
	};
	struct store *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		log_line("no memory");
		return STATUS_FAILED;
	}
	/* An existing one keeps its size. */
	err = rondo_store_open(dir, &opts, &s->rondo);
	if (err == RONDO_E_NOT_FOUND) {
		schemas_fill(max_vcpus, schemas);
		opts.flags = RONDO_OPEN_CREATE;
		opts.schemas = schemas;
		opts.n_schemas = SCHEMAS;
		*detail = '\0';
		err = rondo_store_open(dir, &opts, &s->rondo);
	}
	if (err) {
		explain(dir, err, detail);
		free(s);
		return STATUS_STORE;
	}
	if (!store_is_ours(s->rondo)) {
		log_line("%s: a store of another program; use another --store", dir);
		store_close(s);
		return STATUS_STORE;
	}
	*store = s;
	return STATUS_OK;
}

int store_close(struct store *s)
{
	int err;

	if (!s)
		return 0;
	err = rondo_store_close(s->rondo);
	if (err)
		log_line("closing the store: %s", rondo_strerror(err));
	free(s);
	return err;
}

rondo_series *store_counter(struct store *s, const struct counter_def *def)
{
	struct rondo_label labels[3];
	struct rondo_series_def series_def = {
		.size = sizeof(series_def),
		.name = def->name,
		.labels = labels,
		.kind = RONDO_COUNTER,
		.unit = def->unit,
		.help = def->help,
	};
	rondo_series *series;
	int err;

	if (def->instance) {
		labels[series_def.n_labels++] = (struct rondo_label){ "instance", def->instance };
		labels[series_def.n_labels++] = (struct rondo_label){ "vcpu", def->vcpu };
	}
	if (def->label)
		labels[series_def.n_labels++] = (struct rondo_label){ def->label, def->value };
	err = rondo_series_register(s->rondo, &series_def, &series);
	if (!err)
		return series;
	s->full++;
	if (!s->full_logged)
		log_line("%s of %s is not recorded: %s%s", def->name,
			 def->instance ? def->instance : "rondo-bpfd", rondo_strerror(err),
			 err == RONDO_E_FULL ? " (a new store with a larger --max-vcpus has room)"
					     : "");
	s->full_logged = true;
	return NULL;
}

void store_retire(struct store *s, rondo_series *series, uint64_t wall_ns)
{
	int err = series ? rondo_series_retire(s->rondo, series, wall_ns) : 0;

	if (err)
		log_debug("retiring a series: %s", rondo_strerror(err));
}

void store_add(struct store *s, rondo_series *series, uint64_t amount, uint64_t from, uint64_t to)
{
	uint64_t at, piece, carry = 0;
	struct spread spread;

	if (!series)
		return;
	spread_begin(&spread, amount, from, to, TICK_NS);
	while (spread_next(&spread, &at, &piece)) {
		piece += carry;
		carry = rondo_add(series, at, (double)piece) ? piece : 0;
	}
	if (carry)
		s->refused++;
}

void store_tick(struct store *s, uint64_t wall_ns)
{
	int err = rondo_consolidate(s->rondo, wall_ns, 0);

	if (err < 0 && !s->tick_logged) {
		log_line("the store's maintenance: %s", rondo_strerror(err));
		s->tick_logged = true;
	}
}

uint64_t store_refused(const struct store *s)
{
	return s->refused;
}

uint64_t store_full(const struct store *s)
{
	return s->full;
}
