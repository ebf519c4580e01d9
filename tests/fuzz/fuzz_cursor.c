// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_cursor - any bytes as a saved cursor, as a range, as the identity of a series
 *
 * Input: a byte (bit 0: of another store; bits 4 to 7: the function), how many samples at a time, the
 * cursor's other members, a range, an identity.
 */
#include "fuzz.h"

static void drain(rondo_store *store, struct rondo_cursor *cursor, enum rondo_function function,
		  size_t cap)
{
	struct rondo_sample samples[64];
	uint64_t total = 0;
	int err = RONDO_MORE;

	for (int round = 0; round < 1000 && err == RONDO_MORE; round++) {
		size_t n = 0;

		err = rondo_drain(store, cursor, function, samples, cap, &n);
		must(err == RONDO_MORE || err <= 0);
		must(n <= cap);
		total += n;
		for (size_t i = 0; i < n; i++)
			must(samples[i].id != 0);
	}
	/* it comes to an end, and tells nothing over and over */
	must(err != RONDO_MORE && total <= 3000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_range range = { .size = sizeof(range) };
	struct rondo_cursor cursor, valid;
	struct input in = { data, size };
	static rondo_store *store;
	uint64_t how = take_number(&in, 1), cap = 1 + take_number(&in, 1) % 64;
	rondo_id id;

	if (!store) {
		fuzz_fill(in_dir("store"));
		store = fuzz_open(in_dir("store"), RONDO_OPEN_READ_ONLY);
	}
	must(store && !rondo_cursor_begin(store, 0, 0, 0, &valid));
	take(&in, &cursor, sizeof(cursor));
	if (!(how & 1))
		memcpy(cursor.store, valid.store, sizeof(cursor.store));
	drain(store, &cursor, (enum rondo_function)(how >> 4), cap);
	range.start_ns = take_number(&in, 8);
	range.end_ns = take_number(&in, 8);
	range.step_ns = take_number(&in, 8);
	range.tier = take_number(&in, 1) % 2 ? RONDO_TIER_AUTO : (uint32_t)take_number(&in, 4);
	range.function = (enum rondo_function)take_number(&in, 1);
	id = take_number(&in, 8);
	fuzz_read(store, id, &range);
	fuzz_read_histogram(store, id, &range);
	return 0;
}
