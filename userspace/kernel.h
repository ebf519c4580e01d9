/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kernel.h - the loaded BPF programs, as the rest of the collector sees them
 *
 * Slots are mapped memory that the programs write while they are LIVE and userspace otherwise; read
 * their fields with kernel_load(). Records come through a callback. What they mean is the drainer's.
 */
#ifndef RONDO_BPFD_KERNEL_H
#define RONDO_BPFD_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "capabilities.h"
#include "groups.h"
#include "rondo_event.h"

struct kernel;

/* One record, valid during the call. */
typedef void kernel_record_fn(void *ctx, const struct rbpf_head *head, size_t size);

/*
 * Loads the programs, nothing attached yet. wall_offset: CLOCK_REALTIME - CLOCK_MONOTONIC. STATUS_OK,
 * or what to exit with after it has logged why.
 */
enum status kernel_open(const struct capabilities *c, group_set set, uint32_t n_slots,
			uint64_t tick_ns, uint64_t wall_offset, kernel_record_fn *fn, void *ctx,
			struct kernel **kernel);

/* Waits and exits of at least so long are told one by one, RBPF_OUTLIER. Before kernel_start(). 0: none. */
void kernel_set_outlier(struct kernel *k, uint64_t ns);

/* Attaches them, and takes in the vCPUs that run already. */
enum status kernel_start(struct kernel *k);

/* Detaches and frees all; NULL is allowed. */
void kernel_close(struct kernel *k);

/* Gives the records in the ring to the callback; how many, or -errno. */
int kernel_consume(struct kernel *k);

/* Has every live slot reported as of now; the records are in the ring then. 0 or -errno. */
int kernel_flush(struct kernel *k);

uint32_t kernel_slots(const struct kernel *k);
struct rbpf_slot *kernel_slot(struct kernel *k, uint32_t number);

/* A DEAD slot, whose totals have been taken, becomes free again. */
void kernel_free_slot(struct kernel *k, uint32_t number);

void kernel_set_wall_offset(struct kernel *k, uint64_t offset);

/* A counter of losses, enum rbpf_lost. */
uint64_t kernel_lost(const struct kernel *k, unsigned int cause);

/* The folded code of a reason's number; RBPF_EXIT_OTHER for the last one and for what isn't known. */
uint32_t kernel_reason(const struct kernel *k, uint32_t number);

/* A slot's latencies by reason, or NULL where they are not kept. */
const struct rbpf_reason_latency *kernel_reason_latency(const struct kernel *k, uint32_t slot);

/* Goes through a map that the programs fill: what VMs were robbed of, by whom; their time by CPU. */
typedef void kernel_culprit_fn(void *ctx, const struct rbpf_culprit_key *key,
			       const struct rbpf_culprit *culprit);
typedef void kernel_cpu_fn(void *ctx, const struct rbpf_cpu_key *key, uint64_t ns);
void kernel_culprits(struct kernel *k, kernel_culprit_fn *fn, void *ctx);
void kernel_cpus(struct kernel *k, kernel_cpu_fn *fn, void *ctx);

/* Makes room in them. */
void kernel_forget_culprit(struct kernel *k, const struct rbpf_culprit_key *key);
void kernel_forget_cpu(struct kernel *k, const struct rbpf_cpu_key *key);

/* The threads of a process that holds a VM are reported from now on, or no more. */
void kernel_vm_process(struct kernel *k, uint32_t tgid, bool holds_vm);

/* All those threads that are no vCPUs, and those that the kernel keeps for VMs. 0 or -errno. */
typedef void kernel_thread_fn(void *ctx, const struct rbpf_thread *thread);
int kernel_threads(struct kernel *k, kernel_thread_fn *fn, void *ctx);

/* What a program has cost. Time and runs only grow while they are measured. */
struct program_cost {
	const char *name;
	uint64_t ns, runs, missed; /* missed: not run, as it would have interrupted itself */
	uint32_t
		verified; /* how many instructions the verifier went through; it gives up after a million */
};

unsigned int kernel_programs(const struct kernel *k);
bool kernel_program_cost(const struct kernel *k, unsigned int i, struct program_cost *cost);

/* Has the kernel measure programs, all of the host, at about 50 ns a run. */
void kernel_measure(struct kernel *k, bool on);

/* What follows in program order is read after it: pairs with the programs' order of stores. */
#define kernel_load(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

#endif /* RONDO_BPFD_KERNEL_H */
