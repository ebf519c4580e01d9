// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * linux.c - puts a Linux kernel, its initrd, command line and tables into a VM's memory
 *
 * Documentation/arch/x86/boot.rst has the protocol and zero-page.rst struct boot_params.  The
 * files stay open: a reset reads them again.
 */
#include "linux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "acpi.h"
#include "layout.h"

#define PAGE          UINT64_C(4096)
#define LOADER_OTHER  0xff /* type_of_loader: one without a number of its own */
#define E820_RAM      1
#define E820_RESERVED 2

_Static_assert(LAYOUT_BOOT_PARAMS + sizeof(struct boot_params) <= LAYOUT_CMDLINE, "zero page");

/* All of [offset, offset + size) of the file; false where it is shorter, or can't be read. */
static bool read_all(int fd, void *to, uint64_t size, uint64_t offset)
{
	uint8_t *at = to;

	while (size) {
		ssize_t n = pread(fd, at, size, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return true;
}

static int open_file(struct vm *vm, const char *option, const char *path, uint64_t *size)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return vm_fail(vm, "--%s %s: %s", option, path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return vm_fail(vm, "--%s %s: not a regular file", option, path);
	}
	*size = (uint64_t)st.st_size;
	return fd;
}

int linux_open(struct linux_guest *g, struct vm *vm, const struct vmm_options *o)
{
	uint8_t head[BZIMAGE_HEAD];
	uint64_t size;
	size_t head_size;
	char why[128];

	g->initrd_fd = -1;
	g->kernel_fd = open_file(vm, "kernel", o->kernel, &size);
	if (g->kernel_fd < 0)
		return -1;
	head_size = size < sizeof(head) ? (size_t)size : sizeof(head);
	if (!read_all(g->kernel_fd, head, head_size, 0))
		return vm_fail(vm, "--kernel %s: can't be read", o->kernel);
	if (bzimage_parse(&g->image, head, head_size, size, why, sizeof(why)))
		return vm_fail(vm, "--kernel %s: %s", o->kernel, why);
	if (!o->initrd)
		return 0;
	g->initrd_fd = open_file(vm, "initrd", o->initrd, &g->initrd_size);
	return g->initrd_fd < 0 ? -1 : 0;
}

void linux_close(struct linux_guest *g)
{
	if (g->kernel_fd >= 0)
		close(g->kernel_fd);
	if (g->initrd_fd >= 0)
		close(g->initrd_fd);
}

static int load_kernel(struct linux_guest *g, struct vm *vm, const char *path)
{
	const struct bzimage *image = &g->image;
	void *to = vm_memory(vm, image->address, image->needs);

	if (image->address < LAYOUT_HIGH)
		return vm_fail(vm, "--kernel %s: wants to be loaded below 1 MiB", path);
	if (!to)
		return vm_fail(
			vm, "--kernel %s: needs memory up to %llu MiB, and there are %zu (--mem)",
			path,
			(unsigned long long)((image->needs >> 20) + (image->address >> 20) + 1),
			vm->memory_size >> 20);
	if (!read_all(g->kernel_fd, to, image->payload_size, image->payload_offset))
		return vm_fail(vm, "--kernel %s: can't be read to its end", path);
	return 0;
}

/* As high as it may lie: the kernel's own memory is below it. */
static int load_initrd(struct linux_guest *g, struct vm *vm, const char *path, uint64_t *address)
{
	uint64_t end = g->image.initrd_end, low = g->image.address + g->image.needs;
	void *to = NULL;

	if (end > vm->memory_size)
		end = vm->memory_size;
	if (g->initrd_size <= end) {
		*address = (end - g->initrd_size) & ~(PAGE - 1);
		if (*address >= low)
			to = vm_memory(vm, *address, g->initrd_size);
	}
	if (!to)
		return vm_fail(vm, "--initrd %s: %llu MiB don't fit behind the kernel (--mem)",
			       path, (unsigned long long)(g->initrd_size >> 20));
	if (!read_all(g->initrd_fd, to, g->initrd_size, 0))
		return vm_fail(vm, "--initrd %s: can't be read to its end", path);
	return 0;
}

static int write_cmdline(struct linux_guest *g, struct vm *vm, const char *text)
{
	char *to = vm_memory(vm, LAYOUT_CMDLINE, LAYOUT_CMDLINE_MAX);
	size_t max = LAYOUT_CMDLINE_MAX - 1;
	int n;

	if (g->image.cmdline_max < max)
		max = g->image.cmdline_max;
	if (!to)
		return vm_fail(vm, "there is no memory for the command line");
	n = snprintf(to, LAYOUT_CMDLINE_MAX, "%s%s%s", VMM_CMDLINE, *text ? " " : "", text);
	if (n < 0 || (size_t)n > max)
		return vm_fail(vm, "--cmdline: longer than the %zu bytes that this kernel takes",
			       max - strlen(VMM_CMDLINE) - 1);
	return 0;
}

static void add_e820(struct boot_params *p, uint64_t begin, uint64_t end, uint32_t type)
{
	p->e820_table[p->e820_entries++] = (struct boot_e820_entry){ begin, end - begin, type };
}

int linux_load(struct linux_guest *g, struct vm *vm, const struct vmm_options *o)
{
	struct boot_params *p = vm_memory(vm, LAYOUT_BOOT_PARAMS, sizeof(*p));
	uint8_t *low = vm_memory(vm, 0, LAYOUT_TABLES_END);
	uint64_t initrd = 0;

	if (!p || !low || vm->memory_size <= LAYOUT_HIGH)
		return vm_fail(vm, "%zu bytes of guest memory are too few", vm->memory_size);
	layout_gdt(low);
	layout_tables(low);
	if (load_kernel(g, vm, o->kernel) || write_cmdline(g, vm, o->cmdline) ||
	    (g->initrd_fd >= 0 && load_initrd(g, vm, o->initrd, &initrd)))
		return -1;
	memset(p, 0, sizeof(*p));
	p->hdr = g->image.header;
	p->hdr.type_of_loader = LOADER_OTHER;
	p->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	p->hdr.setup_data = 0;
	if (g->initrd_fd >= 0) {
		p->hdr.ramdisk_image = (uint32_t)initrd;
		p->hdr.ramdisk_size = (uint32_t)g->initrd_size;
	}
	add_e820(p, 0, LAYOUT_LOW_END, E820_RAM);
	add_e820(p, LAYOUT_LOW_END, LAYOUT_HIGH, E820_RESERVED);
	add_e820(p, LAYOUT_HIGH, vm->memory_size, E820_RAM);
	p->acpi_rsdp_addr = LAYOUT_ACPI;
	return acpi_build(vm, o->cpus);
}

struct vcpu_start linux_start(const struct linux_guest *g)
{
	return (struct vcpu_start){ .rip = g->image.address + g->image.entry,
				    .rsi = LAYOUT_BOOT_PARAMS };
}
