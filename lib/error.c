// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * error.c - the sentence of each error, and the detail that goes with one
 */
#include <errno.h>
#include <stdio.h>

#include "internal.h"

RONDO_API const char *rondo_version(void)
{
	return RONDO_VERSION;
}

RONDO_API const char *rondo_strerror(int error)
{
	switch (error) {
	case RONDO_OK:
		return "success";
	case RONDO_MORE:
		return "the budget ran out before the work";
	case RONDO_E_INVALID:
		return "an argument is out of its range";
	case RONDO_E_NOMEM:
		return "out of memory";
	case RONDO_E_IO:
		return "a system call failed";
	case RONDO_E_NOT_FOUND:
		return "not found";
	case RONDO_E_EXISTS:
		return "a store is already there";
	case RONDO_E_LOCKED:
		return "the store is open for writing elsewhere";
	case RONDO_E_READ_ONLY:
		return "the store was opened read-only";
	case RONDO_E_CORRUPT:
		return "the store is damaged";
	case RONDO_E_VERSION:
		return "the store's format is newer than this library";
	case RONDO_E_ENDIAN:
		return "the store is of another byte order";
	case RONDO_E_NO_SPACE:
		return "no space left on the device";
	case RONDO_E_FULL:
		return "the schema has no series slot left";
	case RONDO_E_NAME:
		return "a metric name, label name or label value is not allowed";
	case RONDO_E_TOO_LONG:
		return "name, labels, unit and help don't fit into a directory entry";
	case RONDO_E_NO_SCHEMA:
		return "no schema's selector matches the series";
	case RONDO_E_KIND:
		return "not for this kind of series";
	case RONDO_E_VALUE:
		return "the value is not finite, or a negative increment";
	case RONDO_E_TOO_OLD:
		return "the timestamp's window is closed or its place is taken";
	case RONDO_E_FUTURE:
		return "the timestamp is too far in the future";
	case RONDO_E_RETIRED:
		return "the series was retired";
	case RONDO_E_SELECTOR:
		return "the selector does not parse";
	case RONDO_E_SCHEMA:
		return "the schema breaks a rule or differs from the store's";
	case RONDO_E_FAILED:
		return "the store's files failed under it";
	}
	return "unknown error";
}

int fail(char *detail, size_t size, int error, const char *fmt, ...)
{
	if (detail && size) {
		va_list args;

		va_start(args, fmt);
		vsnprintf(detail, size, fmt, args);
		va_end(args);
	}
	return error;
}

int error_of_errno(int err)
{
	switch (err) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return RONDO_E_NO_SPACE;
	case ENOMEM:
		return RONDO_E_NOMEM;
	case ENOENT:
	case ENOTDIR:
		return RONDO_E_NOT_FOUND;
	}
	return RONDO_E_IO;
}
