// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * cgroup.c - what the paths of a process' cgroups say of its VM
 */
#include "cgroup.h"

#include <ctype.h>
#include <string.h>

/* Is the comma-separated list[length] one that has the word? */
static bool has_word(const char *list, size_t length, const char *word)
{
	size_t n = strlen(word), step;

	for (; length; list += step, length -= step) {
		const char *comma = memchr(list, ',', length);
		size_t len = comma ? (size_t)(comma - list) : length;

		if (len == n && !memcmp(list, word, n))
			return true;
		step = comma ? len + 1 : len;
	}
	return false;
}

/* Of a path that is too long its end is kept: it says more. */
static void keep(const char *path, size_t length, char out[CGROUP_MAX])
{
	if (length >= CGROUP_MAX) {
		path += length - (CGROUP_MAX - 1);
		length = CGROUP_MAX - 1;
	}
	memcpy(out, path, length);
	out[length] = '\0';
}

void cgroup_parse(const char *text, struct cgroups *cgroups)
{
	const char *line, *end, *controllers, *path;
	bool cpu = false;

	memset(cgroups, 0, sizeof(*cgroups));
	for (line = text; *line; line = *end ? end + 1 : end) {
		end = strchrnul(line, '\n');
		controllers = memchr(line, ':', (size_t)(end - line));
		path = controllers ? memchr(controllers + 1, ':', (size_t)(end - controllers - 1))
				   : NULL;
		if (!path)
			continue;
		controllers++;
		if (controllers == path) {
			keep(path + 1, (size_t)(end - path - 1), cgroups->v2);
		} else if (has_word(controllers, (size_t)(path - controllers), "cpu")) {
			keep(path + 1, (size_t)(end - path - 1), cgroups->v1);
			cpu = true;
		} else if (!cpu &&
			   has_word(controllers, (size_t)(path - controllers), "name=systemd")) {
			keep(path + 1, (size_t)(end - path - 1), cgroups->v1);
		}
	}
}

static bool all_digits(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	return length > 0;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
	size_t n = strlen(end);

	return length > n && !memcmp(text + length - n, end, n);
}

/* libvirt's children: emulator, vcpu0, iothread1, under "libvirt" since 7.1. */
static bool below_vm(const char *part, size_t length)
{
	static const char *const whole[] = { "emulator", "libvirt", "container", "payload" };
	static const char *const numbered[] = { "vcpu", "iothread" };
	size_t i, n;

	for (i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (length == strlen(whole[i]) && !memcmp(part, whole[i], length))
			return true;
	for (i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++) {
		n = strlen(numbered[i]);
		if (length > n && !memcmp(part, numbered[i], n) && all_digits(part + n, length - n))
			return true;
	}
	return false;
}

void cgroup_trim(char *path)
{
	char *slash;

	while ((slash = strrchr(path, '/')) && slash > path &&
	       below_vm(slash + 1, strlen(slash + 1)))
		*slash = '\0';
}

const char *cgroup_of_vm(struct cgroups *cgroups, bool *v2)
{
	cgroup_trim(cgroups->v2);
	cgroup_trim(cgroups->v1);
	/* On a host with both, systemd's own tree may be v2 while the resources are v1's. */
	*v2 = strlen(cgroups->v2) >= strlen(cgroups->v1);
	return *v2 ? cgroups->v2 : cgroups->v1;
}

/* systemd's \xHH; what is no such thing stays. The new length. */
static size_t unescape(const char *text, size_t length, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = 0;

	for (i = 0; i < length && n + 1 < size; i++) {
		const char *high = NULL, *low = NULL;

		if (length - i >= 4 && text[i] == '\\' && text[i + 1] == 'x' && text[i + 2] &&
		    text[i + 3]) {
			high = strchr(digits, tolower((unsigned char)text[i + 2]));
			low = strchr(digits, tolower((unsigned char)text[i + 3]));
		}
		if (high && low) {
			out[n++] = (char)((high - digits) << 4 | (low - digits));
			i += 3;
		} else {
			out[n++] = text[i];
		}
	}
	out[n] = '\0';
	return n;
}

/* Behind "qemu-<id>-", as libvirt forms the names of its machines; NULL if it is none. */
static const char *behind_qemu(const char *text)
{
	const char *p = text + strlen("qemu-");

	if (strncmp(text, "qemu-", strlen("qemu-")) != 0 || !isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return *p == '-' && p[1] ? p + 1 : NULL;
}

/* systemd's units of pods have '_' for the '-' of a uid. */
static void take_uid(const char *text, char uid[37])
{
	size_t i;

	for (i = 0; i < 36; i++) {
		uid[i] = text[i] == '_' ? '-' : text[i];
		if (!isxdigit((unsigned char)uid[i]) && uid[i] != '-') {
			*uid = '\0';
			return;
		}
	}
	uid[36] = '\0';
}

/* One component. before: the one above it. */
static void look_at(const char *part, size_t length, const char *before, size_t before_len,
		    struct cgroup_hints *hints)
{
	static const char machine[] = "machine-";
	char text[sizeof(hints->name) + 32];
	const char *name = NULL, *uid;
	size_t n, i;

	if (ends_with(part, length, ".scope") && before_len == strlen("qemu.slice") &&
	    !memcmp(before, "qemu.slice", before_len) &&
	    all_digits(part, length - strlen(".scope")) &&
	    length - strlen(".scope") < sizeof(hints->number)) {
		memcpy(hints->number, part, length - strlen(".scope"));
		return;
	}
	if (ends_with(part, length, ".scope") && length > sizeof(machine) &&
	    !memcmp(part, machine, strlen(machine))) {
		unescape(part + strlen(machine), length - strlen(machine) - strlen(".scope"), text,
			 sizeof(text));
		name = behind_qemu(text);
	} else if (ends_with(part, length, ".libvirt-qemu")) {
		unescape(part, length - strlen(".libvirt-qemu"), text, sizeof(text));
		name = behind_qemu(text);
		name = name ? name : text;
	}
	if (name) {
		n = strnlen(name, sizeof(hints->name) - 1);
		memcpy(hints->name, name, n);
		hints->name[n] = '\0';
	}
	uid = memmem(part, length, "kubepods", 8);
	if (uid == part || (uid && uid[-1] == '-'))
		hints->kubernetes = true;
	if (!hints->kubernetes)
		return;
	for (i = 0; i + 3 + 36 <= length; i++)
		if (!memcmp(part + i, "pod", 3) && (!i || part[i - 1] == '-'))
			take_uid(part + i + 3, hints->pod);
}

/* Before the machines of systemd: libvirt/qemu/<name>. */
static void look_for_legacy(const char *path, struct cgroup_hints *hints)
{
	static const char parent[] = "/libvirt/qemu/";
	const char *name = strstr(path, parent);
	size_t n;

	if (!name || *hints->name)
		return;
	name += strlen(parent);
	n = strcspn(name, "/");
	n = n < sizeof(hints->name) ? n : sizeof(hints->name) - 1;
	memcpy(hints->name, name, n);
	hints->name[n] = '\0';
}

void cgroup_hints(const char *path, struct cgroup_hints *hints)
{
	const char *part = path, *before = path, *end;
	size_t before_len = 0, length;

	memset(hints, 0, sizeof(*hints));
	for (; *part; part = *end ? end + 1 : end) {
		end = strchrnul(part, '/');
		length = (size_t)(end - part);
		if (!length)
			continue;
		look_at(part, length, before, before_len, hints);
		/* The jailer's: <the program's name>/<id>, if nothing is below. */
		if (!*end && before_len >= strlen("firecracker") &&
		    !memcmp(before, "firecracker", strlen("firecracker")) &&
		    length < sizeof(hints->jail))
			memcpy(hints->jail, part, length);
		before = part;
		before_len = length;
	}
	look_for_legacy(path, hints);
}
