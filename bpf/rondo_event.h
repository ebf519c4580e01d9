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

/* Who had the CPU while a vCPU waited for it. */
enum rbpf_by {
	RBPF_BY_SELF, /* another thread of the same process */
	RBPF_BY_TASK, /* another process or a kernel thread: struct rbpf_culprit has each of them */
	RBPF_BY_IDLE, /* nobody: CPU quota, or the way out of idle */
	RBPF_BY_MOVED, /* waited on other CPUs before the one that it came to */
	RBPF_BY_OTHER, /* not known: longer ago than we remember, or no room to remember it in */
	RBPF_BY_NR,
};

#define RBPF_CLASSES 16 /* of exits; what they are is userspace's */

/* A longest one, and when it ended; at 0 there was none. It is of one tick, that of its end. */
struct rbpf_longest {
	__u64 ns, at;
};

/* Totals since the slot was taken; they only grow, but for rounding between clocks. */
struct rbpf_totals {
	__u64 part[RBPF_PARTS];
	__u64 by[RBPF_BY_NR]; /* steal that is over; adds up to it */
	__u64 exits;
	__u64 user_exits;
	__u64 reentries;     /* kvm_entry without a kvm_exit before it */
	__u64 late_exits;    /* switched out after the guest was left, before kvm_exit was traced */
	__u64 unmatched;     /* kvm_exit without a kvm_entry */
	__u64 missed_switch; /* switches that we were not told of */
	__u64 preemptions;
	__u64 migrations;
	__u64 stalls; /* single waits above RBPF_STALL_NS */
	__u64 class_exits[RBPF_CLASSES];
	__u64 class_ns[RBPF_CLASSES];   /* on a CPU, from exit to entry */
	__u64 last_entry;               /* when the guest was last entered, or known to run */
	struct rbpf_longest wait, exit; /* single ones; exits on a CPU alone */
};

#define RBPF_STALL_NS 10000000ull

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

/*
 * The reasons that this host has shown so far are numbered in the order in which they came
 * (dictionary in maps.bpf.h); the last number stands for all that came after it was full.
 */
#define RBPF_REASONS 64

/*
 * Latency histograms: bucket i is for what is above 256 << (i - 1) and not above 256 << i ns, the
 * last for all above; the rest of the array stays 0.
 */
#define RBPF_BUCKETS     32
#define RBPF_BUCKET_LAST 26

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

/* KVM's own counters of a vCPU, as far as this kernel has them (rbpf_type). */
enum rbpf_stat {
	RBPF_STAT_HALT_WAKEUPS,
	RBPF_STAT_HALT_POLLS,
	RBPF_STAT_HALT_POLL_NS,
	RBPF_STAT_INTERRUPTS, /* injected, NMIs too */
	RBPF_STAT_HYPERCALLS,
	RBPF_STAT_PAGE_FAULTS,
	RBPF_STAT_MMIO,
	RBPF_STAT_PIO,
	RBPF_STAT_EXITS,
	RBPF_STAT_NR,
};

#define RBPF_STATS 10

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
	__u32 number;    /* the slot's own */
	__u64 t0;        /* until when time is accounted */
	__u64 off_ns;    /* pending: how long it was off */
	__u64 queued; /* pending: since when it waited on the CPU that it came to, sched_clock; or 0 */
	__u64 delay; /* sched_info.run_delay as far as it is in the totals */
	__u64 clock; /* CLOCK_MONOTONIC - sched_clock at clock_at; 0: not known */
	__u64 clock_at;
	__u64 polled; /* KVM's own total of halt polling as far as it is in the totals */
	__u64 tick_end;
	__u64 on_since;   /* when it came to this CPU, or when that was accounted */
	__u64 exit_ns;    /* on a CPU since the last exit */
	__u32 exit_open;  /* there was one, and no entry since */
	__u32 exit_code;  /* its reason's number */
	__u32 exit_class; /* and class */
	__u32 pad2;

	struct rbpf_totals totals;
	__u64 reason[RBPF_REASONS];    /* exits */
	__u64 reason_ns[RBPF_REASONS]; /* their time on a CPU */
	__u64 user_exit[RBPF_USER_EXITS];
	__u32 latency[RBPF_BUCKETS]; /* of exits; counts may wrap */
	__u32 wakeup[RBPF_BUCKETS];  /* of waits after a sleep */
	__u64 wakeup_ns;             /* those waits together */
	__u64 stat_begin[RBPF_STATS];
	__u64 stat_end[RBPF_STATS]; /* DEAD */
};

/* Exit latencies by reason, of one slot. */
struct rbpf_reason_latency {
	__u32 n[RBPF_REASONS][RBPF_BUCKETS];
};

/* What a VM was robbed of by one process or kernel thread. */
struct rbpf_culprit_key {
	__u64 kvm;
	__u32 tgid; /* the VM's */
	__u32 by;   /* the culprit's tgid */
};

struct rbpf_culprit {
	__u64 ns;
	char comm[16]; /* of the thread that was seen first */
	__u32 kthread;
	__u32 pad;
};

/* Time of a VM's vCPUs on one physical CPU, as far as they have left it. */
struct rbpf_cpu_key {
	__u64 kvm;
	__u32 tgid;
	__u32 cpu;
};

/* A thread of a process that holds a VM, or one that works for it (vhost). As of now. */
struct rbpf_thread {
	__u32 tgid, tid;
	__u32 kthread;
	__u32 pad;
	__u64 cpu_ns, delay_ns;
	char comm[16];
};

enum rbpf_kind {
	RBPF_BIRTH = 1, /* struct rbpf_birth */
	RBPF_TICK,      /* struct rbpf_record, from the vCPU's own first event after a tick */
	RBPF_FLUSH,     /* struct rbpf_record, from the flush; the open interval is an estimate */
	RBPF_STATS_NOW, /* struct rbpf_stat_record, from the flush */
	RBPF_DEATH,     /* struct rbpf_record, the slot is DEAD */
	RBPF_OUTLIER,   /* struct rbpf_outlier, in a ring of its own */
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

struct rbpf_stat_record {
	struct rbpf_head head;
	__u64 stat[RBPF_STATS];
};

enum rbpf_outlier_what {
	RBPF_OUTLIER_WAIT,
	RBPF_OUTLIER_EXIT,
	RBPF_OUTLIER_NR,
};

/* It ended at head.now. */
struct rbpf_outlier {
	struct rbpf_head head;
	__u64 ns;
	__u32 what;
	__u32 reason; /* of an exit: its number */
	__u32 cpu;
	__u32 pad;
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
	RBPF_LOST_RING_FULL,      /* records that found no room: the slots still know */
	RBPF_LOST_SLOTS_FULL,     /* events of vCPUs for which there is no slot */
	RBPF_LOST_STORAGE,        /* events whose thread's slot could not be looked up or kept */
	RBPF_LOST_NESTED,         /* switches in the middle of an update of the same slot */
	RBPF_LOST_MISSED_SWITCH,  /* switches that we were not told of */
	RBPF_LOST_UNMATCHED,      /* kvm_exit without a kvm_entry */
	RBPF_LOST_CPU_TIMES_FULL, /* times on a CPU that found no room in theirs */
	RBPF_LOST_CULPRITS_FULL,  /* waits whose culprit found no room in its map */
	RBPF_LOST_OUTLIERS_FULL,  /* outliers that found no room in their ring */
	RBPF_LOST_NR,
};

/* What the running kernel's types can give: bits of struct rbpf_caps.types. */
enum rbpf_type {
	RBPF_TYPE_BLOCKING, /* kvm_vcpu_stat_generic.blocking */
	RBPF_TYPE_POLLING,  /* kvm_vcpu_stat_generic.halt_poll_*_ns */
	RBPF_TYPE_SVM,      /* vcpu_svm */
	RBPF_TYPE_VMX,      /* vcpu_vmx, in one of its shapes */
	RBPF_TYPE_STAT,     /* from here on: KVM's counters, enum rbpf_stat */
	RBPF_TYPE_NR = RBPF_TYPE_STAT + RBPF_STAT_NR,
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

RBPF_CHECK_SIZE(struct rbpf_totals, 64 + 40 + 72 + 256 + 8 + 32);
RBPF_CHECK_SIZE(struct rbpf_head, 24);
RBPF_CHECK_SIZE(struct rbpf_record, 24 + 472);
RBPF_CHECK_SIZE(struct rbpf_stat_record, 24 + 8 * RBPF_STATS);
RBPF_CHECK_SIZE(struct rbpf_outlier, 48);
RBPF_CHECK_SIZE(struct rbpf_birth, 24 + 32 + 16 + RBPF_CMDLINE);
RBPF_CHECK_SIZE(struct rbpf_culprit_key, 16);
RBPF_CHECK_SIZE(struct rbpf_culprit, 32);
RBPF_CHECK_SIZE(struct rbpf_cpu_key, 16);
RBPF_CHECK_SIZE(struct rbpf_thread, 48);
RBPF_CHECK_SIZE(struct rbpf_slot, 32 + 40 + 32 + 96 + 472 +
					  8 * (2 * RBPF_REASONS + RBPF_USER_EXITS) +
					  8 * RBPF_BUCKETS + 8 + 16 * RBPF_STATS);

#endif /* RONDO_EVENT_H */
