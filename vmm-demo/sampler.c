// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * sampler.c - fills the table of metrics, and samples what no thread counts by itself
 *
 * docs/METRICS.md has the same list, with what each figure is compared with.
 */
#include "sampler.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "clock.h"

/* Exits, time in KVM_RUN and between: counted, and recorded, by the vCPU's own thread. */
static void add_hot(struct sampler *s, struct sampler_vcpu *v, const bool known[EXIT_SLOTS])
{
	struct metrics *all = &s->metrics;
	int vcpu = (int)v->vcpu->index;
	unsigned int slot;

	for (slot = 0; slot < EXIT_SLOTS; slot++) {
		char name[EXIT_NAME_MAX];
		struct metric *m = metrics_add(all, RONDO_COUNTER, "vcpu_exits_total", "",
					       "Returns of KVM_RUN by reason", vcpu);

		metric_label(m, "reason", exit_name(slot, name));
		m->counter = &v->vcpu->exits[slot];
		m->rare = !known[slot];
		m->hot = true;
		v->hot.exits[slot] = m;
	}
	v->hot.run = metrics_add(all, RONDO_COUNTER, "vcpu_run_duration_ns", "ns",
				 "Time inside KVM_RUN", vcpu);
	v->hot.run->counter = &v->vcpu->run_ns;
	v->hot.run->hot = true;
	v->hot.handling = metrics_add(all, RONDO_HISTOGRAM, "vcpu_exit_duration_ns", "ns",
				      "Time between a return of KVM_RUN and the next entry", vcpu);
	if (v->hot.handling) {
		v->hot.handling->durations = &v->vcpu->durations;
		v->hot.handling->hot = true;
	}
}

static void add_kvm(struct sampler *s, struct sampler_vcpu *v)
{
	unsigned int i;

	kvmstats_open(&v->stats, v->vcpu->fd);
	for (i = 0; i < v->stats.n; i++) {
		const struct kvmstat *stat = &v->stats.stats[i];
		char name[METRIC_TEXT_MAX];

		snprintf(name, sizeof(name), "kvm_stat_%s%s", stat->name,
			 stat->cumulative && !*stat->unit ? "_total" : "");
		v->kvm[i] = metrics_add(&s->metrics, stat->cumulative ? RONDO_COUNTER : RONDO_GAUGE,
					name, stat->unit, "KVM's own statistic of the vCPU",
					(int)v->vcpu->index);
	}
}

static void add_blk(struct sampler *s)
{
	static const char *const ops[BLK_OP_NR] = {
		[BLK_OP_READ] = "read",
		[BLK_OP_WRITE] = "write",
		[BLK_OP_FLUSH] = "flush",
		[BLK_OP_OTHER] = "other",
	};
	static const char *const directions[] = { "read", "write" };
	const uint64_t *const bytes[] = { &s->blk->read_bytes, &s->blk->written_bytes };
	struct metric *m;
	unsigned int i;

	for (i = 0; i < BLK_OP_NR; i++) {
		m = metrics_add(&s->metrics, RONDO_COUNTER, "blk_requests_total", "",
				"Requests of the guest that the disk has answered", -1);
		metric_label(m, "op", ops[i])->counter = &s->blk->finished[i];
	}
	for (i = 0; i < 2; i++) {
		m = metrics_add(&s->metrics, RONDO_COUNTER, "blk_bytes_total", "bytes",
				"Bytes that the guest has read and written", -1);
		metric_label(m, "direction", directions[i])->counter = bytes[i];
	}
	m = metrics_add(&s->metrics, RONDO_HISTOGRAM, "blk_request_duration_ns", "ns",
			"Time from a request's arrival to its answer", -1);
	if (m)
		m->durations = &s->blk->durations;
	s->blk_depth = metrics_add(&s->metrics, RONDO_GAUGE, "blk_queue_depth", "",
				   "Requests that the disk has not answered yet", -1);
}

static void add_own(struct sampler *s)
{
	struct metrics *all = &s->metrics;

	s->memory = metrics_add(all, RONDO_GAUGE, "guest_memory_bytes", "bytes",
				"Memory that the guest was given", -1);
	s->slots = metrics_add(all, RONDO_GAUGE, "memory_slot_count", "", "KVM memory slots", -1);
	s->rss = metrics_add(all, RONDO_GAUGE, "vmm_rss_bytes", "bytes",
			     "Resident memory of the VMM, the guest's included", -1);
	s->fds = metrics_add(all, RONDO_GAUGE, "vmm_open_fds", "", "File descriptors of the VMM",
			     -1);
	s->uptime = metrics_add(all, RONDO_GAUGE, "vmm_uptime_seconds", "s",
				"Time since the VM was made", -1);
	s->recording = metrics_add(all, RONDO_GAUGE, "vmm_recording", "",
				   "1 while all is recorded in the store, else 0", -1);
	s->recording->unsaved = true;
}

/* What a vCPU has beside its exit reasons and KVM's statistics, and what there is besides vCPUs. */
#define PER_VCPU 3
#define PER_VM   16

int sampler_open(struct sampler *s, const char *instance, const struct vm *vm, struct vcpu *vcpus,
		 unsigned int n_vcpus, const struct blk_stats *blk)
{
	unsigned int slots[EXIT_SLOTS], n = vcpu_known_exits(slots), i;
	bool known[EXIT_SLOTS] = { false };

	*s = (struct sampler){ .vm = vm, .blk = blk, .statm_fd = -1 };
	s->begin_ns = clock_monotonic();
	if (metrics_init(&s->metrics, instance,
			 n_vcpus * (EXIT_SLOTS + KVMSTATS_MAX + PER_VCPU) + PER_VM))
		return -1;
	s->vcpus = calloc(n_vcpus, sizeof(*s->vcpus));
	if (!s->vcpus)
		return -1;
	for (i = 0; i < n; i++)
		known[slots[i]] = true;
	for (i = 0; i < n_vcpus; i++) {
		struct sampler_vcpu *v = &s->vcpus[s->n_vcpus++];

		v->vcpu = &vcpus[i];
		v->stats.fd = -1;
		add_hot(s, v, known);
		v->steal = metrics_add(&s->metrics, RONDO_COUNTER, "vcpu_steal_ns", "ns",
				       "Time the vCPU thread was runnable and not running", (int)i);
		add_kvm(s, v);
		if (!v->hot.handling)
			return -1;
	}
	if (blk)
		add_blk(s);
	add_own(s);
	s->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	s->fd_dir = opendir("/proc/self/fd");
	return 0;
}

void sampler_attach(struct sampler *s, struct recorder *recorder, struct vcpu *vcpus)
{
	unsigned int i;

	for (i = 0; i < s->n_vcpus; i++) {
		s->vcpus[i].hot.utc_offset = &recorder->utc_offset;
		vcpus[i].recorder = &s->vcpus[i].hot;
	}
}

static void tick_vcpu(struct sampler_vcpu *v)
{
	uint64_t values[KVMSTATS_MAX];
	struct schedstat now;
	unsigned int i;

	if (v->vcpu->schedstat_fd >= 0 && schedstat_read(v->vcpu->schedstat_fd, &now))
		metric_sample(v->steal, (double)(now.steal_ns - v->vcpu->baseline.steal_ns));
	if (!kvmstats_read_all(&v->stats, values))
		return;
	for (i = 0; i < v->stats.n; i++)
		metric_sample(v->kvm[i], (double)values[i]);
}

static void tick_own(struct sampler *s)
{
	char text[128];
	uint64_t pages;
	ssize_t n = pread(s->statm_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%*u %" SCNu64, &pages) == 1)
		metric_sample(s->rss, (double)pages * (double)sysconf(_SC_PAGESIZE));
	if (s->fd_dir) {
		const struct dirent *entry;
		unsigned int fds = 0;

		rewinddir(s->fd_dir);
		while ((entry = readdir(s->fd_dir)))
			fds += entry->d_name[0] != '.';
		metric_sample(s->fds, fds);
	}
	metric_sample(s->memory, (double)s->vm->memory_size);
	metric_sample(s->slots, s->vm->n_slots);
	metric_sample(s->uptime, (double)(clock_monotonic() - s->begin_ns) / 1e9);
}

/* Answered first: a request that is finished in between was started before. */
static void tick_blk(struct sampler *s)
{
	uint64_t finished = 0;
	unsigned int i;

	for (i = 0; i < BLK_OP_NR; i++)
		finished += counter_read(&s->blk->finished[i]);
	metric_sample(s->blk_depth, (double)(counter_read(&s->blk->started) - finished));
}

void sampler_tick(struct sampler *s, const struct recorder *recorder)
{
	unsigned int i;

	for (i = 0; i < s->n_vcpus; i++)
		tick_vcpu(&s->vcpus[i]);
	if (s->blk)
		tick_blk(s);
	tick_own(s);
	metric_sample(s->recording, recorder && atomic_load(&recorder->state) == RECORDER_OK);
}

void sampler_close(struct sampler *s)
{
	unsigned int i;

	if (!s->metrics.all)
		return; /* it was never opened */
	for (i = 0; i < s->n_vcpus; i++)
		kvmstats_close(&s->vcpus[i].stats);
	if (s->statm_fd >= 0)
		close(s->statm_fd);
	if (s->fd_dir)
		closedir(s->fd_dir);
	metrics_free(&s->metrics);
	free(s->vcpus);
	*s = (struct sampler){ .statm_fd = -1 };
}
