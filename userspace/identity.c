// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * identity.c - who a VM is
 *
 * A new VMM is a line in the table. Its program is recognised by argv[0], by the process' name, by
 * the file that it runs, or, if it has been given another name, by an option that no other has.
 */
#include "identity.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "clean.h"

#define TEXT_MAX 512 /* of a name, before it is cleaned and cut */

struct text {
	const char *at;
	size_t length;
};

/* Takes from an option's argument what is wanted of it: its new length in out[TEXT_MAX], 0 if nothing. */
typedef size_t take_fn(struct text value, const char *key, char *out);

/* An option, and what its argument gives. "--x VALUE" and "--x=VALUE" both count. */
struct way {
	const char *option;
	take_fn *take;
	const char *key;
};

static take_fn take_all, take_qemu_name, take_key, take_socket;

/* programs: base names; a trailing * stands for anything. mark: an option that gives it away. */
static const struct rule {
	const char *vmm;
	const char *programs[5];
	const char *mark;
	struct way names[4];
	struct way uuids[4];
	const char *unnamed; /* what the VMM itself calls a VM without a name; %u is its pid */
} rules[] = {
	{
		.vmm = "rondo-vmm",
		.programs = { "rondo-vmm" },
		.names = { { "--name", take_all, NULL } },
	},
	{
		.vmm = "qemu",
		.programs = { "qemu-system-*", "qemu-kvm*", "kvm", "kvm-spice", "qemu" },
		.mark = "-machine",
		.names = { { "-name", take_qemu_name, NULL }, { "--name", take_qemu_name, NULL } },
		.uuids = { { "-uuid", take_all, NULL },
			   { "--uuid", take_all, NULL },
			   { "-smbios", take_key, "uuid" } },
	},
	{
		.vmm = "firecracker",
		.programs = { "firecracker*" },
		.mark = "--start-time-cpu-us", /* the jailer's */
		.names = { { "--id", take_all, NULL }, { "--api-sock", take_socket, NULL } },
	},
	{
		.vmm = "cloud-hypervisor",
		.programs = { "cloud-hypervisor*", "cloud-hyperviso" },
		.names = { { "--api-socket", take_socket, NULL } },
		.uuids = { { "--platform", take_key, "uuid" },
			   { "--platform", take_key, "system_uuid" } },
	},
	{
		.vmm = "kvmtool",
		.programs = { "lkvm", "lkvm-static", "vm", "kvmtool" },
		.names = { { "--name", take_all, NULL }, { "-n", take_all, NULL } },
		.unnamed = "guest-%u",
	},
	{
		.vmm = "crosvm",
		.programs = { "crosvm*" },
		.names = { { "--name", take_all, NULL },
			   { "--socket", take_socket, NULL },
			   { "-s", take_socket, NULL } },
	},
	{
		.vmm = "stratovirt",
		.programs = { "stratovirt" },
		.names = { { "-name", take_all, NULL } },
		.uuids = { { "-uuid", take_all, NULL } },
	},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t put(const char *from, size_t length, char *out)
{
	length = length < TEXT_MAX ? length : TEXT_MAX;
	memcpy(out, from, length);
	return length;
}

static size_t take_all(struct text value, const char *key, char *out)
{
	(void)key;
	return put(value.at, value.length, out);
}

/*
 * The next word of a list in QEMU's manner, up to a comma; doubled ones are undoubled. Moves value
 * on. The length of what of the word fits into out[TEXT_MAX].
 */
static size_t next_word(struct text *value, char *out)
{
	size_t n = 0;

	while (value->length) {
		char c = *value->at;

		if (c == ',' && (value->length < 2 || value->at[1] != ','))
			break;
		value->at += c == ',' ? 2 : 1;
		value->length -= c == ',' ? 2 : 1;
		if (n < TEXT_MAX)
			out[n++] = c;
	}
	if (value->length) {
		value->at++;
		value->length--;
	}
	return n;
}

/* Cuts "key=" off the front; false if it isn't there. */
static bool cut_key(const char *key, char *word, size_t *length)
{
	size_t n = strlen(key);

	if (*length <= n || memcmp(word, key, n) != 0 || word[n] != '=')
		return false;
	*length -= n + 1;
	memmove(word, word + n + 1, *length);
	return true;
}

static size_t take_key(struct text value, const char *key, char *out)
{
	size_t n;

	while (value.length) {
		n = next_word(&value, out);
		if (cut_key(key, out, &n))
			return n;
	}
	return 0;
}

/* The guest key, or a first word without a key. */
static size_t take_qemu_name(struct text value, const char *key, char *out)
{
	struct text rest = value;
	size_t n = next_word(&rest, out);

	(void)key;
	if (n && !memchr(out, '=', n))
		return n;
	n = take_key(value, "guest", out);
	return n;
}

/* Names of sockets and directories that say nothing about a VM. */
static bool is_dull(const char *word, size_t length)
{
	static const char *const dull[] = { "api",
					    "clh-api",
					    "api-sock",
					    "api-socket",
					    "firecracker",
					    "fc",
					    "crosvm",
					    "cloud-hypervisor",
					    "ch",
					    "socket",
					    "control",
					    "vmm",
					    "root",
					    "run",
					    "tmp",
					    "var",
					    "" };
	size_t i;

	for (i = 0; i < COUNT(dull); i++)
		if (length == strlen(dull[i]) && !memcmp(word, dull[i], length))
			return true;
	return false;
}

/* "/run/vms/web1.sock" and "/run/vms/web1/api.sock" are both web1's. */
static size_t take_socket(struct text value, const char *key, char *out)
{
	size_t end = next_word(&value, out), begin, n;
	const char *slash, *dot;

	(void)key;
	cut_key("path", out, &end);
	if (end > 3 && !memcmp(out, "fd=", 3))
		return 0;
	slash = memrchr(out, '/', end);
	dot = memrchr(slash ? slash : out, '.', slash ? (size_t)(out + end - slash) : end);
	for (n = dot ? (size_t)(dot - out) : end;; n = begin - 1) {
		slash = memrchr(out, '/', n);
		begin = slash ? (size_t)(slash + 1 - out) : 0;
		if (!is_dull(out + begin, n - begin)) {
			memmove(out, out + begin, n - begin);
			return n - begin;
		}
		if (!begin)
			return 0;
	}
}

static bool matches(const char *pattern, struct text name)
{
	size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return name.length >= n - 1 && !memcmp(name.at, pattern, n - 1);
	return name.length == n && !memcmp(name.at, pattern, n);
}

static const struct rule *rule_of_program(struct text path)
{
	const char *slash = memrchr(path.at, '/', path.length);
	size_t i, k;

	if (slash) {
		path.length -= (size_t)(slash + 1 - path.at);
		path.at = slash + 1;
	}
	for (i = 0; i < COUNT(rules); i++)
		for (k = 0; k < COUNT(rules[i].programs) && rules[i].programs[k]; k++)
			if (matches(rules[i].programs[k], path))
				return &rules[i];
	return NULL;
}

/* The next argument; false at the end. */
static bool next_argument(struct text *rest, struct text *argument)
{
	if (!rest->length)
		return false;
	argument->at = rest->at;
	argument->length = strnlen(rest->at, rest->length);
	rest->at += argument->length;
	rest->length -= argument->length;
	if (rest->length) {
		rest->at++;
		rest->length--;
	}
	return true;
}

/* The argument of an option, with which way it goes on; false if it isn't there. */
static bool find_option(struct text cmdline, const char *option, struct text *value)
{
	size_t n = strlen(option);
	struct text argument;

	/* Not argv[0]. */
	if (!next_argument(&cmdline, &argument))
		return false;
	while (next_argument(&cmdline, &argument)) {
		if (argument.length < n || memcmp(argument.at, option, n) != 0)
			continue;
		if (argument.length == n)
			return next_argument(&cmdline, value);
		if (argument.at[n] == '=') {
			*value = (struct text){ argument.at + n + 1, argument.length - n - 1 };
			return true;
		}
	}
	return false;
}

static const struct rule *rule_of_marks(struct text cmdline)
{
	struct text value;
	size_t i;

	for (i = 0; i < COUNT(rules); i++)
		if (rules[i].mark && find_option(cmdline, rules[i].mark, &value))
			return &rules[i];
	return NULL;
}

static const struct rule *rule_of(const struct identity_source *source, struct text cmdline)
{
	struct text exe = { source->exe, strlen(source->exe) }, rest = cmdline, first;
	static const char deleted[] = " (deleted)";
	const struct rule *rule = NULL;

	if (next_argument(&rest, &first))
		rule = rule_of_program(first);
	if (!rule)
		rule = rule_of_program((struct text){ source->comm, strlen(source->comm) });
	if (exe.length > strlen(deleted) &&
	    !memcmp(exe.at + exe.length - strlen(deleted), deleted, strlen(deleted)))
		exe.length -= strlen(deleted);
	if (!rule)
		rule = rule_of_program(exe);
	return rule ? rule : rule_of_marks(cmdline);
}

/* The first way that gives something. */
static size_t by_ways(const struct way *ways, size_t n, struct text cmdline, char *out)
{
	struct text value;
	size_t got = 0, i;

	for (i = 0; i < n && ways[i].option && !got; i++)
		if (find_option(cmdline, ways[i].option, &value))
			got = ways[i].take(value, ways[i].key, out);
	return got;
}

/* 8-4-4-4-12 hexadecimal digits, or nothing. */
static void take_uuid(const char *text, size_t length, char uuid[37])
{
	size_t i;

	*uuid = '\0';
	if (length != 36)
		return;
	for (i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) {
			*uuid = '\0';
			return;
		}
		uuid[i] = (char)tolower((unsigned char)text[i]);
	}
	uuid[36] = '\0';
}

static bool begins(const char *text, size_t length, const char *with)
{
	return length > strlen(with) && !memcmp(text, with, strlen(with));
}

/* "sandbox-<id>" of QEMU; "/run/vc/vm/<id>/..." in the others' sockets. */
static size_t kata(struct text cmdline, char *name, size_t length, struct identity *identity)
{
	static const char dir[] = "/run/vc/vm/", sandbox[] = "sandbox-";
	const char *id = memmem(cmdline.at, cmdline.length, dir, strlen(dir));
	size_t n;

	if (begins(name, length, sandbox)) {
		n = strlen(sandbox);
		memmove(name, name + n, length - n);
		identity->vmm = "kata";
		return length - n;
	}
	if (!id)
		return length;
	id += strlen(dir);
	for (n = 0; id + n < cmdline.at + cmdline.length && id[n] && id[n] != '/';)
		n++;
	if (!n)
		return length;
	identity->vmm = "kata";
	return put(id, n, name);
}

/* The guest's name is "<namespace>_<name>" there; a namespace has no '_'. */
static size_t kubevirt(struct text cmdline, const struct cgroup_hints *hints, char *name,
		       size_t length, struct identity *identity)
{
	char *split = memchr(name, '_', length);

	if (!split || split == name || split == name + length - 1)
		return length;
	if (!hints->kubernetes && !memmem(cmdline.at, cmdline.length, "/kubevirt", 9))
		return length;
	identity->vmm = "kubevirt";
	clean_text(name, (size_t)(split - name), identity->namespace, sizeof(identity->namespace));
	*split = '/';
	return length;
}

/* What the cgroup says where the command line says nothing. */
static size_t by_hints(const struct cgroup_hints *hints, const struct rule *rule, char *name)
{
	if (*hints->name)
		return put(hints->name, strlen(hints->name), name);
	if (*hints->number)
		return put(hints->number, strlen(hints->number), name);
	if (*hints->jail && rule && !strcmp(rule->vmm, "firecracker"))
		return put(hints->jail, strlen(hints->jail), name);
	return 0;
}

static void find_cgroup(const struct identity_source *source, struct identity *identity,
			struct cgroup_hints *hints)
{
	struct cgroups cgroups = source->cgroups;
	bool v2;
	const char *path = cgroup_of_vm(&cgroups, &v2);
	size_t length = strlen(path), over = 0;

	cgroup_hints(path, hints);
	if (!length)
		return;
	if (length >= sizeof(identity->cgroup))
		over = length - (sizeof(identity->cgroup) - 1);
	clean_text(path + over, length - over, identity->cgroup, sizeof(identity->cgroup));
	identity->cgroup_version = v2 ? 2 : 1;
}

/* Its name in name[TEXT_MAX], by the rule and by who started it; the length, 0 if nothing tells. */
static size_t find_name(const struct identity_source *source, struct text cmdline,
			const struct rule *rule, const struct cgroup_hints *hints, char *name,
			struct identity *identity)
{
	static const char anonymous[] = "anonymous-instance"; /* Firecracker's for "no name" */
	size_t length = 0;

	if (rule)
		length = by_ways(rule->names, COUNT(rule->names), cmdline, name);
	if (length == strlen(anonymous) && !memcmp(name, anonymous, length))
		length = by_ways(rule->names + 1, COUNT(rule->names) - 1, cmdline, name);
	if (rule)
		length = kata(cmdline, name, length, identity);
	if (length)
		length = kubevirt(cmdline, hints, name, length, identity);
	if (!length)
		length = by_hints(hints, rule, name);
	if (!length && rule && rule->unnamed && !*identity->uuid) {
		identity->fallback = true;
		length = (size_t)snprintf(name, TEXT_MAX, rule->unnamed, source->tgid);
	}
	return length;
}

void identity_find(const struct identity_source *source, struct identity *identity)
{
	struct text cmdline = { source->cmdline, source->length }, value;
	const struct rule *rule = rule_of(source, cmdline);
	char name[TEXT_MAX], text[TEXT_MAX], suffix[16];
	struct cgroup_hints hints;
	size_t length;

	memset(identity, 0, sizeof(*identity));
	identity->vmm = rule ? rule->vmm : "other";
	find_cgroup(source, identity, &hints);
	memcpy(identity->pod, hints.pod, sizeof(identity->pod));
	memcpy(identity->number, hints.number, sizeof(identity->number));
	if (rule && !strcmp(rule->vmm, "qemu") && find_option(cmdline, "-id", &value)) {
		clean_text(value.at, value.length, identity->number, sizeof(identity->number));
		identity->vmm = "proxmox";
	}
	length = rule ? by_ways(rule->uuids, COUNT(rule->uuids), cmdline, text) : 0;
	take_uuid(text, length, identity->uuid);
	length = find_name(source, cmdline, rule, &hints, name, identity);
	if (!length && *identity->uuid)
		length = put(identity->uuid, strlen(identity->uuid), name);
	length = clean_text(name, length, identity->name, sizeof(identity->name));
	if (length)
		return;
	identity->fallback = true;
	if (!clean_text(source->comm, strlen(source->comm), identity->name, sizeof(identity->name)))
		memcpy(identity->name, "_", 2);
	snprintf(suffix, sizeof(suffix), "-%u", source->tgid);
	clean_append(identity->name, sizeof(identity->name), suffix);
}
