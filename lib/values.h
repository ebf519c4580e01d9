/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* values.h - see values.c */
#ifndef RONDO_VALUES_H
#define RONDO_VALUES_H

#include "ring.h"

size_t values_read(const struct ring *ring, uint64_t *first, uint64_t end,
		   struct rondo_point *points, size_t cap);

#endif /* RONDO_VALUES_H */
