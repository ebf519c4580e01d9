// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * drain_to_file STORE FILE: appends the windows of tier 1 that were closed since the last run, as lines
 * "id,start,sum", and then replaces FILE.cursor: after a crash windows may come twice, none is left out.
 *
 *	cc drain_to_file.c $(pkg-config --cflags --libs librondo) -o drain_to_file
 */
#include "example.h"

#include <inttypes.h>

static void save(const char *name, const char *fresh, const struct rondo_cursor *cursor)
{
	FILE *file = fopen(fresh, "wb");

	if (file && fwrite(cursor, sizeof(*cursor), 1, file) == 1 && !fclose(file) &&
	    !rename(fresh, name))
		return;
	perror(fresh);
	exit(1);
}

int main(int argc, char **argv)
{
	const struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_READ_ONLY };
	struct rondo_sample samples[500];
	char name[4096], fresh[4096];
	struct rondo_cursor cursor;
	rondo_store *store;
	FILE *out, *saved;
	int more = RONDO_MORE;
	size_t n;

	if (argc != 3)
		return fputs("usage: drain_to_file STORE FILE\n", stderr), 2;
	snprintf(name, sizeof(name), "%s.cursor", argv[2]);
	snprintf(fresh, sizeof(fresh), "%s.cursor.new", argv[2]);
	check(rondo_store_open(argv[1], &opts, &store), "open");
	saved = fopen(name, "rb");
	if (!saved || fread(&cursor, sizeof(cursor), 1, saved) != 1)
		check(rondo_cursor_begin(store, 0, 1, 0, &cursor), "cursor");
	if (saved)
		fclose(saved);
	out = fopen(argv[2], "a");
	while (out && more == RONDO_MORE) {
		more = rondo_drain(store, &cursor, RONDO_FN_SUM, samples, 500, &n);
		check(more, "drain");
		for (size_t i = 0; i < n; i++)
			fprintf(out, "%" PRIu64 ",%" PRIu64 ",%.17g\n", samples[i].id,
				samples[i].point.ts_ns, samples[i].point.value);
	}
	if (!out || fclose(out))
		return perror(argv[2]), 1;
	save(name, fresh, &cursor);
	if (cursor.skipped) /* they were overwritten before this ran: run it more often */
		fprintf(stderr, "%" PRIu64 " windows were missed\n", cursor.skipped);
	return rondo_store_close(store) != 0;
}
