// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_open - patches over the files of a valid store; opening, reading and writing what they make
 *
 * Input: a byte (bit 0: open read-only; bit 1: leave the checksums wrong; bit 2: copy it, too), then patches: which file
 * (1 byte), where (2), how many bytes (1), the bytes. Checksums are made right again after that, or
 * nothing behind them would ever be reached; this needs the offsets of docs/STORAGE_FORMAT.md.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fuzz.h"

static struct file {
	const char *name;
	size_t size;
	uint8_t *map, *was;
} files[] = { { .name = "store/store.rondo" },
	      { .name = "store/hist.t0.slab" },
	      { .name = "store/hist.t1.slab" },
	      { .name = "store/small.t0.slab" },
	      { .name = "store/small.t1.slab" } };

static void start(void)
{
	fuzz_fill(in_dir("store"));
	for (size_t i = 0; i < LENGTH(files); i++) {
		struct file *f = &files[i];
		int fd = open(in_dir(f->name), O_RDWR | O_CLOEXEC);
		struct stat st;

		must(fd >= 0 && !fstat(fd, &st));
		f->size = (size_t)st.st_size;
		f->map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		f->was = malloc(f->size);
		must(f->map != MAP_FAILED && f->was);
		memcpy(f->was, f->map, f->size);
		close(fd);
	}
}

static uint32_t crc32c(const uint8_t *p, size_t n, uint32_t crc)
{
	while (n--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return crc;
}

/* A block whose last four bytes are the CRC of the others; only where a patch changed it. */
static void seal(struct file *f, size_t at, size_t size)
{
	uint32_t crc;

	if (!memcmp(f->map + at, f->was + at, size))
		return;
	crc = ~crc32c(f->map + at, size - 4, ~0U);
	memcpy(f->map + at + size - 4, &crc, 4);
}

static void seal_entry(struct file *f, size_t at)
{
	uint8_t *e = f->map + at, generation[4] = { e[1], e[2], e[3] & 63 };
	size_t text = (size_t)(e[20] | e[21] << 8) + (size_t)(e[22] | e[23] << 8) +
		      (size_t)(e[24] | e[25] << 8);
	uint32_t crc;

	if (!memcmp(e, f->was + at, 256) || text > 256 - 40)
		return;
	crc = ~crc32c(e + 20, 20 + text, crc32c(generation, 4, ~0U));
	memcpy(e + 16, &crc, 4);
}

static void seal_all(void)
{
	seal(&files[0], 0, 512);
	seal(&files[0], 4096, 512);
	seal(&files[0], 8192, 4096);
	seal(&files[0], 12288, 4096);
	for (size_t at = 16384; at < files[0].size; at += 256)
		seal_entry(&files[0], at);
	for (size_t i = 1; i < LENGTH(files); i++)
		seal(&files[i], 0, 512);
}

static void patch(struct input *in)
{
	while (in->size) {
		struct file *f = &files[take_number(in, 1) % LENGTH(files)];
		size_t at = take_number(in, 2) % f->size, n = take_number(in, 1);

		take(in, f->map + at, n < f->size - at ? n : f->size - at);
	}
}

static void read_all(rondo_store *store)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	struct rondo_store_info all = { .size = sizeof(all) };
	struct rondo_range range = { .size = sizeof(range) };
	rondo_iter *iter = NULL;
	uint64_t newest;

	must(!rondo_store_info(store, &all));
	for (uint32_t i = 0; i < all.n_schemas; i++)
		rondo_store_newest(store, i, &newest);
	if (rondo_iter_begin(store, "{instance!=\"x\"}", &iter, NULL, 0))
		return;
	while (rondo_iter_next(iter, &info) == 1) {
		must(strlen(info.key) < 4096 && strlen(info.unit) < 32 && info.name[0]);
		for (range.tier = 0; range.tier < 4; range.tier++) {
			range.tier = range.tier == 3 ? RONDO_TIER_AUTO : range.tier;
			for (int f = 0; f <= RONDO_FN_RATE; f++) {
				range.function = (enum rondo_function)f;
				fuzz_read(store, info.id, &range);
			}
			fuzz_read_histogram(store, info.id, &range);
			if (range.tier == RONDO_TIER_AUTO)
				break;
		}
	}
	rondo_iter_end(iter);
}

static void write_all(rondo_store *store)
{
	static const char *const names[] = { "level", "c_total", "h", "new" };

	for (size_t i = 0; i < LENGTH(names) * 3; i++) {
		rondo_series *s = fuzz_series(store, names[i / 3], (enum rondo_kind)(1 + i % 3));

		if (!s)
			continue;
		rondo_record(s, NOW, 1);
		rondo_add(s, NOW, 1);
		rondo_observe(s, NOW, 1);
		if (i / 3 == 3)
			rondo_series_retire(store, s, NOW);
	}
	rondo_consolidate(store, NOW + 20 * S, 1000);
}

static void on_found(const struct rondo_verify_finding *f, void *arg)
{
	must(f->text[0] && f->file[0] && f->kind > 0 && f->kind < RONDO_VERIFY_KINDS);
	must(strlen(f->key) < 4096);
	++*(uint64_t *)arg;
}

/* What verify says it found, it has told; no damage means that the store opens. */
static void verify_all(void)
{
	uint64_t found = 0;
	struct rondo_verify_report report = { .size = sizeof(report) };
	const struct rondo_verify_opts opts = {
		.size = sizeof(opts), .found = on_found, .arg = &found, .now_ns = NOW
	};
	int err = rondo_store_verify(in_dir("store"), &opts, &report);
	rondo_store *store;

	must(found == report.damage + report.notes);
	must((err == RONDO_E_CORRUPT) == (report.damage > 0) || err < 0);
	if (err)
		return;
	store = fuzz_open(in_dir("store"), RONDO_OPEN_READ_ONLY);
	must(store != NULL);
	rondo_store_close(store);
}

static void migrate_all(rondo_store *from)
{
	if (!rondo_store_snapshot(from, in_dir("copy"), NULL, 0))
		must(!rondo_store_close(fuzz_open(in_dir("copy"), 0)));
	remove_store(in_dir("copy"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t how = take_number(&in, 1);
	rondo_store *store;

	if (!files[0].map)
		start();
	patch(&in);
	if (!(how & 2))
		seal_all();
	verify_all();
	store = fuzz_open(in_dir("store"), how & 1 ? RONDO_OPEN_READ_ONLY : 0);
	if (store) {
		read_all(store);
		if (how & 4)
			migrate_all(store);
		if (!(how & 1)) {
			write_all(store);
			read_all(store);
		}
		rondo_store_close(store);
	}
	for (size_t i = 0; i < LENGTH(files); i++)
		memcpy(files[i].map, files[i].was, files[i].size);
	return 0;
}
