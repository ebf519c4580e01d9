// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * verify: says what is damaged in a store, by rondo_store_verify(); which repairs nothing. Text and
 * JSON come out of the same callback.
 */
#include "cli.h"
#include "text.h"
#include "times.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHOWN 20 /* findings of a kind, unless all were asked for */

struct verifying {
	bool json, all, progress;
	uint64_t shown[RONDO_VERIFY_KINDS];
	uint64_t n;
	int64_t began_ms, said_ms;
	bool line; /* a progress line stands on the terminal */
};

static const char *const kind_names[RONDO_VERIFY_KINDS] = {
	[0] = "?",
	[RONDO_VERIFY_SUPERBLOCK] = "superblock",
	[RONDO_VERIFY_SCHEMA] = "schema",
	[RONDO_VERIFY_FILE] = "file",
	[RONDO_VERIFY_SLAB] = "slab",
	[RONDO_VERIFY_ENTRY] = "entry",
	[RONDO_VERIFY_DUPLICATE] = "duplicate",
	[RONDO_VERIFY_TAG] = "tag",
	[RONDO_VERIFY_TAIL] = "tail",
	[RONDO_VERIFY_VALUE] = "value",
	[RONDO_VERIFY_COVER] = "cover",
	[RONDO_VERIFY_FUTURE] = "future",
	[RONDO_VERIFY_HISTOGRAM] = "histogram",
	[RONDO_VERIFY_WINDOW] = "window",
	[RONDO_VERIFY_TOTAL] = "total",
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void clear_line(struct verifying *v)
{
	if (v->line)
		fputs("\r\033[K", stderr);
	v->line = false;
}

static void text_finding(const struct rondo_verify_finding *f)
{
	char time[TIME_TEXT];

	printf("%-6s  %-10s  %s+%" PRIu64, f->damage ? "DAMAGE" : "note", kind_names[f->kind],
	       f->file, f->offset);
	if (f->key[0]) {
		fputs("  ", stdout);
		plain_text(stdout, f->key);
	}
	if (f->ts_ns)
		printf("  %s", time_text(time, f->ts_ns));
	fputs(": ", stdout);
	plain_text(stdout, f->text);
	putchar('\n');
}

static void json_finding(const struct rondo_verify_finding *f, bool first)
{
	printf("%s\n{\"kind\":\"%s\",\"damage\":%s,\"file\":", first ? "" : ",",
	       kind_names[f->kind], f->damage ? "true" : "false");
	json_string(stdout, f->file);
	printf(",\"offset\":%" PRIu64 ",\"schema\":", f->offset);
	printf(f->schema == UINT32_MAX ? "null" : "%" PRIu32, f->schema);
	fputs(",\"tier\":", stdout);
	printf(f->tier == UINT32_MAX ? "null" : "%" PRIu32, f->tier);
	fputs(",\"series\":", stdout);
	if (f->key[0])
		json_string(stdout, f->key);
	else
		fputs("null", stdout);
	printf(",\"timestamp_ns\":");
	printf(f->ts_ns ? "%" PRIu64 : "null", f->ts_ns);
	fputs(",\"text\":", stdout);
	json_string(stdout, f->text);
	putchar('}');
}

static void found(const struct rondo_verify_finding *f, void *arg)
{
	struct verifying *v = arg;

	if (!v->all && v->shown[f->kind] >= SHOWN)
		return;
	v->shown[f->kind]++;
	clear_line(v);
	if (v->json)
		json_finding(f, v->n == 0);
	else
		text_finding(f);
	v->n++;
}

/* A line on a terminal that is written over, from the second second on. */
static int progress(uint64_t bytes, uint64_t all, void *arg)
{
	struct verifying *v = arg;
	int64_t now = now_ms();

	if (!v->progress || now - v->began_ms < 1000 || now - v->said_ms < 200)
		return 0;
	v->said_ms = now;
	v->line = true;
	fprintf(stderr, "\rverify: %3.0f %%, %" PRIu64 " of %" PRIu64 " MB\033[K",
		all ? 100.0 * (double)bytes / (double)all : 0, bytes / 1000000, all / 1000000);
	return 0;
}

static void text_report(const struct verifying *v, const struct rondo_verify_report *r)
{
	for (int k = 0; k < RONDO_VERIFY_KINDS; k++)
		if (r->by_kind[k] > v->shown[k])
			printf("... and %" PRIu64 " more of kind %s (--all shows them)\n",
			       r->by_kind[k] - v->shown[k], kind_names[k]);
	printf("%s: %" PRIu64 " series, %" PRIu64 " cells, %" PRIu64 " windows compared, %" PRIu64
	       " bytes; damage %" PRIu64 ", notes %" PRIu64 "\n",
	       r->damage ? "DAMAGED" : "ok", r->series, r->cells, r->windows, r->bytes, r->damage,
	       r->notes);
}

static void json_report(const struct rondo_verify_report *r)
{
	printf("\n],\"damage\":%" PRIu64 ",\"notes\":%" PRIu64 ",\"by_kind\":{", r->damage,
	       r->notes);
	for (int k = 1; k < RONDO_VERIFY_KINDS; k++)
		printf("%s\"%s\":%" PRIu64, k > 1 ? "," : "", kind_names[k], r->by_kind[k]);
	printf("},\n\"series\":%" PRIu64 ",\"cells\":%" PRIu64 ",\"windows\":%" PRIu64
	       ",\"interrupted\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
	       r->series, r->cells, r->windows, r->interrupted, r->bytes);
}

static int verify_store(const char *path, struct verifying *v)
{
	char detail[512] = "";
	struct rondo_verify_report report = { .size = sizeof(report) };
	const struct rondo_verify_opts opts = {
		.size = sizeof(opts),
		.found = found,
		.progress = progress,
		.arg = v,
		.detail = detail,
		.detail_size = sizeof(detail),
	};
	struct output out;
	int err, status;

	output_open(&out, NULL);
	if (v->json) {
		fputs("{\"store\":", stdout);
		json_string(stdout, path);
		fputs(",\"findings\":[", stdout);
	}
	err = rondo_store_verify(path, &opts, &report);
	clear_line(v);
	if (v->json)
		json_report(&report);
	else if (!err || err == RONDO_E_CORRUPT)
		text_report(v, &report);
	status = output_close(&out, true);
	if (!err)
		return status;
	if (err == RONDO_E_CORRUPT)
		return status == CLI_OK ? CLI_DAMAGED : status;
	cli_error("%s: can't be verified: %s", path, detail[0] ? detail : rondo_strerror(err));
	return CLI_FAILED;
}

static int verify_main(const struct cli_command *cmd, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'j' },
		{ "all", no_argument, NULL, 'a' },
		{ NULL, 0, NULL, 0 },
	};
	struct verifying v = { .progress = isatty(STDERR_FILENO), .began_ms = now_ms() };
	int opt;

	while ((opt = getopt_long(argc, argv, "hja", options, NULL)) != -1) {
		switch (opt) {
		case 'h':
			fputs(cmd->help, stdout);
			return CLI_OK;
		case 'j':
			v.json = v.all = true;
			break;
		case 'a':
			v.all = true;
			break;
		default:
			fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
			return CLI_USAGE;
		}
	}
	if (argc - optind != 1)
		return cli_usage(cmd, "verify takes one STORE");
	return verify_store(argv[optind], &v);
}

const struct cli_command cmd_verify = {
	.name = "verify",
	.summary = "check a store for damage",
	.help = "Usage: " CLI_NAME " verify [OPTION...] STORE\n\n"
		"Checks all that is checksummed or said twice in a store: superblock, schemas, file\n"
		"sizes, slab headers, directory entries, every cell, and closed windows against the\n"
		"finer tier where that still has them. The store may be in use; nothing is written.\n"
		"A note is what is unusual and allowed, such as data of a clock that was wrong.\n\n"
		"  -a, --all          all findings, not only the first 20 of each kind\n"
		"  -j, --json         as one JSON object, with all findings\n"
		"\nExit status: 0 no damage, 1 it could not be verified, 2 wrong usage, 4 damage.\n",
	.run = verify_main,
};
