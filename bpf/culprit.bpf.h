/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * culprit.bpf.h - who had the CPU while a vCPU waited for it
 *
 * Each CPU remembers its last runs: who, and since when. A run lasts until the next one begins, so
 * runs fill all of the CPU's time. When a vCPU's wait is over, it goes back along the runs of the CPU
 * that it came to:
 *
 *	runs     | idle | vm-b  | this vCPU | bash | vm-b      | this vCPU ...
 *	                                    ^queued            ^last_arrival
 *	                                    |<---- waited ---->|
 *	                                     bash   vm-b
 *
 * Both clocks are the scheduler's own, so the pieces add up to the wait. Two vCPUs that wait behind one
 * hog both charge it. What is not known: waits on CPUs that it left before (moved), and runs beyond the
 * last RUNS (other).
 */
#ifndef RONDO_CULPRIT_BPF_H
#define RONDO_CULPRIT_BPF_H

#include "maps.bpf.h"

#define RUNS       128 /* a wait of 80 ms, as quotas make them, sees about a hundred */
#define PF_KTHREAD 0x00200000

struct run {
	u64 since; /* sched_clock; for how long, where it was idle: nobody notes when that begins */
	u32 tgid, pid;
	u32 kthread, pad;
	char comm[16];
};

struct cpu_runs {
	u32 n; /* runs so far */
	u32 pad;
	u64 idle_since; /* CLOCK_MONOTONIC */
	struct run run[RUNS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cpu_runs);
} runs SEC(".maps");

/* At each switch: the run that ends here. */
static __always_inline void run_remember(struct task_struct *prev, struct task_struct *next)
{
	struct cpu_runs *cpu;
	struct run *run;
	u32 key = 0;

	if (!want_culprits)
		return;
	cpu = bpf_map_lookup_elem(&runs, &key);
	if (!cpu)
		return;
	run = &cpu->run[bounded(cpu->n, RUNS)];
	cpu->n++;
	run->since = prev->pid ? prev->sched_info.last_arrival
			       : bpf_ktime_get_ns() - cpu->idle_since;
	if (!next->pid)
		cpu->idle_since = bpf_ktime_get_ns();
	run->tgid = prev->tgid;
	run->pid = prev->pid;
	run->kthread = prev->flags & PF_KTHREAD;
	__builtin_memcpy(run->comm, prev->comm, sizeof(run->comm));
}

/* Charges a run of somebody else. False: there is no room. */
static __always_inline bool charge_task(const struct rbpf_slot *s, const struct run *run, u64 ns)
{
	struct rbpf_culprit_key key = { .kvm = s->kvm, .tgid = s->tgid, .by = run->tgid };
	struct rbpf_culprit first = { .ns = ns, .kthread = run->kthread != 0 }, *c;

	c = bpf_map_lookup_elem(&culprits, &key);
	if (!c) {
		__builtin_memcpy(first.comm, run->comm, sizeof(first.comm));
		if (!bpf_map_update_elem(&culprits, &key, &first, BPF_NOEXIST))
			return true;
		c = bpf_map_lookup_elem(&culprits, &key);
	}
	if (!c) {
		lose(RBPF_LOST_CULPRITS_FULL);
		return false;
	}
	__sync_fetch_and_add(&c->ns, ns);
	return true;
}

static __always_inline void charge(struct rbpf_slot *s, const struct run *run, u64 ns)
{
	if (!run->pid)
		s->totals.by[RBPF_BY_IDLE] += ns;
	else if (run->tgid == s->tgid)
		s->totals.by[RBPF_BY_SELF] += ns;
	else if (charge_task(s, run, ns))
		s->totals.by[RBPF_BY_TASK] += ns;
	else
		s->totals.by[RBPF_BY_OTHER] += ns;
}

/* Going back along a CPU's runs: until is where the one that was charged last began. */
struct walk {
	struct rbpf_slot *s;
	struct cpu_runs *cpu;
	u64 queued, until;
	u32 n, pad;
};

static long charge_run(u32 i, void *ctx)
{
	struct walk *w = ctx;
	const struct run *run = &w->cpu->run[bounded(w->n - 1 - i, RUNS)];
	u64 since = run->pid ? run->since : w->until - run->since;

	if (!run->since)
		return 1;
	if ((s64)(since - w->queued) < 0)
		since = w->queued;
	if ((s64)(w->until - since) > 0) {
		charge(w->s, run, w->until - since);
		w->until = since;
	}
	return w->until == w->queued;
}

/* A wait of this many ns that ended with the thread's arrival on this CPU. */
static __always_inline void charge_wait(struct rbpf_slot *s, u64 waited, u64 arrival)
{
	struct walk w = { .s = s, .queued = s->queued, .until = arrival };
	u32 key = 0;

	if (want_culprits)
		w.cpu = bpf_map_lookup_elem(&runs, &key);
	if (!waited || !w.cpu || !w.queued || (s64)(arrival - w.queued) < 0 ||
	    arrival - w.queued > waited) {
		s->totals.by[RBPF_BY_OTHER] += waited;
		return;
	}
	s->totals.by[RBPF_BY_MOVED] += waited - (arrival - w.queued);
	w.n = w.cpu->n;
	bpf_loop(RUNS, charge_run, &w, 0);
	s->totals.by[RBPF_BY_OTHER] += w.until - w.queued;
}

#endif /* RONDO_CULPRIT_BPF_H */
