/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * clean.h - text of unknown quality made fit for a label
 *
 * Names come from command lines and cgroups, which a VM's owner may choose. Pure.
 */
#ifndef RONDO_BPFD_CLEAN_H
#define RONDO_BPFD_CLEAN_H

#include <stddef.h>

/*
 * Copies text[length] into out[size] as valid UTF-8: each byte that is none, or is of a control
 * character (a NUL, too), becomes '_'; what does not fit is cut at a character's border. Always
 * terminated; its new length. size: at least 1.
 */
size_t clean_text(const char *text, size_t length, char *out, size_t size);

/* Appends a suffix ("-4711") to text[size], cutting the text so that both fit. */
void clean_append(char *text, size_t size, const char *suffix);

#endif /* RONDO_BPFD_CLEAN_H */
