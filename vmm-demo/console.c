// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * console.c - the serial port's other side: standard input and output, a terminal in raw mode
 *
 * Descriptors 0 and 1 are shared with whoever started us, so they stay blocking: they are read and
 * written only when poll() says so.
 */
#include "console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>
#include "clock.h"

#define CTRL_A 1

static struct termios saved;
static atomic_bool is_raw;

static void write_out(void *context)
{
	struct console *c = context;
	size_t done = 0;

	if (!c->n_pending)
		c->n_pending = serial_take(c->serial, c->pending, sizeof(c->pending));
	if (c->n_pending && !c->broken) {
		ssize_t n = write(STDOUT_FILENO, c->pending, c->n_pending);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			c->broken = true;
		done = n > 0 ? (size_t)n : 0;
	}
	if (c->broken)
		done = c->n_pending;
	for (size_t i = done; i < c->n_pending; i++)
		c->pending[i - done] = c->pending[i];
	c->n_pending -= done;
	if (!c->n_pending)
		c->n_pending = serial_take(c->serial, c->pending, sizeof(c->pending));
	events_want(c->events, STDOUT_FILENO, c->n_pending ? POLLOUT : 0);
}

/* What was typed, less the escape; returns how many bytes are the guest's. */
static size_t filter(struct console *c, uint8_t *bytes, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		bool escaped = c->escape;

		c->escape = !escaped && bytes[i] == CTRL_A;
		if (c->escape)
			continue;
		if (escaped && (bytes[i] == 'x' || bytes[i] == 'X'))
			raise(SIGTERM);
		else if (!escaped || bytes[i] == CTRL_A)
			bytes[kept++] = bytes[i];
	}
	return kept;
}

static void read_in(void *context)
{
	struct console *c = context;
	uint8_t bytes[256];
	size_t room = serial_room(c->serial);
	ssize_t n;

	if (room > sizeof(bytes))
		room = sizeof(bytes);
	if (!room) {
		events_want(c->events, STDIN_FILENO, 0);
		return;
	}
	n = read(STDIN_FILENO, bytes, room);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		c->input = false;
		events_want(c->events, STDIN_FILENO, 0);
		return;
	}
	if (is_raw)
		n = (ssize_t)filter(c, bytes, (size_t)n);
	serial_give(c->serial, bytes, (size_t)n);
}

static void on_wake(void *context)
{
	struct console *c = context;
	uint64_t count;

	if (read(c->wake_fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (c->input)
		events_want(c->events, STDIN_FILENO, POLLIN);
	if (!c->n_pending)
		c->n_pending = serial_take(c->serial, c->pending, sizeof(c->pending));
	if (c->n_pending)
		events_want(c->events, STDOUT_FILENO, POLLOUT);
}

static int make_raw(void)
{
	struct termios raw;

	/* Some threads exit() where they can't enter their sandbox. */
	if (tcgetattr(STDIN_FILENO, &saved) || atexit(console_restore))
		return -1;
	raw = saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* our own lines on standard error shall not become stairs */
	atomic_store(&is_raw, true);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

int console_open(struct console *c, struct serial *serial, struct events *events, int wake_fd)
{
	bool terminal = isatty(STDIN_FILENO);

	*c = (struct console){ .serial = serial, .events = events, .wake_fd = wake_fd };
	/* A background job that touched its terminal would be stopped. */
	c->input = !terminal || tcgetpgrp(STDIN_FILENO) == getpgrp();
	if (terminal && c->input && make_raw())
		return -1;
	if (events_add(events, wake_fd, POLLIN, on_wake, c) ||
	    events_add(events, STDOUT_FILENO, 0, write_out, c) ||
	    events_add(events, STDIN_FILENO, c->input ? POLLIN : 0, read_in, c)) {
		errno = ENOSPC;
		return -1;
	}
	return 0;
}

void console_flush(struct console *c)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };
	uint64_t until = clock_monotonic() + UINT64_C(1000000000);

	if (!c->serial)
		return;
	do {
		write_out(c);
	} while (c->n_pending && clock_monotonic() < until && poll(&out, 1, 100) >= 0);
}

void console_restore(void)
{
	if (atomic_exchange(&is_raw, false))
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}
