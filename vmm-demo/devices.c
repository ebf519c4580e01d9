// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * devices.c - what a Linux guest's machine has besides CPUs and memory, put together
 */
#include "devices.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "layout.h"

/* The main loop looks at power.end after each event. */
static void on_told(void *context)
{
	struct devices *d = context;
	uint64_t count;

	if (read(d->told_fd, &count, sizeof(count)) < 0)
		return;
}

static int create_serial(struct devices *d, struct vm *vm, struct events *events)
{
	int irq = vm_irq(vm, LAYOUT_SERIAL_IRQ);
	int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (irq < 0)
		return -1;
	serial_init(&d->serial, irq, wake);
	if (!bus_add(&vm->ports, LAYOUT_SERIAL_PORT, SERIAL_PORTS, serial_access, &d->serial))
		return vm_fail(vm, "the serial port doesn't fit on the bus");
	if (wake < 0 || console_open(&d->console, &d->serial, events, wake))
		return vm_fail(vm, "the console: %s", strerror(errno));
	return 0;
}

int devices_create(struct devices *d, struct vm *vm, struct events *events,
		   const struct vmm_options *o)
{
	d->blk.fd = d->serial.wake_fd = -1;
	d->told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->told_fd < 0 || events_add(events, d->told_fd, POLLIN, on_told, d))
		return vm_fail(vm, "eventfd: %s", strerror(errno));
	if (power_init(&d->power, vm, d->told_fd))
		return -1;
	d->made = true;
	d->io.sandbox = !o->no_sandbox;
	d->has_blk = o->disk;
	if (o->disk &&
	    (virtio_blk_create(&d->blk, vm, o->disk) || io_thread_add(&d->io, &d->blk.virtio)))
		return -1;
	if (virtio_rng_create(&d->rng, vm) || io_thread_add(&d->io, &d->rng))
		return -1;
	return create_serial(d, vm, events);
}

int devices_start(struct devices *d, struct vm *vm)
{
	if (d->io.n && io_thread_start(&d->io))
		return vm_fail(vm, "the I/O thread: %s", strerror(errno));
	return 0;
}

void devices_reset(struct devices *d)
{
	if (!d->made)
		return;
	if (d->has_blk)
		virtio_reset(&d->blk.virtio);
	virtio_reset(&d->rng);
	serial_reset(&d->serial);
	power_reset(&d->power);
}

void devices_stop(struct devices *d)
{
	io_thread_stop(&d->io);
	console_flush(&d->console);
	console_restore();
}

void devices_destroy(struct devices *d)
{
	console_restore();
	if (!d->made)
		return;
	io_thread_stop(&d->io);
	virtio_blk_destroy(&d->blk);
	close(d->told_fd);
	if (d->serial.wake_fd >= 0)
		close(d->serial.wake_fd);
}
