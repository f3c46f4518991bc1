/* chain_priv.h - inside io alone: what the bottoms of chains share. */
#pragma once

#include "io/chain.h"

/* Between these *c and its layers stay in memory, whoever frees it. */
void chain_hold(struct chain *c);
void chain_release(struct chain *c);
/* Changes with every opening and closing: who calls upward compares before and after. */
unsigned chain_turn(const struct chain *c);
size_t chain_backlog_max(const struct chain *c);
bool chain_is_paused(const struct chain *c);
struct chain_layer *chain_find(const struct chain *c, const struct layer *layer);      /* NULL: it has none */
void chain_on_free(struct chain *c, void (*fn)(void *arg), void *arg);

/* A descriptor at the bottom: reading, writing, what waits to be written. */
struct fd_end {
	struct chain_layer *layer;
	int fd;
	bool is_socket, finishing;
	struct watch *watch;
	uint8_t *out;                   /* bytes [at, len) wait */
	size_t at, len, room;
	struct timer soon;
	char peer[96];
};
/* Takes fd. The layer is told open from the loop, not from here. On failure fd is closed. */
int fd_end_start(struct fd_end *e, struct chain_layer *l, int fd, bool is_socket);
void fd_end_stop(struct fd_end *e);             /* closes; e may be started again */
int fd_end_send(struct fd_end *e, const uint8_t *bytes, size_t n);
void fd_end_pause(struct fd_end *e, bool pause);
void fd_end_finish(struct fd_end *e);
static inline size_t fd_end_backlog(const struct fd_end *e) { return e->len - e->at; }
/* For an error of the wire: ERR_PEER with the peer and the system's words. */
int fd_end_fail(const struct fd_end *e, int error);
