// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Times and durations, read and written. See times.h. All arithmetic is in integers, so that
 * nanoseconds survive.
 */
#include "times.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

struct unit {
	const char *name;
	uint64_t ns;
};

/* Largest first, which is the order in which duration_text() takes them. */
static const struct unit units[] = {
	{ "w", 604800 * NS_PER_S },
	{ "d", 86400 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },
	{ "ms", 1000000 },
	{ "us", 1000 },
	{ "ns", 1 },
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

static const struct unit *find_unit(const char *name, size_t len)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, name, len))
			return &units[i];
	return NULL;
}

/* A decimal number: whole part and fraction digits, not yet scaled. */
struct decimal {
	uint64_t whole;
	const char *fraction;
	size_t fraction_len;
};

/* Returns what follows the number, or NULL if there is none or it is too large. */
static const char *parse_decimal(const char *p, struct decimal *d)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	*d = (struct decimal){ .fraction = "" };
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(d->whole, 10, &d->whole) ||
		    __builtin_add_overflow(d->whole, (uint64_t)(*p - '0'), &d->whole))
			return NULL;
	if (*p != '.')
		return p;
	d->fraction = ++p;
	while (isdigit((unsigned char)*p))
		p++;
	d->fraction_len = (size_t)(p - d->fraction);
	return d->fraction_len ? p : NULL;
}

/* d in units of `ns` nanoseconds; digits that weigh less than a nanosecond are cut off. */
static bool scale_decimal(const struct decimal *d, uint64_t ns, uint64_t *out)
{
	uint64_t total, weight = ns / 10;

	if (__builtin_mul_overflow(d->whole, ns, &total))
		return false;
	for (size_t i = 0; i < d->fraction_len && weight; i++, weight /= 10)
		if (__builtin_add_overflow(total, (uint64_t)(d->fraction[i] - '0') * weight,
					   &total))
			return false;
	*out = total;
	return true;
}

const char *duration_parse(const char *text, uint64_t *ns)
{
	const char *p = text;
	uint64_t total = 0, part;

	if (!*p)
		return "empty; write it as 10m, 1h30m or 500ms";
	while (*p) {
		const struct unit *unit;
		struct decimal d;
		size_t len = 0;

		p = parse_decimal(p, &d);
		if (!p)
			return "not a duration; write it as 10m, 1h30m or 500ms";
		while (isalpha((unsigned char)p[len]))
			len++;
		if (!len)
			return "no unit; add one of w d h m s ms us ns";
		unit = find_unit(p, len);
		if (!unit)
			return "unknown unit; use one of w d h m s ms us ns";
		if (!scale_decimal(&d, unit->ns, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return "too long";
		p += len;
	}
	if (!total)
		return "must be more than 0";
	*ns = total;
	return NULL;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, year >= 1970. */
static uint64_t days_since_epoch(unsigned int year, unsigned int month, unsigned int day)
{
	static const unsigned int before[] = {
		0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334
	};
	unsigned int last = year - 1; /* the last year whose leap day counts before March */
	uint64_t days = (uint64_t)(year - 1970) * 365 + before[month - 1] + day - 1;

	if (month > 2)
		last = year;
	return days + (last / 4 - 1969 / 4) - (last / 100 - 1969 / 100) + (last / 400 - 1969 / 400);
}

static bool leap_year(unsigned int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned int days_in_month(unsigned int year, unsigned int month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 2 && leap_year(year) ? 29 : days[month - 1];
}

/* Exactly n digits; advances *p. */
static bool digits(const char **p, int n, unsigned int *value)
{
	*value = 0;
	for (; n; n--, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*value = *value * 10 + (unsigned int)(**p - '0');
	}
	return true;
}

static bool character(const char **p, const char *set)
{
	if (!**p || !strchr(set, **p))
		return false;
	(*p)++;
	return true;
}

static const char *parse_zone(const char **p, int64_t *offset)
{
	unsigned int hours, minutes;
	bool west = **p == '-';

	*offset = 0;
	if (character(p, "Zz"))
		return NULL;
	if (!character(p, "+-"))
		return "no time zone; add Z, or an offset such as +02:00";
	if (!digits(p, 2, &hours) || !character(p, ":") || !digits(p, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return "bad time zone; write it as Z or +02:00";
	*offset = (int64_t)(hours * 3600 + minutes * 60) * (west ? -1 : 1);
	return NULL;
}

static const char *parse_rfc3339(const char *p, uint64_t *ns)
{
	static const char bad[] =
		"not a time; write it as 2026-01-31T12:00:00Z or in seconds since "
		"the epoch";
	unsigned int year, month, day, hour, minute, second;
	struct decimal d = { .fraction = "" };
	const char *why;
	int64_t offset, seconds;
	uint64_t part = 0;

	if (!digits(&p, 4, &year) || !character(&p, "-") || !digits(&p, 2, &month) ||
	    !character(&p, "-") || !digits(&p, 2, &day) || !character(&p, "Tt ") ||
	    !digits(&p, 2, &hour) || !character(&p, ":") || !digits(&p, 2, &minute) ||
	    !character(&p, ":") || !digits(&p, 2, &second))
		return bad;
	if (year < 1970)
		return "before 1970";
	if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
	    minute > 59 || second > 60) /* 60: a leap second is the next second */
		return "no such date or time of day";
	if (character(&p, ".")) {
		d.fraction = p;
		while (isdigit((unsigned char)*p))
			p++;
		d.fraction_len = (size_t)(p - d.fraction);
		if (!d.fraction_len)
			return bad;
	}
	why = parse_zone(&p, &offset);
	if (why)
		return why;
	if (*p)
		return bad;
	seconds = (int64_t)(days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 +
			    second) -
		  offset;
	if (seconds < 0)
		return "before 1970";
	scale_decimal(&d, NS_PER_S, &part);
	if (__builtin_mul_overflow((uint64_t)seconds, NS_PER_S, ns) ||
	    __builtin_add_overflow(*ns, part, ns))
		return "too late; the last moment is in the year 2554";
	return NULL;
}

const char *time_parse(const char *text, uint64_t *ns)
{
	const struct unit *unit;
	struct decimal d;
	const char *rest = parse_decimal(text, &d), *why;
	uint64_t value;

	if (!rest || *rest == '-') {
		why = parse_rfc3339(text, &value);
		if (!why)
			*ns = value;
		return why;
	}
	unit = find_unit(*rest ? rest : "s", strlen(*rest ? rest : "s"));
	if (!unit || unit->ns > NS_PER_S)
		return "not a time; write it as 2026-01-31T12:00:00Z, or as a number of seconds "
		       "since the epoch, or of ms, us, ns with that unit";
	if (!*rest && d.whole >= UINT64_C(100000000000))
		return "too large for seconds; add the unit: ms, us or ns";
	if (!scale_decimal(&d, unit->ns, ns))
		return "too late; the last moment is in the year 2554";
	return NULL;
}

/* The fraction of a second with its dot, cut to groups of `group` digits; "" if it is 0. */
static void fraction_text(char buf[12], uint64_t ns, unsigned int group)
{
	unsigned int len = 9;

	if (!ns) {
		buf[0] = '\0';
		return;
	}
	snprintf(buf, 12, ".%09" PRIu64, ns % NS_PER_S);
	for (; len > group && strspn(buf + 1 + len - group, "0") == group; len -= group)
		buf[1 + len - group] = '\0';
}

char *time_text(char buf[TIME_TEXT], uint64_t ns)
{
	uint64_t seconds = ns / NS_PER_S, days = seconds / 86400;
	unsigned int year = 1970, month = 1, of_day = (unsigned int)(seconds % 86400);
	char fraction[12];

	while (days >= (leap_year(year) ? 366u : 365u))
		days -= leap_year(year++) ? 366 : 365;
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	fraction_text(fraction, ns % NS_PER_S, 3);
	snprintf(buf, TIME_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u%sZ", year, month,
		 (unsigned int)days + 1, of_day / 3600, of_day / 60 % 60, of_day % 60, fraction);
	return buf;
}

char *seconds_text(char buf[TIME_TEXT], uint64_t ns)
{
	char fraction[12];

	fraction_text(fraction, ns % NS_PER_S, 1);
	snprintf(buf, TIME_TEXT, "%" PRIu64 "%s", ns / NS_PER_S, fraction);
	return buf;
}

char *duration_text(char buf[DURATION_TEXT], uint64_t ns)
{
	size_t len = 0;

	/* Weeks are for reading only: 7d is what a schema's author wrote. */
	for (size_t i = 1; i < N_UNITS; i++) {
		if (ns < units[i].ns)
			continue;
		len += (size_t)snprintf(buf + len, DURATION_TEXT - len, "%" PRIu64 "%s",
					ns / units[i].ns, units[i].name);
		ns %= units[i].ns;
	}
	if (!len)
		snprintf(buf, DURATION_TEXT, "0s");
	return buf;
}
