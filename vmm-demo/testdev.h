/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * testdev.h - the device behind the bare-metal guests' port, MMIO and MSR writes
 *
 * Each event writes its number; the device checks that it is the one after the last, so an access
 * that KVM or the VMM lost, repeated or mangled is seen.  One instance per bus; each vCPU has its
 * own state in it, so nothing is shared.
 */
#ifndef RONDO_VMM_TESTDEV_H
#define RONDO_VMM_TESTDEV_H

#include <stdint.h>
#include "bus.h"
#include "options.h"

struct testdev {
	struct testdev_vcpu {
		uint64_t events;
		uint64_t wrong; /* events that were not the next one */
	} __attribute__((aligned(64))) vcpus[VMM_CPUS_MAX];
};

void testdev_access(void *device, const struct bus_access *access);

#endif
