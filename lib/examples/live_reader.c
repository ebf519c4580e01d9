// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * live_reader STORE [SELECTOR [ROUNDS]]: once a second the newest complete tick of each series that matches,
 * while another process writes the store. Takes no lock; the writer notices nothing.
 *
 *	cc live_reader.c $(pkg-config --cflags --libs librondo) -o live_reader
 */
#include "example.h"

#include <unistd.h>

static void show(rondo_store *store, const char *selector)
{
	struct rondo_range range = { .size = sizeof(range), .tier = 0 };
	struct rondo_series_info info = { .size = sizeof(info) };
	struct rondo_point points[10];
	rondo_iter *iter;
	size_t n;
	int err;

	range.end_ns = now_ns() / SEC * SEC; /* the tick that begins here is still growing */
	range.start_ns = range.end_ns - 10 * SEC;
	check(rondo_iter_begin(store, selector, &iter, NULL, 0), "selector");
	while ((err = rondo_iter_next(iter, &info)) == 1) {
		if (info.retired || rondo_read(store, info.id, &range, points, 10, &n) || !n)
			continue;
		printf("%s %g %s\n", info.key, points[n - 1].value, info.unit);
	}
	rondo_iter_end(iter);
	check(err, "next");
}

int main(int argc, char **argv)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	int rounds = argc > 3 ? atoi(argv[3]) : -1;
	rondo_store *store;

	check(rondo_store_open(argc > 1 ? argv[1] : "store", &opts, &store), "open");
	while (rounds-- != 0) {
		sleep(1);
		show(store, argc > 2 ? argv[2] : NULL);
		fflush(stdout);
	}
	check(rondo_store_close(store), "close");
	return 0;
}
