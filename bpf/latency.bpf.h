/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * latency.bpf.h - histograms and longest ones
 */
#ifndef RONDO_LATENCY_BPF_H
#define RONDO_LATENCY_BPF_H

#include "outlier.bpf.h"

/* rondo_event.h has the buckets: the number of bits of (ns - 1) / 256. */
static __always_inline u32 bucket(u64 ns)
{
	u64 v = ns ? (ns - 1) >> 8 : 0;
	u32 b = 0;

	if (v >> 32)
		return RBPF_BUCKET_LAST;
	if (v >> 16) {
		v >>= 16;
		b += 16;
	}
	if (v >> 8) {
		v >>= 8;
		b += 8;
	}
	if (v >> 4) {
		v >>= 4;
		b += 4;
	}
	if (v >> 2) {
		v >>= 2;
		b += 2;
	}
	if (v >> 1)
		b += 2;
	else
		b += v;
	return b < RBPF_BUCKET_LAST ? b : RBPF_BUCKET_LAST;
}

/* The longest one since the current tick began. */
static __always_inline void longest(struct rbpf_longest *l, const struct rbpf_slot *s, u64 ns,
				    u64 at)
{
	if (ns <= l->ns && (s64)(l->at + tick_ns - s->tick_end) >= 0)
		return;
	l->ns = ns;
	l->at = at;
}

/* The number of a reason. Two CPUs may meet a new one at once: it then takes two numbers, one unused. */
static __always_inline u32 reason_number(u32 code)
{
	u32 *entry = &dictionary[bounded(code, RBPF_EXITS)], n = *(volatile u32 *)entry;

	if (n)
		return n - 1;
	n = __sync_fetch_and_add(&dictionary_size, 1);
	if (n >= RBPF_REASONS - 1)
		n = RBPF_REASONS - 1;
	__sync_val_compare_and_swap(entry, 0, n + 1);
	return *(volatile u32 *)entry - 1;
}

/* An exit is handled: the guest is entered again. */
static __always_inline void exit_done(struct rbpf_slot *s, u32 number, u64 now)
{
	u64 ns = (s64)s->exit_ns > 0 ? s->exit_ns : 0;
	u32 b = bucket(ns), reason = bounded(s->exit_code, RBPF_REASONS);
	struct rbpf_reason_latency *l;

	s->exit_open = 0;
	s->totals.class_ns[bounded(s->exit_class, RBPF_CLASSES)] += ns;
	s->reason_ns[bounded(reason, RBPF_REASONS)] += ns;
	s->latency[bounded(b, RBPF_BUCKETS)]++;
	longest(&s->totals.exit, s, ns, now);
	outlier(s, RBPF_OUTLIER_EXIT, ns, now);
	if (!want_reason_latency)
		return;
	l = bpf_map_lookup_elem(&reason_latency, &number);
	if (l)
		l->n[bounded(reason, RBPF_REASONS)][bounded(b, RBPF_BUCKETS)]++;
}

#endif /* RONDO_LATENCY_BPF_H */
