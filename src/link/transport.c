/* transport.c - how a connection gets to its peer: a socket, a serial line. */
#include "link/engine.h"

static int add_bottom(struct conn *c)
{
	const struct driver_endpoint *e = &c->end;

	switch (e->transport) {
	case DRIVER_TCP:
		return chain_add_tcp(c->chain, &(struct chain_tcp) { .host = e->host, .port = e->port, .connect_ms = e->connect_timeout_ms });
	case DRIVER_SERIAL:
		return chain_add_serial(c->chain, &(struct chain_serial) { .device = e->host, .baud = e->baud, .data_bits = e->data_bits,
			.stop_bits = e->stop_bits, .parity = e->parity, .rs485 = e->rs485 });
	default:
		return err_failf(ERR_BROKEN, "transport %d is none", (int) e->transport);
	}
}

int conn_chain(struct conn *c)
{
	int r = chain_new(loop_of(c), &conn_events, c, &c->chain);

	if (r == 0)
		r = add_bottom(c);
	if (r < 0)
		c->chain = chain_free(c->chain);
	return r;
}
