// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_selector - any text as a selector: what it matches on a store, or where it does not parse
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	static rondo_store *store;
	char detail[200] = "", *text = malloc(size + 1);
	rondo_iter *iter = NULL;
	int err, more, n = 0;

	if (!store) {
		fuzz_fill(in_dir("store"));
		store = fuzz_open(in_dir("store"), RONDO_OPEN_READ_ONLY);
	}
	must(store && text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	err = rondo_iter_begin(store, text, &iter, detail, sizeof(detail));
	if (err) {
		must(err == RONDO_E_SELECTOR || err == RONDO_E_NOMEM);
		must(!iter && (detail[0] || err == RONDO_E_NOMEM));
	} else {
		while ((more = rondo_iter_next(iter, &info)) == 1)
			n++;
		must(n <= 3 && (more == 0 || more == RONDO_E_NOMEM));
		rondo_iter_end(iter);
	}
	free(text);
	return 0;
}
