/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* create.h - see create.c */
#ifndef RONDO_CREATE_H
#define RONDO_CREATE_H

#include "internal.h"

int schemas_encode(const struct rondo_open_opts *opts, uint32_t entry_size,
		   struct disk_schema **disk, uint64_t *n_series);
int store_files_create(struct rondo_store *store, const struct rondo_open_opts *opts);
void store_files_remove(struct rondo_store *store, const struct rondo_open_opts *opts);

#endif /* RONDO_CREATE_H */
