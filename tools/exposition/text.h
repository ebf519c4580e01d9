/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Numbers and strings in the forms that the output formats want. Writes to streams; decides
 * nothing about what is written.
 */
#ifndef RONDO_TOOLS_TEXT_H
#define RONDO_TOOLS_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include <rondo.h>

#define NUMBER_TEXT 32 /* bytes for number_text() */

/*
 * The shortest decimal that strtod() reads back as the same double; integers below 2^53 without
 * exponent. "NaN", "+Inf" and "-Inf" for what is not finite. Returns buf.
 */
char *number_text(char buf[NUMBER_TEXT], double value);

/* A JSON string with its quotes. What is not UTF-8 becomes U+FFFD. */
void json_string(FILE *out, const char *text);

/* A JSON number; null for what is not finite. */
void json_number(FILE *out, double value);

/* A JSON object of labels. */
void json_labels(FILE *out, const struct rondo_label *labels, size_t n);

/* A field of RFC 4180: in quotes, quotes doubled, only where it must. */
void csv_field(FILE *out, const char *text, size_t len);

/* The inside of a label value or a HELP text of OpenMetrics: backslash, newline, quote escaped. */
void label_text(FILE *out, const char *text);

/* Text for a terminal: control characters as \xHH, so that a label can't steer it. */
void plain_text(FILE *out, const char *text);

/* "avg", "min", ...; "?" for numbers that are none. */
const char *function_name(enum rondo_function function);

/* The function of a name, or -1. */
int function_find(const char *name);

/* "gauge", "counter", "histogram"; "?" for other numbers. */
const char *kind_name(enum rondo_kind kind);

#endif
