// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The formats whose series may come in any order: table, CSV, JSON. What is read and in which order
 * is walk.c's; OpenMetrics is openmetrics.c's.
 */
#include "text.h"
#include "times.h"
#include "walk.h"

#include <inttypes.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ */
/* Table, for people                                                                          */

static void table_open(FILE *out, const struct stretch *s, bool first)
{
	char interval[DURATION_TEXT];

	if (!first)
		fputc('\n', out);
	plain_text(out, s->key);
	fprintf(out, "  (%s, %s per %s", kind_name(s->kind), s->function,
		duration_text(interval, s->interval_ns));
	if (s->unit[0]) {
		fputs(", ", out);
		plain_text(out, s->unit);
	}
	fputs(")\n", out);
}

static void table_point(FILE *out, const struct stretch *s, const struct rondo_point *p, bool first)
{
	char time[TIME_TEXT], value[NUMBER_TEXT];

	(void)first;
	fprintf(out, "  %-24s  %18s", time_text(time, p->ts_ns), number_text(value, p->value));
	if (s->unit[0]) {
		fputc(' ', out);
		plain_text(out, s->unit);
	}
	fputc('\n', out);
}

const struct format_ops format_table = { .open = table_open, .point = table_point };

/* ------------------------------------------------------------------------------------------ */
/* CSV, RFC 4180 but for LF at line ends                                                      */

static void csv_begin(FILE *out)
{
	fputs("name,labels,kind,unit,function,interval_ns,timestamp_ns,value\n", out);
}

static void csv_point(FILE *out, const struct stretch *s, const struct rondo_point *p, bool first)
{
	char value[NUMBER_TEXT];

	(void)first;
	fprintf(out, "%s,", s->name);
	/* What the key has in braces: sorted, escaped, on one line. */
	if (s->n_labels)
		csv_field(out, s->key + strlen(s->name) + 1, strlen(s->key) - strlen(s->name) - 2);
	fprintf(out, ",%s,", kind_name(s->kind));
	csv_field(out, s->unit, strlen(s->unit));
	fprintf(out, ",%s,%" PRIu64 ",%" PRIu64 ",%s\n", s->function, s->interval_ns, p->ts_ns,
		number_text(value, p->value));
}

const struct format_ops format_csv = { .begin = csv_begin, .point = csv_point };

/* ------------------------------------------------------------------------------------------ */
/* JSON                                                                                       */

static void json_begin(FILE *out)
{
	fputs("{\"series\":[", out);
}

static void json_open(FILE *out, const struct stretch *s, bool first)
{
	fputs(first ? "\n{\"name\":" : ",\n{\"name\":", out);
	json_string(out, s->name);
	fputs(",\"labels\":", out);
	json_labels(out, s->labels, s->n_labels);
	fputs(",\"unit\":", out);
	json_string(out, s->unit);
	fprintf(out,
		",\"kind\":\"%s\",\"function\":\"%s\",\"tier\":{\"interval_ns\":%" PRIu64
		"},\"points\":[",
		kind_name(s->kind), s->function, s->interval_ns);
}

static void json_point(FILE *out, const struct stretch *s, const struct rondo_point *p, bool first)
{
	(void)s;
	fprintf(out, "%s[%" PRIu64 ",", first ? "" : ",", p->ts_ns);
	json_number(out, p->value);
	fputc(']', out);
}

static void json_close(FILE *out, const struct stretch *s)
{
	(void)s;
	fputs("]}", out);
}

static void json_end(FILE *out)
{
	fputs("\n]}\n", out);
}

const struct format_ops format_json = {
	.begin = json_begin,
	.open = json_open,
	.point = json_point,
	.close = json_close,
	.end = json_end,
};
