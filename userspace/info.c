// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * info.c - vm_info
 */
#include "info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "budget.h"
#include "clock.h"
#include "log.h"

#define ROSTER_MAX 4096
#define KEY_MAX    470 /* bytes of name, labels and help in an entry of 512 */

static void copy_label(char *to, size_t size, const char *value)
{
	snprintf(to, size, "%s", value);
}

/* What the labels of a vm_info say. False: it is none of ours. */
static bool entry_of(const struct rondo_series_info *info, struct roster_entry *e)
{
	size_t i;

	memset(e, 0, sizeof(*e));
	for (i = 0; i < info->n_labels; i++) {
		const char *name = info->labels[i].name, *value = info->labels[i].value;

		if (!strcmp(name, "instance"))
			copy_label(e->instance, sizeof(e->instance), value);
		else if (!strcmp(name, "uuid"))
			copy_label(e->uuid, sizeof(e->uuid), value);
		else if (!strcmp(name, "number"))
			copy_label(e->number, sizeof(e->number), value);
		else if (!strcmp(name, "named_by"))
			e->fallback = !strcmp(value, "pid");
		else if (!strcmp(name, "pid"))
			e->pid = (uint32_t)strtoul(value, NULL, 10);
		else if (!strcmp(name, "ordinal"))
			e->ordinal = (uint32_t)strtoul(value, NULL, 10);
		else if (!strcmp(name, "start_time"))
			e->started = strtoull(value, NULL, 10);
	}
	return *e->instance && e->pid;
}

struct roster *info_roster(struct store *s)
{
	struct rondo_series_info info = { .size = sizeof(info) };
	struct roster *r = roster_new(ROSTER_MAX);
	struct roster_entry entry;
	rondo_iter *iter;

	if (!r || rondo_iter_begin(store_rondo(s), VM_INFO, &iter, NULL, 0))
		return r;
	while (rondo_iter_next(iter, &info) == 1)
		if (entry_of(&info, &entry))
			roster_note(r, &entry);
	rondo_iter_end(iter);
	return r;
}

/* An empty value would be no label. */
static void add_label(struct store_def *def, const char *name, const char *value)
{
	int i = 0;

	while (def->label[i].name)
		i++;
	if (*value)
		def->label[i] = (struct rondo_label){ name, value };
}

/* How long a value is inside quotes, where these and backslashes have another one before them. */
static size_t quoted(const char *value)
{
	size_t n = 0;

	for (; *value; value++)
		n += *value == '"' || *value == '\\' ? 2 : 1;
	return n;
}

/* The end of the path that still fits into the directory's entry beside the other labels. */
static const char *fitting(const struct store_def *def, const char *path)
{
	size_t used = strlen(def->name) + strlen(def->help) + strlen(",instance=\"\",cgroup=\"\"") +
		      quoted(def->instance);
	int i;

	for (i = 0; def->label[i].name; i++)
		used += strlen(def->label[i].name) + quoted(def->label[i].value) + strlen(",=\"\"");
	while (*path && used + quoted(path) > KEY_MAX)
		path++;
	/* Not from within a character. */
	while (((unsigned char)*path & 0xc0) == 0x80)
		path++;
	return path;
}

static void register_info(struct vm *vm, struct store *s)
{
	char pid[12], ordinal[12] = "", started[24];
	struct store_def def = {
		.name = VM_INFO,
		.help = "1 while the VM lives",
		.kind = RONDO_GAUGE,
		.instance = vm->instance,
	};

	snprintf(pid, sizeof(pid), "%u", vm->tgid);
	if (vm->ordinal)
		snprintf(ordinal, sizeof(ordinal), "%u", vm->ordinal);
	snprintf(started, sizeof(started), "%" PRIu64, vm->who.started);
	add_label(&def, "uuid", vm->id.uuid);
	add_label(&def, "number", vm->id.number);
	add_label(&def, "vmm", vm->id.vmm);
	add_label(&def, "pid", pid);
	add_label(&def, "ordinal", ordinal);
	add_label(&def, "start_time", started);
	add_label(&def, "named_by", vm->id.fallback ? "pid" : "");
	add_label(&def, "namespace", vm->id.namespace);
	add_label(&def, "pod", vm->id.pod);
	add_label(&def, "cgroup", fitting(&def, vm->id.cgroup));
	vm->info = store_series(s, GROUP_INFO, &def);
}

void info_begin(struct vm *vm, struct roster *r, struct store *s, uint64_t wall_ns)
{
	uint64_t booted = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);

	vm->who = (struct roster_entry){
		.pid = vm->tgid,
		.ordinal = vm->ordinal,
		.started = (vm->start + booted) / NS_PER_S,
	};
	roster_begin(r, &vm->id, &vm->who);
	if (!vm->left_out)
		register_info(vm, s);
	vm->info_at = wall_ns;
	store_level(s, vm->info, wall_ns, 1);
	log_debug("VM %s: %s, process %u", vm->instance, vm->id.vmm, vm->tgid);
}

void info_tick(struct vm *vm, struct store *s, uint64_t wall_ns)
{
	uint64_t tick = store_tick_ns(s), at = vm->info_at - vm->info_at % tick + tick;

	/* We may be late, by more than one tick. */
	if (wall_ns > at + SPREAD_TICKS * tick)
		at = wall_ns - SPREAD_TICKS * tick;
	for (; at <= wall_ns; at += tick) {
		store_level(s, vm->info, at, 1);
		vm->info_at = at;
	}
}

void info_end(struct vm *vm, struct roster *r, struct store *s, uint64_t wall_ns)
{
	info_tick(vm, s, wall_ns);
	roster_end(r, vm->who.pid, vm->who.started, vm->who.ordinal);
	store_retire(s, vm->info, wall_ns);
}
