// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * capabilities.c - what this kernel can and can't give
 */
#include "capabilities.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "probe.skel.h"
#include "probe_vm.h"
#include "reasons.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

__attribute__((format(printf, 4, 5))) static void
fact(struct capabilities *c, const char *name, enum fact_state state, const char *format, ...)
{
	struct fact *f = &c->facts[c->n_facts];
	va_list args;

	if (c->n_facts == FACTS_MAX)
		return;
	c->n_facts++;
	f->name = name;
	f->state = state;
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
}

/* The first thing that is missing decides. */
__attribute__((format(printf, 3, 4))) static void
missing(struct capabilities *c, enum status status, const char *format, ...)
{
	va_list args;

	if (c->status != STATUS_OK)
		return;
	c->status = status;
	va_start(args, format);
	vsnprintf(c->why, sizeof(c->why), format, args);
	va_end(args);
}

static bool exists(const char *path)
{
	return !access(path, F_OK);
}

static void find_rights(struct capabilities *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	bool bpf, perfmon, admin, need_admin = exists("/sys/kernel/btf/kvm");

	syscall(SYS_capget, &head, data);
	bpf = data[CAP_TO_INDEX(CAP_BPF)].effective & CAP_TO_MASK(CAP_BPF);
	perfmon = data[CAP_TO_INDEX(CAP_PERFMON)].effective & CAP_TO_MASK(CAP_PERFMON);
	admin = data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN);
	if (admin || (bpf && perfmon && !need_admin)) {
		fact(c, "rights", FACT_YES, "%s", admin ? "CAP_SYS_ADMIN" : "CAP_BPF, CAP_PERFMON");
		return;
	}
	fact(c, "rights", FACT_MISSING, "%s%s%s", bpf ? "" : "no CAP_BPF; ",
	     perfmon ? "" : "no CAP_PERFMON; ", "no CAP_SYS_ADMIN");
	missing(c, STATUS_RIGHTS,
		"not permitted: run it as root, or give it CAP_BPF and CAP_PERFMON%s",
		need_admin ? ", and CAP_SYS_ADMIN, as KVM is a module here" : "");
}

static bool has_tracepoint(struct btf *kernel, struct btf *module, const char *name)
{
	char type[64];

	snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(kernel, type, BTF_KIND_TYPEDEF) > 0 ||
	       (module && btf__find_by_name_kind(module, type, BTF_KIND_TYPEDEF) > 0);
}

/* prev_state is sched_switch's fourth argument since 5.19; BTF counts the hidden first one, too. */
static bool tells_prev_state(const struct btf *kernel)
{
	int id = btf__find_by_name_kind(kernel, "btf_trace_sched_switch", BTF_KIND_TYPEDEF);
	const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, (__u32)id) : NULL;

	while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
		type = btf__type_by_id(kernel, type->type);
	return type && btf_is_func_proto(type) && btf_vlen(type) >= 5;
}

/* A kernel that is locked down that far lets no program read its memory. */
static bool locked_down(void)
{
	FILE *f = fopen("/sys/kernel/security/lockdown", "re");
	char line[128] = "";
	bool locked;

	locked = f && fgets(line, sizeof(line), f) && strstr(line, "[confidentiality]");
	if (f)
		fclose(f);
	return locked;
}

static void no_kvm(struct capabilities *c, const char *what)
{
	fact(c, "KVM", FACT_MISSING, "%s", what);
	c->waits = c->status == STATUS_OK;
	missing(c, STATUS_KERNEL, "%s: modprobe kvm_amd, or kvm_intel", what);
}

static void find_tracepoints(struct capabilities *c)
{
	static const char *const names[RBPF_EVENT_NR] = {
		[RBPF_EVENT_ENTRY] = "kvm_entry",     [RBPF_EVENT_EXIT] = "kvm_exit",
		[RBPF_EVENT_FPU] = "kvm_fpu",         [RBPF_EVENT_USER_EXIT] = "kvm_userspace_exit",
		[RBPF_EVENT_SWITCH] = "sched_switch",
	};
	bool module = exists("/sys/kernel/btf/kvm");
	struct btf *kernel = NULL, *kvm = NULL;
	int i;

	if (exists(KERNEL_BTF))
		kernel = btf__load_vmlinux_btf();
	if (!kernel) {
		fact(c, "kernel BTF", FACT_MISSING, "no " KERNEL_BTF);
		missing(c, STATUS_KERNEL,
			"no " KERNEL_BTF ": the kernel must be built with CONFIG_DEBUG_INFO_BTF");
		return;
	}
	fact(c, "kernel BTF", FACT_YES, KERNEL_BTF);
	if (module)
		kvm = btf__load_module_btf("kvm", kernel);
	for (i = 0; i < RBPF_EVENT_NR; i++)
		c->tracepoints[i] = has_tracepoint(kernel, kvm, names[i]);
	c->has_wakeup = has_tracepoint(kernel, kvm, "kvm_vcpu_wakeup");
	if (!c->tracepoints[RBPF_EVENT_USER_EXIT]) {
		no_kvm(c, "KVM is not loaded");
	} else if (module && !exists("/sys/kernel/btf/kvm_amd") &&
		   !exists("/sys/kernel/btf/kvm_intel")) {
		no_kvm(c, "KVM's part for this processor is not loaded");
	} else {
		fact(c, "KVM", FACT_YES, module ? "a module, with BTF" : "built in");
	}
	if (!c->tracepoints[RBPF_EVENT_SWITCH] || !tells_prev_state(kernel)) {
		fact(c, "sched_switch", FACT_MISSING,
		     "not there, or not as Linux 5.19 and later have it");
		c->waits = false;
		missing(c, STATUS_KERNEL, "this kernel is too old: Linux 6.1 or later is needed");
	}
	btf__free(kvm);
	btf__free(kernel);
}

/* Runs the VM under the probes. 0: there was one. */
static int watch_vm(struct capabilities *c, struct probe_bpf *skel)
{
	struct probe_vm vm;
	int err = probe_vm_start(&vm), i;

	if (err)
		return err;
	skel->bss->target = (__u32)vm.pid;
	err = probe_vm_run(&vm);
	skel->bss->target = 0;
	for (i = 0; i < RBPF_EVENT_NR; i++)
		c->events[i] = skel->bss->events[i] > 0;
	return err;
}

static void probe(struct capabilities *c)
{
	struct probe_bpf *skel = probe_bpf__open();
	int err = 0;

	if (!skel) {
		missing(c, STATUS_FAILED, "the probe can't be opened: %s", strerror(errno));
		return;
	}
	bpf_program__set_autoload(skel->progs.probe_entry, c->tracepoints[RBPF_EVENT_ENTRY]);
	bpf_program__set_autoload(skel->progs.probe_exit, c->tracepoints[RBPF_EVENT_EXIT]);
	bpf_program__set_autoload(skel->progs.probe_fpu, c->tracepoints[RBPF_EVENT_FPU]);
	err = probe_bpf__load(skel);
	if (!err)
		err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.probe_types), NULL);
	if (!err)
		err = probe_bpf__attach(skel);
	if (err) {
		fact(c, "BPF programs", FACT_MISSING, "%s", strerror(-err));
		if (err == -EPERM || err == -EACCES)
			missing(c, STATUS_RIGHTS,
				"the kernel refuses BPF programs (%s): lockdown, a container, or "
				"missing CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN",
				strerror(-err));
		else
			missing(c, STATUS_KERNEL, "BPF programs can't be loaded: %s (-v says more)",
				strerror(-err));
	} else {
		fact(c, "BPF programs", FACT_YES, "load and attach");
		c->types = skel->bss->types;
		err = watch_vm(c, skel);
		c->probed = !err;
		c->isa = skel->bss->last_isa;
		if (err < 0)
			log_line("the VM that tries out the kernel did not end: %s",
				 strerror(-err));
		if (!err && c->events[RBPF_EVENT_EXIT]) {
			char buffer[REASON_MAX];
			const char *name = reason_exit(c->isa, skel->bss->last_reason, buffer);

			/* The guest's one instruction; else the reason is read from the wrong place. */
			c->reasons = !strcmp(name, "io") || !strcmp(name, "io_instruction");
			fact(c, "exit reasons", c->reasons ? FACT_YES : FACT_NO,
			     "%s: read as \"%s\"",
			     c->reasons ? "right" : "wrong, so none are counted", name);
		}
	}
	probe_bpf__destroy(skel);
}

/* KVM's own counters that this kernel lacks, and so their series. */
static void find_stats(struct capabilities *c)
{
	static const char *const names[RBPF_STAT_NR] = {
		[RBPF_STAT_HALT_WAKEUPS] = "halt wake-ups",
		[RBPF_STAT_HALT_POLLS] = "halt polls",
		[RBPF_STAT_HALT_POLL_NS] = "halt polling",
		[RBPF_STAT_INTERRUPTS] = "interrupts",
		[RBPF_STAT_HYPERCALLS] = "hypercalls",
		[RBPF_STAT_PAGE_FAULTS] = "page faults",
		[RBPF_STAT_MMIO] = "MMIO",
		[RBPF_STAT_PIO] = "port I/O",
	};
	char lacks[120] = "";
	size_t n = 0;
	int i;

	for (i = 0; i < RBPF_STAT_NR; i++)
		if (names[i] && !(c->types >> (RBPF_TYPE_STAT + i) & 1) && n < sizeof(lacks))
			n += (size_t)snprintf(lacks + n, sizeof(lacks) - n, "%s%s", n ? ", " : "",
					      names[i]);
	fact(c, "KVM's counters", n ? FACT_NO : FACT_YES, "%s%s",
	     n ? "no series of: " : "all that are recorded", lacks);
}

/* What follows from the findings. Without a VM to look at, kernels are taken as usual. */
static void conclude(struct capabilities *c)
{
	bool both = c->tracepoints[RBPF_EVENT_ENTRY] && c->tracepoints[RBPF_EVENT_EXIT];

	c->entry_exit = both &&
			(!c->probed || (c->events[RBPF_EVENT_ENTRY] && c->events[RBPF_EVENT_EXIT]));
	if (!c->probed) {
		fact(c, "a VM to try", FACT_NO,
		     "none could be run: the rest is what kernels usually do");
		c->reasons = both;
	}
	if (!c->entry_exit)
		c->reasons = false;
	fact(c, "kvm_entry, kvm_exit", c->entry_exit ? FACT_YES : FACT_NO, "%s",
	     c->entry_exit
		     ? "fire: guest and exit time, exits by reason"
		     : "never fire: run time instead of guest and exit time, no exits by reason");
	c->part[RBPF_GUEST] = c->part[RBPF_KERNEL] = c->entry_exit;
	c->part[RBPF_RUN] = !c->entry_exit && c->tracepoints[RBPF_EVENT_FPU];
	c->part[RBPF_USER] = c->entry_exit || c->part[RBPF_RUN];
	c->part[RBPF_HALTED] = c->types >> RBPF_TYPE_BLOCKING & 1;
	c->part[RBPF_BLOCKED] = c->part[RBPF_HALTED];
	c->part[RBPF_STEAL] = true;
	if (!c->part[RBPF_USER]) {
		fact(c, "KVM_RUN", FACT_MISSING,
		     "its begin can't be seen: no kvm_entry, no kvm_fpu");
		missing(c, STATUS_KERNEL, "neither kvm_entry nor kvm_fpu fires on this kernel");
	}
	fact(c, "halted", c->part[RBPF_HALTED] ? FACT_YES : FACT_NO, "%s",
	     c->part[RBPF_HALTED] ? "told from other sleep" : "KVM doesn't say when a vCPU halts");
	fact(c, "halt polling",
	     c->types >> RBPF_TYPE_POLLING & 1 && c->has_wakeup ? FACT_YES : FACT_NO, "%s",
	     c->types >> RBPF_TYPE_POLLING & 1 ? "part of halted" : "counts as exit handling");
	fact(c, "steal", FACT_YES, "the scheduler's run_delay; by who took it, from its switches");
	find_stats(c);
	fact(c, "userspace exits", FACT_YES, "by KVM_EXIT_* reason");
}

void capabilities_find(struct capabilities *c)
{
	*c = (struct capabilities){ .status = STATUS_OK };
	find_rights(c);
	if (locked_down()) {
		fact(c, "lockdown", FACT_MISSING,
		     "confidentiality: no program may read the kernel's memory");
		missing(c, STATUS_KERNEL,
			"the kernel is locked down (lockdown=confidentiality): BPF programs may not read "
			"its memory; boot with lockdown=integrity");
	}
	find_tracepoints(c);
	if (c->status != STATUS_OK)
		return;
	probe(c);
	if (c->status == STATUS_OK)
		conclude(c);
}

uint64_t capabilities_modules(void)
{
	static const char *const names[] = { "kvm", "kvm_amd", "kvm_intel" };
	uint64_t sum = 0;
	char path[64];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/refcnt", names[i]);
		if (!stat(path, &st))
			sum = sum * 31 + st.st_ino + 1;
	}
	return sum;
}

void capabilities_print(const struct capabilities *c)
{
	static const char *const marks[] = {
		[FACT_YES] = "yes",
		[FACT_NO] = "no",
		[FACT_MISSING] = "MISSING",
	};
	unsigned int i;

	for (i = 0; i < c->n_facts; i++)
		printf("%-20s %-8s %s\n", c->facts[i].name, marks[c->facts[i].state],
		       c->facts[i].text);
	if (c->status == STATUS_OK)
		printf("rondo-bpfd can collect here.\n");
	else
		printf("rondo-bpfd can't collect here: %s\n", c->why);
}
