/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sweep.h - series that nobody writes any more, as their VM ended while no collector ran
 *
 * Without it a collector that was killed would leave them live for ever, and their room is never given to
 * others.
 */
#ifndef RONDO_BPFD_SWEEP_H
#define RONDO_BPFD_SWEEP_H

#include "store.h"
#include "vms.h"

/*
 * Retires the series of VMs that don't live, and those of groups that are not recorded. How many. To be
 * called once, when the VMs that live have been met.
 */
unsigned int sweep_stale(struct store *s, struct vms *vms, uint64_t wall_ns);

#endif /* RONDO_BPFD_SWEEP_H */
