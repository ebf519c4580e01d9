// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kernel_maps.c - what the BPF programs know beside slots and records: culprits, times by CPU, threads
 * of VMs, reasons, and what they cost
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel_private.h"

uint32_t kernel_reason(const struct kernel *k, uint32_t number)
{
	uint32_t code;

	if (number < RBPF_REASONS - 1)
		for (code = 0; code < RBPF_EXITS; code++)
			if (kernel_load(k->skel->bss->dictionary[code]) == number + 1)
				return code;
	return RBPF_EXIT_OTHER;
}

const struct rbpf_reason_latency *kernel_reason_latency(const struct kernel *k, uint32_t slot)
{
	return k->latency ? &k->latency[slot] : NULL;
}

#define BATCH 256

/* Keys and values of a hash by the batch. An entry that comes or goes meanwhile may be left out. */
static void walk(int map, void *keys, void *values, void (*fn)(void *ctx, unsigned int i),
		 void *ctx)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint64_t in = 0, out = 0;
	uint32_t n, i;
	bool first = true;
	int err;

	do {
		n = BATCH;
		err = bpf_map_lookup_batch(map, first ? NULL : &in, &out, keys, values, &n, &opts);
		if (err && err != -ENOENT)
			return;
		for (i = 0; i < n; i++)
			fn(ctx, i);
		first = false;
		in = out;
	} while (!err);
}

struct culprit_walk {
	kernel_culprit_fn *fn;
	void *ctx;
	struct rbpf_culprit_key keys[BATCH];
	struct rbpf_culprit values[BATCH];
};

static void one_culprit(void *ctx, unsigned int i)
{
	const struct culprit_walk *w = ctx;

	w->fn(w->ctx, &w->keys[i], &w->values[i]);
}

void kernel_culprits(struct kernel *k, kernel_culprit_fn *fn, void *ctx)
{
	struct culprit_walk w;

	w.fn = fn;
	w.ctx = ctx;
	walk(bpf_map__fd(k->skel->maps.culprits), w.keys, w.values, one_culprit, &w);
}

struct cpu_walk {
	kernel_cpu_fn *fn;
	void *ctx;
	struct rbpf_cpu_key keys[BATCH];
	uint64_t values[BATCH];
};

static void one_cpu(void *ctx, unsigned int i)
{
	const struct cpu_walk *w = ctx;

	w->fn(w->ctx, &w->keys[i], w->values[i]);
}

void kernel_cpus(struct kernel *k, kernel_cpu_fn *fn, void *ctx)
{
	struct cpu_walk w;

	w.fn = fn;
	w.ctx = ctx;
	walk(bpf_map__fd(k->skel->maps.cpu_times), w.keys, w.values, one_cpu, &w);
}

void kernel_forget_culprit(struct kernel *k, const struct rbpf_culprit_key *key)
{
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.culprits), key);
}

void kernel_forget_cpu(struct kernel *k, const struct rbpf_cpu_key *key)
{
	bpf_map_delete_elem(bpf_map__fd(k->skel->maps.cpu_times), key);
}

void kernel_vm_process(struct kernel *k, uint32_t tgid, bool holds_vm)
{
	int map = bpf_map__fd(k->skel->maps.vm_processes);
	uint32_t one = 1;

	if (holds_vm)
		bpf_map_update_elem(map, &tgid, &one, BPF_ANY);
	else
		bpf_map_delete_elem(map, &tgid);
}

int kernel_threads(struct kernel *k, kernel_thread_fn *fn, void *ctx)
{
	struct rbpf_thread threads[85];
	size_t have = 0, i, n;
	ssize_t got;
	int fd, err = 0;

	if (!k->threads)
		return -ENOSYS;
	fd = bpf_iter_create(bpf_link__fd(k->threads));
	if (fd < 0)
		return -errno;
	for (;;) {
		got = read(fd, (char *)threads + have, sizeof(threads) - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += (size_t)got;
		n = have / sizeof(threads[0]);
		for (i = 0; i < n; i++)
			fn(ctx, &threads[i]);
		have -= n * sizeof(threads[0]);
		memmove(threads, &threads[n], have);
	}
	if (got < 0)
		err = -errno;
	close(fd);
	return err;
}

unsigned int kernel_programs(const struct kernel *k)
{
	return (unsigned int)k->skel->skeleton->prog_cnt;
}

bool kernel_program_cost(const struct kernel *k, unsigned int i, struct program_cost *cost)
{
	const struct bpf_program *program = *k->skel->skeleton->progs[i].prog;
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_program__fd(program);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	*cost = (struct program_cost){
		.name = bpf_program__name(program),
		.ns = info.run_time_ns,
		.runs = info.run_cnt,
		.missed = info.recursion_misses,
		.verified = info.verified_insns,
	};
	return true;
}

void kernel_measure(struct kernel *k, bool on)
{
	if (on && k->stats < 0)
		k->stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (!on && k->stats >= 0) {
		close(k->stats);
		k->stats = -1;
	}
}
