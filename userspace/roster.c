// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * roster.c - which VM has, or had, which name
 */
#include "roster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"

struct roster {
	size_t max, n, next; /* next: where the search for an entry to forget begins */
	struct roster_entry entries[];
};

struct roster *roster_new(size_t max)
{
	struct roster *r = calloc(1, sizeof(*r) + max * sizeof(r->entries[0]));

	if (r)
		r->max = max;
	return r;
}

void roster_free(struct roster *r)
{
	free(r);
}

static struct roster_entry *find(struct roster *r, uint32_t pid, uint64_t started, uint32_t ordinal)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->entries[i].pid == pid && r->entries[i].started == started &&
		    r->entries[i].ordinal == ordinal)
			return &r->entries[i];
	return NULL;
}

void roster_note(struct roster *r, const struct roster_entry *entry)
{
	struct roster_entry *e = find(r, entry->pid, entry->started, entry->ordinal);
	size_t tries;

	if (!e && r->n < r->max)
		e = &r->entries[r->n++];
	for (tries = 0; !e && tries < r->n; tries++) {
		if (!r->entries[r->next].live)
			e = &r->entries[r->next];
		r->next = (r->next + 1) % r->n;
	}
	/* All live: this one has no memory, its name is still its own while others see it. */
	if (e)
		*e = *entry;
}

static bool differ(const char *a, const char *b)
{
	return *a && *b && strcmp(a, b) != 0;
}

/* Is the name another VM's: one that lives, or one that is known not to be this one? */
static bool taken(const struct roster *r, const char *instance, const struct roster_entry *own)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		const struct roster_entry *e = &r->entries[i];

		if (strcmp(e->instance, instance) != 0)
			continue;
		if (e->live || differ(e->uuid, own->uuid) || differ(e->number, own->number))
			return true;
		if ((e->fallback || own->fallback) &&
		    (e->pid != own->pid || e->started != own->started))
			return true;
	}
	return false;
}

/* What is appended to a name that is taken: the n-th try. False: there is no such one. */
static bool suffix_of(const struct roster_entry *own, unsigned int n, char *suffix, size_t size)
{
	switch (n) {
	case 0:
		*suffix = '\0';
		return true;
	case 1: /* stays the same when the VM is started anew */
		snprintf(suffix, size, "-%s", own->number);
		return *own->number;
	case 2:
		snprintf(suffix, size, "-%.8s", own->uuid);
		return *own->uuid;
	case 3: /* a name made of a process' number has that already */
		snprintf(suffix, size, "-%u", own->pid);
		return !own->fallback;
	case 4:
		snprintf(suffix, size, "-%u", own->ordinal + 1);
		return own->ordinal > 0;
	case 5:
		snprintf(suffix, size, "-%" PRIu64, own->started);
		return true;
	default:
		snprintf(suffix, size, "-%" PRIu64 "-%u", own->started, n - 4);
		return true;
	}
}

void roster_begin(struct roster *r, const struct identity *identity, struct roster_entry *entry)
{
	struct roster_entry *same = find(r, entry->pid, entry->started, entry->ordinal);
	char suffix[48];
	unsigned int n;

	memcpy(entry->uuid, identity->uuid, sizeof(entry->uuid));
	memcpy(entry->number, identity->number, sizeof(entry->number));
	entry->fallback = identity->fallback;
	entry->live = true;
	if (same && !same->live) {
		/* We knew it before we, or it for a moment, were gone. */
		memcpy(entry->instance, same->instance, sizeof(entry->instance));
		if (!taken(r, entry->instance, entry)) {
			*same = *entry;
			return;
		}
	}
	for (n = 0;; n++) {
		if (!suffix_of(entry, n, suffix, sizeof(suffix)))
			continue;
		memcpy(entry->instance, identity->name, sizeof(entry->instance));
		clean_append(entry->instance, sizeof(entry->instance), suffix);
		if (!taken(r, entry->instance, entry))
			break;
	}
	roster_note(r, entry);
}

void roster_end(struct roster *r, uint32_t pid, uint64_t started, uint32_t ordinal)
{
	struct roster_entry *e = find(r, pid, started, ordinal);

	if (e)
		e->live = false;
}
