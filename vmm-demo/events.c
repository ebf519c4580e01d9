// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * events.c - the main loop's descriptors: who is called when one of them has something to read
 */
#include "events.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "clock.h"

static void take_nothing(void *context)
{
	(void)context;
}

int events_open(struct events *e, event_handler tick, void *context)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGUSR2 };
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	e->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (e->signal_fd < 0 || e->timer_fd < 0 || timerfd_settime(e->timer_fd, 0, &second, NULL))
		return -1;
	if (events_add(e, e->signal_fd, POLLIN, take_nothing, NULL))
		return -1;
	return events_add(e, e->timer_fd, POLLIN, tick, context);
}

int events_add(struct events *e, int fd, short wanted, event_handler handler, void *context)
{
	if (e->n == EVENTS_MAX)
		return -1;
	e->sources[e->n++] = (struct event_source){ fd, wanted, handler, context };
	return 0;
}

void events_want(struct events *e, int fd, short wanted)
{
	unsigned int i;

	for (i = 0; i < e->n; i++)
		if (e->sources[i].fd == fd)
			e->sources[i].wanted = wanted;
}

int events_wait(struct events *e, uint64_t until_ns)
{
	struct pollfd fds[EVENTS_MAX];
	uint64_t now = clock_monotonic(), count;
	struct timespec left = clock_timespec(until_ns > now ? until_ns - now : 0);
	struct signalfd_siginfo info;
	unsigned int i;
	int n;

	if (until_ns && until_ns <= now)
		return -1;
	for (i = 0; i < e->n; i++)
		fds[i] = (struct pollfd){ .fd = e->sources[i].wanted ? e->sources[i].fd : -1,
					  .events = e->sources[i].wanted };
	n = ppoll(fds, e->n, until_ns ? &left : NULL, NULL);
	if (n <= 0)
		return n == 0 ? -1 : 0;
	for (i = 0; i < e->n; i++) {
		if (!fds[i].revents)
			continue;
		if (fds[i].fd == e->timer_fd &&
		    read(e->timer_fd, &count, sizeof(count)) != sizeof(count))
			continue;
		e->sources[i].handler(e->sources[i].context);
	}
	if (read(e->signal_fd, &info, sizeof(info)) == sizeof(info))
		return (int)info.ssi_signo;
	return 0;
}
