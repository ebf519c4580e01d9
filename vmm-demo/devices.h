/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * devices.h - what a Linux guest's machine has besides CPUs and memory, put together
 */
#ifndef RONDO_VMM_DEVICES_H
#define RONDO_VMM_DEVICES_H

#include "console.h"
#include "events.h"
#include "io_thread.h"
#include "options.h"
#include "power.h"
#include "serial.h"
#include "virtio_blk.h"
#include "virtio_rng.h"
#include "vm.h"

struct devices {
	bool made;
	struct power power;
	struct serial serial;
	struct console console;
	int told_fd; /* the power registers': the guest has ended */
	struct virtio rng;
	struct virtio_blk blk;
	bool has_blk;
	struct io_thread io;
};

/* Devices on the buses, their descriptors in the main loop.  0, or -1 and vm->error. */
int devices_create(struct devices *devices, struct vm *vm, struct events *events,
		   const struct vmm_options *options);

/* Starts the I/O thread.  0, or -1 and vm->error. */
int devices_start(struct devices *devices, struct vm *vm);

/* As at power-on; what the guest has said is still written out. */
void devices_reset(struct devices *devices);

/* After the last vCPU's end: all that was written is out.  The terminal is itself again. */
void devices_stop(struct devices *devices);

void devices_destroy(struct devices *devices);

#endif
