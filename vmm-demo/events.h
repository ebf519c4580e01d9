/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * events.h - the main loop's descriptors: who is called when one of them has something to read
 *
 * Signals come by descriptor too.  All of it is the main thread's.
 */
#ifndef RONDO_VMM_EVENTS_H
#define RONDO_VMM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define EVENTS_MAX 16

typedef void (*event_handler)(void *context);

struct events {
	struct event_source {
		int fd;
		short wanted; /* poll()'s */
		event_handler handler;
		void *context;
	} sources[EVENTS_MAX];
	unsigned int n;
	int signal_fd;
	int timer_fd;
};

/*
 * Blocks the signals that end or steer the VM in this thread and those it will create, and starts
 * the one-second timer, whose handler is `tick`.  0, or -1 and errno.
 */
int events_open(struct events *events, event_handler tick, void *context);

/* -1: there is no room. */
int events_add(struct events *events, int fd, short wanted, event_handler handler, void *context);

/* Changes what is wanted of a descriptor; 0: nothing, for now. */
void events_want(struct events *events, int fd, short wanted);

/*
 * Waits for the next event until the (monotonic) time, for ever if it is 0, and calls the handlers
 * of all that are ready.  Returns the signal that came, 0 for any other event, -1 when the time
 * is up.
 */
int events_wait(struct events *events, uint64_t until_ns);

#endif
