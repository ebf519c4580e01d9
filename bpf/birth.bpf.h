/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * birth.bpf.h - who a thread's process is, read while it is there
 */
#ifndef RONDO_BIRTH_BPF_H
#define RONDO_BIRTH_BPF_H

#include "kvm_compat.bpf.h"

/* All but the head. own: task is the current thread, so its memory can be read. */
static __always_inline void birth_fill(struct rbpf_birth *r, struct task_struct *task, bool own)
{
	u64 start, end;

	r->start = BPF_CORE_READ(task, group_leader, start_boottime);
	r->tid = BPF_CORE_READ(task, pid);
	r->tgid = BPF_CORE_READ(task, tgid);
	r->pad = 0;
	r->cgroup = 0;
	r->cmdline_len = 0;
	BPF_CORE_READ_INTO(&r->comm, task, group_leader, comm);
	if (!own)
		return;
	r->cgroup = bpf_get_current_cgroup_id();
	start = BPF_CORE_READ(task, mm, arg_start);
	end = BPF_CORE_READ(task, mm, arg_end);
	/* Fails where the page is not in memory; /proc still has it then. */
	if (start && end > start && !bpf_probe_read_user(r->cmdline, RBPF_CMDLINE, (void *)start))
		r->cmdline_len = end - start < RBPF_CMDLINE ? end - start : RBPF_CMDLINE;
}

#endif /* RONDO_BIRTH_BPF_H */
