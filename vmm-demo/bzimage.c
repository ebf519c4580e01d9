// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bzimage.c - the setup header of a Linux kernel image, checked
 *
 * The format: Documentation/arch/x86/boot.rst of the kernel.  What is asked for here is protocol
 * 2.12 (Linux 3.8): a relocatable kernel with a 64-bit entry point, which says how much memory it
 * takes.
 */
#include "bzimage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HEADER_AT     0x1f1 /* struct setup_header, in the file and in struct boot_params */
#define HEADER_LENGTH 0x201 /* this byte and 0x202 are where the header ends */
#define SECTOR        512
#define PROTOCOL      0x20c
#define ENTRY_64      0x200
#define ALIGN_MAX     (UINT64_C(1) << 30)

static int refuse(char *error, size_t size, const char *why)
{
	snprintf(error, size, "%s", why);
	return -1;
}

static int copy_header(struct bzimage *image, const uint8_t *head, size_t head_size, char *error,
		       size_t error_size)
{
	size_t end;

	if (head_size < HEADER_AT + offsetof(struct setup_header, realmode_swtch))
		return refuse(error, error_size, "too short to be a kernel image");
	end = (size_t)0x202 + head[HEADER_LENGTH];
	if (memcmp(head + 0x1fe, "\x55\xaa", 2) || memcmp(head + 0x202, "HdrS", 4))
		return refuse(error, error_size, "not a Linux kernel image (bzImage)");
	if (end > head_size)
		return refuse(error, error_size, "ends within its setup header");
	if (end > HEADER_AT + sizeof(image->header))
		end = HEADER_AT + sizeof(image->header);
	memcpy(&image->header, head + HEADER_AT, end - HEADER_AT);
	return 0;
}

static bool power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

int bzimage_parse(struct bzimage *image, const uint8_t *head, size_t head_size, uint64_t file_size,
		  char *error, size_t error_size)
{
	const struct setup_header *h = &image->header;
	unsigned int sectors;

	memset(image, 0, sizeof(*image));
	if (copy_header(image, head, head_size, error, error_size))
		return -1;
	if (h->version < PROTOCOL)
		return refuse(error, error_size, "older than boot protocol 2.12 (Linux 3.8)");
	if (!(h->loadflags & LOADED_HIGH))
		return refuse(error, error_size,
			      "a zImage, which is loaded low: a bzImage is wanted");
	if (!(h->xloadflags & XLF_KERNEL_64))
		return refuse(error, error_size,
			      "has no 64-bit entry point: a 64-bit kernel is wanted");
	if (!h->relocatable_kernel || !power_of_two(h->kernel_alignment) ||
	    h->kernel_alignment > ALIGN_MAX)
		return refuse(error, error_size, "has no alignment that it can be loaded at");
	sectors = h->setup_sects ? h->setup_sects : 4;
	image->payload_offset = (uint64_t)(sectors + 1) * SECTOR;
	image->payload_size = (uint64_t)h->syssize * 16;
	if (image->payload_offset >= file_size ||
	    image->payload_size > file_size - image->payload_offset)
		return refuse(error, error_size, "is shorter than its header says");
	if (image->payload_size <= ENTRY_64)
		return refuse(error, error_size, "has no kernel behind its setup code");
	image->address = h->pref_address;
	if (image->address & (h->kernel_alignment - 1))
		return refuse(error, error_size, "wants an address that its own alignment forbids");
	image->needs = h->init_size > image->payload_size ? h->init_size : image->payload_size;
	image->entry = ENTRY_64;
	image->initrd_end = (uint64_t)h->initrd_addr_max + 1;
	image->cmdline_max = h->cmdline_size;
	return 0;
}
