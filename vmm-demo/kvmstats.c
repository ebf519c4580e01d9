// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kvmstats.c - KVM's own statistics of a vCPU
 *
 * The descriptor is a small file that describes itself: a header, an array of descriptors with
 * names, an array of u64.  The descriptors are read once, the data with one read each time.
 */
#include "kvmstats.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_SIZE_MAX 256
#define DATA_MAX      1024

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static const char *unit_of(const struct kvm_stats_desc *desc)
{
	bool decimal = (desc->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW10;

	switch (desc->flags & KVM_STATS_UNIT_MASK) {
	case KVM_STATS_UNIT_SECONDS:
		return decimal && desc->exponent == -9 ? "ns" : "";
	case KVM_STATS_UNIT_BYTES:
		return desc->exponent == 0 ? "bytes" : "";
	default:
		return "";
	}
}

static void add(struct kvmstats *s, const struct kvm_stats_desc *desc, const char *name)
{
	uint32_t type = desc->flags & KVM_STATS_TYPE_MASK;
	size_t index = desc->offset / sizeof(uint64_t);
	struct kvmstat *stat;

	if (type == KVM_STATS_TYPE_LINEAR_HIST || type == KVM_STATS_TYPE_LOG_HIST ||
	    desc->size != 1 || index >= DATA_MAX || s->n == KVMSTATS_MAX ||
	    strlen(name) >= KVMSTATS_NAME_MAX)
		return;
	stat = &s->stats[s->n++];
	strcpy(stat->name, name);
	stat->cumulative = type == KVM_STATS_TYPE_CUMULATIVE;
	stat->unit = unit_of(desc);
	stat->index = index;
	if (s->data_n <= index)
		s->data_n = index + 1;
}

void kvmstats_open(struct kvmstats *s, int vcpu_fd)
{
	struct kvm_stats_header header;
	uint32_t i;

	memset(s, 0, sizeof(*s));
	s->fd = ioctl(vcpu_fd, KVM_GET_STATS_FD, NULL);
	if (s->fd < 0 || !read_at(s->fd, &header, sizeof(header), 0) ||
	    header.name_size > NAME_SIZE_MAX)
		return;
	s->data_offset = header.data_offset;
	for (i = 0; i < header.num_desc; i++) {
		uint64_t size = sizeof(struct kvm_stats_desc) + header.name_size;
		uint64_t offset = header.desc_offset + i * size;
		struct kvm_stats_desc desc;
		char text[NAME_SIZE_MAX + 1] = "";

		if (!read_at(s->fd, &desc, sizeof(desc), offset) ||
		    !read_at(s->fd, text, header.name_size, offset + sizeof(desc)))
			return;
		add(s, &desc, text);
	}
}

void kvmstats_close(struct kvmstats *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->n = 0;
}

bool kvmstats_read_all(const struct kvmstats *s, uint64_t *values)
{
	uint64_t data[DATA_MAX];
	unsigned int i;

	if (s->fd < 0 || !s->n ||
	    !read_at(s->fd, data, s->data_n * sizeof(uint64_t), s->data_offset))
		return false;
	for (i = 0; i < s->n; i++)
		values[i] = data[s->stats[i].index];
	return true;
}

bool kvmstats_read(const struct kvmstats *s, const char *name, uint64_t *value)
{
	uint64_t values[KVMSTATS_MAX];
	unsigned int i;

	if (!kvmstats_read_all(s, values))
		return false;
	for (i = 0; i < s->n; i++) {
		if (!strcmp(s->stats[i].name, name)) {
			*value = values[i];
			return true;
		}
	}
	return false;
}
