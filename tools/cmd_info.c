// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * info: what a store is: its size, schemas, tiers, how many series, and its newest ticks. Text and
 * JSON come out of the same walk, by two sets of printing functions.
 */
#include "cli.h"
#include "schema_file.h"
#include "text.h"
#include "times.h"
#include "walk.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

/* One schema as it is printed. */
struct facts {
	const struct rondo_schema *schema;
	uint64_t live, retired;
	bool has_newest;
	uint64_t newest_ns;
};

struct printer {
	void (*begin)(const char *path, const struct rondo_store_info *info);
	void (*schema)(const struct facts *f, bool first);
	void (*tier)(uint32_t index, const struct rondo_tier *tier);
	void (*schema_end)(void);
	void (*end)(void);
};

static const char *on_full_name(enum rondo_on_full on_full)
{
	return on_full == RONDO_ON_FULL_RECLAIM ? "reclaim" : "refuse";
}

/* ------------------------------------------------------------------------------------------ */

static uint64_t timed_calls(const struct rondo_store_info *info)
{
	uint64_t calls = 0;

	for (unsigned int i = 0; i < RONDO_SLOW_BUCKETS; i++)
		calls += info->slow[i];
	return calls;
}

/* "< 64 ns": the bucket in which the share q of the timed calls ends. */
static void text_slow(const struct rondo_store_info *info, const char *name, double q)
{
	uint64_t calls = 0;
	unsigned int i = 0;

	for (; i + 1 < RONDO_SLOW_BUCKETS; i++) {
		calls += info->slow[i];
		if ((double)calls >= q * (double)timed_calls(info))
			break;
	}
	if (i + 1 < RONDO_SLOW_BUCKETS)
		printf("%s < %lu ns", name, 32UL << i);
	else
		printf("%s >= %lu ns", name, 16UL << i);
}

/* What the writer counted, as it last left it in the store. */
static void text_writer(const struct rondo_store_info *info)
{
	printf("refused        %" PRIu64 " too old, %" PRIu64 " ahead of time, %" PRIu64
	       " invalid\n",
	       info->too_old, info->future, info->invalid);
	printf("recording      %" PRIu64 " next cells, %" PRIu64 " seeks\n", info->cells,
	       info->seeks);
	if (!timed_calls(info))
		return;
	text_slow(info, "slow calls     p50", 0.5);
	text_slow(info, ", p99", 0.99);
	text_slow(info, ", all", 1);
	putchar('\n');
}

static void text_begin(const char *path, const struct rondo_store_info *info)
{
	char time[TIME_TEXT];

	fputs("store          ", stdout);
	plain_text(stdout, path);
	printf("\nformat         %" PRIu32 "\n", info->format_version);
	printf("created        %s\n", time_text(time, info->created_ns));
	printf("bytes          %" PRIu64 "\n", info->bytes);
	printf("series         %" PRIu64 " live, %" PRIu64 " retired, %" PRIu64 " at most\n",
	       info->series_live, info->series_retired, info->series_max);
	printf("unclean opens  %" PRIu32 "\n", info->unclean_opens);
	text_writer(info);
}

static void text_schema(const struct facts *f, bool first)
{
	const struct rondo_schema *s = f->schema;
	char time[TIME_TEXT], delay[DURATION_TEXT], ahead[DURATION_TEXT], grace[DURATION_TEXT];

	(void)first;
	printf("\nschema         %s\n", s->name);
	fputs("  selector     ", stdout);
	plain_text(stdout, s->selector && s->selector[0] ? s->selector : "(all series)");
	printf("\n  series       %" PRIu64 " live, %" PRIu64 " retired, %" PRIu32
	       " at most; when full: %s",
	       f->live, f->retired, s->max_series, on_full_name(s->on_full));
	if (s->on_full == RONDO_ON_FULL_RECLAIM)
		printf(" after %s", duration_text(delay, s->reclaim_delay_ns));
	printf("\n  newest tick  %s\n", f->has_newest ? time_text(time, f->newest_ns) : "none");
	printf("  limits       grace %s, ahead %s, xff %g\n", duration_text(grace, s->grace_ns),
	       duration_text(ahead, s->max_ahead_ns), s->xff);
}

static void text_tier(uint32_t index, const struct rondo_tier *tier)
{
	char interval[DURATION_TEXT], retention[DURATION_TEXT];

	printf("  tier %-2" PRIu32 "      %s for %s", index,
	       duration_text(interval, tier->interval_ns),
	       duration_text(retention, tier->retention_ns));
	if (index) {
		fputs(": ", stdout);
		schema_functions_print(stdout, tier->functions, "", " ");
	}
	putchar('\n');
}

static void nothing(void)
{
}

static const struct printer text_printer = { text_begin, text_schema, text_tier, nothing, nothing };

/* ------------------------------------------------------------------------------------------ */

static bool first_tier;

static void json_writer(const struct rondo_store_info *info)
{
	printf(",\n\"writer\":{\"too_old\":%" PRIu64 ",\"future\":%" PRIu64 ",\"invalid\":%" PRIu64
	       ",\"cells\":%" PRIu64 ",\"seeks\":%" PRIu64 ",\"slow_calls\":",
	       info->too_old, info->future, info->invalid, info->cells, info->seeks);
	if (!timed_calls(info)) {
		fputs("null}", stdout);
		return;
	}
	for (unsigned int i = 0; i < RONDO_SLOW_BUCKETS; i++) {
		fputs(i ? "," : "[", stdout);
		if (i + 1 < RONDO_SLOW_BUCKETS)
			printf("{\"below_ns\":%lu", 32UL << i);
		else
			fputs("{\"below_ns\":null", stdout);
		printf(",\"calls\":%" PRIu64 "}", info->slow[i]);
	}
	fputs("]}", stdout);
}

static void json_begin(const char *path, const struct rondo_store_info *info)
{
	fputs("{\"store\":", stdout);
	json_string(stdout, path);
	printf(",\"format_version\":%" PRIu32 ",\"created_ns\":%" PRIu64 ",\"bytes\":%" PRIu64
	       ",\"unclean_opens\":%" PRIu32 ",\n\"series\":{\"live\":%" PRIu64
	       ",\"retired\":%" PRIu64 ",\"max\":%" PRIu64 "}",
	       info->format_version, info->created_ns, info->bytes, info->unclean_opens,
	       info->series_live, info->series_retired, info->series_max);
	json_writer(info);
	fputs(",\n\"schemas\":[", stdout);
}

static void json_schema(const struct facts *f, bool first)
{
	const struct rondo_schema *s = f->schema;

	fputs(first ? "\n{\"name\":" : ",\n{\"name\":", stdout);
	json_string(stdout, s->name);
	fputs(",\"selector\":", stdout);
	json_string(stdout, s->selector ? s->selector : "");
	printf(",\"series\":{\"live\":%" PRIu64 ",\"retired\":%" PRIu64 ",\"max\":%" PRIu32
	       "},\"on_full\":\"%s\",\"reclaim_delay_ns\":%" PRIu64 ",\"max_ahead_ns\":%" PRIu64
	       ",\"grace_ns\":%" PRIu64 ",\"xff\":",
	       f->live, f->retired, s->max_series, on_full_name(s->on_full), s->reclaim_delay_ns,
	       s->max_ahead_ns, s->grace_ns);
	json_number(stdout, s->xff);
	if (f->has_newest)
		printf(",\"newest_tick_ns\":%" PRIu64, f->newest_ns);
	else
		fputs(",\"newest_tick_ns\":null", stdout);
	fputs(",\n \"tiers\":[", stdout);
	first_tier = true;
}

static void json_tier(uint32_t index, const struct rondo_tier *tier)
{
	printf("%s{\"tier\":%" PRIu32 ",\"interval_ns\":%" PRIu64 ",\"retention_ns\":%" PRIu64
	       ",\"functions\":[",
	       first_tier ? "" : ",", index, tier->interval_ns, tier->retention_ns);
	schema_functions_print(stdout, tier->functions, "\"", ",");
	fputs("]}", stdout);
	first_tier = false;
}

static void json_schema_end(void)
{
	fputs("]}", stdout);
}

static void json_end(void)
{
	fputs("\n]}\n", stdout);
}

static const struct printer json_printer = { json_begin, json_schema, json_tier, json_schema_end,
					     json_end };

/* ------------------------------------------------------------------------------------------ */

static void schema_begin(const char *path, const struct rondo_store_info *info)
{
	(void)path;
	(void)info;
}

static void schema_schema(const struct facts *f, bool first)
{
	if (!first)
		putchar('\n');
	schema_file_print(stdout, f->schema);
}

static void schema_tier(uint32_t index, const struct rondo_tier *tier)
{
	(void)index;
	(void)tier;
}

static const struct printer schema_printer = { schema_begin, schema_schema, schema_tier, nothing,
					       nothing };

/* ------------------------------------------------------------------------------------------ */

static int count_series(struct walk *w, const struct rondo_series_info *info, void *arg)
{
	struct facts *facts = arg;

	(void)w;
	if (info->retired)
		facts[info->schema].retired++;
	else
		facts[info->schema].live++;
	return CLI_OK;
}

/* Fills facts[] for all schemas. */
static int gather(struct walk *w, struct facts *facts)
{
	int status = walk_series(w, count_series, facts);

	for (uint32_t i = 0; status == CLI_OK && i < w->n_schemas; i++) {
		int err = rondo_store_newest(w->store, i, &facts[i].newest_ns);

		facts[i].schema = &w->schemas[i];
		facts[i].has_newest = !err;
		if (err && err != RONDO_E_NOT_FOUND) {
			cli_error("%s: can't find the newest tick: %s", w->sel->store,
				  rondo_strerror(err));
			status = CLI_FAILED;
		}
	}
	return status;
}

static void print(const struct printer *p, const struct walk *w,
		  const struct rondo_store_info *info, const struct facts *facts)
{
	p->begin(w->sel->store, info);
	for (uint32_t i = 0; i < w->n_schemas; i++) {
		p->schema(&facts[i], i == 0);
		for (uint32_t t = 0; t < facts[i].schema->n_tiers; t++)
			p->tier(t, &facts[i].schema->tiers[t]);
		p->schema_end();
	}
	p->end();
}

static int info_store(const char *path, const struct printer *printer)
{
	struct rondo_store_info info = { .size = sizeof(info) };
	struct selection sel = { .store = path, .tier = RONDO_TIER_AUTO };
	struct facts *facts = NULL;
	struct output out;
	struct walk walk;
	rondo_store *store = cli_open(path);
	int status, err;

	if (!store)
		return CLI_FAILED;
	status = walk_begin(&walk, store, &sel);
	if (status == CLI_OK) {
		facts = calloc(walk.n_schemas + 1, sizeof(*facts));
		err = facts ? rondo_store_info(store, &info) : RONDO_E_NOMEM;
		if (err) {
			cli_error("%s: %s", path, rondo_strerror(err));
			status = CLI_FAILED;
		}
	}
	if (status == CLI_OK)
		status = gather(&walk, facts);
	if (status == CLI_OK) {
		output_open(&out, NULL);
		print(printer, &walk, &info, facts);
		status = output_close(&out, true);
	}
	free(facts);
	walk_end(&walk);
	rondo_store_close(store);
	return status;
}

static int info_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "schema", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const struct printer *printer = &text_printer;
	int opt;

	while ((opt = getopt_long(argc, argv, "hjs", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			fputs(cmd->help, stdout);
			return CLI_OK;
		case 'j':
			printer = &json_printer;
			break;
		case 's':
			printer = &schema_printer;
			break;
		default:
			fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
			return CLI_USAGE;
		}
	}
	if (argc - optind != 1)
		return cli_usage(cmd, "info takes one STORE");
	return info_store(argv[optind], printer);
}

const struct cli_command cmd_info = {
	.name = "info",
	.summary = "show what a store is and holds",
	.help = "Usage: " CLI_NAME " info [--json | --schema] STORE\n\n"
		"Shows a store's size, its schemas with their tiers (interval, retention, functions\n"
		"that can be queried), how many series it has, and the newest tick of each schema.\n"
		"The finest tier serves all functions. What was refused, and how recording went, is\n"
		"what the writer counted since it opened the store; it says so every ten seconds.\n\n"
		"  -j, --json         as one JSON object; times and durations in ns\n"
		"  -s, --schema       only its schemas, as 'plan' and 'migrate' read them from a file\n"
		"\nExit status: 0 done, 1 failed, 2 wrong usage.\n",
	.run = info_main,
};
