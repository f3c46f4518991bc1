/*
 * device.c - who answers and who is silent.
 *
 *   WAITING ──joined──▶ CONNECTING ──answer──▶ UP ──an answer is missing──▶ SUSPECT ──answer──▶ UP
 *      ▲                    │                                                  │
 *      └──────lost──────    └──────────── the probe is not answered ───────────┴──▶ SILENT ──answer──▶ UP
 *
 * Only a device that is UP runs cycles. In the other states it is asked one question at a time, the probe: a device that is gone costs
 * the others one answer time at most, and ever more seldom.
 */
#include "link/engine.h"

void dev_state(struct dev *d, enum link_state s, const struct err *why)
{
	const struct link_config *f = config_of(d->conn);
	bool changed = d->status.state != s;

	if (changed) {
		d->status.since_ns = clock_now_ns();
		d->state_ns = loop_now_ns(loop_of(d->conn));
	}
	d->status.state = (uint8_t) s;
	d->status.reason = why ? *why : (struct err) { .kind = ERR_NONE };
	cell_write(d->cell, &d->status);
	if (!changed)
		return;
	if (s == LINK_SILENT)
		log_warn("link", "device %s: silent: %s", d->name, why ? err_log_text(why) : "");
	else
		log_info("link", "device %s: %s", d->name, link_state_id(s));
	if (f->on_state)
		f->on_state(f->ctx, &d->status);
}

bool dev_is_read(const struct dev *d)
{
	if (!d->enabled || !d->conn->enabled)
		return false;
	for (const struct group_rt *g = d->groups; g; g = g->next)
		if (g->enabled && g->n_read)
			return true;
	return false;
}

void dev_attach(struct dev *d)
{
	memset(d->driver, 0, d->conn->driver->device_size);
	d->conn->driver->attach(d->conn->session, d->driver, d->config);
}

void dev_say(struct dev *d, uint32_t quality)
{
	for (struct group_rt *g = d->groups; g; g = g->next) {
		if (!group_is_on(g))
			continue;
		row_say(g, 0, g->n_read, quality);
		row_flush(g);
	}
}

/* ---- probes ---- */

/* The question to probe with: the next in turn that is not known to be hopeless, so that one bad question does not condemn a device. */
struct group_rt *dev_probe_pick(struct dev *d, int64_t now, uint32_t *ret_request)
{
	struct group_rt *fallback = NULL;
	uint32_t n = 0, at = 0, fallback_request = 0;

	for (struct group_rt *g = d->groups; g; g = g->next)
		n += group_is_on(g) ? g->n_requests : 0;
	if (n == 0)
		return NULL;
	d->probe_cursor = (d->probe_cursor + 1) % n;
	/* twice around, so that those in front of the cursor are seen too */
	for (int round = 0; round < 2; round++)
		for (struct group_rt *g = d->groups; g; g = g->next)
			for (uint32_t i = 0; group_is_on(g) && i < g->n_requests; i++, at++) {
				const struct request *q = &g->request[i];

				if (at < d->probe_cursor || q->state == REQUEST_SENT)
					continue;
				if (q->retry_ns <= now) {
					*ret_request = i;
					return g;
				}
				fallback = g;
				fallback_request = i;
			}
	if (fallback)
		*ret_request = fallback_request;
	return fallback;
}

static void on_probe(void *arg)
{
	struct dev *d = arg;

	d->wants_probe = true;
	conn_pump(d->conn);
}

static void probe_in(struct dev *d, uint32_t ms)
{
	d->status.next_try_ns = clock_now_ns() + ms * NS_PER_MS;
	timer_start(loop_of(d->conn), &d->probe, ms, on_probe, d);
}

static bool is_alone(const struct dev *d)
{
	return d->conn->devices == d && !d->next;
}

/* ---- what happens to it ---- */

void dev_joined(struct dev *d)
{
	if (!dev_is_read(d))
		return;
	if (d->status.state != LINK_SILENT)
		dev_state(d, LINK_CONNECTING, NULL);
	timer_stop(&d->probe);
	d->wants_probe = true;
}

void dev_lost(struct dev *d)
{
	timer_stop(&d->probe);
	d->wants_probe = false;
	for (struct group_rt *g = d->groups; g; g = g->next) {
		cycle_abort(g);
		group_publish(g);
	}
	d->status.next_try_ns = 0;
	if (!d->enabled || !d->conn->enabled)
		dev_state(d, LINK_DISABLED, NULL);
	else if (!dev_is_read(d))
		dev_state(d, LINK_IDLE, NULL);
	else if (d->status.state != LINK_SILENT)
		dev_state(d, LINK_WAITING, NULL);
}

void dev_heard(struct dev *d)
{
	int64_t now = loop_now_ns(loop_of(d->conn));
	bool was_silent = d->status.state == LINK_SILENT;

	d->heard_ns = now;
	if (d->status.state == LINK_UP) {
		cell_write(d->cell, &d->status);
		return;
	}
	timer_stop(&d->probe);
	d->wants_probe = false;
	d->backoff_ms = 0;
	d->status.next_try_ns = 0;
	dev_state(d, LINK_UP, NULL);
	for (struct group_rt *g = d->groups; g; g = g->next) {
		for (uint32_t i = 0; was_silent && i < g->n_requests; i++) {
			g->request[i].fails = 0;
			g->request[i].retry_ns = 0;
		}
		/* its points have waited: not for the next whole period too */
		cycle_begin(g, now);
	}
}

void dev_missed(struct dev *d, bool probe, const struct err *why)
{
	const struct link_config *f = config_of(d->conn);

	for (struct group_rt *g = d->groups; g; g = g->next)
		cycle_abort(g);
	if (d->status.state == LINK_UP) {
		dev_state(d, LINK_SUSPECT, why);
		/* Alone on its connection it can be asked again at once; others must not wait twice in a row. */
		probe_in(d, is_alone(d) ? 0 : jitter(d->conn->thread, 400));
		return;
	}
	if (!probe)
		return;         /* asked together with the one that made it suspect */
	d->backoff_ms = d->status.state == LINK_SILENT ? MIN(MAX(d->backoff_ms, f->probe_min_ms) * 2, f->probe_max_ms) : f->probe_min_ms;
	dev_state(d, LINK_SILENT, why);
	dev_say(d, (uint32_t) QUALITY_BAD_NO_COMMUNICATION);
	probe_in(d, jitter(d->conn->thread, d->backoff_ms));
	cell_write(d->cell, &d->status);
}

void dev_review(struct dev *d)
{
	int64_t now = loop_now_ns(loop_of(d->conn));

	if (!dev_is_read(d) || !(d->conn->is_up || d->conn->is_resting))
		dev_lost(d);
	else if (d->status.state == LINK_UP)
		for (struct group_rt *g = d->groups; g; g = g->next) {
			if (!group_is_on(g))
				cycle_abort(g);
			else if (g->status.planned == 0)
				cycle_begin(g, now);
		}
	else if (d->status.state != LINK_SUSPECT && d->status.state != LINK_CONNECTING && d->status.state != LINK_SILENT)
		dev_joined(d);
	dev_tick(d, now);
	conn_pump(d->conn);
}

/* Who is neither up nor waiting has a probe on its way or coming: also when the last one was about points that are gone now. */
static void probe_ensure(struct dev *d)
{
	const struct conn *c = d->conn;
	bool on_its_way = d->wants_probe || timer_is_running(&d->probe);

	if (!c->is_up || !dev_is_read(d) || d->status.state == LINK_UP)
		return;
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		on_its_way |= c->slot[i].busy && c->slot[i].probe && c->slot[i].dev == d;
	if (!on_its_way)
		probe_in(d, 0);
}

/* Once a second: whatever else went wrong, no point shows a good value of a device that has not answered for two. */
void dev_tick(struct dev *d, int64_t now)
{
	const struct link_config *f = config_of(d->conn);
	/* On a shared line that has fallen silent also who was not asked yet may be gone. */
	bool doubt = d->conn->mute >= LINK_MUTE && now - d->heard_ns > 2 * NS_PER_S;
	bool stale = dev_is_read(d) && (d->status.state != LINK_UP ? now - d->state_ns > 2 * NS_PER_S : doubt);

	probe_ensure(d);
	for (struct group_rt *g = d->groups; g; g = g->next) {
		if (!group_is_on(g))
			row_say(g, 0, g->n, (uint32_t) QUALITY_BAD_OUT_OF_SERVICE);
		else {
			for (uint32_t i = g->n_read; i < g->n; i++)
				row_say(g, i, 1, g->fixed[i]);
			for (uint32_t i = 0; stale && i < g->n_read; i++)
				if (g->said[i] == QUALITY_UNSAID || !quality_is_bad(g->said[i]))
					row_say(g, i, 1, (uint32_t) (d->conn->is_up ? QUALITY_BAD_NO_COMMUNICATION : QUALITY_BAD_NOT_CONNECTED));
		}
		row_flush(g);
		if (g->n_bad && now - g->marked_ns >= f->remark_ms * NS_PER_MS)
			row_say_again(g);
		group_publish(g);
	}
	cell_write(d->cell, &d->status);
}
