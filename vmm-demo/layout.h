/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * layout.h - where things lie in guest memory, and the first page tables and descriptors
 *
 *	0x00001000  GDT
 *	0x00002000  page tables: PML4, PDPT, four page directories; the first 4 GiB one to one
 *	0x00010000  parameters, one page per vCPU: struct guest_params, steal time, stack
 *	0x00100000  the guest's code
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

/* Selectors of the GDT: 64-bit code, flat data, and the (unused) task state. */
#define LAYOUT_CS 0x08
#define LAYOUT_DS 0x10
#define LAYOUT_TR 0x18

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
