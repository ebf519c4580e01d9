// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * serial.c - a 16550A serial port: registers, two queues, an interrupt
 *
 * The line is infinitely fast, so of the modem and line state only what a driver looks at is here.
 */
#include "serial.h"

#include <linux/serial_reg.h>
#include <string.h>
#include <unistd.h>

#define FIFO_SIZE 16 /* what a driver sends at once when the transmitter is empty */

static unsigned int waiting(const struct serial_queue *q)
{
	return q->tail - q->head;
}

static void append(struct serial_queue *q, uint8_t byte)
{
	if (waiting(q) < SERIAL_QUEUE)
		q->bytes[q->tail++ % SERIAL_QUEUE] = byte;
}

/* With less room than a driver sends at once the transmitter is busy. */
static bool can_send(const struct serial *s)
{
	return SERIAL_QUEUE - waiting(&s->sent) >= FIFO_SIZE;
}

static void tell(int fd)
{
	const uint64_t one = 1;

	/* An eventfd is full after 2^64 - 2 unread ones. */
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static uint8_t cause(const struct serial *s)
{
	if (s->ier & UART_IER_RDI && waiting(&s->received))
		return UART_IIR_RDI;
	if (s->ier & UART_IER_THRI && s->thr_empty)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* The interrupt is edge-triggered: it is told when the line goes up. */
static void update_line(struct serial *s)
{
	bool up = cause(s) != UART_IIR_NO_INT;

	if (up && !s->raised)
		tell(s->irq_fd);
	s->raised = up;
}

static void send(struct serial *s, uint8_t byte)
{
	s->thr_empty = false;
	if (s->mcr & UART_MCR_LOOP) {
		append(&s->received, byte);
	} else {
		if (!waiting(&s->sent))
			tell(s->wake_fd);
		append(&s->sent, byte);
	}
	/* The byte is gone at once: the cause comes again, as an edge of its own. */
	update_line(s);
	s->thr_empty = can_send(s);
}

static uint8_t receive(struct serial *s)
{
	uint8_t byte;

	if (!waiting(&s->received))
		return 0;
	byte = s->received.bytes[s->received.head++ % SERIAL_QUEUE];
	if (s->starved) {
		s->starved = false;
		tell(s->wake_fd);
	}
	return byte;
}

static uint8_t read_iir(struct serial *s)
{
	uint8_t now = cause(s);

	if (now == UART_IIR_THRI)
		s->thr_empty = false;
	return now | (s->fifo ? 0xc0 : 0);
}

static uint8_t line_status(const struct serial *s)
{
	return (waiting(&s->received) ? UART_LSR_DR : 0) |
	       (can_send(s) ? UART_LSR_THRE | UART_LSR_TEMT : 0);
}

/* In loopback the modem's outputs are its inputs. */
static uint8_t modem_status(const struct serial *s)
{
	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	return (s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
	       (s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
	       (s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
	       (s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
}

static uint8_t read_register(struct serial *s, uint64_t offset)
{
	bool divisor = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_RX:
		return divisor ? s->dll : receive(s);
	case UART_IER:
		return divisor ? s->dlm : s->ier;
	case UART_IIR:
		return read_iir(s);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		return line_status(s);
	case UART_MSR:
		return modem_status(s);
	default:
		return s->scr;
	}
}

static void write_register(struct serial *s, uint64_t offset, uint8_t value)
{
	bool divisor = s->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (divisor)
			s->dll = value;
		else
			send(s, value);
		break;
	case UART_IER:
		if (divisor) {
			s->dlm = value;
			break;
		}
		if (value & ~s->ier & UART_IER_THRI)
			s->thr_empty = can_send(s);
		s->ier = value & 0x0f;
		break;
	case UART_FCR:
		s->fifo = value & UART_FCR_ENABLE_FIFO;
		if (value & UART_FCR_CLEAR_RCVR)
			s->received.head = s->received.tail;
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		s->mcr = value & 0x1f;
		break;
	case UART_SCR:
		s->scr = value;
		break;
	default: /* LSR, MSR: read-only */
		break;
	}
}

void serial_access(void *device, const struct bus_access *access)
{
	struct serial *s = device;

	if (access->size != 1) {
		if (!access->write)
			memset(access->data, 0xff, access->size);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (access->write)
		write_register(s, access->offset, *access->data);
	else
		*access->data = read_register(s, access->offset);
	update_line(s);
	pthread_mutex_unlock(&s->lock);
}

void serial_init(struct serial *s, int irq_fd, int wake_fd)
{
	memset(s, 0, sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->irq_fd = irq_fd;
	s->wake_fd = wake_fd;
}

void serial_reset(struct serial *s)
{
	pthread_mutex_lock(&s->lock);
	s->ier = s->lcr = s->mcr = s->scr = s->dll = s->dlm = 0;
	s->fifo = s->thr_empty = s->raised = false;
	s->received.head = s->received.tail;
	pthread_mutex_unlock(&s->lock);
}

size_t serial_take(struct serial *s, uint8_t *to, size_t n)
{
	size_t taken = 0;
	bool busy;

	pthread_mutex_lock(&s->lock);
	busy = !can_send(s);
	while (taken < n && waiting(&s->sent))
		to[taken++] = s->sent.bytes[s->sent.head++ % SERIAL_QUEUE];
	if (busy && can_send(s)) {
		s->thr_empty = true;
		update_line(s);
	}
	pthread_mutex_unlock(&s->lock);
	return taken;
}

size_t serial_give(struct serial *s, const uint8_t *from, size_t n)
{
	size_t given = 0;

	pthread_mutex_lock(&s->lock);
	while (given < n && waiting(&s->received) < SERIAL_QUEUE)
		append(&s->received, from[given++]);
	s->starved |= waiting(&s->received) == SERIAL_QUEUE;
	update_line(s);
	pthread_mutex_unlock(&s->lock);
	return given;
}

size_t serial_room(struct serial *s)
{
	size_t room;

	pthread_mutex_lock(&s->lock);
	room = SERIAL_QUEUE - waiting(&s->received);
	s->starved |= !room;
	pthread_mutex_unlock(&s->lock);
	return room;
}
