// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * naming.c - from a vCPU's slot and birth record to who its VM is
 */
#include "naming.h"

#include <string.h>

#include "proc.h"

#define CMDLINE_MAX 65536

/* Of the process, if it is still the same one after all was read: its number may be another's by then. */
static bool read_proc(uint32_t tgid, uint64_t start, const struct rbpf_birth *birth,
		      struct identity_source *source, char *comm, char *exe, size_t exe_size)
{
	static char cmdline[CMDLINE_MAX];
	size_t length = 0;

	if (!proc_is(tgid, start))
		return false;
	proc_exe(tgid, exe, exe_size);
	proc_cgroups(tgid, &source->cgroups);
	if (!birth)
		proc_comm(tgid, comm);
	if (source->length == 0 || source->length == RBPF_CMDLINE)
		length = proc_cmdline(tgid, cmdline, sizeof(cmdline));
	if (!proc_is(tgid, start))
		return false;
	if (length) {
		source->cmdline = cmdline;
		source->length = length;
	}
	return true;
}

void naming_find(uint32_t tgid, uint64_t start, const struct rbpf_birth *birth,
		 struct identity *identity)
{
	struct identity_source source = { .tgid = tgid, .cmdline = "" };
	char comm[16] = "", exe[512] = "";

	if (birth) {
		memcpy(comm, birth->comm, sizeof(comm) - 1);
		source.cmdline = birth->cmdline;
		source.length = birth->cmdline_len;
	}
	if (!read_proc(tgid, start, birth, &source, comm, exe, sizeof(exe))) {
		*exe = '\0';
		memset(&source.cgroups, 0, sizeof(source.cgroups));
		if (!birth)
			*comm = '\0';
	}
	source.comm = comm;
	source.exe = exe;
	identity_find(&source, identity);
}
