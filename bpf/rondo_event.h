/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * rondo_event.h - what bpf/ and userspace/ share: slots, records, counters of losses
 *
 * The only header that both sides include. Fixed-width types, explicit padding; both compilers
 * check the sizes. Times are nanoseconds of CLOCK_MONOTONIC unless they say otherwise. Names of
 * reasons and their meaning are userspace's.
 */
#ifndef RONDO_EVENT_H
#define RONDO_EVENT_H

#include <linux/types.h>

/*
 * Where a vCPU thread's time goes. The first four are also the modes in which it can be while it
 * is on a CPU. RUN stands for GUEST and KERNEL together where kvm_entry and kvm_exit never fire.
 */
enum rbpf_part {
	RBPF_GUEST,
	RBPF_KERNEL, /* exit handling in the kernel */
	RBPF_USER,   /* in the VMM */
	RBPF_RUN,
	RBPF_HALTED,  /* asleep in HLT, halt polling included */
	RBPF_BLOCKED, /* asleep for another reason */
	RBPF_STEAL,   /* runnable, not running */
	RBPF_PART_NR,
};

#define RBPF_PARTS 8 /* a power of two, so that an index can be masked */

/* On a CPU, or why not. */
enum rbpf_off {
	RBPF_ON,
	RBPF_PREEMPTED,
	RBPF_B_HALT,
	RBPF_B_OTHER,
	RBPF_OFF_NR,
};

/* Totals since the slot was taken; they only grow, but for rounding between clocks. */
struct rbpf_totals {
	__u64 part[RBPF_PARTS];
	__u64 exits;
	__u64 user_exits;
	__u64 reentries;     /* kvm_entry without a kvm_exit before it */
	__u64 late_exits;    /* switched out after the guest was left, before kvm_exit was traced */
	__u64 unmatched;     /* kvm_exit without a kvm_entry */
	__u64 missed_switch; /* switches that we were not told of */
	__u64 preemptions;
	__u64 migrations;
};

/*
 * Reasons of hardware exits are folded into one byte. SVM: codes below 0xc0 as they are, 0x400 to
 * 0x40f from 0xc0 on, -1 is 0xfe; VMX: as they are below 0xc0; arm64: traps by exception class,
 * other return codes from 0x40 on; what doesn't fit is 0xff.
 */
#define RBPF_EXITS      256
#define RBPF_SVM_HIGH   0x400
#define RBPF_SVM_FOLD   0xc0
#define RBPF_EXIT_INVAL 0xfe
#define RBPF_EXIT_OTHER 0xff
#define RBPF_ARM_FOLD   0x40

/* Userspace exits: KVM_EXIT_* as they are, then what stands for none of them. */
#define RBPF_USER_EXITS 64
#define RBPF_USER_OTHER 61 /* a KVM_EXIT_* from here on */
#define RBPF_USER_INTR  62 /* KVM_RUN returned -EINTR */
#define RBPF_USER_ERROR 63 /* KVM_RUN returned another error */

enum rbpf_isa {
	RBPF_ISA_NONE,
	RBPF_ISA_VMX, /* KVM's own number */
	RBPF_ISA_SVM, /* KVM's own number */
	RBPF_ISA_ARM,
	RBPF_ISA_NR,
};

enum rbpf_slot_state {
	RBPF_FREE, /* zeroed, in the free list or about to be */
	RBPF_LIVE,
	RBPF_DEAD, /* nothing will change any more */
};

/*
 * One vCPU thread. Written by BPF alone while it is LIVE (by the thread itself, or by the CPU that
 * switches to it, never by two at a time; seq is odd meanwhile), by userspace alone otherwise.
 */
struct rbpf_slot {
	__u32 state; /* enum rbpf_slot_state */
	__u32 gen;   /* how often userspace has freed this slot */
	__u64 seq;
	__u32 tid, tgid;
	__s32 vcpu_id; /* -1: not known yet */
	__u32 isa;
	__u64 start; /* of the process, ns since boot: /proc/PID/stat's field 22, finer */
	__u64 born;
	__u64 task, kvm, vcpu; /* addresses: to be compared, or read with care */

	__u32 mode;    /* enum rbpf_part, one of the first four */
	__u32 off;     /* enum rbpf_off */
	__u32 why;     /* pending: the off that it came from */
	__u32 pending; /* back on a CPU, its wait not accounted yet */
	__u32 late;    /* kvm_exit of a guest that was left already is still to come */
	__u32 cpu;
	__u32 last_user; /* last userspace exit's reason */
	__u32 pad;
	__u64 t0;     /* until when time is accounted */
	__u64 off_ns; /* pending: how long it was off */
	__u64 delay;  /* sched_info.run_delay as far as it is in the totals */
	__u64 clock;  /* CLOCK_MONOTONIC - sched_clock at clock_at; 0: not known */
	__u64 clock_at;
	__u64 polled; /* KVM's own total of halt polling as far as it is in the totals */
	__u64 tick_end;

	struct rbpf_totals totals;
	__u64 exit[RBPF_EXITS];
	__u64 user_exit[RBPF_USER_EXITS];
};

enum rbpf_kind {
	RBPF_BIRTH = 1, /* struct rbpf_birth */
	RBPF_TICK,      /* struct rbpf_record, from the vCPU's own first event after a tick */
	RBPF_FLUSH,     /* struct rbpf_record, from the flush; the open interval is an estimate */
	RBPF_DEATH,     /* struct rbpf_record, the slot is DEAD */
	RBPF_KIND_NR,
};

struct rbpf_head {
	__u32 kind; /* enum rbpf_kind */
	__u32 slot;
	__u32 gen;
	__u32 pad;
	__u64 now;
};

struct rbpf_record {
	struct rbpf_head head;
	struct rbpf_totals totals;
};

#define RBPF_CMDLINE 1024

/* Who it is, read in the vCPU's own context. cgroup 0, cmdline_len 0: not known. */
struct rbpf_birth {
	struct rbpf_head head;
	__u64 start;
	__u64 cgroup; /* id in the v2 hierarchy */
	__u32 tid, tgid;
	__u32 cmdline_len;
	__u32 pad;
	char comm[16];
	char cmdline[RBPF_CMDLINE];
};

/* What got lost, and how often. */
enum rbpf_lost {
	RBPF_LOST_RING_FULL,     /* records that found no room: the slots still know */
	RBPF_LOST_SLOTS_FULL,    /* events of vCPUs for which there is no slot */
	RBPF_LOST_STORAGE,       /* events whose thread's slot could not be looked up or kept */
	RBPF_LOST_NESTED,        /* switches in the middle of an update of the same slot */
	RBPF_LOST_MISSED_SWITCH, /* switches that we were not told of */
	RBPF_LOST_UNMATCHED,     /* kvm_exit without a kvm_entry */
	RBPF_LOST_NR,
};

/* What the running kernel's types can give: bits of struct rbpf_caps.types. */
enum rbpf_type {
	RBPF_TYPE_BLOCKING, /* kvm_vcpu_stat_generic.blocking */
	RBPF_TYPE_POLLING,  /* kvm_vcpu_stat_generic.halt_poll_*_ns */
	RBPF_TYPE_SVM,      /* vcpu_svm */
	RBPF_TYPE_VMX,      /* vcpu_vmx, in one of its shapes */
	RBPF_TYPE_NR,
};

/* The probe's findings about its own VM. */
enum rbpf_event {
	RBPF_EVENT_ENTRY,
	RBPF_EVENT_EXIT,
	RBPF_EVENT_FPU,
	RBPF_EVENT_USER_EXIT,
	RBPF_EVENT_SWITCH,
	RBPF_EVENT_NR,
};

#define RBPF_CHECK_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has no padding")

RBPF_CHECK_SIZE(struct rbpf_totals, 128);
RBPF_CHECK_SIZE(struct rbpf_head, 24);
RBPF_CHECK_SIZE(struct rbpf_record, 152);
RBPF_CHECK_SIZE(struct rbpf_birth, 24 + 32 + 16 + RBPF_CMDLINE);
RBPF_CHECK_SIZE(struct rbpf_slot, 32 + 40 + 32 + 56 + 128 + 8 * (RBPF_EXITS + RBPF_USER_EXITS));

#endif /* RONDO_EVENT_H */
