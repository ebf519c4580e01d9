// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * The parts under the files: checksum, keys, the cell's protocol, the publication of an entry. What
 * a reader may catch of a write that is under way is gone through exhaustively here; live processes
 * race in lib_live.c.
 */
#include "internal.h"

/* Every store of the code under test is noted, in order; see noted_store(). */
static void noted_store(uint64_t *p, uint64_t v);
#define store_release noted_store

#include "cell.h"
#include "crc32c.c" /* both ways of computing it are static */
#include "entry.c"

#include "lib_common.h"

/* ---- checksum ---- */

START_TEST(core_checksum_vectors)
{
	unsigned char bytes[48];

	/* RFC 3720, B.4 */
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283);
	memset(bytes, 0, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (unsigned char)(31 - i);
	ck_assert_uint_eq(crc32c(0, bytes, 32), 0x113fdb5c);
	ck_assert_uint_eq(crc32c(0, "", 0), 0);
	ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}
END_TEST

START_TEST(core_checksum_both_ways)
{
	unsigned char bytes[300];

	for (int i = 0; i < 20000; i++) {
		size_t at = random_below(40), n = random_below(sizeof(bytes) - at);
		uint32_t start = (uint32_t)random_u64();

		for (size_t j = 0; j < n; j += 8) {
			uint64_t r = random_u64();

			memcpy(bytes + at + j, &r, n - j < 8 ? n - j : 8);
		}
		expect(!have_fast() ||
			       crc_plain(start, bytes + at, n) == crc_fast(start, bytes + at, n),
		       "%zu bytes at %zu", n, at);
	}
}
END_TEST

/* ---- keys ---- */

START_TEST(core_keys_come_apart_as_they_were_built)
{
	static const char *const pieces[] = { "\"",  "\\", "\n",       "n",
					      "{",   "}",  ",",        "=",
					      "a",   " ",  "\303\244", "\360\237\230\200",
					      "\001" };
	static struct key key;
	char values[4][64], names[4][8], text[KEY_MAX];

	for (int i = 0; i < 20000; i++) {
		struct rondo_label labels[4];
		struct rondo_series_def def = { .size = sizeof(def),
						.name = i % 2 ? "m" : "a:b_9",
						.labels = labels,
						.n_labels = random_below(5),
						.kind = RONDO_GAUGE };
		size_t len;

		for (size_t j = 0; j < def.n_labels; j++) {
			strcpy(values[j], pieces[random_below(LENGTH(pieces))]);
			for (size_t n = random_below(12); n--;)
				strcat(values[j], pieces[random_below(LENGTH(pieces))]);
			snprintf(names[j], sizeof(names[j]), "%c%d", (int)('a' + random_below(26)),
				 (int)j);
			labels[j] = (struct rondo_label){ names[j], values[j] };
		}
		ck_ok(key_build(&def, text, sizeof(text), &len));
		ck_ok(key_parse(text, len, &key));
		expect(!strcmp(key.name, def.name) && key.n_labels == def.n_labels, "%.*s",
		       (int)len, text);
		for (size_t j = 0; j < key.n_labels; j++) {
			size_t k = (size_t)(key.labels[j].name[1] - '0');

			expect(!strcmp(key.labels[j].name, names[k]) &&
				       !strcmp(key.labels[j].value, values[k]),
			       "%.*s: label %zu", (int)len, text, j);
			expect(!j || strcmp(key.labels[j - 1].name, key.labels[j].name) < 0,
			       "%.*s: not sorted", (int)len, text);
		}
	}
}
END_TEST

/* Bytes that some other writer, or damage, may have put there: taken apart or refused, never a crash. */
START_TEST(errors_random_bytes_as_a_key)
{
	static const char alphabet[] = "ab{}\"\\n,=_\n\001\303\244\0001";
	static struct key key;
	char text[64], built[KEY_MAX];
	int good = 0;

	for (int i = 0; i < 400000; i++) {
		size_t n = random_below(i % 3 ? 12 : sizeof(text)), len;
		struct rondo_series_def def = { .size = sizeof(def), .kind = RONDO_GAUGE };

		for (size_t j = 0; j < n; j++)
			text[j] = alphabet[random_below(sizeof(alphabet) - 1)];
		if (n > 7 && i % 2) {
			memcpy(text, "a{b=\"", 5);
			memcpy(text + n - 2, "\"}", 2);
		}
		if (key_parse(text, n, &key))
			continue;
		/* what is taken for a key is one: building it gives the same */
		def.name = key.name;
		def.labels = key.labels;
		def.n_labels = key.n_labels;
		ck_ok(key_build(&def, built, sizeof(built), &len));
		expect(len == n && !memcmp(built, text, n), "'%.*s' is taken for '%.*s'", (int)n,
		       text, (int)len, built);
		good++;
	}
	ck_assert_int_gt(good, 1000);
}
END_TEST

/* ---- the cell ---- */

enum { WORDS = 8, STEPS_MAX = 32 };

/* Every state of the cell's words while it is entered and written: state[0] is before. */
struct history {
	uint64_t state[STEPS_MAX][WORDS];
	int n;
};

static struct history *noting; /* of `noted` */
static struct disk_cell noted;

static void step(struct history *h, int word, uint64_t value)
{
	memcpy(h->state[h->n], h->state[h->n - 1], sizeof(h->state[0]));
	h->state[h->n++][word] = value;
}

static void check_copy(const uint64_t *words, uint64_t old_tag, const uint64_t *old_words,
		       uint64_t new_tag, const uint64_t *new_words, bool is_value)
{
	const uint64_t *truth[2] = { old_words, new_words };
	const uint64_t tags[2] = { old_tag, new_tag };
	struct disk_cell cell, copy;

	memcpy(&cell, words, sizeof(cell));
	for (int i = 0; i < 2; i++) {
		if (!cell_read(&cell, tags[i], is_value, &copy))
			continue;
		for (unsigned int k = 0; k < 6; k++) {
			if (!value_known(copy.v[k]) || (!is_value && !cover_get(copy.tail, k)))
				continue;
			expect(copy.v[k] == truth[i][1 + k], "slot %u of the %s cell: %" PRIx64, k,
			       i ? "new" : "old", copy.v[k]);
			expect(is_value || cover_get(copy.tail, k) == cover_get(truth[i][7], k),
			       "cover %u of the %s cell", k, i ? "new" : "old");
		}
	}
}

/*
 * A reader copies word after word, upwards or downwards as memcpy() may, while the writer goes on in
 * between: all ways for the states in which the words are caught not to go back in time.
 */
static void all_mixes(const struct history *h, const uint64_t *final, uint64_t old_tag,
		      uint64_t new_tag, bool is_value, bool upwards, int word, int from,
		      uint64_t *words)
{
	if (word == WORDS) {
		check_copy(words, old_tag, h->state[0], new_tag, final, is_value);
		return;
	}
	for (int s = from; s < h->n; s++) {
		int at = upwards ? word : WORDS - 1 - word;

		/* a state in which this word is what it was in the one before gives nothing new */
		if (s > from && h->state[s][at] == h->state[s - 1][at])
			continue;
		words[at] = h->state[s][at];
		all_mixes(h, final, old_tag, new_tag, is_value, upwards, word + 1, s, words);
	}
}

static void check_transition(uint64_t old_number, uint64_t new_number, bool is_value)
{
	uint64_t old_tag = cell_tag(77, old_number), new_tag = cell_tag(77, new_number), words[8];
	struct history h = { .n = 1 };

	h.state[0][0] = old_tag;
	h.state[0][7] = is_value ? old_tag : old_number & TAIL_NUMBER;
	for (unsigned int k = 0; k < 6; k++) {
		h.state[0][1 + k] = k == 4 ? RONDO_EMPTY : bits_of(1 + k);
		if (!is_value && k != 4)
			h.state[0][7] |= cover_bits(3 + k, k);
	}
	memcpy(&noted, h.state[0], sizeof(noted));
	noting = &h;
	cell_enter(&noted, new_tag, is_value ? new_tag : new_number & TAIL_NUMBER);
	noting = NULL;
	ck_assert_int_eq(h.n, 1 + 9);
	for (unsigned int k = 0; k < 6; k += 2) {
		step(&h, 1 + (int)k, bits_of(100 + k));
		if (!is_value)
			step(&h, 7, h.state[h.n - 1][7] | cover_bits(500 + k, k));
	}
	for (int s = 0; s < h.n; s++)
		check_copy(h.state[s], old_tag, h.state[0], new_tag, h.state[h.n - 1], is_value);
	for (int up = 0; up < 2; up++)
		all_mixes(&h, h.state[h.n - 1], old_tag, new_tag, is_value, up, 0, 0, words);
}

START_TEST(core_every_torn_cell_is_absent_or_right)
{
	check_transition(1000, 1000 + 103, true);
	check_transition(1 << 20, 5, true);
	for (uint64_t laps = 1; laps < 16; laps++)
		check_transition(16 * 40, 16 * 40 + laps * 103, false);
}
END_TEST

START_TEST(limits_covers)
{
	for (unsigned int k = 0; k < 6; k++) {
		uint64_t tail = UINT64_MAX & ~cover_bits(COVER_MAX, k);

		ck_assert_uint_eq(cover_get(tail, k), 0);
		ck_assert_uint_eq(cover_get(tail, (k + 1) % 6), COVER_MAX);
		ck_assert_uint_eq(cover_get(tail | cover_bits(513, k), k), 513);
		ck_assert_uint_eq(tail & TAIL_NUMBER, TAIL_NUMBER);
	}
	ck_assert(!value_known(RONDO_EMPTY));
	ck_assert(!value_known(bits_of(1. / 0.)));
	ck_assert(value_known(bits_of(-1.7976931348623157e308)));
	ck_assert(value_known(0));
}
END_TEST

/* ---- the entry ---- */

/* A store of one schema with one entry in memory, enough for entry.c. */
static char memory[1024] __attribute__((aligned(64)));
static struct rondo_store fake_store = { .entry_size = 512 };
static struct schema fake_schema = { .store = &fake_store, .max_series = 2, .entries = memory };

static struct {
	char entry[16][512];
	int n;
} snapshots; /* at each store of the state */

static void noted_store(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
	if (noting)
		step(noting, (int)(p - &noted.tag), v);
	if ((char *)p == memory && snapshots.n < 16)
		memcpy(snapshots.entry[snapshots.n++], memory, 512);
}

static void write_entry(const char *value, const char *help)
{
	const struct rondo_label label = { "label", value };
	const struct rondo_series_def def = { .size = sizeof(def),
					      .name = "metric",
					      .labels = &label,
					      .n_labels = 1,
					      .kind = RONDO_COUNTER,
					      .unit = "ns",
					      .help = help };
	char key[KEY_MAX];
	size_t len;

	ck_ok(key_build(&def, key, sizeof(key), &len));
	entry_write(&fake_schema, 0, &def, key, len);
}

/* Whether entry_read() makes either nothing of the bytes, or an entry with this value and help. */
static bool nothing_or(const char *bytes, const char *value, const char *help)
{
	static struct entry_copy copy;

	memcpy(memory, bytes, 512);
	if (entry_read(&fake_schema, 0, &copy))
		return true;
	return value && !strcmp(copy.key.labels[0].value, value) && !strcmp(copy.help, help) &&
	       !strcmp(copy.key.name, "metric") && !strcmp(copy.unit, "ns");
}

START_TEST(core_every_prefix_of_an_entry_is_nothing_or_right)
{
	static const char *const values[][2] = { { "first", "second" },
						 { "x", "a-much-longer-value" },
						 { "a-much-longer-value", "x" },
						 { "same", "same" } };
	char before[512], after[512], mix[512];

	for (size_t v = 0; v < LENGTH(values); v++) {
		memset(memory, 0, sizeof(memory));
		write_entry(values[v][0], "one");
		memcpy(before, memory, 512);
		snapshots.n = 0;
		write_entry(values[v][1], "two");
		memcpy(after, memory, 512);
		/* two stores of the state: busy before anything else is touched, live after all */
		ck_assert_int_eq(snapshots.n, 2);
		ck_assert_int_eq(snapshots.entry[0][0], ENTRY_BUSY);
		ck_assert_mem_eq(snapshots.entry[0] + 8, before + 8, 512 - 8);
		ck_assert_mem_eq(snapshots.entry[1], after, 512);
		ck_assert(!nothing_or(before, NULL, NULL) &&
			  nothing_or(before, values[v][0], "one"));
		ck_assert(!nothing_or(after, NULL, NULL) && nothing_or(after, values[v][1], "two"));
		/* of the words from the third on, all up to some one are new, or just that one */
		for (size_t n = 24; n <= 512; n += 8) {
			for (int one = 0; one < 2; one++) {
				size_t from = one ? n - 8 : 16;

				memcpy(mix, before, 512);
				memcpy(mix + from, after + from, n - from);
				/* BUSY, as entry_write() has it from its first store to its last */
				memcpy(mix, after, 8);
				mix[0] = ENTRY_BUSY;
				expect(nothing_or(mix, NULL, NULL), "busy, %zu bytes", n);
				/* LIVE with parts that never reached the disk */
				memcpy(mix, after, 8);
				expect(nothing_or(mix, values[v][1], "two"), "live, %zu bytes", n);
				/* the old state with parts that reached the disk before it */
				memcpy(mix, before, 8);
				expect(nothing_or(mix, values[v][0], "one"), "old, %zu bytes", n);
			}
		}
	}
}
END_TEST

START_TEST(limits_generations_go_round)
{
	uint32_t last = 0;

	memset(memory, 0, sizeof(memory));
	for (int i = 0; i < 1000; i++) {
		uint32_t generation;

		/* steps and unclean opens: the generation never stays, and is never 0 */
		fake_store.superblock.unclean_opens += i % 7 == 0;
		write_entry("v", "");
		generation = state_generation(((struct disk_entry *)memory)->state);
		expect(generation && generation <= GENERATION_MAX && generation > last,
		       "generation %u after %u", generation, last);
		last = generation;
	}
	fake_store.superblock.unclean_opens = 0;
}
END_TEST

int main(void)
{
	const struct test_entry tests[] = {
		{ core_checksum_vectors, 'C' },
		{ core_checksum_both_ways, 'C' },
		{ core_keys_come_apart_as_they_were_built, 'C' },
		{ core_every_torn_cell_is_absent_or_right, 'C' },
		{ core_every_prefix_of_an_entry_is_nothing_or_right, 'C' },
		{ limits_covers, 'L' },
		{ limits_generations_go_round, 'L' },
		{ errors_random_bytes_as_a_key, 'E' },
	};

	return run_suite("lib_internal_format", tests, LENGTH(tests));
}
