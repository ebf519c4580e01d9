// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * userspace/identity.c, cgroup.c and clean.c: who a VM is, by command lines and cgroups as the VMMs and
 * their managers really make them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clean.h"
#include "identity.h"

#define TGID 4711

static struct identity id;

/* A process; its arguments are split at '|', its cgroup file's lines at ';'. */
struct process {
	const char *comm, *exe, *line, *cgroup;
};

static void find(const struct process *p)
{
	static char cmdline[16384], cgroup[4096];
	struct identity_source source = {
		.tgid = TGID,
		.comm = p->comm,
		.exe = p->exe ? p->exe : "",
		.cmdline = cmdline,
		.length = p->line ? strlen(p->line) + 1 : 0,
	};
	size_t i;

	ck_assert_uint_le(source.length, sizeof(cmdline));
	if (p->line)
		memcpy(cmdline, p->line, source.length);
	for (i = 0; i < source.length; i++)
		cmdline[i] = cmdline[i] == '|' ? '\0' : cmdline[i];
	strcpy(cgroup, p->cgroup ? p->cgroup : "");
	for (i = 0; cgroup[i]; i++)
		cgroup[i] = cgroup[i] == ';' ? '\n' : cgroup[i];
	cgroup_parse(cgroup, &source.cgroups);
	identity_find(&source, &id);
}

#define UUID "c7a5fdbd-edaf-9455-926a-d65c16db1809"
#define POD  "0b5a3c0e-6d2f-4f0a-9d53-8a1f3b2c4d5e"
#define POD_ "0b5a3c0e_6d2f_4f0a_9d53_8a1f3b2c4d5e"
#define CID  "3f8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b"

/* What libvirt 9 starts, without the devices. */
#define LIBVIRT                                                                                    \
	"/usr/bin/qemu-system-x86_64|-name|guest=web1,debug-threads=on|-S|-object|"                \
	"{\"qom-type\":\"secret\",\"id\":\"masterKey0\"}|-machine|pc-q35-7.2,usb=off|-accel|kvm|"  \
	"-cpu|host|-m|4096|-smp|4|-uuid|" UUID "|-display|none|-no-user-config"

static const struct {
	struct process process;
	const char *vmm, *name, *uuid, *number, *namespace, *pod, *cgroup;
	uint32_t cgroup_version;
} cases[] = {
	/* libvirt: systemd, v2, v1, without systemd, before 2013 */
	{ { "qemu-system-x86", "/usr/bin/qemu-system-x86_64", LIBVIRT,
	    "0::/machine.slice/machine-qemu\\x2d3\\x2dweb1.scope/libvirt/emulator" },
	  "qemu",
	  "web1",
	  UUID,
	  "",
	  "",
	  "",
	  "/machine.slice/machine-qemu\\x2d3\\x2dweb1.scope",
	  2 },
	{ { "qemu-kvm", "/usr/libexec/qemu-kvm",
	    "/usr/libexec/qemu-kvm|-name|guest=web 2,,x,debug-threads=on|-uuid|" UUID,
	    "12:memory:/machine.slice;4:cpu,cpuacct:/machine.slice/machine-qemu\\x2d4\\x2dweb.scope/"
	    "emulator;1:name=systemd:/machine.slice/machine-qemu\\x2d4\\x2dweb.scope" },
	  "qemu",
	  "web 2,x",
	  UUID,
	  "",
	  "",
	  "",
	  "/machine.slice/machine-qemu\\x2d4\\x2dweb.scope",
	  1 },
	{ { "qemu-system-x86", NULL, NULL,
	    "5:cpuacct,cpu:/machine/qemu-7-db-1.libvirt-qemu/emulator" },
	  "qemu",
	  "db-1",
	  "",
	  "",
	  "",
	  "",
	  "/machine/qemu-7-db-1.libvirt-qemu",
	  1 },
	{ { "qemu-kvm", NULL, NULL, "5:cpu:/libvirt/qemu/old/vcpu0" },
	  "qemu",
	  "old",
	  "",
	  "",
	  "",
	  "",
	  "/libvirt/qemu/old",
	  1 },
	/* its scope alone tells, escaped; a VM's name may look like another one's scope */
	{ { "qemu-system-x86", NULL, NULL,
	    "0::/machine.slice/machine-qemu\\x2d12\\x2dqemu\\x2d3\\x2dx.scope" },
	  "qemu",
	  "qemu-3-x",
	  "",
	  "",
	  "",
	  "",
	  "/machine.slice/machine-qemu\\x2d12\\x2dqemu\\x2d3\\x2dx.scope",
	  2 },
	/* a guest agent is no VM's scope */
	{ { "vmm", NULL, "vmm", "0::/system.slice/qemu-guest-agent.service" },
	  "other",
	  "vmm-4711",
	  "",
	  "",
	  "",
	  "",
	  "/system.slice/qemu-guest-agent.service",
	  2 },
	/* QEMU by hand */
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-m|64|-name|debug-threads=on,guest=b",
	    NULL },
	  "qemu",
	  "b",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-name|b,process=x|-m|64", NULL },
	  "qemu",
	  "b",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "qemu-system-aar", NULL,
	    "qemu-system-aarch64|--name=b|--uuid|C7A5FDBD-EDAF-9455-926A-D65C16DB1809", NULL },
	  "qemu",
	  "b",
	  UUID,
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-name|debug-threads=on", NULL },
	  "qemu",
	  "qemu-system-x86-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-uuid|" UUID, NULL },
	  "qemu",
	  UUID,
	  UUID,
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-name|a|-uuid|no-uuid", NULL },
	  "qemu",
	  "a",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* renamed: by the file that it runs, by its options */
	{ { "vm-7", "/usr/bin/qemu-system-x86_64 (deleted)", "vm-7|-name|guest=r", NULL },
	  "qemu",
	  "r",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "emu", "/opt/emu", "/opt/emu|-name|guest=r|-machine|q35", NULL },
	  "qemu",
	  "r",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "CPU 0/KVM", "/opt/emu", "emu|--name|x", NULL },
	  "other",
	  "CPU 0/KVM-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* Proxmox */
	{ { "kvm", "/usr/bin/qemu-system-x86_64",
	    "/usr/bin/kvm|-id|100|-name|mail,debug-threads=on|-no-shutdown|-chardev|"
	    "socket,id=qmp,path=/var/run/qemu-server/100.qmp,server=on,wait=off|-smbios|"
	    "type=1,uuid=" UUID,
	    "0::/qemu.slice/100.scope" },
	  "proxmox",
	  "mail",
	  UUID,
	  "100",
	  "",
	  "",
	  "/qemu.slice/100.scope",
	  2 },
	{ { "kvm", NULL, NULL, "0::/qemu.slice/101.scope" },
	  "qemu",
	  "101",
	  "",
	  "101",
	  "",
	  "",
	  "/qemu.slice/101.scope",
	  2 },
	/* KubeVirt */
	{ { "qemu-kvm", "/usr/libexec/qemu-kvm",
	    "/usr/libexec/qemu-kvm|-name|guest=shop_testvm_1,debug-threads=on|-S|-uuid|" UUID,
	    "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_
	    ".slice/cri-containerd-" CID ".scope/container" },
	  "kubevirt",
	  "shop/testvm_1",
	  UUID,
	  "",
	  "shop",
	  POD,
	  "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" POD_
	  ".slice/cri-containerd-" CID ".scope",
	  2 },
	{ { "qemu-system-x86", NULL,
	    "qemu-system-x86_64|-name|guest=default_vmi|-object|x|-chardev|"
	    "socket,id=c,path=/var/run/kubevirt-private/u/virt-serial0",
	    NULL },
	  "kubevirt",
	  "default/vmi",
	  "",
	  "",
	  "default",
	  "",
	  "",
	  0 },
	{ { "qemu-system-x86", NULL, "qemu-system-x86_64|-name|guest=default_vmi", NULL },
	  "qemu",
	  "default_vmi",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* Kata: QEMU, Cloud Hypervisor, Firecracker */
	{ { "qemu-system-x86", NULL,
	    "/opt/kata/bin/qemu-system-x86_64|-name|sandbox-" CID ",debug-threads=on|-uuid|" UUID,
	    "7:cpu,cpuacct:/kubepods/besteffort/pod" POD "/kata_overhead" },
	  "kata",
	  CID,
	  UUID,
	  "",
	  "",
	  POD,
	  "/kubepods/besteffort/pod" POD "/kata_overhead",
	  1 },
	{ { "cloud-hyperviso", "/opt/kata/bin/cloud-hypervisor",
	    "/opt/kata/bin/cloud-hypervisor|--api-socket|/run/vc/vm/" CID "/clh-api.sock", NULL },
	  "kata",
	  CID,
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "firecracker", NULL, "/firecracker|--api-sock|/run/vc/vm/" CID "/fc.sock", NULL },
	  "kata",
	  CID,
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* Firecracker, and what its jailer starts */
	{ { "firecracker", NULL, "./firecracker|--api-sock|/tmp/firecracker.socket|--id|fc-1",
	    NULL },
	  "firecracker",
	  "fc-1",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "firecracker", "/firecracker",
	    "/firecracker|--id=i-0a1|--start-time-us=1|--start-time-cpu-us=2|--parent-cpu-time-us=3|"
	    "--api-sock|/run/firecracker.socket",
	    "0::/firecracker/i-0a1" },
	  "firecracker",
	  "i-0a1",
	  "",
	  "",
	  "",
	  "",
	  "/firecracker/i-0a1",
	  2 },
	{ { "fn-worker", "/fn-worker",
	    "fn-worker|--id=i-0b2|--start-time-us=1|--start-time-cpu-us=2", NULL },
	  "firecracker",
	  "i-0b2",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "firecracker-v1", NULL, NULL, "0::/firecracker-v1.7/i-0c3" },
	  "firecracker",
	  "i-0c3",
	  "",
	  "",
	  "",
	  "",
	  "/firecracker-v1.7/i-0c3",
	  2 },
	{ { "firecracker", NULL, "firecracker|--api-sock|/run/vms/one.socket", NULL },
	  "firecracker",
	  "one",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "firecracker", NULL,
	    "firecracker|--id|anonymous-instance|--api-sock|/run/firecracker.socket", NULL },
	  "firecracker",
	  "firecracker-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* Cloud Hypervisor */
	{ { "cloud-hyperviso", NULL,
	    "cloud-hypervisor|--api-socket|path=/run/ch/vm9.sock|--platform|num_pci_segments=1,uuid=" UUID,
	    NULL },
	  "cloud-hypervisor",
	  "vm9",
	  UUID,
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "cloud-hyperviso", NULL, "cloud-hypervisor|--api-socket=/run/vms/vm9/api.sock", NULL },
	  "cloud-hypervisor",
	  "vm9",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "cloud-hyperviso", NULL, "cloud-hypervisor|--platform|uuid=" UUID "|--kernel|k", NULL },
	  "cloud-hypervisor",
	  UUID,
	  UUID,
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "cloud-hyperviso", NULL, "cloud-hypervisor|--api-socket|fd=5|--kernel|k", NULL },
	  "cloud-hypervisor",
	  "cloud-hyperviso-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	/* kvmtool, crosvm, others */
	{ { "lkvm", NULL, "/usr/bin/lkvm|run|--name|g1|-m|64", NULL },
	  "kvmtool",
	  "g1",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "lkvm", NULL, "lkvm|run|-n|g1", NULL }, "kvmtool", "g1", "", "", "", "", "", 0 },
	{ { "lkvm", NULL, "lkvm|run|-k|bzImage", NULL },
	  "kvmtool",
	  "guest-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "crosvm", NULL, "crosvm|run|--name|penguin|--cpus|2", NULL },
	  "crosvm",
	  "penguin",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "crosvm", NULL, "crosvm|run|-s|/run/vm/vm.abc/crosvm.sock", NULL },
	  "crosvm",
	  "vm.abc",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "stratovirt", NULL, "stratovirt|-machine|microvm|-name|s1", NULL },
	  "stratovirt",
	  "s1",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "rondo-vmm", NULL, "build/bin/rondo-vmm|--cpus|2|--name|demo", NULL },
	  "rondo-vmm",
	  "demo",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "rondo-vmm", NULL, "rondo-vmm|--name=demo", NULL },
	  "rondo-vmm",
	  "demo",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "rondo-vmm", NULL, "rondo-vmm|--namely|x", NULL },
	  "rondo-vmm",
	  "rondo-vmm-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "rondo-vmm", NULL, "rondo-vmm|--name", NULL },
	  "rondo-vmm",
	  "rondo-vmm-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "rondo-vmm", NULL, "rondo-vmm|--name|", NULL },
	  "rondo-vmm",
	  "rondo-vmm-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "my vmm", NULL, "./my vmm|--name|x", NULL },
	  "other",
	  "my vmm-4711",
	  "",
	  "",
	  "",
	  "",
	  "",
	  0 },
	{ { "", NULL, NULL, NULL }, "other", "_-4711", "", "", "", "", "", 0 },
};

START_TEST(core_rules)
{
	const char *what = cases[_i].process.line ? cases[_i].process.line
						  : cases[_i].process.cgroup;

	find(&cases[_i].process);
	ck_assert_msg(!strcmp(id.name, cases[_i].name), "%s: name %s", what, id.name);
	ck_assert_msg(!strcmp(id.vmm, cases[_i].vmm), "%s: vmm %s", what, id.vmm);
	ck_assert_msg(!strcmp(id.uuid, cases[_i].uuid), "%s: uuid %s", what, id.uuid);
	ck_assert_msg(!strcmp(id.number, cases[_i].number), "%s: number %s", what, id.number);
	ck_assert_msg(!strcmp(id.namespace, cases[_i].namespace), "%s: namespace %s", what,
		      id.namespace);
	ck_assert_msg(!strcmp(id.pod, cases[_i].pod), "%s: pod %s", what, id.pod);
	ck_assert_msg(!strcmp(id.cgroup, cases[_i].cgroup), "%s: cgroup %s", what, id.cgroup);
	ck_assert_uint_eq(id.cgroup_version, cases[_i].cgroup_version);
	ck_assert_int_eq(id.fallback, strstr(id.name, "4711") != NULL);
}
END_TEST

/* The first 1,024 bytes may end within an argument, without a NUL. */
START_TEST(limits_cut_cmdline)
{
	const char line[] = "rondo-vmm\0--name\0demonstration";
	struct identity_source source = {
		.tgid = 7,
		.comm = "rondo-vmm",
		.exe = "",
		.cmdline = line,
	};
	size_t length;

	source.length = sizeof(line) - 8;
	identity_find(&source, &id);
	ck_assert_str_eq(id.name, "demons");
	for (length = 0; length <= 17; length++) {
		source.length = length;
		identity_find(&source, &id);
		ck_assert_str_eq(id.name, "rondo-vmm-7");
	}
}
END_TEST

START_TEST(limits_long_name)
{
	static char line[12000] = "qemu-system-x86_64|-name|guest=", cgroup[3000] = "0::/";
	struct process p = { "qemu-system-x86", NULL, line, cgroup };
	size_t n = strlen(line);

	memset(line + n, 'x', 10240);
	memset(cgroup + 4, 'c', 2000);
	strcpy(cgroup + 2004, "/end");
	find(&p);
	ck_assert_uint_eq(strlen(id.name), INSTANCE_MAX);
	ck_assert_uint_eq(strlen(id.cgroup), sizeof(id.cgroup) - 1);
	ck_assert_str_eq(id.cgroup + sizeof(id.cgroup) - 5, "/end");
}
END_TEST

/* Whatever a command line and cgroups hold: no crash, and labels that a store takes. */
START_TEST(errors_any_bytes)
{
	static char line[2000], cgroup[1000], again[512];
	struct identity_source source = {
		.tgid = 1, .comm = "\xff\n\"", .exe = "\xff", .cmdline = line
	};
	static const char *const heads[] = { "qemu-kvm", "firecracker", "cloud-hypervisor",
					     "lkvm",     "x",           "crosvm" };
	static const char parts[][24] = { "-name",       "guest=",    ",",
					  "=",           "/",         "-id",
					  "--id",        "-uuid",     "--api-socket",
					  "path=",       "-machine",  "sandbox-",
					  "/run/vc/vm/", "-smbios",   "uuid=",
					  "kubepods",    "/kubevirt", "machine-qemu\\x2d1\\x2d",
					  ".scope",      "pod",       "_",
					  "\\x" };
	unsigned int seed = 20261, round, n, i;
	const char *part;

	for (round = 0; round < 20000; round++) {
		seed = seed * 1103515245 + 12345;
		n = (unsigned int)sprintf(line, "%s", heads[seed >> 16 & 3]) + 1;
		for (i = 0; i < 20; i++) {
			seed = seed * 1103515245 + 12345;
			part = parts[(seed >> 8) % (sizeof(parts) / sizeof(parts[0]))];
			n += (unsigned int)sprintf(line + n, "%s%c", part, (char)(seed >> 24));
			n += seed >> 20 & 1;
		}
		source.length = n;
		snprintf(cgroup, sizeof(cgroup), "0::/%.400s/%.400s", line + 20, line + 60);
		cgroup_parse(cgroup, &source.cgroups);
		identity_find(&source, &id);
		ck_assert_uint_ge(strlen(id.name), 1);
		ck_assert_uint_eq(clean_text(id.name, strlen(id.name), again, sizeof(again)),
				  strlen(id.name));
		ck_assert_str_eq(again, id.name);
		clean_text(id.cgroup, strlen(id.cgroup), again, sizeof(again));
		ck_assert_str_eq(again, id.cgroup);
		clean_text(id.namespace, strlen(id.namespace), again, sizeof(again));
		ck_assert_str_eq(again, id.namespace);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("collector_identity");
	TCase *core = tcase_create("Core");
	TCase *limits = tcase_create("Limits");
	TCase *errors = tcase_create("Errors");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(core, core_rules, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(limits, limits_cut_cmdline);
	tcase_add_test(limits, limits_long_name);
	tcase_add_test(errors, errors_any_bytes);
	suite_add_tcase(suite, core);
	suite_add_tcase(suite, limits);
	suite_add_tcase(suite, errors);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
