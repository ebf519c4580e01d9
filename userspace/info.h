/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * info.h - vm_info: a series that is 1 for as long as a VM lives, and says in its labels who it is
 *
 * The other series carry a VM's name alone. Each life of a VM (each process) has a vm_info of its
 * own; after a restart of the collector they tell it which names it gave.
 */
#ifndef RONDO_BPFD_INFO_H
#define RONDO_BPFD_INFO_H

#include "roster.h"
#include "store.h"
#include "vms.h"

#define VM_INFO "vm_info"

/* The names that the store remembers. NULL: no memory. */
struct roster *info_roster(struct store *s);

/* A VM begins, of which it is known who it is (vm->id): gives it its name and its series. */
void info_begin(struct vm *vm, struct roster *r, struct store *s, uint64_t wall_ns);

/* It lives up to now. */
void info_tick(struct vm *vm, struct store *s, uint64_t wall_ns);

/* It has ended. */
void info_end(struct vm *vm, struct roster *r, struct store *s, uint64_t wall_ns);

#endif /* RONDO_BPFD_INFO_H */
