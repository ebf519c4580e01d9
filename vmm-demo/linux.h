/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * linux.h - puts a Linux kernel, its initrd, command line and tables into a VM's memory
 *
 * By the 64-bit boot protocol: the first vCPU starts in the kernel's own 64-bit code, the others
 * wait until the kernel wakes them.
 */
#ifndef RONDO_VMM_LINUX_H
#define RONDO_VMM_LINUX_H

#include "bzimage.h"
#include "options.h"
#include "vcpu_state.h"
#include "vm.h"

struct linux_guest {
	int kernel_fd;
	int initrd_fd; /* -1: none */
	uint64_t initrd_size;
	struct bzimage image;
};

/* Opens the files and looks at the image.  0, or -1 and vm->error. */
int linux_open(struct linux_guest *guest, struct vm *vm, const struct vmm_options *options);
void linux_close(struct linux_guest *guest);

/*
 * Fills guest memory, which must be all zeros; also for a second time, after a reset.
 * 0, or -1 and vm->error.
 */
int linux_load(struct linux_guest *guest, struct vm *vm, const struct vmm_options *options);

/* How the first vCPU starts. */
struct vcpu_start linux_start(const struct linux_guest *guest);

#endif
