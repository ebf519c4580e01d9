// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * events.c - --events
 *
 * Every 10 ms the ring is emptied and the lines are written. Where the reader of the lines is slower than the
 * vCPUs the ring fills, and what is lost is counted and told on standard error, in JSON among the lines, too.
 */
#include "events.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "capabilities.h"
#include "clock.h"
#include "event_text.h"
#include "events.skel.h"
#include "filter.h"
#include "log.h"
#include "naming.h"
#include "proc.h"
#include "reasons.h"
#include "rondo_stream.h"

#define DRAIN_MS  10
#define NAMES_MAX 1024 /* processes whose names are kept */

static const char *const kind_names[RBPF_STREAM_NR] = {
	[RBPF_STREAM_EXIT] = "exit",
	[RBPF_STREAM_USER] = "userspace",
	[RBPF_STREAM_STEAL] = "steal",
};

struct named {
	uint32_t tgid;
	bool wanted;
	uint64_t start;
	char name[INSTANCE_MAX + 1];
};

struct events {
	const struct event_options *o;
	const struct settings *settings;
	struct events_bpf *skel;
	struct ring_buffer *ring;
	uint64_t offset; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t lost;   /* as far as it was told */
	bool json;
	size_t n_names, next_name;
	struct named names[NAMES_MAX];
};

int events_parse_kinds(const char *text, uint32_t *kinds)
{
	size_t length, i;

	*kinds = 0;
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		for (i = 0; i < RBPF_STREAM_NR; i++)
			if (strlen(kind_names[i]) == length && !memcmp(kind_names[i], text, length))
				break;
		if (i == RBPF_STREAM_NR)
			return -1;
		*kinds |= 1u << i;
		if (!text[length])
			return 0;
	}
}

/* The process' VM, all of them if it has several; it is met here if it was not yet. birth: or NULL. */
static const struct named *name_of(struct events *e, uint32_t tgid, uint64_t start,
				   const struct rbpf_birth *birth)
{
	struct identity identity;
	struct named *n;
	size_t i;

	for (i = 0; i < e->n_names; i++)
		if (e->names[i].tgid == tgid && e->names[i].start == start)
			return &e->names[i];
	if (e->n_names < NAMES_MAX) {
		n = &e->names[e->n_names++];
	} else {
		n = &e->names[e->next_name];
		e->next_name = (e->next_name + 1) % NAMES_MAX;
	}
	naming_find(tgid, start, birth, &identity);
	n->tgid = tgid;
	n->start = start;
	memcpy(n->name, identity.name, sizeof(n->name));
	n->wanted = filter_takes(e->settings->filter, n->name);
	/* The kernel side need not tell of it any more. */
	if (!n->wanted)
		bpf_map_update_elem(bpf_map__fd(e->skel->maps.left_out), &n->tgid, &n->start,
				    BPF_ANY);
	return n;
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct rbpf_stream_event *event = data;
	const struct rbpf_birth *birth = data;
	struct events *e = ctx;
	const struct named *named;
	struct event_line line;
	char buffer[REASON_MAX];

	if (size >= sizeof(*birth)) {
		name_of(e, birth->tgid, birth->start, birth);
		return 0;
	}
	if (size < sizeof(*event) || event->kind >= RBPF_STREAM_NR)
		return 0;
	named = name_of(e, event->tgid, event->start, NULL);
	if (!named->wanted)
		return 0;
	line = (struct event_line){
		.wall_ns = event->end + e->offset,
		.vm = named->name,
		.vcpu = event->vcpu_id,
		.event = kind_names[event->kind],
		.ns = event->ns,
		.off_ns = event->off_ns,
		.cpu = event->cpu,
	};
	if (event->kind == RBPF_STREAM_EXIT)
		line.reason = reason_exit(event->isa, event->reason, buffer);
	else if (event->kind == RBPF_STREAM_USER)
		line.reason = reason_user_exit(event->reason, buffer);
	if (*e->o->reasons && !filter_takes(e->o->reasons, line.reason ? line.reason : ""))
		return 0;
	if (e->json)
		event_json(stdout, &line);
	else
		event_text(stdout, &line);
	return 0;
}

static enum status open_events(struct events *e, const struct capabilities *c)
{
	struct events_bpf *s = events_bpf__open();
	int err;

	e->skel = s;
	if (!s) {
		log_line("the BPF object can't be opened: %s", strerror(errno));
		return STATUS_FAILED;
	}
	s->rodata->min_ns = e->o->min_ns;
	s->rodata->kinds = e->o->kinds;
	s->rodata->only_vcpu = e->o->vcpu;
	bpf_program__set_autoload(s->progs.stream_entry, c->entry_exit);
	bpf_program__set_autoload(s->progs.stream_exit, c->entry_exit);
	bpf_program__set_autoload(s->progs.stream_fpu, c->tracepoints[RBPF_EVENT_FPU]);
	err = events_bpf__load(s);
	if (!err)
		err = events_bpf__attach(s);
	if (err) {
		log_line("the BPF programs can't be loaded: %s", strerror(-err));
		return err == -EPERM || err == -EACCES ? STATUS_RIGHTS : STATUS_KERNEL;
	}
	e->ring = ring_buffer__new(bpf_map__fd(s->maps.stream), on_event, e, NULL);
	if (!e->ring) {
		log_line("the ring can't be opened: %s", strerror(errno));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

static void tell_lost(struct events *e)
{
	uint64_t lost = __atomic_load_n(&e->skel->bss->dropped, __ATOMIC_RELAXED);

	if (lost == e->lost)
		return;
	if (e->json)
		printf("{\"ts_ns\":%" PRIu64 ",\"event\":\"lost\",\"count\":%" PRIu64 "}\n",
		       clock_ns(CLOCK_REALTIME), lost - e->lost);
	log_line("%" PRIu64 " events lost: they came faster than they were read", lost - e->lost);
	e->lost = lost;
}

/* False: nobody reads any more. */
static bool drain(struct events *e)
{
	e->offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	ring_buffer__consume(e->ring);
	tell_lost(e);
	return !fflush(stdout) && !ferror(stdout);
}

static int signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static enum status stream(struct events *e)
{
	struct pollfd pollfd = { .fd = signals(), .events = POLLIN };
	bool read = true;

	if (pollfd.fd < 0) {
		log_line("signals: %s", strerror(errno));
		return STATUS_FAILED;
	}
	log_line("streaming events");
	while (read && poll(&pollfd, 1, DRAIN_MS) <= 0)
		read = drain(e);
	if (read)
		read = drain(e);
	close(pollfd.fd);
	return read || errno == EPIPE ? STATUS_OK : STATUS_FAILED;
}

enum status events_run(const struct options *options)
{
	static struct capabilities c;
	struct events *e = calloc(1, sizeof(*e));
	enum status status;

	if (!e) {
		log_line("no memory");
		return STATUS_FAILED;
	}
	e->o = &options->events;
	e->settings = &options->settings;
	e->json = options->json;
	proc_set_root(options->settings.proc);
	capabilities_find(&c);
	status = c.status;
	if (status != STATUS_OK)
		log_line("%s", c.why);
	else
		status = open_events(e, &c);
	if (status == STATUS_OK)
		status = stream(e);
	ring_buffer__free(e->ring);
	events_bpf__destroy(e->skel);
	free(e);
	return status;
}
