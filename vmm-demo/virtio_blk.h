/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * virtio_blk.h - a virtio disk on a raw image file
 *
 * Requests are served one after the other, synchronously, on the I/O thread.
 */
#ifndef RONDO_VMM_VIRTIO_BLK_H
#define RONDO_VMM_VIRTIO_BLK_H

#include "blk_stats.h"
#include "virtio.h"

struct virtio_blk {
	struct virtio virtio;
	int fd;
	uint64_t size; /* bytes, a multiple of 512 */
	bool read_only;
	struct blk_stats stats;
};

/*
 * Opens the image; read-only if it may only be read.  No two VMs get to write the same one.
 * 0, or -1 and vm->error.
 */
int virtio_blk_create(struct virtio_blk *blk, struct vm *vm, const char *path);
void virtio_blk_destroy(struct virtio_blk *blk);

#endif
