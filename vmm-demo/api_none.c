// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * api_none.c - in api.c's place where rondo-vmm is built without libevent
 */
#include <stdio.h>
#include "api.h"

struct api *api_start(const char *where, const struct api_sources *sources, char *error,
		      size_t error_size)
{
	(void)where;
	(void)sources;
	snprintf(error, error_size,
		 "--api: this rondo-vmm was built without libevent (libevent-dev; make again)");
	return NULL;
}

void api_stop(struct api *api)
{
	(void)api;
}
