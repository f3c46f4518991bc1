/*
 * chain.h - a byte stream to somewhere, made of layers.
 *
 * At the bottom a socket or a serial line, above it any number of filters (trace, fault, TLS: tls.h), at the top the user. Bytes go down
 * by chain_send() and come up by on_data(). A layer that does nothing special in one direction leaves the function NULL.
 *
 *   chain_new(loop, &events, me, &c);
 *   chain_add_tcp(c, &(struct chain_tcp) { .host = "plc-1", .port = 502, .connect_ms = 3000 });
 *   chain_open(c);                          on_open or on_close follows, never before chain_open() returned
 *
 * After on_close the chain may be opened again: a link keeps its chain and reconnects. chain_send() takes all or nothing and is
 * bounded: beyond the cap it says -ERR_BUSY and on_drain comes when everything has gone out.
 *
 * Thread: the loop's. Memory: chain_free() from any place, also from within its own callbacks; no callback comes after it.
 */
#pragma once

#include "base/err.h"
#include "io/loop.h"

struct chain;

struct chain_events {
	void (*on_open)(void *ctx, struct chain *c);
	void (*on_data)(void *ctx, struct chain *c, const uint8_t *bytes, size_t n);    /* valid during the call */
	void (*on_drain)(void *ctx, struct chain *c);                                   /* may be NULL */
	/* Once for each successful chain_open(): refused, timed out, reset, ended by the peer (kind ERR_NONE: an orderly end). */
	void (*on_close)(void *ctx, struct chain *c, const struct err *why);
};

int chain_new(struct loop *l, const struct chain_events *events, void *ctx, struct chain **ret_chain);
struct chain *chain_free(struct chain *c);
DEFINE_CLEANUP(struct chain *, chain_free)
void chain_set_events(struct chain *c, const struct chain_events *events, void *ctx);

int chain_open(struct chain *c);                /* < 0: cannot even begin; on_close is not called then */
/* Ends it now; on_close is not called. Bytes not yet sent are lost: chain_finish() first where that matters. */
void chain_close(struct chain *c);
/* Sends what waits, then closes our direction (FIN); on_close comes when the peer has closed too or `ms` later. */
void chain_finish(struct chain *c, int64_t ms);
bool chain_is_open(const struct chain *c);
int chain_send(struct chain *c, const void *bytes, size_t n);   /* -ERR_BUSY: cap; -ERR_PEER: not open */
size_t chain_backlog(const struct chain *c);                    /* bytes not yet taken by the kernel */
void chain_ask_drain(struct chain *c);                          /* on_drain when everything has gone out, as after -ERR_BUSY */
void chain_set_backlog_max(struct chain *c, size_t bytes);      /* default 256 KB */
void chain_pause(struct chain *c, bool pause);                  /* stop reading: the peer feels it by its window */
const char *chain_peer(const struct chain *c);                  /* "192.0.2.7:502", "/dev/ttyS0", ""; borrowed */
struct loop *chain_loop(const struct chain *c);

/* The bottom: one of these, first. Texts are copied. */
struct chain_tcp {
	const char *host;               /* name or address; names are resolved without blocking */
	uint16_t port;
	uint32_t connect_ms;            /* for resolving and connecting together; 0: 10,000 */
	const char *bind;               /* own address; NULL: any */
	uint32_t keepalive_s;           /* TCP keep-alive probes after this silence; 0: 60 */
};
int chain_add_tcp(struct chain *c, const struct chain_tcp *tcp);

struct chain_serial {
	const char *device;             /* "/dev/ttyS0" */
	uint32_t baud;                  /* a standard rate, 300 … 4,000,000 */
	uint8_t data_bits;              /* 5 … 8; 0: 8 */
	uint8_t stop_bits;              /* 1, 2; 0: 1 */
	char parity;                    /* 'N', 'E', 'O'; 0: 'N' */
	bool rs485;                     /* let the driver switch the direction (TIOCSRS485) */
};
int chain_add_serial(struct chain *c, const struct chain_serial *serial);

/* Takes over a connected stream socket or terminal: open at once. */
int chain_add_fd(struct chain *c, int fd, const char *peer);

/* Filters. */
struct chain_trace { void (*on_bytes)(void *ctx, bool sent, const uint8_t *bytes, size_t n); void *ctx; };
int chain_add_trace(struct chain *c, const struct chain_trace *trace);

/* For tests: the ways in which wires are bad. Zero means never; positions count bytes from chain_open(), the first is 1. */
struct chain_fault {
	uint64_t cut_after_in, cut_after_out;           /* reset after so many bytes */
	uint64_t flip_in, flip_out;                     /* the lowest bit of this byte is wrong */
	uint64_t drop_in, drop_out;                     /* this byte is lost */
	uint32_t split_in;                              /* received bytes come in pieces of at most so many */
	uint32_t delay_in_ms;                           /* everything received comes so much later, in order */
	bool refuse;                                    /* opening fails */
	bool mute_in, mute_out;                         /* nothing comes, nothing goes: a dead peer */
};
int chain_add_fault(struct chain *c, const struct chain_fault *fault);

/* What a layer is. `l->state` is layer->state_size zeroed bytes. */
struct chain_layer;
struct layer {
	const char *name;
	size_t state_size;
	int (*open)(struct chain_layer *l);                                             /* NULL: opens what is below */
	void (*close)(struct chain_layer *l);                                           /* forget everything since open */
	int (*send)(struct chain_layer *l, const uint8_t *bytes, size_t n);             /* from above */
	void (*on_open)(struct chain_layer *l);                                         /* from below */
	void (*on_data)(struct chain_layer *l, const uint8_t *bytes, size_t n);
	void (*on_close)(struct chain_layer *l, const struct err *why);
	void (*done)(struct chain_layer *l);                                            /* free what the state owns */
	void (*finish)(struct chain_layer *l);                                          /* end our direction: say goodbye, then layer_finish_below() */
	/* For the bottom alone. */
	size_t (*backlog)(const struct chain_layer *l);
	void (*pause)(struct chain_layer *l, bool pause);
	const char *(*peer)(const struct chain_layer *l);
};
struct chain_layer { const struct layer *layer; struct chain *chain; struct chain_layer *above, *below; void *state; };
int chain_add(struct chain *c, const struct layer *layer, struct chain_layer **ret_layer);
/* A layer calls its neighbours by these. Upward calls may end in chain_close() or chain_free() of the whole: look at nothing of your
 * own afterwards. */
int layer_open_below(struct chain_layer *l);
int layer_send_below(struct chain_layer *l, const uint8_t *bytes, size_t n);
void layer_finish_below(struct chain_layer *l);
void layer_tell_open(struct chain_layer *l);
void layer_tell_data(struct chain_layer *l, const uint8_t *bytes, size_t n);
void layer_tell_close(struct chain_layer *l, const struct err *why);
void layer_tell_drain(struct chain_layer *l);

/* The other side. on_accept gets a chain whose bottom is the new socket: set its events, add layers, chain_open() it, or free it. */
struct listener;
struct listener_config {
	const char *address;            /* "127.0.0.1", "::1", "::", "/run/x.sock"; NULL: 127.0.0.1 */
	uint16_t port;                  /* 0: any free one */
	uint32_t max_chains;            /* 0: 1,024; beyond it the kernel's queue waits */
	void (*on_accept)(void *ctx, struct chain *c);
	void *ctx;
};
int listener_new(struct loop *l, const struct listener_config *config, struct listener **ret_listener);
struct listener *listener_free(struct listener *l);     /* chains already accepted live on */
DEFINE_CLEANUP(struct listener *, listener_free)
uint16_t listener_port(const struct listener *l);
