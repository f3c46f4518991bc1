/* plan.c - what is asked of devices, cycle by cycle: requests, holes, times, and the rate that comes of it. */
#include "base/when.h"
#include "link/errand.h"
#include "service/commission.h"
#include "service/internal.h"

struct waiter { struct mutex mutex; struct cond news; bool is_there; struct link_request *list; uint32_t n; };

static void on_plan(void *ctx, const struct link_request *q, uint32_t n)
{
	struct waiter *w = ctx;

	mutex_hold(&w->mutex);
	w->n = MIN(n, w->n);
	memcpy(w->list, q, w->n * sizeof(*q));
	w->is_there = true;
	cond_signal(&w->news);
}

static int requests(struct scope *s, const struct link_status *g, struct link_request **ret, uint32_t *ret_n)
{
	struct waiter w = { .n = g->n_requests + 64 };
	int r;

	w.list = arena_array(s->arena, struct link_request, w.n);
	if (!w.list)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	mutex_init(&w.mutex);
	cond_init(&w.news);
	r = link_plan(s->platform->link, &g->id, on_plan, &w);
	mutex_lock(&w.mutex);
	while (r == 0 && !w.is_there)   /* the engine's thread never waits, so neither do we for long */
		cond_wait(&w.news, &w.mutex);
	mutex_unlock(&w.mutex);
	cond_done(&w.news);
	mutex_done(&w.mutex);
	*ret = w.list;
	*ret_n = w.n;
	return r;
}

static void request_json(const struct link_request *q, struct json *j)
{
	char when[WHEN_TEXT_MAX];

	json_object(j);
	json_kv_str(j, "range", q->range);
	json_kv_u64(j, "points", q->points);
	json_kv_u64(j, "items", q->items);
	json_kv_u64(j, "holes", q->holes);
	json_kv_u64(j, "last_us", q->last_us);
	json_kv_u64(j, "worst_us", q->worst_us);
	json_kv_u64(j, "asked", q->asked);
	json_kv_u64(j, "failed", q->failed);
	json_kv_bool(j, "failing", q->is_failing);
	if (q->retry_ns)
		when_format(when, q->retry_ns);
	json_kv_str(j, "retry", q->retry_ns ? when : NULL);
	json_end(j);
}

static int run_code(struct scope *s, const void *in, void *ret)
{
	struct group g;
	int r = store_get(s->tx, &group_type, in, &g, s->arena);

	if (r == 0)
		*(const char **) ret = g.code;
	return r;
}

static const struct deed deed_code = DEED_READ("link.plan", PERM_LINK_READ, DEED_TENANT, run_code);

static int group_json(struct scope *s, const struct link_status *g, const struct uuid *connection, struct json *j)
{
	struct link_request *list = NULL;
	uint32_t n = 0, items = 0, holes = 0;
	char id[UUID_TEXT + 1];
	const char *code = "";
	double asked = g->period_ms ? 1000.0 / g->period_ms : 0;
	int r = requests(s, g, &list, &n);

	if (r == 0)
		r = scope_do(s, &deed_code, &g->id, &code);
	if (r == -ERR_MISSING) {        /* it went meanwhile */
		err_clear();
		return 0;
	}
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < n; i++) {
		items += list[i].items;
		holes += list[i].holes;
	}
	json_object(j);
	uuid_format(&g->id, id);
	json_kv_str(j, "group", id);
	json_kv_str(j, "code", code);
	uuid_format(&g->parent, id);
	json_kv_str(j, "device", id);
	uuid_format(connection, id);
	json_kv_str(j, "connection", id);
	json_kv_u64(j, "period_ms", g->period_ms);
	json_kv_u64(j, "points", g->n_points);
	json_kv_u64(j, "requests", n);
	json_kv_u64(j, "items", items);
	json_kv_u64(j, "holes", holes);
	json_kv_f64(j, "asked_hz", asked);
	json_kv_f64(j, "achieved_hz", asked * (double) g->achieved);
	json_key(j, "achieved");
	json_f32(j, g->achieved);
	json_kv_u64(j, "last_us", g->last_us);
	json_kv_u64(j, "p50_us", g->p50_us);
	json_kv_u64(j, "p99_us", g->p99_us);
	json_key(j, "list");
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		request_json(&list[i], j);
	json_end(j);
	json_end(j);
	return 0;
}

static const struct link_status *status_of(const struct link_status *all, size_t n, const struct uuid *id)
{
	for (size_t i = 0; i < n; i++)
		if (uuid_equal(&all[i].id, id))
			return &all[i];
	return NULL;
}

int plan_json(struct scope *s, const struct uuid *id, struct buf *out)
{
	struct link *l = s->platform->link;
	struct link_status *all = NULL;
	size_t n = 0, room = 0;
	struct json j = JSON_TO(out);
	char text[UUID_TEXT + 1];
	int r = scope_need(s, PERM_LINK_READ);

	while (r == 0 && l && (room = link_status(l, s->tenant, all, n)) > n) {
		n = room + 16;
		all = arena_array(s->arena, struct link_status, n);
		if (!all)
			r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	}
	n = room;
	if (r == 0 && !uuid_is_zero(id) && !status_of(all, n, id)) {
		uuid_format(id, text);
		r = err_fail(ERR_MISSING, "what", "@connection", "value", text, NULL);
	}
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct link_status *d = all[i].kind == LINK_GROUP ? status_of(all, n, &all[i].parent) : NULL;

		if (d && (uuid_is_zero(id) || uuid_equal(id, &all[i].id) || uuid_equal(id, &d->id) || uuid_equal(id, &d->parent)))
			r = group_json(s, &all[i], &d->parent, &j);
	}
	json_end(&j);
	json_end(&j);
	return r;
}
