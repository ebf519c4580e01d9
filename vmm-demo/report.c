// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * report.c - the final account of a VM, as a table or as JSON
 */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define MS(ns) ((double)(ns) / 1e6)

static void text_exits(const struct report_vcpu *v, FILE *out)
{
	char buffer[EXIT_NAME_MAX];
	const char *separator = "";
	unsigned int slot;

	for (slot = 0; slot < EXIT_SLOTS; slot++) {
		if (!v->exits[slot])
			continue;
		fprintf(out, "%s%s %" PRIu64, separator, exit_name(slot, buffer), v->exits[slot]);
		separator = ", ";
	}
	fputc('\n', out);
}

/* Milliseconds, or a dash where there is no figure. */
static void text_ms(bool known, uint64_t ns, FILE *out)
{
	if (known)
		fprintf(out, "  %12.3f", MS(ns));
	else
		fprintf(out, "  %12s", "-");
}

void report_text(const struct report *r, FILE *out)
{
	unsigned int i;

	fprintf(out, "VM %s: guest %s, %u vCPU%s, %.3f s, %s%s\n\n", r->name, r->guest, r->n_vcpus,
		r->n_vcpus == 1 ? "" : "s", (double)r->wall_ns / 1e9, r->status,
		r->recorded ? ", recorded" : "");
	fprintf(out, "%4s  %12s  %12s  %12s  %12s  %12s  %s\n", "vCPU", "steal ms", "guest saw ms",
		"KVM_RUN ms", "between ms", "halted ms", "exits to the VMM");
	for (i = 0; i < r->n_vcpus; i++) {
		const struct report_vcpu *v = &r->vcpus[i];

		fprintf(out, "%4u", v->vcpu);
		text_ms(v->steal_end_ns.known, v->steal_end_ns.value - v->steal_baseline_ns, out);
		text_ms(v->guest_steal_ns.known,
			v->guest_steal_ns.value - v->guest_steal_first_ns.value, out);
		text_ms(true, v->run_ns, out);
		text_ms(true, v->exit_ns, out);
		text_ms(true, v->halted_ns, out);
		fputs("  ", out);
		text_exits(v, out);
	}
	for (i = 0; i < r->n_vcpus; i++)
		if (*r->vcpus[i].failure)
			fprintf(out, "\nvCPU %u: %s\n", r->vcpus[i].vcpu, r->vcpus[i].failure);
}

/* A JSON string; our own texts are ASCII, but a failure may quote anything. */
static void json_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void json_u64(const char *key, uint64_t value, FILE *out)
{
	fprintf(out, ",\"%s\":%" PRIu64, key, value);
}

static void json_figure(const char *key, struct report_figure figure, FILE *out)
{
	if (figure.known)
		json_u64(key, figure.value, out);
}

static void json_vcpu(const struct report_vcpu *v, FILE *out)
{
	char buffer[EXIT_NAME_MAX];
	const char *separator = "";
	unsigned int slot;

	fprintf(out, "{\"vcpu\":%u,\"tid\":%ld,\"exits\":{", v->vcpu, v->tid);
	for (slot = 0; slot < EXIT_SLOTS; slot++) {
		if (!v->exits[slot])
			continue;
		fprintf(out, "%s\"%s\":%" PRIu64, separator, exit_name(slot, buffer),
			v->exits[slot]);
		separator = ",";
	}
	fputc('}', out);
	json_u64("kvm_run_ns", v->run_ns, out);
	json_u64("exit_ns", v->exit_ns, out);
	json_u64("halted_ns", v->halted_ns, out);
	json_u64("steal_baseline_ns", v->steal_baseline_ns, out);
	json_u64("steal_baseline_after_ns", v->steal_baseline_after_ns, out);
	fprintf(out, ",\"baseline_exact\":%s",
		v->steal_baseline_ns == v->steal_baseline_after_ns ? "true" : "false");
	json_figure("steal_end_ns", v->steal_end_ns, out);
	json_u64("cpu_baseline_ns", v->cpu_baseline_ns, out);
	json_figure("cpu_end_ns", v->cpu_end_ns, out);
	json_figure("guest_steal_first_ns", v->guest_steal_first_ns, out);
	json_figure("guest_steal_ns", v->guest_steal_ns, out);
	json_figure("kvm_exits", v->kvm_exits, out);
	if (*v->failure) {
		fputs(",\"failure\":", out);
		json_string(v->failure, out);
	}
	fputc('}', out);
}

void report_json(const struct report *r, FILE *out)
{
	unsigned int i;

	fputs("{\"name\":", out);
	json_string(r->name, out);
	fprintf(out, ",\"pid\":%ld,\"guest\":", r->pid);
	json_string(r->guest, out);
	fputs(",\"status\":", out);
	json_string(r->status, out);
	fprintf(out, ",\"recorded\":%s", r->recorded ? "true" : "false");
	json_u64("wall_ns", r->wall_ns, out);
	fputs(",\"vcpus\":[", out);
	for (i = 0; i < r->n_vcpus; i++) {
		if (i)
			fputc(',', out);
		json_vcpu(&r->vcpus[i], out);
	}
	fputs("]}\n", out);
}
