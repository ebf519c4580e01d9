/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* superblock.h - see superblock.c */
#ifndef RONDO_SUPERBLOCK_H
#define RONDO_SUPERBLOCK_H

#include "internal.h"

int superblock_check(const struct disk_superblock *sb, char *detail, size_t size);
int superblock_read(int fd, struct disk_superblock *sb, char *detail, size_t size);
int superblock_write(int fd, struct disk_superblock *sb);

#endif /* RONDO_SUPERBLOCK_H */
