// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * options.c - rondo-vmm's command line
 *
 * Strict: a number with anything behind it, an unknown word or a value out of its range is an
 * error with a sentence, never a default.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_S      UINT64_C(1000000000)
#define SECONDS_MAX   86400.0
#define DEFAULT_COUNT 4999
#define MEM_BARE      16 /* MiB */
#define MEM_LINUX     256

static const char *const op_names[GUEST_OP_NR] = {
	[GUEST_OP_PIO] = "pio",
	[GUEST_OP_MMIO] = "mmio",
	[GUEST_OP_HLT] = "hlt",
	[GUEST_OP_SPIN] = "spin",
	[GUEST_OP_CPUID] = "cpuid",
	[GUEST_OP_MSR] = "msr",
	[GUEST_OP_HYPERCALL] = "hypercall",
};

const char *guest_op_name(unsigned int op)
{
	return op < GUEST_OP_NR ? op_names[op] : "?";
}

struct parser {
	struct vmm_options *options;
	uint64_t count;
	const char *given[3]; /* the last option of each kind (enum in struct option_entry) */
	char *error;
	size_t error_size;
};

__attribute__((format(printf, 2, 3))) static int bad(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, p->error_size, format, args);
	va_end(args);
	return -1;
}

/* A whole decimal number, digits only (strtoull alone takes signs and blanks). */
static bool parse_u64(const char *text, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !errno && !*end;
}

static int number(struct parser *p, const char *option, const char *text, uint64_t low,
		  uint64_t high, uint64_t *value)
{
	if (!parse_u64(text, value) || *value < low || *value > high)
		return bad(p, "--%s %s: a number from %llu to %llu", option, text,
			   (unsigned long long)low, (unsigned long long)high);
	return 0;
}

/* Decimal seconds, such as 2 or 0.25. */
static int seconds(struct parser *p, const char *option, const char *text, uint64_t *ns)
{
	double value = 0;
	char *end = (char *)text;

	if (text[strspn(text, "0123456789.")] == '\0')
		value = strtod(text, &end);
	if (end == text || *end || value > SECONDS_MAX)
		return bad(p, "--%s %s: seconds, from 0 to %.0f", option, text, SECONDS_MAX);
	*ns = (uint64_t)(value * (double)NS_PER_S + 0.5);
	return 0;
}

static int opt_guest(struct parser *p, const char *text)
{
	if (strlen(text) >= sizeof(p->options->guest))
		return bad(p, "--guest: longer than %zu bytes", sizeof(p->options->guest) - 1);
	strcpy(p->options->guest, text);
	return 0;
}

static int opt_count(struct parser *p, const char *text)
{
	return number(p, "count", text, 1, VMM_COUNT_MAX, &p->count);
}

static int opt_duration(struct parser *p, const char *text)
{
	return seconds(p, "duration", text, &p->options->duration_ns);
}

static int opt_linger(struct parser *p, const char *text)
{
	return seconds(p, "linger", text, &p->options->linger_ns);
}

static int opt_halt_us(struct parser *p, const char *text)
{
	uint64_t us = 0;

	if (number(p, "halt-us", text, 0, 10000000, &us))
		return -1;
	p->options->halt_ns = us * 1000;
	return 0;
}

static int opt_cpus(struct parser *p, const char *text)
{
	uint64_t n = 0;

	if (number(p, "cpus", text, 1, VMM_CPUS_MAX, &n))
		return -1;
	p->options->cpus = (unsigned int)n;
	return 0;
}

static int opt_pin(struct parser *p, const char *text)
{
	uint64_t n = 0;

	if (number(p, "pin", text, 0, 1023, &n))
		return -1;
	p->options->pin = (int)n;
	return 0;
}

static int opt_mem(struct parser *p, const char *text)
{
	uint64_t n = 0;

	if (number(p, "mem", text, VMM_MEM_MIN, VMM_MEM_MAX, &n))
		return -1;
	p->options->mem_mib = (unsigned int)n;
	return 0;
}

static int opt_name(struct parser *p, const char *text)
{
	size_t n = strlen(text);

	if (!n || n > VMM_NAME_MAX ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789._-")])
		return bad(p, "--name %s: 1 to %d letters, digits or . _ -", text, VMM_NAME_MAX);
	strcpy(p->options->name, text);
	return 0;
}

static int text_of(struct parser *p, const char *option, const char *text, const char **to)
{
	if (!*text)
		return bad(p, "--%s: empty", option);
	*to = text;
	return 0;
}

static int opt_store(struct parser *p, const char *text)
{
	return text_of(p, "store", text, &p->options->store);
}

static int opt_kernel(struct parser *p, const char *text)
{
	return text_of(p, "kernel", text, &p->options->kernel);
}

static int opt_initrd(struct parser *p, const char *text)
{
	return text_of(p, "initrd", text, &p->options->initrd);
}

static int opt_cmdline(struct parser *p, const char *text)
{
	p->options->cmdline = text;
	return 0;
}

static int opt_disk(struct parser *p, const char *text)
{
	return text_of(p, "disk", text, &p->options->disk);
}

/* A port, or the path of a socket. */
static int opt_api(struct parser *p, const char *text)
{
	uint64_t port = 0;

	p->options->api = text;
	return strchr(text, '/') ? 0 : number(p, "api", text, 0, 65535, &port);
}

static int opt_json(struct parser *p, const char *text)
{
	(void)text;
	p->options->json = true;
	return 0;
}

static int opt_no_sandbox(struct parser *p, const char *text)
{
	(void)text;
	p->options->no_sandbox = true;
	return 0;
}

/* What getopt_long() and the usage are made of. */
static const struct option_entry {
	enum { ANY, BARE, LINUX } guests; /* that it is for */
	const char *name;
	const char *value; /* its name in the usage; NULL: the option takes none */
	int (*set)(struct parser *p, const char *text);
	const char *help;
} entries[] = {
	{ LINUX, "kernel", "BZIMAGE", opt_kernel,
	  "boot this Linux kernel, its console on the terminal" },
	{ LINUX, "initrd", "FILE", opt_initrd, "its initial RAM file system" },
	{ LINUX, "cmdline", "TEXT", opt_cmdline, "put behind `" VMM_CMDLINE "`" },
	{ LINUX, "disk", "FILE", opt_disk, "a raw disk image, /dev/vda in the guest" },
	{ BARE, "guest", "LIST", opt_guest,
	  "without a kernel: what each vCPU does, in order: pio,\n"
	  "mmio, hlt, msr, cpuid, hypercall, spin, each with =N for\n"
	  "its own count, joined by commas (pio)" },
	{ BARE, "count", "N", opt_count, "events where the list has no number (4999)" },
	{ ANY, "duration", "SECONDS", opt_duration,
	  "how long the list takes, an equal share for each part:\n"
	  "events come evenly, with spinning in between; without it\n"
	  "they come as fast as they go, and a spin takes 1 s.\n"
	  "Linux: the VM ends after that time at the latest" },
	{ BARE, "halt-us", "US", opt_halt_us, "how long a vCPU sleeps for each HLT (100)" },
	{ ANY, "cpus", "N", opt_cpus, "vCPUs, each with a thread of its own (1)" },
	{ ANY, "pin", "CPU", opt_pin, "pin all vCPU threads to that CPU" },
	{ ANY, "mem", "MIB", opt_mem, "guest memory (16; Linux: 256)" },
	{ ANY, "name", "NAME", opt_name, "the VM's name, label `instance` (rondo-vmm-PID)" },
	{ ANY, "store", "DIR", opt_store, "record into this store, created if need be" },
	{ ANY, "api", "WHERE", opt_api,
	  "answer HTTP on this loopback port (0: any), or on the\n"
	  "unix socket of this path (with a slash): /metrics" },
	{ ANY, "linger", "SECONDS", opt_linger,
	  "after the report keep the vCPU threads, asleep (0)" },
	{ ANY, "no-sandbox", NULL, opt_no_sandbox, "keep root's rights and all system calls" },
	{ ANY, "json", NULL, opt_json, "the report as one JSON object" },
	{ ANY, "help", NULL, NULL, "this text" },
	{ ANY, "version", NULL, NULL, "the version" },
};

#define N_ENTRIES (sizeof(entries) / sizeof(entries[0]))

/* "pio=4999": one part of the list. */
static int parse_step(struct parser *p, char *word)
{
	struct vmm_options *o = p->options;
	struct vmm_step *step;
	char *value = strchr(word, '=');
	unsigned int op;

	if (value)
		*value++ = '\0';
	for (op = 0; op < GUEST_OP_NR && strcmp(op_names[op], word); op++)
		;
	if (op == GUEST_OP_NR)
		return bad(p, "--guest %s: no such part (--help lists them)", word);
	if (o->n_steps == GUEST_STEPS_MAX)
		return bad(p, "--guest: more than %d parts", GUEST_STEPS_MAX);
	step = &o->steps[o->n_steps++];
	step->op = op;
	step->count = op == GUEST_OP_SPIN ? 1 : p->count;
	if (value && op == GUEST_OP_SPIN)
		return bad(p, "--guest spin=%s: spin takes no number", value);
	return value ? number(p, "guest", value, 1, VMM_COUNT_MAX, &step->count) : 0;
}

/* After all options are known: the list, with --count as the default. */
static int parse_list(struct parser *p)
{
	char list[sizeof(p->options->guest)];
	char *rest = list;
	bool spins = false;
	size_t i;

	strcpy(list, p->options->guest);
	while (rest) {
		char *word = strsep(&rest, ",");

		if (parse_step(p, word))
			return -1;
	}
	for (i = 0; i < p->options->n_steps; i++)
		spins |= p->options->steps[i].op == GUEST_OP_SPIN;
	if (spins && !p->options->duration_ns)
		p->options->duration_ns = NS_PER_S * p->options->n_steps;
	return 0;
}

/* Options that don't go together; what depends on the kind of guest. */
static int settle_guest(struct parser *p)
{
	struct vmm_options *o = p->options;

	if (p->given[LINUX] && !o->kernel)
		return bad(p, "--%s: needs --kernel", p->given[LINUX]);
	if (o->kernel && p->given[BARE])
		return bad(p, "--%s: for bare-metal guests, not with --kernel", p->given[BARE]);
	if (!o->mem_mib)
		o->mem_mib = o->kernel ? MEM_LINUX : MEM_BARE;
	return 0;
}

static void defaults(struct vmm_options *o)
{
	memset(o, 0, sizeof(*o));
	strcpy(o->guest, "pio");
	o->halt_ns = 100 * 1000;
	o->cpus = 1;
	o->cmdline = "";
	o->pin = -1;
	snprintf(o->name, sizeof(o->name), "rondo-vmm-%ld", (long)getpid());
}

enum options_result options_parse(int argc, char **argv, struct vmm_options *options, char *error,
				  size_t error_size)
{
	struct parser p = { options, DEFAULT_COUNT, { NULL }, error, error_size };
	struct option longs[N_ENTRIES + 1] = { { NULL, 0, NULL, 0 } };
	int index, c;
	size_t i;

	defaults(options);
	for (i = 0; i < N_ENTRIES; i++)
		longs[i] = (struct option){ entries[i].name,
					    entries[i].value ? required_argument : no_argument,
					    NULL, 0 };
	optind = 0; /* the GNU way to start anew */
	while ((c = getopt_long(argc, argv, "+:", longs, &index)) != -1) {
		if (c == ':')
			return bad(&p, "%s: needs a value", argv[optind - 1]), OPTIONS_BAD;
		if (c != 0)
			return bad(&p, "%s: no such option (--help lists them)", argv[optind - 1]),
			       OPTIONS_BAD;
		if (!entries[index].set)
			return strcmp(entries[index].name, "help") ? OPTIONS_VERSION : OPTIONS_HELP;
		if (entries[index].set(&p, optarg))
			return OPTIONS_BAD;
		p.given[entries[index].guests] = entries[index].name;
	}
	if (optind < argc)
		return bad(&p, "%s: not an option (--help lists them)", argv[optind]), OPTIONS_BAD;
	if (settle_guest(&p) || (!options->kernel && parse_list(&p)))
		return OPTIONS_BAD;
	return OPTIONS_RUN;
}

void options_usage(FILE *out)
{
	size_t i;

	fprintf(out,
		"rondo-vmm: a small KVM virtual machine monitor that records its vCPUs through librondo\n\n"
		"Usage: rondo-vmm [OPTION]...\n\n");
	for (i = 0; i < N_ENTRIES; i++) {
		const char *line = entries[i].help;
		int column = fprintf(out, "  --%s%s%s", entries[i].name,
				     entries[i].value ? " " : "",
				     entries[i].value ? entries[i].value : "");

		while (*line) {
			size_t n = strcspn(line, "\n");

			fprintf(out, "%*s%.*s\n", column < 22 ? 22 - column : 1, "", (int)n, line);
			line += n + (line[n] == '\n');
			column = 0;
		}
	}
	fputs("\nExit status: 0 the guest came to its end; 1 it or the VMM failed; 2 bad usage;\n"
	      "3 the guest rebooted; 4 its kernel panicked; 5 triple fault; 159 the sandbox refused\n"
	      "a system call; 128+N ended by signal N.\n",
	      out);
}
