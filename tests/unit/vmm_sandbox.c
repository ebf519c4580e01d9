// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * vmm-demo/sandbox.c: of each role one system call that it may make, and one that ends the process
 * with its name. The filters are for good, so each case has a process of its own.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox.h"

static char said[512];

static int open_null(int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags, 0600);
}

static void read_null(void)
{
	if (open_null(O_RDONLY) < 0)
		_exit(3);
}

static void write_null(void)
{
	open_null(O_WRONLY);
}

static void make_file(void)
{
	open_null(O_RDONLY | O_CREAT);
}

static void make_socket(void)
{
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0)
		_exit(3);
}

static void run_vcpu(void)
{
	if (ioctl(-1, KVM_RUN, 0) != -1 || errno != EBADF)
		_exit(3);
}

static void other_ioctl(void)
{
	ioctl(-1, FIONREAD, 0);
}

static void create_vm(void)
{
	ioctl(-1, KVM_CREATE_VM, 0);
}

static void wait_none(void)
{
	if (poll(NULL, 0, 0))
		_exit(3);
}

static void read_disk(void)
{
	char byte;
	struct iovec one = { &byte, 1 };

	if (syscall(SYS_preadv, -1, &one, 1, 0, 0) != -1 || errno != EBADF)
		_exit(3);
}

static void run_program(void)
{
	char *argv[] = { NULL };

	execve("/bin/true", argv, argv);
}

static void unknown_call(void)
{
	syscall(100000);
}

static void nothing(void)
{
}

static struct {
	enum sandbox_role role;
	void (*act)(void);
} now;

static void *in_thread(void *context)
{
	(void)context;
	if (sandbox_enter(now.role))
		_exit(4);
	now.act();
	return NULL;
}

/* In a new process and a thread of that role; its exit status, 0 if it came to its end. */
static int status_of(enum sandbox_role role, void (*act)(void))
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		pthread_t thread;

		dup2(fds[1], STDERR_FILENO);
		now.role = role;
		now.act = act;
		if (pthread_create(&thread, NULL, in_thread, NULL) || pthread_join(thread, NULL))
			_exit(5);
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], said, sizeof(said) - 1);
	said[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "signal %d: %s", WTERMSIG(status), said);
	return WEXITSTATUS(status);
}

static const struct {
	enum sandbox_role role;
	void (*may)(void);
	void (*may_not)(void);
	const char *name;
	const char *thread;
} cases[] = {
	{ SANDBOX_MAIN, read_null, make_socket, "socket", "main" },
	{ SANDBOX_MAIN, wait_none, write_null, "openat", "main" },
	{ SANDBOX_MAIN, run_vcpu, make_file, "openat", "main" },
	{ SANDBOX_MAIN, nothing, other_ioctl, "ioctl", "main" },
	{ SANDBOX_VCPU, run_vcpu, read_null, "openat", "vCPU" },
	{ SANDBOX_VCPU, nothing, create_vm, "ioctl", "vCPU" },
	{ SANDBOX_VCPU, nothing, wait_none, "poll", "vCPU" },
	{ SANDBOX_IO, read_disk, make_socket, "socket", "I/O" },
	{ SANDBOX_IO, wait_none, run_vcpu, "ioctl", "I/O" },
	{ SANDBOX_API, read_null, make_socket, "socket", "API" },
	{ SANDBOX_API, nothing, run_program, "execve", "API" },
	{ SANDBOX_IO, nothing, unknown_call, "unknown (100000)", "I/O" },
};

#define N_CASES (int)(sizeof(cases) / sizeof(cases[0]))

START_TEST(core_may)
{
	ck_assert_msg(status_of(cases[_i].role, cases[_i].may) == 0, "%s", said);
	ck_assert_str_eq(said, "");
}
END_TEST

START_TEST(core_may_not)
{
	int status = status_of(cases[_i].role, cases[_i].may_not);

	/* A sanitized build has no sandbox: there is nothing to refuse. */
	if (!sandbox_available()) {
		ck_assert_int_ne(status, SANDBOX_STATUS);
		return;
	}
	ck_assert_int_eq(status, SANDBOX_STATUS);
	ck_assert_msg(strstr(said, cases[_i].name), "%s: %s", cases[_i].name, said);
	ck_assert_msg(strstr(said, cases[_i].thread), "%s: %s", cases[_i].thread, said);
	ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}
END_TEST

START_TEST(core_names)
{
	ck_assert_uint_gt(sandbox_n_names, 300);
	ck_assert_str_eq(sandbox_names[SYS_openat], "openat");
	ck_assert_str_eq(sandbox_names[SYS_read], "read");
}
END_TEST

/* Rights are given up by one thread for all, one that is in its sandbox already included. */
static void *wait_in_thread(void *context)
{
	int *fds = context;
	char byte = 0;

	if (sandbox_enter(SANDBOX_IO) || write(fds[1], &byte, 1) != 1 ||
	    read(fds[2], &byte, 1) != 1)
		_exit(4);
	return NULL;
}

START_TEST(core_drop)
{
	int to[2], from[2], fds[3], status;
	char error[128], byte = 0;
	pthread_t thread;
	pid_t pid = fork();

	if (!pid) {
		if (pipe(to) || pipe(from))
			_exit(3);
		fds[1] = from[1];
		fds[2] = to[0];
		if (pthread_create(&thread, NULL, wait_in_thread, fds) ||
		    read(from[0], &byte, 1) != 1 || sandbox_drop(error, sizeof(error)))
			_exit(5);
		if (sandbox_available() &&
		    (!getuid() || !geteuid() || !getgid() || !syscall(SYS_setuid, 0)))
			_exit(6);
		if (write(to[1], &byte, 1) != 1 || pthread_join(thread, NULL))
			_exit(7);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%#x", status);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_sandbox");
	TCase *core = tcase_create("Core");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(core, core_may, 0, N_CASES);
	tcase_add_loop_test(core, core_may_not, 0, N_CASES);
	tcase_add_test(core, core_names);
	tcase_add_test(core, core_drop);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
