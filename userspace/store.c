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

struct store {
	rondo_store *rondo;
	group_set groups;
	uint64_t tick_ns;
	uint64_t refused, full;
	bool full_logged, tick_logged;
};

int store_plan(const struct store_config *config, struct rondo_plan *plan, char *detail,
	       size_t size)
{
	struct rondo_schema schemas[GROUP_NR];
	size_t n = groups_schemas(config->groups, &config->sizes, &config->tiers, schemas);

	return rondo_plan(schemas, n, 0, plan, detail, size);
}

/* The groups that it was made with, and its tick; none: made by something else. */
static group_set find_groups(struct store *s)
{
	struct rondo_schema schema = { .size = sizeof(schema) };
	group_set set = 0;
	uint32_t i;
	int group;

	for (i = 0; !rondo_store_schema(s->rondo, i, &schema); i++) {
		group = groups_find(schema.name, strlen(schema.name));
		if (!i)
			s->tick_ns = schema.tiers[0].interval_ns;
		if (group < 0 || schema.tiers[0].interval_ns != s->tick_ns)
			return 0;
		set |= GROUP_BIT(group);
	}
	return set & GROUP_BIT(GROUP_BUDGET) ? set : 0;
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

enum status store_open(const char *dir, const struct store_config *config, struct store **store)
{
	struct rondo_schema schemas[GROUP_NR];
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
		opts.flags = RONDO_OPEN_CREATE;
		opts.schemas = schemas;
		opts.n_schemas =
			groups_schemas(config->groups, &config->sizes, &config->tiers, schemas);
		*detail = '\0';
		err = rondo_store_open(dir, &opts, &s->rondo);
	}
	if (err) {
		explain(dir, err, detail);
		free(s);
		return STATUS_STORE;
	}
	s->groups = find_groups(s) & config->groups;
	if (!s->groups) {
		log_line("%s: a store of another program; use another --store", dir);
		store_close(s);
		return STATUS_STORE;
	}
	*store = s;
	return STATUS_OK;
}

uint64_t store_tick_ns(const struct store *s)
{
	return s->tick_ns;
}

bool store_has(const struct store *s, enum group group)
{
	return s->groups >> group & 1;
}

group_set store_groups(const struct store *s)
{
	return s->groups;
}

rondo_store *store_rondo(struct store *s)
{
	return s->rondo;
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

rondo_series *store_series(struct store *s, enum group group, const struct store_def *def)
{
	struct rondo_label labels[2 + STORE_LABELS];
	struct rondo_series_def series_def = {
		.size = sizeof(series_def),
		.name = def->name,
		.labels = labels,
		.kind = def->kind ? def->kind : RONDO_COUNTER,
		.unit = def->unit,
		.help = def->help,
	};
	rondo_series *series;
	int err, i;

	if (!store_has(s, group))
		return NULL;
	if (def->instance)
		labels[series_def.n_labels++] = (struct rondo_label){ "instance", def->instance };
	if (def->vcpu)
		labels[series_def.n_labels++] = (struct rondo_label){ "vcpu", def->vcpu };
	for (i = 0; i < STORE_LABELS && def->label[i].name; i++)
		labels[series_def.n_labels++] = def->label[i];
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
	spread_begin(&spread, amount, from, to, s->tick_ns);
	while (spread_next(&spread, &at, &piece)) {
		piece += carry;
		carry = rondo_add(series, at, (double)piece) ? piece : 0;
	}
	if (carry)
		s->refused++;
}

void store_level(struct store *s, rondo_series *series, uint64_t at, double value)
{
	if (series && rondo_record(series, at, value))
		s->refused++;
}

void store_histogram(struct store *s, rondo_series *series, uint64_t at,
		     const uint64_t counts[HISTOGRAM_BOUNDS + 1], double sum)
{
	if (series && rondo_observe_counts(series, at, counts, sum))
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
