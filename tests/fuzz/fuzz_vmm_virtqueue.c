// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * fuzz_vmm_virtqueue - any bytes as a virtqueue: no buffer that is taken from it lies outside guest
 * memory, and a queue that lies comes to rest
 *
 * The input: the queue's size and the places of its three parts, then guest memory from 0 on.
 */
#include "fuzz.h"
#include "virtqueue.h"

#define MEMORY 8192

static struct vm vm;

static void check_buffers(const struct iovec *v, unsigned int n, uint64_t size)
{
	uint64_t sum = 0;
	unsigned int i;

	must(n <= VIRTQUEUE_SIZE_MAX);
	for (i = 0; i < n; i++) {
		const uint8_t *at = v[i].iov_base;

		must(v[i].iov_len && at >= vm.memory && v[i].iov_len <= MEMORY);
		must(at + v[i].iov_len <= vm.memory + MEMORY);
		sum += v[i].iov_len;
	}
	must(sum == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	static struct virtqueue_chain chain;
	struct virtqueue q = { .vm = &vm };
	unsigned int n = 0;

	if (!vm.memory) {
		vm.memory = malloc(MEMORY);
		vm.memory_size = MEMORY;
		must(vm.memory);
	}
	q.size = (uint32_t)take_number(&in, 2);
	q.descriptors = take_number(&in, 2) * (take_number(&in, 1) & 1 ? UINT64_C(1) << 48 : 1);
	q.available = take_number(&in, 2);
	q.used = take_number(&in, 2);
	take(&in, vm.memory, MEMORY);
	if (!virtqueue_enable(&q)) {
		must(q.broken && *q.error && !virtqueue_take(&q, &chain));
		return 0;
	}
	/* What is given back may be written over the rings: the guest has put them there. */
	while (virtqueue_take(&q, &chain)) {
		check_buffers(chain.readable, chain.n_readable, chain.readable_size);
		check_buffers(chain.writable, chain.n_writable, chain.writable_size);
		must(chain.n_readable + chain.n_writable <= q.size);
		virtqueue_give(&q, chain.head, 1);
		virtqueue_wants_interrupt(&q);
		if (++n > 1000)
			break; /* a used ring in the available ring's place can go on */
	}
	must(!q.broken || *q.error);
	virtqueue_reset(&q);
	must(!virtqueue_take(&q, &chain));
	return 0;
}
