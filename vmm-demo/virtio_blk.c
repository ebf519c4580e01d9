// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * virtio_blk.c - a virtio disk on a raw image file
 *
 * "Virtual I/O Device (VIRTIO) Version 1.2", 5.2.  A request is a header to read, data to read or to
 * write, and a status byte to write, split over descriptors as the driver likes.
 */
#include "virtio_blk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include <unistd.h>
#include "clock.h"

#define SECTOR UINT64_C(512)

/* What is left of a list of buffers. */
struct span {
	struct iovec *first;
	unsigned int n;
	uint64_t size;
};

/* Drops that many bytes from the front; there are as many. */
static void drop(struct span *s, uint64_t n)
{
	s->size -= n;
	while (n && n >= s->first->iov_len) {
		n -= s->first->iov_len;
		s->first++;
		s->n--;
	}
	if (n) {
		s->first->iov_base = (uint8_t *)s->first->iov_base + n;
		s->first->iov_len -= n;
	}
}

/* Copies from the front, and drops it. */
static void copy_out(struct span *s, void *to, size_t n)
{
	uint8_t *at = to;

	while (n) {
		size_t part = s->first->iov_len < n ? s->first->iov_len : n;

		memcpy(at, s->first->iov_base, part);
		drop(s, part);
		at += part;
		n -= part;
	}
}

static void copy_in(struct span *s, const void *from, size_t n)
{
	const uint8_t *at = from;

	while (n) {
		size_t part = s->first->iov_len < n ? s->first->iov_len : n;

		memcpy(s->first->iov_base, at, part);
		drop(s, part);
		at += part;
		n -= part;
	}
}

/* Cuts the last byte off: the status. */
static uint8_t *cut_status(struct span *s)
{
	struct iovec *last = &s->first[s->n - 1];
	uint8_t *status = (uint8_t *)last->iov_base + last->iov_len - 1;

	s->size--;
	if (!--last->iov_len)
		s->n--;
	return status;
}

/* All of the buffers to or from the image; false if it can't be done. */
static bool move(const struct virtio_blk *b, struct span *s, uint64_t sector, bool write)
{
	uint64_t offset;

	if (s->size % SECTOR || sector > b->size / SECTOR || s->size > b->size - sector * SECTOR ||
	    (write && b->read_only))
		return false;
	offset = sector * SECTOR;
	while (s->size) {
		ssize_t n = write ? pwritev(b->fd, s->first, (int)s->n, (off_t)offset)
				  : preadv(b->fd, s->first, (int)s->n, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		drop(s, (uint64_t)n);
		offset += (uint64_t)n;
	}
	return true;
}

static uint8_t get_id(struct span *in)
{
	static const char id[VIRTIO_BLK_ID_BYTES] = "rondo-vmm";

	if (in->size < sizeof(id))
		return VIRTIO_BLK_S_IOERR;
	copy_in(in, id, sizeof(id));
	return VIRTIO_BLK_S_OK;
}

/* Does it; which operation it was, and the status. */
static enum blk_op execute(const struct virtio_blk *b, const struct virtio_blk_outhdr *header,
			   struct span *out, struct span *in, uint8_t *status)
{
	bool done;

	switch (header->type) {
	case VIRTIO_BLK_T_IN:
		done = move(b, in, header->sector, false);
		*status = done ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
		return BLK_OP_READ;
	case VIRTIO_BLK_T_OUT:
		done = move(b, out, header->sector, true);
		*status = done ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
		return BLK_OP_WRITE;
	case VIRTIO_BLK_T_FLUSH:
		*status = fdatasync(b->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
		return BLK_OP_FLUSH;
	case VIRTIO_BLK_T_GET_ID:
		*status = get_id(in);
		return BLK_OP_OTHER;
	default:
		*status = VIRTIO_BLK_S_UNSUPP;
		return BLK_OP_OTHER;
	}
}

static void serve(struct virtio *v)
{
	struct virtio_blk *b = v->device;
	struct virtqueue_chain *c = &v->chain;

	while (virtqueue_take(&v->queue, c)) {
		struct span out = { c->readable, c->n_readable, c->readable_size };
		struct span in = { c->writable, c->n_writable, c->writable_size };
		uint64_t begin = clock_monotonic(), room, bytes;
		struct virtio_blk_outhdr header;
		uint8_t *to, status;
		enum blk_op op;

		blk_stats_start(&b->stats);
		if (out.size < sizeof(header) || !in.size) {
			virtqueue_break(&v->queue, "a request has no header, or no status byte");
			blk_stats_finish(&b->stats, BLK_OP_OTHER, 0, clock_monotonic() - begin);
			return;
		}
		copy_out(&out, &header, sizeof(header));
		to = cut_status(&in);
		room = in.size;
		bytes = header.type == VIRTIO_BLK_T_OUT ? out.size : in.size;
		op = execute(b, &header, &out, &in, &status);
		*to = status;
		virtio_give(v, (uint32_t)(room - in.size) + 1);
		blk_stats_finish(&b->stats, op, status == VIRTIO_BLK_S_OK ? bytes : 0,
				 clock_monotonic() - begin);
	}
}

static const struct virtio_kind kind = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	.features = UINT64_C(1) << VIRTIO_BLK_F_FLUSH | UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX,
	.serve = serve,
};

static int open_image(struct virtio_blk *b, struct vm *vm, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	off_t size;

	b->fd = open(path, O_RDWR | O_CLOEXEC);
	if (b->fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) {
		b->fd = open(path, O_RDONLY | O_CLOEXEC);
		b->read_only = true;
		lock.l_type = F_RDLCK;
	}
	if (b->fd < 0)
		return vm_fail(vm, "--disk %s: %s", path, strerror(errno));
	size = lseek(b->fd, 0, SEEK_END);
	if (size < 0)
		return vm_fail(vm, "--disk %s: %s", path, strerror(errno));
	if (!size || (uint64_t)size % SECTOR)
		return vm_fail(vm, "--disk %s: %lld bytes, not a number of sectors of 512", path,
			       (long long)size);
	b->size = (uint64_t)size;
	if (fcntl(b->fd, F_OFD_SETLK, &lock))
		return vm_fail(vm, "--disk %s: in use by another VM", path);
	return 0;
}

int virtio_blk_create(struct virtio_blk *b, struct vm *vm, const char *path)
{
	struct virtio_blk_config config = { 0 };

	if (open_image(b, vm, path))
		return -1;
	config.capacity = b->size / SECTOR;
	config.seg_max = VIRTQUEUE_SIZE_MAX - 2; /* the header, the status */
	b->virtio.config_size = offsetof(struct virtio_blk_config, geometry);
	memcpy(b->virtio.config, &config, b->virtio.config_size);
	return virtio_create(&b->virtio, vm, &kind, b,
			     b->read_only ? UINT64_C(1) << VIRTIO_BLK_F_RO : 0);
}

void virtio_blk_destroy(struct virtio_blk *b)
{
	if (b->fd >= 0)
		close(b->fd);
}
