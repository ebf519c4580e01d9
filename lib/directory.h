/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* directory.h - what entry.c, index.c and directory.c share */
#ifndef RONDO_DIRECTORY_H
#define RONDO_DIRECTORY_H

#include "internal.h"

/* entry.c */
bool entry_whole(const void *bytes, size_t size);
int entry_check(const struct schema *schema, uint32_t slot, uint64_t *state,
		struct disk_entry *head);
void entry_write(struct schema *schema, uint32_t slot, const struct rondo_series_def *def,
		 const char *key, size_t key_len);
void entry_discard(struct schema *schema, uint32_t slot);

/* index.c */
int index_reserve(struct rondo_store *store);
void index_add(struct schema *schema, uint32_t slot);
void index_remove(struct schema *schema, uint32_t slot);
bool index_find(struct rondo_store *store, const char *key, size_t len, struct schema **schema,
		uint32_t *slot);

#endif /* RONDO_DIRECTORY_H */
