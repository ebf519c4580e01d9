// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * event_log.c - the last outliers
 */
#include "event_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct event_log {
	FILE *file;
	uint64_t lost, pending; /* pending: lines that may not be in the file yet */
	char path[1200], old[1200];
	char buffer[1 << 18];
};

static bool open_file(struct event_log *log)
{
	log->file = fopen(log->path, "ae");
	if (!log->file)
		return false;
	/* All of a tick in one write: no reader sees half a line, and no end of us leaves one. */
	setvbuf(log->file, log->buffer, _IOFBF, sizeof(log->buffer));
	/* Where "a" writes to, ftell says only after a seek. */
	/* cppcheck-suppress seekOnAppendedFile */
	fseek(log->file, 0, SEEK_END);
	return true;
}

struct event_log *event_log_open(const char *dir)
{
	struct event_log *log = calloc(1, sizeof(*log));

	if (!log)
		return NULL;
	snprintf(log->path, sizeof(log->path), "%s/events.jsonl", dir);
	snprintf(log->old, sizeof(log->old), "%s/events.jsonl.1", dir);
	if (open_file(log))
		return log;
	log_line("no event log: %s: %s", log->path, strerror(errno));
	free(log);
	return NULL;
}

void event_log_close(struct event_log *log)
{
	if (!log)
		return;
	event_log_flush(log);
	if (log->file)
		fclose(log->file);
	free(log);
}

static void rotate(struct event_log *log)
{
	if (!log->file || ftell(log->file) < LOG_BYTES)
		return;
	event_log_flush(log);
	fclose(log->file);
	/* If that fails it is begun anew, so that it never grows. */
	if (rename(log->path, log->old))
		remove(log->path);
	open_file(log);
}

void event_log_add(struct event_log *log, const struct event_line *line)
{
	rotate(log);
	if (!log->file) {
		log->lost++;
		return;
	}
	event_json(log->file, line);
	log->pending++;
}

void event_log_flush(struct event_log *log)
{
	if (!log || !log->file || !log->pending)
		return;
	if (fflush(log->file) || ferror(log->file)) {
		log->lost += log->pending;
		clearerr(log->file);
	}
	log->pending = 0;
}

uint64_t event_log_lost(const struct event_log *log)
{
	return log ? log->lost : 0;
}
