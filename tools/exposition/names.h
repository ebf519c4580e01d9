/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How stored series are called outside: the one table that turns `vcpu_steal_ns{instance=...}` into
 * `kvm_vcpu_steal_seconds_total{vm=...}`. Pure: no store, no output.
 */
#ifndef RONDO_TOOLS_NAMES_H
#define RONDO_TOOLS_NAMES_H

#include <rondo.h>

struct exported {
	char *family;       /* the caller's to free; without `_total` */
	const char *suffix; /* of its samples: "_total" or "" */
	const char *unit;   /* which the family's name ends with, or "" */
	const char *type;   /* "counter", "gauge" or "histogram" */
	double divisor;     /* exported value = stored value / divisor */
};

/*
 * The exported name of a series that is read with `function`: RONDO_FN_DEFAULT and RONDO_FN_TOTAL
 * give the plain name; any other one gives a gauge whose name carries the function. unit: the stored
 * one, "" if none. Returns 0, or -1 if there is no memory.
 */
int names_export(const char *name, enum rondo_kind kind, const char *unit,
		 enum rondo_function function, struct exported *out);

/* The exported name of a label. The series must not have that one already. */
const char *names_label(const char *label);

/* The unit of a function's values: the stored unit, with "/s" for rates, none for counts. */
const char *names_unit(const char *unit, enum rondo_function function, char *buf, size_t size);

#endif
