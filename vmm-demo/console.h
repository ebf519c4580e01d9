/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * console.h - the serial port's other side: standard input and output, a terminal in raw mode
 *
 * Main thread only, but for console_restore().
 */
#ifndef RONDO_VMM_CONSOLE_H
#define RONDO_VMM_CONSOLE_H

#include <stdbool.h>
#include "events.h"
#include "serial.h"

struct console {
	struct serial *serial;
	struct events *events;
	int wake_fd;          /* the serial port's */
	bool input;           /* standard input is still read */
	bool broken;          /* standard output is gone: what the guest says is dropped */
	bool escape;          /* Ctrl-A was typed */
	uint8_t pending[512]; /* taken from the port, not yet written */
	size_t n_pending;
};

/*
 * Connects the port; standard input, where it is a terminal and we are in its foreground, goes into
 * raw mode: Ctrl-A X ends the VM (SIGTERM to this process), Ctrl-A Ctrl-A is one Ctrl-A.
 * 0, or -1 and errno.
 */
int console_open(struct console *console, struct serial *serial, struct events *events,
		 int wake_fd);

/* Writes out what is left, for a second at the most. */
void console_flush(struct console *console);

/* The terminal as it was.  Any thread, also from a signal handler, also more than once. */
void console_restore(void);

#endif
