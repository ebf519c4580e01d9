/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * exits.h - KVM_EXIT_* as array indices and as names
 */
#ifndef RONDO_VMM_EXITS_H
#define RONDO_VMM_EXITS_H

#include <stdint.h>

/*
 * Reasons from 0 up; the last slot takes all that lie beyond.  The one before it is a KVM_RUN that
 * returned an error other than EINTR: EAGAIN, when a vCPU that was waiting for another one to start
 * it has been started.
 */
#define EXIT_SLOTS    64
#define EXIT_ERROR    62
#define EXIT_NAME_MAX 32

static inline unsigned int exit_slot(uint32_t reason)
{
	return reason < EXIT_SLOTS ? reason : EXIT_SLOTS - 1;
}

/*
 * KVM_EXIT_*'s name in lower case, without the prefix; "unknown_<n>" for a reason without a name
 * here, "other" for the last slot.  Returns buffer or static text.
 */
const char *exit_name(unsigned int slot, char buffer[EXIT_NAME_MAX]);

#endif
