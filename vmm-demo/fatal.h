/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * fatal.h - signals that end the process leave the terminal as it was
 */
#ifndef RONDO_VMM_FATAL_H
#define RONDO_VMM_FATAL_H

/*
 * Handlers for what a bug or the outside may end us with, but for SIGKILL, which nobody can handle.
 * A SIGBUS in the store's mappings is the store's failure only.  Before any thread is made.
 */
void fatal_init(void);

#endif
