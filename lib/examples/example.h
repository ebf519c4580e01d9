/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* example.h - what the examples share: the time, and ending with the sentence of an error */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rondo.h>

#define SEC UINT64_C(1000000000)

static inline uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * SEC + (uint64_t)ts.tv_nsec;
}

static inline void check(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, rondo_strerror(err));
	exit(1);
}
