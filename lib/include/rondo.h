/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rondo.h - librondo, an embedded round-robin time-series store
 *
 * A Store is a directory.  It holds Series (a name plus labels), each of which belongs to a
 * Schema: the Tiers (resolution and retention) and the consolidation functions of a class of
 * metrics.  Every tier of a schema is one memory-mapped file, its Slab, whose size follows from
 * the schema and never changes.  A tick is one interval of the finest tier; a window is one of an
 * upper tier, and covers ticks.
 *
 *	const uint64_t second = 1000000000;
 *	struct rondo_tier tiers[] = {
 *		{ second, 600 * second, 0, 0 },                         // 1 s for 10 minutes
 *		{ 10 * second, 21600 * second, RONDO_FNS_SUM, 0 },      // 10 s for 6 hours
 *	};
 *	struct rondo_schema schema = { .size = sizeof(schema), .name = "all", .tiers = tiers,
 *				       .n_tiers = 2, .max_series = 1000 };
 *	struct rondo_open_opts opts = { .size = sizeof(opts), .flags = RONDO_OPEN_CREATE,
 *					.schemas = &schema, .n_schemas = 1 };
 *	struct rondo_series_def def = { .size = sizeof(def), .name = "exits_total",
 *					.kind = RONDO_COUNTER };
 *
 *	rondo_store_open("/var/lib/app", &opts, &store);
 *	rondo_series_register(store, &def, &series);    // once per series
 *	rondo_add(series, now_ns, 1);                   // hot path: no lock, no system call
 *	rondo_consolidate(store, now_ns, 0);            // about once a second, from your own loop
 *	rondo_read(store, id, &range, points, cap, &n); // in any process
 *	rondo_store_close(store);
 *
 * This header is the reference.  docs/EMBEDDING.md is about putting the library into a program
 * (sizes, threads, costs, what is left after a crash); lib/examples/ has short programs;
 * docs/STORAGE_FORMAT.md has the bytes on disk.  Chapters: Errors, Schemas, Stores, Series,
 * Recording, Reading, Draining.
 *
 * CAVEATS
 *
 * - One writer per series.  A series may be recorded by any thread, but by one at a time; handing
 *   it to another thread needs a happens-before (a mutex, a join), nothing else.  Different series
 *   never share a cell, so any number of threads may record at once.
 * - Two series of one store share no cache line that recording writes, other than that of two
 *   neighbouring handles, which are written once every six ticks, a histogram's once a tick.
 * - One writing process per store (an OFD lock on its directory file, released by the kernel when
 *   the process ends).  A second one, or a second open for writing in the same process, gets
 *   RONDO_E_LOCKED.  Any number of processes may open it read-only meanwhile.
 * - After fork() the child has neither the mappings (MADV_DONTFORK) nor, after exec, the
 *   descriptors (O_CLOEXEC): it must not touch the store, not even to close it.  A child that lives
 *   on without exec shares the lock: closing the store releases it, but if the parent is killed the
 *   store stays RONDO_E_LOCKED until that child ends, too.  This can't be mended here: Linux knows
 *   locks of an open file, which fork() shares, and locks of a process, which it loses as soon as
 *   anything in it closes any descriptor of the file.
 * - Network filesystems: don't.  The store relies on shared mappings and OFD locks.
 * - Crash of the process (kill -9): nothing that was recorded is lost, there is no recovery pass.
 *   Power loss: what the kernel had not written back is lost, as whole cells of six ticks; what is
 *   there is right, except that a counter's tick may hold a prefix of its increments and a gauge's
 *   tick an earlier value of that tick.  rondo_store_sync() makes all that was recorded before
 *   durable.
 * - Values carry no checksum: a bit flipped inside a stored value by the medium can't be seen.  The
 *   superblock, the schemas, the slab headers and the directory entries have one.
 * - A file that is truncated or whose medium fails under the mapping raises SIGBUS in the toucher;
 *   open, iteration and consolidate check the file's size first.  An application may call
 *   rondo_sigbus_fixup() from its own handler: then the calls end with RONDO_E_FAILED instead.
 * - Clock steps: a timestamp more than max_ahead after the last known now is refused
 *   (RONDO_E_FUTURE), but for the rest of a series' current six ticks and the six after them, if
 *   these begin before; one whose window has been closed or whose cell is gone is refused
 *   (RONDO_E_TOO_OLD).  "The last known now" is what rondo_consolidate() was last told, upwards and
 *   downwards, and each series' own newest tick.
 *
 * CONVENTIONS
 *
 * Time.  Timestamps and durations are u64 nanoseconds; timestamps since the epoch, UTC, as
 * clock_gettime(CLOCK_REALTIME) has them.  The library asks no clock but at opening and when a
 * series is registered: now is what the caller says.  A point's timestamp is the start of its tick
 * or window.
 *
 * Errors.  Functions return 0 or a negative enum rondo_error unless they say otherwise; results
 * come through out-parameters, which are set only on success.  Each comment names the errors that
 * its function returns.  RONDO_E_INVALID, for a NULL where none is allowed, a `size` that is not
 * set or a number out of its range, is named only where there is more to say.  RONDO_E_FAILED can
 * come from every call that takes a store, once its files have failed.
 *
 * Structs whose first member is `size` may grow: set it to sizeof(the struct), and zero the rest
 * of what you don't set.  A NULL opts, or a zero member, means the default.
 *
 * Ownership.  A store belongs to the caller, who closes it; handles of series belong to the store
 * and live as long as it.  What is passed in is copied before the call returns.
 *
 * Threads.  A series' recording calls (record, add, record_total, observe, observe_counts, and its
 * place in a batch) belong to one thread at a time.  All other calls may be made from any thread at
 * any time, also beside recording: registering, retiring, consolidate, sync and info wait for each
 * other by a lock of the store's; reading, iterating and draining take none.  Exceptions:
 * rondo_store_close() needs the store for itself, rondo_series_retire() the series; iterators,
 * cursors and buffers belong to the thread that uses them.
 *
 * Versions.  All that is here came with 0.1.0, except where a comment says otherwise.
 *
 * The library never prints, exits, aborts, reads the environment, starts a thread or installs a
 * signal handler, and needs nothing but libc.
 */
#ifndef RONDO_H
#define RONDO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RONDO_VERSION_MAJOR 0
#define RONDO_VERSION_MINOR 1
#define RONDO_VERSION_PATCH 0
#define RONDO_VERSION       "0.1.0"

#if defined(__GNUC__)
#define RONDO_API __attribute__((visibility("default")))
#else
#define RONDO_API
#endif

/* ------------------------------------------------------------------------------------------ */
/* Errors                                                                                     */

/* Fixed numbers; a number is never reused.  rondo_strerror() has a sentence for each. */
enum rondo_error {
	RONDO_OK = 0,
	RONDO_MORE = 1,          /* not an error: the budget ran out, call again */
	RONDO_E_INVALID = -1,    /* an argument is out of its range */
	RONDO_E_NOMEM = -2,      /* malloc failed */
	RONDO_E_IO = -3,         /* a system call failed; errno says why */
	RONDO_E_NOT_FOUND = -4,  /* no such store, series, schema, tier or function */
	RONDO_E_EXISTS = -5,     /* a store is already there */
	RONDO_E_LOCKED = -6,     /* another process, or handle, has it open for writing */
	RONDO_E_READ_ONLY = -7,  /* the store was opened read-only */
	RONDO_E_CORRUPT = -8,    /* a checksum, size or field does not fit */
	RONDO_E_VERSION = -9,    /* a newer format version, or a feature that we don't know */
	RONDO_E_ENDIAN = -10,    /* written by, or opened on, a big-endian machine */
	RONDO_E_NO_SPACE = -11,  /* the disk is full */
	RONDO_E_FULL = -12,      /* the schema's max_series are in use */
	RONDO_E_NAME = -13,      /* a metric name, label name or label value is not allowed */
	RONDO_E_TOO_LONG = -14,  /* name and labels don't fit into a directory entry */
	RONDO_E_NO_SCHEMA = -15, /* no schema's selector matches the series */
	RONDO_E_KIND = -16,      /* the call is not for this kind of series */
	RONDO_E_VALUE = -17,     /* NaN, infinite, or a negative increment */
	RONDO_E_TOO_OLD = -18,   /* the tick's window is closed or its cell is gone */
	RONDO_E_FUTURE = -19,    /* further ahead of now than the schema's max_ahead */
	RONDO_E_RETIRED = -20,   /* the series was retired */
	RONDO_E_SELECTOR = -21,  /* the selector does not parse */
	RONDO_E_SCHEMA = -22,    /* the schema breaks a rule, or differs from the store's */
	RONDO_E_FAILED = -23,    /* the store's files failed under it; close and reopen */
};

/*
 * A sentence for an error, without a full stop; "unknown error" for other numbers.  Static
 * storage; any thread.
 */
RONDO_API const char *rondo_strerror(int error);

/*
 * "0.1.0": the version of the library that runs, as opposed to RONDO_VERSION, the one that was
 * compiled against.  Static storage; any thread.
 */
RONDO_API const char *rondo_version(void);

/* ------------------------------------------------------------------------------------------ */
/* Schemas                                                                                    */

/* What a series holds per tick of the finest tier. */
enum rondo_kind {
	RONDO_GAUGE = 1,     /* the last value recorded within the tick */
	RONDO_COUNTER = 2,   /* the sum of the increments added within the tick */
	RONDO_HISTOGRAM = 3, /* how many values fell into each bucket within the tick */
};

/*
 * Consolidation functions, and functions derived from them at query time.  "Known ticks" are the
 * finest tier's ticks in which something was recorded.
 */
enum rondo_function {
	RONDO_FN_DEFAULT = 0, /* GAUGE: avg, or what the schema has in the order avg last max min
	                         sum count; COUNTER: sum */
	RONDO_FN_AVG = 1,     /* mean over the known ticks */
	RONDO_FN_MIN = 2,
	RONDO_FN_MAX = 3,
	RONDO_FN_LAST = 4,  /* value of the latest known tick */
	RONDO_FN_SUM = 5,   /* sum over the known ticks; for a COUNTER the increase */
	RONDO_FN_COUNT = 6, /* number of known ticks (exact up to 1,023 a window, scaled beyond) */
	RONDO_FN_TOTAL = 7, /* COUNTER: cumulative, at the window's end; in the finest tier it
	                         needs the function in the first upper tier */
	RONDO_FN_RATE = 8,  /* COUNTER, derived: sum per second of window */
};

/* The bit of a function in a set of functions. */
#define RONDO_FN(f)     (1u << (f))
#define RONDO_FNS_AVG   RONDO_FN(RONDO_FN_AVG)
#define RONDO_FNS_MIN   RONDO_FN(RONDO_FN_MIN)
#define RONDO_FNS_MAX   RONDO_FN(RONDO_FN_MAX)
#define RONDO_FNS_LAST  RONDO_FN(RONDO_FN_LAST)
#define RONDO_FNS_SUM   RONDO_FN(RONDO_FN_SUM)
#define RONDO_FNS_COUNT RONDO_FN(RONDO_FN_COUNT)
#define RONDO_FNS_TOTAL RONDO_FN(RONDO_FN_TOTAL)

/*
 * One tier.  interval_ns: >= 1 ms; in upper tiers a multiple (>= 2) of the finer tier's.
 * retention_ns: a positive multiple of interval_ns; a tier under another one must retain at least
 * two of that one's windows plus the grace.  functions: a set of RONDO_FNS_*; ignored in the
 * finest tier, where the tick's value serves all of them.  RONDO_FNS_TOTAL in a tier needs it in
 * all finer upper tiers.  A function of a coarser tier makes the finer ones keep what it is
 * computed from.  A COUNTER needs sum (or avg, count, total) in every upper tier.
 */
struct rondo_tier {
	uint64_t interval_ns;
	uint64_t retention_ns;
	uint32_t functions;
	uint32_t reserved; /* 0 */
};

#define RONDO_TIERS_MAX       44
#define RONDO_SCHEMAS_MAX     64
#define RONDO_SCHEMA_NAME_MAX 63
#define RONDO_SELECTOR_MAX    511

/* What to do when a series is to be registered and max_series are in use. */
enum rondo_on_full {
	RONDO_ON_FULL_REFUSE = 0, /* RONDO_E_FULL */
	RONDO_ON_FULL_RECLAIM =
		1, /* take the slot that was retired longest ago, if reclaim_delay_ns
	                              have passed since, else RONDO_E_FULL */
};

/*
 * A class of metrics.  The first schema of a store whose selector matches a series takes it.
 *
 * name: 1 to 63 bytes of [a-zA-Z0-9_-], unique in the store.  selector: see rondo_iter_begin();
 * NULL or "" matches all.  tiers[n_tiers]: finest first.  max_series: 1 to 16,777,216.
 * reclaim_delay_ns: 0 is 60 s.  max_ahead_ns: 0 is 60 s.  grace_ns: how long after its end a
 * window stays open for late data; 0 is max(2 s, six of the finest ticks), and less than six of
 * the finest ticks is refused.  xff: the share of a window's ticks that may be unknown (rrdtool's
 * sense), in [0, 1); applied by queries only, never to a counter's sum, count, max or total; 0 is
 * 0.5, use RONDO_XFF_NONE for "none may be unknown".
 *
 * bounds[n_bounds]: makes it a schema of histograms, which takes HISTOGRAM series and no others:
 * the buckets' upper bounds (inclusive, Prometheus' `le`), finite and ascending; one more bucket
 * takes what is above the last.  The tiers' functions are ignored, each tier keeps everything.  A
 * histogram takes n_bounds + 3 times the space of a scalar with one function, and about as many
 * times eight bytes.
 */
struct rondo_schema {
	size_t size;
	const char *name;
	const char *selector;
	const struct rondo_tier *tiers;
	uint32_t n_tiers;
	uint32_t max_series;
	enum rondo_on_full on_full;
	uint64_t reclaim_delay_ns;
	uint64_t max_ahead_ns;
	uint64_t grace_ns;
	double xff;
	const double *bounds;
	uint32_t n_bounds;
};

/* Bounds of a histogram schema at most: buckets are one more. */
#define RONDO_BOUNDS_MAX 46

#define RONDO_XFF_NONE (-1.0)

/* What a set of schemas will take: exact, the files have these sizes from creation on. */
struct rondo_plan {
	uint64_t bytes;           /* all files together */
	uint64_t directory_bytes; /* superblock, schemas, series directory */
	uint64_t slab_bytes;
	uint64_t series; /* sum of max_series */
};

/*
 * Sizes of a store with these schemas; checks the schemas by the same rules as creation does, and
 * touches no file.  n_schemas: 1 to RONDO_SCHEMAS_MAX.  entry_size as in rondo_open_opts.  detail
 * (may be NULL): a buffer of detail_size bytes for a sentence that names what is wrong.  Any
 * thread.
 * RONDO_E_SCHEMA, _SELECTOR, _INVALID, _NOMEM.
 */
RONDO_API int rondo_plan(const struct rondo_schema *schemas, size_t n_schemas, uint32_t entry_size,
			 struct rondo_plan *plan, char *detail, size_t detail_size);

/* ------------------------------------------------------------------------------------------ */
/* Stores                                                                                     */

typedef struct rondo_store rondo_store;

/* Identity of a series for reading, in any process: schema, slot and generation. 0 is none. */
typedef uint64_t rondo_id;

enum rondo_open_flags {
	RONDO_OPEN_READ_ONLY = 1u << 0, /* no lock, nothing is written; the writer may be live */
	RONDO_OPEN_CREATE = 1u << 1,    /* create the store if it isn't there, from schemas[] */
	RONDO_OPEN_EXCLUSIVE = 1u << 2, /* with CREATE: RONDO_E_EXISTS if it is there */
	RONDO_OPEN_TIMED = 1u << 3,     /* for writing: fill rondo_store_info.slow, see there */
};

/*
 * flags: rondo_open_flags; 0 opens an existing store for writing.  schemas[n_schemas]: for CREATE;
 * an existing store must have the same ones, else RONDO_E_SCHEMA.  Copied.  entry_size: bytes of a
 * directory entry, a power of two from 256 to 4096, 0 is 512; key, unit and help of a series must
 * fit into it less 40 bytes.  mode: permissions of created files, 0 is 0644 (directory: plus x
 * where there is r), less the umask.  Both are for creation; an existing store keeps its own.
 * detail: a buffer of detail_size bytes for a sentence that names the file and what is wrong with
 * it, "" on success; NULL for none.
 */
struct rondo_open_opts {
	size_t size;
	uint32_t flags;
	uint32_t entry_size;
	uint32_t mode;
	const struct rondo_schema *schemas;
	size_t n_schemas;
	char *detail;
	size_t detail_size;
};

/*
 * Opens (or creates) the store in directory `path`; its parent must exist.  Creation is atomic: a
 * directory without a complete superblock is not a store, and is completed by the next CREATE.  It
 * takes the disk space of all files at once, so no later call can run out of it.  Opening for
 * writing allocates about 190 bytes of memory for each of max_series, all that recording will ever
 * use; for reading it is 8.  opts may be NULL: an existing store, for writing.  *store is the
 * caller's, to be closed.
 * RONDO_E_NOT_FOUND, _EXISTS, _LOCKED, _CORRUPT, _VERSION, _ENDIAN, _NO_SPACE, _SCHEMA, _SELECTOR,
 * _NOMEM, _IO, _INVALID (READ_ONLY with CREATE or TIMED, too).
 */
RONDO_API int rondo_store_open(const char *path, const struct rondo_open_opts *opts,
			       rondo_store **store);

/*
 * Syncs (unless read-only), marks the store clean, frees all that is the store's.  NULL is allowed.
 * Nobody else may be using the store; series handles and strings that it handed out are gone, an
 * iterator must have been ended.  RONDO_E_IO if the data could not be synced, RONDO_E_FAILED; the
 * store is closed all the same.
 */
RONDO_API int rondo_store_close(rondo_store *store);

/*
 * Makes all that was recorded or registered before the call durable: slabs first, then the
 * directory.  Takes as long as the disk does; writers go on meanwhile, and pay a page fault for
 * each page that they touch next (a page is 64 series' six ticks).  Not needed for survival of a
 * crash of the process.
 * RONDO_E_IO, _READ_ONLY, _FAILED.
 */
RONDO_API int rondo_store_sync(rondo_store *store);

/* What rondo_store_migrate() could not take over.  Fixed numbers. */
enum rondo_drop {
	RONDO_DROP_SERIES = 1,   /* a series, for the error that says why */
	RONDO_DROP_TIER = 2,     /* a tier of it: none has its interval over the same finest one */
	RONDO_DROP_FUNCTION = 3, /* functions of a tier that the new one does not keep */
	RONDO_DROP_HISTORY = 4,  /* what is older than the new tier retains */
	RONDO_DROP_BOUNDS = 5,   /* all of a histogram: the new schema has other buckets */
};

/* One of them.  Strings live until the callback returns. */
struct rondo_dropped {
	size_t size;
	enum rondo_drop what;
	int error;          /* RONDO_DROP_SERIES: RONDO_E_FULL, _NO_SCHEMA, _TOO_LONG, _KIND */
	const char *key;    /* name and labels */
	const char *schema; /* the source's */
	uint32_t tier;      /* the source's; UINT32_MAX: all */
	uint32_t functions; /* RONDO_DROP_FUNCTION: the set of RONDO_FNS_* */
	uint64_t interval_ns;
	uint64_t from_ns, until_ns; /* RONDO_DROP_HISTORY: what was dropped lies in [from, until) */
};

/* What rondo_store_migrate() did. Cells hold up to six ticks or windows of one function each. */
struct rondo_migrate_report {
	size_t size;
	uint64_t series;         /* that are in the new store */
	uint64_t series_dropped; /* the others */
	uint64_t tiers_dropped;  /* of series, for their interval or their buckets */
	uint64_t functions_dropped;
	uint64_t cells;
	uint64_t cells_dropped; /* older than the new tier's retention */
};

/*
 * schemas[n_schemas]: of the new store; NULL: those of the old one, a snapshot.  entry_size, mode,
 * detail: as in rondo_open_opts; entry_size 0 is the old store's.  dropped: called for each thing
 * that found no place; arg is its.
 */
struct rondo_migrate_opts {
	size_t size;
	const struct rondo_schema *schemas;
	size_t n_schemas;
	uint32_t entry_size;
	uint32_t mode;
	char *detail;
	size_t detail_size;
	void (*dropped)(const struct rondo_dropped *dropped, void *arg);
	void *arg;
};

/*
 * Writes all series of a store into a new one of other schemas in directory `path`, which must not
 * have one, durably: other retentions, tiers, functions, selectors, max_series.  What fits is
 * carried over: series that a schema takes, tiers of the same interval over the same finest
 * interval, what the new retention holds.  What is new there (a tier, a function) is computed as
 * far as the finer tiers reach back.  All else is dropped, counted in *report and told to
 * opts->dropped.  The source may be open read-only and be written meanwhile: the copy is consistent
 * per cell and for all closed windows; to go on recording without a gap, stop the writer first.
 * opts and report may be NULL; set their sizes.  Takes the time and the memory of a store of that
 * size.  Errors as rondo_store_open(); a migration that fails leaves nothing there.
 */
RONDO_API int rondo_store_migrate(rondo_store *from, const char *path,
				  const struct rondo_migrate_opts *opts,
				  struct rondo_migrate_report *report);

/*
 * A copy of a store, which may be open read-only and be written meanwhile: rondo_store_migrate() to
 * the schemas that it has.  Nothing is dropped but series whose slot gets another owner meanwhile.
 * detail: as in rondo_open_opts.
 */
RONDO_API int rondo_store_snapshot(rondo_store *from, const char *path, char *detail,
				   size_t detail_size);

/* What rondo_store_verify() looks at, and what it may find there.  Fixed numbers. */
enum rondo_verify_kind {
	RONDO_VERIFY_SUPERBLOCK = 1, /* a copy of the superblock */
	RONDO_VERIFY_SCHEMA = 2,     /* a schema's checksum or fields */
	RONDO_VERIFY_FILE = 3,       /* a file is missing, or of another size */
	RONDO_VERIFY_SLAB = 4,       /* a slab's header, or it is another's */
	RONDO_VERIFY_ENTRY = 5,      /* a directory entry's checksum, key or fields */
	RONDO_VERIFY_DUPLICATE = 6,  /* two series have one key */
	RONDO_VERIFY_TAG = 7,        /* a cell out of its place, or of a generation never issued */
	RONDO_VERIFY_TAIL = 8,       /* a cell whose tag and tail don't belong together */
	RONDO_VERIFY_VALUE = 9,      /* no value that recording takes: NaN, infinite, < 0 */
	RONDO_VERIFY_COVER = 10,     /* more known ticks than the window has */
	RONDO_VERIFY_FUTURE = 11,    /* a cell from after now and max_ahead */
	RONDO_VERIFY_HISTOGRAM = 12, /* a histogram whose parts don't belong together */
	RONDO_VERIFY_WINDOW = 13,    /* a closed window that the finer tier contradicts */
	RONDO_VERIFY_TOTAL = 14,     /* a total that is not the one before and the sum */
};
#define RONDO_VERIFY_KINDS 15

/*
 * One finding.  Strings live until the callback returns.  damage 0: a note, of what is unusual and
 * allowed: a cell of a clock that was wrong, an older superblock that was never needed, a window of
 * which late data or a power loss (if the store is in use, or was ever not closed) took a part.
 */
struct rondo_verify_finding {
	size_t size;
	enum rondo_verify_kind kind;
	uint32_t damage;
	const char *file; /* in the store's directory */
	uint64_t offset;  /* in it, of the cell, entry or header, in bytes */
	uint32_t schema;  /* index; UINT32_MAX: of none */
	uint32_t tier;    /* index; UINT32_MAX: of none */
	rondo_id id;      /* of the series; 0: of none */
	const char *key;  /* its name and labels, or "" */
	uint64_t ts_ns;   /* start of the tick, window or cell; 0: of none */
	const char *text; /* what is wrong, without a full stop */
};

/* What was looked at, and how much was found. */
struct rondo_verify_report {
	size_t size;
	uint64_t damage; /* findings */
	uint64_t notes;
	uint64_t by_kind[RONDO_VERIFY_KINDS]; /* of both */
	uint64_t series;
	uint64_t cells;
	uint64_t windows; /* of upper tiers, compared with the tier below */
	uint64_t
		interrupted; /* cells that a writer, or its end, left half entered; they hold nothing */
	uint64_t bytes;
};

/*
 * found: called for each finding.  progress: called now and then; bytes of all there are have been
 * looked at; not 0 stops.  Both may be NULL, arg is theirs.  now_ns: what the future is measured
 * by; 0 is the clock.  detail: as in rondo_open_opts.
 */
struct rondo_verify_opts {
	size_t size;
	void (*found)(const struct rondo_verify_finding *finding, void *arg);
	int (*progress)(uint64_t bytes, uint64_t all, void *arg);
	void *arg;
	uint64_t now_ns;
	char *detail;
	size_t detail_size;
};

/*
 * Checks all of a store that is checksummed or said twice: both superblock copies, schemas, file
 * sizes, slab headers, every directory entry, every cell; and compares each closed window with the
 * finer tier, where that still has all of it.  Opens it read-only by itself, so it also tells of a
 * store that rondo_store_open() refuses.  Writes nothing; a writer may be at work: what is in
 * flight is no finding.  Memory: 24 bytes for each of max_series, and open files.  opts and report may be
 * NULL; set their sizes.  Any thread.
 *
 * A flipped bit in a value that no other tier has yet, or any more, can't be found.  Where a clock
 * that stepped back opened windows once more, what they differ by from the finer tier is a note.
 *
 * 0: no damage (there may be notes).  RONDO_MORE: progress() stopped it.  RONDO_E_CORRUPT: damage.
 * RONDO_E_NOT_FOUND: no store.  RONDO_E_VERSION, _ENDIAN: not ours to judge.  RONDO_E_IO, _NOMEM.
 * RONDO_E_FAILED: the files failed meanwhile (see rondo_sigbus_fixup()).
 */
RONDO_API int rondo_store_verify(const char *path, const struct rondo_verify_opts *opts,
				 struct rondo_verify_report *report);

/*
 * For an application's SIGBUS handler (installed with SA_SIGINFO): if si_addr lies in a store's
 * mapping, puts an empty page there, marks the store as failed (RONDO_E_FAILED from then on; close
 * and reopen it) and returns 1: return from the handler.  Else 0: the signal was not for us.
 * Async-signal-safe.
 */
RONDO_API int rondo_sigbus_fixup(void *address);

#define RONDO_SLOW_BUCKETS 16

/*
 * A snapshot of what a store is and has.  Counters are since it was opened, by this handle; those
 * from too_old on are also known to read-only handles, as the writer's rondo_consolidate() last
 * left them, about every ten seconds.
 *
 * slow[i]: recording calls that left the inline path and took less than 2^(5 + i) ns (32, 64, ...
 * ns; the last has all that took longer), refusals and page faults included; all 0 without
 * RONDO_OPEN_TIMED, for two readings of the clock cost 40 ns (more where each is a system call, as
 * in some virtual machines), and entering a cell 5.  cells and seeks say how often, without it.
 */
struct rondo_store_info {
	size_t size;
	uint32_t format_version;
	uint32_t n_schemas;
	uint32_t unclean_opens; /* how often it was opened after an unclean end */
	uint32_t entry_size;
	uint64_t created_ns;
	uint64_t bytes; /* exact size of all its files */
	uint64_t series_live;
	uint64_t series_retired;
	uint64_t series_max;
	uint64_t registered; /* series registered for the first time */
	uint64_t reclaimed;  /* slots of retired series given to new ones */
	uint64_t full;       /* registrations refused with RONDO_E_FULL */
	uint64_t too_old;    /* samples refused, by cause */
	uint64_t future;
	uint64_t invalid; /* RONDO_E_VALUE, _KIND, _RETIRED */
	uint64_t cells;   /* entered: the next six ticks after a series' last ones */
	uint64_t seeks;   /* moves of a series to any other ticks: the first, after a pause, back */
	uint64_t slow[RONDO_SLOW_BUCKETS];
};

/*
 * Set info->size first.  Looks at every directory entry: for tools and once a minute, not for
 * loops.
 */
RONDO_API int rondo_store_info(rondo_store *store, struct rondo_store_info *info);

/*
 * The schema number `index` (0 to n_schemas-1).  Strings and tiers are the store's and live until
 * it is closed.  functions of each tier are all that can be queried there, those kept for coarser
 * tiers included.  Set schema->size first.  RONDO_E_NOT_FOUND beyond the last, RONDO_E_NOMEM.
 */
RONDO_API int rondo_store_schema(rondo_store *store, uint32_t index, struct rondo_schema *schema);

/*
 * The start of the newest tick that any series of the schema holds in the finest tier.
 * RONDO_E_NOT_FOUND if there is none.  Reads every cell of the tier: for tools, not for loops.
 */
RONDO_API int rondo_store_newest(rondo_store *store, uint32_t schema_index, uint64_t *ts_ns);

/* ------------------------------------------------------------------------------------------ */
/* Series                                                                                     */

struct rondo_label {
	const char *name;
	const char *value;
};

/*
 * name: [a-zA-Z_:][a-zA-Z0-9_:]*.  labels[n_labels]: any order, at most 64, names
 * [a-zA-Z_][a-zA-Z0-9_]* without a leading "__", each once; values non-empty UTF-8 (Prometheus'
 * data model).  kind: it must be the same at each registration.  unit, help: NULL or text, UTF-8;
 * unit at most 31 bytes, by custom a base unit: "ns", "bytes".  All are copied.
 */
struct rondo_series_def {
	size_t size;
	const char *name;
	const struct rondo_label *labels;
	size_t n_labels;
	enum rondo_kind kind;
	const char *unit;
	const char *help;
};

/*
 * The handle of a series that is being written.  It is the store's and lives until the store is
 * closed.  The members are documented because the inline functions below use them, and are for
 * nobody else to read or write.
 */
typedef struct rondo_series {
	uint64_t *slot;      /* the six ticks of the current cell, in the mapped slab */
	uint64_t start;      /* first nanosecond of the first of them */
	uint64_t reciprocal; /* of a tick's length in ns: 2^83 / length, rounded up */
	uint32_t index;      /* of the series slot in its schema */
	uint8_t kind;        /* enum rondo_kind */
	uint8_t open;        /* kind while the cell takes samples; 0: calls take the slow path */
	uint8_t reserved[2];
} rondo_series;

/*
 * Registers a series, or returns the handle of the one with the same name and labels; a retired
 * one is continued.  *series is the store's, and the same for the same series each time.
 * Allocates, locks, may sync a page: not for hot paths.  unit and help of a series that exists
 * stay as they are.  It survives a crash of the process at once, a power loss after the next sync.
 * RONDO_E_NAME, _TOO_LONG, _NO_SCHEMA, _FULL, _KIND (exists as another kind, or a COUNTER for a
 * schema without sums), _READ_ONLY, _NOMEM, _IO, _INVALID (no such kind, too).
 */
RONDO_API int rondo_series_register(rondo_store *store, const struct rondo_series_def *def,
				    rondo_series **series);

/*
 * Says that a series will get no more data: its history stays readable until the tiers let go of
 * it or its slot is reclaimed.  To be called by, or after, the series' writer.  Recording through
 * the handle afterwards gives RONDO_E_RETIRED, until the series is registered again; once the slot
 * may be reclaimed (reclaim_delay_ns later) the handle must not be used, it may be another's.
 * now_ns: by the clock that rondo_consolidate() is told.  Retiring twice is no error, and keeps the
 * first time.  RONDO_E_READ_ONLY.
 */
RONDO_API int rondo_series_retire(rondo_store *store, rondo_series *series, uint64_t now_ns);

/*
 * The identity of a registered series, for rondo_read(); 0 for NULL.  It is good in any process,
 * and after reopening, until the slot gets another owner.
 */
RONDO_API rondo_id rondo_series_id(rondo_store *store, const rondo_series *series);

/* What the directory says of a series. Pointers as documented where one is handed out. */
struct rondo_series_info {
	size_t size;
	rondo_id id;
	const char *key; /* name{a="b",c="d"}, labels sorted, values escaped */
	const char *name;
	const struct rondo_label *labels; /* sorted by name, values unescaped */
	size_t n_labels;
	enum rondo_kind kind;
	const char *unit; /* "" if none */
	const char *help; /* "" if none */
	uint32_t schema;  /* index */
	uint32_t retired; /* 1 if it is retired */
	uint64_t retired_at_ns;
};

/*
 * The identity of the series with this name and these labels (kind, unit, help are ignored), live
 * or retired.  Looks through the directory: ask once, keep the id.
 * RONDO_E_NOT_FOUND, _NAME, _TOO_LONG.
 */
RONDO_API int rondo_series_find(rondo_store *store, const struct rondo_series_def *def,
				rondo_id *id);

typedef struct rondo_iter rondo_iter;

/*
 * Iterates over the series (live and retired) that match a Prometheus selector:
 * name{a="b",c!="d",e=~"f|g",h!~"i"}; every part is optional, NULL or "" matches all.  Regular
 * expressions are POSIX extended and anchored at both ends, without back-references, and all
 * together of at most 1,000 characters when their repetitions are written out (x+ is three); a
 * label that a series does not have is "".  __name__ is the name.  The order is that of schemas,
 * then of slots.  *iter is the caller's, to be ended.
 * RONDO_E_SELECTOR: detail (may be NULL) says where and why.  RONDO_E_NOMEM, _FAILED.
 */
RONDO_API int rondo_iter_begin(rondo_store *store, const char *selector, rondo_iter **iter,
			       char *detail, size_t detail_size);

/*
 * The next series: 1 and *info, 0 at the end, or an error.  Strings live until the next call on
 * this iterator.  Set info->size first.  A series that is registered meanwhile may or may not come.
 */
RONDO_API int rondo_iter_next(rondo_iter *iter, struct rondo_series_info *info);

/* Frees the iterator and the strings that it handed out.  NULL is allowed. */
RONDO_API void rondo_iter_end(rondo_iter *iter);

/* ------------------------------------------------------------------------------------------ */
/* Recording                                                                                  */

/* The one NaN that marks a slot without a value; never recorded, never returned. */
#define RONDO_EMPTY UINT64_C(0x7ff7524f4e444f00)

/* The largest increment that rondo_add() takes, so that a tick's sum stays finite. */
#define RONDO_ADD_MAX 1e300

/*
 * The parts of record and add beyond the current cell, and the ways out with an error; call the
 * inline functions instead.
 */
RONDO_API int rondo_record_slow(rondo_series *series, uint64_t ts_ns, double value);
RONDO_API int rondo_add_slow(rondo_series *series, uint64_t ts_ns, double delta);

/*
 * Which tick of the handle's cell ts_ns lies in, 0 to 5; something larger if in none of them.
 * Exact: a division by the invariant length, as Granlund and Montgomery have it (PLDI 1994).  Not
 * to be called.
 */
static inline uint64_t rondo_tick_(const rondo_series *series, uint64_t ts_ns)
{
	__extension__ typedef unsigned __int128 wide;

	return (uint64_t)((wide)(ts_ns - series->start) * series->reciprocal >> 83);
}

/*
 * GAUGE: sets the value of the tick that ts_ns lies in; the last one within a tick stays.  value:
 * finite.  ts_ns: at most max_ahead ahead of now, and in a window of the first upper tier that is
 * not closed yet, as it is for the grace at least (in a schema of one tier: still in the ring); it
 * need not grow from call to call.  No allocation, no lock, no system call, wait-free.
 * By the series' thread.  Readers see it at once.  A refused sample changes nothing and is counted
 * in rondo_store_info(): it is safe to ignore what this returns.
 * RONDO_E_KIND, _VALUE, _RETIRED, _FUTURE, _TOO_OLD, found in this order.
 */
static inline int rondo_record(rondo_series *series, uint64_t ts_ns, double value)
{
	union {
		double f;
		uint64_t u;
	} bits = { value };
	uint64_t tick = rondo_tick_(series, ts_ns);

	/* an exponent of all ones is that of NaN and infinity */
	if (__builtin_expect(tick < 6 && bits.u << 1 < UINT64_C(0xffe0000000000000) &&
				     __atomic_load_n(&series->open, __ATOMIC_RELAXED) ==
					     RONDO_GAUGE,
			     1)) {
		__atomic_store_n(series->slot + tick, bits.u, __ATOMIC_RELEASE);
		return RONDO_OK;
	}
	return rondo_record_slow(series, ts_ns, value);
}

/*
 * COUNTER: adds to the tick that ts_ns lies in.  delta: 0 to RONDO_ADD_MAX; 0 says "known, and
 * none happened", a tick without any add is unknown.  Otherwise as rondo_record().
 */
static inline int rondo_add(rondo_series *series, uint64_t ts_ns, double delta)
{
	union {
		double f;
		uint64_t u;
	} sum, by = { delta }, most = { RONDO_ADD_MAX };
	uint64_t tick = rondo_tick_(series, ts_ns);

	/* what is not negative sorts as its bits do; all else lies above */
	if (__builtin_expect(tick < 6 && by.u <= most.u &&
				     __atomic_load_n(&series->open, __ATOMIC_RELAXED) ==
					     RONDO_COUNTER,
			     1)) {
		sum.u = __atomic_load_n(series->slot + tick, __ATOMIC_RELAXED);
		if (sum.u == RONDO_EMPTY)
			sum.f = 0;
		sum.f += delta;
		__atomic_store_n(series->slot + tick, sum.u, __ATOMIC_RELEASE);
		return RONDO_OK;
	}
	return rondo_add_slow(series, ts_ns, delta);
}

/*
 * COUNTER from a cumulative reading, 0 to RONDO_ADD_MAX: adds what it grew by since the last one.
 * The first reading after open or registration is the baseline and adds nothing; one that is
 * smaller than the last is a reset, and counts from 0.  A refused reading leaves the last one as
 * it was.  Otherwise as rondo_add(); don't mix the two on one series.
 */
RONDO_API int rondo_record_total(rondo_series *series, uint64_t ts_ns, double total);

/*
 * HISTOGRAM: counts a value into its bucket of the tick.  value: finite; it goes into the first
 * bucket whose bound is not below it.  Seen whole or not at all: by a reader that comes in between,
 * after a kill in the middle of it, after a power loss; a tick of which a power loss left but a
 * part is unknown from then on.  Guarantees and errors as rondo_record().
 */
RONDO_API int rondo_observe(rondo_series *series, uint64_t ts_ns, double value);

/*
 * HISTOGRAM: adds what was counted elsewhere: counts[n_bounds + 1] per bucket, not cumulative, and
 * the sum of the values, finite.  All zero says "known, and none".  Guarantees and errors as
 * rondo_record().
 */
RONDO_API int rondo_observe_counts(rondo_series *series, uint64_t ts_ns, const uint64_t *counts,
				   double sum);

/*
 * Records values[i] (GAUGE) or adds it (COUNTER) to series[i] for i < n, all at one time, of any
 * schemas of any stores.  Faster than a loop.  A refused sample does not stop the others: returns
 * the first error; *refused (may be NULL) is how many there were, in either case.
 * Guarantees and errors of each as rondo_record(); RONDO_E_KIND for a HISTOGRAM.
 */
RONDO_API int rondo_record_batch(rondo_series *const *series, const double *values, size_t n,
				 uint64_t ts_ns, size_t *refused);

/*
 * The maintenance tick: closes every window of the upper tiers that ended more than the schema's
 * grace before now_ns, finest tier first, oldest window first, and prepares the next rows for the
 * writers.  Call it about once a second; calling it late or seldom costs nothing but lateness, as
 * long as the finest tier still holds the data.  now_ns: the time; it may go back, see Clock steps
 * above.  budget: at most about that many windows of a series, then RONDO_MORE: call again, with
 * the same or a later now; and at most an eighth as many pages of each tier prepared for the
 * writers, the rest at the next calls; 0 is no limit.  No allocation; a system call per file, to
 * see its size.  Safe beside writers.
 * RONDO_E_READ_ONLY, _FAILED, _INVALID (now_ns 0).
 */
RONDO_API int rondo_consolidate(rondo_store *store, uint64_t now_ns, uint64_t budget);

/* ------------------------------------------------------------------------------------------ */
/* Reading                                                                                    */

#define RONDO_TIER_AUTO UINT32_MAX

/*
 * What to read, of all reading calls.  Points whose window starts in [start_ns, end_ns); end_ns 0
 * is no limit.  tier: index, finest is 0, or RONDO_TIER_AUTO: for each stretch of time the finest
 * tier that still has it, whole windows, never overlapping.  step_ns (AUTO only): no tier finer
 * than the coarsest whose interval is <= step_ns; 0 is the finest.
 */
struct rondo_range {
	size_t size;
	uint64_t start_ns;
	uint64_t end_ns;
	uint64_t step_ns;
	uint32_t tier;
	enum rondo_function function;
};

struct rondo_point {
	uint64_t ts_ns; /* start of the tick or window */
	double value;
	uint32_t tier;  /* index; the schema says its interval */
	uint32_t known; /* finest ticks that were known in the window */
};

/*
 * Reads points of one series in order of time into points[cap]; *n says how many.  cap: 1 or more;
 * when *n == cap there may be more: go on from the last point's ts_ns + its tier's interval.  A
 * tick or window without data has no point; the newest tick may still change.  No lock, no
 * allocation, no system call; the writer may be live, in this process or another.
 * RONDO_E_NOT_FOUND: the series is gone, or the tier or function doesn't exist there
 * (rondo_store_schema() tells); RONDO_E_KIND: total or rate of a GAUGE, anything of a HISTOGRAM.
 */
RONDO_API int rondo_read(rondo_store *store, rondo_id id, const struct rondo_range *range,
			 struct rondo_point *points, size_t cap, size_t *n);

/* A histogram over a tick or window. */
struct rondo_histogram {
	uint64_t ts_ns;
	uint32_t tier;
	uint32_t known; /* finest ticks that were known in the window */
	double count;
	double sum;
	double buckets[RONDO_BOUNDS_MAX + 1]; /* not cumulative; the schema has the bounds */
};

/*
 * As rondo_read() (range->function is ignored), of a HISTOGRAM.  A tick at which the writer is just
 * counting is left out.  RONDO_E_KIND: not a histogram.
 */
RONDO_API int rondo_read_histogram(rondo_store *store, rondo_id id, const struct rondo_range *range,
				   struct rondo_histogram *out, size_t cap, size_t *n);

/*
 * Adds the counts, the sum and the known ticks of one histogram to another's, of the same bounds,
 * over time or over series; exact.  `to` keeps its ts_ns and tier.  Pure; any thread.
 */
RONDO_API void rondo_histogram_merge(struct rondo_histogram *to,
				     const struct rondo_histogram *from);

/*
 * The value below which the share q (0 to 1) of what was counted lies, right to the bucket: linear
 * within it, as PromQL's histogram_quantile() does; the last bound if it lies above all bounds.
 * bounds[n_bounds] are the schema's.  Pure; any thread.  RONDO_E_NOT_FOUND: nothing was counted.
 * RONDO_E_INVALID: q is out of its range.
 */
RONDO_API int rondo_histogram_quantile(const struct rondo_histogram *histogram,
				       const double *bounds, uint32_t n_bounds, double q,
				       double *value);

/* ------------------------------------------------------------------------------------------ */
/* Draining                                                                                   */

/*
 * Where a consumer of a tier's closed windows stands.  Plain bytes of a fixed layout: save it
 * anywhere, go on from it in another process.  Don't change its members; skipped is yours to read.
 */
struct rondo_cursor {
	uint8_t store[16]; /* whose it is */
	uint32_t schema;
	uint32_t tier;
	uint64_t from_ns;   /* windows that started before are drained, for all series */
	uint64_t until_ns;  /* the round at work is of windows before this; 0: none */
	uint64_t series_ns; /* in it, the next series' windows from here on */
	uint64_t slot;      /* that series */
	uint64_t skipped;   /* windows that the ring had let go of before they were drained */
};

struct rondo_sample {
	rondo_id id; /* with the generation: a reused slot is another series */
	struct rondo_point point;
};

/*
 * A cursor at the windows of a tier that start at or after start_ns (0: all that are there).
 * RONDO_E_NOT_FOUND: no such schema or tier.
 */
RONDO_API int rondo_cursor_begin(rondo_store *store, uint32_t schema, uint32_t tier,
				 uint64_t start_ns, struct rondo_cursor *cursor);

/*
 * The next closed windows: up to cap of them into samples[], series by series, each in order of
 * time; *n says how many.  RONDO_MORE: call again; 0: all that is closed by now has been handed
 * out.  function as in rondo_range; series that don't have it, and histograms, are left out.  What
 * rondo_consolidate() has not closed yet is not handed out; what the ring has let go of is counted
 * in cursor->skipped.  No lock; the store may be open read-only, and its writer live.  Save the
 * cursor after what it has handed out is safe: then a crash repeats some windows and leaves out
 * none.
 * RONDO_E_INVALID: the cursor is another store's.  RONDO_E_FAILED: go on from the saved cursor.
 */
RONDO_API int rondo_drain(rondo_store *store, struct rondo_cursor *cursor,
			  enum rondo_function function, struct rondo_sample *samples, size_t cap,
			  size_t *n);

#ifdef __cplusplus
}
#endif

#endif /* RONDO_H */
