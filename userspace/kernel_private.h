/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kernel_private.h - what kernel.c and kernel_maps.c share
 */
#ifndef RONDO_BPFD_KERNEL_PRIVATE_H
#define RONDO_BPFD_KERNEL_PRIVATE_H

#include "kernel.h"
#include "rondo.skel.h"

struct kernel {
	struct rondo_bpf *skel;
	struct ring_buffer *ring;
	struct bpf_link *threads; /* the iterator over threads; NULL: there is none */
	struct rbpf_slot *slots;
	struct rbpf_reason_latency *latency; /* NULL: not kept */
	uint32_t n_slots;
	int stats; /* the descriptor that has programs measured, or -1 */
	kernel_record_fn *fn;
	void *ctx;
};

#endif /* RONDO_BPFD_KERNEL_PRIVATE_H */
