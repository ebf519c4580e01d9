// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * main.c - rondo-vmm: makes a VM out of the parts, runs the main loop, reports, tears down
 *
 * The main thread never enters the guest.  It waits for signals, for vCPU threads that came to
 * their end and for the clock: once a second the maintenance tick.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "clock.h"
#include "guest.h"
#include "kvmstats.h"
#include "options.h"
#include "recorder.h"
#include "report.h"
#include "vcpu.h"
#include "vcpu_run.h"
#include "vm.h"

struct vmm {
	struct vmm_options options;
	struct vm vm;
	struct guest guest;
	struct vcpu vcpus[VMM_CPUS_MAX];
	unsigned int n_vcpus; /* that vcpu_create() has seen */
	struct recorder *recorder;
	struct report_vcpu report[VMM_CPUS_MAX];
	int signal_fd, timer_fd, parked_fd;
	int signal; /* that ended the guest, or 0 */
	bool failed;
	uint64_t begin_ns, end_ns;
};

static void complain(const char *text)
{
	fprintf(stderr, "rondo-vmm: %s\n", text);
}

static void tick(struct vmm *m)
{
	uint64_t steal[VMM_CPUS_MAX];
	unsigned int i;

	if (!m->recorder)
		return;
	for (i = 0; i < m->n_vcpus; i++) {
		struct schedstat now;

		if (!schedstat_read(m->vcpus[i].schedstat_fd, &now))
			return;
		steal[i] = now.steal_ns;
	}
	recorder_tick(m->recorder, steal);
}

/* Signals by descriptor, in all threads; the one that kicks a vCPU stays a signal. */
static int open_events(struct vmm *m)
{
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL))
		return -1;
	m->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	m->parked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->signal_fd < 0 || m->timer_fd < 0 || m->parked_fd < 0 ||
	    timerfd_settime(m->timer_fd, 0, &second, NULL) || vcpu_run_init())
		return -1;
	return 0;
}

static bool all_parked(struct vmm *m)
{
	unsigned int i, parked = 0;

	for (i = 0; i < m->n_vcpus; i++) {
		if (!vcpu_is_parked(&m->vcpus[i]))
			continue;
		parked++;
		m->failed |= *m->vcpus[i].failure != '\0';
	}
	return parked == m->n_vcpus;
}

static void stop_all(struct vmm *m)
{
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++)
		vcpu_stop(&m->vcpus[i]);
}

/*
 * Waits for the next event until the (monotonic) time, for ever if it is 0.  Returns the signal
 * that came, 0 for any other event, -1 when the time is up.
 */
static int wait_event(struct vmm *m, uint64_t until_ns)
{
	struct pollfd fds[] = {
		{ .fd = m->signal_fd, .events = POLLIN },
		{ .fd = m->timer_fd, .events = POLLIN },
		{ .fd = m->parked_fd, .events = POLLIN },
	};
	uint64_t now = clock_monotonic(), count;
	struct timespec left = clock_timespec(until_ns > now ? until_ns - now : 0);
	struct signalfd_siginfo info;
	int n;

	if (until_ns && until_ns <= now)
		return -1;
	n = ppoll(fds, 3, until_ns ? &left : NULL, NULL);
	if (n <= 0)
		return n == 0 ? -1 : 0;
	if (read(m->timer_fd, &count, sizeof(count)) == sizeof(count))
		tick(m);
	if (read(m->parked_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		complain("eventfd: can't be read");
	if (read(m->signal_fd, &info, sizeof(info)) == sizeof(info))
		return (int)info.ssi_signo;
	return 0;
}

static int create(struct vmm *m)
{
	const struct vmm_options *o = &m->options;
	unsigned int i;

	if (vm_create(&m->vm, o->mem_mib) || guest_load(&m->guest, &m->vm))
		return -1;
	for (i = 0; i < o->cpus; i++) {
		struct vcpu *v = &m->vcpus[m->n_vcpus++];

		if (vcpu_create(v, &m->vm, i, guest_entry_address()) ||
		    guest_set_params(&m->vm, i, o, v->tsc_khz))
			return -1;
		v->pin = o->pin;
		v->halt_ns = o->halt_ns;
		v->parked_eventfd = m->parked_fd;
	}
	return 0;
}

static void start_recorder(struct vmm *m)
{
	unsigned int slots[EXIT_SLOTS], i;

	m->recorder = recorder_open(m->options.store, m->options.name, m->n_vcpus, slots,
				    vcpu_known_exits(slots));
	for (i = 0; i < m->n_vcpus; i++)
		m->vcpus[i].recorder = recorder_of(m->recorder, i);
}

/* All vCPUs are primed, one by one, before the first one runs: priming is not disturbed. */
static int run(struct vmm *m)
{
	uint64_t baseline[VMM_CPUS_MAX];
	unsigned int i;
	bool stopping = false;

	if (m->options.store)
		start_recorder(m);
	for (i = 0; i < m->n_vcpus; i++) {
		if (vcpu_start(&m->vcpus[i]))
			return -1;
		baseline[i] = m->vcpus[i].baseline.steal_ns;
	}
	if (m->recorder)
		recorder_tick(m->recorder, baseline);
	m->begin_ns = clock_monotonic();
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_go(&m->vcpus[i]);
	while (!all_parked(m)) {
		int number = wait_event(m, 0);

		if (number > 0 && !m->signal)
			m->signal = number;
		all_parked(m); /* a vCPU that failed ends the others */
		if ((m->signal || m->failed) && !stopping) {
			stop_all(m);
			stopping = true;
		}
	}
	m->end_ns = clock_monotonic();
	return 0;
}

static void collect_vcpu(struct vmm *m, unsigned int i)
{
	struct vcpu *v = &m->vcpus[i];
	struct report_vcpu *r = &m->report[i];
	struct schedstat end;

	*r = (struct report_vcpu){
		.vcpu = i,
		.tid = v->tid,
		.exits = v->exits,
		.run_ns = v->run_ns,
		.exit_ns = v->exit_ns,
		.halted_ns = v->halted_ns,
		.steal_baseline_ns = v->baseline.steal_ns,
		.steal_baseline_after_ns = v->steal_after_ns,
		.cpu_baseline_ns = v->baseline.cpu_ns,
		.failure = v->failure,
	};
	if (schedstat_read_asleep(v->schedstat_fd, v->tid, &end)) {
		r->steal_end_ns = (struct report_figure){ true, end.steal_ns };
		r->cpu_end_ns = (struct report_figure){ true, end.cpu_ns };
	}
	if (m->vm.has_steal_time) {
		r->guest_steal_first_ns =
			(struct report_figure){ true, guest_steal_first(&m->vm, i) };
		r->guest_steal_ns = (struct report_figure){ true, guest_steal_now(&m->vm, i) };
	}
	r->kvm_exits.known = kvmstats_read(v->fd, "exits", &r->kvm_exits.value);
}

/* While all vCPU threads sleep: the final figures, out at once. */
static void report(struct vmm *m)
{
	struct report r = {
		.name = m->options.name,
		.pid = getpid(),
		.guest = m->options.guest,
		.recorded = m->recorder,
		.wall_ns = m->end_ns - m->begin_ns,
		.vcpus = m->report,
		.n_vcpus = m->n_vcpus,
	};
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = &m->vcpus[i];

		if (v->done &&
		    !guest_check(&m->guest, &m->vm, i, &m->options, v->failure, sizeof(v->failure)))
			m->failed = true;
		collect_vcpu(m, i);
	}
	tick(m);
	if (m->recorder)
		recorder_finish(m->recorder);
	r.status = m->failed ? "failed" : m->signal ? "stopped" : "ok";
	(m->options.json ? report_json : report_text)(&r, stdout);
	if (fflush(stdout) || ferror(stdout)) {
		complain("the report can't be written");
		m->failed = true;
	}
}

static void linger(struct vmm *m)
{
	uint64_t until = clock_monotonic() + m->options.linger_ns;

	if (!m->options.linger_ns || m->failed || m->signal)
		return;
	while (wait_event(m, until) == 0)
		;
}

static void destroy(struct vmm *m)
{
	unsigned int i;

	stop_all(m);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_leave(&m->vcpus[i]);
	recorder_close(m->recorder);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	vm_destroy(&m->vm);
}

int main(int argc, char **argv)
{
	static struct vmm m = { .vm = { .kvm_fd = -1, .fd = -1 } };
	char error[256];
	int rc;

	switch (options_parse(argc, argv, &m.options, error, sizeof(error))) {
	case OPTIONS_HELP:
		options_usage(stdout);
		return fflush(stdout) ? 1 : 0;
	case OPTIONS_VERSION:
		printf("rondo-vmm %s\n", rondo_version());
		return 0;
	case OPTIONS_BAD:
		complain(error);
		return 2;
	case OPTIONS_RUN:
		break;
	}
	if (open_events(&m)) {
		fprintf(stderr, "rondo-vmm: signals and timers: %s\n", strerror(errno));
		return 1;
	}
	rc = create(&m);
	if (!rc)
		rc = run(&m);
	if (rc) {
		complain(m.vm.error);
	} else {
		report(&m);
		linger(&m);
	}
	destroy(&m);
	if (rc || m.failed)
		return 1;
	return m.signal ? 128 + m.signal : 0;
}
