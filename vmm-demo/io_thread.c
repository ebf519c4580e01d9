// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * io_thread.c - the thread that serves the virtio devices' requests
 */
#include "io_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "sandbox.h"

static void *thread_main(void *arg)
{
	struct io_thread *io = arg;
	struct pollfd fds[IO_DEVICES_MAX + 1] = { { .fd = io->stop_fd, .events = POLLIN } };
	unsigned int i;

	pthread_setname_np(pthread_self(), "io");
	if (io->sandbox && sandbox_enter(SANDBOX_IO)) {
		perror("rondo-vmm: seccomp");
		exit(1); /* without it there would be no disk */
	}
	for (i = 0; i < io->n; i++)
		fds[i + 1] = (struct pollfd){ .fd = io->devices[i]->bell_fd, .events = POLLIN };
	while (!fds[0].revents) {
		if (poll(fds, io->n + 1, -1) < 0)
			continue;
		for (i = 0; i < io->n; i++)
			if (fds[i + 1].revents)
				virtio_serve(io->devices[i]);
	}
	return NULL;
}

int io_thread_add(struct io_thread *io, struct virtio *device)
{
	if (io->n == IO_DEVICES_MAX)
		return -1;
	io->devices[io->n++] = device;
	return 0;
}

int io_thread_start(struct io_thread *io)
{
	io->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (io->stop_fd < 0)
		return -1;
	errno = pthread_create(&io->thread, NULL, thread_main, io);
	io->started = !errno;
	if (!io->started)
		close(io->stop_fd);
	return io->started ? 0 : -1;
}

void io_thread_stop(struct io_thread *io)
{
	const uint64_t one = 1;

	if (!io->started)
		return;
	/* An eventfd takes this write. */
	if (write(io->stop_fd, &one, sizeof(one)) < 0)
		return;
	pthread_join(io->thread, NULL);
	close(io->stop_fd);
	io->started = false;
}
