// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Schemas as people write them. See schema_file.h.
 */
#include "schema_file.h"
#include "cli.h"
#include "text.h"
#include "times.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

void schema_text_init(struct schema_text *text, const char *name)
{
	memset(text, 0, sizeof(*text));
	text->schema.size = sizeof(text->schema);
	snprintf(text->name, sizeof(text->name), "%s", name);
}

/* ---- values ---- */

static const char *set_selector(struct schema_text *text, const char *value)
{
	if (strlen(value) > RONDO_SELECTOR_MAX)
		return "a selector has 511 bytes at most";
	snprintf(text->selector, sizeof(text->selector), "%s", value);
	return NULL;
}

static const char *set_series(struct schema_text *text, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || n < 1 || n > 1ul << 24)
		return "not a number of series, 1 to 16777216";
	text->schema.max_series = (uint32_t)n;
	return NULL;
}

static const char *set_on_full(struct schema_text *text, const char *value)
{
	if (strcmp(value, "refuse") && strcmp(value, "reclaim"))
		return "refuse, or reclaim";
	text->schema.on_full = strcmp(value, "reclaim") ? RONDO_ON_FULL_REFUSE
							: RONDO_ON_FULL_RECLAIM;
	return NULL;
}

static const char *set_reclaim_delay(struct schema_text *text, const char *value)
{
	return duration_parse(value, &text->schema.reclaim_delay_ns);
}

static const char *set_ahead(struct schema_text *text, const char *value)
{
	return duration_parse(value, &text->schema.max_ahead_ns);
}

static const char *set_grace(struct schema_text *text, const char *value)
{
	return duration_parse(value, &text->schema.grace_ns);
}

static const char *set_xff(struct schema_text *text, const char *value)
{
	char *end;

	if (!strcmp(value, "none")) {
		text->schema.xff = RONDO_XFF_NONE;
		return NULL;
	}
	text->schema.xff = strtod(value, &end);
	if (end == value || *end || !(text->schema.xff > 0 && text->schema.xff < 1))
		return "a share between 0 and 1, or none";
	return NULL;
}

/* INTERVAL/RETENTION, then functions, apart by blanks, commas or a colon. */
static const char *set_tier(struct schema_text *text, const char *value)
{
	struct rondo_tier *tier = &text->tiers[text->schema.n_tiers];
	char buf[256], *save = NULL, *word, *slash;
	const char *wrong;

	if (text->schema.n_tiers == RONDO_TIERS_MAX)
		return "too many tiers";
	if (snprintf(buf, sizeof(buf), "%s", value) >= (int)sizeof(buf))
		return "too long";
	*tier = (struct rondo_tier){ 0 };
	word = strtok_r(buf, " \t,:", &save);
	slash = word ? strchr(word, '/') : NULL;
	if (!slash)
		return "a tier is INTERVAL/RETENTION and functions: 10s/6h sum max";
	*slash++ = '\0';
	wrong = duration_parse(word, &tier->interval_ns);
	if (!wrong)
		wrong = duration_parse(slash, &tier->retention_ns);
	while (!wrong && (word = strtok_r(NULL, " \t,:", &save))) {
		int function = function_find(word);

		if (function < RONDO_FN_AVG || function > RONDO_FN_TOTAL)
			return "functions are avg min max last sum count total";
		tier->functions |= RONDO_FN(function);
	}
	if (!wrong)
		text->schema.n_tiers++;
	return wrong;
}

static const char *set_bounds(struct schema_text *text, const char *value)
{
	text->schema.n_bounds = 0;
	while (*(value += strspn(value, " \t,"))) {
		char *end;
		double bound = strtod(value, &end);

		if (end == value || (*end && !strchr(" \t,", *end)))
			return "bounds are numbers: 1 2 5 10";
		if (text->schema.n_bounds == RONDO_BOUNDS_MAX)
			return "too many bounds";
		text->bounds[text->schema.n_bounds++] = bound;
		value = end;
	}
	return text->schema.n_bounds ? NULL : "no bounds";
}

static const struct {
	const char *key;
	const char *(*set)(struct schema_text *text, const char *value);
} keys[] = {
	{ "selector", set_selector }, { "series", set_series },
	{ "on_full", set_on_full },   { "reclaim_delay", set_reclaim_delay },
	{ "ahead", set_ahead },       { "grace", set_grace },
	{ "xff", set_xff },           { "tier", set_tier },
	{ "bounds", set_bounds },
};

const char *schema_text_set(struct schema_text *text, const char *key, const char *value)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(keys[i].key, key))
			return keys[i].set(text, value);
	return "no such key; there are selector series on_full reclaim_delay ahead grace xff tier "
	       "bounds";
}

/* ---- sets ---- */

static struct schema_text *set_grow(struct schema_set *set)
{
	struct schema_text *text = realloc(set->text, (set->n + 1) * sizeof(*text));

	if (!text)
		return NULL;
	set->text = text;
	return &text[set->n++];
}

/* The public structs, when the texts don't move any more. */
static bool set_finish(struct schema_set *set)
{
	set->schemas = calloc(set->n + 1, sizeof(*set->schemas));
	for (size_t i = 0; set->schemas && i < set->n; i++) {
		struct schema_text *text = &set->text[i];

		set->schemas[i] = text->schema;
		set->schemas[i].name = text->name;
		set->schemas[i].selector = text->selector;
		set->schemas[i].tiers = text->tiers;
		set->schemas[i].bounds = text->schema.n_bounds ? text->bounds : NULL;
	}
	return set->schemas;
}

bool schema_set_one(struct schema_set *set, const struct schema_text *text)
{
	struct schema_text *one;

	*set = (struct schema_set){ 0 };
	one = set_grow(set);
	if (!one)
		return false;
	*one = *text;
	return set_finish(set);
}

void schema_set_free(struct schema_set *set)
{
	free(set->text);
	free(set->schemas);
	*set = (struct schema_set){ 0 };
}

/* ---- files ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

/* One line. Returns NULL, or what is wrong. */
static const char *take_line(struct schema_set *set, char *line)
{
	char *equals;

	if (!line[0] || line[0] == '#')
		return NULL;
	if (line[0] == '[') {
		size_t len = strlen(line);

		if (line[len - 1] != ']' || len < 3 || len - 2 > RONDO_SCHEMA_NAME_MAX)
			return "a section is [NAME], of 1 to 63 bytes";
		if (set->n == RONDO_SCHEMAS_MAX)
			return "too many schemas";
		line[len - 1] = '\0';
		if (!set_grow(set))
			return "out of memory";
		schema_text_init(&set->text[set->n - 1], line + 1);
		return NULL;
	}
	equals = strchr(line, '=');
	if (!equals)
		return "neither [NAME] nor KEY = VALUE";
	if (!set->n)
		return "a schema begins with [NAME]";
	*equals = '\0';
	return schema_text_set(&set->text[set->n - 1], trim(line), trim(equals + 1));
}

int schema_file_read(const char *path, struct schema_set *set)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char line[LINE_MAX_BYTES];
	const char *wrong = NULL;
	unsigned int number = 0;

	*set = (struct schema_set){ 0 };
	if (!file) {
		cli_error("%s: %s", path, strerror(errno));
		return CLI_FAILED;
	}
	while (!wrong && fgets(line, sizeof(line), file)) {
		number++;
		if (!strchr(line, '\n') && !feof(file))
			wrong = "the line is too long";
		else
			wrong = take_line(set, trim(line));
	}
	if (wrong)
		cli_error("%s: line %u: %s", path, number, wrong);
	else if (ferror(file))
		cli_error("%s: %s", path, strerror(errno));
	else if (!set->n)
		cli_error("%s: there is no schema in it", path);
	wrong = wrong || ferror(file) || !set->n || !set_finish(set) ? "failed" : NULL;
	if (file != stdin)
		fclose(file);
	if (!wrong)
		return CLI_OK;
	schema_set_free(set);
	return CLI_USAGE;
}

void schema_functions_print(FILE *out, uint32_t functions, const char *quote, const char *separator)
{
	const char *before = "";

	for (int f = RONDO_FN_AVG; f <= RONDO_FN_TOTAL; f++) {
		if (!(functions & RONDO_FN(f)))
			continue;
		fprintf(out, "%s%s%s%s", before, quote, function_name((enum rondo_function)f),
			quote);
		before = separator;
	}
}

static void print_duration(FILE *out, const char *key, uint64_t ns)
{
	char text[DURATION_TEXT];

	fprintf(out, "%s = %s\n", key, duration_text(text, ns));
}

void schema_file_print(FILE *out, const struct rondo_schema *schema)
{
	char interval[DURATION_TEXT], retention[DURATION_TEXT], number[NUMBER_TEXT];

	fprintf(out, "[%s]\n", schema->name);
	if (schema->selector && schema->selector[0])
		fprintf(out, "selector = %s\n", schema->selector);
	fprintf(out, "series = %u\n", schema->max_series);
	fprintf(out, "on_full = %s\n",
		schema->on_full == RONDO_ON_FULL_RECLAIM ? "reclaim" : "refuse");
	print_duration(out, "reclaim_delay", schema->reclaim_delay_ns);
	print_duration(out, "ahead", schema->max_ahead_ns);
	print_duration(out, "grace", schema->grace_ns);
	fprintf(out, "xff = %s\n",
		schema->xff == RONDO_XFF_NONE ? "none" : number_text(number, schema->xff));
	for (uint32_t t = 0; t < schema->n_tiers; t++) {
		const struct rondo_tier *tier = &schema->tiers[t];

		fprintf(out, "tier = %s/%s", duration_text(interval, tier->interval_ns),
			duration_text(retention, tier->retention_ns));
		if (t && tier->functions)
			fputc(' ', out);
		schema_functions_print(out, t ? tier->functions : 0, "", " ");
		fputc('\n', out);
	}
	for (uint32_t b = 0; b < schema->n_bounds; b++)
		fprintf(out, "%s%s", b ? " " : "bounds = ", number_text(number, schema->bounds[b]));
	if (schema->n_bounds)
		fputc('\n', out);
}
