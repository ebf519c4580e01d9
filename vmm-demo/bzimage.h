/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bzimage.h - the setup header of a Linux kernel image, checked
 *
 * Pure: bytes in, numbers out.  Nothing in the image is believed before it has been compared with
 * the file's size; whether it fits into a guest's memory is linux.c's question.
 */
#ifndef RONDO_VMM_BZIMAGE_H
#define RONDO_VMM_BZIMAGE_H

#include <asm/bootparam.h>
#include <stddef.h>
#include <stdint.h>

/* Of the file's beginning, bzimage_parse() wants as much as there is up to so many bytes. */
#define BZIMAGE_HEAD 1024

struct bzimage {
	struct setup_header header; /* as it is in the file, zeros behind its end */
	uint64_t payload_offset;    /* in the file: the protected-mode kernel */
	uint64_t payload_size;
	uint64_t address;    /* where the payload wants to be */
	uint64_t needs;      /* bytes from there that it uses before it knows of its memory */
	uint64_t entry;      /* of 64-bit code, from the payload's beginning */
	uint64_t initrd_end; /* the initrd lies below this address */
	size_t cmdline_max;  /* bytes without the terminating zero */
};

/*
 * head: the first head_size bytes of a file of file_size.  0, or -1 and a sentence without a full
 * stop in error.
 */
int bzimage_parse(struct bzimage *image, const uint8_t *head, size_t head_size, uint64_t file_size,
		  char *error, size_t error_size);

#endif
