/* conn.c - one connection: connects for ever, asks what is most urgent, hears what comes. */
#include "link/engine.h"

#include "base/num.h"

uint32_t jitter(struct link_thread *t, uint32_t ms)
{
	t->dice ^= t->dice << 13;
	t->dice ^= t->dice >> 7;
	t->dice ^= t->dice << 17;
	return ms - ms / 4 + (uint32_t) (t->dice % (ms / 2 + 1));
}

void conn_state(struct conn *c, enum link_state s, const struct err *why)
{
	bool changed = c->status.state != s;

	if (changed)
		c->status.since_ns = clock_now_ns();
	c->status.state = (uint8_t) s;
	c->status.reason = why ? *why : (struct err) { .kind = ERR_NONE };
	cell_write(c->cell, &c->status);
	if (!changed || c->is_guest)
		return;
	if (why && why->kind)
		log_warn("link", "connection %s: %s: %s", c->name, link_state_id(s), err_log_text(why));
	else
		log_info("link", "connection %s: %s", c->name, link_state_id(s));
	if (config_of(c)->on_state)
		config_of(c)->on_state(config_of(c)->ctx, &c->status);
}

/* Where devices call it is listened also for those that nobody knows yet. */
bool conn_wants_open(const struct conn *c)
{
	return c->enabled && (c->lane || conn_reads(c) || c->end.transport == DRIVER_DIAL_IN);
}

bool conn_reads(const struct conn *c)
{
	for (const struct dev *d = c->devices; d; d = d->next)
		if (dev_is_read(d))
			return true;
	return false;
}

/* ---- asking ---- */

static void timeouts_arm(struct conn *c);
static void rest(struct conn *c);

static void on_later(void *arg) { conn_pump(arg); }

/* The frame is made and its slot taken; -ERR_BUSY: not now. */
static int put_question(struct conn *c, struct driver_job *job, int64_t now, struct pen *out)
{
	int r;

	*out = pen_of(c->frame, c->end.frame_max);
	for (job->slot = 0; c->slot[job->slot].busy;)
		job->slot++;
	r = c->driver->next(c->session, job, now, out);
	if (r < 0)
		return r;
	c->slot[job->slot] = (struct slot) { .busy = true, .turn = c->turn++, .sent_ns = now,
		.deadline_ns = now + c->end.timeout_ms * NS_PER_MS + (int64_t) (out->at - c->frame) * c->end.byte_ns };
	c->in_flight++;
	c->status.requests++;
	c->status.bytes_out += (uint64_t) (out->at - c->frame);
	return 0;
}

static bool send_question(struct conn *c, const struct pen *out)
{
	int r = chain_send(c->chain, c->frame, (size_t) (out->at - c->frame));

	tap_note(&c->tap, LINK_FRAME_OUT, DRIVER_NOTHING, c->frame, (size_t) (out->at - c->frame));
	if (r < 0) {
		struct err why = err_take(r);

		conn_drop(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &why);
	}
	return r >= 0;
}

static bool ask(struct conn *c, struct group_rt *g, uint32_t request, bool probe, int64_t now)
{
	struct driver_job job = { .device = g->dev->driver, .request = &g->request[request].q };
	struct slot *s;
	struct pen out;
	int r = put_question(c, &job, now, &out);

	if (r == -ERR_BUSY)
		return false;
	if (r < 0) {
		row_say(g, job.request->first, job.request->count, (uint32_t) QUALITY_BAD_CONFIGURATION);
		cycle_settled(g, request, false);
		err_clear();
		return true;
	}
	s = &c->slot[job.slot];
	s->probe = probe;
	if (probe)
		c->is_silents_turn = g->dev->status.state != LINK_SILENT;
	g->dev->turn = c->turn;
	s->dev = g->dev;
	s->group = g;
	s->request = request;
	c->is_polls_turn = false;
	g->dev->status.requests++;
	g->request[request].asked++;
	cycle_sent(g, request, now);
	return send_question(c, &out);
}

/* false: nothing more can be asked now */
static bool ask_errand(struct conn *c, struct errand_rt *e, int64_t now)
{
	struct driver_job job = { 0 };
	struct pen out;
	int r = lane_question(e, &job);

	if (r)
		return true;
	r = put_question(c, &job, now, &out);
	if (r == -ERR_BUSY) {
		e->result.tries--;
		err_clear();
		return false;
	}
	if (r < 0) {
		struct err why = err_take(r);

		lane_end(e, ERRAND_REFUSED, &why);
		return true;
	}
	c->slot[job.slot].errand = e;
	e->busy = true;
	if (e->patient)
		c->is_polls_turn = true;
	if (!e->own)
		e->dev->status.requests++;
	return send_question(c, &out);
}

/* Who missed an answer is asked only when nothing useful waits, or such devices have not cost much lately. */
static bool may_be_probed(const struct conn *c, const struct dev *d, int64_t now)
{
	return d->wants_probe && (!c->active || now >= c->probe_not_before_ns || d->status.state == LINK_CONNECTING);
}

static bool probe_waits(const struct conn *c)
{
	for (const struct dev *d = c->devices; d; d = d->next)
		if (d->wants_probe)
			return true;
	return false;
}

/* Of those that are known to be silent or of those that are not: the one that was asked longest ago. */
static struct group_rt *probe_among(struct conn *c, bool silent, int64_t now, uint32_t *ret_request)
{
	struct dev *best = NULL;
	struct group_rt *g;

	for (struct dev *d = c->devices; d; d = d->next)
		if (may_be_probed(c, d, now) && (d->status.state == LINK_SILENT) == silent && (!best || (int32_t) (d->turn - best->turn) < 0))
			best = d;
	if (!best)
		return NULL;
	g = dev_probe_pick(best, now, ret_request);
	if (!g)
		best->wants_probe = false;      /* nothing to ask it for now: dev_tick() sees to it */
	return g;
}

/*
 * The silent ones and the others take turns: those answer in a moment, a silent one may cost a whole answer time; but who answers now and
 * then is probed again and again, and must not keep a silent one from ever being asked.
 */
static struct group_rt *probe_next(struct conn *c, int64_t now, uint32_t *ret_request)
{
	struct group_rt *g;

	for (int i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy && c->slot[i].probe)
			return NULL;
	g = probe_among(c, c->is_silents_turn, now, ret_request);
	return g ? g : probe_among(c, !c->is_silents_turn, now, ret_request);
}

static bool has_work(const struct conn *c)
{
	return c->active || c->lane || probe_waits(c);
}

void conn_pump(struct conn *c)
{
	int64_t now = loop_now_ns(c->thread->loop);

	if (c->is_resting && !c->is_opening && has_work(c))
		conn_open(c);
	while (c->is_up && c->is_ready && c->in_flight < c->status.at_once) {
		struct errand_rt *errand;
		struct group_rt *g;
		uint32_t request;
		bool probe;

		if (now < c->not_before_ns) {
			timer_start_at(loop_of(c), &c->later, c->not_before_ns, on_later, c);
			break;
		}
		errand = lane_next(c);
		if (errand) {
			if (!ask_errand(c, errand, now))
				break;
			continue;
		}
		g = probe_next(c, now, &request);
		probe = g != NULL;
		if (probe)
			g->dev->wants_probe = false;
		else if (!cycle_next(c, now, &g, &request))
			break;
		if (!ask(c, g, request, probe, now))
			break;
	}
	timeouts_arm(c);
}

/* A device that loses questions or turns them round when several are open is asked one at a time, until its settings change. */
static void one_at_a_time(struct conn *c, const char *why)
{
	if (c->status.at_once <= 1)
		return;
	c->status.at_once = 1;
	log_warn("link", "connection %s: one request at a time from now on: %s", c->name, why);
}

/* ---- hearing ---- */

static struct slot release(struct conn *c, uint32_t i)
{
	struct slot s = c->slot[i];

	c->slot[i] = (struct slot) { .busy = false };
	c->in_flight--;
	if (c->end.gap_ms)
		c->not_before_ns = loop_now_ns(c->thread->loop) + c->end.gap_ms * NS_PER_MS;
	return s;
}

static void on_refused(struct slot *s, const struct driver_event *e, const struct err *why)
{
	struct group_rt *g = s->group;
	struct request *q = &g->request[s->request];
	struct driver_request half[2];
	struct dev *d = s->dev;

	d->status.refused++;
	d->conn->status.refused++;
	if (e->hint == DRIVER_HINT_ABSENT) {
		row_say(g, q->q.first, q->q.count, e->quality);
		row_flush(g);
		cycle_settled(g, s->request, false);
		dev_missed(d, s->probe, why);
		return;
	}
	dev_heard(d);
	q->failed++;
	if (e->hint == DRIVER_HINT_SPLIT && d->conn->driver->split(d->driver, g->point, &q->q, half) && cycle_split(g, s->request, half))
		return;
	g->status.reason = *why;
	row_say(g, q->q.first, q->q.count, e->quality);
	row_flush(g);
	/* What the device does not have it will hardly have a second later. */
	if (e->quality == (uint32_t) QUALITY_BAD_ADDRESS || e->quality == (uint32_t) QUALITY_BAD_NOT_SUPPORTED)
		q->retry_ns = loop_now_ns(d->conn->thread->loop) + jitter(d->conn->thread, config_of(d->conn)->retry_ms) * NS_PER_MS;
	cycle_settled(g, s->request, false);
}

static void on_wrong(struct conn *c, struct slot *s, const struct driver_event *e, const struct err *why)
{
	struct request *q = &s->group->request[s->request];

	q->failed++;
	s->dev->status.wrong++;
	s->group->status.reason = *why;
	row_say(s->group, q->q.first, q->q.count, e->quality);
	row_flush(s->group);
	cycle_settled(s->group, s->request, false);
	dev_heard(s->dev);
}

static void timed(struct request *q, int64_t ns)
{
	q->fails = 0;
	q->retry_ns = 0;
	q->last_us = (uint32_t) MIN(ns / NS_PER_US, (int64_t) UINT32_MAX);
	q->worst_us = MAX(q->worst_us, q->last_us);
}

static void on_answer(struct conn *c, struct slot *s, const struct driver_event *e)
{
	c->status.answers++;
	c->was_useful = true;
	c->wrong_row = 0;
	c->backoff_ms = 0;
	if (s->errand) {
		lane_heard(s->errand, e, NULL);
		return;
	}
	if (!s->dev)
		return;
	s->dev->status.answers++;
	timed(&s->group->request[s->request], loop_now_ns(loop_of(c)) - s->sent_ns);
	row_answer(s->group, s->request, e->data, e->len);
	cycle_settled(s->group, s->request, true);
	dev_heard(s->dev);
}

static void watch_order(struct conn *c, uint32_t i)
{
	const struct slot *s = &c->slot[i];

	for (uint32_t k = 0; k < DRIVER_IN_FLIGHT_MAX; k++)
		if (k != i && c->slot[k].busy && s->dev && c->slot[k].dev == s->dev && (int32_t) (c->slot[k].turn - s->turn) < 0)
			one_at_a_time(c, "an answer overtook another");
}

static void on_event(struct conn *c, const struct driver_event *e)
{
	struct err why = { .kind = ERR_NONE };
	struct slot s;

	switch (e->said) {
	case DRIVER_READY:
		c->is_ready = true;
		return;
	case DRIVER_STRAY:
		c->status.strays++;
		return;
	case DRIVER_ALIVE:
		return;
	case DRIVER_ANSWER:
		watch_order(c, e->slot);
		s = release(c, e->slot);
		on_answer(c, &s, e);
		return;
	case DRIVER_REFUSED:
	case DRIVER_WRONG:
		why = err_take(-ERR_PEER);
		s = release(c, e->slot);
		if (e->said == DRIVER_WRONG) {
			c->status.wrong++;
			c->wrong_row++;
		} else
			c->was_useful = true;
		if (s.errand)
			lane_heard(s.errand, e, &why);
		else if (s.dev && e->said == DRIVER_REFUSED)
			on_refused(&s, e, &why);
		else if (s.dev)
			on_wrong(c, &s, e, &why);
		/* One wrong answer is a slip, three in a row mean that question and answer have lost each other. */
		if (c->is_up && c->wrong_row >= LINK_WRONG)
			conn_drop(c, e->quality, &why);
		return;
	default:
		return;
	}
}

/* What the session itself has to say: handshakes. */
static void speak(struct conn *c)
{
	struct pen out = pen_of(c->frame, c->end.frame_max);
	int r = c->driver->next(c->session, NULL, loop_now_ns(c->thread->loop), &out);

	if (r == 0 && out.at > c->frame)
		r = chain_send(c->chain, c->frame, (size_t) (out.at - c->frame));
	if (r < 0 && r != -ERR_BUSY) {
		struct err why = err_take(r);

		conn_drop(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &why);
	}
	err_clear();
}

/* A slow line: as long as bytes of the answer come it is waited for, though no longer than the longest answer takes. */
static void still_coming(struct conn *c)
{
	int64_t now = loop_now_ns(c->thread->loop);

	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++) {
		struct slot *s = &c->slot[i];
		int64_t last = s->sent_ns + c->end.timeout_ms * NS_PER_MS + (int64_t) (2 * c->end.frame_max) * c->end.byte_ns;

		if (s->busy)
			s->deadline_ns = MAX(s->deadline_ns, MIN(now + LINK_PIECE_MS * NS_PER_MS + (int64_t) 32 * c->end.byte_ns, last));
	}
}

static void on_data(void *ctx, struct chain *chain, const uint8_t *bytes, size_t n)
{
	struct conn *c = ctx;
	struct cur in = cur_of(bytes, n);
	struct driver_event e = { .said = DRIVER_NOTHING };

	c->status.bytes_in += n;
	c->mute = 0;
	if (c->end.byte_ns)
		still_coming(c);
	while (c->is_up) {
		const uint8_t *from = in.at;
		int r = c->driver->feed(c->session, &in, loop_now_ns(c->thread->loop), &e);

		tap_part(&c->tap, from, (size_t) (in.at - from));
		if (r < 0 || e.said != DRIVER_NOTHING)
			tap_whole(&c->tap, r < 0 ? DRIVER_WRONG : e.said);
		if (r < 0) {
			struct err why = err_take(r);

			c->status.wrong++;
			conn_drop(c, (uint32_t) QUALITY_BAD_PROTOCOL, &why);
			return;
		}
		if (e.said == DRIVER_NOTHING)
			break;
		if (e.said == DRIVER_SPEAK)
			speak(c);
		else
			on_event(c, &e);
		if (c->end.closes && c->is_up && c->in_flight == 0 && e.said >= DRIVER_ANSWER && e.said <= DRIVER_WRONG) {
			rest(c);
			break;
		}
	}
	conn_pump(c);
}

/* ---- silence ---- */

/* Several silent devices on one line are not a silent line as long as others are believed to answer: those are asked first. */
static bool any_up(const struct conn *c)
{
	for (const struct dev *d = c->devices; d; d = d->next)
		if (d->status.state == LINK_UP)
			return true;
	return false;
}

static void expire(struct conn *c, uint32_t i)
{
	int64_t now = loop_now_ns(c->thread->loop);
	int r = c->driver->expired(c->session, i);
	struct err cut = err_take(r > 0 ? -ERR_PEER : r), why;
	bool others = c->in_flight > 1;
	struct slot s = release(c, i);
	char ms[NUM_TEXT_MAX];

	tap_whole(&c->tap, DRIVER_NOTHING);
	tap_note(&c->tap, LINK_FRAME_SILENCE, DRIVER_NOTHING, NULL, 0);
	num_format_u64(ms, c->end.timeout_ms);
	why = r > 0 ? cut : err_take(err_fail(ERR_TIMEOUT, "what", s.dev ? s.dev->name : s.errand && s.errand->dev->name[0] ? s.errand->dev->name :
		"@device", "ms", ms, NULL));
	if (c->end.late_ms)
		c->not_before_ns = MAX(c->not_before_ns, now + c->end.late_ms * NS_PER_MS);
	c->status.timeouts++;
	if (others)
		one_at_a_time(c, "a request among several was not answered");
	/* Who looks for devices hears a lot of silence. */
	c->mute += !(s.errand && s.errand->kind == ERRAND_GREET);
	/*
	 * What one silent device has cost may be spent on silent devices again after three times as long. A cycle that fails puts nobody off
	 * who waits for that already, or devices that fail in turn would put him off for ever.
	 */
	if (s.probe || !probe_waits(c))
		c->probe_not_before_ns = now + 3 * (now - s.sent_ns);
	if (s.errand)
		lane_silent(s.errand, &why);
	else if (s.dev) {
		struct request *q = &s.group->request[s.request];

		q->failed++;
		s.dev->status.timeouts++;
		s.group->status.reason = why;
		row_say(s.group, q->q.first, q->q.count, (uint32_t) QUALITY_BAD_TIMEOUT);
		row_flush(s.group);
		/* A question that alone stays without answer is asked ever more seldom. */
		if (!s.probe && ++q->fails > 1)
			q->retry_ns = now + MIN((int64_t) config_of(c)->retry_ms, INT64_C(1000) << MIN(q->fails, 10)) * NS_PER_MS;
		s.group->cycle_failed = true;
		cycle_settled(s.group, s.request, false);
		dev_missed(s.dev, s.probe, &why);
	}
	if (r < 0)
		conn_drop(c, (uint32_t) QUALITY_BAD_TIMEOUT, &cut);
	else if (c->mute >= LINK_MUTE && !any_up(c))
		conn_drop(c, (uint32_t) QUALITY_BAD_NO_COMMUNICATION, &why);
}

static void on_timeout(void *arg)
{
	struct conn *c = arg;
	int64_t now = loop_now_ns(c->thread->loop);

	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX && c->is_up; i++)
		if (c->slot[i].busy && c->slot[i].deadline_ns <= now)
			expire(c, i);
	conn_pump(c);
}

static void timeouts_arm(struct conn *c)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy)
			first = MIN(first, c->slot[i].deadline_ns);
	if (first == INT64_MAX || !c->is_up)
		timer_stop(&c->timeout);
	else if (!timer_is_running(&c->timeout) || c->timeout.at_ns != first)
		timer_start_at(loop_of(c), &c->timeout, first, on_timeout, c);
}

/* ---- opening and closing ---- */

static void on_retry(void *arg) { conn_open(arg); }

static void retry_in(struct conn *c, uint32_t ms)
{
	timer_start(loop_of(c), &c->retry, ms, on_retry, c);
	c->status.next_try_ns = clock_now_ns() + ms * NS_PER_MS;
}

/* Nothing is in flight any more; whose questions were open turns to `quality`. */
static void let_go(struct conn *c, uint32_t quality)
{
	if (c->is_up) {
		tap_whole(&c->tap, DRIVER_NOTHING);
		tap_note(&c->tap, LINK_FRAME_CLOSED, DRIVER_NOTHING, NULL, 0);
	}
	c->is_up = c->is_ready = c->is_resting = false;
	timer_stop(&c->timeout);
	timer_stop(&c->later);
	c->driver->lost(c->session);
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++) {
		struct slot s = c->slot[i];

		if (!s.busy)
			continue;
		c->slot[i].busy = false;
		if (!s.dev)
			continue;
		if (quality)
			row_say(s.group, s.group->request[s.request].q.first, s.group->request[s.request].q.count, quality);
		cycle_settled(s.group, s.request, false);
		row_flush(s.group);
	}
	c->in_flight = 0;
}

/*
 * A connection that had been useful is opened again at once and only what was just being asked is bad; who cannot be reached, or was
 * of no use, makes everything bad and has to wait, twice as long each time.
 */
static void lost(struct conn *c, uint32_t quality, const struct err *why)
{
	const struct link_config *f = config_of(c);
	bool at_once = c->was_useful && c->mute < LINK_MUTE;

	let_go(c, quality);
	lane_lost(c, why);
	for (struct dev *d = c->devices; d; d = d->next) {
		if (!at_once)
			dev_say(d, quality);
		dev_lost(d);
	}
	c->was_useful = false;
	c->wrong_row = c->mute = 0;
	if (!conn_wants_open(c)) {      /* it was open for errands alone */
		conn_state(c, c->enabled ? LINK_IDLE : LINK_DISABLED, why);
		return;
	}
	if (at_once) {
		retry_in(c, 0);
		conn_state(c, LINK_CONNECTING, why);
		return;
	}
	c->backoff_ms = c->backoff_ms ? MIN(c->backoff_ms * 2, f->reconnect_max_ms) : f->reconnect_min_ms;
	retry_in(c, jitter(c->thread, c->backoff_ms));
	conn_state(c, LINK_DOWN, why);
}

void conn_drop(struct conn *c, uint32_t quality, const struct err *why)
{
	if (!c->is_up)
		return;
	chain_close(c->chain);
	lost(c, quality, why);
}

static void on_open(void *ctx, struct chain *chain)
{
	struct conn *c = ctx;

	c->is_opening = false;
	c->is_up = true;
	c->status.connects++;
	tap_note(&c->tap, LINK_FRAME_OPENED, DRIVER_NOTHING, NULL, 0);
	if (c->is_resting) {
		c->is_resting = false;
		c->is_ready = c->driver->joined(c->session, loop_now_ns(c->thread->loop));
		conn_pump(c);
		return;
	}
	c->was_useful = false;
	c->mute = c->wrong_row = 0;
	c->status.next_try_ns = 0;
	c->not_before_ns = c->end.pause_ms ? loop_now_ns(c->thread->loop) + c->end.pause_ms * NS_PER_MS : 0;
	c->is_ready = c->driver->joined(c->session, loop_now_ns(c->thread->loop));
	conn_state(c, LINK_UP, NULL);
	if (!c->is_ready)
		speak(c);
	for (struct dev *d = c->devices; d && c->is_up; d = d->next)
		dev_joined(d);
	conn_pump(c);
}

static void on_close(void *ctx, struct chain *chain, const struct err *why)
{
	struct conn *c = ctx;
	struct err ended = why->kind ? *why : err_take(err_fail(ERR_PEER, "what", c->name, "detail", "@closed_by_peer", NULL));

	c->is_opening = false;
	lost(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &ended);
}

const struct chain_events conn_events = { .on_open = on_open, .on_data = on_data, .on_close = on_close };

void conn_called(struct conn *c, struct chain *chain, const uint8_t *rest, size_t n)
{
	struct err why = err_take(err_fail(ERR_PEER, "what", c->name, "detail", "@called_again", NULL));

	conn_drop(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &why);
	timer_stop(&c->retry);
	chain_free(c->chain);
	c->chain = chain;
	chain_set_events(chain, &conn_events, c);
	on_open(c, chain);
	if (n && c->is_up && c->chain == chain)
		on_data(c, chain, rest, n);
}

/* Nothing is opened: it is listened, and the state is what the last call came to. */
static int await_call(struct conn *c)
{
	const struct err last = c->status.reason;

	c->chain = chain_free(c->chain);
	if (dial_wait(c) < 0)
		return -(int) err_peek()->kind;
	c->status.next_try_ns = 0;
	conn_state(c, LINK_WAITING, last.kind ? &last : NULL);
	return 0;
}

void conn_open(struct conn *c)
{
	int r;

	if (c->is_up || c->is_opening || !conn_wants_open(c))
		return;
	timer_stop(&c->retry);
	if (c->end.transport == DRIVER_DIAL_IN) {
		r = await_call(c);
		if (r < 0) {
			struct err why = err_take(r);

			lost(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &why);
		}
		return;
	}
	r = c->chain ? 0 : conn_chain(c);
	if (r == 0)
		r = chain_open(c->chain);
	if (r < 0) {
		struct err why = err_take(r);

		lost(c, (uint32_t) QUALITY_BAD_NOT_CONNECTED, &why);
		return;
	}
	c->is_opening = true;
	c->status.next_try_ns = 0;
	/* While it is tried again and again the reason stays on the screen. */
	if (c->status.state != LINK_DOWN && c->status.state != LINK_CONNECTING && !c->is_resting)
		conn_state(c, LINK_CONNECTING, NULL);
}

/* The peer hangs up when it has answered: so do we, until there is something to ask again. */
static void rest(struct conn *c)
{
	chain_close(c->chain);
	tap_note(&c->tap, LINK_FRAME_CLOSED, DRIVER_NOTHING, NULL, 0);
	timer_stop(&c->timeout);
	timer_stop(&c->later);
	c->driver->lost(c->session);
	c->is_up = c->is_ready = false;
	c->is_resting = true;
}

void conn_close(struct conn *c)
{
	struct err why = err_take(err_fail(ERR_REFUSED, "what", c->name, "detail", "@link_changed", NULL));

	timer_stop(&c->retry);
	timer_stop(&c->idle);
	c->chain = chain_free(c->chain);
	dial_leave(c);
	c->is_opening = false;
	let_go(c, 0);
	lane_lost(c, &why);
	for (struct dev *d = c->devices; d; d = d->next)
		dev_lost(d);
	c->backoff_ms = 0;
	c->was_useful = false;
	c->status.next_try_ns = 0;
}

void conn_review(struct conn *c)
{
	if (conn_wants_open(c))
		conn_open(c);
	else {
		conn_close(c);
		conn_state(c, c->enabled ? LINK_IDLE : LINK_DISABLED, NULL);
	}
}

void conn_replan(struct conn *c)
{
	for (struct dev *d = c->devices; d; d = d->next) {
		dev_attach(d);
		for (struct group_rt *g = d->groups; g; g = g->next)
			group_plan(g);
	}
}
