// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * selector.c - Prometheus selectors: name{a="b",c!="d",e=~"f|g",h!~"i"}
 *
 * Grammar: prometheus.io/docs/prometheus/latest/querying/basics.  Differences, both documented:
 * regular expressions are POSIX extended ones, and {} matches everything.  Strings are double or
 * single quoted with the escapes \\ \" \' \n \t \r, or raw between backquotes.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum match_op {
	MATCH_EQ,
	MATCH_NE,
	MATCH_RE,
	MATCH_NRE,
};

struct parser {
	const char *text, *p;
	struct selector *selector;
	uint64_t regex_size; /* of all regular expressions together */
	char *detail;
	size_t detail_size;
};

/*
 * The C library takes time and memory that grow with the square of that size, and exponentially in
 * nested repetitions: "x++++++++++++++++" is gigabytes. 1000 of it are 0.1 s and 80 MB at worst.
 */
#define REGEX_MAX 1000

static int syntax(struct parser *parser, const char *expected)
{
	return fail(parser->detail, parser->detail_size, RONDO_E_SELECTOR,
		    "selector: expected %s at character %zu of '%.200s'", expected,
		    (size_t)(parser->p - parser->text) + 1, parser->text);
}

static void skip_space(struct parser *parser)
{
	while (isspace((unsigned char)*parser->p))
		parser->p++;
}

/* [a-zA-Z_][a-zA-Z0-9_]* (and : if asked) as a new string; NULL if there is none here. */
static int identifier(struct parser *parser, bool colon, char **name)
{
	const char *from = parser->p;

	*name = NULL;
	if (isdigit((unsigned char)*parser->p))
		return 0;
	while (isalnum((unsigned char)*parser->p) || *parser->p == '_' ||
	       (colon && *parser->p == ':'))
		parser->p++;
	if (parser->p == from)
		return 0;
	*name = strndup(from, (size_t)(parser->p - from));
	return *name ? 0 : RONDO_E_NOMEM;
}

static int quoted(struct parser *parser, char **value)
{
	char quote = *parser->p, *to;

	if (quote != '"' && quote != '\'' && quote != '`')
		return syntax(parser, "a quoted string");
	to = *value = malloc(strlen(parser->p));
	if (!to)
		return RONDO_E_NOMEM;
	for (parser->p++; *parser->p && *parser->p != quote; parser->p++) {
		if (*parser->p != '\\' || quote == '`') {
			*to++ = *parser->p;
			continue;
		}
		switch (*++parser->p) {
		case '\\':
		case '"':
		case '\'':
			*to++ = *parser->p;
			break;
		case 'n':
			*to++ = '\n';
			break;
		case 't':
			*to++ = '\t';
			break;
		case 'r':
			*to++ = '\r';
			break;
		default:
			return syntax(parser, "one of \\ \" ' n t r after the backslash");
		}
	}
	*to = '\0';
	if (!*parser->p)
		return syntax(parser, "a closing quote");
	parser->p++;
	return 0;
}

/* ---- regular expressions ---- */

/* Behind a bracket expression, of which p is the '['. */
static const char *after_bracket(const char *p)
{
	p += p[1] == '^' ? 2 : 1;
	p += *p == ']';
	while (*p && *p != ']') {
		if (*p == '[' && *(p + 1) && strchr(":.=", p[1])) {
			const char end[] = { p[1], ']', '\0' }, *to = strstr(p + 2, end);

			p = to ? to + 1 : p;
		}
		p++;
	}
	return *p ? p + 1 : p;
}

/* How many times {n,m} at p repeats at most; *p is moved to its '}'. 1 if it is none. */
static uint64_t bound(const char **p)
{
	char *end;
	unsigned long n = strtoul(*p + 1, &end, 10), m = n;

	if (*end == ',')
		m = end[1] == '}' ? n + 1 : strtoul(end + 1, &end, 10);
	end += *end == ',';
	if (*end != '}')
		return 1;
	*p = end;
	return m > n ? m : n > 1 ? n : 1;
}

/*
 * How large an expression is once its repetitions are written out, x+ as three x (the C library
 * writes it as x x*, whose nesting costs more than its length). UINT32_MAX for back-references.
 */
static uint64_t regex_size(const char *p)
{
	uint64_t sum[RONDO_SELECTOR_MAX + 2] = { 0 }, atom = 0;
	size_t depth = 0;

	for (; *p; p++) {
		if (*p == '+' || *p == '{') {
			atom *= *p == '+' ? 3 : bound(&p);
			atom = atom < UINT32_MAX ? atom : UINT32_MAX;
			continue;
		}
		if (*p == '*' || *p == '?')
			continue;
		sum[depth] += atom;
		atom = 1;
		if (*p == '(' && depth <= RONDO_SELECTOR_MAX) {
			sum[++depth] = 0;
			atom = 0;
		} else if (*p == ')' && depth) {
			atom = 1 + sum[depth--];
		} else if (*p == '[') {
			p = after_bracket(p) - 1;
		} else if (*p == '\\' && p[1]) {
			if (isdigit((unsigned char)*++p))
				return UINT32_MAX;
		}
	}
	for (atom += sum[0]; depth; depth--)
		atom += sum[depth];
	return atom;
}

static int compile(struct parser *parser, struct matcher *m)
{
	char why[128];
	int err;

	if (m->op != MATCH_RE && m->op != MATCH_NRE)
		return 0;
	parser->regex_size += regex_size(m->value);
	if (parser->regex_size > REGEX_MAX) {
		m->op = MATCH_EQ; /* there is no regex to be freed */
		return fail(
			parser->detail, parser->detail_size, RONDO_E_SELECTOR,
			"selector: regular expression '%.200s': too large with its repetitions, "
			"or a back-reference",
			m->value);
	}
	err = regcomp(&m->regex, m->value, REG_EXTENDED);
	if (!err)
		return 0;
	regerror(err, &m->regex, why, sizeof(why));
	m->op = MATCH_EQ; /* there is no regex to be freed */
	if (err == REG_ESPACE)
		return RONDO_E_NOMEM;
	return fail(parser->detail, parser->detail_size, RONDO_E_SELECTOR,
		    "selector: regular expression '%.200s': %s", m->value, why);
}

/* A new matcher at the end; label and value are taken over. */
static struct matcher *append(struct selector *selector)
{
	struct matcher *m = realloc(selector->m, (selector->n + 1) * sizeof(*m));

	if (!m)
		return NULL;
	selector->m = m;
	m += selector->n++;
	memset(m, 0, sizeof(*m));
	return m;
}

static int parse_matcher(struct parser *parser)
{
	static const struct {
		const char *text;
		enum match_op op;
	} ops[] = {
		{ "=~", MATCH_RE }, { "!~", MATCH_NRE }, { "!=", MATCH_NE }, { "=", MATCH_EQ }
	};
	struct matcher *m = append(parser->selector);
	size_t i;
	int err;

	if (!m)
		return RONDO_E_NOMEM;
	err = identifier(parser, false, &m->label);
	if (err)
		return err;
	if (!m->label)
		return syntax(parser, "a label name");
	skip_space(parser);
	for (i = 0; i < 4; i++)
		if (!strncmp(parser->p, ops[i].text, strlen(ops[i].text)))
			break;
	if (i == 4)
		return syntax(parser, "one of = != =~ !~");
	m->op = MATCH_EQ;
	parser->p += strlen(ops[i].text);
	skip_space(parser);
	err = quoted(parser, &m->value);
	if (err)
		return err;
	m->op = ops[i].op;
	return compile(parser, m);
}

static int parse(struct parser *parser)
{
	char *name;
	int err;

	skip_space(parser);
	err = identifier(parser, true, &name);
	if (err)
		return err;
	if (name) {
		struct matcher *m = append(parser->selector);

		if (m)
			m->label = strdup("__name__");
		if (!m || !m->label) {
			free(name);
			return RONDO_E_NOMEM;
		}
		m->value = name;
	}
	skip_space(parser);
	if (*parser->p == '{') {
		parser->p++;
		for (skip_space(parser); *parser->p != '}'; skip_space(parser)) {
			err = parse_matcher(parser);
			if (err)
				return err;
			skip_space(parser);
			if (*parser->p == ',')
				parser->p++;
			else if (*parser->p != '}')
				return syntax(parser, "',' or '}'");
		}
		parser->p++;
		skip_space(parser);
	}
	return *parser->p ? syntax(parser, name ? "'{' or the end" : "a metric name or '{'") : 0;
}

int selector_parse(const char *text, struct selector **out, char *detail, size_t size)
{
	struct parser parser = { text ? text : "", text ? text : "", NULL, 0, detail, size };
	int err;

	if (strlen(parser.text) > RONDO_SELECTOR_MAX)
		return fail(detail, size, RONDO_E_SELECTOR, "selector: longer than %d bytes",
			    RONDO_SELECTOR_MAX);
	parser.selector = calloc(1, sizeof(*parser.selector));
	if (!parser.selector)
		return RONDO_E_NOMEM;
	err = parse(&parser);
	if (err) {
		selector_free(parser.selector);
		return err;
	}
	*out = parser.selector;
	return 0;
}

static const char *label_value(const struct key *key, const char *label)
{
	if (!strcmp(label, "__name__"))
		return key->name;
	for (size_t i = 0; i < key->n_labels; i++)
		if (!strcmp(key->labels[i].name, label))
			return key->labels[i].value;
	return "";
}

/*
 * Anchored at both ends: the match is the leftmost and longest one (POSIX), so it is all of the
 * value if any is.  No ^( and )$ around the expression: "a)|b(c)" would break out of them.
 */
static int matches_whole(const regex_t *regex, const char *value)
{
	regmatch_t match;
	int err = regexec(regex, value, 1, &match, 0);

	if (err)
		return err == REG_NOMATCH ? 0 : RONDO_E_NOMEM;
	return match.rm_so == 0 && value[match.rm_eo] == '\0';
}

static int matches(const struct matcher *m, const char *value)
{
	int whole;

	switch ((enum match_op)m->op) {
	case MATCH_EQ:
		return !strcmp(value, m->value);
	case MATCH_NE:
		return strcmp(value, m->value) != 0;
	case MATCH_RE:
	case MATCH_NRE:
		whole = matches_whole(&m->regex, value);
		return whole < 0 || m->op == MATCH_RE ? whole : !whole;
	}
	return 0;
}

/* 1, 0, or RONDO_E_NOMEM: regular expressions need memory to match, too. */
int selector_matches(const struct selector *selector, const struct key *key)
{
	for (size_t i = 0; i < selector->n; i++) {
		int ok = matches(&selector->m[i], label_value(key, selector->m[i].label));

		if (ok <= 0)
			return ok;
	}
	return 1;
}

void selector_free(struct selector *selector)
{
	if (!selector)
		return;
	for (size_t i = 0; i < selector->n; i++) {
		struct matcher *m = &selector->m[i];

		if (m->op == MATCH_RE || m->op == MATCH_NRE)
			regfree(&m->regex);
		free(m->label);
		free(m->value);
	}
	free(selector->m);
	free(selector);
}
