/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * serial.h - a 16550A serial port: registers, two queues, an interrupt
 *
 * Knows no terminal: what the guest sends waits in `sent` until serial_take(), what it receives is
 * put in by serial_give().  A vCPU never waits for the other side: where the queue is full the
 * transmitter is busy, and the guest waits as it would for a slow line.  All calls lock.
 */
#ifndef RONDO_VMM_SERIAL_H
#define RONDO_VMM_SERIAL_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include "bus.h"

#define SERIAL_QUEUE 4096 /* a power of two */
#define SERIAL_PORTS 8

struct serial_queue {
	uint8_t bytes[SERIAL_QUEUE];
	unsigned int head, tail; /* counted on; tail - head are waiting */
};

struct serial {
	pthread_mutex_t lock;
	int irq_fd;  /* eventfd of the interrupt */
	int wake_fd; /* eventfd: there is something to take, or room to give again */
	uint8_t ier, lcr, mcr, scr, dll, dlm;
	bool fifo;      /* FCR bit 0 */
	bool thr_empty; /* an interrupt cause that reading IIR takes away */
	bool raised;    /* the interrupt line */
	bool starved;   /* serial_give() had more than there was room for */
	struct serial_queue sent, received;
};

void serial_init(struct serial *serial, int irq_fd, int wake_fd);

/* As after power-on; what was sent stays to be taken. */
void serial_reset(struct serial *serial);

/* The guest's side: a bus_handler. */
void serial_access(void *serial, const struct bus_access *access);

/* The outside: takes up to n sent bytes; returns how many. */
size_t serial_take(struct serial *serial, uint8_t *to, size_t n);

/* Gives up to n bytes to receive; returns how many there was room for. */
size_t serial_give(struct serial *serial, const uint8_t *from, size_t n);

/* Room for so many: once it is 0, wake_fd tells when there is some again. */
size_t serial_room(struct serial *serial);

#endif
