/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * layout.h - where things lie in guest memory, and the first page tables and descriptors
 *
 *	0x00001000  GDT
 *	0x00002000  page tables: PML4, PDPT, four page directories; the first 4 GiB one to one
 *	0x00010000  bare metal: parameters, one page per vCPU: struct guest_params, steal time, stack
 *	0x00010000  Linux: struct boot_params
 *	0x00011000  Linux: command line
 *	0x0009fc00  Linux: end of low memory
 *	0x000e0000  Linux: ACPI tables
 *	0x00100000  bare metal: the guest's code
 *	0x00100000  Linux: memory up to its end, the kernel where it asks to be, the initrd at the end
 *	0xd0000000  devices (MMIO); never memory
 *
 * Pure: fills a buffer that is guest memory from address 0, knows no KVM.
 */
#ifndef RONDO_VMM_LAYOUT_H
#define RONDO_VMM_LAYOUT_H

#include <stdint.h>

#define LAYOUT_GDT         UINT64_C(0x1000)
#define LAYOUT_PML4        UINT64_C(0x2000)
#define LAYOUT_TABLES_END  UINT64_C(0x8000)
#define LAYOUT_PARAMS      UINT64_C(0x10000)
#define LAYOUT_PARAMS_SIZE UINT64_C(0x1000)
#define LAYOUT_STEAL       UINT64_C(0x800) /* within a parameter page */
#define LAYOUT_CODE        UINT64_C(0x100000)
#define LAYOUT_MMIO        UINT64_C(0xd0000000)
#define LAYOUT_MMIO_SIZE   UINT64_C(0x1000)
#define LAYOUT_PORT        UINT64_C(0x5e0)
#define LAYOUT_PORT_SIZE   UINT64_C(4)

#define LAYOUT_BOOT_PARAMS UINT64_C(0x10000)
#define LAYOUT_CMDLINE     UINT64_C(0x11000)
#define LAYOUT_CMDLINE_MAX UINT64_C(0x1000) /* with its terminating zero */
#define LAYOUT_LOW_END     UINT64_C(0x9fc00)
#define LAYOUT_ACPI        UINT64_C(0xe0000)
#define LAYOUT_ACPI_SIZE   UINT64_C(0x2000)
#define LAYOUT_HIGH        UINT64_C(0x100000)

/*
 * Selectors of the GDT: 64-bit code, flat data, and the (unused) task state.  The first two are
 * where Linux's 64-bit boot protocol has them.
 */
#define LAYOUT_CS 0x10
#define LAYOUT_DS 0x18
#define LAYOUT_TR 0x20

/* Ports and interrupts of a Linux guest's devices; acpi.c tells the guest of them. */
#define LAYOUT_SERIAL_PORT UINT64_C(0x3f8)
#define LAYOUT_SERIAL_IRQ  4
#define LAYOUT_PM_PORT     UINT64_C(0x600) /* ACPI's PM1a: events (4 bytes), control (2) */
#define LAYOUT_SCI_IRQ     9
#define LAYOUT_RESET_PORT  UINT64_C(0x64) /* the keyboard controller's command port */
#define LAYOUT_VIRTIO_MAX  4

static inline uint64_t layout_virtio(unsigned int slot)
{
	return LAYOUT_MMIO + slot * LAYOUT_MMIO_SIZE;
}

/* Above the sixteen that the old interrupt controllers know. */
static inline unsigned int layout_virtio_irq(unsigned int slot)
{
	return 16 + slot;
}

static inline uint64_t layout_params(unsigned int vcpu)
{
	return LAYOUT_PARAMS + vcpu * LAYOUT_PARAMS_SIZE;
}

static inline uint64_t layout_stack(unsigned int vcpu)
{
	return layout_params(vcpu) + LAYOUT_PARAMS_SIZE;
}

/* memory: at least LAYOUT_TABLES_END bytes. */
void layout_tables(uint8_t *memory);
void layout_gdt(uint8_t *memory);

#endif
