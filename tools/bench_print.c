// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_print.c - the lines of a benchmark, as a table or as a JSON array. Measures nothing.
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

#define TABLE "%-50s %11s %-12s %-36s %11s %9s  %-15s %s\n"

char *bench_count(char buf[32], size_t n)
{
	char digits[24];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%zu", n), at = 0;

	for (size_t i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

/* Three digits or more that mean something; "-" for what is not there. */
static const char *figure(char buf[32], double value)
{
	if (!isfinite(value))
		return "-";
	snprintf(buf, 32, "%.*f", fabs(value) >= 1000 ? 0 : fabs(value) >= 10 ? 1 : 3, value);
	return buf;
}

void bench_lines_begin(struct bench *bench)
{
	bench->lines = 0;
	if (bench->json)
		fputs("[", stdout);
	else
		printf(TABLE, "name", "value", "unit", "baseline", "value", "ratio", "aim", "met");
	fflush(stdout);
}

static void line_table(const struct bench_line *line, double baseline_value, double ratio,
		       const char *aim, const char *met)
{
	char a[32], b[32], c[32];

	printf(TABLE, line->name, figure(a, line->value), line->unit,
	       line->baseline ? line->baseline : "-", figure(b, baseline_value), figure(c, ratio),
	       aim ? aim : "-", met ? met : "-");
}

static void line_json(const struct bench_line *line, double baseline_value, double ratio,
		      const char *aim, const char *met, bool first)
{
	fputs(first ? "\n{\"name\":" : ",\n{\"name\":", stdout);
	json_string(stdout, line->name);
	fputs(",\"value\":", stdout);
	json_number(stdout, line->value);
	fputs(",\"unit\":", stdout);
	json_string(stdout, line->unit);
	fputs(",\"baseline\":", stdout);
	if (line->baseline)
		json_string(stdout, line->baseline);
	else
		fputs("null", stdout);
	fputs(",\"baseline_value\":", stdout);
	json_number(stdout, baseline_value);
	fputs(",\"ratio\":", stdout);
	json_number(stdout, ratio);
	fputs(",\"aim\":", stdout);
	if (aim)
		json_string(stdout, aim);
	else
		fputs("null", stdout);
	printf(",\"met\":%s}", !met ? "null" : strcmp(met, "no") ? "true" : "false");
}

void bench_line(struct bench *bench, struct bench_line line)
{
	double baseline_value = line.baseline ? line.baseline_value : NAN;
	double ratio = line.baseline ? line.value / line.baseline_value : NAN;
	double judged = line.aim.of == BENCH_AIM_RATIO ? ratio : line.value;
	const char *met = judged <= line.aim.most ? "yes" : "no";
	char aim[48];

	snprintf(aim, sizeof(aim), "%s <= %.4g", line.aim.of == BENCH_AIM_RATIO ? "ratio" : "value",
		 line.aim.most);
	if (line.aim.most >= 1e4)
		snprintf(aim, sizeof(aim), "value <= %.0f", line.aim.most);
	if (bench->json)
		line_json(&line, baseline_value, ratio, line.aim.of ? aim : NULL,
			  line.aim.of ? met : NULL, bench->lines == 0);
	else
		line_table(&line, baseline_value, ratio, line.aim.of ? aim : NULL,
			   line.aim.of ? met : NULL);
	bench->lines++;
	fflush(stdout);
}

void bench_lines_end(struct bench *bench)
{
	if (bench->json)
		fputs("\n]\n", stdout);
	fflush(stdout);
}
