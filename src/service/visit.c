/* visit.c - somebody comes to a device once: opened, asked, left. */
#include "service/visit.h"

#include "base/num.h"

/* ---- who ---- */

static int find(struct scope *s, const struct rec_type *t, const char *what, const char *text, void *ret)
{
	struct store_filter filter = { "code", STORE_EQ, text };
	struct uuid id;
	int r;

	if (uuid_parse(text, str_len(text), &id))
		r = store_get(s->tx, t, &id, ret, s->arena);
	else
		r = store_find(s->tx, t, &filter, 1, ret, s->arena);
	if (r != -ERR_MISSING)
		return r;
	err_clear();
	return err_fail(ERR_MISSING, "what", what, "value", text, NULL);
}

static int readable(void *ctx, const void *rec)
{
	struct visit *v = ctx;
	const struct point *p = rec;

	if (v->has_first || !p->enabled || p->access == POINT_WRITE)
		return 0;
	v->has_first = true;
	return rec_dup(&point_type, &v->first, p, v->scope->arena);
}

static int load(struct scope *s, const struct visit_in *in, struct visit *v)
{
	char id[UUID_TEXT + 1];
	struct store_filter filter = { "device", STORE_EQ, id };
	struct store_list list = { .filters = &filter, .n_filters = 1, .limit = 20 };
	int r = 0;

	if (!str_empty(in->device)) {
		r = find(s, &device_type, "@device", in->device, &v->device);
		v->has_device = r == 0;
		if (r == 0 && str_empty(in->connection))
			r = store_get(s->tx, &connection_type, &v->device.connection, &v->connection, s->arena);
		uuid_format(&v->device.head.id, id);
		if (r == 0)
			r = store_list(s->tx, &point_type, &list, readable, v, NULL);
	}
	if (r == 0 && !str_empty(in->connection))
		r = find(s, &connection_type, "@connection", in->connection, &v->connection);
	return r;
}

static int run_visit(struct scope *s, const void *in_, void *ret)
{
	const struct visit_in *in = in_;
	struct visit *v = ret;
	int r = load(s, in, v);
	bool other = !str_empty(in->config) && !str_eq(in->config, v->connection.config);

	if (r < 0)
		return r;
	if (!str_empty(in->driver))
		v->connection.driver = in->driver;
	if (!str_empty(in->config))
		v->connection.config = in->config;
	if (other)
		v->connection.head.id = (struct uuid) { 0 };
	v->id = v->connection.head.id;
	v->device_config = !str_empty(in->device_config) ? in->device_config : v->has_device ? v->device.config : "{}";
	if (str_empty(v->connection.driver))
		return err_at(err_fail(ERR_REQUIRED, "field", "driver", NULL), "driver");
	v->driver = driver_find(v->connection.driver);
	if (!v->driver)
		return err_at(err_fail(ERR_NO_SUCH_REF, "field", "driver", "what", "@driver", "value", v->connection.driver, NULL), "driver");
	return audit_text(s, "visit", arena_fmt(s->arena, "%s %s", v->connection.driver, v->connection.config ? v->connection.config : ""));
}

static const struct deed deed_visit = DEED("link.visit", PERM_LINK_WRITE, DEED_TENANT, run_visit);

/* ---- coming and going ---- */

static int count(struct scope *s)
{
	char max[NUM_TEXT_MAX];

	if (atomic_fetch_add(&s->platform->visits, 1) < VISITS_MAX)
		return 0;
	atomic_fetch_sub(&s->platform->visits, 1);
	num_format_u64(max, VISITS_MAX);
	return err_fail(ERR_LIMIT, "what", "@visits", "max", max, NULL);
}

int visit_enter(struct scope *s, const struct visit_in *in, bool counted, struct visit **ret)
{
	struct visit *v = arena_new(s->arena, struct visit);
	struct link_status status;
	int r = v ? 0 : err_fail(ERR_NO_MEMORY, "what", "@connection", NULL);

	if (v)
		v->scope = s;
	if (r == 0 && !s->platform->link)
		r = err_fail(ERR_REFUSED, "what", "@connection", "detail", "@no_link", NULL);
	if (r == 0)
		r = scope_do(s, &deed_visit, in, v);
	if (r == 0 && counted)
		r = count(s);
	if (r < 0)
		return r;
	v->link = s->platform->link;
	v->runs = !uuid_is_zero(&v->id) && link_status_of(v->link, &v->id, &status) == 0 && status.state == LINK_UP;
	err_clear();
	mutex_init(&v->mutex);
	cond_init(&v->news);
	v->is_counted = counted;
	*ret = v;
	return 0;
}

int visit_open(struct scope *s, const struct visit_in *in, struct visit **ret) { return visit_enter(s, in, true, ret); }

struct visit *visit_close(struct visit *v)
{
	if (!v)
		return NULL;
	if (v->is_counted)
		atomic_fetch_sub(&v->scope->platform->visits, 1);
	link_guest_close(v->link, v->guest, NULL, NULL);
	cond_done(&v->news);
	mutex_done(&v->mutex);
	return NULL;
}

/* ---- asking ---- */

static void on_end(void *ctx, const struct errand_result *r)
{
	struct visit *v = ctx;
	struct buf b = BUF_FIXED(v->text);

	mutex_hold(&v->mutex);
	v->result = *r;
	v->result.len = MIN(r->len, sizeof(v->data));
	if (r->data)
		memcpy(v->data, r->data, v->result.len);
	buf_add(&b, r->text ? r->text : "");
	v->result.data = v->data;
	v->result.text = v->text;
	v->is_there = true;
	cond_signal(&v->news);
}

int visit_ask(struct visit *v, struct errand *e, const char *config)
{
	int r = 0;

	if (!v->runs && !v->guest)
		r = link_guest_open(v->link, v->scope->tenant, &v->connection, &v->guest);
	if (r < 0)
		return r;
	if (v->runs)
		e->connection = &v->id;
	else
		e->guest = v->guest;
	if (e->kind != ERRAND_OPEN)
		e->config = config ? config : v->device_config;
	e->on_end = on_end;
	e->ctx = v;
	e->within_ms = e->within_ms ? e->within_ms : 15000;
	v->is_there = false;
	v->text[0] = 0;
	r = link_errand(v->link, e, NULL);
	if (r < 0)
		return r;
	mutex_hold(&v->mutex);
	while (!v->is_there)            /* its time is bounded by within_ms */
		cond_wait(&v->news, &v->mutex);
	if (v->result.outcome == ERRAND_DONE)
		return 0;
	err_put(&v->result.why);
	return -v->result.why.kind;
}
