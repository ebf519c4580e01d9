// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * recorder.c - all that rondo-vmm does with librondo: the store, the series, the maintenance tick
 *
 * Spans are recorded in the tick in which they end: a KVM_RUN of ten seconds is ten seconds of
 * run time in its last tick.
 */
#include "recorder.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"

/*
 * A new store has room for this VM's series twice, in whole pages of 64 lanes: another VM may use
 * it next, while the series of the one before wait to be given away.  A store that is there
 * already is taken as it is.
 */
#define LANES 64

#define S(n) ((n)*UINT64_C(1000000000))

static const struct rondo_tier tiers[] = {
	{ S(1), S(600), 0, 0 },
	{ S(10), S(6 * 3600), RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
	{ S(300), S(7 * 86400), RONDO_FNS_SUM | RONDO_FNS_MAX | RONDO_FNS_TOTAL, 0 },
};

struct recorder {
	rondo_store *store;
	const char *instance;
	unsigned int n_vcpus;
	_Atomic bool warned; /* one warning is enough, from whatever thread */
	bool has_steal_base;
	_Atomic uint64_t utc_offset;
	struct recorder_counter *steal; /* n_vcpus */
	uint64_t *steal_last;           /* n_vcpus */
	struct recorder_vcpu *vcpus;
};

static void warn(struct recorder *r, const char *what, int error)
{
	if (!atomic_exchange(&r->warned, true))
		fprintf(stderr, "rondo-vmm: warning: %s: %s\n", what, rondo_strerror(error));
}

static int add_series(struct recorder *r, unsigned int vcpu, const char *name, const char *unit,
		      const char *help, const char *reason, rondo_series **series)
{
	char number[16];
	struct rondo_label labels[3] = {
		{ "instance", r->instance },
		{ "vcpu", number },
		{ "reason", reason },
	};
	struct rondo_series_def def = {
		.size = sizeof(def),
		.name = name,
		.labels = labels,
		.n_labels = reason ? 3 : 2,
		.kind = RONDO_COUNTER,
		.unit = unit,
		.help = help,
	};

	snprintf(number, sizeof(number), "%u", vcpu);
	return rondo_series_register(r->store, &def, series);
}

static int add_exits(struct recorder *r, unsigned int vcpu, unsigned int slot)
{
	char name[EXIT_NAME_MAX];

	return add_series(r, vcpu, "vcpu_exits_total", "", "Returns of KVM_RUN by reason",
			  exit_name(slot, name), &r->vcpus[vcpu].exits[slot].series);
}

static int add_vcpu(struct recorder *r, unsigned int vcpu, const unsigned int *slots,
		    unsigned int n_slots)
{
	struct recorder_vcpu *v = &r->vcpus[vcpu];
	unsigned int i;
	int rc;

	v->utc_offset = &r->utc_offset;
	v->recorder = r;
	v->index = vcpu;
	rc = add_series(r, vcpu, "vcpu_run_duration_ns", "ns", "Time inside KVM_RUN", NULL,
			&v->run.series);
	if (!rc)
		rc = add_series(r, vcpu, "vcpu_exit_duration_ns", "ns",
				"Time between a return of KVM_RUN and the next entry", NULL,
				&v->handling.series);
	if (!rc)
		rc = add_series(r, vcpu, "vcpu_steal_ns", "ns",
				"Time the vCPU thread was runnable and not running", NULL,
				&r->steal[vcpu].series);
	for (i = 0; !rc && i < n_slots; i++)
		rc = add_exits(r, vcpu, slots[i]);
	return rc;
}

static void set_offset(struct recorder *r)
{
	atomic_store_explicit(&r->utc_offset, clock_utc() - clock_monotonic(),
			      memory_order_relaxed);
}

static int open_store(struct recorder *r, const char *path, unsigned int n_series, char *detail,
		      size_t detail_size)
{
	const struct rondo_schema schema = {
		.size = sizeof(schema),
		.name = "vmm",
		.tiers = tiers,
		.n_tiers = sizeof(tiers) / sizeof(tiers[0]),
		.max_series = (2 * n_series + LANES - 1) / LANES * LANES,
		.on_full = RONDO_ON_FULL_RECLAIM,
	};
	struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.schemas = &schema,
		.n_schemas = 1,
		.detail = detail,
		.detail_size = detail_size,
	};
	int rc = rondo_store_open(path, &opts, &r->store);

	if (rc == RONDO_E_NOT_FOUND) {
		*detail = '\0';
		opts.flags = RONDO_OPEN_CREATE;
		rc = rondo_store_open(path, &opts, &r->store);
	}
	return rc;
}

struct recorder *recorder_open(const char *store, const char *instance, unsigned int n_vcpus,
			       const unsigned int *slots, unsigned int n_slots)
{
	struct recorder *r = calloc(1, sizeof(*r));
	char detail[256] = "";
	int rc = RONDO_E_NOMEM;
	unsigned int i;

	if (r) {
		r->instance = instance;
		r->n_vcpus = n_vcpus;
		r->steal = calloc(n_vcpus, sizeof(*r->steal));
		r->steal_last = calloc(n_vcpus, sizeof(*r->steal_last));
		r->vcpus = aligned_alloc(64, n_vcpus * sizeof(*r->vcpus));
		if (r->steal && r->steal_last && r->vcpus) {
			memset(r->vcpus, 0, n_vcpus * sizeof(*r->vcpus));
			rc = open_store(r, store, n_vcpus * (3 + n_slots), detail, sizeof(detail));
		}
	}
	for (i = 0; !rc && i < n_vcpus; i++)
		rc = add_vcpu(r, i, slots, n_slots);
	if (rc) {
		fprintf(stderr, "rondo-vmm: warning: runs without recording: store %s: %s\n", store,
			*detail ? detail : rondo_strerror(rc));
		recorder_close(r);
		return NULL;
	}
	set_offset(r);
	return r;
}

struct recorder_vcpu *recorder_of(struct recorder *r, unsigned int vcpu)
{
	return r ? &r->vcpus[vcpu] : NULL;
}

void recorder_late_exit(struct recorder_vcpu *v, unsigned int slot)
{
	int rc = add_exits(v->recorder, v->index, slot);

	if (rc)
		warn(v->recorder, "an exit reason is not recorded", rc);
}

void recorder_tick(struct recorder *r, const uint64_t *steal_ns)
{
	uint64_t now;
	unsigned int i;
	int rc;

	set_offset(r);
	now = clock_utc();
	for (i = 0; i < r->n_vcpus; i++) {
		if (r->has_steal_base)
			recorder_add(&r->steal[i], now, (double)(steal_ns[i] - r->steal_last[i]));
		r->steal_last[i] = steal_ns[i];
	}
	r->has_steal_base = true;
	rc = rondo_consolidate(r->store, now, 0);
	if (rc < 0)
		warn(r, "the store's maintenance", rc);
}

void recorder_finish(struct recorder *r)
{
	uint64_t now = clock_utc();
	unsigned int i, slot;
	double owed = 0;

	for (i = 0; i < r->n_vcpus; i++) {
		struct recorder_vcpu *v = &r->vcpus[i];
		struct recorder_counter *all[3 + EXIT_SLOTS] = { &v->run, &v->handling,
								 &r->steal[i] };

		for (slot = 0; slot < EXIT_SLOTS; slot++)
			all[3 + slot] = &v->exits[slot];
		for (slot = 0; slot < 3 + EXIT_SLOTS; slot++) {
			if (all[slot]->owed > 0)
				recorder_add(all[slot], now, 0);
			owed += all[slot]->owed;
		}
	}
	if (owed > 0)
		warn(r, "the store refused samples (was the clock set back?)", RONDO_E_TOO_OLD);
}

static void retire(struct recorder *r, const struct recorder_counter *c, uint64_t now)
{
	if (c->series)
		rondo_series_retire(r->store, c->series, now);
}

void recorder_close(struct recorder *r)
{
	uint64_t now = clock_utc();
	unsigned int i, slot;

	if (!r)
		return;
	for (i = 0; r->store && i < r->n_vcpus; i++) {
		struct recorder_vcpu *v = &r->vcpus[i];

		retire(r, &v->run, now);
		retire(r, &v->handling, now);
		retire(r, &r->steal[i], now);
		for (slot = 0; slot < EXIT_SLOTS; slot++)
			retire(r, &v->exits[slot], now);
	}
	rondo_store_close(r->store);
	free(r->vcpus);
	free(r->steal);
	free(r->steal_last);
	free(r);
}
