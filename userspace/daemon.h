/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * daemon.h - collecting until told to stop
 */
#ifndef RONDO_BPFD_DAEMON_H
#define RONDO_BPFD_DAEMON_H

#include "options.h"
#include "status.h"

enum status daemon_run(const struct options *options);

#endif /* RONDO_BPFD_DAEMON_H */
