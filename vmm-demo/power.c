// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * power.c - how a Linux guest ends: ACPI's power registers and the reset port
 */
#include "power.h"

#include <string.h>
#include <unistd.h>
#include "layout.h"

#define WARM_BOOT_AT UINT64_C(0x472)
#define WARM_BOOT    0x1234

#define CONTROL_SCI_EN     (1u << 0) /* always in ACPI mode */
#define CONTROL_SLEEP_TYPE 10        /* three bits */
#define CONTROL_SLEEP      (1u << 13)

static void end(struct power *p, enum power_end how)
{
	const uint64_t one = 1;
	int on = POWER_ON;

	if (atomic_compare_exchange_strong(&p->end, &on, (int)how) &&
	    write(p->told_fd, &one, sizeof(one)) < 0) {
		/* an eventfd takes this; the VM's end would only be seen later if not */
	}
}

static void on_reset(void *device, const struct bus_access *access)
{
	struct power *p = device;
	const void *word = vm_memory(p->vm, WARM_BOOT_AT, 2);
	uint16_t warm = 0;

	if (!access->write) {
		memset(access->data, 0, access->size);
		return;
	}
	if (access->data[0] != POWER_RESET)
		return;
	if (word)
		memcpy(&warm, word, sizeof(warm));
	end(p, warm == WARM_BOOT ? POWER_PANIC : POWER_REBOOT);
}

/* PM1a: status (never set), enable, control; each of two bytes. */
static void on_pm(void *device, const struct bus_access *access)
{
	struct power *p = device;
	uint16_t value = 0;

	if (access->size != 2 || access->offset % 2) {
		if (!access->write)
			memset(access->data, 0, access->size);
		return;
	}
	if (!access->write) {
		if (access->offset == 2)
			value = p->enabled;
		else if (access->offset == POWER_CONTROL)
			value = p->control | CONTROL_SCI_EN;
		memcpy(access->data, &value, 2);
		return;
	}
	memcpy(&value, access->data, 2);
	if (access->offset == 2)
		p->enabled = value;
	if (access->offset != POWER_CONTROL)
		return;
	p->control = value & (uint16_t)~CONTROL_SLEEP;
	if (value & CONTROL_SLEEP && (value >> CONTROL_SLEEP_TYPE & 7) == POWER_SLEEP_TYPE)
		end(p, POWER_OFF);
}

int power_init(struct power *p, struct vm *vm, int told_fd)
{
	p->vm = vm;
	p->told_fd = told_fd;
	power_reset(p);
	if (!bus_add(&vm->ports, LAYOUT_RESET_PORT, 1, on_reset, p) ||
	    !bus_add(&vm->ports, LAYOUT_PM_PORT, 6, on_pm, p))
		return vm_fail(vm, "the power registers don't fit on the bus");
	return 0;
}

void power_reset(struct power *p)
{
	atomic_store(&p->end, POWER_ON);
	p->enabled = 0;
	p->control = 0;
}
