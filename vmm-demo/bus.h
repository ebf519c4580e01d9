/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bus.h - which device answers at an address: one bus for ports, one for MMIO
 *
 * Devices are added before the first vCPU runs and stay; after that any vCPU thread may call
 * bus_access(), and a device has to see to its own locking.
 */
#ifndef RONDO_VMM_BUS_H
#define RONDO_VMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

#define BUS_RANGES_MAX 16

struct bus_access {
	unsigned int vcpu;
	bool write;
	uint64_t offset;   /* from the device's base */
	unsigned int size; /* bytes, 1 to 8 */
	uint8_t *data;     /* to write, or to be filled */
};

typedef void (*bus_handler)(void *device, const struct bus_access *access);

struct bus {
	struct bus_range {
		uint64_t base;
		uint64_t size;
		bus_handler handler;
		void *device;
	} ranges[BUS_RANGES_MAX];
	unsigned int n;
};

/* false: the bus is full, or the range overlaps another one, or wraps. */
bool bus_add(struct bus *bus, uint64_t base, uint64_t size, bus_handler handler, void *device);

/* false: no device has all of these addresses; what is read there is all ones. */
bool bus_access(const struct bus *bus, uint64_t address, struct bus_access access);

#endif
