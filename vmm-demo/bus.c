// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bus.c - which device answers at an address
 */
#include "bus.h"

#include <string.h>

bool bus_add(struct bus *bus, uint64_t base, uint64_t size, bus_handler handler, void *device)
{
	unsigned int i;

	if (bus->n == BUS_RANGES_MAX || !size || base + size < base)
		return false;
	for (i = 0; i < bus->n; i++) {
		const struct bus_range *r = &bus->ranges[i];

		if (base < r->base + r->size && r->base < base + size)
			return false;
	}
	bus->ranges[bus->n++] = (struct bus_range){ base, size, handler, device };
	return true;
}

bool bus_access(const struct bus *bus, uint64_t address, struct bus_access access)
{
	unsigned int i;

	for (i = 0; i < bus->n; i++) {
		const struct bus_range *r = &bus->ranges[i];

		access.offset = address - r->base;
		if (access.offset < r->size && access.size <= r->size - access.offset) {
			r->handler(r->device, &access);
			return true;
		}
	}
	if (!access.write)
		memset(access.data, 0xff, access.size);
	return false;
}
