// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * events.bpf.c - every single exit and wait of vCPUs, as it happens, for rondo-bpfd --events
 *
 *   kvm_exit        kvm_entry                 userspace exit         KVM_RUN
 *      |--- EXIT ------|                            |------ USER --------|
 *           ^     ^
 *    off ___|     |___ on: taken out of ns, into off_ns; what of it was waiting is a STEAL of its own
 *
 * An object of its own beside the collector's: who doesn't ask for it doesn't pay for it. It adds nothing
 * up; what does not fit into the ring is counted. A span that began before we did is not told.
 */
#include "birth.bpf.h"
#include "rondo_stream.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Set by userspace before loading. */
const volatile __u64 min_ns = 0; /* of ns or off_ns */
const volatile __u32 kinds = (1u << RBPF_STREAM_NR) - 1;
const volatile __s32 only_vcpu = -1; /* -1: all */

__u64 dropped; /* events that found no room */

#define EINTR 4

/* One thread that runs a vCPU. */
struct span {
	u64 begun;  /* 0: none is open */
	u64 off_ns; /* of it, off the CPU */
	u64 off_at; /* 0: on a CPU */
	u64 delay;  /* sched_info.run_delay as far as it was told */
	u64 on_at;  /* when it came back; its wait is not told yet; 0: nothing to tell */
	u32 kind, isa, reason;
	s32 vcpu_id;
	u64 kvm;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct span);
} spans SEC(".maps");

/* Processes that the filter leaves out, with their start. Userspace puts them in. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, u64);
} left_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 23);
} stream SEC(".maps");

static __always_inline void tell(const struct span *s, struct task_struct *task, u32 kind, u64 ns,
				 u64 off_ns, u64 end)
{
	struct rbpf_stream_event *e;
	u32 tgid;
	u64 start, *out;

	if (!(kinds & 1u << kind) || (ns < min_ns && off_ns < min_ns))
		return;
	if (only_vcpu >= 0 && s->vcpu_id != only_vcpu)
		return;
	tgid = BPF_CORE_READ(task, tgid);
	start = BPF_CORE_READ(task, group_leader, start_boottime);
	out = bpf_map_lookup_elem(&left_out, &tgid);
	if (out && *out == start)
		return;
	e = bpf_ringbuf_reserve(&stream, sizeof(*e), 0);
	if (!e) {
		__sync_fetch_and_add(&dropped, 1);
		return;
	}
	e->end = end;
	e->ns = ns;
	e->off_ns = off_ns;
	e->start = start;
	e->kvm = s->kvm;
	e->tid = BPF_CORE_READ(task, pid);
	e->tgid = tgid;
	e->vcpu_id = s->vcpu_id;
	e->cpu = bpf_get_smp_processor_id();
	e->kind = kind;
	e->isa = s->isa;
	e->reason = s->reason;
	e->pad = 0;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* The scheduler has accounted a wait by the first event after it. */
static __always_inline void settle(struct span *s, struct task_struct *task)
{
	u64 delay, waited;

	if (!s->on_at)
		return;
	delay = BPF_CORE_READ(task, sched_info.run_delay);
	waited = delay - s->delay;
	s->delay = delay;
	if (waited)
		tell(s, task, RBPF_STREAM_STEAL, waited, 0, s->on_at);
	s->on_at = 0;
}

static __always_inline void close_span(struct span *s, struct task_struct *task, u64 now)
{
	u64 off_ns = s->off_ns;

	if (!s->begun)
		return;
	tell(s, task, s->kind, now - s->begun - off_ns, off_ns, now);
	s->begun = 0;
}

static __always_inline void open_span(struct span *s, u32 kind, u32 isa, u32 reason, u64 now)
{
	s->begun = now;
	s->off_ns = 0;
	s->kind = kind;
	s->isa = isa;
	s->reason = reason;
}

/* So that the events of a VM of a few milliseconds have its name. */
static __always_inline void tell_birth(struct task_struct *task)
{
	struct rbpf_birth *r = bpf_ringbuf_reserve(&stream, sizeof(*r), 0);

	if (!r) {
		__sync_fetch_and_add(&dropped, 1);
		return;
	}
	__builtin_memset(&r->head, 0, sizeof(r->head));
	r->head.kind = RBPF_BIRTH;
	birth_fill(r, task, true);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

/* The current thread's, with what is over settled. vcpu may be NULL. */
static __always_inline struct span *span_current(struct kvm_vcpu *vcpu)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct span *s = bpf_task_storage_get(&spans, task, 0, 0);

	if (!s) {
		s = bpf_task_storage_get(&spans, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
		if (!s)
			return NULL;
		s->vcpu_id = -1;
		s->delay = BPF_CORE_READ(task, sched_info.run_delay);
		tell_birth(task);
	}
	if (vcpu) {
		s->vcpu_id = BPF_CORE_READ(vcpu, vcpu_id);
		s->kvm = (u64)BPF_CORE_READ(vcpu, kvm);
	}
	settle(s, task);
	return s;
}

SEC("raw_tp/kvm_exit")
int stream_exit(struct bpf_raw_tracepoint_args *ctx)
{
	struct span *s = span_current(exit_vcpu(ctx));

	if (s)
		open_span(s, RBPF_STREAM_EXIT, exit_isa(ctx), exit_reason(ctx), bpf_ktime_get_ns());
	return 0;
}

SEC("raw_tp/kvm_entry")
int stream_entry(struct bpf_raw_tracepoint_args *ctx)
{
	struct span *s = span_current(entry_vcpu(ctx));

	if (s)
		close_span(s, bpf_get_current_task_btf(), bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/kvm_userspace_exit")
int BPF_PROG(stream_user_exit, u32 reason, int error)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct span *s = span_current(task_vcpu(task));
	u64 now = bpf_ktime_get_ns();

	if (!s)
		return 0;
	close_span(s, task, now);
	if (error < 0)
		reason = error == -EINTR ? RBPF_USER_INTR : RBPF_USER_ERROR;
	else if (reason > RBPF_USER_OTHER)
		reason = RBPF_USER_OTHER;
	open_span(s, RBPF_STREAM_USER, RBPF_ISA_NONE, reason, now);
	return 0;
}

/* x86: KVM_RUN begins. */
SEC("tp_btf/kvm_fpu")
int BPF_PROG(stream_fpu, int load)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct span *s;

	if (!load)
		return 0;
	s = span_current(task_vcpu(task));
	if (s && s->kind == RBPF_STREAM_USER)
		close_span(s, task, bpf_ktime_get_ns());
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(stream_switch, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct span *s = bpf_task_storage_get(&spans, prev, 0, 0);
	u64 now = bpf_ktime_get_ns();

	if (s) {
		settle(s, prev);
		s->off_at = now;
	}
	s = bpf_task_storage_get(&spans, next, 0, 0);
	if (s && s->off_at) {
		s->off_ns += now - s->off_at;
		s->off_at = 0;
		s->on_at = now;
	}
	return 0;
}
