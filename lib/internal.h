/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * internal.h - what librondo's own files share: the store in memory
 *
 * Who may touch what: a rondo_series handle and its struct column's writer fields belong to the
 * series' writer; struct schema's now and closed_until are written by consolidate() and read by
 * writers (relaxed atomics); everything else is under store->lock or constant after open.
 */
#ifndef RONDO_INTERNAL_H
#define RONDO_INTERNAL_H

#include <pthread.h>
#include <regex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format.h"
#include "rondo.h"

#define NSEC_PER_SEC UINT64_C(1000000000)
#define likely(x)    __builtin_expect(!!(x), 1)
#define unlikely(x)  __builtin_expect(!!(x), 0)

static inline uint64_t load_acquire(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store_release(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline uint64_t load_relaxed(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline void store_relaxed(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static inline uint64_t bits_of(double d)
{
	uint64_t u;

	__builtin_memcpy(&u, &d, sizeof(u));
	return u;
}

static inline double double_of(uint64_t u)
{
	double d;

	__builtin_memcpy(&d, &u, sizeof(d));
	return d;
}

/* One tier of a schema, mapped. */
struct tier {
	uint64_t interval;
	uint64_t retention;
	uint64_t ratio;      /* interval / the finer tier's; 1 in the finest */
	uint64_t ticks;      /* finest ticks in a window */
	uint32_t functions;  /* as asked for */
	uint32_t lane_set;   /* 1 << enum lane; in the finest tier there is one lane, the value */
	uint32_t lanes_each; /* lanes per series */
	uint32_t rows;
	uint32_t lanes;  /* in a row */
	uint64_t stride; /* bytes from a row to the next */
	uint64_t file_size;
	char *map; /* of the file */
	struct disk_cell *cells;
	char *end; /* of the cells; a histogram's journals follow, in the finest tier */
	int fd;
	uint64_t cursor;        /* upper tiers: the window that consolidate() closes next */
	uint32_t cursor_slot;   /* and the series to go on with */
	bool catching_up;       /* up to the cursor, whatever is missing; see catch_up() */
	uint64_t prefaulted;    /* rows before this cell number are prepared, */
	uint64_t prefault_done; /* and so many bytes of its own */
};

/*
 * What only the writing process knows of a series slot, beside its handle: first what is the series'
 * writer's, but for tag and retired_at; then what is the control calls', under the lock.
 */
struct column {
	uint64_t tag;        /* generation << CELL_BITS; 0: slot not in use */
	uint64_t retired_at; /* 0: live */
	uint64_t first;      /* start of the lowest cell entered since open */
	uint64_t newest;     /* start of the highest one, but for the handle's; see newest_cell() */
	uint64_t highest;    /* the same, but a step back of the clock doesn't take it down */
	uint64_t
		sought; /* the cell that the handle was last moved to, before it went on by itself */
	double reading;              /* the last of rondo_record_total(); negative: none yet */
	uint32_t steps_back;         /* the schema's low bits, when newest was noted */
	uint32_t counts[STATS_SLOW]; /* by enum stats */

	uint64_t old_first, old_newest; /* first and newest of what was there at open */
	uint64_t total_window; /* first upper tier: windows before it are in total; 0: look it up */
	double total;
	bool unsynced; /* its generation may not be on disk yet */
	bool learned;  /* old_first and old_newest are known */
	bool settled;  /* histogram_settle() is done, or there is nothing to settle */
} __attribute__((aligned(64)));

struct matcher {
	char *label;
	char *value;
	int op; /* enum match_op */
	regex_t regex;
};

struct selector {
	size_t n;
	struct matcher *m;
};

/* The handles of a schema; a series finds its schema through this header, see schema_of(). */
struct handles {
	struct schema *schema;
	uint64_t pad[3];
	rondo_series series[];
};

struct schema {
	/* What a writer needs to enter the next cell; of the finest tier, but for columns. */
	uint64_t closed_until; /* ns: ticks before this are too late; relaxed */
	uint64_t open_span;    /* ns from there to the last that is not too early; relaxed */
	uint64_t steps_back;   /* how often now went down; relaxed */
	uint64_t cell_span;    /* ns */
	uint64_t stride;       /* bytes from a cell to the next */
	char *end;             /* NULL in a store that is timed */
	uint64_t ring_bytes;
	struct column *columns; /* writers only */

	struct rondo_store *store;
	uint32_t index;
	uint64_t reciprocal; /* of the finest interval, see rondo.h; 0: it has none that is exact */
	uint32_t n_tiers;
	uint32_t max_series;
	uint32_t used; /* slots below this were used once */
	uint32_t on_full;
	uint64_t reclaim_delay;
	uint64_t max_ahead;
	uint64_t grace;
	double xff;
	uint32_t n_bounds; /* 0: scalar series; else histograms */
	double bounds[DISK_BOUNDS];
	char *name;
	char *selector_text;
	struct selector *selector;
	struct tier *tiers;
	char *entries;                   /* in the mapped directory */
	struct rondo_tier *public_tiers; /* what rondo_store_schema() hands out; made there */
	uint64_t now;                    /* last known; relaxed */
	uint64_t published;              /* when stats_publish() did, in its own units */
	struct handles *handles;         /* writers only */
	/* Of each series its calls by duration, as in enum stats; NULL: they are not timed. */
	uint32_t (*slow)[RONDO_SLOW_BUCKETS];
	uint64_t *checked;    /* of entry_kind(); relaxed */
	uint32_t *free_slots; /* slots that were given up unfinished; writers only */
	uint32_t n_free;
};

struct rondo_store {
	int dir_fd;
	int fd;
	bool read_only;
	bool created; /* by this open */
	bool unclean; /* its last writer did not close it */
	bool timed;
	bool failed;
	uint32_t n_schemas;
	uint32_t entry_size;
	char *map;
	uint64_t file_size;
	struct disk_superblock superblock;
	struct schema *schemas;
	uint32_t *index; /* open addressing over all series: global slot + 1; writers only */
	uint64_t index_size;
	uint64_t index_used;
	uint64_t registered, reclaimed, full;
	pthread_mutex_t lock;
};

static inline struct schema *schema_of(const rondo_series *series)
{
	const struct handles *handles = (const void *)((const char *)(series - series->index) -
						       offsetof(struct handles, series));

	return handles->schema;
}

/* The start of the highest cell entered since open; the handle goes on to the next without a note. */
static inline uint64_t newest_cell(const struct schema *schema, uint32_t slot)
{
	uint64_t noted = load_relaxed(&schema->columns[slot].newest);
	uint64_t current = load_relaxed(&schema->handles->series[slot].start);

	return noted > current ? noted : current;
}

/* rondo_id: schema, generation (never 0, so neither is an id), slot. */
static inline rondo_id series_id(uint32_t schema, uint32_t generation, uint32_t slot)
{
	return (uint64_t)schema << 56 | (uint64_t)generation << 32 | slot;
}

static inline uint32_t series_id_schema(rondo_id id)
{
	return (uint32_t)(id >> 56);
}

static inline uint32_t series_id_generation(rondo_id id)
{
	return id >> 32 & GENERATION_MAX;
}

static inline uint32_t series_id_slot(rondo_id id)
{
	return (uint32_t)id;
}

/* error.c */
int fail(char *detail, size_t size, int error, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int error_of_errno(int err);

/* crc32c.c: CRC-32C (Castagnoli), as in iSCSI, ext4 and btrfs; crc of the bytes before, 0 at first */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* key.c */
#define KEY_MAX    4096
#define LABELS_MAX 64

/* A key taken apart: name and labels point into text. */
struct key {
	char text[KEY_MAX];
	const char *name;
	struct rondo_label labels[LABELS_MAX];
	size_t n_labels;
};

bool utf8_valid(const char *s, size_t len);
bool label_name_valid(const char *s);
int key_build(const struct rondo_series_def *def, char *out, size_t size, size_t *len);
int key_parse(const char *text, size_t len, struct key *key);

/* selector.c */
int selector_parse(const char *text, struct selector **out, char *detail, size_t size);
int selector_matches(const struct selector *selector, const struct key *key);
void selector_free(struct selector *selector);

/* schema.c */
int schema_encode(const struct rondo_schema *schema, struct disk_schema *disk, char *detail,
		  size_t size);
int schemas_check(const struct rondo_schema *schemas, size_t n, uint32_t entry_size, char *detail,
		  size_t size);
int schema_decode(const struct disk_schema *disk, struct schema *schema, char *detail, size_t size);
void schema_free(struct schema *schema);
uint32_t disk_lanes_each(const struct disk_schema *disk, uint32_t tier);
uint64_t slab_size(const struct disk_schema *disk, uint32_t tier);
uint64_t directory_size(uint64_t n_series, size_t n_schemas, uint32_t entry_size);

/* slab.c */
int slab_create(struct rondo_store *store, const struct disk_schema *disk, uint32_t schema,
		uint32_t tier, uint32_t mode, char *detail, size_t size);
int slab_open(struct rondo_store *store, struct schema *schema, uint32_t tier, char *detail,
	      size_t size);
void slab_close(struct tier *tier);
int slab_check_size(const struct tier *tier);
void slab_prefault(struct tier *tier, uint64_t cell_number, uint64_t most);
uint64_t slab_closed(const struct tier *tier);
void slab_set_closed(struct tier *tier, uint64_t until_ns);
bool slab_reopened(const struct tier *tier, uint64_t start_ns);
void slab_clear(const struct schema *schema, uint32_t slot);

/* entry.c */
struct entry_copy {
	uint64_t state;
	struct disk_entry head;
	char text[KEY_MAX]; /* the key as it is stored */
	struct key key;
	char unit[32];
	char help[KEY_MAX];
};

uint32_t state_generation(uint64_t state);
struct disk_entry *entry_at(const struct schema *schema, uint32_t slot);
int entry_read(const struct schema *schema, uint32_t slot, struct entry_copy *copy);
int entry_kind(const struct schema *schema, uint32_t slot, uint32_t generation);

/* directory.c, index.c */
int directory_load(struct rondo_store *store, char *detail, size_t size);
void index_free(struct rondo_store *store);
void directory_synced(struct rondo_store *store);
uint64_t clock_now(void);

/* read.c and window.c: covers are exact up to 1,023 ticks a window, scaled beyond */
static inline uint64_t ticks_of_cover(const struct tier *tier, uint32_t cover)
{
	if (tier->ticks <= COVER_MAX)
		return cover;
	return (uint64_t)((unsigned __int128)cover * tier->ticks / COVER_MAX);
}

/* record.c: of the slow paths */
int series_tick(rondo_series *series, uint64_t ts_ns);
void series_close(rondo_series *series);
int series_refuse(rondo_series *series, int error);

/* stats.c */
void stats_get(const struct schema *schema, uint64_t stats[STATS_NR]);
void stats_publish(struct schema *schema, uint64_t now);

/* window.c */

/* Where a window of a tier lies, and its slots in the source: the same for all series. */
struct window_at {
	uint64_t window;
	uint64_t number; /* of its cell */
	uint32_t k;      /* its slot in it */
	uint32_t row;
	uint64_t source_number; /* the first cell, slot and row */
	uint32_t source_k;
	uint32_t source_row;
};

struct window_at window_at(const struct schema *schema, uint32_t t, uint64_t window);
/* Closes it for one series, lane by lane; true if it was there already. */
bool window_close(const struct schema *schema, uint32_t t, uint32_t slot,
		  const struct window_at *at);
uint32_t cover_of_ticks(const struct tier *tier, uint64_t known);
/* Writes one lane's slot of a window, unless its place belongs to a later cell. */
void put_lane(const struct schema *schema, const struct tier *tier, uint32_t lane,
	      uint64_t generation_bits, uint64_t window, uint64_t bits, uint32_t cover);

/* histogram.c */
int histogram_at(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t generation_bits,
		 uint64_t window, struct rondo_histogram *out);
bool histogram_close(const struct schema *schema, uint32_t t, uint32_t slot, uint64_t window);
void histogram_settle(const struct schema *schema, uint32_t slot);
void histogram_journal_copy(const struct schema *from, uint32_t from_slot, const struct schema *to,
			    uint32_t to_slot);

/* info.c */
uint32_t tier_functions(const struct tier *tier);

/* sigbus.c */
int sigbus_add(rondo_store *store, void *map, uint64_t size);
void sigbus_remove(const void *map);

/* store.c */
bool store_failed(const struct rondo_store *store);
int store_check(struct rondo_store *store);

#endif /* RONDO_INTERNAL_H */
