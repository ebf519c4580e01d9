// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * culprits.c - steal by who took it
 */
#include "culprits.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "clean.h"
#include "proc.h"

#define TABLE       16384 /* twice what the map holds */
#define QUIET_TICKS 10

/* All processes of one name and kind, as a VM's culprits. */
struct culprit_entry {
	struct culprit_entry *next;
	enum culprit_kind kind;
	char name[CULPRIT_NAME_MAX];
	rondo_series *series; /* NULL: it goes to its kind's rest */
	uint64_t grown;       /* in this tick */
	uint64_t minute[CULPRITS_MINUTES];
	uint64_t at; /* the minute that was counted last */
};

/* What was taken of an element of the map. */
struct taken {
	struct rbpf_culprit_key key; /* kvm 0: free */
	struct vm_culprits *vm;
	struct culprit_entry *entry;
	uint64_t ns;
	uint32_t quiet; /* ticks without growth */
};

struct culprits {
	culprit_vm_fn *vm_of;
	void *ctx;
	uint32_t top;
	struct taken table[TABLE];
	unsigned int n;
	/* VMs by process and address, for elements that are new. */
	struct vm_culprits **vms;
	unsigned int n_vms, max_vms;
	/* During a walk. */
	struct kernel *k;
	struct vm_culprits *only; /* NULL: of all VMs */
	uint64_t minute;
	struct rbpf_culprit_key gone[256];
	unsigned int n_gone;
};

static const char *const kinds[KIND_NR] = {
	[KIND_VM] = "vm",         [KIND_VHOST] = "vhost", [KIND_HOST] = "host",
	[KIND_KERNEL] = "kernel", [KIND_SELF] = "self",   [KIND_IDLE] = "idle",
	[KIND_MOVED] = "moved",   [KIND_OTHER] = "other",
};

struct culprits *culprits_new(uint32_t top, culprit_vm_fn *vm_of, void *ctx)
{
	struct culprits *t = calloc(1, sizeof(*t));

	if (t) {
		t->top = top;
		t->vm_of = vm_of;
		t->ctx = ctx;
	}
	return t;
}

static void free_entries(struct vm_culprits *vm)
{
	struct culprit_entry *e;

	while ((e = vm->entries)) {
		vm->entries = e->next;
		free(e);
	}
}

void culprits_free(struct culprits *t)
{
	unsigned int i;

	if (!t)
		return;
	for (i = 0; i < t->n_vms; i++)
		free_entries(t->vms[i]);
	free(t->vms);
	free(t);
}

void culprits_begin(struct culprits *t, struct vm_culprits *vm, const char *instance, uint32_t tgid,
		    uint64_t kvm)
{
	struct vm_culprits **more;

	*vm = (struct vm_culprits){
		.instance = instance,
		.tgid = tgid,
		.kvm = kvm,
		.top = t->top,
	};
	if (t->n_vms == t->max_vms) {
		more = realloc(t->vms, (2 * t->max_vms + 16) * sizeof(*more));
		if (!more)
			return;
		t->vms = more;
		t->max_vms = 2 * t->max_vms + 16;
	}
	t->vms[t->n_vms++] = vm;
}

enum culprit_kind culprit_name(const struct rbpf_culprit *culprit, const char *vm,
			       char name[CULPRIT_NAME_MAX])
{
	size_t length = strnlen(culprit->comm, sizeof(culprit->comm));

	if (vm) {
		clean_text(vm, strlen(vm), name, CULPRIT_NAME_MAX);
		return strncmp(culprit->comm, "vhost-", 6) || !culprit->kthread ? KIND_VM
										: KIND_VHOST;
	}
	if (culprit->kthread)
		length = strcspn(culprit->comm, "/") < length ? strcspn(culprit->comm, "/")
							      : length;
	clean_text(culprit->comm, length, name, CULPRIT_NAME_MAX);
	if (!*name)
		snprintf(name, CULPRIT_NAME_MAX, "unnamed");
	return culprit->kthread ? KIND_KERNEL : KIND_HOST;
}

static uint32_t hash(const struct rbpf_culprit_key *key)
{
	uint64_t h = (key->kvm >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= ((uint64_t)key->tgid << 32 | key->by) * UINT64_C(0xc2b2ae3d27d4eb4f);
	return (uint32_t)(h >> 40) % TABLE;
}

static bool same(const struct rbpf_culprit_key *a, const struct rbpf_culprit_key *b)
{
	return a->kvm == b->kvm && a->tgid == b->tgid && a->by == b->by;
}

/* Its place, or the free one where it belongs. */
static struct taken *find(struct culprits *t, const struct rbpf_culprit_key *key)
{
	uint32_t i = hash(key);

	while (t->table[i].key.kvm && !same(&t->table[i].key, key))
		i = (i + 1) % TABLE;
	return &t->table[i];
}

/* Closes the gap, so that none behind it is lost. */
static void remove_at(struct culprits *t, uint32_t gap)
{
	uint32_t i = gap, home;

	t->n--;
	for (;;) {
		t->table[gap].key.kvm = 0;
		do {
			i = (i + 1) % TABLE;
			if (!t->table[i].key.kvm)
				return;
			home = hash(&t->table[i].key);
		} while ((i > gap) ? home > gap && home <= i : home > gap || home <= i);
		t->table[gap] = t->table[i];
		gap = i;
	}
}

static struct vm_culprits *vm_of_key(struct culprits *t, const struct rbpf_culprit_key *key)
{
	unsigned int i;

	for (i = 0; i < t->n_vms; i++)
		if (t->vms[i]->tgid == key->tgid && t->vms[i]->kvm == key->kvm)
			return t->vms[i];
	return NULL;
}

/* The VM that a kernel thread of this name works for: vhost-PID. */
static uint32_t served(const struct rbpf_culprit *culprit)
{
	return culprit->kthread && !strncmp(culprit->comm, "vhost-", 6)
		       ? (uint32_t)strtoul(culprit->comm + 6, NULL, 10)
		       : 0;
}

static struct culprit_entry *entry_of(struct culprits *t, struct vm_culprits *vm,
				      const struct rbpf_culprit_key *key,
				      const struct rbpf_culprit *culprit)
{
	struct rbpf_culprit named = *culprit;
	uint32_t tgid = served(culprit) ? served(culprit) : key->by;
	char name[CULPRIT_NAME_MAX], comm[16];
	struct culprit_entry *e;
	enum culprit_kind kind;

	/* The process' own name, if it still lives, says more than that of the thread. */
	if (!culprit->kthread) {
		proc_comm(key->by, comm);
		if (*comm)
			memcpy(named.comm, comm, sizeof(comm));
	}
	kind = culprit_name(&named, t->vm_of(t->ctx, tgid), name);
	for (e = vm->entries; e; e = e->next)
		if (e->kind == kind && !strcmp(e->name, name))
			return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->kind = kind;
	memcpy(e->name, name, sizeof(e->name));
	e->next = vm->entries;
	vm->entries = e;
	return e;
}

static void one(void *ctx, const struct rbpf_culprit_key *key, const struct rbpf_culprit *culprit)
{
	struct culprits *t = ctx;
	struct taken *x;
	uint64_t grown;

	if (!key->kvm || (t->only && (t->only->kvm != key->kvm || t->only->tgid != key->tgid)))
		return;
	x = find(t, key);
	if (!x->key.kvm) {
		struct vm_culprits *vm = vm_of_key(t, key);
		struct culprit_entry *e = vm ? entry_of(t, vm, key, culprit) : NULL;

		/* Of a VM that has gone: nobody asks for it any more. */
		if (!e || t->n >= TABLE / 4 * 3) {
			if (!vm && t->n_gone < sizeof(t->gone) / sizeof(t->gone[0]))
				t->gone[t->n_gone++] = *key;
			return;
		}
		*x = (struct taken){ .key = *key, .vm = vm, .entry = e };
		t->n++;
	}
	grown = budget_growth(&x->ns, culprit->ns);
	x->vm->found += grown;
	x->entry->grown += grown;
	x->quiet = grown ? 0 : x->quiet + 1;
	/* A process that has ended takes nothing any more. */
	if (x->quiet >= QUIET_TICKS && x->quiet % QUIET_TICKS == 0 && kill((pid_t)key->by, 0) &&
	    errno == ESRCH && t->n_gone < sizeof(t->gone) / sizeof(t->gone[0]))
		t->gone[t->n_gone++] = *key;
}

/* What the map no longer has is not lost: it was taken, and what came after is "other". */
static void forget(struct culprits *t)
{
	struct taken *x;

	while (t->n_gone) {
		t->n_gone--;
		kernel_forget_culprit(t->k, &t->gone[t->n_gone]);
		x = find(t, &t->gone[t->n_gone]);
		if (x->key.kvm)
			remove_at(t, (uint32_t)(x - t->table));
	}
}

void culprits_add(struct vm_culprits *vm, const uint64_t by[RBPF_BY_NR])
{
	vm->total[KIND_SELF] += by[RBPF_BY_SELF];
	vm->total[KIND_IDLE] += by[RBPF_BY_IDLE];
	vm->total[KIND_MOVED] += by[RBPF_BY_MOVED];
	vm->total[KIND_OTHER] += by[RBPF_BY_OTHER];
	vm->tasks += by[RBPF_BY_TASK];
}

static rondo_series *series_of(const struct vm_culprits *vm, struct store *s,
			       enum culprit_kind kind, const char *name)
{
	struct store_def def = {
		.name = "vm_steal_by_ns",
		.unit = "ns",
		.help = "steal of its vCPUs by who had the CPU",
		.instance = vm->instance,
		.label = { { "culprit_kind", kinds[kind] } },
	};

	if (name)
		def.label[1] = (struct rondo_label){ "culprit", name };
	return store_series(s, GROUP_CULPRITS, &def);
}

static uint64_t recent(const struct culprit_entry *e)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < CULPRITS_MINUTES; i++)
		sum += e->minute[i];
	return sum;
}

static void advance(struct culprit_entry *e, uint64_t minute)
{
	if (minute > e->at + CULPRITS_MINUTES)
		e->at = minute - CULPRITS_MINUTES;
	while (e->at < minute)
		e->minute[++e->at % CULPRITS_MINUTES] = 0;
}

/* One that took more than the least of those with names takes its place. */
static void choose_names(struct vm_culprits *vm, struct store *s, uint64_t wall_ns)
{
	struct culprit_entry *e, *best, *least;

	if (!vm->top)
		return;
	for (;;) {
		best = least = NULL;
		for (e = vm->entries; e; e = e->next) {
			if (e->series && (!least || recent(e) < recent(least)))
				least = e;
			if (!e->series && recent(e) && (!best || recent(e) > recent(best)))
				best = e;
		}
		if (!best || (vm->n_named == vm->top && recent(least) >= recent(best)))
			return;
		if (vm->n_named == vm->top) {
			store_retire(s, least->series, wall_ns);
			least->series = NULL;
			vm->n_named--;
		}
		best->series = series_of(vm, s, best->kind, best->name);
		if (!best->series)
			return;
		vm->n_named++;
	}
}

/* Names that no process in the map has any more, and that took nothing for ten minutes. */
static void tidy(struct culprits *t, struct vm_culprits *vm, struct store *s, uint64_t wall_ns)
{
	struct culprit_entry **p = &vm->entries, *e;
	unsigned int i;

	while ((e = *p)) {
		for (i = 0; i < TABLE && !recent(e) && !e->grown; i++)
			if (t->table[i].key.kvm && t->table[i].entry == e)
				break;
		if (recent(e) || e->grown || i < TABLE) {
			p = &e->next;
			continue;
		}
		if (e->series) {
			store_retire(s, e->series, wall_ns);
			vm->n_named--;
		}
		*p = e->next;
		free(e);
	}
}

void culprits_take(struct culprits *t, struct kernel *k, struct store *s, struct span span)
{
	uint64_t minute = span.to / (60 * NS_PER_S);
	unsigned int i;

	t->k = k;
	kernel_culprits(k, one, t);
	forget(t);
	if (minute != t->minute) {
		t->minute = minute;
		for (i = 0; i < t->n_vms; i++)
			tidy(t, t->vms[i], s, span.to);
	}
}

void culprits_tick(struct vm_culprits *vm, struct store *s, struct span span)
{
	uint64_t minute = span.to / (60 * NS_PER_S), total;
	struct culprit_entry *e;
	bool crowded = false;
	int i;

	if (!store_has(s, GROUP_CULPRITS))
		return;
	for (e = vm->entries; e; e = e->next) {
		advance(e, minute);
		e->minute[minute % CULPRITS_MINUTES] += e->grown;
		crowded |= e->grown && !e->series;
	}
	if (crowded && (vm->n_named < vm->top || span.to / NS_PER_S % 60 == 0))
		choose_names(vm, s, span.to);
	for (e = vm->entries; e; e = e->next) {
		if (e->series)
			store_add(s, e->series, e->grown, span.from, span.to);
		else
			vm->total[e->kind] += e->grown;
		e->grown = 0;
	}
	for (i = 0; i < KIND_NR; i++) {
		total = vm->total[i];
		/* The map may be ahead of the slots for a moment; what it has no more is "other". */
		if (i == KIND_OTHER)
			total += vm->tasks - vm->found;
		if (!vm->rest[i] && total && (int64_t)total > 0)
			vm->rest[i] = series_of(vm, s, i, NULL);
		if (vm->rest[i])
			series_add_growth(s, vm->rest[i], &vm->stored[i], total, span);
	}
}

void culprits_end(struct culprits *t, struct vm_culprits *vm, struct kernel *k, struct store *s,
		  struct span span)
{
	struct culprit_entry *e;
	uint32_t i;

	t->k = k;
	t->only = vm;
	kernel_culprits(k, one, t);
	t->only = NULL;
	culprits_tick(vm, s, span);
	for (e = vm->entries; e; e = e->next)
		store_retire(s, e->series, span.to);
	for (i = 0; i < KIND_NR; i++)
		store_retire(s, vm->rest[i], span.to);
	for (i = 0; i < TABLE;) {
		if (t->table[i].key.kvm && t->table[i].vm == vm) {
			kernel_forget_culprit(k, &t->table[i].key);
			remove_at(t, i);
		} else {
			i++;
		}
	}
	for (i = 0; i < t->n_vms; i++)
		if (t->vms[i] == vm)
			t->vms[i] = t->vms[--t->n_vms];
	free_entries(vm);
	t->n_gone = 0;
}
