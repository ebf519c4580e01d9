/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * format.h - every offset, magic and bit of the files on disk
 *
 * The only file that knows them; docs/STORAGE_FORMAT.md says the same in prose.  All numbers are
 * little-endian and of fixed width.  Structs here lie on the mapped files as they are: no padding,
 * asserted below.
 */
#ifndef RONDO_FORMAT_H
#define RONDO_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define FORMAT_VERSION 1u
#define FORMAT_ENDIAN  0x01020304u
#define FORMAT_SWAPPED 0x04030201u /* how the other byte order's marker reads */

#define STORE_FILE    "store.rondo"
#define STORE_MAGIC   "RONDOSTO"
#define SLAB_MAGIC    "RONDOSLB"
#define SLAB_NAME_FMT "%s.t%u.slab" /* schema's name, tier */

/* store.rondo: superblock copies, change counter, schemas, directory. */
#define SUPERBLOCK_A   0u
#define SUPERBLOCK_B   4096u
#define CHANGES_OFFSET 2048u /* u64, raised at each change of the directory */
#define SCHEMAS_OFFSET 8192u
#define SCHEMA_SIZE    4096u
#define SLAB_HEADER    4096u
#define CLOSED_OFFSET  1024u /* in a slab: u64 ns, windows that ended by then are closed */
#define STATS_OFFSET   1088u /* in the finest tier's: u64[STATS_NR], what the writer last counted */
#define REOPENED_OFFSET                                                                            \
	1032u /* 2 x u64 ns: windows from, up to, that a clock's step back opened once more */

struct disk_superblock {
	char magic[8];
	uint32_t endian;
	uint32_t version;
	uint32_t incompat; /* feature bits: an unknown one forbids opening */
	uint32_t compat;   /* feature bits: an unknown one may be ignored */
	uint64_t sequence; /* the valid copy with the higher one counts */
	uint32_t dirty;    /* 1 while it is open for writing */
	uint32_t unclean_opens;
	uint64_t created_ns;
	uint8_t uuid[16];
	uint32_t n_schemas;
	uint32_t entry_size;
	uint64_t directory_offset;
	uint64_t file_size;
	uint8_t zero[508 - 88];
	uint32_t crc; /* CRC-32C of all before */
};

struct disk_tier {
	uint64_t interval_ns;
	uint64_t retention_ns;
	uint32_t functions; /* as asked for */
	uint32_t lanes;     /* set of 1 << enum lane: what is stored per series */
	uint32_t rows;
	uint32_t zero0;
	uint8_t zero1[32];
};

#define DISK_TIERS  44
#define DISK_BOUNDS 46

struct disk_schema {
	char name[64];
	char selector[512];
	uint32_t n_tiers;
	uint32_t max_series;
	uint32_t on_full;
	uint32_t n_bounds; /* 0: scalar series; else histograms, with one bucket more */
	uint64_t reclaim_delay_ns;
	uint64_t max_ahead_ns;
	uint64_t grace_ns;
	double xff;
	uint8_t zero[16];
	double bounds[DISK_BOUNDS]; /* upper bounds of the buckets, ascending */
	uint8_t zero0[1024 - 640 - 8 * DISK_BOUNDS];
	struct disk_tier tiers[DISK_TIERS];
	uint8_t zero1[4092 - 1024 - DISK_TIERS * 64];
	uint32_t crc;
};

/* A series' directory entry; then key, unit and help without terminators. */
struct disk_entry {
	uint64_t state;      /* 7:0 enum entry_state, 31:8 generation, 63:32 steps */
	uint64_t retired_at; /* ns; 0 while live; not under the CRC */
	uint32_t crc;        /* CRC-32C of the generation (u32) and of all from key_len on */
	uint16_t key_len;
	uint16_t unit_len;
	uint16_t help_len;
	uint8_t kind;
	uint8_t schema;
	uint32_t slot;
	uint64_t registered_at; /* ns */
};

#define ENTRY_HEADER   40u
#define ENTRY_CRC_FROM 20u

enum entry_state {
	ENTRY_FREE = 0, /* never used */
	ENTRY_BUSY = 1, /* being written */
	ENTRY_LIVE = 2,
};

#define GENERATION_BITS 22
#define GENERATION_MAX  ((1u << GENERATION_BITS) - 1) /* 1 to this; 0 never is one */

struct disk_slab {
	char magic[8];
	uint32_t endian;
	uint32_t version;
	uint8_t uuid[16]; /* the store's */
	uint32_t schema;
	uint32_t tier;
	uint64_t interval_ns;
	uint32_t rows;
	uint32_t lanes; /* in a row: max_series x lanes per series */
	uint64_t file_size;
	uint8_t zero[508 - 64];
	uint32_t crc;
};

/*
 * The cell: six consecutive ticks of one lane of one series.
 *   tag  = generation << 42 | tick / 6
 *   tail = in the finest tier the tag again; in upper tiers six 10-bit covers (slot k at bit
 *          4 + 10 k) over the low 4 bits of the cell number
 */
#define CELL_TICKS  6u
#define CELL_BITS   42
#define COVER_BITS  10
#define COVER_MAX   1023u
#define TAIL_NUMBER 15u

struct disk_cell {
	uint64_t tag;
	uint64_t v[CELL_TICKS];
	uint64_t tail;
};

/* Since the store was opened for writing, of one schema. */
enum stats {
	STATS_TOO_OLD, /* samples refused, by cause */
	STATS_FUTURE,
	STATS_INVALID,
	STATS_CELLS, /* entered that follow the series' last one */
	STATS_SEEKS, /* moves to any other */
	STATS_SLOW,  /* recording calls by how long they took: below 32 ns, 64 ns, ... */
	STATS_NR = STATS_SLOW + 16,
};

/* What upper tiers keep; in this order within a series' group of lanes. */
enum lane {
	LANE_SUM,
	LANE_MIN,
	LANE_MAX,
	LANE_LAST,
	LANE_TOTAL,
	LANE_NR,
};

_Static_assert(sizeof(struct disk_superblock) == 512, "superblock is a sector");
_Static_assert(sizeof(struct disk_tier) == 64, "tier");
_Static_assert(sizeof(struct disk_schema) == SCHEMA_SIZE, "schema");
_Static_assert(offsetof(struct disk_schema, bounds) == 640, "bounds");
_Static_assert(offsetof(struct disk_schema, tiers) == 1024, "tiers");
_Static_assert(sizeof(struct disk_entry) == ENTRY_HEADER, "entry header");
_Static_assert(sizeof(struct disk_slab) == 512, "slab header");
_Static_assert(sizeof(struct disk_cell) == 64, "cell is a cache line");
_Static_assert(sizeof(double) == 8, "IEEE 754 binary64");

/*
 * A histogram's lanes in every tier: a bucket each, the last one without a bound, the sum of the
 * values, the check, which is written last: the sum of a share of each other lane, modulo 2^62.
 */
#define HISTOGRAM_LANES(n_bounds) ((n_bounds) + 3)
#define CHECK_MASK                ((UINT64_C(1) << 62) - 1)

/*
 * Behind the cells of a histogram schema's finest slab, for each series: what the latest recording
 * call leaves of its tick, the lanes that it changes, by ascending lane.
 */
struct disk_journal {
	uint64_t tag;   /* the cell's */
	uint64_t what;  /* 55:0 set of lanes, 63:56 the tick's place in the cell */
	uint64_t check; /* the check lane's new value */
	uint64_t v[];   /* the lanes' new values */
};

#define JOURNAL_LANES      56
#define JOURNAL_LANES_MASK ((UINT64_C(1) << JOURNAL_LANES) - 1)
/* A multiple of a cell's, so that no two series share a cache line. */
#define JOURNAL_SIZE(n_bounds) ((3 + (n_bounds) + 2 + 7) / 8 * UINT64_C(64))

#endif /* RONDO_FORMAT_H */
