// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * bench_writeback.c - what the kernel's writeback costs a recorder: the first tick after it, and the pages
 * that the tick dirties
 *
 * After a sync the kernel has made the mapped pages read-only, to learn of the next write to each: that
 * is one page fault per page, which the kernel counts (getrusage, ru_minflt). So the faults of a tick
 * right after a sync are the pages that it dirties. On a filesystem without writeback, tmpfs, there are
 * none, and nothing here is measured. Laps are six ticks, with a sync before each.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* A mapped file of doubles: a row per tick, or a column per series. */
struct mapped {
	size_t n, row_step, column_step, rows;
	unsigned int ticks; /* in a lap */
	size_t row;
	double faults; /* per tick; the least */
	char path[320];
	size_t size;
	volatile double *values;
};

struct store_lap {
	struct bench_store s;
	double faults;
};

static void least(double *faults, double now)
{
	*faults = *faults < 0 || now < *faults ? now : *faults;
}

static void mapped_new(struct mapped *m, const struct bench *bench, const char *name, size_t n,
		       bool by_column)
{
	int fd;

	*m = (struct mapped){ .n = n, .faults = -1 };
	m->rows = by_column ? BENCH_TICKS : 12;
	m->row_step = by_column ? 1 : n;
	m->column_step = by_column ? m->rows : 1;
	m->ticks = by_column && n > 1000 ? 1 : 6; /* the disk has to write a page per series */
	m->size = n * m->rows * sizeof(double);
	snprintf(m->path, sizeof(m->path), "%s/%s", bench->directory, name);
	fd = open(m->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || posix_fallocate(fd, 0, (off_t)m->size))
		bench_die(m->path, 0);
	m->values = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->values == MAP_FAILED)
		bench_die(m->path, 0);
	close(fd);
	for (size_t i = 0; i < m->size / sizeof(double); i++)
		m->values[i] = 0;
}

static void mapped_free(struct mapped *m)
{
	munmap((void *)m->values, m->size);
	unlink(m->path);
}

static double lap_mapped(void *arg)
{
	struct mapped *m = arg;
	double took = 0, faults = 0;

	for (unsigned int tick = 0; tick < m->ticks; tick++) {
		volatile double *row = m->values + m->row * m->row_step;
		uint64_t before;
		double t;

		m->row = (m->row + 1) % m->rows;
		if (msync((void *)m->values, m->size, MS_SYNC))
			bench_die("msync", 0);
		before = bench_faults();
		t = bench_now();
		for (size_t i = 0; i < m->n; i++)
			row[i * m->column_step] = (double)i;
		took += bench_now() - t;
		faults += (double)(bench_faults() - before);
	}
	least(&m->faults, faults / m->ticks);
	return took / ((double)m->ticks * (double)m->n);
}

static double lap_store(void *arg)
{
	struct store_lap *lap = arg;
	double took = 0, faults = 0;

	for (unsigned int tick = 0; tick < 6; tick++) {
		int err = rondo_consolidate(lap->s.store, lap->s.ts, 0);
		uint64_t before;
		double t;

		err = err ? err : rondo_store_sync(lap->s.store);
		if (err)
			bench_die("sync", err);
		before = bench_faults();
		t = bench_now();
		bench_tick(&lap->s);
		took += bench_now() - t;
		faults += (double)(bench_faults() - before);
	}
	least(&lap->faults, faults / 6);
	return took / (6.0 * (double)lap->s.n);
}

static void writeback_of(struct bench *bench, size_t n)
{
	struct store_lap lap = { .faults = -1 };
	struct mapped rows, columns;
	struct contestant race[] = { { lap_mapped, &rows, 0 },
				     { lap_store, &lap, 0 },
				     { lap_mapped, &columns, 0 } };
	bool with_columns = n >= 1000 && n <= 10000;
	char name[80], count[32];
	struct bench_aim aim = { n >= 1000 ? BENCH_AIM_VALUE : BENCH_AIM_NONE, 60 };
	struct bench_aim pages = { n == 10000 ? BENCH_AIM_VALUE : BENCH_AIM_NONE,
				   (double)(n / 60) };

	mapped_new(&rows, bench, "rows", n, false);
	lap_mapped(&rows);
	if (rows.faults == 0) {
		bench_notice("%s has no writeback (tmpfs?): the first tick after it and the pages "
			     "that it dirties are not measured; name a directory on a disk",
			     bench->directory);
		mapped_free(&rows);
		return;
	}
	if (with_columns)
		mapped_new(&columns, bench, "columns", n, true);
	bench_store_new(&lap.s, bench, "writeback", n, RONDO_COUNTER);
	bench_store_fill(&lap.s);
	bench_race(race, with_columns ? 3 : 2, bench->rounds < 3 ? bench->rounds : 3);
	snprintf(name, sizeof(name), "tick of %s series, first after writeback",
		 bench_count(count, n));
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = race[1].best,
					       .unit = "ns/sample",
					       .baseline = "row of a mapped matrix, after msync",
					       .baseline_value = race[0].best,
					       .aim = aim });
	snprintf(name, sizeof(name), "tick of %s series, the same against columns", count);
	if (with_columns)
		bench_line(bench, (struct bench_line){ .name = name,
						       .value = race[1].best,
						       .unit = "ns/sample",
						       .baseline = "a mapped column per series",
						       .baseline_value = race[2].best });
	snprintf(name, sizeof(name), "tick of %s series, pages dirtied", count);
	bench_line(bench, (struct bench_line){ .name = name,
					       .value = lap.faults,
					       .unit = "pages",
					       .baseline = "row of a mapped matrix",
					       .baseline_value = rows.faults,
					       .aim = pages });
	bench_store_free(&lap.s);
	mapped_free(&rows);
	if (with_columns)
		mapped_free(&columns);
}

void bench_writeback(struct bench *bench)
{
	static const size_t sizes[] = { 30, 1000, 10000, 100000 };

	for (size_t i = 0; i < (bench->quick ? 2 : 4); i++)
		writeback_of(bench, sizes[i]);
}
