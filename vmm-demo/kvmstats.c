// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * kvmstats.c - KVM's own statistics of a vCPU
 *
 * The descriptor is a small file that describes itself: a header, an array of descriptors with
 * names, an array of u64.  It is opened anew for each question: these are asked once, at the end.
 */
#include "kvmstats.h"

#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_SIZE_MAX 256

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

static bool find(int fd, const char *name, uint64_t *value)
{
	struct kvm_stats_header header;
	uint32_t i;

	if (!read_at(fd, &header, sizeof(header), 0) || header.name_size > NAME_SIZE_MAX)
		return false;
	for (i = 0; i < header.num_desc; i++) {
		uint64_t size = sizeof(struct kvm_stats_desc) + header.name_size;
		uint64_t offset = header.desc_offset + i * size;
		struct kvm_stats_desc desc;
		char text[NAME_SIZE_MAX + 1] = "";

		if (!read_at(fd, &desc, sizeof(desc), offset) ||
		    !read_at(fd, text, header.name_size, offset + sizeof(desc)))
			return false;
		if (!strcmp(text, name))
			return desc.size >= 1 &&
			       read_at(fd, value, sizeof(*value), header.data_offset + desc.offset);
	}
	return false;
}

bool kvmstats_read(int vcpu_fd, const char *name, uint64_t *value)
{
	int fd = ioctl(vcpu_fd, KVM_GET_STATS_FD, NULL);
	bool found;

	if (fd < 0)
		return false;
	found = find(fd, name, value);
	close(fd);
	return found;
}
