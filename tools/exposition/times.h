/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Times and durations, read and written. Pure: no clock, no files, no time zone but UTC.
 */
#ifndef RONDO_TOOLS_TIMES_H
#define RONDO_TOOLS_TIMES_H

#include <stdint.h>

#define TIME_TEXT     40 /* bytes for time_text() and seconds_text() */
#define DURATION_TEXT 64 /* bytes for duration_text() */

/*
 * A moment: RFC 3339 (2026-01-31T12:00:00Z, with a fraction, with +02:00), or a number since the
 * epoch: seconds when it is bare, else with its unit: s, ms, us, ns. Returns NULL and *ns, or what
 * is wrong with the text.
 */
const char *time_parse(const char *text, uint64_t *ns);

/* A duration with units: 10m, 1h30m, 1.5s, 500ms; w d h m s ms us ns. More than 0. As above. */
const char *duration_parse(const char *text, uint64_t *ns);

/* RFC 3339 in UTC, with as many groups of three decimals as are not zero. Returns buf. */
char *time_text(char buf[TIME_TEXT], uint64_t ns);

/* Seconds since the epoch as a decimal number, exact, without trailing zeros. Returns buf. */
char *seconds_text(char buf[TIME_TEXT], uint64_t ns);

/* 1s, 10m, 7d, 1h30m: exact, and duration_parse() reads it back. Returns buf. */
char *duration_text(char buf[DURATION_TEXT], uint64_t ns);

#endif
