// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * proc.c - what /proc says of a process
 */
#include "proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS_PER_S      UINT64_C(1000000000)
#define FIRST_PID_INO 0xeffffffcu /* of the initial pid namespace, on every Linux */

static const char *proc_root = "/proc";

void proc_set_root(const char *root)
{
	proc_root = root;
}

bool proc_is_foreign(void)
{
	struct stat st;

	return !strcmp(proc_root, "/proc") && !stat("/proc/self/ns/pid", &st) &&
	       st.st_ino != FIRST_PID_INO;
}

static size_t read_file(uint32_t tgid, const char *file, char *buffer, size_t size)
{
	char path[512];
	size_t n = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/%u/%s", proc_root, tgid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (n < size && (got = read(fd, buffer + n, size - n)) > 0)
		n += (size_t)got;
	close(fd);
	return n;
}

uint64_t proc_parse_start(const char *stat)
{
	/* The name in field 2 may hold anything, ')' and blanks included: the last ')' ends it. */
	const char *p = strrchr(stat, ')');
	int field;

	if (!p)
		return 0;
	for (field = 2; field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (!p)
			return 0;
	}
	return strtoull(p + 1, NULL, 10);
}

bool proc_is(uint32_t tgid, uint64_t start)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	char stat[1024];
	size_t n = read_file(tgid, "stat", stat, sizeof(stat) - 1);

	if (!n || !hz)
		return false;
	stat[n] = '\0';
	return proc_parse_start(stat) == start / (NS_PER_S / hz);
}

size_t proc_cmdline(uint32_t tgid, char *buffer, size_t size)
{
	return read_file(tgid, "cmdline", buffer, size);
}

void proc_comm(uint32_t tgid, char comm[16])
{
	size_t n = read_file(tgid, "comm", comm, 15);

	if (n && comm[n - 1] == '\n')
		n--;
	comm[n] = '\0';
}

void proc_exe(uint32_t tgid, char *path, size_t size)
{
	char link[512];
	ssize_t n;

	snprintf(link, sizeof(link), "%s/%u/exe", proc_root, tgid);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
}

void proc_cgroups(uint32_t tgid, struct cgroups *cgroups)
{
	char text[8192];
	size_t n = read_file(tgid, "cgroup", text, sizeof(text) - 1);

	text[n] = '\0';
	cgroup_parse(text, cgroups);
}
