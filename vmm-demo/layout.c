// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * layout.c - page tables and descriptors for a guest that starts in 64-bit mode
 *
 * Pages are 2 MiB, present in every processor with long mode. Accessed and dirty bits are set
 * beforehand, so that no walk writes to the tables.
 */
#include "layout.h"

#include <string.h>

#define PAGE        UINT64_C(4096)
#define ENTRIES     512
#define DIRECTORIES 4 /* of 1 GiB each */

#define PTE_PRESENT  (UINT64_C(1) << 0)
#define PTE_WRITE    (UINT64_C(1) << 1)
#define PTE_ACCESSED (UINT64_C(1) << 5)
#define PTE_DIRTY    (UINT64_C(1) << 6)
#define PTE_LARGE    (UINT64_C(1) << 7)

#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PTE_2M    (PTE_TABLE | PTE_DIRTY | PTE_LARGE)

static void put64(uint8_t *memory, uint64_t at, uint64_t value)
{
	memcpy(memory + at, &value, sizeof(value));
}

void layout_tables(uint8_t *memory)
{
	const uint64_t pdpt = LAYOUT_PML4 + PAGE;
	const uint64_t directories = pdpt + PAGE;
	uint64_t i;

	_Static_assert(LAYOUT_PML4 + (2 + DIRECTORIES) * PAGE == LAYOUT_TABLES_END, "tables");
	memset(memory + LAYOUT_PML4, 0, LAYOUT_TABLES_END - LAYOUT_PML4);
	put64(memory, LAYOUT_PML4, pdpt | PTE_TABLE);
	for (i = 0; i < DIRECTORIES; i++)
		put64(memory, pdpt + i * 8, (directories + i * PAGE) | PTE_TABLE);
	for (i = 0; i < (uint64_t)DIRECTORIES * ENTRIES; i++)
		put64(memory, directories + i * 8, i << 21 | PTE_2M);
}

void layout_gdt(uint8_t *memory)
{
	memset(memory + LAYOUT_GDT, 0, PAGE);
	put64(memory, LAYOUT_GDT + LAYOUT_CS,
	      UINT64_C(0x00af9b000000ffff)); /* L, G, code, ring 0 */
	put64(memory, LAYOUT_GDT + LAYOUT_DS, UINT64_C(0x00cf93000000ffff)); /* data, ring 0 */
	put64(memory, LAYOUT_GDT + LAYOUT_TR,
	      UINT64_C(0x00008b0000000067)); /* busy 64-bit TSS at 0 */
}
