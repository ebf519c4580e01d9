/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * acpi.h - the few ACPI tables by which a Linux guest finds its CPUs, its virtio devices and the
 * registers that switch it off
 */
#ifndef RONDO_VMM_ACPI_H
#define RONDO_VMM_ACPI_H

#include "vm.h"

/*
 * Writes the tables for so many vCPUs and vm->n_virtio devices to LAYOUT_ACPI; the root pointer
 * comes first.  0, or -1 and vm->error.
 */
int acpi_build(struct vm *vm, unsigned int cpus);

#endif
