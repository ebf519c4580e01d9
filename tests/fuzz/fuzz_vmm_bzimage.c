// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_vmm_bzimage - any bytes as a kernel image: what is accepted lies within the file
 *
 * The first four bytes are how much longer the file is than what is there of it.
 */
#include "bzimage.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t more = take_number(&in, 4), file_size = in.size + more;
	size_t n = in.size < BZIMAGE_HEAD ? in.size : BZIMAGE_HEAD;
	uint8_t *head = malloc(n + !n); /* of its exact size: a read beyond it is seen */
	struct bzimage image;
	char error[128] = "";

	must(head);
	take(&in, head, n);
	if (bzimage_parse(&image, head, n, file_size, error, sizeof(error))) {
		must(*error);
	} else {
		must(image.payload_offset < file_size);
		must(image.payload_size <= file_size - image.payload_offset);
		must(image.entry < image.payload_size && image.payload_size <= image.needs);
		must(image.needs <= UINT64_C(1) << 36 && image.initrd_end <= UINT64_C(1) << 32);
	}
	free(head);
	return 0;
}
