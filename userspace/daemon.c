// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * daemon.c - the collector's one thread: puts the parts together, and keeps the time
 *
 * Every 20 ms the ring is emptied; at each whole second of the wall clock a tick ends. SIGTERM and SIGINT
 * end it after a last tick.
 */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "capabilities.h"
#include "drain.h"
#include "kernel.h"
#include "log.h"
#include "store.h"

#define DRAIN_NS  UINT64_C(20000000)
#define SLOTS_MIN 256

struct daemon {
	const struct options *options;
	struct capabilities caps;
	struct drain *drain;
	struct kernel *kernel;
	struct store *store;
	int signals;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * TICK_NS + (uint64_t)t.tv_nsec;
}

/* CLOCK_REALTIME - CLOCK_MONOTONIC: of three tries the one whose two monotonic readings are closest. */
static uint64_t wall_offset(void)
{
	uint64_t best = UINT64_MAX, offset = 0, before, after, real;
	int i;

	for (i = 0; i < 3; i++) {
		before = clock_ns(CLOCK_MONOTONIC);
		real = clock_ns(CLOCK_REALTIME);
		after = clock_ns(CLOCK_MONOTONIC);
		if (after - before < best) {
			best = after - before;
			offset = real - before - best / 2;
		}
	}
	return offset;
}

static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum status start(struct daemon *d)
{
	uint32_t n_slots = 2 * d->options->max_vcpus;
	uint64_t offset = wall_offset(), now;
	enum status status;

	if (n_slots < SLOTS_MIN)
		n_slots = SLOTS_MIN;
	d->signals = block_signals();
	if (d->signals < 0) {
		log_line("signals: %s", strerror(errno));
		return STATUS_FAILED;
	}
	capabilities_find(&d->caps);
	if (d->caps.status != STATUS_OK) {
		log_line("%s", d->caps.why);
		return d->caps.status;
	}
	if (!d->caps.entry_exit)
		log_debug(
			"kvm_entry and kvm_exit never fire here: run time instead of guest and exit "
			"time, no exits by the processor's reason");
	else if (!d->caps.reasons)
		log_line(
			"this kernel's exit reasons can't be read: exits are not counted by reason");
	d->drain = drain_new(&d->caps, n_slots);
	if (!d->drain) {
		log_line("no memory");
		return STATUS_FAILED;
	}
	status =
		kernel_open(&d->caps, n_slots, TICK_NS, offset, drain_record, d->drain, &d->kernel);
	if (status != STATUS_OK)
		return status;
	status = store_open(d->options->store, d->options->groups, d->options->max_vcpus,
			    d->options->max_vcpus, &d->store);
	if (status != STATUS_OK)
		return status;
	now = clock_ns(CLOCK_MONOTONIC);
	if (drain_begin(d->drain, d->kernel, d->store, now, offset)) {
		log_line("no memory");
		return STATUS_FAILED;
	}
	return kernel_start(d->kernel);
}

/* Until a signal comes. */
static void loop(struct daemon *d)
{
	struct pollfd pollfd = { .fd = d->signals, .events = POLLIN };
	uint64_t offset = wall_offset(), now, next, wait;
	struct timespec timeout = { 0 };

	now = clock_ns(CLOCK_MONOTONIC);
	next = now + TICK_NS - (now + offset) % TICK_NS;
	for (;;) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= next) {
			offset = wall_offset();
			drain_tick(d->drain, now, offset);
			next = now + TICK_NS - (now + offset) % TICK_NS;
		} else {
			kernel_consume(d->kernel);
		}
		now = clock_ns(CLOCK_MONOTONIC);
		wait = next > now ? next - now : 0;
		timeout.tv_nsec = (long)(wait < DRAIN_NS ? wait : DRAIN_NS);
		if (ppoll(&pollfd, 1, &timeout, NULL) > 0)
			break;
	}
	drain_tick(d->drain, clock_ns(CLOCK_MONOTONIC), wall_offset());
}

enum status daemon_run(const struct options *options)
{
	struct daemon d = { .options = options, .signals = -1 };
	enum status status = start(&d);

	if (status == STATUS_OK) {
		log_line("collecting into %s", options->store);
		loop(&d);
		log_debug("ending");
	}
	kernel_close(d.kernel);
	drain_free(d.drain);
	if (store_close(d.store) && status == STATUS_OK)
		status = STATUS_FAILED;
	if (d.signals >= 0)
		close(d.signals);
	return status;
}
