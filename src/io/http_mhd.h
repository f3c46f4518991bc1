/* http_mhd.h - inside io alone: what http_mhd.c (connections, requests) and http_reply.c (replies) share of libmicrohttpd. */
#pragma once

#include <microhttpd.h>

#include "io/http_priv.h"
#include "io/linger.h"
#include "io/sock.h"
#include "io/tls.h"

enum { HTTP_STEP = 4 << 10, METHOD_MAX = 32 };

struct http_conn {
	struct http_server *server;
	struct http_exchange *x;
	struct http_conn *prev, *next;
	int fd;
	int64_t since_ns;               /* when it began to wait for a head */
	bool fresh;                     /* for its first */
	struct sock_name peer;
};

struct http_exchange {
	struct http_server *server;
	struct http_conn *conn;         /* NULL when the connection is through with it */
	struct MHD_Connection *con;
	char *path;
	const char *query;
	char method[METHOD_MAX];
	struct buf body;
	size_t held;                    /* bytes of it that count against config.bodies_max */
	bool weighed, known;            /* it is large; and it was known who sends it */
	int64_t welcome, began_ns;
	void *user;
	int status;
	uint64_t sent;
	bool head, told, asked, replied, suspended, gone, dead;
	bool bodyless, complete;        /* no body will come; all of the request is here */
	struct MHD_Response *early;     /* replied in on_head: queued when the request is complete */
	bool raw;                       /* the reply goes to the socket itself: the body is still coming */
	bool unread;                    /* and will not be read by libmicrohttpd */
	struct watch *watch;            /* for the client's leaving */
	struct stream *stream;
	struct http_upgrade up;
	char target[];
};

struct http_server {
	struct loop *loop;
	struct http_config config;
	struct http_callbacks on;
	void *ctx;
	struct MHD_Daemon *mhd;
	struct watch *watch;
	struct timer due, sweep, stop_limit;
	struct post again;
	struct http_conn *conns;
	struct http_websocket *websockets;
	struct lingers lingers;
	struct tls *tls;                /* HTTPS: connections come through gates */
	struct listener *listener;
	struct gate *gates;
	struct http_stats stats;
	size_t held[2];                 /* bytes of large bodies: of strangers, of those who are known */
	int fd;
	uint16_t port;
	bool pumping, resumed, stopping, ending, over;
	void (*on_stopped)(void *ctx);
	void *on_stopped_ctx;
};

void http_resume(struct http_exchange *x);      /* runs libmicrohttpd: *x may be gone afterwards */
void http_end(struct http_exchange *x);         /* on_done, and *x is gone */
void http_cut(struct http_exchange *x);         /* ends the connection without an answer */
void http_pump(struct http_server *s);
void http_check_stopped(struct http_server *s);
/* http_gate.c */
int http_gates_start(struct http_server *s);
void http_gates_stop(struct http_server *s);    /* no more; those that have not come through end */
void http_gates_free(struct http_server *s);
int http_queue(struct http_exchange *x, int status, struct MHD_Response *m);
