// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo/recorder.c: what the vCPU threads and the tick record is in the store, to the unit, and
 * a store that can't be used is only a warning. Read back through rondo.h.
 */
#include <check.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "fatal.h"
#include "recorder.h"

#define VCPUS_MAX 16

static char directory[64], path[96];

/* What a VM counts, and the table and recorder that tell of it. */
static uint64_t exits[VCPUS_MAX][EXIT_SLOTS], run_ns[VCPUS_MAX];
static struct durations durations[VCPUS_MAX], disk;
static struct metrics metrics;
static struct metric *steal[VCPUS_MAX];
static struct recorder recorder;
static struct recorder_vcpu vcpus[VCPUS_MAX];

static void set_up(void)
{
	strcpy(directory, "/tmp/vmm_recorder.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/store", directory);
}

static void tear_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	ck_assert_int_eq(system(command), 0);
}

static struct metric *hot(struct metric *m)
{
	ck_assert_ptr_nonnull(m);
	m->hot = true;
	return m;
}

/* Three exit reasons are expected, two are rare. */
static void begin(const char *store, const char *name, unsigned int n)
{
	static const struct {
		unsigned int slot;
		bool rare;
	} reasons[] = { { KVM_EXIT_IO, false },
			{ KVM_EXIT_HLT, false },
			{ KVM_EXIT_INTR, false },
			{ KVM_EXIT_SHUTDOWN, true },
			{ 15, true } };
	unsigned int i, k;
	char text[EXIT_NAME_MAX];

	memset(exits, 0, sizeof(exits));
	memset(durations, 0, sizeof(durations));
	memset(vcpus, 0, sizeof(vcpus));
	ck_assert_int_eq(metrics_init(&metrics, name, VCPUS_MAX * 9), 0);
	for (i = 0; i < n; i++) {
		for (k = 0; k < 5; k++) {
			struct metric *m = hot(metrics_add(&metrics, RONDO_COUNTER,
							   "vcpu_exits_total", "", "", (int)i));

			metric_label(m, "reason", exit_name(reasons[k].slot, text));
			m->rare = reasons[k].rare;
			m->counter = &exits[i][reasons[k].slot];
			vcpus[i].exits[reasons[k].slot] = m;
		}
		vcpus[i].run = hot(metrics_add(&metrics, RONDO_COUNTER, "vcpu_run_duration_ns",
					       "ns", "", (int)i));
		vcpus[i].run->counter = &run_ns[i];
		vcpus[i].handling = hot(metrics_add(&metrics, RONDO_HISTOGRAM,
						    "vcpu_exit_duration_ns", "ns", "", (int)i));
		vcpus[i].handling->durations = &durations[i];
		vcpus[i].utc_offset = &recorder.utc_offset;
		steal[i] = metrics_add(&metrics, RONDO_COUNTER, "vcpu_steal_ns", "ns", "", (int)i);
	}
	recorder_open(&recorder, store, &metrics);
}

static void end(void)
{
	recorder_close(&recorder);
	metrics_free(&metrics);
}

static void left(unsigned int vcpu, uint64_t monotonic, unsigned int slot, uint64_t run,
		 uint64_t handling)
{
	counter_add(&exits[vcpu][slot], 1);
	recorder_exit(&vcpus[vcpu], monotonic, slot, run, handling);
}

/*
 * The sum of a series' ticks in the store, of a histogram sum + 1e9 * count; -1 if there is no such
 * series.
 */
static double stored(const char *name, const char *vcpu, const char *reason)
{
	struct rondo_label labels[] = { { "instance", "vm" },
					{ "vcpu", vcpu },
					{ "reason", reason } };
	struct rondo_series_def def = {
		.size = sizeof(def), .name = name, .labels = labels, .n_labels = reason ? 3 : 2
	};
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	struct rondo_range range = { .size = sizeof(range), .function = RONDO_FN_SUM };
	struct rondo_point points[700];
	struct rondo_histogram histograms[700];
	rondo_store *store;
	rondo_id id;
	double sum = -1;
	size_t n, i;

	ck_assert_int_eq(rondo_store_open(path, &opts, &store), RONDO_OK);
	if (rondo_series_find(store, &def, &id) == RONDO_OK) {
		int rc = rondo_read(store, id, &range, points, 700, &n);

		if (rc == RONDO_E_KIND) {
			rc = rondo_read_histogram(store, id, &range, histograms, 700, &n);
			for (i = 0; i < n; i++)
				points[i].value = histograms[i].sum + histograms[i].count * 1e9;
		}
		ck_assert_int_eq(rc, RONDO_OK);
		for (sum = 0, i = 0; i < n; i++)
			sum += points[i].value;
	}
	rondo_store_close(store);
	return sum;
}

START_TEST(core_sums)
{
	int i;

	begin(path, "vm", 2);
	recorder_tick(&recorder); /* nothing was sampled yet */
	metric_sample(steal[0], 700);
	metric_sample(steal[1], 0);
	recorder_tick(&recorder);
	for (i = 0; i < 4999; i++)
		left(1, clock_monotonic(), KVM_EXIT_IO, 1009, 13);
	left(0, clock_monotonic(), KVM_EXIT_HLT, 1, 0);
	metric_sample(steal[0], 1701);
	recorder_tick(&recorder);
	metric_sample(steal[1], 3);
	recorder_tick(&recorder);
	recorder_finish(&recorder);
	ck_assert_double_eq(stored("vcpu_exits_total", "1", "io"), 4999);
	ck_assert_double_eq(stored("vcpu_run_duration_ns", "1", NULL), 4999.0 * 1009);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "1", NULL), 4999e9 + 4999.0 * 13);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 0);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "hlt"), 1);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 0);
	ck_assert_double_eq(stored("vcpu_steal_ns", "0", NULL), 1701);
	ck_assert_double_eq(stored("vcpu_steal_ns", "1", NULL), 3);
	ck_assert_uint_eq(recorder.state, RECORDER_OK);
	end();
	/* retired, and still there */
	ck_assert_double_eq(stored("vcpu_exits_total", "1", "io"), 4999);
}
END_TEST

/* What others count, the tick records: a disk's histogram, and a gauge. */
START_TEST(core_sampled)
{
	struct metric *took, *depth;

	begin(path, "vm", 1);
	end();
	ck_assert_int_eq(metrics_init(&metrics, "vm", 9), 0);
	took = metrics_add(&metrics, RONDO_HISTOGRAM, "vcpu_exit_duration_ns", "ns", "", 0);
	took->durations = &disk;
	depth = metrics_add(&metrics, RONDO_GAUGE, "depth", "", "", 0);
	durations_add(&disk, 5000);
	recorder_open(&recorder, path, &metrics);
	metric_sample(depth, 17);
	recorder_tick(&recorder);
	durations_add(&disk, 5001);
	durations_add(&disk, UINT64_C(86400000000000));
	recorder_tick(&recorder);
	recorder_tick(&recorder);
	ck_assert_uint_eq(disk.counts[3], 1);
	ck_assert_uint_eq(disk.counts[4], 1);
	ck_assert_uint_eq(disk.counts[DURATIONS_BOUNDS_NR], 1);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 3e9 + 10001 + 86400e9);
	ck_assert_double_ge(stored("depth", "0", NULL), 17);
	end();
}
END_TEST

/* A reason that nobody expected is counted from its first time on, registered by the next tick. */
START_TEST(core_late_reason)
{
	begin(path, "vm", 1);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "shutdown"), -1);
	left(0, clock_monotonic(), KVM_EXIT_SHUTDOWN, 1, 0);
	left(0, clock_monotonic(), 15, 1, 0);
	recorder_tick(&recorder);
	left(0, clock_monotonic(), 15, 1, 0);
	recorder_tick(&recorder);
	recorder_finish(&recorder);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "shutdown"), 1);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "unknown_15"), 2);
	end();
}
END_TEST

/* The store is used again by a VM of the same name, and goes on. */
START_TEST(core_again)
{
	begin(path, "vm", 1);
	left(0, clock_monotonic(), KVM_EXIT_IO, 1, 0);
	end();
	begin(path, "vm", 1);
	left(0, clock_monotonic(), KVM_EXIT_IO, 1, 0);
	end();
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 2);
}
END_TEST

/* One VM after the other in one store, none of which ended in order: there is room for each. */
START_TEST(core_killed)
{
	char name[16];
	int i, status;

	for (i = 0; i < 7; i++) {
		pid_t child = fork();

		ck_assert_int_ge(child, 0);
		snprintf(name, sizeof(name), i == 6 ? "vm" : "vm%d", i);
		if (!child) {
			begin(path, name, 2);
			left(0, clock_monotonic(), KVM_EXIT_IO, 1, 0);
			raise(recorder.state == RECORDER_OK ? SIGKILL : SIGTERM);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	}
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 1);
}
END_TEST

/* Samples of a clock that runs far ahead are refused; their sum is recorded when it is right again. */
START_TEST(limits_clock)
{
	uint64_t ahead = UINT64_C(3600000000000);
	int i;

	begin(path, "vm", 1);
	left(0, clock_monotonic(), KVM_EXIT_IO, 10, 2);
	for (i = 0; i < 5; i++)
		left(0, clock_monotonic() + ahead, KVM_EXIT_IO, 10, 2);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 1);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 1e9 + 2);
	left(0, clock_monotonic(), KVM_EXIT_IO, 10, 2);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "io"), 7);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 7e9 + 14);
	for (i = 0; i < 5; i++)
		left(0, clock_monotonic() + ahead, KVM_EXIT_HLT, 10, 2);
	recorder_finish(&recorder);
	ck_assert_double_eq(stored("vcpu_exits_total", "0", "hlt"), 5);
	ck_assert_double_eq(stored("vcpu_run_duration_ns", "0", NULL), 120);
	ck_assert_double_eq(stored("vcpu_exit_duration_ns", "0", NULL), 12e9 + 24);
	ck_assert_uint_eq(recorder.state, RECORDER_OK);
	end();
}
END_TEST

/* Standard error, while it goes into a file. */
static int saved_stderr, log_fd;

static void capture(void)
{
	char log[96];

	snprintf(log, sizeof(log), "%s/log", directory);
	log_fd = open(log, O_RDWR | O_CREAT | O_APPEND, 0600);
	ck_assert_int_ge(log_fd, 0);
	fflush(stderr);
	saved_stderr = dup(2);
	dup2(log_fd, 2);
}

static int captured(char text[2000])
{
	int lines = 0;
	ssize_t n;

	fflush(stderr);
	dup2(saved_stderr, 2);
	n = pread(log_fd, text, 1999, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	for (char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	close(log_fd);
	close(saved_stderr);
	return lines;
}

/* No parent directory, a store in use, a file in its place: one line on standard error, no recording. */
START_TEST(errors_unusable)
{
	char text[2000], file[96];
	const char *const places[] = { "/nonexistent/store", path, file };
	char begins[128];
	struct metrics held;
	struct recorder holder;
	int i;

	begin(path, "vm", 1);
	holder = recorder;
	held = metrics;
	snprintf(file, sizeof(file), "%s/log", directory);
	capture();
	for (i = 0; i < 3; i++) {
		begin(places[i], "vm", 1);
		ck_assert_uint_eq(recorder.state, RECORDER_FAILED);
		left(0, clock_monotonic(), KVM_EXIT_IO, 1, 5);
		left(0, clock_monotonic(), 15, 1, 5);
		recorder_tick(&recorder);
		recorder_finish(&recorder);
		snprintf(begins, sizeof(begins), "store %s: ", places[i]);
		ck_assert(!strncmp(recorder.problem, begins, strlen(begins)));
		ck_assert(strncmp(recorder.problem + strlen(begins), places[i], strlen(places[i])));
		end();
	}
	ck_assert_int_eq(captured(text), 3);
	ck_assert_ptr_nonnull(strstr(text, "/nonexistent/store"));
	rondo_store_close(holder.store);
	metrics_free(&held);
}
END_TEST

/* More series than the store has room for: what fits is recorded, one warning. */
START_TEST(errors_full)
{
	char text[2000];

	begin(path, "vm", 1);
	end();
	capture();
	begin(path, "big", 16);
	ck_assert_uint_eq(recorder.state, RECORDER_PARTIAL);
	left(0, clock_monotonic(), KVM_EXIT_IO, 1, 0);
	left(15, clock_monotonic(), KVM_EXIT_IO, 1, 5);
	recorder_tick(&recorder);
	recorder_finish(&recorder);
	end();
	ck_assert_int_eq(captured(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "not all is recorded"));
	begin(path, "big", 1);
	ck_assert_uint_eq(recorder.state, RECORDER_OK);
	end();
}
END_TEST

/* The store's file is cut while it is mapped: recording ends, the program goes on. */
START_TEST(errors_cut)
{
	char text[2000], command[160];

	fatal_init();
	begin(path, "vm", 1);
	left(0, clock_monotonic(), KVM_EXIT_IO, 1, 0);
	capture();
	snprintf(command, sizeof(command), "for f in %s/*; do : >$f; done", path);
	ck_assert_int_eq(system(command), 0);
	left(0, clock_monotonic(), KVM_EXIT_HLT, 1, 7);
	recorder_tick(&recorder);
	left(0, clock_monotonic(), KVM_EXIT_HLT, 1, 7);
	recorder_tick(&recorder);
	ck_assert_uint_eq(recorder.state, RECORDER_FAILED);
	end();
	ck_assert_int_eq(captured(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "runs without recording"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_recorder");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_checked_fixture(limit, set_up, tear_down);
	tcase_add_checked_fixture(wrong, set_up, tear_down);
	tcase_add_test(core, core_sums);
	tcase_add_test(core, core_sampled);
	tcase_add_test(core, core_late_reason);
	tcase_add_test(core, core_again);
	tcase_add_test(core, core_killed);
	tcase_add_test(limit, limits_clock);
	tcase_add_test(wrong, errors_unusable);
	tcase_add_test(wrong, errors_full);
	tcase_add_test(wrong, errors_cut);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
