// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm_loop STORE [SECONDS]: each vCPU thread records into its own series, without a lock; the main loop
 * calls rondo_consolidate() once a second. A sleep stands for ioctl(vcpu_fd, KVM_RUN, 0).
 *
 *	cc vmm_loop.c $(pkg-config --cflags --libs librondo) -pthread -o vmm_loop
 */
#include "example.h"

#include <pthread.h>
#include <unistd.h>

static uint64_t end_ns;

static void *run_vcpu(void *series)
{
	for (uint64_t entered = now_ns(), left; entered < end_ns; entered = left) {
		usleep(1000);
		left = now_ns();
		rondo_add(series, left, (double)(left - entered)); /* refusals are counted */
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct rondo_tier tier = { 1 * SEC, 600 * SEC, 0, 0 };
	struct rondo_schema schema = { .size = sizeof(schema), .name = "vcpu", .max_series = 2 };
	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_CREATE };
	struct rondo_label label = { "vcpu", "0" };
	struct rondo_series_def def = { .size = sizeof(def), .labels = &label, .n_labels = 1 };
	rondo_store *store;
	rondo_series *series[2];
	pthread_t threads[2];

	schema.tiers = &tier;
	schema.n_tiers = 1;
	opts.schemas = &schema;
	opts.n_schemas = 1;
	check(rondo_store_open(argc > 1 ? argv[1] : "store", &opts, &store), "open");
	def.name = "vcpu_run_duration_ns";
	def.kind = RONDO_COUNTER;
	for (int i = 0; i < 2; i++, label.value = "1")
		check(rondo_series_register(store, &def, &series[i]), "register");
	end_ns = now_ns() + (argc > 2 ? (uint64_t)atoi(argv[2]) : 5) * SEC;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, run_vcpu, series[i]);
	for (; now_ns() < end_ns; sleep(1))
		check(rondo_consolidate(store, now_ns(), 0), "consolidate");
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check(rondo_store_close(store), "close");
	return 0;
}
