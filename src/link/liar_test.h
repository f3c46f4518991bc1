/*
 * liar_test.h - a Modbus device on loopback that answers as it is told: rightly, wrongly, in pieces, or not at all.
 *
 * One thread serves one port and any number of connections; register n holds n * 3 + 7, so that a reader can tell them apart; odd coils are on.
 * Registers and coils below LIAR_MEMORY hold what was written to them instead.
 */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/modbus/modbus.h"
#include "sys/sys.h"

enum lie { TRUTH, EXCEPTION, SHORT, LONG, GARBAGE, FOREIGN, SILENCE, RESET_IN_MIDDLE, STOP_IN_MIDDLE, BYTE_BY_BYTE, TWO_AT_ONCE, HANG_UP, OTHER_UNIT };
enum { LIAR_CLIENTS = 16, LIAR_MEMORY = 256, LIAR_SEEN = 4096, LIAR_UNITS = 256 };

struct liar {
	atomic_int lie, exception, delay_ms;
	atomic_int dead_unit, absent_unit;      /* never answers; a gateway says so */
	atomic_bool drowsy;                     /* each unit but 1 answers every second question */
	atomic_int forbidden_from, forbidden_to;        /* registers: exception 02 */
	atomic_int unknown_fc, stuck;           /* exception 01 to this function; a register that does not take what is written */
	atomic_int lie_at_fc;                   /* the lie is told to this function alone; 0: to all */
	atomic_int memory[LIAR_MEMORY], coil[LIAR_MEMORY];      /* -1: never written */
	atomic_int seen[LIAR_SEEN];             /* functions as they came */
	atomic_uint accepts, requests, exceptions, to_dead, most_at_once;
	atomic_uint turns[LIAR_UNITS];          /* questions to each unit */
	atomic_bool stop;
	uint16_t port;
	int listener;
	struct thread thread;
	struct { int fd; struct modbus_tcp_splitter splitter; uint8_t held[600]; size_t n_held; unsigned n_waiting; } client[LIAR_CLIENTS];
};

static void liar_send(int fd, const uint8_t *bytes, size_t n, bool byte_by_byte)
{
	for (size_t at = 0; at < n;) {
		ssize_t k = send(fd, bytes + at, byte_by_byte ? 1 : n - at, MSG_NOSIGNAL);

		if (k <= 0)
			return;
		at += (size_t) k;
	}
}

static int liar_register(struct liar *l, unsigned n)
{
	int written = n < LIAR_MEMORY ? atomic_load(&l->memory[n]) : -1;

	return written >= 0 ? written : (uint16_t) (n * 3 + 7);
}

static void liar_keep(struct liar *l, const struct modbus_request *q)
{
	for (unsigned i = 0; i < q->n && q->addr + i < LIAR_MEMORY; i++) {
		unsigned at = q->addr + i;

		if ((int) at == atomic_load(&l->stuck))
			continue;
		if (q->fc == MODBUS_WRITE_REGISTER)
			atomic_store(&l->memory[at], q->value);
		else if (q->fc == MODBUS_WRITE_REGISTERS)
			atomic_store(&l->memory[at], q->data[2 * i] << 8 | q->data[2 * i + 1]);
		else if (q->fc == MODBUS_MASK_WRITE)
			atomic_store(&l->memory[at], (liar_register(l, at) & q->and_mask) | (q->or_mask & ~q->and_mask));
		else if (q->fc == MODBUS_WRITE_COIL)
			atomic_store(&l->coil[at], q->value == MODBUS_COIL_ON);
		else if (q->fc == MODBUS_WRITE_COILS)
			atomic_store(&l->coil[at], modbus_get_bit(q->data, i));
	}
}

static size_t liar_truth(struct liar *l, const struct modbus_tcp *t, uint8_t *out, size_t room)
{
	struct modbus_request q;
	struct modbus_response a = { 0 };
	uint8_t data[256];
	struct pen p = pen_of(out + MODBUS_TCP_HEADER, room - MODBUS_TCP_HEADER), head = pen_of(out, MODBUS_TCP_HEADER);
	int fault = modbus_request_decode(t->pdu, t->len, &q);

	a.fc = q.fc;
	if (q.fc == atomic_load(&l->unknown_fc) || q.fc == MODBUS_ENCAPSULATED)
		fault = MODBUS_ILLEGAL_FUNCTION;
	if (!fault && q.addr < atomic_load(&l->forbidden_to) && q.addr + q.n > atomic_load(&l->forbidden_from))
		fault = MODBUS_ILLEGAL_ADDRESS;
	if (!fault && atomic_load(&l->lie) == EXCEPTION)
		fault = atomic_load(&l->exception);
	if (t->unit == atomic_load(&l->absent_unit))
		fault = MODBUS_GATEWAY_TARGET;
	a.exception = (uint8_t) fault;
	if (fault)
		atomic_fetch_add(&l->exceptions, 1);
	else
		liar_keep(l, &q);
	a.addr = q.addr;
	a.n = q.n;
	a.value = q.value;
	a.and_mask = q.and_mask;
	a.or_mask = q.or_mask;
	a.data = data;
	a.len = (uint16_t) (modbus_is_bits(q.fc) ? modbus_bit_bytes(q.n) : 2u * q.n);
	memset(data, modbus_is_bits(q.fc) && q.addr % 2 ? 0x55 : 0xAA, sizeof(data));
	for (unsigned i = 0; i < q.n && !modbus_is_bits(q.fc); i++)
		modbus_set(data + 2 * i, MODBUS_U16, MODBUS_ABCD, (union modbus_value) { .u = (uint16_t) liar_register(l, q.addr + i) });
	for (unsigned i = 0; i < q.n && modbus_is_bits(q.fc) && q.addr + i < LIAR_MEMORY; i++)
		if (atomic_load(&l->coil[q.addr + i]) >= 0)
			modbus_set_bit(data, i, atomic_load(&l->coil[q.addr + i]));
	if (modbus_response_encode(&a, &p) < 0)
		return 0;
	modbus_tcp_header(&head, t->transaction, t->unit, (size_t) (p.at - out) - MODBUS_TCP_HEADER);
	return (size_t) (p.at - out);
}

static void liar_close(struct liar *l, int i, bool reset)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(l->client[i].fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(l->client[i].fd);
	l->client[i].fd = -1;
	l->client[i].splitter.len = 0;
	l->client[i].n_held = l->client[i].n_waiting = 0;
}

/* One question; the answer as the device feels like giving it. */
static void liar_answer(struct liar *l, int i, const struct modbus_tcp *t)
{
	uint8_t out[300];
	size_t n = liar_truth(l, t, out, sizeof(out));
	int fd = l->client[i].fd, delay = atomic_load(&l->delay_ms);
	unsigned turn = atomic_fetch_add(&l->turns[t->unit], 1);

	atomic_store(&l->seen[atomic_fetch_add(&l->requests, 1) % LIAR_SEEN], t->pdu[0]);
	if (t->unit == atomic_load(&l->dead_unit)) {
		atomic_fetch_add(&l->to_dead, 1);
		return;
	}
	if (atomic_load(&l->drowsy) && t->unit != 1 && turn % 2 == 0)
		return;
	if (delay)
		poll(NULL, 0, delay);
	switch (atomic_load(&l->lie_at_fc) && atomic_load(&l->lie_at_fc) != t->pdu[0] ? TRUTH : (enum lie) atomic_load(&l->lie)) {
	case SILENCE:
		return;
	case SHORT:     /* a whole frame with one register less */
		out[5] = (uint8_t) (out[5] - 2);
		out[8] = (uint8_t) (out[8] - 2);
		n -= 2;
		break;
	case LONG:
		memset(out + n, 0, 2);
		out[5] = (uint8_t) (out[5] + 2);
		out[8] = (uint8_t) (out[8] + 2);
		n += 2;
		break;
	case GARBAGE:
		memcpy(out, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
		n = 28;
		break;
	case FOREIGN:
		out[0] ^= 0x55;
		break;
	case OTHER_UNIT:
		out[6] ^= 0x55;
		break;
	case RESET_IN_MIDDLE:
		liar_send(fd, out, n / 2, false);
		liar_close(l, i, true);
		return;
	case STOP_IN_MIDDLE:
		n /= 2;
		break;
	case HANG_UP:
		liar_close(l, i, false);
		return;
	case TWO_AT_ONCE:
		memcpy(l->client[i].held + l->client[i].n_held, out, n);
		l->client[i].n_held += n;
		if (++l->client[i].n_waiting < 2)
			return;
		liar_send(fd, l->client[i].held, l->client[i].n_held, false);
		l->client[i].n_held = l->client[i].n_waiting = 0;
		return;
	default:
		break;
	}
	liar_send(fd, out, n, atomic_load(&l->lie) == BYTE_BY_BYTE);
}

static void liar_hear(struct liar *l, int i)
{
	uint8_t in[2048];
	ssize_t n = recv(l->client[i].fd, in, sizeof(in), 0);
	struct cur c;
	struct modbus_tcp t;
	unsigned at_once = 0;

	if (n <= 0) {
		liar_close(l, i, false);
		return;
	}
	c = cur_of(in, (size_t) n);
	while (l->client[i].fd >= 0 && modbus_tcp_split(&l->client[i].splitter, &c, &t) == 1) {
		if (++at_once > atomic_load(&l->most_at_once))
			atomic_store(&l->most_at_once, at_once);
		liar_answer(l, i, &t);
	}
}

static void liar_run(void *arg)
{
	struct liar *l = arg;

	while (!atomic_load(&l->stop)) {
		struct pollfd p[LIAR_CLIENTS + 1] = { { .fd = l->listener, .events = POLLIN } };

		for (int i = 0; i < LIAR_CLIENTS; i++)
			p[i + 1] = (struct pollfd) { .fd = l->client[i].fd, .events = POLLIN };
		if (poll(p, LIAR_CLIENTS + 1, 20) <= 0)
			continue;
		if (p[0].revents)
			for (int i = 0, one = 1; i < LIAR_CLIENTS; i++)
				if (l->client[i].fd < 0) {
					l->client[i].fd = accept(l->listener, NULL, NULL);
					setsockopt(l->client[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
					atomic_fetch_add(&l->accepts, 1);
					break;
				}
		for (int i = 0; i < LIAR_CLIENTS; i++)
			if (p[i + 1].revents && l->client[i].fd >= 0)
				liar_hear(l, i);
	}
}

/* port 0: any */
static bool liar_start(struct liar *l, uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int one = 1;

	*l = (struct liar) { .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
	atomic_store(&l->dead_unit, -1);
	atomic_store(&l->absent_unit, -1);
	atomic_store(&l->stuck, -1);
	for (int i = 0; i < LIAR_CLIENTS; i++)
		l->client[i].fd = -1;
	for (int i = 0; i < LIAR_MEMORY; i++) {
		atomic_store(&l->memory[i], -1);
		atomic_store(&l->coil[i], -1);
	}
	setsockopt(l->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(l->listener, (struct sockaddr *) &a, sizeof(a)) || listen(l->listener, 16) || getsockname(l->listener, (struct sockaddr *) &a, &n)) {
		close(l->listener);
		return false;
	}
	l->port = ntohs(a.sin_port);
	return thread_start(&l->thread, "liar", liar_run, l) == 0;
}

static void liar_stop(struct liar *l)
{
	atomic_store(&l->stop, true);
	thread_join(&l->thread);
	for (int i = 0; i < LIAR_CLIENTS; i++)
		if (l->client[i].fd >= 0)
			liar_close(l, i, false);
	close(l->listener);
}
