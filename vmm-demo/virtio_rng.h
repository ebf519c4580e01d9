/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * virtio_rng.h - a virtio device that gives the guest random bytes
 */
#ifndef RONDO_VMM_VIRTIO_RNG_H
#define RONDO_VMM_VIRTIO_RNG_H

#include "virtio.h"

/* 0, or -1 and vm->error. */
int virtio_rng_create(struct virtio *rng, struct vm *vm);

#endif
