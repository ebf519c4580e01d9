// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * sandbox.c - what is left of our rights once the guest runs: none of root's, and few system calls
 *
 * The filter is a program of classic BPF over struct seccomp_data, made from the lists below.  It
 * is written by hand because it is this short.  What is refused traps (SIGSYS), so that the call
 * can be named before the process ends.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
#include "console.h"

/* A system call that is let through; if `argument` is not ANY, only with argument & mask == value. */
struct rule {
	uint32_t number;
	int argument;
	uint32_t mask, value;
};

#define ANY -1
#define CALL(name)                                                                                 \
	{                                                                                          \
		SYS_##name, ANY, 0, 0                                                              \
	}
#define OPEN_TO_READ                                                                               \
	{                                                                                          \
		SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY                             \
	}
#define IOCTL(request)                                                                             \
	{                                                                                          \
		SYS_ioctl, 1, UINT32_MAX, (uint32_t)(request)                                      \
	}

/* Locks, memory, the C library's own, the end; and sandbox_drop() when another thread calls it. */
static const struct rule common[] = {
	CALL(futex),
	CALL(read),
	CALL(write),
	CALL(clock_gettime), /* where it isn't the vDSO's */
	CALL(rt_sigreturn),
	CALL(rt_sigaction), /* fatal.c: the signal's own effect again */
	CALL(rt_sigprocmask),
	CALL(restart_syscall),
	CALL(sched_yield),
	CALL(gettid),
	CALL(getpid),
	CALL(tgkill),
	CALL(brk),
	CALL(mmap),
	CALL(munmap),
	CALL(mremap),
	CALL(mprotect), /* malloc's arenas grow by it */
	CALL(madvise),
	CALL(exit),
	CALL(exit_group),
	IOCTL(TCSETS), /* console_restore() */
	IOCTL(TCGETS), /* stdio asks what it writes to */
	{ SYS_setgroups, 0, UINT32_MAX, 0 },
	{ SYS_setresgid, 0, UINT32_MAX, SANDBOX_USER },
	{ SYS_setresuid, 0, UINT32_MAX, SANDBOX_USER },
};

static const struct rule vcpu[] = {
	IOCTL(KVM_RUN), IOCTL(KVM_GET_REGS), /* where KVM gave up */
};

static const struct rule io[] = {
	CALL(poll), CALL(preadv), CALL(pwritev), CALL(fdatasync), CALL(getrandom),
};

/* libevent, and a store's readers. */
static const struct rule api[] = {
	CALL(epoll_wait), CALL(epoll_ctl),  CALL(accept4),     CALL(recvfrom),    CALL(readv),
	CALL(writev),     CALL(sendto),     CALL(sendmsg),     CALL(sendfile),    CALL(shutdown),
	CALL(getsockopt), CALL(setsockopt), CALL(getsockname), CALL(getpeername), IOCTL(FIONREAD),
	CALL(close),      CALL(fcntl),      CALL(pread64),     CALL(lseek),       CALL(newfstatat),
	CALL(getrandom),  OPEN_TO_READ, /* the time zone, for a header */
};

static const struct rule main_thread[] = {
	CALL(ppoll),
	CALL(poll),
	CALL(pread64),
	CALL(pwrite64),
	CALL(lseek),
	CALL(close),
	CALL(newfstatat), /* fstat() */
	CALL(getdents64),
	CALL(fcntl),
	CALL(fsync),
	CALL(fdatasync),
	CALL(msync),
	CALL(clock_nanosleep),
	CALL(epoll_ctl), /* the API's end: its thread has gone */
	CALL(shutdown),
	CALL(unlink), /* its socket; as nobody it can't do more */
	OPEN_TO_READ, /* /proc, for the report */
	{ SYS_ioctl, 1, 0xff00, KVMIO << 8 },
};

static const struct role {
	const char *name;
	const struct rule *rules;
	size_t n;
} roles[SANDBOX_ROLES] = {
#define ROLE(name, rules)                                                                          \
	{                                                                                          \
		name, rules, sizeof(rules) / sizeof((rules)[0])                                    \
	}
	[SANDBOX_MAIN] = ROLE("main", main_thread),
	[SANDBOX_VCPU] = ROLE("vCPU", vcpu),
	[SANDBOX_IO] = ROLE("I/O", io),
	[SANDBOX_API] = ROLE("API", api),
};

bool sandbox_available(void)
{
	return !RONDO_SANITIZED; /* build.mk's */
}

/* ---- the filter ---- */

#define PROGRAM_MAX 256

struct program {
	struct sock_filter code[PROGRAM_MAX];
	unsigned short n;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
	if (p->n < PROGRAM_MAX)
		p->code[p->n] = (struct sock_filter){ code, yes, no, k };
	p->n++;
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Jumps to behind the next `over` instructions unless the accumulator equals k. */
static void unless_equal(struct program *p, uint32_t k, uint8_t over)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, k, 0, over);
}

static void allow(struct program *p)
{
	emit(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

static void add_rules(struct program *p, const struct rule *rules, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct rule *r = &rules[i];

		if (r->argument == ANY) {
			unless_equal(p, r->number, 1);
			allow(p);
			continue;
		}
		/* The low half of the argument: this machine is little-endian. */
		unless_equal(p, r->number, 5);
		load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)r->argument);
		emit(p, BPF_ALU | BPF_AND | BPF_K, r->mask, 0, 0);
		unless_equal(p, r->value, 1);
		allow(p);
		load(p, offsetof(struct seccomp_data, nr));
	}
}

static int install(const struct role *role)
{
	struct program p = { .n = 0 };
	struct sock_fprog program = { .filter = p.code };

	/* A call by another architecture's numbers is none of ours; x32's have a bit of their own. */
	load(&p, offsetof(struct seccomp_data, arch));
	emit(&p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	emit(&p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	load(&p, offsetof(struct seccomp_data, nr));
	add_rules(&p, common, sizeof(common) / sizeof(common[0]));
	add_rules(&p, role->rules, role->n);
	emit(&p, BPF_RET | BPF_K, SECCOMP_RET_TRAP, 0, 0);
	if (p.n > PROGRAM_MAX) {
		errno = E2BIG;
		return -1;
	}
	program.len = p.n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* ---- what is refused ---- */

static __thread const struct role *own_role;

/* Appends text; only what a signal handler may use. */
static char *append(char *to, const char *end, const char *text)
{
	while (*text && to < end)
		*to++ = *text++;
	return to;
}

static char *append_number(char *to, const char *end, unsigned int n)
{
	char digits[12], *at = digits + sizeof(digits) - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return append(to, end, at);
}

static void on_refused(int number, siginfo_t *info, void *context)
{
	unsigned int call = (unsigned int)info->si_syscall;
	const char *name = call < sandbox_n_names ? sandbox_names[call] : NULL;
	char line[200], *at = line;
	const char *end = line + sizeof(line);

	(void)number;
	(void)context;
	console_restore();
	at = append(at, end, "rondo-vmm: the ");
	at = append(at, end, own_role ? own_role->name : "?");
	at = append(at, end, " thread's sandbox refused the system call ");
	at = append(at, end, name ? name : "unknown");
	at = append(at, end, " (");
	at = append_number(at, end, call);
	at = append(at, end, "); --no-sandbox runs without one\n");
	if (write(STDERR_FILENO, line, (size_t)(at - line)) < 0)
		_exit(SANDBOX_STATUS);
	_exit(SANDBOX_STATUS);
}

/* ---- the rights ---- */

int sandbox_drop(char *error, size_t error_size)
{
	if (!sandbox_available() || geteuid())
		return 0;
	if (setgroups(0, NULL) || setresgid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER) ||
	    setresuid(SANDBOX_USER, SANDBOX_USER, SANDBOX_USER)) {
		snprintf(error, error_size,
			 "root's rights can't be given up: %s; --no-sandbox keeps them",
			 strerror(errno));
		return -1;
	}
	return 0;
}

int sandbox_enter(enum sandbox_role role)
{
	struct sigaction action = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };

	if (!sandbox_available())
		return 0;
	own_role = &roles[role];
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL))
		return -1;
	return install(own_role);
}
