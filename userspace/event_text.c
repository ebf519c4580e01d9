// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * event_text.c - a single event as a line
 */
#include "event_text.h"

#include <inttypes.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

void event_text(FILE *out, const struct event_line *line)
{
	time_t seconds = (time_t)(line->wall_ns / NS_PER_S);
	struct tm tm;
	char time[24];

	gmtime_r(&seconds, &tm);
	strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out, "%s.%06" PRIu64 "Z %s/%d cpu %u %s %s %" PRIu64 " ns", time,
		line->wall_ns % NS_PER_S / 1000, line->vm, line->vcpu, line->cpu, line->event,
		line->reason ? line->reason : "-", line->ns);
	if (line->off_ns)
		fprintf(out, " + %" PRIu64 " ns off", line->off_ns);
	fputc('\n', out);
}

/* What is in names and reasons: no control characters are. */
static void put_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void event_json(FILE *out, const struct event_line *line)
{
	fprintf(out, "{\"ts_ns\":%" PRIu64 ",\"vm\":", line->wall_ns);
	put_string(out, line->vm);
	fprintf(out, ",\"vcpu\":%d,\"cpu\":%u,\"event\":\"%s\"", line->vcpu, line->cpu,
		line->event);
	if (line->reason) {
		fputs(",\"reason\":", out);
		put_string(out, line->reason);
	}
	fprintf(out, ",\"ns\":%" PRIu64 ",\"off_ns\":%" PRIu64 "}\n", line->ns, line->off_ns);
}
