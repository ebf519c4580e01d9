/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * lib_power_log.h - every store into a store's files, in order, and what a power loss may leave
 *
 * librondo writes through shared mappings and pwrite().  The program's own mmap(), munmap(), pwrite(),
 * fsync(), fdatasync() and msync() come before libc's, as librondo is linked into it.  Mappings are made
 * read-only; a store faults, is let through alone (the CPU's trap flag; on other CPUs than x86-64 until
 * the next flush, so that what is seen there is coarser) and logged as the 64-byte lines that it
 * changed.  The log's clock counts these changes, and the returns of calls that made something durable.
 *
 * A power loss at a time leaves of each page (or sector, or line, in whatever order they were
 * written back) its content at some moment between the last call before that time that made it durable
 * and that time.  Not logged: creating files; the files are there, durable, when the log begins.
 */
#ifndef LIB_POWER_LOG_H
#define LIB_POWER_LOG_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "lib_common.h"

#define LOG_PAGE     4096u
#define LOG_LINE     64u
#define LOG_IMAGE    (64u * LOG_PAGE) /* all files together, at most */
#define LOG_PAGES    (LOG_IMAGE / LOG_PAGE)
#define LOG_LINES    (LOG_IMAGE / LOG_LINE)
#define LOG_VERSIONS 200000u
#define LOG_FLOORS   4096u

struct log_file {
	char name[64];
	ino_t ino;
	size_t size;
	size_t at;       /* in the image, at a page */
	const char *map; /* ours, for reading */
	char *theirs;    /* librondo's mapping */
};

struct log_version {
	uint32_t time;
	int32_t before; /* the line's version before this one; -1: what was there at first */
	char bytes[LOG_LINE];
};

/* Pages from..to-1 are durable in the state of `time`, for losses after it. */
struct log_floor {
	uint32_t time, from, to;
};

static struct {
	bool on;
	uint32_t time;
	uint32_t n_files, n_pages, n_versions, n_floors;
	struct log_file file[8];
	char first[LOG_IMAGE]; /* when the log began */
	char last[LOG_IMAGE];
	int32_t head[LOG_LINES];
	bool open[LOG_PAGES]; /* let through */
	struct log_version version[LOG_VERSIONS];
	struct log_floor floor[LOG_FLOORS];
} plog;

static void log_need(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "lib_power_log: %s\n", what);
	_exit(77);
}

/* ---- capturing ---- */

/* What a page holds now goes into the log, if it is something else than before. */
static void log_capture(const struct log_file *file, size_t offset)
{
	size_t end = offset + LOG_PAGE < file->size ? offset + LOG_PAGE : file->size;
	bool changed = false;

	for (size_t o = offset; o < end; o += LOG_LINE) {
		char *last = plog.last + file->at + o;
		uint32_t line = (uint32_t)((file->at + o) / LOG_LINE);
		struct log_version *version;

		if (!memcmp(last, file->map + o, LOG_LINE))
			continue;
		log_need(plog.n_versions < LOG_VERSIONS, "too many stores");
		version = &plog.version[plog.n_versions];
		version->time = plog.time + 1;
		version->before = plog.head[line];
		memcpy(version->bytes, file->map + o, LOG_LINE);
		memcpy(last, file->map + o, LOG_LINE);
		plog.head[line] = (int32_t)plog.n_versions++;
		changed = true;
	}
	plog.time += changed;
}

static void log_floor_set(const struct log_file *file, size_t offset, size_t len)
{
	struct log_floor *at = &plog.floor[plog.n_floors++];

	log_need(plog.n_floors < LOG_FLOORS, "too many syncs");
	at->time = plog.time++;
	at->from = (uint32_t)((file->at + offset) / LOG_PAGE);
	at->to = (uint32_t)((file->at + offset + len + LOG_PAGE - 1) / LOG_PAGE);
}

static struct log_file *log_file_of_fd(int fd)
{
	struct stat st;

	if (!plog.on || fstat(fd, &st))
		return NULL;
	for (uint32_t i = 0; i < plog.n_files; i++)
		if (plog.file[i].ino == st.st_ino)
			return &plog.file[i];
	return NULL;
}

static struct log_file *log_file_of_address(const void *address)
{
	for (uint32_t i = 0; i < plog.n_files; i++) {
		struct log_file *file = &plog.file[i];

		if (file->theirs && (const char *)address >= file->theirs &&
		    (const char *)address < file->theirs + file->size)
			return file;
	}
	return NULL;
}

static void log_protect(struct log_file *file, size_t offset, int prot)
{
	char *page = file->theirs + offset;

	log_need(syscall(SYS_mprotect, page, (size_t)LOG_PAGE, prot) == 0, "mprotect");
	plog.open[(file->at + offset) / LOG_PAGE] = prot != PROT_READ;
}

/* Logs the pages that were let through, and shuts them. */
static void log_flush(void)
{
	for (uint32_t i = 0; i < plog.n_files; i++) {
		struct log_file *file = &plog.file[i];

		for (size_t o = 0; file->theirs && o < file->size; o += LOG_PAGE) {
			if (!plog.open[(file->at + o) / LOG_PAGE])
				continue;
			log_capture(file, o);
			log_protect(file, o, PROT_READ);
		}
	}
}

static void log_on_fault(int sig, siginfo_t *info, void *context)
{
	struct log_file *file = plog.on ? log_file_of_address(info->si_addr) : NULL;
	ucontext_t *uc = context;

	if (!file) {
		signal(sig, SIG_DFL); /* not ours: again, and die of it */
		return;
	}
	log_protect(file, (size_t)((char *)info->si_addr - file->theirs) & ~(size_t)(LOG_PAGE - 1),
		    PROT_READ | PROT_WRITE);
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_EFL] |= 0x100;
#else
	(void)uc;
#endif
}

static void log_on_trap(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	ucontext_t *uc = context;

	log_flush();
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
#else
	(void)uc;
#endif
}

/* ---- what librondo calls ---- */

void *mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	/* populated in one go, as page faults take most of the suite's time */
	int more = (flags & MAP_SHARED) && !plog.on ? MAP_POPULATE : 0;
	void *map = (void *)syscall(SYS_mmap, address, len, prot, flags | more, fd, offset);
	struct log_file *file = (flags & MAP_SHARED) && (prot & PROT_WRITE) ? log_file_of_fd(fd)
									    : NULL;

	if (!file || map == MAP_FAILED)
		return map;
	log_need(!file->theirs && len == file->size, "a second mapping, or of another size");
	file->theirs = map;
	for (size_t o = 0; o < file->size; o += LOG_PAGE)
		log_protect(file, o, PROT_READ);
	return map;
}

int munmap(void *address, size_t len)
{
	struct log_file *file = log_file_of_address(address);

	if (plog.on)
		log_flush();
	if (file)
		file->theirs = NULL;
	return (int)syscall(SYS_munmap, address, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	ssize_t n = syscall(SYS_pwrite64, fd, data, len, offset);
	struct log_file *file = log_file_of_fd(fd);

	for (size_t o = (size_t)offset & ~(size_t)(LOG_PAGE - 1); file && o < (size_t)offset + len;
	     o += LOG_PAGE)
		log_capture(file, o);
	return n;
}

int fdatasync(int fd)
{
	struct log_file *file = log_file_of_fd(fd);

	if (file) {
		log_flush();
		log_floor_set(file, 0, file->size);
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return fdatasync(fd);
}

int msync(void *address, size_t len, int flags)
{
	struct log_file *file = plog.on ? log_file_of_address(address) : NULL;

	if (file) {
		log_flush();
		log_need(flags == MS_SYNC, "msync");
		log_floor_set(file, (size_t)((char *)address - file->theirs), len);
	}
	return (int)syscall(SYS_msync, address, len, flags);
}

/* ---- the log ---- */

/* Files to be watched. */
static void log_files(const char *directory, const char *const *names, uint32_t n)
{
	const struct sigaction fault = { .sa_sigaction = log_on_fault, .sa_flags = SA_SIGINFO };
	const struct sigaction trap = { .sa_sigaction = log_on_trap, .sa_flags = SA_SIGINFO };
	char path[400];

	for (uint32_t i = 0; i < plog.n_files; i++)
		munmap((void *)(uintptr_t)plog.file[i].map, plog.file[i].size);
	plog.n_pages = 0;
	plog.n_files = n;
	for (uint32_t i = 0; i < n; i++) {
		struct log_file *file = &plog.file[i];
		struct stat st;
		int fd;

		snprintf(file->name, sizeof(file->name), "%s", names[i]);
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		fd = open(path, O_RDONLY);
		log_need(fd >= 0 && fstat(fd, &st) == 0, path);
		file->ino = st.st_ino;
		file->size = (size_t)st.st_size;
		file->at = (size_t)plog.n_pages * LOG_PAGE;
		file->map =
			(void *)syscall(SYS_mmap, NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
		file->theirs = NULL;
		close(fd);
		plog.n_pages += (uint32_t)((file->size + LOG_PAGE - 1) / LOG_PAGE);
	}
	log_need(plog.n_pages <= LOG_PAGES, "the files are too large");
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &trap, NULL);
}

/* What the files hold now is durable, at time 0. */
static void log_begin(void)
{
	for (uint32_t i = 0; i < plog.n_files; i++)
		memcpy(plog.first + plog.file[i].at, plog.file[i].map, plog.file[i].size);
	memcpy(plog.last, plog.first, sizeof(plog.last));
	memset(plog.head, 0xff, sizeof(plog.head));
	plog.n_versions = plog.n_floors = plog.time = 0;
	plog.on = true;
}

/* The store may be open; what follows is not seen. */
static void log_end(void)
{
	log_flush();
	plog.on = false;
	for (uint32_t i = 0; i < plog.n_files; i++) {
		struct log_file *file = &plog.file[i];

		if (file->theirs)
			syscall(SYS_mprotect, file->theirs, file->size, PROT_READ | PROT_WRITE);
		file->theirs = NULL;
	}
}

/* ---- power losses ---- */

/* A moment between lo and hi: any, or just after one of the unit's own changes, or an end. */
static uint32_t loss_moment(uint32_t line, uint32_t n, uint32_t lo, uint32_t hi, int style)
{
	uint32_t moment = lo, seen = 0;

	if (style == 0 || random_below(4) == 0)
		return lo + (uint32_t)random_below(hi - lo + 1);
	if (style != 1)
		return (style == 2) == (random_below(4) != 0) ? hi : lo;
	for (uint32_t i = 0; i < n; i++)
		for (int32_t v = plog.head[line + i]; v >= 0; v = plog.version[v].before)
			if (plog.version[v].time <= hi && plog.version[v].time > lo &&
			    random_below(++seen) == 0)
				moment = plog.version[v].time;
	return moment;
}

/* The image that a loss at `time` may leave, in units of so many bytes. */
static void loss_image(uint32_t time, uint32_t unit, char *image)
{
	static uint32_t floor[LOG_PAGES];
	uint32_t lines = unit / LOG_LINE;
	int style = (int)random_below(4);

	memcpy(image, plog.first, (size_t)plog.n_pages * LOG_PAGE);
	memset(floor, 0, sizeof(floor));
	for (uint32_t i = 0; i < plog.n_floors && plog.floor[i].time < time; i++)
		for (uint32_t page = plog.floor[i].from; page < plog.floor[i].to; page++)
			floor[page] = plog.floor[i].time;
	for (uint32_t line = 0; line < plog.n_pages * (LOG_PAGE / LOG_LINE); line += lines) {
		uint32_t lo = floor[line / (LOG_PAGE / LOG_LINE)], moment = lo;
		bool touched = false;

		for (uint32_t i = 0; i < lines; i++)
			touched = touched || plog.head[line + i] >= 0;
		if (!touched)
			continue;
		moment = loss_moment(line, lines, lo, time, style);
		for (uint32_t i = 0; i < lines; i++) {
			int32_t v = plog.head[line + i];

			while (v >= 0 && plog.version[v].time > moment)
				v = plog.version[v].before;
			if (v >= 0)
				memcpy(image + (size_t)(line + i) * LOG_LINE, plog.version[v].bytes,
				       LOG_LINE);
		}
	}
}

#endif /* LIB_POWER_LOG_H */
