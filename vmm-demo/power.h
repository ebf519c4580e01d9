/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * power.h - how a Linux guest ends: ACPI's power registers and the reset port
 *
 * A panic is told from any other reboot by the old BIOS's warm-boot word at 0x472, which Linux
 * still sets: with `reboot=panic_warm` (VMM_CMDLINE) it is 0x1234 when a panic reboots, and 0 when
 * anything else does.  So it needs no driver in the guest.
 */
#ifndef RONDO_VMM_POWER_H
#define RONDO_VMM_POWER_H

#include <stdatomic.h>
#include "bus.h"
#include "vm.h"

#define POWER_CONTROL    4    /* PM1a control, from LAYOUT_PM_PORT */
#define POWER_SLEEP_TYPE 5    /* its number for S5, off */
#define POWER_RESET      0xfe /* written to LAYOUT_RESET_PORT */

enum power_end {
	POWER_ON,
	POWER_OFF,
	POWER_REBOOT,
	POWER_PANIC,
};

struct power {
	const struct vm *vm;
	_Atomic int end;          /* enum power_end: the first one counts */
	int told_fd;              /* eventfd */
	_Atomic uint16_t enabled; /* PM1a enable, which nothing here acts on */
	_Atomic uint16_t control;
};

/* Adds the registers to vm->ports; told_fd is written when the guest ends.  0, or -1. */
int power_init(struct power *power, struct vm *vm, int told_fd);

/* Back to how a guest finds them. */
void power_reset(struct power *power);

#endif
