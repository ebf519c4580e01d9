// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * How stored series are called outside. See names.h; docs/man/rondo-bpf-cli.1 has the rules in words.
 */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum what {
	LABEL,  /* a label's name */
	PREFIX, /* what a series' name begins with */
	UNIT,   /* what it ends with, or the unit that is stored with it */
};

/*
 * The table. The first row that fits counts, of each kind of row.
 *
 * The store keeps what is measured, in the unit in which it is measured; outside, Prometheus'
 * conventions hold: base units, `_total` on counters, and no label that a scrape target has.
 */
static const struct rule {
	enum what what;
	const char *from;
	const char *to;
	const char *stored_unit; /* UNIT: a series with it ends with `to`, whatever its name says */
	double divisor;          /* UNIT */
} rules[] = {
	{ LABEL, "instance", "vm", NULL, 0 },
	{ PREFIX, "collector_", "rondo_collector_", NULL, 0 },
	{ PREFIX, "rondo_", "rondo_", NULL, 0 },
	{ PREFIX, "kvm_", "kvm_", NULL, 0 },
	{ PREFIX, "", "kvm_", NULL, 0 },
	{ UNIT, "_ns", "_seconds", "ns", 1e9 },
	{ UNIT, "_us", "_seconds", "us", 1e6 },
	{ UNIT, "_ms", "_seconds", "ms", 1e3 },
	{ UNIT, "_seconds", "_seconds", "s", 1 },
	{ UNIT, "_bytes", "_bytes", "bytes", 1 },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

static const struct rule no_unit = { UNIT, "", "", NULL, 1 };

const char *names_label(const char *label)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].what == LABEL && !strcmp(rules[i].from, label))
			return rules[i].to;
	return label;
}

static const struct rule *find_prefix(const char *name)
{
	const struct rule *rule = rules;

	/* The row with the empty prefix fits always. */
	while (rule->what != PREFIX || strncmp(name, rule->from, strlen(rule->from)) != 0)
		rule++;
	return rule;
}

/* Whether name[0..len) ends with `end` and has something before it. */
static int ends_with(const char *name, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !memcmp(name + len - n, end, n);
}

/* The stored unit decides; where there is none, or one that we don't know, the name's end does. */
static const struct rule *find_unit(const char *name, size_t len, const char *unit)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].what == UNIT && !strcmp(rules[i].stored_unit, unit))
			return &rules[i];
	for (size_t i = 0; i < N_RULES; i++)
		if (rules[i].what == UNIT && ends_with(name, len, rules[i].from))
			return &rules[i];
	return &no_unit;
}

/* What the function puts before and after the unit. */
struct form {
	const char *before, *after;
	int has_unit;
};

static struct form find_form(enum rondo_function function)
{
	switch (function) {
	case RONDO_FN_AVG:
		return (struct form){ "_avg", "", 1 };
	case RONDO_FN_MIN:
		return (struct form){ "_min", "", 1 };
	case RONDO_FN_MAX:
		return (struct form){ "_max", "", 1 };
	case RONDO_FN_LAST:
		return (struct form){ "_last", "", 1 };
	case RONDO_FN_SUM:
		return (struct form){ "_increase", "", 1 };
	case RONDO_FN_RATE:
		return (struct form){ "", "_per_second", 1 };
	case RONDO_FN_COUNT:
		return (struct form){ "_known_ticks", "", 0 };
	default:
		return (struct form){ "", "", 1 };
	}
}

int names_export(const char *name, enum rondo_kind kind, const char *unit,
		 enum rondo_function function, struct exported *out)
{
	int plain = function == RONDO_FN_DEFAULT || function == RONDO_FN_TOTAL;
	const struct rule *prefix = find_prefix(name), *rule;
	static const char *const types[] = {
		[RONDO_GAUGE] = "gauge",
		[RONDO_COUNTER] = "counter",
		[RONDO_HISTOGRAM] = "histogram",
	};
	struct form form = find_form(function);
	size_t len;

	name += strlen(prefix->from);
	len = strlen(name);
	if (ends_with(name, len, "_total") && kind == RONDO_COUNTER)
		len -= strlen("_total");
	rule = find_unit(name, len, unit);
	if (ends_with(name, len, rule->from))
		len -= strlen(rule->from);
	else if (ends_with(name, len, rule->to))
		len -= strlen(rule->to);
	if (kind == RONDO_GAUGE && function == RONDO_FN_SUM)
		form.before = "_sum_over_ticks";
	if (!form.has_unit)
		rule = &no_unit;
	*out = (struct exported){
		.suffix = plain && kind == RONDO_COUNTER ? "_total" : "",
		.unit = rule->to[0] && !form.after[0] ? rule->to + 1 : "",
		.type = !plain ? "gauge" : types[kind],
		.divisor = rule->divisor,
	};
	if (asprintf(&out->family, "%s%.*s%s%s%s", prefix->to, (int)len, name, form.before,
		     rule->to, form.after) < 0) {
		out->family = NULL;
		return -1;
	}
	return 0;
}

const char *names_unit(const char *unit, enum rondo_function function, char *buf, size_t size)
{
	if (function == RONDO_FN_COUNT)
		return "";
	if (function != RONDO_FN_RATE)
		return unit;
	snprintf(buf, size, "%s/s", unit[0] ? unit : "1");
	return buf;
}
