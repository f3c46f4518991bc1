/*
 * lane.c - what is asked once, in front of all polling.
 *
 * An errand waits in its connection's lane until conn_pump() takes it; its next question is asked in front of every cycle. Errands of
 * one device follow each other; only a ramp that waits for its next step lets others by.
 */
#include "link/engine.h"

#include <math.h>

#include "base/num.h"

enum { CHECKS = 3, CHECK_MS = 150, IDLE_MS = 5000 };

static const char *const outcomes[] = { "done", "unchecked", "differs", "refused", "unknown", "stopped" };
_Static_assert(ELEMENTSOF(outcomes) == ERRAND_OUTCOMES_, "a word for each");
const char *errand_outcome_id(enum errand_outcome o) { return outcomes[o < ERRAND_OUTCOMES_ ? o : ERRAND_UNKNOWN]; }

/* ---- the end ---- */

void errand_free(struct errand_rt *e)
{
	timer_stop(&e->deadline);
	timer_stop(&e->park);
	dev_free(e->own);
	sys_free(e);
}

static void on_idle(void *arg)
{
	struct conn *c = arg;

	if (!conn_wants_open(c))
		conn_review(c);
}

static void leave(struct errand_rt *e)
{
	struct conn *c = e->conn;
	struct errand_rt **at = &c->lane;

	while (*at && *at != e)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = e->next;
	c->n_lane--;
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (c->slot[i].busy && c->slot[i].errand == e)
			c->slot[i].errand = NULL;
	/* A connection that was opened for errands alone is kept for a moment: they come in rows. */
	if (!c->is_guest && c->is_up && !conn_wants_open(c))
		timer_start(loop_of(c), &c->idle, IDLE_MS, on_idle, c);
}

void lane_end(struct errand_rt *e, enum errand_outcome o, const struct err *why)
{
	leave(e);
	e->result.outcome = o;
	e->result.why = why ? *why : (struct err) { .kind = ERR_NONE };
	e->result.text = e->who;
	e->result.took_us = e->began_ns ? (loop_now_ns(e->thread->loop) - e->began_ns) / NS_PER_US : 0;
	if (e->ramp > 0 && o != ERRAND_DONE && o != ERRAND_DIFFERS && e->n_written)
		e->result.value = (struct value) { .type = V_F64, .f64 = e->at };
	e->on_end(e->ctx, &e->result);
	errand_free(e);
}

/* What it means that it cannot go on: nothing was written yet, or it was and cannot be looked at, or nobody knows. */
static enum errand_outcome outcome_now(const struct errand_rt *e)
{
	if (e->phase == PHASE_CHECK)
		return e->is_doubtful ? ERRAND_UNKNOWN : ERRAND_UNCHECKED;
	if (e->phase == PHASE_WRITE && e->busy)
		return ERRAND_UNKNOWN;
	return e->ramp > 0 && e->n_written ? ERRAND_STOPPED : ERRAND_REFUSED;
}

static void refuse(struct errand_rt *e, int r)
{
	struct err why = err_take(r);

	lane_end(e, outcome_now(e), &why);
}

/* ---- coming ---- */

static void on_deadline(void *arg)
{
	struct errand_rt *e = arg;
	char ms[NUM_TEXT_MAX];

	num_format_u64(ms, e->within_ms);
	refuse(e, err_fail(ERR_TIMEOUT, "what", e->dev ? e->dev->name : e->conn->name, "ms", ms, NULL));
}

void lane_again(struct errand_rt *e)
{
	timer_start(loop_of(e->conn), &e->deadline, e->within_ms, on_deadline, e);
}

static int may_come(struct errand_rt *e)
{
	struct conn *c = e->conn;
	const struct dev *d = e->dev;
	char max[NUM_TEXT_MAX];

	num_format_u64(max, ERRANDS_MAX);
	if (c->n_lane >= ERRANDS_MAX)
		return err_fail(ERR_LIMIT, "what", "@commands_waiting", "max", max, NULL);
	if (!c->enabled || (d && !d->enabled))
		return err_fail(ERR_REFUSED, "what", c->enabled ? d->name : c->name, "detail", "@link_disabled", NULL);
	if (!c->is_up && conn_reads(c)) {
		if (c->status.reason.kind == ERR_NONE)
			return err_fail(ERR_REFUSED, "what", c->name, "detail", "@link_not_connected", NULL);
		err_put(&c->status.reason);
		return -c->status.reason.kind;
	}
	if (e->kind == ERRAND_WRITE && d && !e->own && dev_is_read(d) && d->status.state == LINK_SILENT)
		return err_fail(ERR_REFUSED, "what", d->name, "detail", "@link_silent", NULL);
	for (const struct errand_rt *o = c->lane; o; o = o->next)
		if (e->kind == ERRAND_WRITE && o->ramp > 0 && o->dev == d && !memcmp(o->address, e->address, sizeof(e->address)))
			return err_fail(ERR_REFUSED, "what", d->name, "detail", "@ramp_running", NULL);
	return 0;
}

void lane_add(struct errand_rt *e)
{
	struct conn *c = e->conn;
	struct errand_rt **at = &c->lane;
	int r;

	if (e->own) {
		e->own->conn = c;
		e->dev = e->own;
		dev_attach(e->own);
	}
	r = may_come(e);
	if (r < 0) {
		refuse(e, r);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = e;
	c->n_lane++;
	timer_stop(&c->idle);
	lane_again(e);
	if (c->is_up)
		conn_pump(c);
	else
		conn_open(c);           /* where nothing is read; if it cannot, the lane is told */
}

/* ---- asking ---- */

static bool is_behind(const struct conn *c, const struct errand_rt *e)
{
	for (const struct errand_rt *o = c->lane; o != e; o = o->next)
		if (o->dev == e->dev && !(o->parked && o->ramp > 0))
			return true;
	return false;
}

struct errand_rt *lane_next(struct conn *c)
{
	for (struct errand_rt *e = c->lane; e; e = e->next) {
		if (e->busy || e->parked || is_behind(c, e))
			continue;
		if (e->patient && c->is_polls_turn && c->active)
			continue;
		return e;
	}
	return NULL;
}

int lane_write(struct errand_rt *e, struct value v)
{
	int r;

	e->raw = conv_back(&e->conv, e->point.type, v);
	r = e->conn->driver->write(e->dev->driver, &e->point, e->raw, &e->write);
	if (r < 0) {
		refuse(e, err_at(r, "value"));
		return -1;
	}
	e->phase = r ? PHASE_MERGE : PHASE_WRITE;
	return 0;
}

static int read_point(struct errand_rt *e, enum phase phase)
{
	e->phase = phase;
	return e->conn->driver->plan(e->dev->driver, &e->point, 1, &e->question) == 1 ? 0 :
		err_fail(ERR_UNSUPPORTED, "what", "@reading", NULL);
}

static int begin(struct errand_rt *e)
{
	const struct driver *d = e->conn->driver;
	int r = 0;

	e->began_ns = loop_now_ns(loop_of(e->conn));
	switch (e->kind) {
	case ERRAND_OPEN:
		lane_end(e, ERRAND_DONE, NULL);
		return 1;
	case ERRAND_WRITE:
		if (e->ramp > 0)
			r = read_point(e, PHASE_START);
		else if (lane_write(e, e->value) < 0)
			return 1;
		break;
	case ERRAND_READ:
		r = read_point(e, PHASE_ASK);
		break;
	case ERRAND_PEEK:
		e->phase = PHASE_ASK;
		r = d->peek(e->dev->driver, &e->point, e->count, &e->question);
		break;
	case ERRAND_GREET:
		e->phase = PHASE_ASK;
		r = d->greet(e->dev->driver, e->step, &e->write);
		break;
	}
	if (r < 0) {
		refuse(e, r);
		return 1;
	}
	return 0;
}

int lane_question(struct errand_rt *e, struct driver_job *ret)
{
	bool is_write;

	if (e->phase == PHASE_BEGIN && begin(e))
		return 1;
	is_write = e->phase == PHASE_WRITE || e->kind == ERRAND_GREET;
	ret->device = e->dev->driver;
	ret->request = is_write || e->phase == PHASE_MERGE ? &e->write.request : &e->question;
	ret->write = is_write ? &e->write : NULL;
	e->result.tries++;
	return 0;
}

/* ---- hearing ---- */

static void on_park(void *arg)
{
	struct errand_rt *e = arg;
	struct conn *c = e->conn;

	e->parked = false;
	if (e->ramp > 0 && e->phase == PHASE_WRITE && ramp_walk(e) < 0)
		return;
	conn_pump(c);
}

void lane_park(struct errand_rt *e, int64_t ms)
{
	e->parked = true;
	timer_start(loop_of(e->conn), &e->park, ms, on_park, e);
}

static double number(struct value v)
{
	return v.type == V_BOOL ? v.b : v.type == V_I64 ? (double) v.i : v.type == V_F32 ? (double) v.f32 : v.f64;
}

/* Whole numbers and bits exactly; floats as near as their type can tell after the way through a device's own arithmetic. */
static bool is_same(const struct errand_rt *e, struct value got)
{
	double want = number(e->raw), have, near = e->point.type == POINT_F32 ? 1e-6 : 1e-12;

	if (e->raw.type == V_STR)
		return got.type == V_STR && got.len == e->raw.len && !memcmp(got.s, e->raw.s, got.len);
	if (got.type == V_NONE || got.type == V_STR)
		return false;
	if (got.type == V_I64 && e->raw.type == V_I64)
		return got.i == e->raw.i;
	have = number(got);
	if (got.type == V_BOOL || got.type == V_I64)
		return have == want;
	return fabs(have - want) <= near * MAX(fabs(have), fabs(want));
}

static struct driver_value take_value(struct errand_rt *e, const struct driver_event *ev)
{
	struct driver_value raw = { .value.s = e->heard, .quality = (uint32_t) QUALITY_BAD_PROTOCOL }, v;

	e->conn->driver->decode(e->dev->driver, &e->point, &e->question, ev->data, ev->len, &raw);
	v = conv_out(&e->conv, raw);
	e->result.value = v.value;
	e->result.quality = v.quality;
	return raw;
}

static void checked(struct errand_rt *e, const struct driver_event *ev)
{
	struct driver_value raw = take_value(e, ev), v = { e->result.value, e->result.quality };
	bool same = is_same(e, raw.value);

	if (!same && ++e->checks < CHECKS) {
		lane_park(e, CHECK_MS);
		return;
	}
	if (e->store && v.value.type != V_NONE)
		row_one(e->conn, e->series, e->vtype, &v);
	lane_end(e, same ? ERRAND_DONE : ERRAND_DIFFERS, NULL);
}

static void written(struct errand_rt *e)
{
	e->n_written++;
	e->retreated = false;
	if (e->ramp > 0 && ramp_stepped(e))
		return;
	/* What is written and never read is taken at the device's word. */
	if (!e->is_read)
		lane_end(e, ERRAND_UNCHECKED, NULL);
	else if (read_point(e, PHASE_CHECK) < 0)
		refuse(e, -ERR_UNSUPPORTED);
}

static void started(struct errand_rt *e, const struct driver_event *ev)
{
	struct driver_value raw = take_value(e, ev);

	/* What is no number has no way to the target: from 0 it would be a jump. */
	if (raw.value.type == V_NONE || e->result.value.type == V_NONE) {
		refuse(e, err_fail(ERR_REFUSED, "what", e->dev->name, "detail", "@ramp_start", NULL));
		return;
	}
	e->at = number(e->result.value);
	e->walked_ns = loop_now_ns(loop_of(e->conn));
	ramp_walk(e);
}

static void answered(struct errand_rt *e, const struct driver_event *ev)
{
	int r;

	switch (e->phase) {
	case PHASE_START:
		started(e, ev);
		return;
	case PHASE_MERGE:
		r = e->conn->driver->merge(e->dev->driver, &e->point, e->raw, ev->data, ev->len, &e->write);
		if (r < 0)
			refuse(e, r);
		else
			e->phase = PHASE_WRITE;
		return;
	case PHASE_WRITE:
		written(e);
		return;
	case PHASE_CHECK:
		checked(e, ev);
		return;
	default:
		break;
	}
	if (e->kind == ERRAND_READ)
		take_value(e, ev);
	e->result.data = ev->data;
	e->result.len = ev->len;
	lane_end(e, ERRAND_DONE, NULL);
}

/* Whatever it says, it is there: the next question asks who it is. */
static void greeted(struct errand_rt *e, const struct driver_event *ev)
{
	struct buf b = BUF_FIXED(e->who);
	const struct driver *d = e->conn->driver;

	if (ev && ev->said == DRIVER_ANSWER)
		d->who(e->dev->driver, e->step, ev->data, ev->len, &b);
	e->step++;
	if (e->who[0] || d->greet(e->dev->driver, e->step, &e->write) < 0) {
		err_clear();
		lane_end(e, ERRAND_DONE, NULL);
	}
}

static void count(struct errand_rt *e, const struct driver_event *ev)
{
	struct dev *d = e->dev;

	if (e->own || !dev_is_read(d))
		return;
	if (ev->said == DRIVER_ANSWER)
		d->status.answers++;
	else if (ev->said == DRIVER_REFUSED)
		d->status.refused++;
	else
		d->status.wrong++;
	if (ev->hint != DRIVER_HINT_ABSENT)
		dev_heard(d);
}

void lane_heard(struct errand_rt *e, const struct driver_event *ev, const struct err *why)
{
	enum errand_outcome o = outcome_now(e);

	e->busy = false;
	e->result.was_heard = true;
	e->result.is_absent = ev->said == DRIVER_REFUSED && ev->hint == DRIVER_HINT_ABSENT;
	count(e, ev);
	if (e->kind == ERRAND_GREET && !(e->result.is_absent && e->step == 0) && (ev->said != DRIVER_WRONG || e->step)) {
		greeted(e, ev);
		return;
	}
	if (ev->said == DRIVER_ANSWER) {
		answered(e, ev);
		return;
	}
	/* What is read back now says more than an answer that is none. */
	if (ev->said == DRIVER_WRONG && e->phase == PHASE_WRITE && e->is_read && e->ramp <= 0) {
		e->is_doubtful = true;
		written(e);
		return;
	}
	if (ev->said == DRIVER_REFUSED && e->phase == PHASE_WRITE) {
		o = e->ramp > 0 && e->n_written ? ERRAND_STOPPED : ERRAND_REFUSED;
		if (ev->hint == DRIVER_HINT_OTHERWISE && !e->retreated && e->conn->driver->retreat(e->dev->driver, &e->write)) {
			e->retreated = true;
			lane_write(e, e->ramp > 0 ? (struct value) { .type = V_F64, .f64 = e->going } : e->value);
			return;
		}
	}
	lane_end(e, o, why);
}

void lane_silent(struct errand_rt *e, const struct err *why)
{
	enum errand_outcome o = outcome_now(e);
	struct dev *d = e->dev;

	e->busy = false;
	if (e->kind == ERRAND_GREET && e->step) {
		greeted(e, NULL);
		return;
	}
	if (!e->own && dev_is_read(d)) {
		d->status.timeouts++;
		dev_missed(d, false, why);
	}
	lane_end(e, o, why);
}

/* ---- no more ---- */

void lane_lost(struct conn *c, const struct err *why)
{
	/* Who is told may come again at once: those that are there now end. */
	for (uint32_t n = c->n_lane; n && c->lane; n--)
		lane_end(c->lane, outcome_now(c->lane), why);
}

void lane_orphan(struct conn *c, const struct dev *d)
{
	for (struct errand_rt *e = c->lane, *next; e; e = next) {
		next = e->next;
		if (e->dev == d)
			refuse(e, err_fail(ERR_REFUSED, "what", c->name, "detail", "@link_changed", NULL));
	}
}

void lane_cancel(struct errand_rt *e)
{
	e->cancelled = true;
	if (!e->busy)                   /* else its answer decides */
		refuse(e, err_fail(ERR_CANCELLED, NULL, NULL));
}
