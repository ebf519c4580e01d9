// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * settings.c - what can be set
 */
#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"

#define TICK_MIN (NS_PER_S / 10)
#define TICK_MAX (60 * NS_PER_S)

/* Sets it from a text. 0, or -1 with what is wrong in error, without the name and value. */
typedef int set_fn(struct settings *s, const char *value, char *error, size_t size);

int settings_number(const char *text, unsigned long low, unsigned long high, uint32_t *value)
{
	unsigned long n;
	char *end;

	/* strtoul alone takes signs and blanks. */
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || n < low || n > high)
		return -1;
	*value = (uint32_t)n;
	return 0;
}

int settings_duration(const char *text, size_t length, uint64_t *ns)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", NS_PER_S },
		{ "m", 60 * NS_PER_S },
		{ "h", 3600 * NS_PER_S },
		{ "d", 86400 * NS_PER_S },
		{ "w", 7 * 86400 * NS_PER_S },
	};
	uint64_t n = 0;
	size_t at, i;

	for (at = 0; at < length && isdigit((unsigned char)text[at]) && n < UINT32_MAX; at++)
		n = n * 10 + (uint64_t)(text[at] - '0');
	for (i = 0; at && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strlen(units[i].name) != length - at ||
		    memcmp(units[i].name, text + at, length - at) != 0)
			continue;
		if (n > UINT64_MAX / 2 / units[i].ns)
			return -1;
		*ns = n * units[i].ns;
		return 0;
	}
	return -1;
}

static int copy(const char *value, char *to, size_t to_size, char *error, size_t size)
{
	size_t length = strlen(value);

	if (!length || length >= to_size) {
		snprintf(error, size, length ? "too long" : "an empty name");
		return -1;
	}
	memcpy(to, value, length + 1);
	return 0;
}

static int set_store(struct settings *s, const char *value, char *error, size_t size)
{
	return copy(value, s->store_dir, sizeof(s->store_dir), error, size);
}

static int set_proc(struct settings *s, const char *value, char *error, size_t size)
{
	return copy(value, s->proc, sizeof(s->proc), error, size);
}

static int set_max_vcpus(struct settings *s, const char *value, char *error, size_t size)
{
	if (!settings_number(value, 1, MAX_VCPUS_MAX, &s->store.sizes.max_vcpus))
		return 0;
	snprintf(error, size, "a number from 1 to %u", MAX_VCPUS_MAX);
	return -1;
}

static int set_max_vms(struct settings *s, const char *value, char *error, size_t size)
{
	if (!settings_number(value, 1, MAX_VCPUS_MAX, &s->store.sizes.max_vms)) {
		s->max_vms_given = true;
		return 0;
	}
	snprintf(error, size, "a number from 1 to %u", MAX_VCPUS_MAX);
	return -1;
}

static int set_groups(struct settings *s, const char *value, char *error, size_t size)
{
	char bad[32];

	if (!groups_parse(value, &s->store.groups, bad, sizeof(bad)))
		return 0;
	snprintf(error, size, "there is no group \"%s\"", bad);
	return -1;
}

static int set_tick(struct settings *s, const char *value, char *error, size_t size)
{
	uint64_t ns;

	if (settings_duration(value, strlen(value), &ns) || ns < TICK_MIN || ns > TICK_MAX) {
		snprintf(error, size, "a time from 100ms to 60s");
		return -1;
	}
	s->tick_ns = ns;
	return 0;
}

/* One "10s/6h". */
static int parse_tier(struct tiers *tiers, const char *word, size_t length)
{
	const char *slash = memchr(word, '/', length);
	uint32_t n = tiers->n;

	if (!slash || n == TIERS_MAX ||
	    settings_duration(word, (size_t)(slash - word), &tiers->tier[n].interval_ns) ||
	    settings_duration(slash + 1, length - (size_t)(slash + 1 - word),
			      &tiers->tier[n].retention_ns))
		return -1;
	tiers->n++;
	return 0;
}

static int set_tiers(struct settings *s, const char *value, char *error, size_t size)
{
	struct tiers tiers = { 0 };
	const char *word;
	size_t length;

	for (word = value;; word += length + 1) {
		length = strcspn(word, ",");
		if (parse_tier(&tiers, word, length)) {
			snprintf(error, size, "1 to %d of INTERVAL/RETENTION, as in 1s/10m,10s/6h",
				 TIERS_MAX);
			return -1;
		}
		if (!word[length])
			break;
	}
	if (tiers.tier[0].interval_ns < TICK_MIN || tiers.tier[0].interval_ns > TICK_MAX) {
		snprintf(error, size, "the first interval must be from 100ms to 60s");
		return -1;
	}
	s->store.tiers = tiers;
	return 0;
}

static int set_top(struct settings *s, const char *value, char *error, size_t size)
{
	if (!settings_number(value, 0, TOP_MAX, &s->store.sizes.top))
		return 0;
	snprintf(error, size, "a number from 0 to %u", TOP_MAX);
	return -1;
}

static int set_filter(struct settings *s, const char *value, char *error, size_t size)
{
	if (strlen(value) >= sizeof(s->filter)) {
		snprintf(error, size, "too long");
		return -1;
	}
	strcpy(s->filter, value);
	return 0;
}

static int set_outlier(struct settings *s, const char *value, char *error, size_t size)
{
	if (!strcmp(value, "off")) {
		s->outlier_ns = 0;
		return 0;
	}
	if (!settings_duration(value, strlen(value), &s->outlier_ns) && s->outlier_ns)
		return 0;
	snprintf(error, size, "a time, as in 50ms, or off");
	return -1;
}

/* "1%", "0.25%". */
static int set_max_overhead(struct settings *s, const char *value, char *error, size_t size)
{
	double percent;
	char *end;

	if (!strcmp(value, "off")) {
		s->max_overhead = 0;
		return 0;
	}
	percent = strtod(value, &end);
	if (isdigit((unsigned char)*value) && !strcmp(end, "%") && percent >= 0.001 &&
	    percent <= 100) {
		s->max_overhead = (uint32_t)(percent * 10000 + 0.5);
		return 0;
	}
	snprintf(error, size, "a share of the host's CPU time, from 0.001%% to 100%%, or off");
	return -1;
}

static int yes_or_no(const char *value, bool *yes, char *error, size_t size)
{
	*yes = !strcmp(value, "yes");
	if (*yes || !strcmp(value, "no"))
		return 0;
	snprintf(error, size, "yes or no");
	return -1;
}

static int set_measure(struct settings *s, const char *value, char *error, size_t size)
{
	return yes_or_no(value, &s->measure, error, size);
}

static int set_verbose(struct settings *s, const char *value, char *error, size_t size)
{
	return yes_or_no(value, &s->verbose, error, size);
}

static const struct {
	const char *name;
	set_fn *set;
} table[] = {
	{ "store", set_store },
	{ "groups", set_groups },
	{ "max-vcpus", set_max_vcpus },
	{ "max-vms", set_max_vms },
	{ "tick", set_tick },
	{ "tiers", set_tiers },
	{ "top", set_top },
	{ "filter", set_filter },
	{ "outlier", set_outlier },
	{ "max-overhead", set_max_overhead },
	{ "measure", set_measure },
	{ "proc", set_proc },
	{ "verbose", set_verbose },
};

#define SETTINGS (sizeof(table) / sizeof(table[0]))

void settings_default(struct settings *s)
{
	*s = (struct settings){
		.store_dir = "/var/lib/rondo",
		.proc = "/proc",
		.store = { .groups = groups_default(),
			   .sizes = { .max_vcpus = MAX_VCPUS_DEFAULT, .top = TOP_DEFAULT } },
		.outlier_ns = NS_PER_S / 20,
		.measure = true,
	};
}

static int find(const char *name)
{
	size_t i;

	for (i = 0; i < SETTINGS; i++)
		if (!strcmp(table[i].name, name))
			return (int)i;
	return -1;
}

bool settings_has(const char *name)
{
	return find(name) >= 0;
}

int settings_set(struct settings *s, const char *name, const char *value, char *error, size_t size)
{
	char why[192];
	int i = find(name);

	if (i < 0) {
		snprintf(error, size, "there is no setting \"%.40s\"", name);
		return -1;
	}
	if (!table[i].set(s, value, why, sizeof(why)))
		return 0;
	snprintf(error, size, "%s %.60s: %s", name, value, why);
	return -1;
}

/* Cuts blanks and the comment off a line; where it begins. */
static char *trim(char *line)
{
	size_t n;

	line[strcspn(line, "#\n")] = '\0';
	while (isspace((unsigned char)*line))
		line++;
	for (n = strlen(line); n && isspace((unsigned char)line[n - 1]); n--)
		line[n - 1] = '\0';
	return line;
}

/* "NAME = VALUE". */
static int take_line(struct settings *s, char *line, char *error, size_t size)
{
	char *equals = strchr(line, '=');

	if (!equals) {
		snprintf(error, size, "no \"name = value\": %.60s", line);
		return -1;
	}
	*equals = '\0';
	return settings_set(s, trim(line), trim(equals + 1), error, size);
}

int settings_read(struct settings *s, const char *path, char *error, size_t size)
{
	FILE *file = fopen(path, "re");
	char line[2048], why[300], *text;
	unsigned int number = 0;
	bool whole;
	int err = 0;

	if (!file && errno == ENOENT)
		return 1;
	if (!file) {
		snprintf(error, size, "%.200s: %s", path, strerror(errno));
		return -1;
	}
	while (!err && fgets(line, sizeof(line), file)) {
		number++;
		whole = strlen(line) < sizeof(line) - 1;
		text = trim(line);
		if (!whole) {
			snprintf(why, sizeof(why), "too long a line");
			err = -1;
		} else if (*text) {
			err = take_line(s, text, why, sizeof(why));
		}
	}
	if (err) {
		snprintf(error, size, "%.200s:%u: %s", path, number, why);
	} else if (ferror(file)) {
		snprintf(error, size, "%.200s: %s", path, strerror(errno));
		err = -1;
	}
	fclose(file);
	return err;
}

/* The tick alone: the default tiers with another first interval. */
static void apply_tick(struct settings *s)
{
	static const struct tiers usual = { 3,
					    { { TICK_NS, 600 * NS_PER_S },
					      { 10 * NS_PER_S, 2 * 3600 * NS_PER_S },
					      { 300 * NS_PER_S, 7 * 86400 * NS_PER_S } } };

	if (!s->tick_ns || s->tick_ns == TICK_NS)
		return;
	if (!s->store.tiers.n)
		s->store.tiers = usual;
	s->store.tiers.tier[0].interval_ns = s->tick_ns;
	/* Where the next one is no multiple of it, ten of it are. */
	if (s->store.tiers.n > 1 && (s->store.tiers.tier[1].interval_ns % s->tick_ns ||
				     s->store.tiers.tier[1].interval_ns < 2 * s->tick_ns))
		s->store.tiers.tier[1].interval_ns = 10 * s->tick_ns;
}

int settings_check(struct settings *s, char *error, size_t size)
{
	struct rondo_plan plan;
	char why[256] = "";
	int err;

	if (!s->max_vms_given)
		s->store.sizes.max_vms = s->store.sizes.max_vcpus;
	apply_tick(s);
	if (s->max_overhead && !s->measure) {
		snprintf(error, size, "max-overhead needs measure = yes");
		return -1;
	}
	err = filter_check(s->filter, why, sizeof(why));
	if (err) {
		snprintf(error, size, "filter: %s", why);
		return -1;
	}
	err = store_plan(&s->store, &plan, why, sizeof(why));
	if (err) {
		snprintf(error, size, "tiers: %s", *why ? why : rondo_strerror(err));
		return -1;
	}
	return 0;
}
