/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * log.h - lines on standard error, "rondo-bpfd: ..."
 */
#ifndef RONDO_BPFD_LOG_H
#define RONDO_BPFD_LOG_H

#include <stdbool.h>

#define LOG_FORMAT __attribute__((format(printf, 1, 2)))

void log_verbose(bool on);
bool log_is_verbose(void);

/* What the user has to know. */
LOG_FORMAT void log_line(const char *format, ...);

/* What only -v shows. */
LOG_FORMAT void log_debug(const char *format, ...);

#endif /* RONDO_BPFD_LOG_H */
