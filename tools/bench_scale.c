// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_scale.c - a large store at work, one tick a second in real time: what it takes of CPU, memory, disk
 *
 * The ring has been filled and synced before, so what is measured is a store that has run for a while.
 * Its own memory and what it has resident of the mapped files come from /proc/self/smaps_rollup, the
 * pages it dirties from /proc/self/io: the kernel accounts a page to whoever dirties it, once until it
 * has written it back. So the figures need a minute or two, a few rounds of writeback.
 */
#include "bench.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <time.h>

struct usage {
	double cpu_ns;
	double written; /* bytes of pages dirtied, so far */
};

/* A number in a file of "name: number ..." lines; 0 if it is not there. */
static double proc_number(const char *path, const char *name)
{
	size_t len = strlen(name);
	unsigned long long number = 0;
	char line[256];
	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && line[len] == ':')
			sscanf(line + len + 1, "%llu", &number);
	if (f)
		fclose(f);
	return (double)number;
}

static struct usage usage_now(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (struct usage){
		.cpu_ns = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e9 +
			  (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e3,
		.written = proc_number("/proc/self/io", "write_bytes"),
	};
}

static double thread_cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

struct at_work {
	double record_ns, consolidate_ns;           /* of CPU, in all */
	double longest_record, longest_consolidate; /* of the clock */
};

/* One second: a tick, then consolidation. */
static void second(struct bench_store *s, struct at_work *w)
{
	double cpu = thread_cpu_now(), t = bench_now(), took;
	int err;

	bench_tick(s);
	took = bench_now() - t;
	w->longest_record = took > w->longest_record ? took : w->longest_record;
	w->record_ns += thread_cpu_now() - cpu;
	cpu = thread_cpu_now();
	t = bench_now();
	err = rondo_consolidate(s->store, s->ts, 0);
	if (err)
		bench_die("consolidate", err);
	took = bench_now() - t;
	w->longest_consolidate = took > w->longest_consolidate ? took : w->longest_consolidate;
	w->consolidate_ns += thread_cpu_now() - cpu;
}

static void line(struct bench *bench, size_t n, const char *what, double value, const char *unit)
{
	char name[80], count[32];

	snprintf(name, sizeof(name), "%s series at 1 Hz, %s", bench_count(count, n), what);
	bench_line(bench, (struct bench_line){ .name = name, .value = value, .unit = unit });
}

static bool in_memory(const char *directory)
{
	struct statfs fs;

	return !statfs(directory, &fs) && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

static void report(struct bench *bench, size_t n, const struct usage *used, double wall_ns,
		   const struct at_work *w)
{
	double seconds = wall_ns / 1e9, ticks = (double)bench->seconds;
	double rss = proc_number("/proc/self/smaps_rollup", "Rss");
	double anonymous = proc_number("/proc/self/smaps_rollup", "Anonymous");
	char name[80], count[32];

	line(bench, n, "CPU", used->cpu_ns / wall_ns * 100, "% of one");
	line(bench, n, "recording, CPU", w->record_ns / ticks / (double)n, "ns/sample");
	line(bench, n, "consolidation, CPU", w->consolidate_ns / ticks / (double)n, "ns/series");
	line(bench, n, "longest tick", w->longest_record / 1e6, "ms");
	line(bench, n, "longest consolidation", w->longest_consolidate / 1e6, "ms");
	line(bench, n, "memory of its own", anonymous / 1024, "MiB");
	line(bench, n, "files resident", (rss - anonymous) / 1024, "MiB");
	if (in_memory(bench->directory)) {
		bench_notice(
			"%s has no writeback: pages dirtied and bytes to disk are not measured; "
			"name a directory on a disk",
			bench->directory);
		return;
	}
	line(bench, n, "pages dirtied", used->written / 4096 / seconds, "pages/s");
	snprintf(name, sizeof(name), "%s series at 1 Hz, to disk", bench_count(count, n));
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = used->written / 1e6 / seconds,
					       .unit = "MB/s",
					       .baseline = "the values as bare doubles",
					       .baseline_value = (double)n * 8 / 1e6 });
}

void bench_scale(struct bench *bench)
{
	size_t n = bench->quick ? 10000 : 200000; /* of 10,000 vCPUs 20 each */
	struct timespec next;
	struct at_work w = { 0 };
	struct usage before, used;
	struct bench_store s;
	double t;
	int err;

	bench_store_new(&s, bench, "scale", n, RONDO_COUNTER);
	if (!bench->quick)
		bench_store_fill(&s);
	err = rondo_store_sync(s.store);
	if (err)
		bench_die("sync", err);
	second(&s, &w); /* consolidation prepares the next rows */
	w = (struct at_work){ 0 };
	before = usage_now();
	t = bench_now();
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned int i = 0; i < bench->seconds; i++) {
		second(&s, &w);
		next.tv_sec++;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	t = bench_now() - t;
	used = usage_now();
	used.cpu_ns -= before.cpu_ns;
	used.written -= before.written;
	report(bench, n, &used, t, &w);
	bench_store_free(&s);
}
