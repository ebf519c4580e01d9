// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * schedstat.c - what the kernel's scheduler says of one thread of this process
 */
#include "schedstat.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int schedstat_open(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/schedstat", (int)tid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

bool schedstat_read(int fd, struct schedstat *out)
{
	char text[96];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%" SCNu64 " %" SCNu64, &out->cpu_ns, &out->steal_ns) == 2;
}

static bool asleep(pid_t tid)
{
	char path[64], text[512];
	const char *state;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	/* "tid (name) S ...": the name may hold anything, so from behind */
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

bool schedstat_read_asleep(int fd, pid_t tid, struct schedstat *out)
{
	const struct timespec ms = { 0, 1000000 };
	struct schedstat again;
	int i;

	for (i = 0; i < 1000; i++) {
		if (asleep(tid) && schedstat_read(fd, out) && asleep(tid) &&
		    schedstat_read(fd, &again) && again.cpu_ns == out->cpu_ns &&
		    again.steal_ns == out->steal_ns)
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}
