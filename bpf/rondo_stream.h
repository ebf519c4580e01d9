/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rondo_stream.h - what events.bpf.c and userspace/events.c share: single events of vCPUs
 *
 * A thread's first one comes after a struct rbpf_birth. Records are told apart by their size.
 */
#ifndef RONDO_STREAM_H
#define RONDO_STREAM_H

#include "rondo_event.h"

enum rbpf_stream_kind {
	RBPF_STREAM_EXIT,  /* an exit, from kvm_exit to the next entry or return to the VMM */
	RBPF_STREAM_USER,  /* a return of KVM_RUN, to the next KVM_RUN */
	RBPF_STREAM_STEAL, /* ready to run, but not running */
	RBPF_STREAM_NR,
};

struct rbpf_stream_event {
	__u64 end;    /* CLOCK_MONOTONIC */
	__u64 ns;     /* on a CPU; of steal: the wait */
	__u64 off_ns; /* off the CPU meanwhile: asleep or waiting */
	__u64 start;  /* of the process, as in struct rbpf_slot */
	__u64 kvm;
	__u32 tid, tgid;
	__s32 vcpu_id;
	__u32 cpu;
	__u32 kind;
	__u32 isa;
	__u32 reason; /* folded as in rondo_event.h, by kind */
	__u32 pad;
};

RBPF_CHECK_SIZE(struct rbpf_stream_event, 72);

#endif /* RONDO_STREAM_H */
