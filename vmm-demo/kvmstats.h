/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kvmstats.h - KVM's own statistics of a vCPU (KVM_GET_STATS_FD, Linux 5.14)
 *
 * Single numbers only: KVM's histograms of halt polling are left out.
 */
#ifndef RONDO_VMM_KVMSTATS_H
#define RONDO_VMM_KVMSTATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KVMSTATS_MAX      96
#define KVMSTATS_NAME_MAX 48

struct kvmstats {
	int fd; /* -1: this kernel has none */
	unsigned int n;
	struct kvmstat {
		char name[KVMSTATS_NAME_MAX];
		bool cumulative;  /* only grows; else a state, or a peak */
		const char *unit; /* "ns", "bytes", or "" */
		size_t index;     /* among the u64 of the data */
	} stats[KVMSTATS_MAX];
	uint64_t data_offset;
	size_t data_n; /* u64 to be read to have them all */
};

/* A kernel without statistics, or more than there is room for, is no error: fewer are told. */
void kvmstats_open(struct kvmstats *stats, int vcpu_fd);
void kvmstats_close(struct kvmstats *stats);

/* The current value of each, values[n], by one system call.  false: they can't be read. */
bool kvmstats_read_all(const struct kvmstats *stats, uint64_t *values);

/* One statistic's current value; false where this kernel doesn't have it. */
bool kvmstats_read(const struct kvmstats *stats, const char *name, uint64_t *value);

#endif
