// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * How other stores of this kind fail, each as a test: stale values of the last lap, averages that
 * consolidation gets wrong, what kill -9 leaves, two writers, late and early samples, damaged files,
 * a counter that overwrites. Each of them has a longer test in the suite of its subject; here they
 * stand in the order and in the form in which people met them.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib_common.h"

static const struct rondo_tier tiers[] = {
	{ .interval_ns = SEC, .retention_ns = 60 * SEC },
	{ .interval_ns = 10 * SEC, .retention_ns = 7200 * SEC, .functions = ALL_FUNCTIONS },
	{ .interval_ns = 60 * SEC, .retention_ns = 7200 * SEC, .functions = ALL_FUNCTIONS },
};

/* A minute's start. */
#define M0 (T0 / (60 * SEC) * (60 * SEC))

static rondo_store *begin(const char *name)
{
	const struct rondo_schema schema = schema_of_tiers("s", tiers, 3, 200);

	return create(in_scratch(name), &schema, 1);
}

/* 1. A series that stopped a lap ago was read with its old values under new timestamps. */
START_TEST(core_1_stale_values_of_the_last_lap)
{
	rondo_store *store = begin("1");
	rondo_series *stops = gauge(store, "stops"), *lives = gauge(store, "lives");
	rondo_id id = rondo_series_id(store, stops);
	struct rondo_point points[200];

	for (uint64_t t = 0; t < 600; t++) {
		if (t < 90)
			ck_ok(rondo_record(stops, M0 + t * SEC, 4711));
		ck_ok(rondo_record(lives, M0 + t * SEC, 1));
		consolidate(store, M0 + t * SEC);
		if (t >= 90)
			ck_assert_uint_eq(read_points(store, id, 0, RONDO_FN_LAST, M0 + 90 * SEC, 0,
						      points, LENGTH(points)),
					  0);
	}
	/* nor did consolidation spread them */
	ck_value(store, id, 1, RONDO_FN_COUNT, M0 + 80 * SEC, 10);
	ck_assert_uint_eq(
		read_points(store, id, 1, RONDO_FN_MAX, M0 + 90 * SEC, 0, points, LENGTH(points)),
		0);
	ck_value(store, id, 2, RONDO_FN_COUNT, M0 + 60 * SEC, 30);
	ck_ok(rondo_store_close(store));
}
END_TEST

/* 2. Consolidating every second made 120 of 120 averages wrong, max lost spikes, count was 1. */
START_TEST(core_2_consolidation_every_second)
{
	rondo_store *store = begin("2");
	rondo_series *g = gauge(store, "g");
	rondo_id id = rondo_series_id(store, g);

	/* of each window another number of ticks is known, so an average of averages is wrong */
	for (uint64_t t = 0; t < 1320; t++) {
		if (t % 10 < 1 + t / 10 % 10)
			ck_ok(rondo_record(g, M0 + t * SEC, t % 10 == 0 ? 1e6 : (double)t));
		consolidate(store, M0 + t * SEC);
	}
	for (uint64_t w = 0; w < 120; w++) {
		double n = (double)(1 + w % 10), sum = 1e6;

		for (uint64_t k = 1; k < 1 + w % 10; k++)
			sum += (double)(10 * w + k);
		ck_value(store, id, 1, RONDO_FN_COUNT, M0 + w * 10 * SEC, n);
		if (n < 5)
			continue; /* xff: more than half is unknown */
		ck_value(store, id, 1, RONDO_FN_SUM, M0 + w * 10 * SEC, sum);
		ck_value(store, id, 1, RONDO_FN_MAX, M0 + w * 10 * SEC, 1e6);
		ck_value(store, id, 1, RONDO_FN_AVG, M0 + w * 10 * SEC, sum / n);
	}
	for (uint64_t w = 0; w < 20; w++) {
		double n = 0, sum = 0;

		for (uint64_t t = w * 60; t < w * 60 + 60; t++) {
			if (t % 10 >= 1 + t / 10 % 10)
				continue;
			sum += t % 10 == 0 ? 1e6 : (double)t;
			n++;
		}
		ck_value(store, id, 2, RONDO_FN_COUNT, M0 + w * 60 * SEC, n);
		if (n >= 30)
			ck_value(store, id, 2, RONDO_FN_AVG, M0 + w * 60 * SEC, sum / n);
	}
	ck_ok(rondo_store_close(store));
}
END_TEST

/* 3. What a child that is killed has said it did. */
struct done {
	uint64_t tick; /* recorded up to this */
	uint64_t registered;
};

static void live(const char *path, struct done *done)
{
	rondo_store *store = reopen(path, 0);
	rondo_series *g = gauge(store, "g"), *s;
	char value[16];

	for (;; done->tick++) {
		uint64_t ts = M0 + (done->tick + 1) * SEC;

		rondo_record(g, ts, (double)(done->tick + 1));
		rondo_consolidate(store, ts, 0);
		if (done->tick % 4 || done->registered == 190)
			continue;
		snprintf(value, sizeof(value), "%d", (int)done->registered);
		if (!register_one(store, "s", "i", value, RONDO_GAUGE, &s))
			done->registered++;
	}
}

/* 3. After kill -9: laps mixed under one timestamp; stores that no longer open; consolidation broken for good. */
START_TEST(core_3_kill_9)
{
	struct done *done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct rondo_point points[200];
	rondo_store *store = begin("3");
	rondo_id id;

	ck_assert((void *)done != MAP_FAILED);
	gauge(store, "g");
	ck_ok(rondo_store_close(store));
	for (int kill_at = 0; kill_at < 60; kill_at++) {
		uint64_t before = done->tick;
		size_t n;
		pid_t pid = fork();

		if (pid == 0)
			live(in_scratch("3"), done);
		while (done->tick < before + 20)
			usleep(100);
		usleep((unsigned int)random_below(2000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		store = reopen(in_scratch("3"), 0);
		ck_assert_uint_ge(matching(store, "s"), done->registered);
		id = id_of_name(store, "g");
		n = read_points(store, id, 0, RONDO_FN_LAST, 0, 0, points, LENGTH(points));
		ck_assert_uint_ge(n, 20);
		for (size_t i = 0; i < n; i++)
			ck_assert(points[i].value == (double)((points[i].ts_ns - M0) / SEC));
		ck_assert_uint_ge((points[n - 1].ts_ns - M0) / SEC, done->tick);
		/*
		 * And consolidation goes on: every window that is over is there, with all its ticks, but
		 * for those that the ring let go of while this process waited for the processor.
		 */
		consolidate(store, M0 + (done->tick + 1) * SEC);
		if (done->tick > before + 7000)
			before = done->tick - 7000;
		for (uint64_t w = before / 10 + 1; w * 10 + 20 < done->tick; w++) {
			ck_value(store, id, 1, RONDO_FN_COUNT, M0 + w * 10 * SEC, 10);
			ck_value(store, id, 1, RONDO_FN_MAX, M0 + w * 10 * SEC,
				 (double)(w * 10 + 9));
		}
		ck_ok(rondo_store_close(store));
	}
	ck_ok(rondo_store_verify(in_scratch("3"), NULL, NULL));
	munmap(done, 4096);
}
END_TEST

/* 4. Two writers were not refused, and both got the same column. */
START_TEST(core_4_two_writers)
{
	rondo_store *store = begin("4"), *second = NULL;
	int status;
	pid_t pid;

	ck_err(open_with(in_scratch("4"), NULL, 0, 0, &second), RONDO_E_LOCKED);
	pid = fork();
	if (pid == 0)
		_exit(open_with(in_scratch("4"), NULL, 0, 0, &second) == RONDO_E_LOCKED ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_ne(gauge(store, "a"), gauge(store, "b"));
	ck_ok(rondo_store_close(store));
	ck_ok(rondo_store_close(reopen(in_scratch("4"), 0)));
}
END_TEST

/* 5. Late samples destroyed live slots of other series; a wrong clock stopped consolidation, silently. */
START_TEST(core_5_late_and_early_samples)
{
	rondo_store *store = begin("5");
	rondo_series *g = gauge(store, "g"), *odd = gauge(store, "odd");
	rondo_id id = rondo_series_id(store, g);

	for (uint64_t t = 0; t < 300; t++) {
		ck_ok(rondo_record(g, M0 + t * SEC, (double)t));
		consolidate(store, M0 + t * SEC);
		/* whatever another series does, of an hour ago, of a year ahead */
		if (t > 60)
			ck_err(rondo_record(odd, M0 + (t - 50) * SEC, 9), RONDO_E_TOO_OLD);
		ck_err(rondo_record(odd, M0 - 3600 * SEC, 9), RONDO_E_TOO_OLD);
		ck_err(rondo_record(odd, M0 + 365 * 86400 * SEC, 9), RONDO_E_FUTURE);
	}
	ck_assert_uint_eq(store_info(store).too_old, 300 + 300 - 61);
	ck_assert_uint_eq(store_info(store).future, 300);
	/* the clock steps back an hour, and consolidation goes on from there */
	for (uint64_t t = 0; t < 100; t++) {
		consolidate(store, M0 - 3600 * SEC + t * SEC);
		ck_ok(rondo_record(g, M0 - 3600 * SEC + t * SEC, 5));
	}
	for (uint64_t w = 0; w < 8; w++)
		ck_value(store, id, 1, RONDO_FN_AVG, M0 - 3600 * SEC + w * 10 * SEC, 5);
	for (uint64_t w = 0; w < 28; w++)
		ck_value(store, id, 1, RONDO_FN_MAX, M0 + w * 10 * SEC, (double)(w * 10 + 9));
	ck_ok(rondo_store_close(store));
}
END_TEST

static void flip(const char *file, off_t at)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	char byte;

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* 6. SIGSEGV on header bytes, SIGBUS on truncation, silence on swapped slabs and flipped bits. */
START_TEST(core_6_damaged_files)
{
	static const char *const slabs[] = { "6/s.t0.slab", "6/s.t1.slab", "6/s.t2.slab" };
	const char *directory = in_scratch("6/store.rondo"), *aside = in_scratch("aside");
	rondo_store *store = begin("6");
	rondo_series *g = gauge(store, "g");
	rondo_id id;

	for (uint64_t t = 0; t < 100; t++) {
		ck_ok(rondo_record(g, M0 + t * SEC, 3));
		consolidate(store, M0 + t * SEC);
	}
	ck_ok(rondo_store_close(store));
	for (size_t i = 0; i < LENGTH(slabs); i++) {
		const char *file = in_scratch(slabs[i]);
		off_t size = (off_t)size_of_file(file);

		for (off_t at = 0; at < 512; at += 7) {
			flip(file, at);
			expect(open_with(in_scratch("6"), NULL, 0, 0, &store) < 0, "%s byte %d",
			       slabs[i], (int)at);
			flip(file, at);
		}
		ck_assert_int_eq(truncate(file, size / 2), 0);
		ck_err(open_with(in_scratch("6"), NULL, 0, 0, &store), RONDO_E_CORRUPT);
		ck_assert_int_eq(rename(file, aside), 0);
		ck_err(open_with(in_scratch("6"), NULL, 0, 0, &store), RONDO_E_CORRUPT);
		ck_assert_int_eq(rename(aside, file), 0);
		ck_assert_int_eq(truncate(file, size), 0);
	}
	/* swapped */
	ck_assert_int_eq(renameat2(AT_FDCWD, in_scratch(slabs[0]), AT_FDCWD, in_scratch(slabs[1]),
				   RENAME_EXCHANGE),
			 0);
	ck_err(open_with(in_scratch("6"), NULL, 0, 0, &store), RONDO_E_CORRUPT);
	ck_assert_int_eq(renameat2(AT_FDCWD, in_scratch(slabs[0]), AT_FDCWD, in_scratch(slabs[1]),
				   RENAME_EXCHANGE),
			 0);
	/* a flipped bit of the directory: the series is not there, rather than another */
	store = reopen(in_scratch("6"), RONDO_OPEN_READ_ONLY);
	ck_ok(find_one(store, "g", NULL, NULL, &id));
	ck_ok(rondo_store_close(store));
	flip(directory, 8192 + 4096 + 40);
	store = reopen(in_scratch("6"), RONDO_OPEN_READ_ONLY);
	ck_err(find_one(store, "g", NULL, NULL, &id), RONDO_E_NOT_FOUND);
	ck_assert_uint_eq(matching(store, NULL), 0);
	ck_ok(rondo_store_close(store));
	ck_err(rondo_store_verify(in_scratch("6"), NULL, NULL), RONDO_E_CORRUPT);
}
END_TEST

/* 7. A counter that was written per exit overwrote its slot with 1. */
START_TEST(core_7_a_counter_adds)
{
	rondo_store *store = begin("7");
	rondo_series *c = counter(store, "exits_total");
	rondo_id id = rondo_series_id(store, c);

	for (uint64_t i = 0; i < 10007; i++)
		ck_ok(rondo_add(c, M0 + i * (SEC / 1000), 1));
	consolidate(store, M0 + 20 * SEC);
	for (uint64_t t = 0; t < 10; t++)
		ck_value(store, id, 0, RONDO_FN_SUM, M0 + t * SEC, 1000);
	ck_value(store, id, 0, RONDO_FN_SUM, M0 + 10 * SEC, 7);
	ck_value(store, id, 1, RONDO_FN_SUM, M0, 10000);
	ck_value(store, id, 0, RONDO_FN_TOTAL, M0 + 10 * SEC, 10007);
	ck_ok(rondo_store_close(store));
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_1_stale_values_of_the_last_lap, 'C' },
		{ core_2_consolidation_every_second, 'C' },
		{ core_3_kill_9, 'C' },
		{ core_4_two_writers, 'C' },
		{ core_5_late_and_early_samples, 'C' },
		{ core_6_damaged_files, 'C' },
		{ core_7_a_counter_adds, 'C' },
	};

	return run_suite("lib_peers", tests, LENGTH(tests));
}
