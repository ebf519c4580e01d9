// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * acpi.c - the few ACPI tables by which a Linux guest finds its CPUs, its virtio devices and the
 * registers that switch it off
 *
 *	RSDP -> XSDT -> FADT (power registers, reset port) -> DSDT (virtio devices, _S5)
 *	             -> MADT (local APICs, I/O APIC)
 *
 * Field offsets are those of the ACPI specification 6.3, chapter 5.2.  There is no firmware, so
 * tables are all that a guest gets; nothing here runs later.  The interrupts' lines are KVM's
 * default: GSI n is pin n of the I/O APIC.
 */
#include "acpi.h"

#include <stdio.h>
#include <string.h>
#include "layout.h"
#include "power.h"

#define HEADER      36
#define FADT_SIZE   276
#define FACS_SIZE   64
#define LAPIC_BASE  0xfee00000u
#define IOAPIC_BASE 0xfec00000u

/* Bytes that are appended to; past its end nothing is written, and `full` says so. */
struct out {
	uint8_t *base;
	size_t size, used;
	bool full;
};

static void put(struct out *o, const void *data, size_t n)
{
	if (n > o->size - o->used) {
		o->full = true;
		return;
	}
	memcpy(o->base + o->used, data, n);
	o->used += n;
}

static void put8(struct out *o, uint8_t value)
{
	put(o, &value, 1);
}

static void put16(struct out *o, uint16_t value)
{
	put(o, &value, 2);
}

static void put32(struct out *o, uint32_t value)
{
	put(o, &value, 4);
}

static void put64(struct out *o, uint64_t value)
{
	put(o, &value, 8);
}

static uint8_t sum(const uint8_t *data, size_t n)
{
	uint8_t total = 0;

	while (n--)
		total = (uint8_t)(total + *data++);
	return total;
}

/* A table's header; its length and checksum come with table_end(). */
static size_t table_begin(struct out *o, const char *signature, uint8_t revision)
{
	size_t at;

	o->used = (o->used + 15) & ~(size_t)15;
	at = o->used;
	put(o, signature, 4);
	put32(o, 0);
	put8(o, revision);
	put8(o, 0);
	put(o, "RONDO ", 6);
	put(o, "RONDOVMM", 8);
	put32(o, 1);
	put(o, "RNDO", 4);
	put32(o, 1);
	return at;
}

static uint64_t table_end(struct out *o, size_t at)
{
	uint32_t length = (uint32_t)(o->used - at);

	if (!o->full) {
		memcpy(o->base + at + 4, &length, 4);
		o->base[at + 9] = (uint8_t)-sum(o->base + at, length);
	}
	return LAYOUT_ACPI + at;
}

/* AML: a package of its own length, always in the two-byte form, good for 4095 bytes. */
static size_t package_begin(struct out *o)
{
	put16(o, 0);
	return o->used - 2;
}

static void package_end(struct out *o, size_t at)
{
	size_t n = o->used - at;

	if (o->full)
		return;
	o->base[at] = (uint8_t)(0x40 | (n & 0xf));
	o->base[at + 1] = (uint8_t)(n >> 4);
}

static void put_name(struct out *o, const char *name)
{
	put8(o, 0x08); /* NameOp */
	put(o, name, 4);
}

/* Device (VRnn) { _HID LNRO0005, _UID, _CRS: memory and an edge-triggered interrupt } */
static void put_virtio(struct out *o, unsigned int slot)
{
	char name[8];
	size_t device, buffer;

	put(o, "\x5b\x82", 2); /* DeviceOp */
	device = package_begin(o);
	snprintf(name, sizeof(name), "VR%02u", slot % 100);
	put(o, name, 4);
	put_name(o, "_HID");
	put8(o, 0x0d); /* StringPrefix */
	put(o, "LNRO0005", 9);
	put_name(o, "_UID");
	put8(o, 0x0a); /* BytePrefix */
	put8(o, (uint8_t)slot);
	put_name(o, "_CRS");
	put8(o, 0x11); /* BufferOp */
	buffer = package_begin(o);
	put(o, "\x0a\x17", 2);         /* of 23 bytes */
	put(o, "\x86\x09\x00\x01", 4); /* Memory32Fixed, read and write */
	put32(o, (uint32_t)layout_virtio(slot));
	put32(o, (uint32_t)LAYOUT_MMIO_SIZE);
	put(o, "\x89\x06\x00\x03\x01", 5); /* Interrupt: consumer, edge, active high, one */
	put32(o, layout_virtio_irq(slot));
	put(o, "\x79\x00", 2); /* end */
	package_end(o, buffer);
	package_end(o, device);
}

static uint64_t put_dsdt(struct out *o, unsigned int n_virtio)
{
	size_t table = table_begin(o, "DSDT", 2), scope;
	unsigned int i;

	put_name(o, "_S5_");           /* what to write into PM1a control to switch off */
	put(o, "\x12\x07\x04\x0a", 4); /* a package of four */
	put8(o, POWER_SLEEP_TYPE);
	put(o, "\x00\x00\x00", 3);
	put8(o, 0x10); /* ScopeOp */
	scope = package_begin(o);
	put(o, "\\_SB_", 5);
	for (i = 0; i < n_virtio; i++)
		put_virtio(o, i);
	package_end(o, scope);
	return table_end(o, table);
}

static uint64_t put_madt(struct out *o, unsigned int cpus)
{
	size_t table = table_begin(o, "APIC", 4);
	unsigned int i;

	put32(o, LAPIC_BASE);
	put32(o, 1); /* there are two 8259 as well */
	for (i = 0; i < cpus; i++) {
		put(o, "\x00\x08", 2); /* a local APIC */
		put8(o, (uint8_t)i);
		put8(o, (uint8_t)i);
		put32(o, 1); /* enabled */
	}
	put(o, "\x01\x0c\x00\x00", 4); /* an I/O APIC, number 0 */
	put32(o, IOAPIC_BASE);
	put32(o, 0);               /* its first GSI */
	put(o, "\x02\x0a\x00", 3); /* an ISA interrupt that is not as ISA's are: ACPI's own */
	put8(o, LAYOUT_SCI_IRQ);
	put32(o, LAYOUT_SCI_IRQ);
	put16(o, 0x000d); /* level, active high */
	return table_end(o, table);
}

/* A register's address in the generic form, at an offset of the FADT. */
static void put_port(uint8_t *fadt, size_t at, uint8_t bits, uint64_t port)
{
	fadt[at] = 1; /* I/O ports */
	fadt[at + 1] = bits;
	fadt[at + 3] = bits == 8 ? 1 : 2; /* access by byte or word */
	memcpy(fadt + at + 4, &port, 8);
}

static uint64_t put_fadt(struct out *o, uint64_t facs, uint64_t dsdt)
{
	const uint32_t event = LAYOUT_PM_PORT, control = LAYOUT_PM_PORT + POWER_CONTROL;
	/* WBINVD works; no power or sleep button, no RTC wake-up here; there is a reset register */
	const uint32_t flags = 1u << 0 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 10;
	/* no VGA, no CMOS clock; as bit 1 is not set there is no keyboard either */
	const uint16_t boot = 1u << 2 | 1u << 5;
	const uint16_t sci = LAYOUT_SCI_IRQ, none = 0xfff;
	uint8_t f[FADT_SIZE] = { 0 }; /* the header is not used: offsets are the specification's */
	size_t table = table_begin(o, "FACP", 6);

	memcpy(f + 36, &facs, 4);
	memcpy(f + 40, &dsdt, 4);
	memcpy(f + 46, &sci, 2);
	memcpy(f + 56, &event, 4);
	memcpy(f + 64, &control, 4);
	f[88] = 4;
	f[89] = 2;
	memcpy(f + 96, &none, 2); /* no C2, no C3 */
	memcpy(f + 98, &none, 2);
	memcpy(f + 109, &boot, 2);
	memcpy(f + 112, &flags, 4);
	put_port(f, 116, 8, LAYOUT_RESET_PORT);
	f[128] = POWER_RESET;
	f[131] = 3; /* ACPI 6.3 */
	memcpy(f + 140, &dsdt, 8);
	put_port(f, 148, 32, event);
	put_port(f, 172, 16, control);
	put(o, f + HEADER, sizeof(f) - HEADER);
	return table_end(o, table);
}

/* Shared with firmware, of which there is none: a header and zeros. */
static uint64_t put_facs(struct out *o)
{
	static const uint8_t zeros[FACS_SIZE - 8];
	uint64_t at;

	o->used = (o->used + 63) & ~(size_t)63;
	at = LAYOUT_ACPI + o->used;
	put(o, "FACS", 4);
	put32(o, FACS_SIZE);
	put(o, zeros, sizeof(zeros));
	return at;
}

int acpi_build(struct vm *vm, unsigned int cpus)
{
	struct out o = { .base = vm_memory(vm, LAYOUT_ACPI, LAYOUT_ACPI_SIZE),
			 .size = LAYOUT_ACPI_SIZE,
			 .used = 64 }; /* the root pointer's place */
	uint64_t facs, dsdt, fadt, madt, xsdt;
	struct out root = { .base = o.base, .size = 36 };
	size_t table;

	if (!o.base)
		return vm_fail(vm, "there is no memory for ACPI tables");
	memset(o.base, 0, o.size);
	facs = put_facs(&o);
	dsdt = put_dsdt(&o, vm->n_virtio);
	fadt = put_fadt(&o, facs, dsdt);
	madt = put_madt(&o, cpus);
	table = table_begin(&o, "XSDT", 1);
	put64(&o, fadt);
	put64(&o, madt);
	xsdt = table_end(&o, table);
	put(&root, "RSD PTR \0RONDO \x02\0\0\0\0", 20);
	put32(&root, 36);
	put64(&root, xsdt);
	put32(&root, 0);
	if (o.full || root.full)
		return vm_fail(vm, "the ACPI tables don't fit");
	o.base[8] = (uint8_t)-sum(o.base, 20);
	o.base[32] = (uint8_t)-sum(o.base, 36);
	return 0;
}
