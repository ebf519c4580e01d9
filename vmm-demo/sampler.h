/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sampler.h - fills the table of metrics: names all that this VMM tells, and samples what no thread
 * counts by itself
 *
 * Opens what it reads at its start: later it may have no right to open anything.
 */
#ifndef RONDO_VMM_SAMPLER_H
#define RONDO_VMM_SAMPLER_H

#include <dirent.h>
#include "blk_stats.h"
#include "kvmstats.h"
#include "metrics.h"
#include "recorder.h"
#include "vcpu.h"

struct sampler {
	struct metrics metrics;
	const struct vm *vm;
	unsigned int n_vcpus;
	struct sampler_vcpu {
		const struct vcpu *vcpu;
		struct recorder_vcpu hot; /* for the vCPU's thread */
		struct kvmstats stats;
		struct metric *kvm[KVMSTATS_MAX];
		struct metric *steal;
	} * vcpus;
	const struct blk_stats *blk; /* NULL: there is no disk */
	struct metric *memory, *slots, *blk_depth, *rss, *fds, *uptime, *recording;
	int statm_fd;
	DIR *fd_dir;
	uint64_t begin_ns;
};

/* Of vCPUs that are created and do not run yet.  0, or -1: no memory. */
int sampler_open(struct sampler *sampler, const char *instance, const struct vm *vm,
		 struct vcpu *vcpus, unsigned int n_vcpus, const struct blk_stats *blk);

/* Makes the vCPU threads record; before they are started. */
void sampler_attach(struct sampler *sampler, struct recorder *recorder, struct vcpu *vcpus);

/* Once a second, from the thread that ticks, before the recorder's tick.  recorder: NULL if none. */
void sampler_tick(struct sampler *sampler, const struct recorder *recorder);

void sampler_close(struct sampler *sampler);

#endif
