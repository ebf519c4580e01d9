// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * sweep.c - series that nobody writes any more
 */
#include "sweep.h"

#include <string.h>

#include "log.h"

/* Is there somebody who writes it? */
static bool is_written(struct store *s, struct vms *vms, const struct rondo_series_info *info)
{
	struct rondo_schema schema = { .size = sizeof(schema) };
	size_t i;
	int group;

	if (!rondo_store_schema(store_rondo(s), info->schema, &schema)) {
		group = groups_find(schema.name, strlen(schema.name));
		if (group >= 0 && !store_has(s, (enum group)group))
			return false;
	}
	for (i = 0; i < info->n_labels; i++)
		if (!strcmp(info->labels[i].name, "instance"))
			return vms_named(vms, info->labels[i].value) != NULL;
	return true;
}

/* Only who has its handle may retire it. */
static bool retire(struct store *s, const struct rondo_series_info *info, uint64_t wall_ns)
{
	struct rondo_series_def def = {
		.size = sizeof(def),
		.name = info->name,
		.labels = info->labels,
		.n_labels = info->n_labels,
		.kind = info->kind,
	};
	rondo_series *series;

	if (rondo_series_register(store_rondo(s), &def, &series))
		return false;
	store_retire(s, series, wall_ns);
	return true;
}

unsigned int sweep_stale(struct store *s, struct vms *vms, uint64_t wall_ns)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	unsigned int n = 0;
	rondo_iter *iter;

	if (rondo_iter_begin(store_rondo(s), NULL, &iter, NULL, 0))
		return 0;
	while (rondo_iter_next(iter, &info) == 1)
		if (!info.retired && !is_written(s, vms, &info))
			n += retire(s, &info, wall_ns);
	rondo_iter_end(iter);
	if (n)
		log_debug("%u series that were left over are retired", n);
	return n;
}
