// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * virtio_rng.c - a virtio device that gives the guest random bytes, the host kernel's
 */
#include "virtio_rng.h"

#include <linux/virtio_ids.h>
#include <sys/random.h>

/* At most so many per request, so that one doesn't take the I/O thread for long. */
#define BYTES_MAX 65536u

static uint32_t fill(const struct virtqueue_chain *chain)
{
	uint32_t done = 0;
	unsigned int i;

	for (i = 0; i < chain->n_writable && done < BYTES_MAX; i++) {
		size_t n = chain->writable[i].iov_len;
		ssize_t got;

		if (n > BYTES_MAX - done)
			n = BYTES_MAX - done;
		got = getrandom(chain->writable[i].iov_base, n, 0);
		if (got < 0)
			break;
		done += (uint32_t)got;
		if ((size_t)got < n)
			break;
	}
	return done;
}

static void serve(struct virtio *v)
{
	while (virtqueue_take(&v->queue, &v->chain))
		virtio_give(v, fill(&v->chain));
}

static const struct virtio_kind kind = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_RNG,
	.serve = serve,
};

int virtio_rng_create(struct virtio *rng, struct vm *vm)
{
	return virtio_create(rng, vm, &kind, NULL, 0);
}
