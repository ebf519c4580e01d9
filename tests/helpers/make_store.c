// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * make_store - writes the stores that a second reader is compared on; tests/golden/ is remade with it
 *
 *	make_store golden NAME STORE	a small store of deliberate contents: scalar, histogram, reused, long
 *	make_store random SEED STORE	random schemas, series, samples, gaps; the same for the same seed
 *	make_store histograms STORE TIER	what librondo reads of all histograms, as JSON
 *	make_store check STORE		opens it read-only; prints RONDO_OK or the error's name
 *
 * Uses the public header alone, and checks every return code. Comparing is tests/native/second_reader.sh's.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rondo.h>

#define S             UINT64_C(1000000000)
#define T0            (UINT64_C(1700000000) * S)
#define LENGTH(a)     (sizeof(a) / sizeof((a)[0]))
#define FNS_GAUGE     (RONDO_FNS_AVG | RONDO_FNS_MIN | RONDO_FNS_MAX | RONDO_FNS_LAST)
#define FNS_ALL       (FNS_GAUGE | RONDO_FNS_SUM | RONDO_FNS_COUNT | RONDO_FNS_TOTAL)
#define MAX_SERIES    16
#define RANDOM_ROUNDS 6000

static const char hostile[] = "a\"b\\c\nd,{e}=f \xc3\xa9\xe2\x82\xac \\n\x01\x7f";

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "make_store: %s: %s\n", what, rondo_strerror(err));
	exit(1);
}

static rondo_store *create(const char *path, const struct rondo_schema *schemas, size_t n,
			   uint32_t entry_size)
{
	char detail[256] = "";
	const struct rondo_open_opts opts = { .size = sizeof(opts),
					      .flags = RONDO_OPEN_CREATE,
					      .entry_size = entry_size,
					      .schemas = schemas,
					      .n_schemas = n,
					      .detail = detail,
					      .detail_size = sizeof(detail) };
	rondo_store *store;
	int err = rondo_store_open(path, &opts, &store);

	if (err)
		fprintf(stderr, "make_store: %s\n", detail);
	must(err, path);
	return store;
}

static int add_series(rondo_store *store, const char *name, enum rondo_kind kind, const char *value,
		      rondo_series **s)
{
	const struct rondo_label labels[] = { { "z_last", value }, { "instance", "vm-1" } };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = name,
					      .labels = labels,
					      .n_labels = value ? 2 : 0,
					      .kind = kind,
					      .unit = kind == RONDO_GAUGE ? "bytes" : NULL,
					      .help = value ? "what it\nis" : NULL };

	return rondo_series_register(store, &def, s);
}

static rondo_series *series(rondo_store *store, const char *name, enum rondo_kind kind,
			    const char *value)
{
	rondo_series *s;

	must(add_series(store, name, kind, value, &s), name);
	return s;
}

/* ---- stores of deliberate contents ---- */

/* Two schemas, gauges and counters, gaps of every length, a ring that went round several times. */
static void golden_scalar(const char *path)
{
	static const struct rondo_tier level[] = {
		{ .interval_ns = S, .retention_ns = 30 * S },
		{ .interval_ns = 5 * S, .retention_ns = 150 * S, .functions = FNS_GAUGE },
		{ .interval_ns = 60 * S, .retention_ns = 1200 * S, .functions = RONDO_FNS_MAX },
	};
	static const struct rondo_tier all[] = {
		{ .interval_ns = S, .retention_ns = 40 * S },
		{ .interval_ns = 10 * S, .retention_ns = 300 * S, .functions = FNS_ALL },
		{ .interval_ns = 30 * S, .retention_ns = 900 * S, .functions = FNS_ALL },
	};
	const struct rondo_schema schemas[] = {
		{ .size = sizeof(schemas[0]),
		  .name = "level",
		  .selector = "{__name__=~\"level_.*\"}",
		  .tiers = level,
		  .n_tiers = 3,
		  .max_series = 3 },
		{ .size = sizeof(schemas[0]),
		  .name = "all",
		  .tiers = all,
		  .n_tiers = 3,
		  .max_series = 6,
		  .xff = 0.25 },
	};
	rondo_store *store = create(path, schemas, 2, 256);
	rondo_series *a = series(store, "level_a", RONDO_GAUGE, hostile);
	rondo_series *b = series(store, "level_b", RONDO_GAUGE, NULL);
	rondo_series *c = series(store, "steal_ns", RONDO_COUNTER, "0");
	rondo_series *d = series(store, "exits_total", RONDO_COUNTER, NULL);
	rondo_series *e = series(store, "temperature", RONDO_GAUGE, NULL);

	for (uint64_t t = 0; t < 400; t++) {
		uint64_t now = T0 + t * S + t % 7 * 1000;

		must(rondo_record(a, now, (double)t * 0.1 - 7), "a");
		if (t % 60 < 20)
			must(rondo_record(b, now, -1.0 / (double)(t + 3)), "b");
		must(rondo_add(c, now, (double)(t * 1000003 % 999983)), "c");
		if (t % 13 && (t < 150 || t >= 205))
			must(rondo_add(d, now, t % 5 == 0 ? 0 : (double)t), "d");
		if (t % 4)
			must(rondo_record(e, now, 1e300 / (double)(t + 1)), "e");
		must(rondo_consolidate(store, now, 0), "consolidate");
	}
	must(rondo_store_close(store), "close");
}

static void golden_histogram(const char *path)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = S, .retention_ns = 30 * S },
		{ .interval_ns = 10 * S, .retention_ns = 300 * S },
	};
	static const double bounds[] = { -1, 0, 0.5, 1e9 };
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "latency",
					     .tiers = tiers,
					     .n_tiers = 2,
					     .max_series = 3,
					     .bounds = bounds,
					     .n_bounds = 4 };
	rondo_store *store = create(path, &schema, 1, 0);
	rondo_series *a = series(store, "exit_duration_ns", RONDO_HISTOGRAM, "io");
	rondo_series *b = series(store, "wait_ns", RONDO_HISTOGRAM, NULL);
	const uint64_t none[5] = { 0 };

	for (uint64_t t = 0; t < 130; t++) {
		for (uint64_t i = 0; i < t % 17; i++)
			must(rondo_observe(a, T0 + t * S, (double)(i * i) * 0.125 - 2), "observe");
		if (t % 3)
			must(rondo_observe_counts(b, T0 + t * S, none, 0), "counts");
		else
			must(rondo_observe(b, T0 + t * S + 1, 1e12), "observe");
		must(rondo_consolidate(store, T0 + t * S, 0), "consolidate");
	}
	must(rondo_store_close(store), "close");
}

/* Ends without closing: what it leaves is what a killed process leaves. */
static void reuse(const char *path, const struct rondo_schema *schema, uint64_t round)
{
	rondo_store *store = create(path, schema, 1, 0);
	rondo_series *kept = series(store, "kept", RONDO_COUNTER, NULL);
	uint64_t now = T0 + round * 48 * S;

	for (uint64_t i = 0; i < 4; i++) {
		char name[32];
		rondo_series *s;

		snprintf(name, sizeof(name), "vm_%u", (unsigned int)(round * 4 + i));
		s = series(store, name, RONDO_GAUGE, "0");
		for (uint64_t t = 0; t < 12; t++, now += S) {
			must(rondo_record(s, now, (double)(round * 100 + i * 10 + t)), name);
			must(rondo_add(kept, now, 3), "kept");
			must(rondo_consolidate(store, now, 0), "consolidate");
		}
		must(rondo_series_retire(store, s, now), name);
	}
	_Exit(0);
}

/* Few slots, many series after each other; three processes after each other, each killed. */
static void golden_reused(const char *path)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = S, .retention_ns = 60 * S },
		{ .interval_ns = 10 * S, .retention_ns = 300 * S, .functions = FNS_ALL },
	};
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "few",
					     .tiers = tiers,
					     .n_tiers = 2,
					     .max_series = 3,
					     .on_full = RONDO_ON_FULL_RECLAIM,
					     .reclaim_delay_ns = 1 };

	for (uint64_t round = 0; round < 3; round++) {
		int status = 1;
		pid_t pid = fork();

		if (pid == 0)
			reuse(path, &schema, round);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			exit(1);
	}
}

/* Windows of more finest ticks than a cover can count. */
static void golden_long(const char *path)
{
	static const struct rondo_tier tiers[] = {
		{ .interval_ns = S, .retention_ns = 2500 * S },
		{ .interval_ns = 1200 * S, .retention_ns = 12000 * S, .functions = FNS_ALL },
	};
	const struct rondo_schema schema = { .size = sizeof(schema),
					     .name = "long",
					     .tiers = tiers,
					     .n_tiers = 2,
					     .max_series = 3,
					     .xff = 0.999999 };
	rondo_store *store = create(path, &schema, 1, 0);
	rondo_series *a = series(store, "full", RONDO_GAUGE, NULL);
	rondo_series *b = series(store, "half", RONDO_GAUGE, NULL);
	rondo_series *c = series(store, "sparse", RONDO_GAUGE, NULL);

	for (uint64_t t = 0; t < 5000; t++) {
		must(rondo_record(a, T0 + t * S, (double)t), "a");
		if (t % 2)
			must(rondo_record(b, T0 + t * S, (double)t), "b");
		if (t % 1200 == 77)
			must(rondo_record(c, T0 + t * S, (double)t), "c");
		must(rondo_consolidate(store, T0 + t * S, 0), "consolidate");
	}
	must(rondo_store_close(store), "close");
}

/* ---- random stores: the same for the same seed (Marsaglia's xorshift64) ---- */

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/* A schema, by the rules of the header. bounds: makes it one of histograms. */
static void random_schema(struct rondo_schema *schema, struct rondo_tier *tiers,
			  const double *bounds)
{
	static const uint64_t finest[] = { 1000000, 10000000, S / 4, S, 7 * S };
	uint32_t n = 1 + (uint32_t)random_below(4), total = random_below(2) ? RONDO_FNS_TOTAL : 0;

	tiers[0] = (struct rondo_tier){ .interval_ns = finest[random_below(LENGTH(finest))] };
	for (uint32_t i = 1; i < n; i++) {
		uint64_t times = random_below(12) ? 2 + random_below(12) : 1024 + random_below(99);

		tiers[i] = (struct rondo_tier){
			.interval_ns = tiers[i - 1].interval_ns * times,
			.functions = ((uint32_t)random_below(32) << 1) |
				     (uint32_t)(1 << (1 + random_below(6))) | total,
		};
		if (random_below(2))
			total = 0;
		/* Two windows of the coarser tier, the grace, and some more. */
		tiers[i - 1].retention_ns = 2 * tiers[i].interval_ns + 12 * tiers[0].interval_ns +
					    random_below(30) * tiers[i - 1].interval_ns;
		tiers[i - 1].retention_ns -= tiers[i - 1].retention_ns % tiers[i - 1].interval_ns;
		tiers[i - 1].retention_ns += tiers[i - 1].interval_ns;
	}
	tiers[n - 1].retention_ns = (20 + random_below(100)) * tiers[n - 1].interval_ns;
	*schema = (struct rondo_schema){
		.size = sizeof(*schema),
		.tiers = tiers,
		.n_tiers = n,
		.max_series = 1 + (uint32_t)random_below(6),
		.on_full = RONDO_ON_FULL_RECLAIM,
		.reclaim_delay_ns = 1,
		.grace_ns = 6 * tiers[0].interval_ns,
		.max_ahead_ns = UINT64_MAX,
		.xff = random_below(4) ? (double)random_below(100) / 100 : RONDO_XFF_NONE,
		.bounds = bounds,
		.n_bounds = bounds ? 3 : 0,
	};
}

struct random_store {
	struct rondo_schema schemas[3];
	struct rondo_tier tiers[3][4];
	rondo_store *store;
	rondo_series *series[MAX_SERIES];
	uint64_t interval[MAX_SERIES]; /* of its finest tier */
	size_t n;
	unsigned int names;
};

static void random_create(struct random_store *r, const char *path)
{
	static const char *const names[] = { "x", "Y_1", "z-2" };
	static const char *const selectors[] = { "{__name__=~\"x_.*\"}", "{__name__=~\"y_.*\"}",
						 "" };
	static const double bounds[] = { 0, 10, 20.5 };
	uint32_t histogram = (uint32_t)random_below(3);
	struct rondo_plan plan;

	for (uint32_t i = 0; i < 3; i++) {
		/* A set of functions may break a rule that is not worth knowing here. */
		do {
			random_schema(&r->schemas[i], r->tiers[i], i == histogram ? bounds : NULL);
			r->schemas[i].name = names[i];
			r->schemas[i].selector = selectors[i];
		} while (rondo_plan(&r->schemas[i], 1, 0, &plan, NULL, 0) || plan.bytes > 4000000);
	}
	r->store = create(path, r->schemas, 3, 256u << random_below(3));
}

/* One more series, of a kind that its schema takes; none if all slots are in use. */
static void random_series(struct random_store *r)
{
	static const char *const prefixes[] = { "x", "y", "z" };
	uint32_t schema = (uint32_t)random_below(3);
	enum rondo_kind kind = r->schemas[schema].bounds ? RONDO_HISTOGRAM
			       : random_below(2)         ? RONDO_COUNTER
							 : RONDO_GAUGE;
	const char *value = random_below(2) ? hostile : NULL;
	rondo_series *s;
	char name[32];
	int err;

	if (r->n == MAX_SERIES)
		return;
	snprintf(name, sizeof(name), "%s_%u", prefixes[schema], r->names++);
	err = add_series(r->store, name, kind, value, &s);
	if (err == RONDO_E_KIND)
		err = add_series(r->store, name, RONDO_GAUGE, value, &s);
	if (err == RONDO_E_FULL)
		return;
	must(err, name);
	r->interval[r->n] = r->tiers[schema][0].interval_ns;
	r->series[r->n++] = s;
}

static void random_sample(rondo_series *s, uint64_t now)
{
	double value = (double)random_below(1000000) / 64;
	int err;

	if (s->kind == RONDO_GAUGE)
		err = rondo_record(s, now, random_below(2) ? value : -1 / (value + 1));
	else if (s->kind == RONDO_COUNTER)
		err = rondo_add(s, now, random_below(5) ? value : 0);
	else
		err = rondo_observe(s, now, (double)random_below(3000) / 100);
	if (err != RONDO_E_TOO_OLD)
		must(err, "random sample");
}

static void random_fill(struct random_store *r)
{
	uint64_t now = T0, step = r->tiers[random_below(3)][0].interval_ns;

	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		if (!r->n || random_below(500) == 0)
			random_series(r);
		if (r->n && random_below(900) == 0) {
			size_t i = random_below(r->n);

			must(rondo_series_retire(r->store, r->series[i], now), "retire");
			r->series[i] = r->series[--r->n];
			r->interval[i] = r->interval[r->n];
		}
		for (size_t i = 0; i < r->n; i++)
			if (random_below(4))
				random_sample(r->series[i],
					      now - random_below(3) * r->interval[i] / 2);
		now += step / 2 + random_below(step);
		if (random_below(300) == 0)
			now += random_below(100) * step;
		if (random_below(4) == 0)
			must(rondo_consolidate(r->store, now, 0), "consolidate");
	}
}

static int random_store(const char *path, uint64_t seed)
{
	struct random_store r = { .n = 0 };

	random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	random_create(&r, path);
	random_fill(&r);
	if (random_below(2))
		_Exit(0); /* as killed */
	must(rondo_store_close(r.store), "close");
	return 0;
}

/* ---- what librondo says ---- */

static int check(const char *path)
{
	static const char *const names[] = {
		[-RONDO_OK] = "RONDO_OK",
		[-RONDO_E_NOMEM] = "RONDO_E_NOMEM",
		[-RONDO_E_IO] = "RONDO_E_IO",
		[-RONDO_E_NOT_FOUND] = "RONDO_E_NOT_FOUND",
		[-RONDO_E_CORRUPT] = "RONDO_E_CORRUPT",
		[-RONDO_E_VERSION] = "RONDO_E_VERSION",
		[-RONDO_E_ENDIAN] = "RONDO_E_ENDIAN",
	};
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	rondo_store *store = NULL;
	int err = rondo_store_open(path, &opts, &store);

	rondo_store_close(store);
	if (err > 0 || -err >= (int)LENGTH(names) || !names[-err])
		printf("%d\n", err);
	else
		puts(names[-err]);
	return 0;
}

static void print_histogram(const struct rondo_histogram *h, uint32_t n_bounds, bool first)
{
	printf("%s[%" PRIu64 ",{\"known\":%" PRIu32 ",\"count\":%.17g,\"sum\":%.17g,\"buckets\":[",
	       first ? "" : ",", h->ts_ns, h->known, h->count, h->sum);
	for (uint32_t i = 0; i <= n_bounds; i++)
		printf("%s%.17g", i ? "," : "", h->buckets[i]);
	fputs("]}]", stdout);
}

static void print_series(rondo_store *store, const struct rondo_series_info *info,
			 const struct rondo_schema *schema, uint32_t tier, bool *any)
{
	struct rondo_range range = { .size = sizeof(range), .tier = tier };
	static struct rondo_histogram points[8192];
	size_t n = 0;

	if (schema->n_tiers <= tier || info->kind != RONDO_HISTOGRAM)
		return;
	must(rondo_read_histogram(store, info->id, &range, points, LENGTH(points), &n), info->key);
	if (n == LENGTH(points))
		exit(1);
	if (n == 0)
		return;
	/* Labels are compared elsewhere; what is needed here is which series it is. */
	printf("%s\n{\"name\":\"%s\",\"kind\":\"histogram\",\"function\":\"histogram\",\"tier\":{\"interval_ns\":%" PRIu64
	       "},\"points\":[",
	       *any ? "," : "", info->name, schema->tiers[tier].interval_ns);
	*any = true;
	for (size_t i = 0; i < n; i++)
		print_histogram(&points[i], schema->n_bounds, i == 0);
	fputs("]}", stdout);
}

static int histograms(const char *path, uint32_t tier)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	struct rondo_series_info info = { .size = sizeof(info) };
	struct rondo_schema schema = { .size = sizeof(schema) };
	rondo_store *store = NULL;
	rondo_iter *iter = NULL;
	bool any = false;
	int more;

	must(rondo_store_open(path, &opts, &store), path);
	must(rondo_iter_begin(store, NULL, &iter, NULL, 0), "iterate");
	fputs("{\"series\":[", stdout);
	while ((more = rondo_iter_next(iter, &info)) == 1) {
		must(rondo_store_schema(store, info.schema, &schema), "schema");
		print_series(store, &info, &schema, tier, &any);
	}
	must(more, "iterate");
	puts("\n]}");
	rondo_iter_end(iter);
	return rondo_store_close(store);
}

static int golden(const char *name, const char *path)
{
	static const struct {
		const char *name;
		void (*make)(const char *path);
	} all[] = {
		{ "scalar", golden_scalar },
		{ "histogram", golden_histogram },
		{ "reused", golden_reused },
		{ "long", golden_long },
	};

	for (size_t i = 0; i < LENGTH(all); i++) {
		if (!strcmp(all[i].name, name)) {
			all[i].make(path);
			return 0;
		}
	}
	fprintf(stderr, "make_store: no store is called %s\n", name);
	return 2;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "golden"))
		return golden(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "random"))
		return random_store(argv[3], strtoull(argv[2], NULL, 10));
	if (argc == 4 && !strcmp(argv[1], "histograms"))
		return histograms(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
	if (argc == 3 && !strcmp(argv[1], "check"))
		return check(argv[2]);
	fputs("usage: make_store golden NAME STORE | random SEED STORE | histograms STORE TIER | "
	      "check STORE\n",
	      stderr);
	return 2;
}
