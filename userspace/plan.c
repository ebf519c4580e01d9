// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * plan.c - --plan
 */
#include "plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int plan_parse(const char *text, struct settings *s, char *error, size_t size)
{
	bool vcpus = false;
	const char *word = text;
	char number[16];
	size_t length;
	int err;

	for (;; word += length + 1) {
		const bool vms = !strncmp(word, "vms=", 4);
		const size_t key = vms ? 4 : 6;

		length = strcspn(word, ",");
		if (!vms && strncmp(word, "vcpus=", 6) != 0)
			break;
		if (length <= key || length - key >= sizeof(number))
			break;
		memcpy(number, word + key, length - key);
		number[length - key] = '\0';
		err = settings_set(s, vms ? "max-vms" : "max-vcpus", number, error, size);
		if (err)
			return err;
		vcpus = vcpus || !vms;
		if (!word[length]) {
			if (vcpus)
				return 0;
			break;
		}
	}
	snprintf(error, size, "--plan %.60s: vcpus=N, or vcpus=N,vms=M", text);
	return -1;
}

/* One group alone. */
static int plan_group(const struct settings *s, int group, struct rondo_plan *plan)
{
	struct store_config config = s->store;

	config.groups = GROUP_BIT(group);
	return store_plan(&config, plan, NULL, 0);
}

static void print_text(const struct settings *s, const struct rondo_plan *plan)
{
	struct rondo_plan group;
	int i;

	printf("%-18s %10s %14s  %s\n", "group", "series", "bytes", "what");
	for (i = 0; i < GROUP_NR; i++)
		if (s->store.groups & GROUP_BIT(i) && !plan_group(s, i, &group))
			printf("%-18s %10" PRIu64 " %14" PRIu64 "  %s\n", groups[i].name,
			       group.series, group.slab_bytes, groups[i].what);
	printf("%-18s %10s %14" PRIu64 "  %s\n", "(directory)", "", plan->directory_bytes,
	       "names and labels");
	printf("%-18s %10" PRIu64 " %14" PRIu64 "  %u vCPUs, %u VMs at the same time\n", "all",
	       plan->series, plan->bytes, s->store.sizes.max_vcpus, s->store.sizes.max_vms);
}

static void print_json(const struct settings *s, const struct rondo_plan *plan)
{
	struct rondo_plan group;
	const char *comma = "";
	int i;

	printf("{\"vcpus\":%u,\"vms\":%u,\"bytes\":%" PRIu64 ",\"directory_bytes\":%" PRIu64
	       ",\"series\":%" PRIu64 ",\"groups\":[",
	       s->store.sizes.max_vcpus, s->store.sizes.max_vms, plan->bytes, plan->directory_bytes,
	       plan->series);
	for (i = 0; i < GROUP_NR; i++) {
		if (!(s->store.groups & GROUP_BIT(i)) || plan_group(s, i, &group))
			continue;
		printf("%s{\"name\":\"%s\",\"series\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", comma,
		       groups[i].name, group.series, group.slab_bytes);
		comma = ",";
	}
	puts("]}");
}

int plan_print(const struct settings *s, bool json)
{
	struct rondo_plan plan;
	int err = store_plan(&s->store, &plan, NULL, 0);

	if (err)
		return err;
	if (json)
		print_json(s, &plan);
	else
		print_text(s, &plan);
	return 0;
}
