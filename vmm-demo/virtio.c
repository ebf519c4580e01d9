// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * virtio.c - a virtio device behind virtio-mmio registers (version 2)
 *
 * "Virtual I/O Device (VIRTIO) Version 1.2", 4.2.2 has the registers, 2.1 the device status.
 */
#include "virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "layout.h"

#define MAGIC  0x74726976 /* "virt" */
#define VENDOR 0x4f444e52 /* "RNDO" */

/* So often a guest that resets the device and lies anew is told of: our log is not its to fill. */
#define LIES_TOLD 10

static void interrupt(struct virtio *v, uint32_t cause)
{
	const uint64_t one = 1;

	atomic_fetch_or(&v->interrupt, cause);
	/* An eventfd is full after 2^64 - 2 unread ones. */
	if (write(v->irq_fd, &one, sizeof(one)) < 0)
		return;
}

/* The driver is told that it has to reset the device, and whoever runs the VM why. */
static void give_up(struct virtio *v)
{
	if (v->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	if (v->lies_told < LIES_TOLD)
		fprintf(stderr, "rondo-vmm: warning: %s stops: the guest's queue lies: %s%s\n",
			v->kind->name, v->queue.error,
			++v->lies_told == LIES_TOLD ? " (the last time that this is said)" : "");
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(v, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_serve(struct virtio *v)
{
	uint64_t count;

	if (read(v->bell_fd, &count, sizeof(count)) != sizeof(count))
		return;
	pthread_mutex_lock(&v->lock);
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		v->kind->serve(v);
	if (v->queue.broken)
		give_up(v);
	pthread_mutex_unlock(&v->lock);
}

void virtio_give(struct virtio *v, uint32_t written)
{
	virtqueue_give(&v->queue, v->chain.head, written);
	if (virtqueue_wants_interrupt(&v->queue))
		interrupt(v, VIRTIO_MMIO_INT_VRING);
}

static void reset(struct virtio *v)
{
	v->status = 0;
	v->features_select = v->driver_features_select = v->queue_select = 0;
	v->driver_features = 0;
	virtqueue_reset(&v->queue);
	atomic_store(&v->interrupt, 0);
}

void virtio_reset(struct virtio *v)
{
	pthread_mutex_lock(&v->lock);
	reset(v);
	pthread_mutex_unlock(&v->lock);
}

static void set_status(struct virtio *v, uint32_t status)
{
	if (!status) {
		reset(v);
		return;
	}
	/* Features that were not offered, or an old driver: FEATURES_OK isn't taken over. */
	if (status & VIRTIO_CONFIG_S_FEATURES_OK && !(v->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    (v->driver_features & ~v->features || !(v->driver_features >> VIRTIO_F_VERSION_1 & 1)))
		status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	v->status = (status & 0xff) | (v->status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static uint32_t read_register(struct virtio *v, uint64_t offset)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->kind->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return v->features_select < 2 ? (uint32_t)(v->features >> 32 * v->features_select)
					      : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return v->queue_select ? 0 : VIRTQUEUE_SIZE_MAX;
	case VIRTIO_MMIO_QUEUE_READY:
		return !v->queue_select && v->queue.ready;
	case VIRTIO_MMIO_STATUS:
		return v->status;
	default: /* the configuration never changes: its generation is 0 */
		return 0;
	}
}

static void put_half(uint64_t *to, unsigned int shift, uint32_t value)
{
	*to = (*to & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

/* A queue that is in use keeps its place until the device is reset. */
static void write_queue(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct virtqueue *q = &v->queue;

	if (v->queue_select || q->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		put_half(&q->descriptors, offset == VIRTIO_MMIO_QUEUE_DESC_LOW ? 0 : 32, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		put_half(&q->available, offset == VIRTIO_MMIO_QUEUE_AVAIL_LOW ? 0 : 32, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		put_half(&q->used, offset == VIRTIO_MMIO_QUEUE_USED_LOW ? 0 : 32, value);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if (value && !virtqueue_enable(q))
			give_up(v);
		break;
	default:
		break;
	}
}

static void write_register(struct virtio *v, uint64_t offset, uint32_t value)
{
	const uint64_t one = 1;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->features_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->driver_features_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (v->driver_features_select < 2)
			put_half(&v->driver_features, 32 * v->driver_features_select, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		v->queue_select = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		/* In KVM vm_doorbell() takes this write before it gets here. */
		if (!value && write(v->bell_fd, &one, sizeof(one)) < 0)
			break;
		break;
	case VIRTIO_MMIO_STATUS:
		set_status(v, value);
		break;
	default:
		write_queue(v, offset, value);
		break;
	}
}

static void access_config(struct virtio *v, const struct bus_access *access)
{
	uint64_t at = access->offset - VIRTIO_MMIO_CONFIG;

	if (access->write)
		return;
	memset(access->data, 0, access->size);
	if (at < v->config_size && access->size <= v->config_size - at)
		memcpy(access->data, v->config + at, access->size);
}

void virtio_access(void *device, const struct bus_access *access)
{
	struct virtio *v = device;
	uint32_t value = 0;

	if (access->offset >= VIRTIO_MMIO_CONFIG) {
		access_config(v, access);
		return;
	}
	if (access->size != 4 || access->offset % 4) {
		if (!access->write)
			memset(access->data, 0, access->size);
		return;
	}
	if (access->write)
		memcpy(&value, access->data, 4);
	if (!access->write && access->offset == VIRTIO_MMIO_INTERRUPT_STATUS) {
		value = atomic_load(&v->interrupt);
	} else if (access->write && access->offset == VIRTIO_MMIO_INTERRUPT_ACK) {
		atomic_fetch_and(&v->interrupt, ~value);
	} else {
		pthread_mutex_lock(&v->lock);
		if (access->write)
			write_register(v, access->offset, value);
		else
			value = read_register(v, access->offset);
		pthread_mutex_unlock(&v->lock);
	}
	if (!access->write)
		memcpy(access->data, &value, 4);
}

int virtio_create(struct virtio *v, struct vm *vm, const struct virtio_kind *kind, void *device,
		  uint64_t features)
{
	unsigned int slot = vm->n_virtio;

	v->kind = kind;
	v->device = device;
	v->vm = vm;
	v->queue.vm = vm;
	v->features = kind->features | features | UINT64_C(1) << VIRTIO_F_VERSION_1;
	pthread_mutex_init(&v->lock, NULL);
	reset(v);
	if (slot == LAYOUT_VIRTIO_MAX ||
	    !bus_add(&vm->mmio, layout_virtio(slot), LAYOUT_MMIO_SIZE, virtio_access, v))
		return vm_fail(vm, "%s doesn't fit on the bus", kind->name);
	v->irq_fd = vm_irq(vm, layout_virtio_irq(slot));
	v->bell_fd = vm_doorbell(vm, layout_virtio(slot) + VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	if (v->irq_fd < 0 || v->bell_fd < 0)
		return -1;
	vm->n_virtio++;
	return 0;
}
