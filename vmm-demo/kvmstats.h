/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kvmstats.h - KVM's own statistics of a vCPU (KVM_GET_STATS_FD, Linux 5.14)
 */
#ifndef RONDO_VMM_KVMSTATS_H
#define RONDO_VMM_KVMSTATS_H

#include <stdbool.h>
#include <stdint.h>

/* The statistic's current value; false where this kernel doesn't have it. */
bool kvmstats_read(int vcpu_fd, const char *name, uint64_t *value);

#endif
