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
#include "rondo_event.h"

struct kernel;

/* One record, valid during the call. */
typedef void kernel_record_fn(void *ctx, const struct rbpf_head *head, size_t size);

/*
 * Loads the programs, nothing attached yet. wall_offset: CLOCK_REALTIME - CLOCK_MONOTONIC. STATUS_OK,
 * or what to exit with after it has logged why.
 */
enum status kernel_open(const struct capabilities *c, uint32_t n_slots, uint64_t tick_ns,
			uint64_t wall_offset, kernel_record_fn *fn, void *ctx,
			struct kernel **kernel);

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

/* What follows in program order is read after it: pairs with the programs' order of stores. */
#define kernel_load(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)

#endif /* RONDO_BPFD_KERNEL_H */
