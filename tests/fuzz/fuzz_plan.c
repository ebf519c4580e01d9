// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_plan - any schemas: a plan or what is wrong; and what was planned can be created, of that size
 *
 * Input: the number of schemas and the entry size (a byte each), then of each schema its members, of
 * each tier the interval, the retention and the functions, and the name and selector as text.
 */
#include <math.h>

#include "fuzz.h"

#define SCHEMAS 3
#define TIERS   6

static struct rondo_tier tiers[SCHEMAS][TIERS];
static char texts[SCHEMAS][2][40];
static double bounds[SCHEMAS][RONDO_BOUNDS_MAX];

/* Numbers that lie near those that matter. */
static uint64_t take_time(struct input *in)
{
	static const uint64_t units[] = { 1, 1000000, S, 60 * S, 3600 * S, 0, UINT64_MAX, 6 * S };
	uint64_t unit = units[take_number(in, 1) % LENGTH(units)];

	return unit * take_number(in, 2) + (take_number(in, 1) == 1);
}

static void take_text(struct input *in, char *text)
{
	size_t n = take_number(in, 1) % 40;

	take(in, text, n);
	text[n] = '\0';
}

static void take_schema(struct input *in, struct rondo_schema *s, size_t i)
{
	*s = (struct rondo_schema){ .size = sizeof(*s), .tiers = tiers[i] };
	s->n_tiers = (uint32_t)take_number(in, 1) % (TIERS + 1);
	s->max_series = (uint32_t)take_number(in, 4);
	s->on_full = (enum rondo_on_full)take_number(in, 1);
	s->reclaim_delay_ns = take_time(in);
	s->max_ahead_ns = take_time(in);
	s->grace_ns = take_time(in);
	take(in, &s->xff, 8);
	for (uint32_t t = 0; t < s->n_tiers; t++) {
		tiers[i][t].interval_ns = take_time(in);
		tiers[i][t].retention_ns = take_time(in);
		tiers[i][t].functions = (uint32_t)take_number(in, 4);
		tiers[i][t].reserved = 0;
	}
	take_text(in, texts[i][0]);
	take_text(in, texts[i][1]);
	s->name = texts[i][0];
	s->selector = texts[i][1];
	s->n_bounds = (uint32_t)take_number(in, 1) % (RONDO_BOUNDS_MAX + 2);
	for (uint32_t b = 0; b < s->n_bounds && b < RONDO_BOUNDS_MAX; b++)
		bounds[i][b] = (double)(int64_t)take_number(in, 2) + b * 1000.0;
	s->bounds = s->n_bounds ? bounds[i] : NULL;
}

/* The planned store, if it is small: it opens, has that size, tells the same schemas. */
static void create(const struct rondo_schema *schemas, size_t n, uint32_t entry_size,
		   const struct rondo_plan *plan)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = RONDO_OPEN_CREATE,
					      .entry_size = entry_size,
					      .schemas = schemas,
					      .n_schemas = n };
	struct rondo_store_info info = { .size = sizeof(info) };
	struct rondo_schema told = { .size = sizeof(told) };
	rondo_store *store = NULL;
	const char *path = in_dir("plan");

	must(!rondo_store_open(path, &opts, &store));
	must(!rondo_store_info(store, &info));
	must(info.bytes == plan->bytes && info.series_max == plan->series);
	for (uint32_t i = 0; i < n; i++) {
		must(!rondo_store_schema(store, i, &told));
		must(!strcmp(told.name, schemas[i].name) && told.n_tiers == schemas[i].n_tiers);
		must(told.max_series == schemas[i].max_series);
	}
	must(!rondo_consolidate(store, T0, 0));
	must(!rondo_store_close(store));
	remove_store(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t sizes[] = { 0, 256, 512, 4096, 100, 8192, 384 };
	struct rondo_schema schemas[SCHEMAS];
	struct input in = { data, size };
	size_t n = take_number(&in, 1) % (SCHEMAS + 1);
	uint32_t entry_size = sizes[take_number(&in, 1) % LENGTH(sizes)];
	struct rondo_plan plan;
	char detail[200] = "";
	int err;

	for (size_t i = 0; i < n; i++)
		take_schema(&in, &schemas[i], i);
	err = rondo_plan(schemas, n, entry_size, &plan, detail, sizeof(detail));
	if (err) {
		must(err == RONDO_E_SCHEMA || err == RONDO_E_SELECTOR || err == RONDO_E_INVALID ||
		     err == RONDO_E_NOMEM);
		must(detail[0] || err == RONDO_E_NOMEM || err == RONDO_E_INVALID);
	} else {
		must(plan.bytes == plan.directory_bytes + plan.slab_bytes);
		if (plan.bytes < 1 << 20)
			create(schemas, n, entry_size, &plan);
	}
	return 0;
}
