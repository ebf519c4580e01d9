/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * virtio.h - a virtio device behind virtio-mmio registers (version 2)
 *
 * The registers are handled by the vCPU that touches them.  Requests are handled by the I/O thread:
 * KVM turns the write of a queue's notification into an eventfd, and an eventfd into the interrupt,
 * so neither makes a vCPU return to user space.
 */
#ifndef RONDO_VMM_VIRTIO_H
#define RONDO_VMM_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "virtqueue.h"
#include "vm.h"

#define VIRTIO_CONFIG_MAX 64

struct virtio;

/* A kind of device; each has one queue. */
struct virtio_kind {
	const char *name;
	uint32_t id;
	uint64_t features; /* besides VIRTIO_F_VERSION_1 */
	/* All requests that are there, on the I/O thread: virtqueue_take(), virtio_give(). */
	void (*serve)(struct virtio *virtio);
};

struct virtio {
	const struct virtio_kind *kind;
	void *device; /* serve()'s own */
	struct vm *vm;
	int irq_fd, bell_fd;
	uint64_t features;                 /* that are offered */
	uint8_t config[VIRTIO_CONFIG_MAX]; /* the device's own space, read-only, fixed */
	unsigned int config_size;

	pthread_mutex_t lock; /* all below: held by serve() and by the registers but two */
	uint32_t status;
	uint32_t features_select, driver_features_select;
	uint64_t driver_features;
	uint32_t queue_select;
	struct virtqueue queue;
	struct virtqueue_chain chain; /* the request that is being served */
	unsigned int lies_told;       /* warnings about the queue */

	_Atomic uint32_t
		interrupt; /* VIRTIO_MMIO_INT_*: no lock, as a vCPU must not wait for I/O */
};

/*
 * Puts a device at the VM's next layout_virtio() slot.  features: of this one device, besides the
 * kind's.  0, or -1 and vm->error.
 */
int virtio_create(struct virtio *virtio, struct vm *vm, const struct virtio_kind *kind,
		  void *device, uint64_t features);

/* As at power-on: what the driver knew is gone. */
void virtio_reset(struct virtio *virtio);

/* Whoever watches bell_fd, when it can be read. */
void virtio_serve(struct virtio *virtio);

/* For serve(): gives the request in virtio->chain back. */
void virtio_give(struct virtio *virtio, uint32_t written);

/* The registers: a bus_handler. */
void virtio_access(void *virtio, const struct bus_access *access);

#endif
