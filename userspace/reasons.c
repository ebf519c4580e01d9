// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * reasons.c - names of exits
 *
 * The names are those of the kernel's tracepoints, which perf shows as well. How codes are folded
 * into the tables' indices is rondo_event.h's.
 */
#include "reasons.h"

#include <stdio.h>

#include "rondo_event.h"

/* AMD: the exit codes of its manual's volume 2, appendix C. */
static const char *const svm[RBPF_EXITS] = {
	[0x00] = "read_cr0",
	[0x02] = "read_cr2",
	[0x03] = "read_cr3",
	[0x04] = "read_cr4",
	[0x08] = "read_cr8",
	[0x10] = "write_cr0",
	[0x12] = "write_cr2",
	[0x13] = "write_cr3",
	[0x14] = "write_cr4",
	[0x18] = "write_cr8",
	[0x20] = "read_dr0",
	[0x21] = "read_dr1",
	[0x22] = "read_dr2",
	[0x23] = "read_dr3",
	[0x24] = "read_dr4",
	[0x25] = "read_dr5",
	[0x26] = "read_dr6",
	[0x27] = "read_dr7",
	[0x30] = "write_dr0",
	[0x31] = "write_dr1",
	[0x32] = "write_dr2",
	[0x33] = "write_dr3",
	[0x34] = "write_dr4",
	[0x35] = "write_dr5",
	[0x36] = "write_dr6",
	[0x37] = "write_dr7",
	[0x40] = "de_excp",
	[0x41] = "db_excp",
	[0x43] = "bp_excp",
	[0x44] = "of_excp",
	[0x45] = "br_excp",
	[0x46] = "ud_excp",
	[0x47] = "nm_excp",
	[0x48] = "df_excp",
	[0x4a] = "ts_excp",
	[0x4b] = "np_excp",
	[0x4c] = "ss_excp",
	[0x4d] = "gp_excp",
	[0x4e] = "pf_excp",
	[0x50] = "mf_excp",
	[0x51] = "ac_excp",
	[0x52] = "mc_excp",
	[0x53] = "xf_excp",
	[0x60] = "interrupt",
	[0x61] = "nmi",
	[0x62] = "smi",
	[0x63] = "init",
	[0x64] = "vintr",
	[0x65] = "cr0_sel_write",
	[0x66] = "read_idtr",
	[0x67] = "read_gdtr",
	[0x68] = "read_ldtr",
	[0x69] = "read_rt",
	[0x6a] = "write_idtr",
	[0x6b] = "write_gdtr",
	[0x6c] = "write_ldtr",
	[0x6d] = "write_rt",
	[0x6e] = "rdtsc",
	[0x6f] = "rdpmc",
	[0x70] = "pushf",
	[0x71] = "popf",
	[0x72] = "cpuid",
	[0x73] = "rsm",
	[0x74] = "iret",
	[0x75] = "swint",
	[0x76] = "invd",
	[0x77] = "pause",
	[0x78] = "hlt",
	[0x79] = "invlpg",
	[0x7a] = "invlpga",
	[0x7b] = "io",
	[0x7c] = "msr",
	[0x7d] = "task_switch",
	[0x7e] = "ferr_freeze",
	[0x7f] = "shutdown",
	[0x80] = "vmrun",
	[0x81] = "hypercall",
	[0x82] = "vmload",
	[0x83] = "vmsave",
	[0x84] = "stgi",
	[0x85] = "clgi",
	[0x86] = "skinit",
	[0x87] = "rdtscp",
	[0x88] = "icebp",
	[0x89] = "wbinvd",
	[0x8a] = "monitor",
	[0x8b] = "mwait",
	[0x8c] = "mwait_conditional",
	[0x8d] = "xsetbv",
	[0x8e] = "rdpru",
	[0x8f] = "write_efer_trap",
	[0x90] = "write_cr0_trap",
	[0x94] = "write_cr4_trap",
	[0x98] = "write_cr8_trap",
	[0xa2] = "invpcid",
	[0xa5] = "buslock",
	[0xa6] = "idle-halt",
	[RBPF_SVM_FOLD + 0] = "npf",
	[RBPF_SVM_FOLD + 1] = "avic_incomplete_ipi",
	[RBPF_SVM_FOLD + 2] = "avic_unaccelerated_access",
	[RBPF_SVM_FOLD + 3] = "vmgexit",
	[RBPF_EXIT_INVAL] = "invalid_guest_state",
	[RBPF_EXIT_OTHER] = "other",
};

/* Intel: the basic exit reasons of its manual's volume 3, appendix C. */
static const char *const vmx[RBPF_EXITS] = {
	[0] = "exception_nmi",
	[1] = "external_interrupt",
	[2] = "triple_fault",
	[3] = "init_signal",
	[4] = "sipi_signal",
	[7] = "interrupt_window",
	[8] = "nmi_window",
	[9] = "task_switch",
	[10] = "cpuid",
	[12] = "hlt",
	[13] = "invd",
	[14] = "invlpg",
	[15] = "rdpmc",
	[16] = "rdtsc",
	[18] = "vmcall",
	[19] = "vmclear",
	[20] = "vmlaunch",
	[21] = "vmptrld",
	[22] = "vmptrst",
	[23] = "vmread",
	[24] = "vmresume",
	[25] = "vmwrite",
	[26] = "vmoff",
	[27] = "vmon",
	[28] = "cr_access",
	[29] = "dr_access",
	[30] = "io_instruction",
	[31] = "msr_read",
	[32] = "msr_write",
	[33] = "invalid_state",
	[34] = "msr_load_fail",
	[36] = "mwait_instruction",
	[37] = "monitor_trap_flag",
	[39] = "monitor_instruction",
	[40] = "pause_instruction",
	[41] = "mce_during_vmentry",
	[43] = "tpr_below_threshold",
	[44] = "apic_access",
	[45] = "eoi_induced",
	[46] = "gdtr_idtr",
	[47] = "ldtr_tr",
	[48] = "ept_violation",
	[49] = "ept_misconfig",
	[50] = "invept",
	[51] = "rdtscp",
	[52] = "preemption_timer",
	[53] = "invvpid",
	[54] = "wbinvd",
	[55] = "xsetbv",
	[56] = "apic_write",
	[57] = "rdrand",
	[58] = "invpcid",
	[59] = "vmfunc",
	[60] = "encls",
	[61] = "rdseed",
	[62] = "pml_full",
	[63] = "xsaves",
	[64] = "xrstors",
	[67] = "umwait",
	[68] = "tpause",
	[74] = "bus_lock",
	[75] = "notify",
	[76] = "seamcall",
	[77] = "tdcall",
	[84] = "msr_read_imm",
	[85] = "msr_write_imm",
	[RBPF_EXIT_OTHER] = "other",
};

/* arm64: exception classes of ESR_EL2, then KVM's own codes. */
static const char *const arm[RBPF_EXITS] = {
	[0x00] = "unknown",
	[0x01] = "wfx",
	[0x03] = "cp15_32",
	[0x04] = "cp15_64",
	[0x05] = "cp14_mr",
	[0x06] = "cp14_ls",
	[0x07] = "fp_asimd",
	[0x08] = "cp10_id",
	[0x09] = "pac",
	[0x0c] = "cp14_64",
	[0x0e] = "ill",
	[0x11] = "svc32",
	[0x12] = "hvc32",
	[0x13] = "smc32",
	[0x15] = "svc64",
	[0x16] = "hvc64",
	[0x17] = "smc64",
	[0x18] = "sys64",
	[0x19] = "sve",
	[0x1a] = "eret",
	[0x1c] = "fpac",
	[0x1d] = "sme",
	[0x1f] = "imp_def",
	[0x20] = "iabt_low",
	[0x21] = "iabt_cur",
	[0x22] = "pc_align",
	[0x24] = "dabt_low",
	[0x25] = "dabt_cur",
	[0x26] = "sp_align",
	[0x27] = "mops",
	[0x28] = "fp_exc32",
	[0x2c] = "fp_exc64",
	[0x2d] = "gcs",
	[0x2f] = "serror",
	[0x30] = "breakpt_low",
	[0x31] = "breakpt_cur",
	[0x32] = "softstp_low",
	[0x33] = "softstp_cur",
	[0x34] = "watchpt_low",
	[0x35] = "watchpt_cur",
	[0x38] = "bkpt32",
	[0x3a] = "vector32",
	[0x3c] = "brk64",
	[RBPF_ARM_FOLD + 0] = "irq",
	[RBPF_ARM_FOLD + 1] = "el1_serror",
	[RBPF_ARM_FOLD + 3] = "il",
	[RBPF_EXIT_OTHER] = "other",
};

static const char *const *const tables[RBPF_ISA_NR] = {
	[RBPF_ISA_VMX] = vmx,
	[RBPF_ISA_SVM] = svm,
	[RBPF_ISA_ARM] = arm,
};

/* KVM_EXIT_* of linux/kvm.h. */
static const char *const user[RBPF_USER_EXITS] = {
	[0] = "unknown",
	[1] = "exception",
	[2] = "io",
	[3] = "hypercall",
	[4] = "debug",
	[5] = "hlt",
	[6] = "mmio",
	[7] = "irq_window_open",
	[8] = "shutdown",
	[9] = "fail_entry",
	[10] = "intr",
	[11] = "set_tpr",
	[12] = "tpr_access",
	[13] = "s390_sieic",
	[14] = "s390_reset",
	[15] = "dcr",
	[16] = "nmi",
	[17] = "internal_error",
	[18] = "osi",
	[19] = "papr_hcall",
	[20] = "s390_ucontrol",
	[21] = "watchdog",
	[22] = "s390_tsch",
	[23] = "epr",
	[24] = "system_event",
	[25] = "s390_stsi",
	[26] = "ioapic_eoi",
	[27] = "hyperv",
	[28] = "arm_nisv",
	[29] = "x86_rdmsr",
	[30] = "x86_wrmsr",
	[31] = "dirty_ring_full",
	[32] = "ap_reset_hold",
	[33] = "x86_bus_lock",
	[34] = "xen",
	[35] = "riscv_sbi",
	[36] = "riscv_csr",
	[37] = "notify",
	[38] = "loongarch_iocsr",
	[39] = "memory_fault",
	[40] = "tdx",
	[41] = "arm_sea",
	[42] = "arm_ldst64b",
	[43] = "snp_req_certs",
	[RBPF_USER_OTHER] = "other",
	[RBPF_USER_INTR] = "intr",
	[RBPF_USER_ERROR] = "error",
};

static const char *const class_names[CLASS_NR] = {
	[CLASS_OTHER] = "other",
	[CLASS_HALT] = "halt",
	[CLASS_IO] = "io",
	[CLASS_MMIO] = "mmio",
	[CLASS_MSR] = "msr",
	[CLASS_CPUID] = "cpuid",
	[CLASS_INTERRUPT] = "interrupt",
	[CLASS_IRQ_WINDOW] = "irq_window",
	[CLASS_HYPERCALL] = "hypercall",
	[CLASS_PAUSE] = "pause",
	[CLASS_TIMER] = "timer",
	[CLASS_APIC] = "apic",
	[CLASS_EXCEPTION] = "exception",
};

/* Reasons, by their folded codes, that are of another class than "other". */
static const uint8_t svm_classes[RBPF_EXITS] = {
	[0x40 ... 0x5f] = CLASS_EXCEPTION,
	[0x60 ... 0x62] = CLASS_INTERRUPT,
	[0x64] = CLASS_IRQ_WINDOW,
	[0x74] = CLASS_IRQ_WINDOW,
	[0x72] = CLASS_CPUID,
	[0x77] = CLASS_PAUSE,
	[0x78] = CLASS_HALT,
	[0x8b ... 0x8c] = CLASS_HALT,
	[0xa6] = CLASS_HALT,
	[0x7b] = CLASS_IO,
	[0x7c] = CLASS_MSR,
	[0x81] = CLASS_HYPERCALL,
	[RBPF_SVM_FOLD + 0] = CLASS_MMIO,
	[RBPF_SVM_FOLD + 1 ... RBPF_SVM_FOLD + 2] = CLASS_APIC,
	[RBPF_SVM_FOLD + 3] = CLASS_HYPERCALL,
	/* Writes of CR8 are how a guest without AVIC sets its APIC's priority. */
	[0x08] = CLASS_APIC,
	[0x18] = CLASS_APIC,
};

static const uint8_t vmx_classes[RBPF_EXITS] = {
	[0] = CLASS_EXCEPTION,  [1] = CLASS_INTERRUPT,    [7 ... 8] = CLASS_IRQ_WINDOW,
	[10] = CLASS_CPUID,     [12] = CLASS_HALT,        [18] = CLASS_HYPERCALL,
	[30] = CLASS_IO,        [31 ... 32] = CLASS_MSR,  [36] = CLASS_HALT,
	[40] = CLASS_PAUSE,     [43 ... 45] = CLASS_APIC, [48 ... 49] = CLASS_MMIO,
	[52] = CLASS_TIMER,     [56] = CLASS_APIC,        [67 ... 68] = CLASS_HALT,
	[77] = CLASS_HYPERCALL, [84 ... 85] = CLASS_MSR,
};

static const uint8_t arm_classes[RBPF_EXITS] = {
	[0x01] = CLASS_HALT,
	[0x03 ... 0x06] = CLASS_MSR,
	[0x0c] = CLASS_MSR,
	[0x18] = CLASS_MSR,
	[0x12 ... 0x13] = CLASS_HYPERCALL,
	[0x16 ... 0x17] = CLASS_HYPERCALL,
	[0x20] = CLASS_MMIO,
	[0x24] = CLASS_MMIO,
	[0x2f ... 0x3c] = CLASS_EXCEPTION,
	[RBPF_ARM_FOLD + 0] = CLASS_INTERRUPT,
	[RBPF_ARM_FOLD + 1] = CLASS_EXCEPTION,
};

static const uint8_t *const classes[RBPF_ISA_NR] = {
	[RBPF_ISA_VMX] = vmx_classes,
	[RBPF_ISA_SVM] = svm_classes,
	[RBPF_ISA_ARM] = arm_classes,
};

enum exit_class reason_class(uint32_t isa, uint32_t index)
{
	if (isa < RBPF_ISA_NR && classes[isa] && index < RBPF_EXITS)
		return classes[isa][index];
	return CLASS_OTHER;
}

const char *class_name(enum exit_class class)
{
	return class < CLASS_NR ? class_names[class] : class_names[CLASS_OTHER];
}

static const char *unknown(uint32_t code, char buffer[REASON_MAX])
{
	snprintf(buffer, REASON_MAX, "unknown_%u", code);
	return buffer;
}

const char *reason_exit(uint32_t isa, uint32_t index, char buffer[REASON_MAX])
{
	uint32_t code = index;

	if (isa < RBPF_ISA_NR && tables[isa] && index < RBPF_EXITS && tables[isa][index])
		return tables[isa][index];
	if (isa == RBPF_ISA_SVM && index >= RBPF_SVM_FOLD && index < RBPF_SVM_FOLD + 16)
		code = RBPF_SVM_HIGH + index - RBPF_SVM_FOLD;
	return unknown(code, buffer);
}

const char *reason_user_exit(uint32_t index, char buffer[REASON_MAX])
{
	if (index < RBPF_USER_EXITS && user[index])
		return user[index];
	return unknown(index, buffer);
}
