/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * api_answer.h - the answers of the HTTP interface, apart from HTTP: a query's parameters in, text out
 */
#ifndef RONDO_VMM_API_ANSWER_H
#define RONDO_VMM_API_ANSWER_H

#include <stdio.h>
#include "api.h"
#include "exposition.h"

#define ANSWER_ERROR_MAX 400

struct answer_parameter {
	const char *name, *value;
};

struct answer {
	const struct api_sources *sources;
	struct exposition *exposition; /* of the sources' metrics, in order */
	const struct answer_parameter *parameters;
	size_t n_parameters;
	FILE *out;
	const char *type; /* of the content; JSON unless set */
	char error[ANSWER_ERROR_MAX];
};

/* Each: 200, or another HTTP status and a sentence in `error`. */
int answer_metrics(struct answer *answer);
int answer_query(struct answer *answer);
int answer_info(struct answer *answer);
int answer_health(struct answer *answer);

/* The metrics as OpenMetrics families, for answer_metrics().  0, or -1 and a sentence. */
int answer_prepare(struct exposition *exposition, const struct metrics *metrics, char *error,
		   size_t error_size);

#endif
