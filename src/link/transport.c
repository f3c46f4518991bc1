/* transport.c - how a connection gets to its peer: a socket, with TLS or without, a serial line. */
#include "link/engine.h"

static const char *some(const char *text) { return text && *text ? text : NULL; }

/* The files are read when the connection is set up or enabled; a session is resumed in between. */
static int add_tls(struct conn *c)
{
	const struct driver_endpoint *e = &c->end;
	_cleanup_(tls_unrefp) struct tls *tls = NULL;
	int r = tls_new(&(struct tls_config) { .cert = some(e->tls_cert), .key = some(e->tls_key), .ca = some(e->tls_ca),
		.fingerprint = some(e->tls_fingerprint) }, &tls);

	return r < 0 ? r : chain_add_tls(c->chain, &(struct chain_tls) { .tls = tls, .name = e->tls_any_name ? NULL : e->host,
		.handshake_ms = e->connect_timeout_ms });
}

static int add_bottom(struct conn *c)
{
	const struct driver_endpoint *e = &c->end;
	int r;

	switch (e->transport) {
	case DRIVER_TCP:
		r = chain_add_tcp(c->chain, &(struct chain_tcp) { .host = e->host, .port = e->port, .connect_ms = e->connect_timeout_ms });
		return r == 0 && e->tls ? add_tls(c) : r;
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
