/*
 * dial.c - devices that call: listeners, callers not known yet, and who called in vain.
 *
 * A listener belongs to all connections with the same address and port. A caller says its registration packet first; the connection whose
 * packet it is takes it over. A call for a connection that is up already replaces it: over mobile networks the old one is dead, only nobody
 * has noticed. Callers that say nothing, or what nobody knows, are sent away at their deadline or at once, and remembered.
 *
 * Thread: the first engine thread, all of it; the list of those who called in vain is read from any.
 */
#include "link/engine.h"

#include "base/str.h"

enum { CALLERS_MAX = 64, SPEAK_MS = 5000, MORE_MS = 300 };

struct caller {
	struct caller *next;
	struct dial *dial;
	struct chain *chain;
	struct timer deadline;
	char peer[64];
	uint8_t len, said[DRIVER_CALL_MAX];
};

struct dial {
	struct dial *next;
	struct link_thread *thread;
	struct listener *listener;
	struct caller *callers;
	uint32_t n_callers, n_conns;
	uint16_t port;
	char address[64];
};

/* ---- who called in vain ---- */

static void note_for(struct link *l, uint32_t tenant, const struct caller *k)
{
	struct link_dial_in *oldest = NULL, *at = NULL;
	struct buf address, peer;

	for (uint32_t i = 0; i < LINK_DIAL_INS && !at; i++) {
		struct link_dial_in *d = &l->dial_in[i];

		if (d->count && d->tenant == tenant && d->port == k->dial->port && d->len == k->len && memcmp(d->said, k->said, k->len) == 0)
			at = d;
		else if (!oldest || d->last_ns < oldest->last_ns)
			oldest = d;
	}
	if (!at) {
		at = oldest;
		*at = (struct link_dial_in) { .tenant = tenant, .port = k->dial->port, .len = k->len, .first_ns = clock_now_ns() };
		memcpy(at->said, k->said, k->len);
	}
	at->count++;
	at->last_ns = clock_now_ns();
	address = BUF_FIXED(at->address);
	peer = BUF_FIXED(at->peer);
	buf_clear(&address);
	buf_clear(&peer);
	buf_add(&address, k->dial->address);
	buf_add(&peer, k->peer);
}

/* For every tenant that waits at this port, once. A reader may hold the list just now: the device will call again. */
static void note(const struct caller *k)
{
	struct link *l = k->dial->thread->link;

	if (!mutex_try(&l->dial_mutex))
		return;
	for (const struct conn *c = k->dial->thread->conns; c; c = c->next) {
		bool said = false;

		if (c->dial != k->dial)
			continue;
		for (const struct conn *b = k->dial->thread->conns; b != c && !said; b = b->next)
			said = b->dial == c->dial && b->tenant == c->tenant;
		if (!said)
			note_for(l, c->tenant, k);
	}
	mutex_unlock(&l->dial_mutex);
}

size_t link_dial_ins(struct link *l, uint32_t tenant, struct link_dial_in *ret, size_t max)
{
	size_t n = 0;

	mutex_hold(&l->dial_mutex);
	for (uint32_t i = 0; i < LINK_DIAL_INS; i++)
		if (l->dial_in[i].count && l->dial_in[i].tenant == tenant && n < max)
			ret[n++] = l->dial_in[i];
	return n;
}

/* ---- callers ---- */

static void caller_free(struct caller *k)
{
	struct caller **at = &k->dial->callers;

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	k->dial->n_callers--;
	timer_stop(&k->deadline);
	chain_free(k->chain);
	sys_free(k);
}

static void send_away(struct caller *k)
{
	note(k);
	caller_free(k);
}

static void hand_over(struct caller *k, struct conn *c, uint8_t used)
{
	struct chain *chain = take(k->chain);
	uint8_t rest[DRIVER_CALL_MAX];
	size_t n = k->len - used;

	memcpy(rest, k->said + used, n);
	caller_free(k);
	conn_called(c, chain, rest, n);
}

/* The connection whose packet this is, the longest first; one that is set up before a guest. *ret_more: a longer one is still possible. */
static struct conn *match(const struct caller *k, bool *ret_more)
{
	struct conn *best = NULL;

	*ret_more = false;
	for (struct conn *c = k->dial->thread->conns; c; c = c->next) {
		const struct driver_endpoint *e = &c->end;
		size_t n = MIN(e->call_len, k->len);

		if (c->dial != k->dial || e->call_len == 0 || memcmp(e->call, k->said, n) != 0)
			continue;
		if (n < e->call_len)
			*ret_more = true;
		else if (!best || best->end.call_len < e->call_len || (best->end.call_len == e->call_len && best->is_guest))
			best = c;
	}
	return best;
}

/* A connection whose device says nothing first and that has none; only: nobody else at this port expects a packet. */
static struct conn *taker(const struct dial *d, bool *ret_only)
{
	struct conn *any = NULL;

	*ret_only = true;
	for (struct conn *c = d->thread->conns; c; c = c->next) {
		if (c->dial != d)
			continue;
		if (c->end.call_len)
			*ret_only = false;
		else if (!c->is_up && !any)
			any = c;
	}
	return any;
}

/* It said all it was given time for. */
static void decide(void *arg)
{
	struct caller *k = arg;
	bool more, only;
	struct conn *c = match(k, &more);

	if (c) {
		hand_over(k, c, c->end.call_len);
		return;
	}
	c = taker(k->dial, &only);
	if (c)
		hand_over(k, c, 0);
	else
		send_away(k);
}

static void on_data(void *ctx, struct chain *chain, const uint8_t *bytes, size_t n)
{
	struct caller *k = ctx;
	size_t room = sizeof(k->said) - k->len;
	bool more;
	struct conn *c;

	n = MIN(n, room);
	memcpy(k->said + k->len, bytes, n);
	k->len += (uint8_t) n;
	c = match(k, &more);
	if (c && !more)
		decide(k);
	else
		timer_start(k->dial->thread->loop, &k->deadline, MORE_MS, decide, k);
}

static void on_close(void *ctx, struct chain *chain, const struct err *why) { send_away(ctx); }
static void on_open(void *ctx, struct chain *chain)
{
	struct caller *k = ctx;
	bool only;
	struct conn *c = taker(k->dial, &only);

	if (c && only)
		hand_over(k, c, 0);
}
static const struct chain_events caller_events = { .on_open = on_open, .on_data = on_data, .on_close = on_close };

static void on_accept(void *ctx, struct chain *chain)
{
	struct dial *d = ctx;
	struct caller *k = d->n_callers < CALLERS_MAX ? sys_new(struct caller) : NULL;
	struct buf peer;

	if (!k) {               /* a flood of strangers: whoever is known calls again */
		chain_free(chain);
		return;
	}
	k->dial = d;
	k->chain = chain;
	peer = BUF_FIXED(k->peer);
	buf_add(&peer, chain_peer(chain));
	k->next = d->callers;
	d->callers = k;
	d->n_callers++;
	chain_set_events(chain, &caller_events, k);
	timer_start(d->thread->loop, &k->deadline, SPEAK_MS, decide, k);
	if (chain_open(chain) < 0) {
		err_clear();
		caller_free(k);
	}
}

/* ---- listeners ---- */

static void dial_unref(struct dial *d)
{
	struct dial **at = &d->thread->dials;

	if (--d->n_conns)
		return;
	while (d->callers)
		caller_free(d->callers);
	listener_free(d->listener);
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	sys_free(d);
}

int dial_wait(struct conn *c)
{
	struct dial *d = c->thread->dials;
	struct listener_config config;
	struct buf address;
	int r;

	if (c->dial)
		return 0;
	while (d && !(d->port == c->end.port && str_eq(d->address, c->end.host)))
		d = d->next;
	if (!d) {
		d = sys_new(struct dial);
		if (!d)
			return err_fail(ERR_NO_MEMORY, "what", "@connection", NULL);
		d->thread = c->thread;
		d->port = c->end.port;
		address = BUF_FIXED(d->address);
		buf_add(&address, c->end.host);
		config = (struct listener_config) { .address = d->address, .port = d->port, .on_accept = on_accept, .ctx = d };
		r = listener_new(loop_of(c), &config, &d->listener);
		if (r < 0) {
			sys_free(d);
			return r;
		}
		d->next = c->thread->dials;
		c->thread->dials = d;
	}
	d->n_conns++;
	c->dial = d;
	return 0;
}

void dial_leave(struct conn *c)
{
	struct dial *d = take(c->dial);

	if (d)
		dial_unref(d);
}
