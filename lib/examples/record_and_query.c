// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * record_and_query STORE: two minutes of a counter, recorded, consolidated and read back from both tiers.
 *
 *	cc record_and_query.c $(pkg-config --cflags --libs librondo) -o record_and_query
 */
#include "example.h"

#include <inttypes.h>

static void print(rondo_store *store, const rondo_series *series, uint32_t tier)
{
	struct rondo_range range = { .size = sizeof(range), .tier = tier };
	struct rondo_point points[120];
	size_t n;

	range.function = tier ? RONDO_FN_MAX : RONDO_FN_SUM;
	check(rondo_read(store, rondo_series_id(store, series), &range, points, 120, &n), "read");
	for (size_t i = 0; i < n; i++)
		printf("tier %u: %" PRIu64 " %g\n", tier, points[i].ts_ns / SEC, points[i].value);
}

int main(int argc, char **argv)
{
	const struct rondo_tier tiers[] = {
		{ 1 * SEC, 600 * SEC, 0, 0 }, /* 1 s for 10 minutes; then 10 s for 6 hours */
		{ 10 * SEC, 21600 * SEC, RONDO_FNS_SUM | RONDO_FNS_MAX, 0 },
	};
	struct rondo_schema schema = { .size = sizeof(schema), .name = "all", .max_series = 100 };
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_CREATE };
	struct rondo_label labels[] = { { "floor", "2" }, { "side", "left" } };
	struct rondo_series_def def = { .size = sizeof(def), .labels = labels, .n_labels = 2 };
	uint64_t t = (now_ns() / (10 * SEC) - 12) * 10 * SEC; /* the start of a window */
	rondo_series *steps;
	rondo_store *store;

	schema.tiers = tiers;
	schema.n_tiers = 2;
	opts.schemas = &schema;
	opts.n_schemas = 1;
	check(rondo_store_open(argc > 1 ? argv[1] : "store", &opts, &store), "open");
	def.name = "steps_total";
	def.kind = RONDO_COUNTER;
	check(rondo_series_register(store, &def, &steps), "register");
	for (int second = 0; second < 120; second++, t += SEC) {
		check(rondo_consolidate(store, t, 0), "consolidate"); /* says what time it is */
		check(rondo_add(steps, t, second), "add");
	}
	print(store, steps, 0);
	print(store, steps, 1); /* the newest window is not over long enough to be closed */
	check(rondo_store_close(store), "close");
	return 0;
}
