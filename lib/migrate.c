// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * migrate.c - a new store from an open one: a snapshot, or a migration to other schemas
 *
 * Series are registered anew; lanes are copied cell by cell, by the readers' protocol, so the source
 * may be live.  What the new schemas have and the old ones had not (a tier, a function) is then
 * computed by consolidation, as far back as the finer tiers reach.  What finds no place is told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "create.h"
#include "ring.h"

struct copy {
	rondo_store *from, *to;
	const struct rondo_migrate_opts *opts;
	struct rondo_migrate_report *report;
	const struct rondo_series_info *info; /* of the series at work */
	const struct schema *schema;          /* its, in the source */
	uint64_t newest;                      /* end of the newest finest tick that was seen, ns */
	uint64_t alive; /* the same, of those that are not of a clock that was wrong */
	uint64_t lost_from, lost_until; /* of the tier at work: what the new one does not retain */
};

/* ---- what finds no place ---- */

static void tell(const struct copy *copy, struct rondo_dropped *dropped)
{
	dropped->size = sizeof(*dropped);
	dropped->key = copy->info->key;
	dropped->schema = copy->schema->name;
	if (copy->opts->dropped)
		copy->opts->dropped(dropped, copy->opts->arg);
}

static void drop_series(const struct copy *copy, int error)
{
	struct rondo_dropped dropped = { .what = RONDO_DROP_SERIES,
					 .error = error,
					 .tier = UINT32_MAX };

	copy->report->series_dropped++;
	tell(copy, &dropped);
}

static void drop_bounds(const struct copy *copy)
{
	struct rondo_dropped dropped = { .what = RONDO_DROP_BOUNDS, .tier = UINT32_MAX };

	copy->report->tiers_dropped += copy->schema->n_tiers;
	tell(copy, &dropped);
}

/* Of a tier: RONDO_DROP_TIER, _FUNCTION (these functions), _HISTORY. */
static void drop_of_tier(const struct copy *copy, enum rondo_drop what, uint32_t t,
			 uint32_t functions)
{
	struct rondo_dropped dropped = { .what = what,
					 .tier = t,
					 .functions = functions,
					 .interval_ns = copy->schema->tiers[t].interval };

	if (what == RONDO_DROP_TIER)
		copy->report->tiers_dropped++;
	if (what == RONDO_DROP_FUNCTION)
		copy->report->functions_dropped += (uint64_t)__builtin_popcount(functions);
	if (what == RONDO_DROP_HISTORY) {
		dropped.from_ns = copy->lost_from;
		dropped.until_ns = copy->lost_until;
	}
	tell(copy, &dropped);
}

/* ---- cells ---- */

static uint32_t lane_in_group(const struct tier *tier, unsigned int lane)
{
	return (uint32_t)__builtin_popcount(tier->lane_set & ((1u << lane) - 1));
}

/* After this, only a clock that went wrong has recorded; see enter() in record.c. */
static uint64_t latest(const struct copy *copy)
{
	return load_relaxed(&copy->schema->now) + copy->schema->max_ahead;
}

static void note_lost(struct copy *copy, const struct tier *tier, uint64_t number)
{
	uint64_t from = number * CELL_TICKS * tier->interval;
	uint64_t until = from + CELL_TICKS * tier->interval;

	copy->report->cells_dropped++;
	copy->lost_from = from < copy->lost_from ? from : copy->lost_from;
	copy->lost_until = until > copy->lost_until ? until : copy->lost_until;
}

/*
 * Oldest first: where the new ring is shorter, the later cell takes the place, unless it lies so far
 * ahead that it should not be there.
 */
static void copy_lane(struct copy *copy, const struct ring *from, const struct ring *to)
{
	const struct tier *tier = to->tier;
	struct ring_walk walk;
	struct disk_cell cell;

	if (!ring_walk_begin(&walk, from, 0, CELL_NUMBER_MASK))
		return;
	while (ring_walk_next(&walk, &cell)) {
		uint64_t number = cell_number(cell.tag);
		uint64_t start = number * CELL_TICKS * tier->interval;
		uint64_t end = start + CELL_TICKS * tier->interval;
		struct disk_cell *place = cell_at(tier, number, to->lane);

		if (place->tag && start > latest(copy)) {
			note_lost(copy, tier, number);
			continue;
		}
		if (place->tag)
			note_lost(copy, tier, cell_number(place->tag));
		else
			copy->report->cells++;
		cell.tag = to->generation_bits | number;
		if (to->is_value) {
			cell.tail = cell.tag;
			copy->newest = end > copy->newest ? end : copy->newest;
			if (start <= latest(copy) && end > copy->alive)
				copy->alive = end;
		}
		*place = cell;
	}
}

/* Lanes side by side: a scalar's one, a histogram's all. */
static void copy_group(struct copy *copy, struct ring *from, struct ring *to, uint32_t lanes)
{
	for (uint32_t lane = 0; lane < lanes; lane++, from->lane++, to->lane++)
		copy_lane(copy, from, to);
}

static const struct tier *same_interval(const struct schema *schema, const struct tier *tier,
					bool finest)
{
	for (uint32_t t = 0; t < schema->n_tiers; t++)
		if (schema->tiers[t].interval == tier->interval && (t == 0) == finest &&
		    schema->tiers[t].ticks == tier->ticks)
			return &schema->tiers[t];
	return NULL;
}

/* The handles know nothing of what was copied below them: consolidation is to look. */
static void forget_new(const struct schema *schema, uint32_t slot)
{
	schema->columns[slot].learned = false;
	schema->columns[slot].total_window = 0;
}

/* The lanes that both tiers keep. */
static void copy_lanes(struct copy *copy, struct ring *a, struct ring *b)
{
	const struct tier *source = a->tier, *target = b->tier;
	uint32_t from = a->lane, to = b->lane;

	for (unsigned int lane = 0; lane < LANE_NR; lane++) {
		if (!(source->lane_set & target->lane_set & 1u << lane))
			continue;
		a->lane = from + lane_in_group(source, lane);
		b->lane = to + lane_in_group(target, lane);
		copy_lane(copy, a, b);
	}
}

static void copy_tier(struct copy *copy, uint32_t t, uint32_t from_slot, uint32_t generation,
		      const struct schema *to, uint32_t to_slot)
{
	const struct schema *from = copy->schema;
	const struct tier *source = &from->tiers[t], *target = same_interval(to, source, t == 0);
	struct ring a = { source, cell_tag(generation, 0), from_slot * source->lanes_each, t == 0 };
	struct ring b;
	uint32_t gone;

	if (!target) {
		drop_of_tier(copy, RONDO_DROP_TIER, t, 0);
		return;
	}
	b = (struct ring){ target, to->columns[to_slot].tag, to_slot * target->lanes_each, t == 0 };
	copy->lost_from = UINT64_MAX;
	copy->lost_until = 0;
	if (t == 0 || from->n_bounds)
		copy_group(copy, &a, &b, source->lanes_each);
	else
		copy_lanes(copy, &a, &b);
	if (t == 0 && from->n_bounds)
		histogram_journal_copy(from, from_slot, to, to_slot);
	gone = tier_functions(source) & ~tier_functions(target);
	if (copy->info->kind != RONDO_COUNTER)
		gone &= ~RONDO_FNS_TOTAL;
	if (t && gone)
		drop_of_tier(copy, RONDO_DROP_FUNCTION, t, gone);
	if (copy->lost_until)
		drop_of_tier(copy, RONDO_DROP_HISTORY, t, 0);
}

static bool same_bounds(const struct schema *a, const struct schema *b)
{
	return a->n_bounds == b->n_bounds &&
	       !memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(*a->bounds));
}

static int copy_series(struct copy *copy, const struct rondo_series_info *info)
{
	struct rondo_series_def def = { .size = sizeof(def),
					.name = info->name,
					.labels = info->labels,
					.n_labels = info->n_labels,
					.kind = info->kind,
					.unit = info->unit,
					.help = info->help };
	uint32_t slot = series_id_slot(info->id), generation = series_id_generation(info->id);
	rondo_series *series;
	int err = rondo_series_register(copy->to, &def, &series);

	copy->info = info;
	copy->schema = &copy->from->schemas[series_id_schema(info->id)];
	switch (err) {
	case 0:
		break;
	case RONDO_E_FULL:
	case RONDO_E_NO_SCHEMA:
	case RONDO_E_TOO_LONG:
	case RONDO_E_KIND:
		drop_series(copy, err);
		return 0;
	default:
		return err;
	}
	copy->report->series++;
	if (same_bounds(copy->schema, schema_of(series)))
		for (uint32_t t = 0; t < copy->schema->n_tiers; t++)
			copy_tier(copy, t, slot, generation, schema_of(series), series->index);
	else
		drop_bounds(copy);
	forget_new(schema_of(series), series->index);
	if (info->retired)
		return rondo_series_retire(copy->to, series, info->retired_at_ns);
	return 0;
}

static int copy_all(struct copy *copy, char *detail, size_t size)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	rondo_iter *iter;
	int err = rondo_iter_begin(copy->from, NULL, &iter, detail, size);

	if (err)
		return err;
	while ((err = rondo_iter_next(iter, &info)) == 1) {
		err = copy_series(copy, &info);
		if (err)
			break;
	}
	rondo_iter_end(iter);
	if (!err && copy->newest)
		err = rondo_consolidate(copy->to, copy->alive ? copy->alive : copy->newest, 0);
	return err ? fail(detail, size, err, "migration: %s", rondo_strerror(err)) : 0;
}

static void own_schemas_free(struct rondo_schema *schemas)
{
	if (schemas)
		free((void *)schemas->tiers);
	free(schemas);
}

/* The source's schemas as they were asked for. */
static struct rondo_schema *own_schemas(rondo_store *store)
{
	struct rondo_schema *schemas = calloc(store->n_schemas, sizeof(*schemas));
	struct rondo_tier *tiers = calloc((size_t)store->n_schemas * DISK_TIERS, sizeof(*tiers));

	if (!schemas || !tiers) {
		free(schemas);
		free(tiers);
		return NULL;
	}
	for (uint32_t i = 0; i < store->n_schemas; i++) {
		const struct schema *schema = &store->schemas[i];
		struct rondo_tier *own = tiers + (size_t)i * DISK_TIERS;

		schemas[i].size = sizeof(schemas[i]);
		if (rondo_store_schema(store, i, &schemas[i])) {
			schemas->tiers = tiers;
			own_schemas_free(schemas);
			return NULL;
		}
		for (uint32_t t = 0; t < schema->n_tiers; t++)
			own[t] = (struct rondo_tier){ schema->tiers[t].interval,
						      schema->tiers[t].retention,
						      schema->tiers[t].functions, 0 };
		schemas[i].tiers = own;
	}
	return schemas;
}

/* Closes it; what was not finished must not pass for a copy. */
static int finish(struct copy *copy, const char *path, const struct rondo_open_opts *opts,
		  bool had_directory, int err)
{
	int closed;

	if (err)
		store_files_remove(copy->to, opts);
	closed = rondo_store_close(copy->to);
	if (err && !had_directory)
		rmdir(path);
	return err ? err : closed;
}

RONDO_API int rondo_store_migrate(rondo_store *from, const char *path,
				  const struct rondo_migrate_opts *opts,
				  struct rondo_migrate_report *report)
{
	static const struct rondo_migrate_opts none = { .size = sizeof(none) };
	struct rondo_migrate_report ignored = { .size = sizeof(ignored) };
	struct rondo_open_opts create = { .size = sizeof(create),
					  .flags = RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE };
	struct copy copy = { .from = from,
			     .opts = opts ? opts : &none,
			     .report = report ? report : &ignored };
	struct rondo_schema *own = NULL;
	bool had_directory;
	int err;

	if (!from || !path || copy.opts->size < sizeof(*opts) ||
	    copy.report->size < sizeof(*report))
		return RONDO_E_INVALID;
	opts = copy.opts;
	create.entry_size = opts->entry_size ? opts->entry_size : from->entry_size;
	create.mode = opts->mode;
	create.schemas = opts->schemas;
	create.n_schemas = opts->n_schemas;
	create.detail = opts->detail;
	create.detail_size = opts->detail_size;
	if (!create.schemas) {
		create.schemas = own = own_schemas(from);
		create.n_schemas = from->n_schemas;
		if (!own)
			return RONDO_E_NOMEM;
	}
	*copy.report = (struct rondo_migrate_report){ .size = copy.report->size };
	had_directory = access(path, F_OK) == 0;
	err = rondo_store_open(path, &create, &copy.to);
	if (!err)
		err = finish(&copy, path, &create, had_directory,
			     copy_all(&copy, create.detail, create.detail_size));
	own_schemas_free(own);
	return err;
}

RONDO_API int rondo_store_snapshot(rondo_store *from, const char *path, char *detail,
				   size_t detail_size)
{
	const struct rondo_migrate_opts opts = { .size = sizeof(opts),
						 .detail = detail,
						 .detail_size = detail_size };

	return rondo_store_migrate(from, path, &opts, NULL);
}
