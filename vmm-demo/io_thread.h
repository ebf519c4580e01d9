/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_thread.h - the thread that serves the virtio devices' requests
 */
#ifndef RONDO_VMM_IO_THREAD_H
#define RONDO_VMM_IO_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include "virtio.h"

#define IO_DEVICES_MAX 4

struct io_thread {
	struct virtio *devices[IO_DEVICES_MAX];
	unsigned int n;
	int stop_fd;  /* eventfd */
	bool sandbox; /* the thread gives up its rights */
	bool started;
	pthread_t thread;
};

/* Before it starts: a device to serve.  0, or -1. */
int io_thread_add(struct io_thread *io, struct virtio *device);

/* 0, or -1 and errno. */
int io_thread_start(struct io_thread *io);

/* Ends after the request that it is at; what is still in the queues stays there. */
void io_thread_stop(struct io_thread *io);

#endif
