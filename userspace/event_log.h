/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * event_log.h - the last outliers, in the store's directory
 *
 * JSON lines as --events writes them, in events.jsonl; when that has LOG_BYTES it becomes events.jsonl.1
 * in the place of the one before.
 */
#ifndef RONDO_BPFD_EVENT_LOG_H
#define RONDO_BPFD_EVENT_LOG_H

#include <stdint.h>

#include "event_text.h"

#define LOG_BYTES 1000000 /* so that both together are 2 MB at most */

struct event_log;

/* NULL, logged: it can't be opened; all else goes on. */
struct event_log *event_log_open(const char *dir);
void event_log_close(struct event_log *log);

void event_log_add(struct event_log *log, const struct event_line *line);

/* What was added is in the file now. NULL is allowed here. */
void event_log_flush(struct event_log *log);

/* How many lines could not be written. NULL: 0. */
uint64_t event_log_lost(const struct event_log *log);

#endif /* RONDO_BPFD_EVENT_LOG_H */
