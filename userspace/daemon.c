// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * daemon.c - the collector's one thread: puts the parts together, and keeps the time
 *
 * Every 20 ms the ring is emptied; a tick ends at each whole multiple of its length on the wall clock.
 * SIGTERM and SIGINT end it after a last tick. SIGHUP does the same, and then all begins anew in the same
 * process with the settings as they are now: a gap of a few hundred milliseconds in what is known, and no part
 * of it needs to know how to change what it does while it runs.
 */
#include "daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "capabilities.h"
#include "clock.h"
#include "drain.h"
#include "kernel.h"
#include "log.h"
#include "notify.h"
#include "overhead.h"
#include "proc.h"
#include "store.h"

#define DRAIN_NS  UINT64_C(20000000)
#define SLOTS_MIN 256

/* Why the loop ended. */
enum ending {
	ENDING_STOP,
	ENDING_RELOAD,
	ENDING_COST,    /* fewer groups */
	ENDING_MODULES, /* KVM's modules are not those that we have attached to */
};

struct daemon {
	struct options options, next;
	struct capabilities caps;
	struct drain *drain;
	struct kernel *kernel;
	struct store *store;
	struct overhead overhead;
	uint64_t modules;
	int signals;
};

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
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int signal_of(struct daemon *d)
{
	struct signalfd_siginfo info;

	return read(d->signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

static enum status no_memory(void)
{
	log_line("no memory");
	return STATUS_FAILED;
}

/* KVM may be loaded later than we are started. False: a signal came, and ends it all. */
static bool wait_for_kvm(struct daemon *d)
{
	struct pollfd pollfd = { .fd = d->signals, .events = POLLIN };

	capabilities_find(&d->caps);
	if (!d->caps.waits)
		return true;
	log_line("%s; waiting for it", d->caps.why);
	notify("READY=1");
	while (d->caps.waits) {
		if (poll(&pollfd, 1, 1000) > 0 && signal_of(d) != SIGHUP)
			return false;
		capabilities_find(&d->caps);
	}
	return true;
}

static enum status find_capabilities(struct daemon *d)
{
	d->modules = capabilities_modules();
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
	return STATUS_OK;
}

static enum status start(struct daemon *d)
{
	const struct settings *settings = &d->options.settings;
	uint32_t n_slots = 2 * settings->store.sizes.max_vcpus;
	uint64_t offset;
	enum status status;

	if (n_slots < SLOTS_MIN)
		n_slots = SLOTS_MIN;
	log_verbose(settings->verbose);
	proc_set_root(settings->proc);
	if (proc_is_foreign())
		log_line(
			"this is a pid namespace of its own: VMs can't be named by what /proc says; mount the "
			"host's /proc and name it with --proc");
	status = store_open(settings->store_dir, &settings->store, &d->store);
	if (status != STATUS_OK)
		return status;
	d->drain = drain_new(&d->caps, n_slots, settings);
	if (!d->drain)
		return no_memory();
	offset = wall_offset();
	status = kernel_open(&d->caps, store_groups(d->store), n_slots, store_tick_ns(d->store),
			     offset, drain_record, d->drain, &d->kernel);
	if (status != STATUS_OK)
		return status;
	if (drain_begin(d->drain, d->kernel, d->store, clock_ns(CLOCK_MONOTONIC), offset))
		return no_memory();
	overhead_begin(&d->overhead, d->store, settings->max_overhead);
	kernel_set_outlier(d->kernel, settings->outlier_ns);
	return kernel_start(d->kernel);
}

static enum status stop(struct daemon *d)
{
	enum status status;

	kernel_close(d->kernel);
	drain_free(d->drain);
	status = store_close(d->store) ? STATUS_FAILED : STATUS_OK;
	d->kernel = NULL;
	d->drain = NULL;
	d->store = NULL;
	return status;
}

/* The settings as they are now, for the next start; those that we have, if they are wrong now. */
static bool reload(struct daemon *d)
{
	char error[512];

	if (options_parse(d->options.argc, d->options.argv, &d->next, error, sizeof(error))) {
		log_line("the settings stay as they were: %s", error);
		return false;
	}
	return true;
}

/* Does it end the loop? */
static bool take_signal(struct daemon *d, enum ending *ending)
{
	*ending = ENDING_STOP;
	if (signal_of(d) != SIGHUP)
		return true;
	*ending = ENDING_RELOAD;
	return reload(d);
}

/* Is there less to be recorded from now on? */
static bool costs_too_much(struct daemon *d, uint64_t wall_ns)
{
	group_set rest;

	if (!overhead_tick(&d->overhead, d->kernel, d->store, wall_ns, &rest))
		return false;
	d->next = d->options;
	d->next.settings.store.groups = rest;
	return true;
}

/* Until a signal comes. */
static enum ending loop(struct daemon *d)
{
	struct pollfd pollfd = { .fd = d->signals, .events = POLLIN };
	uint64_t tick = store_tick_ns(d->store), offset = wall_offset(), now, next, wait;
	struct timespec timeout = { 0 };
	enum ending ending;

	now = clock_ns(CLOCK_MONOTONIC);
	next = now + tick - (now + offset) % tick;
	for (;;) {
		now = clock_ns(CLOCK_MONOTONIC);
		if (now >= next) {
			offset = wall_offset();
			drain_tick(d->drain, now, offset);
			if (costs_too_much(d, now + offset)) {
				ending = ENDING_COST;
				break;
			}
			next = now + tick - (now + offset) % tick;
			if (capabilities_modules() != d->modules)
				return ENDING_MODULES;
		} else {
			kernel_consume(d->kernel);
		}
		now = clock_ns(CLOCK_MONOTONIC);
		wait = next > now ? next - now : 0;
		timeout.tv_nsec = (long)(wait < DRAIN_NS ? wait : DRAIN_NS);
		if (ppoll(&pollfd, 1, &timeout, NULL) > 0 && take_signal(d, &ending))
			break;
	}
	drain_tick(d->drain, clock_ns(CLOCK_MONOTONIC), wall_offset());
	return ending;
}

/* From a start to its end. *ending: why. */
static enum status run_once(struct daemon *d, enum ending *ending)
{
	enum status status = start(d), closed;

	*ending = ENDING_STOP;
	if (status == STATUS_OK) {
		log_line("collecting into %s", d->options.settings.store_dir);
		notify("READY=1");
		*ending = loop(d);
		notify(*ending == ENDING_STOP ? "STOPPING=1" : "RELOADING=1");
		log_debug("ending");
	}
	closed = stop(d);
	return status == STATUS_OK ? closed : status;
}

enum status daemon_run(const struct options *options)
{
	struct daemon d = { .options = *options, .signals = block_signals() };
	struct options before = *options;
	bool reloaded = false;
	enum status status;
	enum ending ending;

	if (d.signals < 0) {
		log_line("signals: %s", strerror(errno));
		return STATUS_FAILED;
	}
	if (!wait_for_kvm(&d)) {
		close(d.signals);
		return STATUS_OK;
	}
	status = find_capabilities(&d);
	while (status == STATUS_OK) {
		status = run_once(&d, &ending);
		if (ending == ENDING_MODULES) {
			log_line("KVM's modules were changed: beginning anew");
			if (!wait_for_kvm(&d))
				break;
			status = find_capabilities(&d);
		} else if (ending != ENDING_STOP) {
			before = d.options;
			d.options = d.next;
			reloaded = true;
			status = STATUS_OK;
		} else if (status != STATUS_OK && reloaded) {
			log_line("the settings stay as they were");
			d.options = before;
			reloaded = false;
			status = STATUS_OK;
		} else {
			break;
		}
	}
	close(d.signals);
	return status;
}
