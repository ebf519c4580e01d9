/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Schemas as people write them: a file of sections, or options of a command line. Reads and prints;
 * whether a schema makes sense is librondo's to say.
 */
#ifndef RONDO_TOOLS_SCHEMA_FILE_H
#define RONDO_TOOLS_SCHEMA_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include <rondo.h>

/* A schema with room for all that it points to. */
struct schema_text {
	struct rondo_schema schema;
	char name[RONDO_SCHEMA_NAME_MAX + 1];
	char selector[RONDO_SELECTOR_MAX + 1];
	struct rondo_tier tiers[RONDO_TIERS_MAX];
	double bounds[RONDO_BOUNDS_MAX];
};

struct schema_set {
	struct schema_text *text; /* n of them */
	struct rondo_schema *schemas;
	size_t n;
};

#define SCHEMA_HELP                                                                                     \
	"Schemas, from a file or by options:\n"                                                         \
	"  --schema FILE      sections like this one ('info --schema' prints a store's);\n"             \
	"                     - is standard input:\n"                                                   \
	"                         [steal]\n"                                                            \
	"                         selector = {__name__=~\"vcpu_.*\"}\n"                                 \
	"                         series = 1000\n"                                                      \
	"                         tier = 1s/10m\n"                                                      \
	"                         tier = 10s/6h sum max total\n"                                        \
	"                     and on_full = refuse|reclaim, reclaim_delay, ahead, grace (durations),\n" \
	"                     xff = 0.5|none, bounds = 1 2 5 10 (of histograms)\n"                      \
	"  --series N         one schema for N series,\n"                                               \
	"  --tier TIER        with this tier, as above; once for each, finest first\n"                  \
	"  --bounds LIST      of histograms with these bounds: 1,2,5,10\n"

/* One with the defaults: no tiers, no series; named. */
void schema_text_init(struct schema_text *text, const char *name);

/* Sets what `key` names. Returns NULL, or what is wrong with it. */
const char *schema_text_set(struct schema_text *text, const char *key, const char *value);

/*
 * Reads a file of sections ("-": standard input). Returns CLI_OK, or CLI_FAILED or CLI_USAGE after a
 * message. The set is to be freed.
 */
int schema_file_read(const char *path, struct schema_set *set);

/* A set of one. False: out of memory. */
bool schema_set_one(struct schema_set *set, const struct schema_text *text);
void schema_set_free(struct schema_set *set);

/* The functions of a set, in the order of enum rondo_function, each in quotes, apart by the separator. */
void schema_functions_print(FILE *out, uint32_t functions, const char *quote,
			    const char *separator);

/* Prints a schema in the form that schema_file_read() reads. */
void schema_file_print(FILE *out, const struct rondo_schema *schema);

#endif
