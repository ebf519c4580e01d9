/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * plan.h - --plan: what a store will take, before it is made
 */
#ifndef RONDO_BPFD_PLAN_H
#define RONDO_BPFD_PLAN_H

#include <stdbool.h>

#include "settings.h"

/* "vcpus=N" or "vcpus=N,vms=M", in any order. 0, or -1 and a sentence in error[size]. */
int plan_parse(const char *text, struct settings *s, char *error, size_t size);

/* The bytes, by group, on standard output, as text or JSON. 0 or a rondo_error. */
int plan_print(const struct settings *s, bool json);

#endif /* RONDO_BPFD_PLAN_H */
