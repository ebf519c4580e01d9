// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo: guest memory as a bare-metal guest finds it (layout.c, guest.c), the checked way to it
 * (vm_memory), the buses (bus.c) and the device that checks events (testdev.c). The page tables'
 * oracle is a walk as the processor does it. No KVM: memory is plain memory.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "layout.h"

#define MIB (UINT64_C(1) << 20)

static struct vm vm;
static struct guest guest;
static struct vmm_options o;

static void set_up(void)
{
	memset(&vm, 0, sizeof(vm));
	vm.memory_size = 4 * MIB;
	vm.memory = calloc(1, vm.memory_size);
	ck_assert_ptr_nonnull(vm.memory);
	memset(vm.memory, 0xa5, vm.memory_size);
	memset(&o, 0, sizeof(o));
	o.n_steps = 3;
	o.steps[0] = (struct vmm_step){ GUEST_OP_PIO, 100 };
	o.steps[1] = (struct vmm_step){ GUEST_OP_MMIO, 7 };
	o.steps[2] = (struct vmm_step){ GUEST_OP_PIO, 11 };
}

static void tear_down(void)
{
	free(vm.memory);
}

static uint64_t load64(uint64_t at)
{
	uint64_t value;

	ck_assert_uint_le(at + 8, vm.memory_size);
	memcpy(&value, vm.memory + at, 8);
	return value;
}

/* What the processor makes of an address in 64-bit mode. */
static uint64_t walk(uint64_t address)
{
	uint64_t entry, table = LAYOUT_PML4;
	int shift;

	for (shift = 39; shift >= 21; shift -= 9) {
		entry = load64(table + (address >> shift & 511) * 8);
		ck_assert_msg(entry & 1, "%#lx: not present at shift %d", (long)address, shift);
		ck_assert_msg(entry & 2, "%#lx: not writable", (long)address);
		table = entry & UINT64_C(0x000ffffffffff000);
		if (shift < 39 && entry & 0x80)
			return table | (address & ((UINT64_C(1) << shift) - 1));
	}
	ck_abort_msg("%#lx: no large page", (long)address);
	return 0;
}

START_TEST(core_tables)
{
	static const uint64_t at[] = {
		0,          0x1234,     LAYOUT_CODE, 0x1fffff,   0x200000,
		0x3fffffff, 0x40000000, LAYOUT_MMIO, 0xfee00000, UINT64_C(0xffffffff)
	};
	size_t i;

	ck_assert_int_eq(guest_load(&guest, &vm), 0);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		ck_assert_uint_eq(walk(at[i]), at[i]);
	/* nothing beyond 4 GiB */
	ck_assert_uint_eq(load64(LAYOUT_PML4 + 8), 0);
	ck_assert_uint_eq(load64(LAYOUT_PML4 + 4096 + 4 * 8), 0);
}
END_TEST

START_TEST(core_gdt)
{
	ck_assert_int_eq(guest_load(&guest, &vm), 0);
	ck_assert_uint_eq(load64(LAYOUT_GDT), 0);
	ck_assert_uint_eq(load64(LAYOUT_GDT + LAYOUT_CS) >> 53 & 1, 1); /* L */
	ck_assert_uint_eq(load64(LAYOUT_GDT + LAYOUT_CS) >> 54 & 1, 0); /* D */
	ck_assert_uint_eq(load64(LAYOUT_GDT + LAYOUT_CS) >> 40 & 0xff, 0x9b);
	ck_assert_uint_eq(load64(LAYOUT_GDT + LAYOUT_DS) >> 40 & 0xff, 0x93);
}
END_TEST

START_TEST(core_code)
{
	ck_assert_int_eq(guest_load(&guest, &vm), 0);
	ck_assert_uint_ge(guest_start(0).rip, LAYOUT_CODE);
	ck_assert_uint_lt(guest_start(0).rip, LAYOUT_CODE + 4096);
	/* mov %rdi, %rbp: the first instruction of start.S */
	ck_assert_mem_eq(vm.memory + guest_start(0).rip, "\x48\x89\xfd", 3);
}
END_TEST

START_TEST(core_params)
{
	const struct guest_params *p;

	vm.has_steal_time = true;
	o.duration_ns = UINT64_C(3000000000);
	ck_assert_int_eq(guest_set_params(&vm, 2, &o, 2000000), 0); /* 2 GHz */
	p = vm_memory(&vm, layout_params(2), sizeof(*p));
	ck_assert_uint_eq(p->state, GUEST_LOADED);
	ck_assert_uint_eq(p->steal, guest_steal_address(2));
	ck_assert_uint_eq(p->steal % 64, 0);
	ck_assert_uint_eq(p->n_steps, 3);
	ck_assert_uint_eq(p->steps[0].gap, 20000000); /* 1 s over 100 events */
	ck_assert_uint_eq(p->steps[1].gap, 2000000000 / 7);
	ck_assert_uint_eq(p->steps[0].first, 0);
	ck_assert_uint_eq(p->steps[1].first, 0);
	ck_assert_uint_eq(p->steps[2].first, 100); /* behind the first port step */
	ck_assert(!guest_is_done(&vm, 2));

	vm.has_steal_time = false;
	o.duration_ns = 0;
	ck_assert_int_eq(guest_set_params(&vm, 2, &o, 2000000), 0);
	ck_assert_uint_eq(p->steal, 0);
	ck_assert_uint_eq(p->steps[0].gap, 0);
	ck_assert_uint_eq(guest_expected(&o, GUEST_OP_PIO), 111);
	ck_assert_uint_eq(guest_expected(&o, GUEST_OP_HLT), 0);
}
END_TEST

static void write_event(struct testdev *device, unsigned int vcpu, uint32_t number)
{
	struct bus_access access = {
		.vcpu = vcpu, .write = true, .size = 4, .data = (uint8_t *)&number
	};

	testdev_access(device, &access);
}

START_TEST(core_check)
{
	struct guest_params *p;
	char why[128] = "";
	uint32_t i;

	ck_assert_int_eq(guest_load(&guest, &vm), 0);
	ck_assert_int_eq(guest_set_params(&vm, 0, &o, 1000000), 0);
	p = vm_memory(&vm, layout_params(0), sizeof(*p));
	for (i = 0; i < 111; i++)
		write_event(&guest.port_device, 0, i);
	for (i = 0; i < 7; i++)
		write_event(&guest.mmio_device, 0, i);
	for (i = 0; i < 3; i++)
		p->steps[i].done = o.steps[i].count;
	ck_assert_msg(guest_check(&guest, &vm, 0, &o, why, sizeof(why)), "%s", why);

	p->steps[2].done--;
	ck_assert(!guest_check(&guest, &vm, 0, &o, why, sizeof(why)));
	ck_assert_str_eq(why, "the guest did 10 of 11 pio events");
	p->steps[2].done++;
	write_event(&guest.mmio_device, 0, 7);
	ck_assert(!guest_check(&guest, &vm, 0, &o, why, sizeof(why)));
	ck_assert_ptr_nonnull(
		strstr(why, "MMIO device got 8 events, 0 of them out of order, not 7"));
}
END_TEST

/* A lost event, a repeated one, a wrong size; another vCPU's events have no part in it. */
START_TEST(core_device)
{
	static struct testdev device;
	uint8_t byte = 1;
	struct bus_access narrow = { .vcpu = 0, .write = true, .size = 1, .data = &byte };

	write_event(&device, 0, 0);
	write_event(&device, 1, 0);
	write_event(&device, 0, 1);
	ck_assert_uint_eq(device.vcpus[0].wrong, 0);
	write_event(&device, 0, 3);
	ck_assert_uint_eq(device.vcpus[0].wrong, 1);
	write_event(&device, 0, 2);
	ck_assert_uint_eq(device.vcpus[0].wrong, 2);
	testdev_access(&device, &narrow);
	ck_assert_uint_eq(device.vcpus[0].wrong, 3);
	ck_assert_uint_eq(device.vcpus[0].events, 4);
	ck_assert_uint_eq(device.vcpus[1].events, 1);
}
END_TEST

START_TEST(limits_memory)
{
	ck_assert_ptr_eq(vm_memory(&vm, 0, 4 * MIB), vm.memory);
	ck_assert_ptr_eq(vm_memory(&vm, 4 * MIB - 1, 1), vm.memory + 4 * MIB - 1);
	ck_assert_ptr_null(vm_memory(&vm, 4 * MIB - 1, 2));
	ck_assert_ptr_null(vm_memory(&vm, 4 * MIB + 1, 0));
	ck_assert_ptr_null(vm_memory(&vm, UINT64_MAX, 2));
	ck_assert_ptr_null(vm_memory(&vm, 2, UINT64_MAX));
	/* the longest run with the fastest clock and the most events doesn't overflow */
	o.n_steps = 1;
	o.steps[0].count = 1;
	o.duration_ns = UINT64_C(86400) * 1000000000;
	ck_assert_int_eq(guest_set_params(&vm, VMM_CPUS_MAX - 1, &o, 10000000), 0);
	ck_assert_uint_eq(
		((struct guest_params *)vm_memory(&vm, layout_params(VMM_CPUS_MAX - 1), 4096))
			->steps[0]
			.gap,
		UINT64_C(86400) * UINT64_C(10000000000));
}
END_TEST

static void count_access(void *device, const struct bus_access *access)
{
	*(uint64_t *)device += access->offset + 1;
}

START_TEST(limits_bus)
{
	struct bus bus = { .n = 0 };
	uint64_t a = 0, b = 0, i;
	uint8_t data[8] = { 0 };
	struct bus_access access = { .write = true, .size = 4, .data = data };

	ck_assert(bus_add(&bus, 0x100, 8, count_access, &a));
	ck_assert(bus_add(&bus, 0x108, 8, count_access, &b));
	ck_assert(!bus_add(&bus, 0x10f, 1, count_access, &b));
	ck_assert(!bus_add(&bus, 0xff, 2, count_access, &b));
	ck_assert(!bus_add(&bus, 0x80, 0x100, count_access, &b));
	ck_assert(!bus_add(&bus, 0, 0, count_access, &b));
	ck_assert(!bus_add(&bus, UINT64_MAX, 2, count_access, &b));
	ck_assert(bus_access(&bus, 0x104, access));
	ck_assert_uint_eq(a, 5);
	ck_assert(bus_access(&bus, 0x108, access));
	ck_assert_uint_eq(b, 1);
	ck_assert(!bus_access(&bus, 0x105, access)); /* reaches into the next device */
	ck_assert(!bus_access(&bus, 0xff, access));
	access.write = false;
	ck_assert(!bus_access(&bus, 0x110, access));
	for (i = 0; i < 8; i++)
		ck_assert_uint_eq(data[i], i < 4 ? 0xff : 0);
	for (i = 2; i < BUS_RANGES_MAX; i++)
		ck_assert(bus_add(&bus, 0x1000 * i, 8, count_access, &a));
	ck_assert(!bus_add(&bus, 0x1000 * i, 8, count_access, &a));
}
END_TEST

START_TEST(errors_small)
{
	vm.memory_size = MIB;
	ck_assert_int_eq(guest_load(&guest, &vm), -1);
	ck_assert_ptr_nonnull(strstr(vm.error, "too few"));
	vm.memory_size = LAYOUT_PARAMS;
	ck_assert_int_eq(guest_set_params(&vm, 0, &o, 1000), -1);
	ck_assert_ptr_nonnull(strstr(vm.error, "vCPU 0"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_guest");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_checked_fixture(limit, set_up, tear_down);
	tcase_add_checked_fixture(wrong, set_up, tear_down);
	tcase_add_test(core, core_tables);
	tcase_add_test(core, core_gdt);
	tcase_add_test(core, core_code);
	tcase_add_test(core, core_params);
	tcase_add_test(core, core_check);
	tcase_add_test(core, core_device);
	tcase_add_test(limit, limits_memory);
	tcase_add_test(limit, limits_bus);
	tcase_add_test(wrong, errors_small);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
