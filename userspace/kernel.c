// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kernel.c - loading, attaching and reading the BPF programs
 */
#include "kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "kernel_private.h"
#include "reasons.h"

#define RING_MIN      (UINT32_C(1) << 20)
#define RING_MAX      (UINT32_C(1) << 26)
#define RING_PER_SLOT 1024 /* bytes: a birth and its records of a few ticks */
#define PID_BITS      65536

static int on_record(void *ctx, void *data, size_t size)
{
	struct kernel *k = ctx;
	const struct rbpf_head *head = data;

	if (size >= sizeof(*head) && head->slot < k->n_slots)
		k->fn(k->ctx, head, size);
	return 0;
}

static size_t slots_bytes(const struct kernel *k)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (k->n_slots * sizeof(struct rbpf_slot) + page - 1) / page * page;
}

static uint32_t ring_bytes(uint32_t n_slots)
{
	uint32_t bytes = RING_MIN;

	while (bytes < RING_MAX && bytes / RING_PER_SLOT < n_slots)
		bytes *= 2;
	return bytes;
}

static enum status fail(const char *what, int err)
{
	if (err < 0)
		err = -err;
	log_line(
		"%s: %s%s", what, strerror(err),
		err == EPERM || err == EACCES
			? ": it needs root, or CAP_BPF, CAP_PERFMON and, with KVM as a module, CAP_SYS_ADMIN"
			: "");
	return err == EPERM || err == EACCES ? STATUS_RIGHTS : STATUS_KERNEL;
}

static size_t latency_bytes(const struct kernel *k)
{
	return k->n_slots * sizeof(struct rbpf_reason_latency);
}

static void configure(struct kernel *k, const struct capabilities *c, group_set set,
		      uint64_t tick_ns, uint64_t wall_offset)
{
	struct rondo_bpf *s = k->skel;
	uint32_t i;

	s->rodata->want_reason_latency = set >> GROUP_REASON_LATENCY & 1;
	s->rodata->want_culprits = set >> GROUP_CULPRITS & 1;
	s->rodata->want_cpus = set >> GROUP_CPUS & 1;
	for (i = 0; i < RBPF_EXITS; i++)
		s->rodata->class_of[i] = (uint8_t)reason_class(c->isa, i);
	if (s->rodata->want_reason_latency)
		bpf_map__set_max_entries(s->maps.reason_latency, k->n_slots);

	s->rodata->tick_ns = tick_ns;
	s->rodata->no_entry = !c->entry_exit;
	s->bss->wall_offset = wall_offset;
	bpf_map__set_max_entries(s->maps.slots, k->n_slots);
	bpf_map__set_max_entries(s->maps.free_slots, k->n_slots);
	bpf_map__set_max_entries(s->maps.records, ring_bytes(k->n_slots));
	bpf_program__set_autoload(s->progs.on_entry, c->entry_exit);
	bpf_program__set_autoload(s->progs.on_exit, c->entry_exit);
	bpf_program__set_autoload(s->progs.on_fpu, c->tracepoints[RBPF_EVENT_FPU]);
	bpf_program__set_autoload(s->progs.on_wakeup, c->has_wakeup);
	/* Read when we want to. */
	bpf_program__set_autoattach(s->progs.seed_threads, false);
	bpf_program__set_autoattach(s->progs.report_threads, false);
}

/* MAP_FAILED, or an array as memory. */
static void *map_array(const struct bpf_map *map, size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
}

enum status kernel_open(const struct capabilities *c, group_set set, uint32_t n_slots,
			uint64_t tick_ns, uint64_t wall_offset, kernel_record_fn *fn, void *ctx,
			struct kernel **kernel)
{
	struct kernel *k = calloc(1, sizeof(*k));
	enum status status;
	uint32_t i;
	int err;

	if (!k)
		return fail("starting", ENOMEM);
	k->n_slots = n_slots;
	k->stats = -1;
	k->fn = fn;
	k->ctx = ctx;
	k->skel = rondo_bpf__open();
	if (!k->skel) {
		status = fail("the BPF object can't be opened", errno);
		goto out;
	}
	configure(k, c, set, tick_ns, wall_offset);
	err = rondo_bpf__load(k->skel);
	if (err) {
		status = fail("the BPF programs can't be loaded (-v says more)", err);
		goto out;
	}
	k->slots = map_array(k->skel->maps.slots, slots_bytes(k));
	if (k->slots == MAP_FAILED) {
		k->slots = NULL;
		status = fail("the slots can't be mapped", errno);
		goto out;
	}
	if (k->skel->rodata->want_reason_latency) {
		k->latency = map_array(k->skel->maps.reason_latency, latency_bytes(k));
		if (k->latency == MAP_FAILED) {
			k->latency = NULL;
			status = fail("the latencies can't be mapped", errno);
			goto out;
		}
	}
	k->ring = ring_buffer__new(bpf_map__fd(k->skel->maps.records), on_record, k, NULL);
	if (!k->ring ||
	    ring_buffer__add(k->ring, bpf_map__fd(k->skel->maps.outliers), on_record, k)) {
		status = fail("the ring can't be opened", errno);
		goto out;
	}
	for (i = 0; i < n_slots; i++) {
		err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.free_slots), NULL, &i, BPF_ANY);
		if (err) {
			status = fail("the list of free slots can't be filled", err);
			goto out;
		}
	}
	*kernel = k;
	return STATUS_OK;
out:
	kernel_close(k);
	return status;
}

/* Reading the iterator runs its program once for every thread of the host. */
static int seed(struct kernel *k)
{
	struct bpf_link *link = bpf_program__attach_iter(k->skel->progs.seed_threads, NULL);
	char buffer[64];
	ssize_t got;
	int fd, err = 0;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		do {
			got = read(fd, buffer, sizeof(buffer));
		} while (got > 0 || (got < 0 && errno == EINTR));
		if (got < 0)
			err = -errno;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

enum status kernel_start(struct kernel *k)
{
	int err = rondo_bpf__attach(k->skel);
	struct program_cost cost;
	unsigned int i;

	if (err)
		return fail("the BPF programs can't be attached", err);
	for (i = 0; i < kernel_programs(k); i++)
		if (kernel_program_cost(k, i, &cost))
			log_debug("program %s: %u instructions verified", cost.name, cost.verified);
	__atomic_store_n(&k->skel->bss->active, 1, __ATOMIC_RELEASE);
	k->threads = bpf_program__attach_iter(k->skel->progs.report_threads, NULL);
	err = seed(k);
	if (err)
		log_line("vCPUs that run already are seen at their next KVM_RUN only: %s",
			 strerror(-err));
	return STATUS_OK;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	ring_buffer__free(k->ring);
	kernel_measure(k, false);
	bpf_link__destroy(k->threads);
	if (k->latency)
		munmap(k->latency, latency_bytes(k));
	if (k->slots)
		munmap(k->slots, slots_bytes(k));
	rondo_bpf__destroy(k->skel);
	free(k);
}

int kernel_consume(struct kernel *k)
{
	return ring_buffer__consume(k->ring);
}

int kernel_flush(struct kernel *k)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err = bpf_prog_test_run_opts(bpf_program__fd(k->skel->progs.flush), &opts);

	return err < 0 ? err : 0;
}

uint32_t kernel_slots(const struct kernel *k)
{
	return k->n_slots;
}

struct rbpf_slot *kernel_slot(struct kernel *k, uint32_t number)
{
	return &k->slots[number];
}

/*
 * Another thread with the same low bits may become a vCPU at this very moment: the programs set its
 * bit after its slot is LIVE, so either we see the slot here, or it sets the bit after us.
 */
static void forget_tid(struct kernel *k, uint32_t tid)
{
	__u64 *word = &k->skel->bss->vcpu_pids[tid % PID_BITS / 64], bit = 1ULL << (tid % 64);
	uint32_t i;

	__atomic_fetch_and(word, ~bit, __ATOMIC_SEQ_CST);
	for (i = 0; i < k->n_slots; i++)
		if (kernel_load(k->slots[i].state) == RBPF_LIVE &&
		    k->slots[i].tid % PID_BITS == tid % PID_BITS)
			__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
}

void kernel_free_slot(struct kernel *k, uint32_t number)
{
	struct rbpf_slot *slot = &k->slots[number];
	uint32_t gen = slot->gen + 1, tid = slot->tid;
	int err;

	memset(slot, 0, sizeof(*slot));
	if (k->latency)
		memset(&k->latency[number], 0, sizeof(k->latency[number]));
	slot->gen = gen;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	forget_tid(k, tid);
	err = bpf_map_update_elem(bpf_map__fd(k->skel->maps.free_slots), NULL, &number, BPF_ANY);
	if (err)
		log_line("slot %u is lost: %s", number, strerror(-err));
}

void kernel_set_outlier(struct kernel *k, uint64_t ns)
{
	k->skel->bss->outlier_ns = ns;
}

void kernel_set_wall_offset(struct kernel *k, uint64_t offset)
{
	__atomic_store_n(&k->skel->bss->wall_offset, offset, __ATOMIC_RELAXED);
}

uint64_t kernel_lost(const struct kernel *k, unsigned int cause)
{
	return __atomic_load_n(&k->skel->bss->lost[cause], __ATOMIC_RELAXED);
}
