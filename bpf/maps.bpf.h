/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * maps.bpf.h - where the collector's state is, and how a thread finds its slot
 *
 * Who may create a slot and what is in it is slot.bpf.h's.
 */
#ifndef RONDO_MAPS_BPF_H
#define RONDO_MAPS_BPF_H

#include "kvm_compat.bpf.h"

/* Set by userspace before loading; these defaults load as they are. */
const volatile __u64 tick_ns = 1000000000;
const volatile __u32 no_entry = 0; /* kvm_entry and kvm_exit never fire here */

const volatile __u8 want_reason_latency = 0, want_culprits = 1, want_cpus = 1; /* groups */

/* Classes of folded reasons, below RBPF_CLASSES. */
const volatile __u8 class_of[RBPF_EXITS] = { 0 };

/* Written by userspace while we run: CLOCK_REALTIME - CLOCK_MONOTONIC, so that ticks are the wall's. */
__u64 wall_offset;

/* Set once all programs are attached: no slot before, or its first events would be half of them. */
__u32 active;

/* Losses, by enum rbpf_lost. Written by many CPUs, so by atomic adds alone. */
__u64 lost[RBPF_LOST_NR];

/* Numbers of reasons + 1 by their folded codes, 0: not seen yet; and how many there are. */
__u32 dictionary[RBPF_EXITS];
__u32 dictionary_size;

/*
 * Which threads might be vCPUs, by the low 16 bits of their tid: keeps sched_switch cheap for the
 * others. Bits are set here and cleared by userspace.
 */
#define PID_BITS 65536
__u64 vcpu_pids[PID_BITS / 64];

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, struct rbpf_slot);
} slots SEC(".maps");

/* One for each slot where userspace wants it, else one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct rbpf_reason_latency);
} reason_latency SEC(".maps");

/* Numbers of free slots. Userspace puts them in, zeroed; we only take. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 256);
	__type(value, u32);
} free_slots SEC(".maps");

/* A thread's slot number + 1, or 0; and until when not to ask for one again. */
struct thread_slot {
	u64 retry_at;
	u32 slot1;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_slot);
} threads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} records SEC(".maps");

/* Userspace reads and tidies up these two. Preallocated: an element is wanted with interrupts off. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct rbpf_culprit_key);
	__type(value, struct rbpf_culprit);
} culprits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct rbpf_cpu_key);
	__type(value, u64);
} cpu_times SEC(".maps");

/* The processes that hold a VM, by tgid, kept by userspace: for the iterator over their threads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 8192);
	__type(key, u32);
	__type(value, u32);
} vm_processes SEC(".maps");

static __always_inline void lose(u32 cause)
{
	if (cause < RBPF_LOST_NR)
		__sync_fetch_and_add(&lost[cause], 1);
}

static __always_inline bool may_be_vcpu(u32 tid)
{
	return vcpu_pids[(tid % PID_BITS) / 64] >> (tid % 64) & 1;
}

static __always_inline void mark_vcpu(u32 tid)
{
	if (!may_be_vcpu(tid))
		__sync_fetch_and_or(&vcpu_pids[(tid % PID_BITS) / 64], 1ull << (tid % 64));
}

static __always_inline struct rbpf_slot *slot_at(u32 slot1)
{
	u32 key = slot1 - 1;

	return slot1 ? bpf_map_lookup_elem(&slots, &key) : NULL;
}

/* The slot of a thread that may have one, or NULL. *number is its number. */
static __always_inline struct rbpf_slot *slot_find(struct task_struct *task, u32 *number)
{
	struct thread_slot *thread = bpf_task_storage_get(&threads, task, 0, 0);

	if (!thread || !thread->slot1)
		return NULL;
	*number = thread->slot1 - 1;
	return slot_at(thread->slot1);
}

#endif /* RONDO_MAPS_BPF_H */
