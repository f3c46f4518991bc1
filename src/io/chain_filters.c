/* chain_filters.c - layers that watch (trace) and layers that harm (fault, for tests). */
#include <string.h>

#include "io/chain_priv.h"
#include "sys/sys.h"

/* Trace. */

static int trace_send(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	const struct chain_trace *t = l->state;
	int r = layer_send_below(l, bytes, n);

	if (r == 0)
		t->on_bytes(t->ctx, true, bytes, n);
	return r;
}

static void trace_data(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	const struct chain_trace *t = l->state;

	t->on_bytes(t->ctx, false, bytes, n);
	layer_tell_data(l, bytes, n);
}

static const struct layer trace_layer = { .name = "trace", .state_size = sizeof(struct chain_trace), .send = trace_send, .on_data = trace_data };

int chain_add_trace(struct chain *c, const struct chain_trace *trace)
{
	struct chain_layer *l = NULL;
	int r = chain_add(c, &trace_layer, &l);

	if (r == 0)
		*(struct chain_trace *) l->state = *trace;
	return r;
}

/* Fault. */

enum { DELAYED_MAX = 1 << 20 };

struct late { struct late *next; int64_t at_ns; size_t n; uint8_t bytes[]; };
struct fault {
	struct chain_fault config;
	uint64_t in, out;                       /* bytes so far */
	struct late *first, **last;
	size_t delayed;
	struct timer timer, cut;
};

static void cut_now(struct chain_layer *l, const char *how)
{
	struct err why = err_take(err_fail(ERR_PEER, "what", chain_peer(l->chain), "detail", how, NULL));

	layer_tell_close(l, &why);
}

static void on_refuse(void *arg) { cut_now(arg, "refused by a fault"); }
static void on_cut(void *arg) { cut_now(arg, "cut by a fault"); }

static int fault_open(struct chain_layer *l)
{
	struct fault *f = l->state;

	f->in = f->out = 0;
	f->last = &f->first;
	if (!f->config.refuse)
		return layer_open_below(l);
	timer_start(chain_loop(l->chain), &f->timer, 0, on_refuse, l);
	return 0;
}

static void fault_close(struct chain_layer *l)
{
	struct fault *f = l->state;

	timer_stop(&f->timer);
	timer_stop(&f->cut);
	for (struct late *d = take(f->first), *next; d; d = next) {
		next = d->next;
		sys_free(d);
	}
	f->last = &f->first;
	f->delayed = 0;
}

/* Harms a copy of [bytes, n) that begins behind `before` bytes; the new length. */
static size_t harm(uint8_t *bytes, size_t n, uint64_t before, uint64_t flip, uint64_t drop)
{
	if (flip > before && flip - before <= n)
		bytes[flip - before - 1] ^= 1;
	if (drop > before && drop - before <= n) {
		size_t at = (size_t) (drop - before - 1);

		memmove(bytes + at, bytes + at + 1, n - at - 1);
		n--;
	}
	return n;
}

static int fault_send(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct fault *f = l->state;
	const struct chain_fault *cf = &f->config;
	size_t go = n;
	bool cut = cf->cut_after_out && f->out + n >= cf->cut_after_out;
	int r = 0;

	if (cf->mute_out)
		return 0;
	if (cut)
		go = cf->cut_after_out > f->out ? (size_t) (cf->cut_after_out - f->out) : 0;
	uint8_t *copy = sys_alloc(n);
	if (!copy)
		return err_fail(ERR_NO_MEMORY, "what", "fault", NULL);
	memcpy(copy, bytes, n);
	go = harm(copy, go, f->out, cf->flip_out, cf->drop_out);
	if (go)
		r = layer_send_below(l, copy, go);
	sys_free(copy);
	f->out += n;
	/* Not from within a send: its caller does not expect to be called. */
	if (cut)
		timer_start(chain_loop(l->chain), &f->cut, 0, on_cut, l);
	return r;
}

/* Upward, in pieces. False when the chain was closed meanwhile. */
static bool give(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct fault *f = l->state;
	struct chain *c = l->chain;
	size_t step = f->config.split_in ? f->config.split_in : n;
	unsigned turn = chain_turn(c);
	bool same = true;

	chain_hold(c);
	for (size_t at = 0; at < n && same; at += step) {
		layer_tell_data(l, bytes + at, MIN(step, n - at));
		same = turn == chain_turn(c);
	}
	chain_release(c);
	return same;
}

static void on_due(void *arg)
{
	struct chain_layer *l = arg;
	struct fault *f = l->state;
	struct late *d = f->first;

	f->first = d->next;
	if (!f->first)
		f->last = &f->first;
	else
		timer_start_at(chain_loop(l->chain), &f->timer, f->first->at_ns, on_due, l);
	f->delayed -= d->n;
	give(l, d->bytes, d->n);
	sys_free(d);
}

static void delay(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct fault *f = l->state;
	struct late *d = f->delayed + n <= DELAYED_MAX ? sys_alloc(sizeof(*d) + n) : NULL;

	if (!d) {
		cut_now(l, "too much is delayed");
		return;
	}
	d->at_ns = clock_deadline(f->config.delay_in_ms);
	d->n = n;
	memcpy(d->bytes, bytes, n);
	if (!f->first)
		timer_start_at(chain_loop(l->chain), &f->timer, d->at_ns, on_due, l);
	*f->last = d;
	f->last = &d->next;
	f->delayed += n;
}

static void fault_data(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct fault *f = l->state;
	const struct chain_fault *cf = &f->config;
	size_t go = n;
	bool cut = cf->cut_after_in && f->in + n >= cf->cut_after_in, same = true;

	if (cf->mute_in)
		return;
	if (cut)
		go = cf->cut_after_in > f->in ? (size_t) (cf->cut_after_in - f->in) : 0;
	uint8_t *copy = sys_alloc(n);
	if (!copy) {
		cut_now(l, "out of memory");
		return;
	}
	memcpy(copy, bytes, n);
	go = harm(copy, go, f->in, cf->flip_in, cf->drop_in);
	f->in += n;
	if (go && cf->delay_in_ms)
		delay(l, copy, go);
	else if (go)
		same = give(l, copy, go);
	sys_free(copy);
	if (cut && same)
		cut_now(l, "cut by a fault");
}

static const struct layer fault_layer = { .name = "fault", .state_size = sizeof(struct fault), .open = fault_open, .close = fault_close,
	.send = fault_send, .on_data = fault_data };

int chain_add_fault(struct chain *c, const struct chain_fault *fault)
{
	struct chain_layer *l = NULL;
	int r = chain_add(c, &fault_layer, &l);

	if (r < 0)
		return r;
	struct fault *f = l->state;
	f->config = *fault;
	f->last = &f->first;
	return 0;
}
