// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * What it costs to record an exit in its handler: rondo-vmm's own lines, beside what others would put
 * there. Prints JSON: of each, ns per operation at the median and at the 99th percentile of batches.
 *
 *	bench_vmm_exit DIRECTORY    the store and the file that is written to are made there
 *
 * A clock is read around BATCH operations, never around one. The ways take turns, batch by batch, so
 * that what disturbs one disturbs all.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "recorder.h"

#define BATCH   256
#define BATCHES 8000

static struct metrics metrics;
static struct recorder recorder;
static struct recorder_vcpu vcpu;
static uint64_t shared, now;
static int file, udp;

/* What a client library of Prometheus' does: find the child by its label values, under a lock, and add. */
static struct child {
	const char *values[3];
	double value;
	struct child *next;
} * children[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t hash_of(const char *const *values)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < 3; i++)
		for (const char *p = values[i]; *p; p++)
			hash = (hash ^ (uint64_t)(unsigned char)*p) * UINT64_C(0x100000001b3);
	return hash;
}

static void locked_add(const char *const *values)
{
	struct child **bucket = &children[hash_of(values) % 64], *child;

	pthread_mutex_lock(&lock);
	for (child = *bucket; child; child = child->next)
		if (!strcmp(child->values[0], values[0]) && !strcmp(child->values[1], values[1]) &&
		    !strcmp(child->values[2], values[2]))
			break;
	if (!child) {
		child = calloc(1, sizeof(*child));
		if (!child)
			err(1, "calloc");
		memcpy(child->values, values, sizeof(child->values));
		child->next = *bucket;
		*bucket = child;
	}
	child->value += 1;
	pthread_mutex_unlock(&lock);
}

static void do_atomic(unsigned int i)
{
	(void)i;
	__atomic_fetch_add(&shared, 1, __ATOMIC_RELAXED);
}

static void do_add(unsigned int i)
{
	rondo_add(vcpu.run->series, now + i, 1);
}

static void do_exit(unsigned int i)
{
	recorder_exit(&vcpu, now + i, KVM_EXIT_IO, 1000 + i, 300 + i);
}

static void do_locked(unsigned int i)
{
	static const char *const values[] = { "rondo-vmm-1234", "0", "io" };

	(void)i;
	locked_add(values);
}

static const char line[] = "vcpu_exits_total:1|c|#instance:rondo-vmm-1234,vcpu:0,reason:io\n";

static void do_write(unsigned int i)
{
	(void)i;
	if (write(file, line, sizeof(line) - 1) < 0)
		err(1, "write");
}

static void do_udp(unsigned int i)
{
	(void)i;
	if (send(udp, line, sizeof(line) - 2, 0) < 0)
		err(1, "send");
}

static const struct {
	const char *what;
	void (*run)(unsigned int i);
} ways[] = {
	{ "atomic increment", do_atomic },
	{ "rondo_add(), one counter", do_add },
	{ "rondo-vmm's exit: two counters and a histogram", do_exit },
	{ "locked counter, found by its labels", do_locked },
	{ "write() of a line to a file", do_write },
	{ "UDP datagram to this host", do_udp },
};

#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

static double taken[N_WAYS][BATCHES];

static void open_all(const char *directory)
{
	static uint64_t counts[2];
	static struct durations durations;
	static char path[4096];
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int sink = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(path, sizeof(path), "%s/log", directory);
	file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	if (file < 0 || sink < 0 || udp < 0 || bind(sink, (struct sockaddr *)&address, size) ||
	    getsockname(sink, (struct sockaddr *)&address, &size) ||
	    connect(udp, (struct sockaddr *)&address, size))
		err(1, "%s", path);

	snprintf(path, sizeof(path), "%s/store", directory);
	if (metrics_init(&metrics, "bench", 3))
		err(1, "metrics");
	vcpu.exits[KVM_EXIT_IO] = metrics_add(&metrics, RONDO_COUNTER, "exits", "", "", 0);
	vcpu.run = metrics_add(&metrics, RONDO_COUNTER, "run_ns", "ns", "", 0);
	vcpu.handling = metrics_add(&metrics, RONDO_HISTOGRAM, "exit_ns", "ns", "", 0);
	if (!vcpu.handling)
		err(1, "metrics");
	for (int i = 0; i < 2; i++)
		metrics.all[i].counter = &counts[i];
	vcpu.handling->durations = &durations;
	for (int i = 0; i < 3; i++)
		metrics.all[i].hot = true;
	vcpu.utc_offset = &recorder.utc_offset;
	recorder_open(&recorder, path, &metrics);
	if (recorder.state != RECORDER_OK)
		exit(1);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	struct rondo_store_info info = { .size = sizeof(info) };

	if (argc != 2)
		errx(2, "usage: %s DIRECTORY", argv[0]);
	open_all(argv[1]);
	for (unsigned int batch = 0; batch < BATCHES; batch++) {
		if (batch % 1000 == 0)
			recorder_tick(&recorder);
		for (size_t w = 0; w < N_WAYS; w++) {
			uint64_t begin = now = clock_monotonic();

			/* rondo_add() is told UTC by its caller, recorder_exit() makes it so. */
			if (ways[w].run == do_add)
				now += recorder.utc_offset;
			for (unsigned int i = 0; i < BATCH; i++)
				ways[w].run(i);
			taken[w][batch] = (double)(clock_monotonic() - begin) / BATCH;
		}
	}
	if (rondo_store_info(recorder.store, &info) || info.too_old || info.future || info.invalid)
		errx(1, "the store refused samples: these figures are worth nothing");
	printf("[");
	for (size_t w = 0; w < N_WAYS; w++) {
		qsort(taken[w], BATCHES, sizeof(double), by_value);
		printf("%s{\"what\":\"%s\",\"p50\":%.2f,\"p99\":%.2f}", w ? ",\n" : "",
		       ways[w].what, taken[w][BATCHES / 2], taken[w][BATCHES - BATCHES / 100]);
	}
	printf("]\n");
	recorder_close(&recorder);
	metrics_free(&metrics);
	return 0;
}
