/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * outlier.bpf.h - single waits and exits that took so long that each is worth a line
 *
 * They have a ring of their own, so that a threshold that is too low crowds out nothing but them.
 */
#ifndef RONDO_OUTLIER_BPF_H
#define RONDO_OUTLIER_BPF_H

#include "maps.bpf.h"

__u64 outlier_ns; /* 0: none is; set by userspace before anything is attached */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} outliers SEC(".maps");

static __always_inline void outlier(const struct rbpf_slot *s, u32 what, u64 ns, u64 end)
{
	struct rbpf_outlier *r;

	if (!outlier_ns || ns < outlier_ns)
		return;
	r = bpf_ringbuf_reserve(&outliers, sizeof(*r), 0);
	if (!r) {
		lose(RBPF_LOST_OUTLIERS_FULL);
		return;
	}
	r->head.kind = RBPF_OUTLIER;
	r->head.slot = s->number;
	r->head.gen = s->gen;
	r->head.pad = 0;
	r->head.now = end;
	r->ns = ns;
	r->what = what;
	r->reason = s->exit_code;
	r->cpu = s->cpu;
	r->pad = 0;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#endif /* RONDO_OUTLIER_BPF_H */
