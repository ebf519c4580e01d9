// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * testdev.c - the device behind the bare-metal guests' port, MMIO and MSR writes
 */
#include "testdev.h"

#include <string.h>

void testdev_access(void *device, const struct bus_access *access)
{
	struct testdev_vcpu *v = &((struct testdev *)device)->vcpus[access->vcpu];
	uint64_t number = 0;

	if (!access->write) {
		memset(access->data, 0, access->size);
		return;
	}
	if (access->size < 4 || access->size > sizeof(number) || access->offset) {
		v->wrong++;
		return;
	}
	memcpy(&number, access->data, access->size);
	if (number != v->events)
		v->wrong++;
	v->events++;
}
