// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * tools/exposition/exposition.c: families together, heads once, histograms cumulative, clashes found.
 * Oracle: the text that OpenMetrics 1.0 asks for, written out here.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"

static void add(struct exposition *e, const char *name, enum rondo_kind kind, const char *unit,
		const char *instance, size_t user)
{
	const struct rondo_label label = { "instance", instance };
	const struct rondo_series_info info = {
		.key = name,
		.name = name,
		.labels = &label,
		.n_labels = instance ? 1 : 0,
		.kind = kind,
		.unit = unit,
		.help = user == 2 ? "What it \"is\"" : "",
	};

	ck_assert_int_eq(exposition_add(e, &info, RONDO_FN_DEFAULT, user), 0);
}

static char *written(struct exposition *e)
{
	static const double bounds[] = { 500, 1e9 };
	static const double counts[] = { 3, 4, 1 };
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < e->n; i++) {
		const struct exposition_entry *entry = &e->entries[i];

		if (entry->kind == RONDO_HISTOGRAM)
			exposition_histogram(e, out, entry, bounds, 2, counts, 2.5e9, NULL);
		else
			exposition_sample(e, out, entry, (double)entry->user * 1e9,
					  entry->user == 1 ? "17.5" : NULL);
	}
	exposition_end(out);
	fclose(out);
	return text;
}

START_TEST(core_families)
{
	const struct exposition_entry *one, *other;
	struct exposition e = { 0 };
	char *text;

	add(&e, "vcpu_steal_ns", RONDO_COUNTER, "ns", "b", 1);
	add(&e, "took_ns", RONDO_HISTOGRAM, "ns", "a", 3);
	add(&e, "vcpu_steal_ns", RONDO_COUNTER, "ns", "a", 2);
	add(&e, "depth", RONDO_GAUGE, "", NULL, 5);
	ck_assert(exposition_sort(&e, &one, &other));
	text = written(&e);
	ck_assert_str_eq(text, "# TYPE kvm_depth gauge\n"
			       "kvm_depth 5000000000\n"
			       "# TYPE kvm_took_seconds histogram\n"
			       "# UNIT kvm_took_seconds seconds\n"
			       "kvm_took_seconds_bucket{vm=\"a\",le=\"5e-07\"} 3\n"
			       "kvm_took_seconds_bucket{vm=\"a\",le=\"1.0\"} 7\n"
			       "kvm_took_seconds_bucket{vm=\"a\",le=\"+Inf\"} 8\n"
			       "kvm_took_seconds_count{vm=\"a\"} 8\n"
			       "kvm_took_seconds_sum{vm=\"a\"} 2.5\n"
			       "# TYPE kvm_vcpu_steal_seconds counter\n"
			       "# UNIT kvm_vcpu_steal_seconds seconds\n"
			       "# HELP kvm_vcpu_steal_seconds What it \\\"is\\\"\n"
			       "kvm_vcpu_steal_seconds_total{vm=\"a\"} 2\n"
			       "kvm_vcpu_steal_seconds_total{vm=\"b\"} 1 17.5\n"
			       "# EOF\n");
	free(text);
	exposition_free(&e);
}
END_TEST

START_TEST(limits_nothing)
{
	const struct exposition_entry *one, *other;
	struct exposition e = { 0 };
	char *text;

	ck_assert(exposition_sort(&e, &one, &other));
	text = written(&e);
	ck_assert_str_eq(text, "# EOF\n");
	free(text);
	/* a histogram without labels has one all the same */
	add(&e, "took", RONDO_HISTOGRAM, "", NULL, 0);
	ck_assert(exposition_sort(&e, &one, &other));
	text = written(&e);
	ck_assert_ptr_nonnull(strstr(text, "kvm_took_bucket{le=\"500.0\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "kvm_took_count 8\n"));
	free(text);
	exposition_free(&e);
}
END_TEST

/* Names that would be one outside, though they are two in the store. */
static const struct {
	const char *name[2];
	enum rondo_kind kind[2];
	bool ok;
} pairs[] = {
	{ { "a_total", "a" }, { RONDO_COUNTER, RONDO_COUNTER }, false },
	{ { "a_total", "a_total" }, { RONDO_COUNTER, RONDO_GAUGE }, false },
	{ { "a", "kvm_a" }, { RONDO_GAUGE, RONDO_GAUGE }, false },
	{ { "a", "a_count" }, { RONDO_HISTOGRAM, RONDO_GAUGE }, false },
	{ { "a", "a_bucket" }, { RONDO_HISTOGRAM, RONDO_GAUGE }, false },
	{ { "a", "a_count" }, { RONDO_COUNTER, RONDO_GAUGE }, true },
	{ { "a", "b" }, { RONDO_COUNTER, RONDO_COUNTER }, true },
};

START_TEST(errors_clash)
{
	const struct exposition_entry *one, *other;
	struct exposition e = { 0 };

	add(&e, pairs[_i].name[0], pairs[_i].kind[0], "", NULL, 0);
	add(&e, pairs[_i].name[1], pairs[_i].kind[1], "", NULL, 0);
	ck_assert_int_eq(exposition_sort(&e, &one, &other), pairs[_i].ok);
	exposition_free(&e);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exposition");
	TCase *core = tcase_create("Core"), *limits = tcase_create("Limits"),
	      *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_test(core, core_families);
	tcase_add_test(limits, limits_nothing);
	tcase_add_loop_test(errors, errors_clash, 0, sizeof(pairs) / sizeof(pairs[0]));
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
