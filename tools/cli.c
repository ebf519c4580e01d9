// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * Messages, opening a store, the output file. See cli.h. Options and formats are elsewhere.
 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void message(const char *format, va_list args)
{
	fflush(stdout);
	fputs(CLI_NAME ": ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(format, args);
	va_end(args);
}

int cli_usage(const struct cli_command *cmd, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(format, args);
	va_end(args);
	fprintf(stderr, "Try '%s %s --help'.\n", CLI_NAME, cmd->name);
	return CLI_USAGE;
}

/* What the user can do about an error of rondo_store_open(), or "". */
static const char *way_out(int error, int saved_errno)
{
	switch (error) {
	case RONDO_E_NOT_FOUND:
		return "\nSTORE is the directory that rondo-bpfd or your VMM was given to write to "
		       "(its --store); is it that one, and has the writer been started?";
	case RONDO_E_IO:
		if (saved_errno == EACCES || saved_errno == EPERM)
			return "\nRun this as root, or as a user who may read the store's files.";
		return "";
	case RONDO_E_VERSION:
		return "\nThis program is " RONDO_VERSION "; use one that is as new as the writer.";
	default:
		return "";
	}
}

rondo_store *cli_open(const char *path)
{
	char detail[512] = "";
	struct rondo_open_opts opts = {
		.size = sizeof(opts),
		.flags = RONDO_OPEN_READ_ONLY,
		.detail = detail,
		.detail_size = sizeof(detail),
	};
	rondo_store *store = NULL;
	int err, saved;

	errno = 0;
	err = rondo_store_open(path, &opts, &store);
	if (!err)
		return store;
	saved = errno;
	if (!detail[0])
		cli_error("%s: %s%s%s%s", path, rondo_strerror(err), err == RONDO_E_IO ? ": " : "",
			  err == RONDO_E_IO ? strerror(saved) : "", way_out(err, saved));
	else if (!strncmp(detail, path, strlen(path)))
		cli_error("%s%s", detail, way_out(err, saved));
	else
		cli_error("%s: %s%s", path, detail, way_out(err, saved));
	return NULL;
}

int output_open(struct output *out, const char *path)
{
	struct stat st;
	mode_t mask;
	int fd;

	*out = (struct output){ .file = stdout };
	if (!path || !strcmp(path, "-"))
		return CLI_OK;
	out->path = path;
	if (!stat(path, &st) && !S_ISREG(st.st_mode)) {
		out->file = fopen(path, "we");
		if (out->file)
			return CLI_OK;
		goto failed;
	}
	if (asprintf(&out->temp, "%s.XXXXXX", path) < 0) {
		out->temp = NULL;
		goto failed;
	}
	fd = mkostemp(out->temp, O_CLOEXEC);
	if (fd < 0) {
		free(out->temp);
		out->temp = NULL;
		goto failed;
	}
	mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask))
		cli_error("%s: can't set its mode: %s", path, strerror(errno));
	out->file = fdopen(fd, "w");
	if (out->file)
		return CLI_OK;
	close(fd);
	unlink(out->temp);
	free(out->temp);
	out->temp = NULL;
failed:
	cli_error("can't write to %s: %s", path, strerror(errno));
	return CLI_FAILED;
}

int output_close(struct output *out, bool keep)
{
	const char *name = out->path ? out->path : "standard output";
	bool bad = ferror(out->file);
	int status = CLI_OK;

	errno = 0;
	if (out->file == stdout ? fflush(stdout) : fclose(out->file))
		bad = true;
	if (bad) {
		cli_error("can't write to %s: %s", name, errno ? strerror(errno) : "write error");
		status = CLI_FAILED;
	}
	if (!out->temp)
		return status;
	if (!keep || bad) {
		unlink(out->temp);
	} else if (rename(out->temp, out->path)) {
		cli_error("can't write to %s: %s", name, strerror(errno));
		unlink(out->temp);
		status = CLI_FAILED;
	}
	free(out->temp);
	out->temp = NULL;
	return status;
}
