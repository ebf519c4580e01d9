// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * crc32c.c - CRC-32C: polynomial 0x1EDC6F41, reflected, initial value and final xor all ones
 *            (RFC 3720 B.4)
 *
 * By the processor's instruction where it has one, else four bits at a time.
 */
#include <string.h>

#include "internal.h"

/* Entry i is the remainder of the nibble i under the reflected polynomial 0x82f63b78. */
static const uint32_t nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t crc_plain(uint32_t crc, const unsigned char *p, size_t len)
{
	while (len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ nibbles[crc & 15];
		crc = crc >> 4 ^ nibbles[crc & 15];
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_fast(uint32_t crc, const unsigned char *p,
							   size_t len)
{
	uint64_t c = crc, word;

	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	for (crc = (uint32_t)c; len; len--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}

static bool have_fast(void)
{
	return __builtin_cpu_supports("sse4.2");
}
#else
#define crc_fast crc_plain
static bool have_fast(void)
{
	return false;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t len)
{
	return ~(have_fast() ? crc_fast : crc_plain)(~crc, data, len);
}
