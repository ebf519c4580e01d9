/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * virtqueue.h - a split virtqueue, seen from the device
 *
 * All of it lies in guest memory, and the guest may write there whatever it likes, whenever it
 * likes.  So each index, address and length is read once and checked before it is used, and what is
 * not as it should be breaks the queue: nothing more is taken from it until the driver resets the
 * device.  One thread at a time.
 */
#ifndef RONDO_VMM_VIRTQUEUE_H
#define RONDO_VMM_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "vm.h"

#define VIRTQUEUE_SIZE_MAX 128 /* a power of two */

struct virtqueue {
	const struct vm *vm;
	/* what the driver sets up, not believed before virtqueue_enable() */
	uint32_t size;
	uint64_t descriptors, available, used;

	bool ready;
	bool broken;
	char error[128]; /* what broke it */
	uint16_t next_available, next_used;
};

/* The buffers of one request, those to read from first; they are the guest's memory itself. */
struct virtqueue_chain {
	uint16_t head;
	unsigned int n_readable, n_writable;
	uint64_t readable_size, writable_size; /* bytes */
	struct iovec readable[VIRTQUEUE_SIZE_MAX];
	struct iovec writable[VIRTQUEUE_SIZE_MAX];
};

/* Forgets all but the VM. */
void virtqueue_reset(struct virtqueue *queue);

/* The driver says that the queue is set up.  false: it is not, and the queue is broken. */
bool virtqueue_enable(struct virtqueue *queue);

/* The next request.  false: there is none, or the queue is not ready, or broken. */
bool virtqueue_take(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Gives it back, with so many bytes written to it. */
void virtqueue_give(struct virtqueue *queue, uint16_t head, uint32_t written);

/* After that: whether the driver wants to be interrupted. */
bool virtqueue_wants_interrupt(const struct virtqueue *queue);

/* Breaks the queue for a reason of the device's own. */
void virtqueue_break(struct virtqueue *queue, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
