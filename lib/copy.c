// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * copy.c - a new store from an open one: a snapshot, or a migration to other schemas
 *
 * Series are registered anew; lanes are copied cell by cell, by the readers' protocol, so the source
 * may be live.  What the new schemas have and the old ones had not (a tier, a function) is then
 * computed by consolidation, as far back as the finer tiers reach.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "create.h"
#include "ring.h"

struct copy {
	rondo_store *from, *to;
	struct rondo_copy_report *report;
	uint64_t newest; /* end of the newest finest tick that was seen, ns */
};

static uint32_t lane_in_group(const struct tier *tier, unsigned int lane)
{
	return (uint32_t)__builtin_popcount(tier->lane_set & ((1u << lane) - 1));
}

/* Oldest first: where the new ring is shorter, the later cell takes the place. */
static void copy_lane(struct copy *copy, const struct ring *from, const struct ring *to)
{
	struct ring_walk walk;
	struct disk_cell cell;

	if (!ring_walk_begin(&walk, from, 0, CELL_NUMBER_MASK))
		return;
	while (ring_walk_next(&walk, &cell)) {
		uint64_t number = cell_number(cell.tag);
		struct disk_cell *place = cell_at(to->tier, number, to->lane);

		if (place->tag)
			copy->report->cells_dropped++;
		else
			copy->report->cells++;
		cell.tag = to->generation_bits | number;
		if (to->is_value) {
			uint64_t end = (number + 1) * CELL_TICKS * to->tier->interval;

			cell.tail = cell.tag;
			copy->newest = end > copy->newest ? end : copy->newest;
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

static void copy_tiers(struct copy *copy, const struct schema *from, uint32_t from_slot,
		       uint32_t generation, const struct schema *to, uint32_t to_slot)
{
	for (uint32_t t = 0; t < from->n_tiers; t++) {
		const struct tier *source = &from->tiers[t],
				  *target = same_interval(to, source, t == 0);
		struct ring a = { source, cell_tag(generation, 0), from_slot * source->lanes_each,
				  t == 0 };
		struct ring b;

		if (!target) {
			copy->report->tiers_dropped++;
			continue;
		}
		b = (struct ring){ target, to->columns[to_slot].tag, to_slot * target->lanes_each,
				   t == 0 };
		if (t == 0 || from->n_bounds)
			copy_group(copy, &a, &b, source->lanes_each);
		if (t == 0 && from->n_bounds)
			histogram_journal_copy(from, from_slot, to, to_slot);
		for (unsigned int lane = 0; t && !from->n_bounds && lane < LANE_NR; lane++) {
			if (!(source->lane_set & target->lane_set & 1u << lane))
				continue;
			a.lane = from_slot * source->lanes_each + lane_in_group(source, lane);
			b.lane = to_slot * target->lanes_each + lane_in_group(target, lane);
			copy_lane(copy, &a, &b);
		}
	}
}

static bool same_bounds(const struct schema *a, const struct schema *b)
{
	return a->n_bounds == b->n_bounds &&
	       !memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(*a->bounds));
}

static int copy_series(struct copy *copy, const struct rondo_series_info *info)
{
	const struct schema *from = &copy->from->schemas[series_id_schema(info->id)];
	struct rondo_series_def def = { .size = sizeof(def),
					.name = info->name,
					.labels = info->labels,
					.n_labels = info->n_labels,
					.kind = info->kind,
					.unit = info->unit,
					.help = info->help };
	rondo_series *series;
	int err = rondo_series_register(copy->to, &def, &series);

	switch (err) {
	case 0:
		break;
	case RONDO_E_FULL:
	case RONDO_E_NO_SCHEMA:
	case RONDO_E_TOO_LONG:
	case RONDO_E_KIND:
		copy->report->series_dropped++;
		return 0;
	default:
		return err;
	}
	if (!same_bounds(from, schema_of(series))) {
		copy->report->tiers_dropped += from->n_tiers;
		return 0;
	}
	copy->report->series++;
	copy_tiers(copy, from, series_id_slot(info->id), series_id_generation(info->id),
		   schema_of(series), series->index);
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
		err = rondo_consolidate(copy->to, copy->newest, 0);
	return err ? fail(detail, size, err, "copy: %s", rondo_strerror(err)) : 0;
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

RONDO_API int rondo_store_copy(rondo_store *from, const char *path,
			       const struct rondo_open_opts *opts, struct rondo_copy_report *report)
{
	struct rondo_copy_report ignored = { .size = sizeof(ignored) };
	struct rondo_open_opts create = { .size = sizeof(create) };
	struct copy copy = { .from = from, .report = report ? report : &ignored };
	struct rondo_schema *own = NULL;
	bool had_directory;
	int err;

	if (!from || !path || (opts && opts->size < sizeof(*opts)) ||
	    copy.report->size < sizeof(*copy.report))
		return RONDO_E_INVALID;
	create = opts ? *opts : create;
	create.flags = RONDO_OPEN_CREATE | RONDO_OPEN_EXCLUSIVE;
	create.entry_size = create.entry_size ? create.entry_size : from->entry_size;
	if (!create.schemas) {
		create.schemas = own = own_schemas(from);
		create.n_schemas = from->n_schemas;
		if (!own)
			return RONDO_E_NOMEM;
	}
	*copy.report = (struct rondo_copy_report){ .size = copy.report->size };
	had_directory = access(path, F_OK) == 0;
	err = rondo_store_open(path, &create, &copy.to);
	if (!err)
		err = finish(&copy, path, &create, had_directory,
			     copy_all(&copy, create.detail, create.detail_size));
	own_schemas_free(own);
	return err;
}
