// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * churn.c - many small VMs that come and go, each with a number of userspace exits known beforehand
 *
 *	churn --count 2000 --at-once 8 --ms 30 --exits 97 [--prefix NAME] [--vcpus N] [--fork] [--halt]
 *
 * VM number i makes EXITS + i % 13 port writes and one HLT on each vCPU, spread over MS milliseconds, and
 * nothing else that leaves the guest. It is a process of its own that calls itself as Firecracker is called,
 * so its name is on its command line alone: NAME-i. On standard output one line for each, when
 * it has ended: its name and the number of KVM_RUN's returns that it saw. Exit status 1 if one failed.
 *
 * --fork: each has a child that inherits its descriptors, never runs a vCPU, and lives a second longer.
 * --halt: each sleeps in KVM, in one HLT, for all of its life; no exits then.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GUEST_AT  0x1000
#define VCPUS_MAX 64

/* cli; hlt */
static const unsigned char halting[] = { 0xfa, 0xf4 };

/* mov cx, N; loop: out 0x80, al; dec cx; jnz loop; hlt */
static const unsigned char code[] = { 0xb9, 0, 0, 0xe6, 0x80, 0x49, 0x75, 0xfb, 0xf4 };

struct options {
	unsigned int count, at_once, ms, exits, vcpus;
	int fork, halt;
	const char *prefix;
};

struct vcpu {
	int fd;
	struct kvm_run *run;
	unsigned int exits; /* port writes to come */
	uint64_t ns;        /* for all of them */
	unsigned long seen; /* returns of KVM_RUN; 0: failed */
};

static int fail(const char *what)
{
	fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
	return 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* In steps of a millisecond at least, so that a short VM does not sleep more than it lives. */
static void pace(const struct vcpu *v, uint64_t begun, unsigned long done)
{
	uint64_t due = begun + v->ns * done / v->exits, now = now_ns();
	struct timespec t;

	if (due < now + 1000000)
		return;
	t = (struct timespec){ (time_t)((due - now) / 1000000000),
			       (long)((due - now) % 1000000000) };
	nanosleep(&t, NULL);
}

static void *run_vcpu(void *arg)
{
	struct vcpu *v = arg;
	uint64_t begun = now_ns();
	unsigned long seen = 0;

	for (;;) {
		if (ioctl(v->fd, KVM_RUN, 0))
			return NULL;
		seen++;
		if (v->run->exit_reason == KVM_EXIT_HLT)
			break;
		if (v->run->exit_reason != KVM_EXIT_IO || seen > v->exits)
			return NULL;
		pace(v, begun, seen);
	}
	if (seen == v->exits + 1ul)
		v->seen = seen;
	return NULL;
}

static int make_vcpu(int vm, unsigned int id, int run_size, struct vcpu *v)
{
	struct kvm_regs regs = { .rip = GUEST_AT, .rflags = 2 };
	struct kvm_sregs sregs;

	v->fd = ioctl(vm, KVM_CREATE_VCPU, id);
	if (v->fd < 0 || ioctl(v->fd, KVM_GET_SREGS, &sregs))
		return fail("KVM_CREATE_VCPU");
	v->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		return fail("mmap");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) || ioctl(v->fd, KVM_SET_REGS, &regs))
		return fail("KVM_SET_REGS");
	return 0;
}

static int make_vm(const struct options *o, struct vcpu *vcpus)
{
	/* Open for as long as the process lives. */
	static int kvm;
	int vm, size;
	unsigned char *memory =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_AT,
		.memory_size = 4096,
		.userspace_addr = (uintptr_t)memory,
	};
	unsigned int i;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (kvm < 0 || vm < 0 || size < 0 || memory == MAP_FAILED)
		return fail("/dev/kvm");
	if (o->halt && ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		return fail("KVM_CREATE_IRQCHIP");
	memcpy(memory, o->halt ? halting : code, o->halt ? sizeof(halting) : sizeof(code));
	if (!o->halt) {
		memory[1] = (unsigned char)o->exits;
		memory[2] = (unsigned char)(o->exits >> 8);
	}
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		return fail("KVM_SET_USER_MEMORY_REGION");
	for (i = 0; i < o->vcpus; i++) {
		vcpus[i] = (struct vcpu){ .exits = o->exits, .ns = o->ms * 1000000ull };
		if (make_vcpu(vm, i, size, &vcpus[i]))
			return 1;
	}
	return 0;
}

/* One VM, in its own process. */
static int run_vm(const struct options *o, const char *name)
{
	struct vcpu vcpus[VCPUS_MAX];
	pthread_t threads[VCPUS_MAX];
	unsigned long seen = 0;
	unsigned int i;

	if (make_vm(o, vcpus))
		return 1;
	if (o->fork && !fork()) {
		usleep((o->ms + 1000) * 1000);
		_exit(0);
	}
	for (i = 0; i < o->vcpus; i++)
		if (pthread_create(&threads[i], NULL, run_vcpu, &vcpus[i]))
			return fail("pthread_create");
	if (o->halt)
		usleep(o->ms * 1000);
	for (i = 0; i < o->vcpus && !o->halt; i++) {
		pthread_join(threads[i], NULL);
		if (!vcpus[i].seen)
			return fail("KVM_RUN");
		seen += vcpus[i].seen;
	}
	printf("%s %lu\n", name, seen);
	return 0;
}

static int start_vm(const struct options *o, unsigned int i, const char *self)
{
	char name[128], exits[16], ms[16], vcpus[16];
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? fail("fork") : 0;
	snprintf(name, sizeof(name), "%s-%u", o->prefix, i);
	snprintf(exits, sizeof(exits), "%u", o->exits + i % 13);
	snprintf(ms, sizeof(ms), "%u", o->ms);
	snprintf(vcpus, sizeof(vcpus), "%u", o->vcpus);
	execl(self, "firecracker", "--id", name, "--exits", exits, "--ms", ms, "--vcpus", vcpus,
	      o->fork   ? "--fork"
	      : o->halt ? "--halt"
			: (char *)NULL,
	      (char *)NULL);
	_exit(fail("exec"));
}

static int churn(const struct options *o, const char *self)
{
	unsigned int begun = 0, alive = 0;
	int status, bad = 0;

	while (begun < o->count || alive) {
		if (begun < o->count && alive < o->at_once) {
			if (start_vm(o, begun++, self))
				return 1;
			alive++;
			continue;
		}
		if (wait(&status) < 0)
			return fail("wait");
		alive--;
		bad |= status;
	}
	return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "count", required_argument, NULL, 'c' },
		{ "at-once", required_argument, NULL, 'a' },
		{ "ms", required_argument, NULL, 'm' },
		{ "exits", required_argument, NULL, 'e' },
		{ "vcpus", required_argument, NULL, 'v' },
		{ "prefix", required_argument, NULL, 'p' },
		{ "fork", no_argument, NULL, 'f' },
		{ "halt", no_argument, NULL, 'h' },
		{ "id", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	struct options o = { 1, 1, 30, 97, 1, 0, 0, "churn" };
	const char *id = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		unsigned int n = optarg ? (unsigned int)strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'c':
			o.count = n;
			break;
		case 'a':
			o.at_once = n;
			break;
		case 'm':
			o.ms = n;
			break;
		case 'e':
			o.exits = n;
			break;
		case 'v':
			o.vcpus = n;
			break;
		case 'p':
			o.prefix = optarg;
			break;
		case 'f':
			o.fork = 1;
			break;
		case 'h':
			o.halt = 1;
			break;
		case 'i':
			id = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!o.exits || o.exits > 65000 || !o.at_once || !o.vcpus || o.vcpus > VCPUS_MAX)
		return 2;
	if (id)
		return run_vm(&o, id);
	return churn(&o, "/proc/self/exe");
}
