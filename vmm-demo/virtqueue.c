// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * virtqueue.c - a split virtqueue, seen from the device
 *
 * The format: "Virtual I/O Device (VIRTIO) Version 1.2", 2.7.  Indirect descriptors and event
 * indices are not offered.
 */
#include "virtqueue.h"

#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The parts' sizes and alignments (2.7). */
#define DESCRIPTORS_SIZE(n) ((uint64_t)(n) * sizeof(struct vring_desc))
#define AVAILABLE_SIZE(n)   (6 + 2 * (uint64_t)(n))
#define USED_SIZE(n)        (6 + 8 * (uint64_t)(n))

void virtqueue_break(struct virtqueue *q, const char *format, ...)
{
	va_list args;

	if (q->broken)
		return;
	va_start(args, format);
	vsnprintf(q->error, sizeof(q->error), format, args);
	va_end(args);
	q->broken = true;
}

void virtqueue_reset(struct virtqueue *q)
{
	*q = (struct virtqueue){ .vm = q->vm };
}

static bool check_part(struct virtqueue *q, const char *what, uint64_t address, uint64_t size,
		       uint64_t alignment)
{
	if (vm_memory(q->vm, address, size) && address % alignment == 0)
		return true;
	virtqueue_break(q, "its %s, %llu bytes at %#llx, are not in memory, or not aligned", what,
			(unsigned long long)size, (unsigned long long)address);
	return false;
}

bool virtqueue_enable(struct virtqueue *q)
{
	if (!q->size || q->size > VIRTQUEUE_SIZE_MAX || q->size & (q->size - 1)) {
		virtqueue_break(q, "its size is %u, no power of two up to %d", q->size,
				VIRTQUEUE_SIZE_MAX);
		return false;
	}
	if (!check_part(q, "descriptors", q->descriptors, DESCRIPTORS_SIZE(q->size), 16) ||
	    !check_part(q, "available ring", q->available, AVAILABLE_SIZE(q->size), 2) ||
	    !check_part(q, "used ring", q->used, USED_SIZE(q->size), 4))
		return false;
	q->ready = true;
	return true;
}

/* virtqueue_enable() has seen to it that these are memory. */
static struct vring_avail *available_ring(const struct virtqueue *q)
{
	return vm_memory(q->vm, q->available, AVAILABLE_SIZE(q->size));
}

static struct vring_used *used_ring(const struct virtqueue *q)
{
	return vm_memory(q->vm, q->used, USED_SIZE(q->size));
}

/* A copy, each field read once. */
static struct vring_desc read_descriptor(const struct virtqueue *q, uint16_t index)
{
	const struct vring_desc *from =
		vm_memory(q->vm, q->descriptors + DESCRIPTORS_SIZE(index), sizeof(*from));

	return (struct vring_desc){
		.addr = __atomic_load_n(&from->addr, __ATOMIC_RELAXED),
		.len = __atomic_load_n(&from->len, __ATOMIC_RELAXED),
		.flags = __atomic_load_n(&from->flags, __ATOMIC_RELAXED),
		.next = __atomic_load_n(&from->next, __ATOMIC_RELAXED),
	};
}

/* One descriptor into the chain; false and a broken queue if it lies. */
static bool add_buffer(struct virtqueue *q, struct virtqueue_chain *c, uint16_t index,
		       const struct vring_desc *d)
{
	void *memory = vm_memory(q->vm, d->addr, d->len);

	if (d->flags & VRING_DESC_F_INDIRECT) {
		virtqueue_break(q, "descriptor %u is indirect, which was not offered", index);
		return false;
	}
	if (!memory || !d->len) {
		virtqueue_break(q, "descriptor %u, %u bytes at %#llx, is not in memory", index,
				d->len, (unsigned long long)d->addr);
		return false;
	}
	if (d->flags & VRING_DESC_F_WRITE) {
		c->writable[c->n_writable++] = (struct iovec){ memory, d->len };
		c->writable_size += d->len;
		return true;
	}
	if (c->n_writable) {
		virtqueue_break(q, "descriptor %u is to be read, behind one to be written", index);
		return false;
	}
	c->readable[c->n_readable++] = (struct iovec){ memory, d->len };
	c->readable_size += d->len;
	return true;
}

/* All that hangs together from chain->head on: `size` descriptors at the most, or it is a ring. */
static bool walk(struct virtqueue *q, struct virtqueue_chain *c)
{
	uint16_t index = c->head;
	unsigned int n;

	for (n = 0; n < q->size; n++) {
		struct vring_desc d;

		if (index >= q->size) {
			virtqueue_break(q, "descriptor %u is beyond the queue's %u", index,
					q->size);
			return false;
		}
		d = read_descriptor(q, index);
		if (!add_buffer(q, c, index, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		index = d.next;
	}
	virtqueue_break(q, "the chain from descriptor %u has no end", c->head);
	return false;
}

bool virtqueue_take(struct virtqueue *q, struct virtqueue_chain *c)
{
	const struct vring_avail *ring;
	uint16_t index;

	if (!q->ready || q->broken)
		return false;
	ring = available_ring(q);
	/* Pairs with the driver's write barrier between a ring entry and the index. */
	index = __atomic_load_n(&ring->idx, __ATOMIC_ACQUIRE);
	if (index == q->next_available)
		return false;
	if ((uint16_t)(index - q->next_available) > q->size) {
		virtqueue_break(q, "its available index went from %u to %u, with %u entries",
				q->next_available, index, q->size);
		return false;
	}
	c->n_readable = c->n_writable = 0;
	c->readable_size = c->writable_size = 0;
	c->head = __atomic_load_n(&ring->ring[q->next_available % q->size], __ATOMIC_RELAXED);
	q->next_available++;
	return walk(q, c);
}

void virtqueue_give(struct virtqueue *q, uint16_t head, uint32_t written)
{
	struct vring_used *ring = used_ring(q);
	struct vring_used_elem *element = &ring->ring[q->next_used % q->size];

	__atomic_store_n(&element->id, head, __ATOMIC_RELAXED);
	__atomic_store_n(&element->len, written, __ATOMIC_RELAXED);
	q->next_used++;
	/* The driver that sees the index sees the element, and what is in the buffers. */
	__atomic_store_n(&ring->idx, q->next_used, __ATOMIC_RELEASE);
}

bool virtqueue_wants_interrupt(const struct virtqueue *q)
{
	/*
	 * The driver clears the flag, then looks at the used index once more; we wrote the index, and
	 * look at the flag.  One of the two sees the other's.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(__atomic_load_n(&available_ring(q)->flags, __ATOMIC_RELAXED) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}
