/* chain.c - the layers of a wire: who is above whom, opening, closing, and freeing from any place. */
#include "io/chain_priv.h"

#include <string.h>

#include "sys/sys.h"

enum { BACKLOG_MAX = 256 << 10 };

struct chain {
	struct loop *loop;
	const struct chain_events *events;
	void *ctx;
	struct chain_layer *top, *bottom;
	enum { CLOSED, OPENING, OPEN } state;
	size_t backlog_max;
	bool refused;                   /* chain_send() said BUSY: on_drain is due */
	bool paused, dead;
	unsigned depth, turn;           /* turn: counts openings and closings */
	struct timer finish_limit;
	void (*on_free)(void *arg);
	void *on_free_arg;
};

int chain_new(struct loop *l, const struct chain_events *events, void *ctx, struct chain **ret_chain)
{
	struct chain *c = sys_new(struct chain);

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "connection", NULL);
	c->loop = l;
	c->events = events;
	c->ctx = ctx;
	c->backlog_max = BACKLOG_MAX;
	*ret_chain = c;
	return 0;
}

int chain_add(struct chain *c, const struct layer *layer, struct chain_layer **ret_layer)
{
	struct chain_layer *l = sys_alloc(sizeof(*l) + layer->state_size);

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", layer->name, NULL);
	l->layer = layer;
	l->chain = c;
	l->state = l + 1;
	l->below = c->top;
	if (c->top)
		c->top->above = l;
	else
		c->bottom = l;
	c->top = l;
	*ret_layer = l;
	return 0;
}

void chain_set_events(struct chain *c, const struct chain_events *events, void *ctx)
{
	c->events = events;
	c->ctx = ctx;
}

void chain_on_free(struct chain *c, void (*fn)(void *arg), void *arg)
{
	c->on_free = fn;
	c->on_free_arg = arg;
}

struct loop *chain_loop(const struct chain *c) { return c->loop; }
bool chain_is_open(const struct chain *c) { return c->state == OPEN; }
void chain_set_backlog_max(struct chain *c, size_t bytes) { c->backlog_max = bytes; }
unsigned chain_turn(const struct chain *c) { return c->turn; }
size_t chain_backlog_max(const struct chain *c) { return c->backlog_max; }
bool chain_is_paused(const struct chain *c) { return c->paused; }

static void destroy(struct chain *c)
{
	for (struct chain_layer *l = c->top, *below; l; l = below) {
		below = l->below;
		if (l->layer->done)
			l->layer->done(l);
		sys_free(l);
	}
	if (c->on_free)
		c->on_free(c->on_free_arg);
	sys_free(c);
}

/* Callbacks may free the chain under which they run: it waits until the last of them has returned. */
void chain_hold(struct chain *c) { c->depth++; }
void chain_release(struct chain *c)
{
	if (--c->depth == 0 && c->dead)
		destroy(c);
}

static void close_layers(struct chain *c)
{
	c->state = CLOSED;
	c->turn++;
	c->refused = false;
	timer_stop(&c->finish_limit);
	for (struct chain_layer *l = c->top; l; l = l->below)
		if (l->layer->close)
			l->layer->close(l);
}

void chain_close(struct chain *c)
{
	if (c->state != CLOSED)
		close_layers(c);
}

struct chain *chain_free(struct chain *c)
{
	if (!c || c->dead)
		return NULL;
	chain_close(c);
	c->dead = true;
	if (!c->depth)
		destroy(c);
	return NULL;
}

int layer_open_below(struct chain_layer *l)
{
	struct chain_layer *b = l->below;

	return !b ? 0 : b->layer->open ? b->layer->open(b) : layer_open_below(b);
}

int chain_open(struct chain *c)
{
	struct chain_layer above = { .below = c->top };

	if (!c->top)
		return err_failf(ERR_BROKEN, "a connection without layers");
	if (c->state != CLOSED)
		return err_failf(ERR_BROKEN, "the connection is open already");
	c->state = OPENING;
	c->turn++;
	int r = layer_open_below(&above);
	if (r < 0)
		close_layers(c);
	return r;
}

int layer_send_below(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct chain_layer *b = l->below;

	return b->layer->send ? b->layer->send(b, bytes, n) : layer_send_below(b, bytes, n);
}

int chain_send(struct chain *c, const void *bytes, size_t n)
{
	struct chain_layer above = { .below = c->top };

	if (c->state != OPEN)
		return err_fail(ERR_PEER, "what", chain_peer(c), "detail", "not connected", NULL);
	size_t backlog = chain_backlog(c);
	if (backlog && (n > c->backlog_max || backlog > c->backlog_max - n)) {
		c->refused = true;
		return err_fail(ERR_BUSY, "what", chain_peer(c), NULL);
	}
	return n ? layer_send_below(&above, bytes, n) : 0;
}

void layer_tell_open(struct chain_layer *l)
{
	struct chain *c = l->chain;

	chain_hold(c);
	if (l->above && l->above->layer->on_open) {
		l->above->layer->on_open(l->above);
	} else if (l->above) {
		layer_tell_open(l->above);
	} else if (c->state == OPENING) {
		c->state = OPEN;
		if (c->events->on_open)
			c->events->on_open(c->ctx, c);
	}
	chain_release(c);
}

void layer_tell_data(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct chain *c = l->chain;

	chain_hold(c);
	if (l->above && l->above->layer->on_data)
		l->above->layer->on_data(l->above, bytes, n);
	else if (l->above)
		layer_tell_data(l->above, bytes, n);
	else if (c->state == OPEN && c->events->on_data)
		c->events->on_data(c->ctx, c, bytes, n);
	chain_release(c);
}

void layer_tell_close(struct chain_layer *l, const struct err *why)
{
	struct chain *c = l->chain;

	chain_hold(c);
	if (l->above && l->above->layer->on_close) {
		l->above->layer->on_close(l->above, why);
	} else if (l->above) {
		layer_tell_close(l->above, why);
	} else if (c->state != CLOSED) {
		/* `why` may lie in a layer's state. */
		struct err copy = *why;

		close_layers(c);
		if (c->events->on_close)
			c->events->on_close(c->ctx, c, &copy);
	}
	chain_release(c);
}

void layer_tell_drain(struct chain_layer *l)
{
	struct chain *c = l->chain;

	if (!c->refused || c->state != OPEN)
		return;
	c->refused = false;
	chain_hold(c);
	if (c->events->on_drain)
		c->events->on_drain(c->ctx, c);
	chain_release(c);
}

static void on_finish_limit(void *arg)
{
	struct chain *c = arg;
	const struct err none = { .kind = ERR_NONE };

	layer_tell_close(c->top, &none);
}

void chain_finish(struct chain *c, int64_t ms)
{
	if (c->state != OPEN)
		return;
	timer_start(c->loop, &c->finish_limit, ms, on_finish_limit, c);
	layer_finish_below(&(struct chain_layer) { .below = c->top });
}

void layer_finish_below(struct chain_layer *l)
{
	struct chain_layer *b = l->below;

	if (b && b->layer->finish)
		b->layer->finish(b);
	else if (b)
		layer_finish_below(b);
}

void chain_ask_drain(struct chain *c) { c->refused = true; }

struct chain_layer *chain_find(const struct chain *c, const struct layer *layer)
{
	struct chain_layer *l = c->top;

	while (l && l->layer != layer)
		l = l->below;
	return l;
}

size_t chain_backlog(const struct chain *c)
{
	return c->bottom && c->bottom->layer->backlog ? c->bottom->layer->backlog(c->bottom) : 0;
}

void chain_pause(struct chain *c, bool pause)
{
	c->paused = pause;
	if (c->state != CLOSED && c->bottom->layer->pause)
		c->bottom->layer->pause(c->bottom, pause);
}

const char *chain_peer(const struct chain *c)
{
	return c->bottom && c->bottom->layer->peer ? c->bottom->layer->peer(c->bottom) : "";
}
