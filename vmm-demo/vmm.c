// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm.c - makes a VM out of the parts, runs the main loop, reports, tears down
 *
 * The main thread never enters the guest.  It waits for signals, for vCPU threads that came to
 * their end and for the clock: once a second the maintenance tick.
 */
#include "vmm.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "clock.h"
#include "control.h"
#include "kvmstats.h"
#include "sandbox.h"
#include "vcpu_run.h"
#include "vcpu_state.h"

void vmm_complain(const char *text)
{
	fprintf(stderr, "rondo-vmm: %s\n", text);
}

static void tick(void *context)
{
	struct vmm *m = context;

	sampler_tick(&m->sampler, m->options.store ? &m->recorder : NULL);
	recorder_tick(&m->recorder);
}

static void drain_parked(void *context)
{
	struct vmm *m = context;
	uint64_t count;

	if (read(m->parked_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		vmm_complain("eventfd: can't be read");
}

/* The signals' descriptors first: all threads are made later and inherit the mask. */
static int open_events(struct vmm *m)
{
	m->parked_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->parked_fd < 0 || events_open(&m->events, tick, m) ||
	    events_add(&m->events, m->parked_fd, POLLIN, drain_parked, m) || vcpu_run_init())
		return vm_fail(&m->vm, "signals and timers: %s", strerror(errno));
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

int vmm_load(struct vmm *m)
{
	unsigned int i;

	if (m->options.kernel)
		return linux_load(&m->linux_guest, &m->vm, &m->options);
	if (guest_load(&m->guest, &m->vm))
		return -1;
	for (i = 0; i < m->n_vcpus; i++)
		if (guest_set_params(&m->vm, i, &m->options, m->vcpus[i].tsc_khz))
			return -1;
	return 0;
}

static int create_bare(struct vmm *m)
{
	const struct vmm_options *o = &m->options;
	unsigned int i;

	if (guest_expected(o, GUEST_OP_HYPERCALL) && !guest_has_hypercall())
		return vm_fail(&m->vm, "--guest hypercall: needs a processor with VMX or SVM");
	if (guest_expected(o, GUEST_OP_MSR) && vm_take_msrs(&m->vm))
		return -1;
	for (i = 0; i < o->cpus; i++) {
		struct vcpu *v = &m->vcpus[i];
		const struct vcpu_start start = guest_start(i);

		v->is_done = guest_is_done;
		if (vcpu_set_start(v, &start) ||
		    (m->vm.has_steal_time && vcpu_set_steal_time(v, guest_steal_address(i))))
			return -1;
	}
	return guest_add_devices(&m->guest, &m->vm);
}

/* The first vCPU starts in the kernel; the others wait in KVM for its word. */
static int create_linux(struct vmm *m)
{
	const struct vcpu_start start = linux_start(&m->linux_guest);

	if (devices_create(&m->devices, &m->vm, &m->events, &m->options))
		return -1;
	return vcpu_set_start(&m->vcpus[0], &start);
}

int vmm_create(struct vmm *m)
{
	const struct vmm_options *o = &m->options;
	unsigned int i;

	m->linux_guest.kernel_fd = m->linux_guest.initrd_fd = -1;
	if ((o->kernel && linux_open(&m->linux_guest, &m->vm, o)) ||
	    vm_create(&m->vm, o->mem_mib, o->kernel) || open_events(m))
		return -1;
	for (i = 0; i < o->cpus; i++) {
		struct vcpu *v = &m->vcpus[m->n_vcpus++];

		if (vcpu_create(v, &m->vm, i, o->cpus))
			return -1;
		v->pin = o->pin;
		v->halt_ns = o->halt_ns;
		v->parked_eventfd = m->parked_fd;
		v->sandbox = !o->no_sandbox;
	}
	if ((o->kernel ? create_linux(m) : create_bare(m)) || vmm_load(m))
		return -1;
	for (i = 0; i < o->cpus; i++)
		if (vcpu_save(&m->vcpus[i]))
			return -1;
	return 0;
}

/* Before the vCPU threads: what they record is all there when they start. */
static int start_metrics(struct vmm *m)
{
	if (sampler_open(&m->sampler, m->options.name, &m->vm, m->vcpus, m->n_vcpus,
			 m->devices.has_blk ? &m->devices.blk.stats : NULL))
		return vm_fail(&m->vm, "out of memory");
	if (m->options.store) {
		recorder_open(&m->recorder, m->options.store, &m->sampler.metrics);
		if (m->recorder.store)
			sampler_attach(&m->sampler, &m->recorder, m->vcpus);
	}
	return 0;
}

static int start_api(struct vmm *m)
{
	const struct api_sources sources = {
		.options = &m->options,
		.metrics = &m->sampler.metrics,
		.recorder = m->options.store ? &m->recorder : NULL,
		.memory_size = m->vm.memory_size,
	};

	if (m->options.api)
		m->api = api_start(m->options.api, &sources, m->vm.error, sizeof(m->vm.error));
	return m->options.api && !m->api ? -1 : 0;
}

/* All that has to be opened is open; the vCPUs' threads enter their sandboxes when they go. */
static int give_up_rights(struct vmm *m)
{
	if (m->options.no_sandbox)
		return 0;
	if (sandbox_drop(m->vm.error, sizeof(m->vm.error)))
		return -1;
	return sandbox_enter(SANDBOX_MAIN) ? vm_fail(&m->vm, "seccomp: %s", strerror(errno)) : 0;
}

/* All vCPUs are primed, one by one, before the first one runs: priming is not disturbed. */
int vmm_run(struct vmm *m)
{
	uint64_t until = 0;
	unsigned int i;
	bool stopping = false;

	if (start_metrics(m) || start_api(m))
		return -1;
	for (i = 0; i < m->n_vcpus; i++)
		if (vcpu_start(&m->vcpus[i]))
			return -1;
	tick(m);
	if (devices_start(&m->devices, &m->vm) || give_up_rights(m))
		return -1;
	m->begin_ns = clock_monotonic();
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_go(&m->vcpus[i]);
	/* A bare-metal guest sees to its duration itself. */
	if (m->options.kernel && m->options.duration_ns)
		until = m->begin_ns + m->options.duration_ns;
	while (!all_parked(m)) {
		int number = events_wait(&m->events, stopping ? 0 : until);

		if (number > 0 && !vmm_control(m, number) && !m->signal)
			m->signal = number;
		if (number < 0)
			m->expired = true;
		all_parked(m); /* a vCPU that failed ends the others */
		if (!stopping && (m->signal || m->failed || m->expired || m->devices.power.end)) {
			stop_all(m);
			stopping = true;
		}
	}
	m->end_ns = clock_monotonic();
	devices_stop(&m->devices);
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
	if (!m->options.kernel && m->vm.has_steal_time) {
		r->guest_steal_first_ns =
			(struct report_figure){ true, guest_steal_first(&m->vm, i) };
		r->guest_steal_ns = (struct report_figure){ true, guest_steal_now(&m->vm, i) };
	}
	r->kvm_exits.known =
		kvmstats_read(&m->sampler.vcpus[i].stats, "exits", &r->kvm_exits.value);
}

/* While all vCPU threads sleep: the final figures, out at once. */
void vmm_report(struct vmm *m)
{
	struct report r = {
		.name = m->options.name,
		.pid = getpid(),
		.guest = m->options.kernel ? m->options.kernel : m->options.guest,
		.recorded = m->options.store && m->recorder.state == RECORDER_OK,
		.wall_ns = m->end_ns - m->begin_ns,
		.vcpus = m->report,
		.n_vcpus = m->n_vcpus,
	};
	/* Standard output is the Linux console's. */
	FILE *out = m->options.kernel ? stderr : stdout;
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++) {
		struct vcpu *v = &m->vcpus[i];

		if (v->done &&
		    !guest_check(&m->guest, &m->vm, i, &m->options, v->failure, sizeof(v->failure)))
			m->failed = true;
		collect_vcpu(m, i);
	}
	tick(m);
	recorder_finish(&m->recorder);
	r.status = vmm_status(m);
	(m->options.json ? report_json : report_text)(&r, out);
	if (fflush(out) || ferror(out)) {
		vmm_complain("the report can't be written");
		m->failed = true;
	}
}

void vmm_linger(struct vmm *m)
{
	uint64_t until = clock_monotonic() + m->options.linger_ns;
	int number;

	if (!m->options.linger_ns || m->failed || m->signal)
		return;
	/* What steers a VM that runs has nothing to steer any more. */
	do {
		number = events_wait(&m->events, until);
	} while (number == 0 || number == SIGTSTP || number == SIGCONT || number == SIGUSR2);
}

void vmm_destroy(struct vmm *m)
{
	unsigned int i;

	stop_all(m);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_leave(&m->vcpus[i]);
	api_stop(m->api);
	recorder_close(&m->recorder);
	sampler_close(&m->sampler);
	for (i = 0; i < m->n_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	devices_destroy(&m->devices);
	linux_close(&m->linux_guest);
	vm_destroy(&m->vm);
}

static const struct ending {
	const char *word;
	int status;
} endings[] = {
	[POWER_ON] = { "ok", 0 },
	[POWER_OFF] = { "ok", 0 },
	[POWER_REBOOT] = { "reboot", 3 },
	[POWER_PANIC] = { "panic", 4 },
};

#define STATUS_TRIPLE_FAULT 5

static bool triple_fault(const struct vmm *m)
{
	unsigned int i;

	for (i = 0; i < m->n_vcpus; i++)
		if (m->vcpus[i].triple_fault)
			return true;
	return false;
}

const char *vmm_status(const struct vmm *m)
{
	if (m->devices.power.end)
		return endings[m->devices.power.end].word;
	if (m->failed)
		return triple_fault(m) ? "triple_fault" : "failed";
	return m->signal ? "stopped" : m->expired ? "expired" : "ok";
}

int vmm_exit_status(const struct vmm *m)
{
	if (m->devices.power.end)
		return endings[m->devices.power.end].status;
	if (m->failed)
		return triple_fault(m) ? STATUS_TRIPLE_FAULT : 1;
	return m->signal ? 128 + m->signal : 0;
}
