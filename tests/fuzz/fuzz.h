/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * fuzz.h - what the fuzz targets share: input taken piece by piece, a small store in memory
 *
 * A target has LLVMFuzzerTestOneInput() alone; libFuzzer's main or replay.c's calls it. Whatever is
 * wrong ends in abort(). Uses the public header alone.
 */
#ifndef RONDO_FUZZ_H
#define RONDO_FUZZ_H

#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rondo.h>

#define UNUSED    __attribute__((unused))
#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define S         UINT64_C(1000000000)
#define T0        (UINT64_C(1700000000) * S)
#define TICKS     43
#define NOW       (T0 + TICKS * S)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- input ---- */

struct input {
	const uint8_t *data;
	size_t size;
};

/* The next n bytes; zeros where there are no more. */
static UNUSED void take(struct input *in, void *to, size_t n)
{
	size_t have = n < in->size ? n : in->size;

	memset(to, 0, n);
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->size -= have;
}

static UNUSED uint64_t take_number(struct input *in, size_t bytes)
{
	uint64_t n = 0;

	take(in, &n, bytes);
	return n;
}

/* ---- a directory in memory, for as long as the process lives ---- */

static char fuzz_dir[64];

static UNUSED int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
			     struct FTW *at UNUSED)
{
	return remove(path);
}

static UNUSED void remove_store(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static UNUSED void remove_dir(void)
{
	remove_store(fuzz_dir);
}

static UNUSED const char *in_dir(const char *name)
{
	static char path[160];

	if (!fuzz_dir[0]) {
		snprintf(fuzz_dir, sizeof(fuzz_dir), "%s/rondo-fuzz-XXXXXX",
			 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
		must(mkdtemp(fuzz_dir));
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/%s", fuzz_dir, name);
	return path;
}

/* ---- a store with one of everything ---- */

static const double fuzz_bounds[] = { 10, 20 };
static const struct rondo_tier fuzz_tiers[] = {
	{ .interval_ns = S, .retention_ns = 60 * S },
	{ .interval_ns = 10 * S,
	  .retention_ns = 300 * S,
	  .functions = RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST |
		       RONDO_FNS_TOTAL },
};
static const struct rondo_schema fuzz_schemas[] = {
	{ .size = sizeof(struct rondo_schema),
	  .name = "hist",
	  .tiers = fuzz_tiers,
	  .n_tiers = 2,
	  .max_series = 1,
	  .bounds = fuzz_bounds,
	  .n_bounds = 2 },
	{ .size = sizeof(struct rondo_schema),
	  .name = "small",
	  .tiers = fuzz_tiers,
	  .n_tiers = 2,
	  .max_series = 3 },
};

static UNUSED rondo_series *fuzz_series(rondo_store *store, const char *name, enum rondo_kind kind)
{
	const struct rondo_label labels[] = { { "instance", "vm\"1" }, { "vcpu", "0" } };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = name,
					      .labels = labels,
					      .n_labels = 2,
					      .kind = kind,
					      .unit = "ns",
					      .help = "what" };
	rondo_series *series = NULL;

	return rondo_series_register(store, &def, &series) ? NULL : series;
}

static UNUSED rondo_store *fuzz_open(const char *path, uint32_t flags)
{
	char detail[300];
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = flags,
					      .entry_size = 256,
					      .schemas = fuzz_schemas,
					      .n_schemas = LENGTH(fuzz_schemas),
					      .detail = detail,
					      .detail_size = sizeof(detail) };
	rondo_store *store = NULL;
	int err = rondo_store_open(path, &opts, &store);

	must(err ? err < 0 && !store && detail[0] : store != NULL);
	return store;
}

static UNUSED void fuzz_fill(const char *path)
{
	rondo_store *store = fuzz_open(path, RONDO_OPEN_CREATE);
	rondo_series *g = fuzz_series(store, "level", RONDO_GAUGE);
	rondo_series *c = fuzz_series(store, "c_total", RONDO_COUNTER);
	rondo_series *h = fuzz_series(store, "h", RONDO_HISTOGRAM);

	must(g && c && h);
	for (uint64_t ts = T0; ts < NOW; ts += S) {
		must(!rondo_record(g, ts, 1.5));
		must(!rondo_add(c, ts, 3));
		must(!rondo_observe(h, ts, 11));
		must(!rondo_consolidate(store, ts, 0));
	}
	must(!rondo_store_close(store));
}

/* ---- reading whatever is there ---- */

static UNUSED void fuzz_read(rondo_store *store, rondo_id id, const struct rondo_range *range)
{
	struct rondo_point points[70];
	size_t n = 0;

	if (rondo_read(store, id, range, points, LENGTH(points), &n))
		return;
	must(n <= LENGTH(points));
	for (size_t i = 0; i < n; i++) {
		must(points[i].value - points[i].value == 0 || range->function == RONDO_FN_TOTAL ||
		     range->function == RONDO_FN_RATE);
		must(points[i].ts_ns >= range->start_ns);
		must(!range->end_ns || points[i].ts_ns < range->end_ns);
		must(!i || points[i].ts_ns > points[i - 1].ts_ns);
	}
}

static UNUSED void fuzz_read_histogram(rondo_store *store, rondo_id id,
				       const struct rondo_range *range)
{
	struct rondo_histogram out[30];
	double value;
	size_t n = 0;

	if (rondo_read_histogram(store, id, range, out, LENGTH(out), &n))
		return;
	must(n <= LENGTH(out));
	for (size_t i = 0; i < n; i++) {
		must(!i || out[i].ts_ns > out[i - 1].ts_ns);
		rondo_histogram_quantile(&out[i], fuzz_bounds, 2, 0.9, &value);
	}
}

#endif /* RONDO_FUZZ_H */
