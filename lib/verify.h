/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* verify.h - what verify.c (files, directory) and verify_cells.c share */
#ifndef RONDO_VERIFY_H
#define RONDO_VERIFY_H

#include "cell.h"

/* What the directory says of a series slot; of one that is in use, `tag` is not 0. */
struct slot_facts {
	uint64_t tag;
	uint32_t kind;
	uint32_t newest_generation; /* none after this one was ever issued */
};

struct verify {
	const struct rondo_verify_opts *opts;
	struct rondo_verify_report *report;
	rondo_store *store;
	uint64_t now;
	bool unclean; /* in use, or once not closed: a power loss explains what it can explain */
	bool stopped; /* progress() said so */
	uint64_t bytes, total;
	struct slot_facts *slots; /* of the schema at work */
	uint32_t slot;            /* of findings in cells: whose, */
	uint64_t tag;             /* and of which generation */
};

/*
 * Reports one.  The text is made by the format; file, offset and the rest are those of *at.
 * verify_explained(): a note instead of damage, where a power loss may have done it.
 */
void verify_found(struct verify *v, struct rondo_verify_finding *at, enum rondo_verify_kind kind,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void verify_note(struct verify *v, struct rondo_verify_finding *at, enum rondo_verify_kind kind,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void verify_explained(struct verify *v, struct rondo_verify_finding *at,
		      enum rondo_verify_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Whether a slot still is whose it was when the directory was looked at. */
static inline bool verify_owned(const struct verify *v, const struct schema *schema, uint32_t slot)
{
	uint64_t state = load_acquire(&entry_at(schema, slot)->state);

	return state_generation(state) == v->slots[slot].tag >> CELL_BITS;
}

/* Says how far it is; false if it is to stop. */
bool verify_progress(struct verify *v, uint64_t bytes);

/* verify_entries.c */
int verify_entries(struct verify *v, const struct schema *schema);
int verify_duplicates(struct verify *v);

/* verify_cells.c, verify_windows.c */
void verify_cells(struct verify *v, const struct schema *schema, uint32_t tier);
void verify_cell_windows(struct verify *v, const struct schema *schema, uint32_t tier,
			 uint32_t lane, const struct disk_cell *copy,
			 struct rondo_verify_finding *at);

#endif /* RONDO_VERIFY_H */
