// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * main.c - rondo-vmm: from the command line to the exit status
 */
#include <stdio.h>
#include "fatal.h"
#include "vmm.h"

int main(int argc, char **argv)
{
	static struct vmm m = { .vm = { .kvm_fd = -1, .fd = -1 } };
	char error[256];
	int rc;

	switch (options_parse(argc, argv, &m.options, error, sizeof(error))) {
	case OPTIONS_HELP:
		options_usage(stdout);
		return fflush(stdout) ? 1 : 0;
	case OPTIONS_VERSION:
		printf("rondo-vmm %s\n", rondo_version());
		return 0;
	case OPTIONS_BAD:
		vmm_complain(error);
		return 2;
	case OPTIONS_RUN:
		break;
	}
	fatal_init();
	rc = vmm_create(&m);
	if (!rc)
		rc = vmm_run(&m);
	if (rc) {
		vmm_complain(m.vm.error);
	} else {
		vmm_report(&m);
		vmm_linger(&m);
	}
	vmm_destroy(&m);
	return rc ? 1 : vmm_exit_status(&m);
}
