/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * filter.h - which VMs are recorded: shell patterns of their names
 *
 * "web-*,db?,!*-test": patterns (glob(7)), separated by commas; '!' before one leaves its VMs out.
 * The first that fits decides. Where none does, a VM is recorded if there are only patterns with
 * '!', or none at all. Pure.
 */
#ifndef RONDO_BPFD_FILTER_H
#define RONDO_BPFD_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/* 0, or -1 and what is wrong in error[size]. */
int filter_check(const char *filter, char *error, size_t size);

bool filter_takes(const char *filter, const char *name);

#endif /* RONDO_BPFD_FILTER_H */
