// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * sigbus.c - what an application's own SIGBUS handler may call
 *
 * A file that is cut, or a medium that fails, under a mapping raises SIGBUS in whoever touches the
 * page.  rondo_sigbus_fixup() puts empty memory in its place and marks the store as failed, so that
 * the touching instruction goes on, reads nothing, and the call ends with RONDO_E_FAILED.
 *
 * The list of mappings is the library's one global: a handler has no other way to know.  Nodes are
 * pushed without a lock, and reused but never freed, so a handler may walk it at any moment.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

struct mapping {
	struct mapping *next;
	uintptr_t start, end; /* end 0: not in use */
	rondo_store *store;
};

static struct mapping *mappings;

/* Makes a mapping known; called with nobody touching it yet. */
int sigbus_add(rondo_store *store, void *map, uint64_t size)
{
	struct mapping *m = __atomic_load_n(&mappings, __ATOMIC_ACQUIRE);
	uintptr_t unused;

	for (; m; m = m->next) {
		unused = 0;
		/* 1: being filled in; no address is below it */
		if (__atomic_compare_exchange_n(&m->end, &unused, 1, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			break;
	}
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m)
			return RONDO_E_NOMEM;
		m->end = 1;
		m->next = __atomic_load_n(&mappings, __ATOMIC_ACQUIRE);
		while (!__atomic_compare_exchange_n(&mappings, &m->next, m, false, __ATOMIC_ACQ_REL,
						    __ATOMIC_ACQUIRE))
			;
	}
	__atomic_store_n(&m->start, (uintptr_t)map, __ATOMIC_RELAXED);
	__atomic_store_n(&m->store, store, __ATOMIC_RELAXED);
	__atomic_store_n(&m->end, (uintptr_t)map + size, __ATOMIC_RELEASE);
	return 0;
}

void sigbus_remove(const void *map)
{
	struct mapping *m = __atomic_load_n(&mappings, __ATOMIC_ACQUIRE);

	for (; m; m = m->next)
		if (__atomic_load_n(&m->end, __ATOMIC_ACQUIRE) > 1 &&
		    __atomic_load_n(&m->start, __ATOMIC_RELAXED) == (uintptr_t)map)
			__atomic_store_n(&m->end, 0, __ATOMIC_RELEASE);
}

RONDO_API int rondo_sigbus_fixup(void *address)
{
	struct mapping *m = __atomic_load_n(&mappings, __ATOMIC_ACQUIRE);
	uintptr_t at = (uintptr_t)address & ~(uintptr_t)4095;
	void *empty;

	for (; m; m = m->next) {
		uintptr_t end = __atomic_load_n(&m->end, __ATOMIC_ACQUIRE);

		if (at < __atomic_load_n(&m->start, __ATOMIC_RELAXED) || at >= end)
			continue;
		empty = mmap((void *)at, 4096, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		if (empty == MAP_FAILED)
			return 0;
		__atomic_store_n(&m->store->failed, true, __ATOMIC_RELEASE);
		return 1;
	}
	return 0;
}
