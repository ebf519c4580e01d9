// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo: the devices of a Linux guest, as its drivers touch them: serial port, power registers,
 * virtio registers, ACPI tables. No KVM: memory is plain memory, interrupts are eventfds.
 */
#include <check.h>
#include <linux/serial_reg.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "acpi.h"
#include "layout.h"
#include "power.h"
#include "serial.h"
#include "virtio.h"

#define MIB (UINT64_C(1) << 20)

static struct vm vm;
static struct serial serial;
static struct power power;
static struct virtio virtio;
static int irq_fd, wake_fd;

static void set_up(void)
{
	memset(&vm, 0, sizeof(vm));
	vm.memory_size = 4 * MIB;
	vm.memory = calloc(1, vm.memory_size);
	ck_assert_ptr_nonnull(vm.memory);
	irq_fd = eventfd(0, EFD_NONBLOCK);
	wake_fd = eventfd(0, EFD_NONBLOCK);
	serial_init(&serial, irq_fd, wake_fd);
}

static void tear_down(void)
{
	free(vm.memory);
	close(irq_fd);
	close(wake_fd);
}

/* How often it was written since the last time. */
static uint64_t told(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static uint32_t get(bus_handler handler, void *device, uint64_t offset, unsigned int size)
{
	uint8_t data[8] = { 0 };
	struct bus_access access = { .offset = offset, .size = size, .data = data };
	uint32_t value;

	handler(device, &access);
	memcpy(&value, data, 4);
	return value;
}

static void put(bus_handler handler, void *device, uint64_t offset, unsigned int size,
		uint32_t value)
{
	struct bus_access access = {
		.write = true, .offset = offset, .size = size, .data = (uint8_t *)&value
	};

	handler(device, &access);
}

#define sget(offset)        get(serial_access, &serial, offset, 1)
#define sput(offset, value) put(serial_access, &serial, offset, 1, value)

START_TEST(core_serial_sends)
{
	uint8_t text[8];

	ck_assert_uint_eq(sget(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	sput(UART_TX, 'a');
	ck_assert_uint_eq(told(irq_fd), 0); /* not enabled */
	ck_assert_uint_eq(told(wake_fd), 1);
	sput(UART_IER, UART_IER_THRI);
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(sget(UART_IIR), UART_IIR_THRI);
	ck_assert_uint_eq(sget(UART_IIR), UART_IIR_NO_INT); /* read away */
	sput(UART_TX, 'b');
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(told(wake_fd), 0); /* there was something already */
	ck_assert_uint_eq(serial_take(&serial, text, sizeof(text)), 2);
	ck_assert_mem_eq(text, "ab", 2);
}
END_TEST

START_TEST(core_serial_receives)
{
	sput(UART_IER, UART_IER_RDI);
	ck_assert_uint_eq(serial_give(&serial, (const uint8_t *)"xy", 2), 2);
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(sget(UART_IIR), UART_IIR_RDI);
	ck_assert_uint_eq(sget(UART_RX), 'x');
	ck_assert_uint_eq(sget(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	ck_assert_uint_eq(sget(UART_RX), 'y');
	ck_assert_uint_eq(sget(UART_LSR) & UART_LSR_DR, 0);
	ck_assert_uint_eq(sget(UART_IIR), UART_IIR_NO_INT);
	ck_assert_uint_eq(sget(UART_RX), 0);
}
END_TEST

/* What Linux's 8250 driver looks at to know a 16550A. */
START_TEST(core_serial_is_a_16550)
{
	sput(UART_LCR, UART_LCR_DLAB);
	sput(UART_DLL, 0x5a);
	sput(UART_DLM, 0x01);
	ck_assert_uint_eq(sget(UART_DLL), 0x5a);
	ck_assert_uint_eq(sget(UART_DLM), 0x01);
	sput(UART_LCR, UART_LCR_WLEN8);
	ck_assert_uint_eq(sget(UART_IER), 0);
	sput(UART_FCR, UART_FCR_ENABLE_FIFO);
	ck_assert_uint_eq(sget(UART_IIR) & 0xc0, 0xc0);
	sput(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	ck_assert_uint_eq(sget(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	sput(UART_TX, 'l');
	ck_assert_uint_eq(sget(UART_RX), 'l');
	ck_assert_uint_eq(told(wake_fd), 0);
	sput(UART_SCR, 0xa5);
	ck_assert_uint_eq(sget(UART_SCR), 0xa5);
}
END_TEST

/* Nobody takes what is sent: the transmitter is busy, and free again later; nothing is lost. */
START_TEST(limits_serial_full)
{
	static uint8_t text[SERIAL_QUEUE];
	unsigned int n = 0, i;

	sput(UART_IER, UART_IER_THRI);
	while (sget(UART_LSR) & UART_LSR_THRE)
		sput(UART_TX, n++ & 0xff);
	ck_assert_uint_gt(n, SERIAL_QUEUE - 16);
	sget(UART_IIR);
	told(irq_fd);
	ck_assert_uint_eq(serial_take(&serial, text, 16), 16);
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(serial_take(&serial, text + 16, sizeof(text) - 16), n - 16);
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(text[i], i & 0xff);
	/* the other way round */
	memset(text, 'z', sizeof(text));
	ck_assert_uint_eq(serial_give(&serial, text, sizeof(text)), SERIAL_QUEUE);
	ck_assert_uint_eq(serial_room(&serial), 0);
	told(wake_fd);
	ck_assert_uint_eq(sget(UART_RX), 'z');
	ck_assert_uint_eq(told(wake_fd), 1);
	ck_assert_uint_eq(serial_room(&serial), 1);
}
END_TEST

static void bus_put(const struct bus *bus, uint64_t address, unsigned int size, uint32_t value)
{
	ck_assert(bus_access(
		bus, address,
		(struct bus_access){ .write = true, .size = size, .data = (uint8_t *)&value }));
}

START_TEST(core_power)
{
	static const struct {
		uint64_t port;
		unsigned int size;
		uint32_t value;
		uint16_t warm;
		enum power_end end;
	} cases[] = {
		{ LAYOUT_PM_PORT + POWER_CONTROL, 2, 5 << 10 | 1 << 13, 0, POWER_OFF },
		{ LAYOUT_PM_PORT + POWER_CONTROL, 2, 5 << 10, 0, POWER_ON },
		{ LAYOUT_PM_PORT + POWER_CONTROL, 2, 4 << 10 | 1 << 13, 0, POWER_ON },
		{ LAYOUT_PM_PORT + POWER_CONTROL, 1, 0xff, 0, POWER_ON },
		{ LAYOUT_PM_PORT, 2, 0xffff, 0, POWER_ON },
		{ LAYOUT_RESET_PORT, 1, 0xfe, 0, POWER_REBOOT },
		{ LAYOUT_RESET_PORT, 1, 0xd1, 0, POWER_ON },
		{ LAYOUT_RESET_PORT, 1, 0xfe, 0x1234, POWER_PANIC },
	};
	size_t i;

	ck_assert_int_eq(power_init(&power, &vm, wake_fd), 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		power_reset(&power);
		memcpy(vm.memory + 0x472, &cases[i].warm, 2);
		bus_put(&vm.ports, cases[i].port, cases[i].size, cases[i].value);
		ck_assert_msg(power.end == (int)cases[i].end, "case %zu: %d", i, power.end);
		ck_assert_uint_eq(told(wake_fd), cases[i].end != POWER_ON);
	}
	/* the first end counts */
	bus_put(&vm.ports, LAYOUT_PM_PORT + POWER_CONTROL, 2, 5 << 10 | 1 << 13);
	ck_assert_int_eq(power.end, POWER_PANIC);
}
END_TEST

static void serve_all(struct virtio *v)
{
	while (virtqueue_take(&v->queue, &v->chain))
		virtio_give(v, 0);
}

static const struct virtio_kind kind = { "toy", 4, 1 << 9, serve_all };

#define vget(offset)        get(virtio_access, &virtio, offset, 4)
#define vput(offset, value) put(virtio_access, &virtio, offset, 4, value)

/* Up to FEATURES_OK, which the device takes or not. */
static bool negotiate(uint32_t low, uint32_t high)
{
	memset(&virtio, 0, sizeof(virtio));
	pthread_mutex_init(&virtio.lock, NULL);
	virtio.kind = &kind;
	virtio.vm = &vm;
	virtio.queue.vm = &vm;
	virtio.features = kind.features | UINT64_C(1) << VIRTIO_F_VERSION_1;
	virtio.irq_fd = irq_fd;
	virtio.bell_fd = wake_fd;
	vput(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	vput(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	vput(VIRTIO_MMIO_DRIVER_FEATURES, high);
	vput(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	vput(VIRTIO_MMIO_DRIVER_FEATURES, low);
	vput(VIRTIO_MMIO_STATUS,
	     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
	return vget(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void make_queue(uint32_t used)
{
	vput(VIRTIO_MMIO_QUEUE_NUM, 8);
	vput(VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	vput(VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x2000);
	vput(VIRTIO_MMIO_QUEUE_USED_LOW, used);
	vput(VIRTIO_MMIO_QUEUE_READY, 1);
}

START_TEST(core_virtio)
{
	const struct {
		uint64_t address;
		uint32_t length;
		uint16_t flags, next;
	} descriptor = { 0x3000, 16, 0, 0 };

	ck_assert(negotiate(1 << 9, 1));
	ck_assert_uint_eq(vget(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_VERSION), 2);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_DEVICE_ID), 4);
	make_queue(0x2800);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_QUEUE_READY), 1);
	vput(VIRTIO_MMIO_STATUS, vget(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	memcpy(vm.memory + 0x1000, &descriptor, sizeof(descriptor));
	vm.memory[0x2002] = 1; /* one request: descriptor 0 */
	vput(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	virtio_serve(&virtio);
	ck_assert_uint_eq(vm.memory[0x2802], 1);
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
	vput(VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	vput(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_QUEUE_READY), 0);
}
END_TEST

/* A guest that lies again and again doesn't fill our log. */
START_TEST(limits_lies)
{
	int kept = dup(STDERR_FILENO), lines = 0, c, i;
	FILE *said = tmpfile();

	ck_assert_ptr_nonnull(said);
	ck_assert_int_ge(dup2(fileno(said), STDERR_FILENO), 0);
	negotiate(0, 1);
	for (i = 0; i < 101; i++) {
		make_queue((uint32_t)vm.memory_size - 4);
		vput(VIRTIO_MMIO_STATUS, 0);
	}
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(said);
	while ((c = getc(said)) != EOF)
		lines += c == '\n';
	fclose(said);
	ck_assert_int_eq(lines, 10);
}
END_TEST

START_TEST(errors_virtio)
{
	ck_assert(!negotiate(1 << 9, 0));  /* an old driver */
	ck_assert(!negotiate(1 << 10, 1)); /* what was not offered */
	ck_assert(negotiate(0, 1));
	/* an access that no register has: nothing, and nothing breaks */
	ck_assert_uint_eq(get(virtio_access, &virtio, VIRTIO_MMIO_MAGIC_VALUE, 2), 0);
	ck_assert_uint_eq(get(virtio_access, &virtio, VIRTIO_MMIO_MAGIC_VALUE + 1, 4), 0);
	ck_assert_uint_eq(get(virtio_access, &virtio, VIRTIO_MMIO_CONFIG + 0xe00, 4), 0);
	put(virtio_access, &virtio, VIRTIO_MMIO_CONFIG, 4, 1);
	vput(VIRTIO_MMIO_QUEUE_SEL, 1);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	vput(VIRTIO_MMIO_QUEUE_SEL, 0);
	/* a used ring half beyond memory: refused, until the driver begins anew */
	vput(VIRTIO_MMIO_STATUS, vget(VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
	make_queue((uint32_t)vm.memory_size - 4);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert(vget(VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET);
	ck_assert_uint_eq(told(irq_fd), 1);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	vput(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(vget(VIRTIO_MMIO_STATUS), 0);
}
END_TEST

static uint64_t at(uint64_t address, size_t n)
{
	uint64_t value = 0;

	memcpy(&value, vm.memory + address, n);
	return value;
}

static void check_sum(uint64_t address, size_t n)
{
	uint8_t sum = 0;

	while (n--)
		sum = (uint8_t)(sum + vm.memory[address++]);
	ck_assert_uint_eq(sum, 0);
}

/* From the root pointer to every table: signatures, lengths, sums, one local APIC per vCPU. */
START_TEST(core_acpi)
{
	uint64_t xsdt, table[2];
	int i, apics = 0;

	vm.n_virtio = LAYOUT_VIRTIO_MAX;
	ck_assert_int_eq(acpi_build(&vm, 16), 0);
	ck_assert_mem_eq(vm.memory + LAYOUT_ACPI, "RSD PTR ", 8);
	check_sum(LAYOUT_ACPI, 20);
	check_sum(LAYOUT_ACPI, 36);
	xsdt = at(LAYOUT_ACPI + 24, 8);
	ck_assert_mem_eq(vm.memory + xsdt, "XSDT", 4);
	check_sum(xsdt, at(xsdt + 4, 4));
	for (i = 0; i < 2; i++) {
		table[i] = at(xsdt + 36 + 8 * (uint64_t)i, 8);
		check_sum(table[i], at(table[i] + 4, 4));
		ck_assert_uint_lt(table[i] + at(table[i] + 4, 4), LAYOUT_ACPI + LAYOUT_ACPI_SIZE);
	}
	ck_assert_mem_eq(vm.memory + table[0], "FACP", 4);
	ck_assert_mem_eq(vm.memory + at(table[0] + 140, 8), "DSDT", 4);
	check_sum(at(table[0] + 140, 8), at(at(table[0] + 140, 8) + 4, 4));
	ck_assert_mem_eq(vm.memory + table[1], "APIC", 4);
	for (uint64_t entry = table[1] + 44; entry < table[1] + at(table[1] + 4, 4);
	     entry += at(entry + 1, 1)) {
		ck_assert_uint_gt(at(entry + 1, 1), 1);
		apics += at(entry, 1) == 0;
	}
	ck_assert_int_eq(apics, 16);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_devices");
	TCase *core = tcase_create("Core"), *limit = tcase_create("Limits");
	TCase *wrong = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, set_up, tear_down);
	tcase_add_checked_fixture(limit, set_up, tear_down);
	tcase_add_checked_fixture(wrong, set_up, tear_down);
	tcase_add_test(core, core_serial_sends);
	tcase_add_test(core, core_serial_receives);
	tcase_add_test(core, core_serial_is_a_16550);
	tcase_add_test(core, core_power);
	tcase_add_test(core, core_virtio);
	tcase_add_test(core, core_acpi);
	tcase_add_test(limit, limits_serial_full);
	tcase_add_test(limit, limits_lies);
	tcase_add_test(wrong, errors_virtio);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limit);
	suite_add_tcase(suite, wrong);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
