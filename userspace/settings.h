/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * settings.h - what can be set, on the command line as --NAME VALUE and in the file as NAME = VALUE
 *
 * One table for both. Pure but for settings_read().
 */
#ifndef RONDO_BPFD_SETTINGS_H
#define RONDO_BPFD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define SETTINGS_FILE     "/etc/rondo/rondo-bpfd.conf"
#define MAX_VCPUS_DEFAULT 64
#define MAX_VCPUS_MAX     16384u
#define TOP_MAX           64u

struct settings {
	char store_dir[1024];
	char proc[256];    /* where the host's /proc is */
	char filter[1024]; /* which VMs: patterns, see filter.h */
	struct store_config store;
	bool max_vms_given;
	uint64_t tick_ns; /* 0: the tiers say */
	uint32_t top;     /* culprits that get series of their own, per VM */
	uint64_t
		outlier_ns; /* exits and waits of at least so long go into the event log; 0: none */
	uint32_t max_overhead; /* in millionths of the host's CPU time; 0: no limit */
	bool measure;          /* what the BPF programs cost, in every tenth tick */
	bool verbose;
};

void settings_default(struct settings *s);

/* Sets one. 0, or -1 and a sentence in error[size]. */
int settings_set(struct settings *s, const char *name, const char *value, char *error, size_t size);

/* Is there such a setting? */
bool settings_has(const char *name);

/*
 * Takes a file's lines; '#' begins a comment, blank lines are none. 0; 1 if there is no such file; -1
 * and a sentence with the line's number in error[size].
 */
int settings_read(struct settings *s, const char *path, char *error, size_t size);

/* After all are set: 0, or -1 and what does not fit together. */
int settings_check(struct settings *s, char *error, size_t size);

/* "10ms", "1s", "5m", "6h", "7d", "2w": a whole number and a unit. 0 or -1. */
int settings_duration(const char *text, size_t length, uint64_t *ns);

/* Digits only, from low to high. 0 or -1. */
int settings_number(const char *text, unsigned long low, unsigned long high, uint32_t *value);

#endif /* RONDO_BPFD_SETTINGS_H */
