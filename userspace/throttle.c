// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * throttle.c - throttled time of cgroups
 */
#include "throttle.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

/* Where the hierarchies are mounted; "" where they are not. */
static struct {
	bool known;
	char v1[256], v2[256];
} mounts;

/* A line of mountinfo: ... mount point (field 5) ... - type source options. */
static void find_mount(char *line)
{
	char *type = strstr(line, " - "), *at = line, *options, *rest = NULL;
	int i;

	for (i = 0; i < 4 && at; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	if (!type || !at || !strchr(at, ' '))
		return;
	*strchr(at, ' ') = '\0';
	type += 3;
	if (!strncmp(type, "cgroup2 ", 8) && !*mounts.v2) {
		snprintf(mounts.v2, sizeof(mounts.v2), "%s", at);
	} else if (!strncmp(type, "cgroup ", 7) && !*mounts.v1) {
		options = strrchr(type, ' ');
		for (options = options ? strtok_r(options, " ,\n", &rest) : NULL; options;
		     options = strtok_r(NULL, " ,\n", &rest))
			if (!strcmp(options, "cpu"))
				snprintf(mounts.v1, sizeof(mounts.v1), "%s", at);
	}
}

static void find_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	mounts.known = true;
	while (f && fgets(line, sizeof(line), f))
		find_mount(line);
	if (f)
		fclose(f);
}

uint64_t throttle_parse(const char *text, bool v2)
{
	const char *key = v2 ? "throttled_usec " : "throttled_time ", *at = text;

	while (at && strncmp(at, key, strlen(key)) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at + strlen(key), NULL, 10) * (v2 ? 1000 : 1) : 0;
}

static uint64_t read_one(int fd, bool v2)
{
	char text[1024];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	if (got <= 0)
		return 0;
	text[got] = '\0';
	return throttle_parse(text, v2);
}

/* cpu.stat of a cgroup and those above it, but for the root: that has no quota. */
static void open_levels(struct throttle *t, const char *mount)
{
	char path[sizeof(t->path)], file[sizeof(t->path) + 300];
	int fd;

	snprintf(path, sizeof(path), "%s", t->path);
	while (*path && strcmp(path, "/") != 0 && t->n < THROTTLE_LEVELS) {
		snprintf(file, sizeof(file), "%s%s/cpu.stat", mount, path);
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			t->fd[t->n] = fd;
			t->last[t->n++] = read_one(fd, t->v2);
		}
		*strrchr(path, '/') = '\0';
	}
}

bool throttle_begin(struct throttle *t, uint32_t tid)
{
	struct cgroups cgroups;

	if (!mounts.known)
		find_mounts();
	t->n = 0;
	proc_cgroups(tid, &cgroups);
	/* The cpu controller is in one hierarchy alone: v1, where it is mounted there. */
	t->v2 = !*mounts.v1;
	snprintf(t->path, sizeof(t->path), "%s", t->v2 ? cgroups.v2 : cgroups.v1);
	if (*t->path == '/')
		open_levels(t, t->v2 ? mounts.v2 : mounts.v1);
	return t->n > 0;
}

void throttle_end(struct throttle *t)
{
	while (t->n)
		close(t->fd[--t->n]);
}

void throttle_read(struct throttle *t)
{
	uint64_t value;
	int i;

	for (i = 0; i < t->n; i++) {
		value = read_one(t->fd[i], t->v2);
		if (value > t->last[i]) {
			t->total += value - t->last[i];
			t->last[i] = value;
		}
	}
}
