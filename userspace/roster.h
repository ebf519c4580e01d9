/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * roster.h - which VM has, or had, which name: what the label `instance` says
 *
 * Two VMs that live at once never share a name, nor do two of which is known that they are
 * different ones: other uuids, other numbers in Proxmox, or a name that was made of a process'
 * number. A VM that is started anew under its old name continues its series; a collector that is
 * started anew gives each VM the name that it had. Pure; a few thousand VMs, searched one by one.
 */
#ifndef RONDO_BPFD_ROSTER_H
#define RONDO_BPFD_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

/* One life of a VM. */
struct roster_entry {
	char instance[INSTANCE_MAX + 1];
	char uuid[37];
	char number[16];
	bool fallback;
	bool live;
	uint32_t pid;
	uint32_t ordinal; /* of the VM in its process */
	uint64_t started; /* of the process, whole seconds since the epoch */
};

struct roster;

/* Keeps max entries; beyond, the oldest that are not live are forgotten. NULL: no memory. */
struct roster *roster_new(size_t max);
void roster_free(struct roster *r);

/* Takes note of a life, for instance of one that the store remembers. */
void roster_note(struct roster *r, const struct roster_entry *entry);

/*
 * Chooses the name for a VM that lives from now on, and takes note of it. Only pid, ordinal and
 * started are read of *entry; the rest is filled in.
 */
void roster_begin(struct roster *r, const struct identity *identity, struct roster_entry *entry);

/* It lives no more. */
void roster_end(struct roster *r, uint32_t pid, uint64_t started, uint32_t ordinal);

#endif /* RONDO_BPFD_ROSTER_H */
