/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * api.h - answers HTTP on a loopback port or a unix socket, from a thread of its own
 *
 * /metrics, /metrics/query, /metrics/info, /metrics/health; docs/man/rondo-vmm.1 has what they say.
 * It reads: counters that others write, and the store, whose readers need no lock.  So nothing that
 * a client does can hold up a vCPU or the maintenance tick.
 */
#ifndef RONDO_VMM_API_H
#define RONDO_VMM_API_H

#include <stddef.h>
#include "metrics.h"
#include "options.h"
#include "recorder.h"

/* What is told of.  All the caller's, until api_stop(). */
struct api_sources {
	const struct vmm_options *options;
	const struct metrics *metrics;
	struct recorder *recorder; /* NULL: nothing is recorded */
	size_t memory_size;
};

struct api;

/*
 * Listens and starts the thread.  where: a port, 0 for any that is free, or the path of a socket (it
 * has a slash), which only its owner may use.  Says on standard error where it listens.  NULL: error
 * says why.
 */
struct api *api_start(const char *where, const struct api_sources *sources, char *error,
		      size_t error_size);

/* Ends all connections and the thread.  NULL is allowed. */
void api_stop(struct api *api);

#endif
