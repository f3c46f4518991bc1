/* system.c - the state of the platform: figures, links, the audit. */

#include <stdlib.h>

#include "api/internal.h"
#include "base/when.h"
#include "link/link.h"
#include "plant/plant.h"
#include "service/demo.h"
#include "service/reach.h"
#include "service/witness.h"
#include "tsdb/tsdb.h"

static void time_kv(struct json *j, const char *key, int64_t ns)
{
	char text[40];

	if (ns == 0) {
		json_kv_str(j, key, NULL);
		return;
	}
	when_format(text, ns);
	json_kv_str(j, key, text);
}

static void uuid_kv(struct json *j, const char *key, const struct uuid *u)
{
	char text[UUID_TEXT + 1];

	uuid_format(u, text);
	json_kv_str(j, key, uuid_is_zero(u) ? NULL : text);
}

/* ---- status ---- */

/* Samples a second over the last 10 to 20 s; over the time since the start while that is shorter. */
static double pace_of(struct api *a, uint64_t samples)
{
	struct pace *p = &a->pace;
	int64_t now = clock_mono_ns();
	double ns;

	mutex_hold(&p->lock);
	if (!p->at_ns[1])
		p->at_ns[0] = p->at_ns[1] = a->started_mono_ns;
	if (now - p->at_ns[1] >= 10 * NS_PER_S) {
		p->at_ns[0] = p->at_ns[1];
		p->samples[0] = p->samples[1];
		p->at_ns[1] = now;
		p->samples[1] = samples;
	}
	ns = (double) (now - p->at_ns[0]);
	return ns > 0 && samples > p->samples[0] ? (double) (samples - p->samples[0]) * NS_PER_S / ns : 0;
}

static void disk_json(struct platform *p, struct json *j)
{
	uint64_t room, total;

	json_key(j, "disk");
	if (str_empty(p->data) || dir_free(p->data, &room, &total) < 0) {
		err_clear();
		json_null(j);
		return;
	}
	json_object(j);
	json_kv_u64(j, "free", room);
	json_kv_u64(j, "total", total);
	json_end(j);
}

static void clock_json(struct json *j)
{
	struct clock_state s;

	json_key(j, "clock");
	if (clock_state(&s) < 0) {
		err_clear();
		json_null(j);
		return;
	}
	json_object(j);
	time_kv(j, "now", clock_now_ns());
	json_kv_bool(j, "synchronized", s.synchronized);
	json_kv_i64(j, "offset_us", s.offset_ns / NS_PER_US);
	json_kv_i64(j, "error_us", s.error_ns / NS_PER_US);
	json_kv_i64(j, "error_max_us", s.error_max_ns / NS_PER_US);
	json_end(j);
}

static void log_json(struct api *a, struct wal *w, struct json *j)
{
	struct wal_metrics m;

	wal_metrics(w, &m);
	json_key(j, "log");
	json_object(j);
	json_kv_u64(j, "appended", m.appended);
	json_kv_u64(j, "durable", m.durable);
	json_kv_u64(j, "samples", m.samples);
	json_kv_f64(j, "samples_per_s", pace_of(a, m.samples));
	json_kv_u64(j, "backlog", m.appended > m.durable ? m.appended - m.durable : 0);
	json_kv_u64(j, "bytes", m.bytes);
	json_kv_u64(j, "queue_bytes", m.queue_bytes);
	json_kv_u64(j, "queue_max", m.queue_max);
	json_kv_u64(j, "disk_bytes", m.disk_bytes);
	json_kv_u64(j, "syncs", m.syncs);
	json_kv_u64(j, "refused", m.refused_busy + m.refused_full);
	json_kv_str(j, "failing", m.failing ? err_code(-m.failing) : NULL);
	json_end(j);
}

static void tsdb_json(struct tsdb *t, struct json *j)
{
	struct tsdb_stats s;

	tsdb_stats(t, &s);
	json_key(j, "history");
	json_object(j);
	json_kv_u64(j, "series", s.n_series);
	json_kv_u64(j, "head_bytes", s.head_bytes);
	json_kv_u64(j, "head_bytes_max", s.head_bytes_max);
	json_kv_u64(j, "head_samples", s.head_samples);
	json_kv_u64(j, "files", s.n_files);
	json_kv_u64(j, "file_bytes", s.file_bytes);
	json_kv_u64(j, "file_samples", s.file_samples);
	json_kv_f64(j, "bytes_per_sample", s.bytes_per_sample);
	json_kv_u64(j, "ingested", s.ingested);
	json_kv_u64(j, "flushes", s.flushes);
	json_kv_u64(j, "flush_failures", s.flush_failures);
	json_end(j);
}

static void queue_json(void *ctx, const struct queue_stats *q)
{
	struct json *j = ctx;

	json_object(j);
	json_kv_str(j, "name", q->name);
	json_kv_str(j, "policy", queue_policy_name(q->policy));
	json_kv_u64(j, "len", q->len);
	json_kv_u64(j, "max", q->max_items);
	json_kv_u64(j, "bytes", q->bytes);
	json_kv_u64(j, "max_bytes", q->max_bytes);
	json_kv_u64(j, "dropped", q->dropped);
	json_kv_u64(j, "refused", q->refused);
	json_end(j);
}

static int count_of(struct call *c, const char *plural, uint64_t *ret)
{
	struct noun_query q = { .noun = noun_find(c->api->platform, plural), .limit = 1, .count = true };
	struct store_page page = { 0 };
	int r = q.noun ? noun_list(&c->scope, &q, pass_over, NULL, &page) : -ERR_MISSING;

	if (r >= 0)
		*ret = page.total;
	return r;
}

static int counts_json(struct call *c, struct json *j)
{
	static const char *const plurals[] = { "places", "connections", "devices", "groups", "points" };

	json_key(j, "counts");
	json_object(j);
	for (size_t i = 0; i < ELEMENTSOF(plurals); i++) {
		const struct noun *noun = noun_find(c->api->platform, plurals[i]);
		uint64_t n;
		int r;
		if (!reach_may(&c->scope, noun->read, noun->type))
			continue;
		r = count_of(c, plurals[i], &n);
		if (r < 0)
			return r;
		json_kv_u64(j, plurals[i], n);
	}
	json_end(j);
	return 0;
}

/* Figures of the whole installation: for its own people, not for those of a tenant beside them. */
static bool is_of_platform(const struct call *c)
{
	return c->scope.tenant == TENANT_DEFAULT;
}

static void platform_json(struct call *c, struct json *j)
{
	struct platform *p = c->api->platform;

	json_key(j, "requests");
	json_object(j);
	json_kv_u64(j, "total", atomic_load(&c->api->n_calls));
	json_kv_u64(j, "errors", atomic_load(&c->api->n_errors));
	json_kv_u64(j, "denied", atomic_load(&c->api->n_denied));
	json_kv_u64(j, "open", atomic_load(&c->api->n_open));
	json_kv_u64(j, "live", live_count(c->api->live));
	json_end(j);
	if (p->wal)
		log_json(c->api, p->wal, j);
	if (p->tsdb)
		tsdb_json(p->tsdb, j);
	disk_json(p, j);
	clock_json(j);
	json_key(j, "queues");
	json_array(j);
	queue_list(queue_json, j);
	json_end(j);
}

static int run_status(struct call *c)
{
	struct platform *p = c->api->platform;
	struct json j = answer_json(c);
	struct tenant t;
	int r = guard_own_tenant(&c->scope, &t);

	if (r < 0)
		return r;
	json_object(&j);
	json_kv_str(&j, "version", p->version);
	json_kv_bool(&j, "demo", demo_is_there(&c->scope));
	time_kv(&j, "started", p->started_ns);
	json_kv_i64(&j, "uptime_s", (clock_mono_ns() - c->api->started_mono_ns) / NS_PER_S);
	json_key(&j, "tenant");
	json_object(&j);
	uuid_kv(&j, "id", &t.head.id);
	json_kv_str(&j, "code", t.code);
	json_kv_str(&j, "name", t.name);
	json_end(&j);
	r = counts_json(c, &j);
	if (r < 0)
		return r;
	if (is_of_platform(c))
		platform_json(c, &j);
	json_end(&j);
	return 0;
}

/* ---- links ---- */

static void reason_json(struct json *j, const struct err *e, enum lang lang)
{
	json_key(j, "reason");
	if (e->kind == ERR_NONE) {
		json_null(j);
		return;
	}
	json_object(j);
	error_entry(j, e, lang);
	json_end(j);
}

static void link_json(const struct link_status *s, enum lang lang, struct json *j)
{
	static const char *const kinds[] = { [LINK_CONNECTION] = "connection", [LINK_DEVICE] = "device", [LINK_GROUP] = "group" };

	json_object(j);
	uuid_kv(j, "id", &s->id);
	uuid_kv(j, "parent", &s->parent);
	json_kv_str(j, "kind", kinds[s->kind]);
	json_kv_str(j, "state", link_state_id((enum link_state) s->state));
	json_kv_str(j, "state_text", link_state_text((enum link_state) s->state, lang));
	time_kv(j, "since", s->since_ns);
	reason_json(j, &s->reason, lang);
	json_kv_u64(j, "points", s->n_points);
	json_kv_u64(j, "bad", s->n_bad);
	if (s->kind == LINK_GROUP) {
		json_kv_u64(j, "period_ms", s->period_ms);
		json_kv_u64(j, "requests_per_cycle", s->n_requests);
		json_kv_u64(j, "items", s->items);
		json_kv_u64(j, "planned", s->planned);
		json_kv_u64(j, "done", s->done);
		json_kv_u64(j, "missed", s->missed);
		json_kv_u64(j, "failed", s->failed);
		json_kv_u64(j, "dropped", s->dropped);
		json_kv_u64(j, "samples", s->samples);
		json_kv_u64(j, "last_us", s->last_us);
		json_kv_u64(j, "p50_us", s->p50_us);
		json_kv_u64(j, "p99_us", s->p99_us);
		json_kv_u64(j, "jitter_p99_us", s->jitter_p99_us);
		json_key(j, "achieved");
		json_f32(j, s->achieved);
	} else {
		json_kv_u64(j, "requests", s->requests);
		json_kv_u64(j, "answers", s->answers);
		json_kv_u64(j, "timeouts", s->timeouts);
		json_kv_u64(j, "refused", s->refused);
		json_kv_u64(j, "wrong", s->wrong);
		json_kv_u64(j, "strays", s->strays);
		json_kv_u64(j, "connects", s->connects);
		json_kv_u64(j, "bytes_in", s->bytes_in);
		json_kv_u64(j, "bytes_out", s->bytes_out);
		if (s->kind == LINK_CONNECTION)
			json_kv_u64(j, "at_once", s->at_once);
		time_kv(j, "next_try", s->next_try_ns);
	}
	json_end(j);
}

/* A connection has no place; a group hangs on its device. */
static bool may_see_link(struct scope *s, const struct link_status *l)
{
	if (scope_may(s, PERM_LINK_READ))
		return true;
	return l->kind != LINK_CONNECTION && reach_device(s, PERM_LINK_READ, l->kind == LINK_DEVICE ? &l->id : &l->parent);
}

static int by_id(const void *a, const void *b)
{
	return uuid_cmp(&(*(struct link_status *const *) a)->id, &(*(struct link_status *const *) b)->id);
}

static struct link_status *find_link(struct link_status **sorted, size_t n, const struct uuid *id)
{
	struct link_status key = { .id = *id }, *want = &key, **at = n ? bsearch(&want, sorted, n, sizeof(*sorted), by_id) : NULL;

	return at ? *at : NULL;
}

/* Every link of the tenant, parents first, and by id. What scan groups say of their points belongs to their device and its
 * connection too. */
static int all_links(struct call *c, struct link_status **ret, struct link_status ***ret_sorted, size_t *ret_n)
{
	struct link *l = c->api->platform->link;
	struct link_status *all = NULL, **sorted;
	size_t n = 0, room = 0;

	/* More may be set up between asking how many and asking for them. */
	while (l && (room = link_status(l, c->scope.tenant, all, n)) > n) {
		n = room + 16;
		all = arena_array(&c->arena, struct link_status, n);
		if (!all)
			return err_fail(ERR_NO_MEMORY, "what", "links", NULL);
	}
	n = l ? room : 0;
	sorted = arena_array(&c->arena, struct link_status *, n + 1);
	if (!sorted)
		return err_fail(ERR_NO_MEMORY, "what", "links", NULL);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &all[i];
	if (n)
		qsort(sorted, n, sizeof(*sorted), by_id);
	for (size_t i = n; i-- > 0;) {
		struct link_status *parent = all[i].kind == LINK_CONNECTION ? NULL : find_link(sorted, n, &all[i].parent);
		if (parent) {
			parent->n_points += all[i].n_points;
			parent->n_bad += all[i].n_bad;
		}
	}
	*ret = all;
	*ret_sorted = sorted;
	*ret_n = n;
	return 0;
}

static int run_links(struct call *c)
{
	struct link_status *all, **sorted;
	struct json j = answer_json(c);
	size_t n;
	int r = all_links(c, &all, &sorted, &n);

	if (r < 0)
		return r;
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (size_t i = 0; i < n; i++)
		if (may_see_link(&c->scope, &all[i]))
			link_json(&all[i], c->scope.lang, &j);
	json_end(&j);
	json_end(&j);
	return 0;
}

static int run_link(struct call *c)
{
	struct link_status *all, **sorted, *found;
	struct json j = answer_json(c);
	struct uuid id;
	size_t n;
	int r = call_uuid(c, &id);

	if (r >= 0)
		r = all_links(c, &all, &sorted, &n);
	if (r < 0)
		return r;
	found = find_link(sorted, n, &id);
	if (!found || !may_see_link(&c->scope, found))
		return err_fail(ERR_MISSING, "what", "@connection", "value", c->arg, NULL);
	link_json(found, c->scope.lang, &j);
	return 0;
}

/* ---- audit ---- */

/* A tenant's own store holds what was done to its plant; the system's store, who signed in and who may what. */
static const struct noun audit_of_tenant = NOUN_ROW(audit_type, DEED_TENANT, PERM_AUDIT_READ, PERM_AUDIT_READ, NULL);
static const struct noun audit_of_system = NOUN_ROW(audit_type, DEED_SYSTEM, PERM_AUDIT_READ, PERM_AUDIT_READ, NULL);

static int which_audit(struct call *c, const struct noun **ret)
{
	const char *store = call_param(c, "store");

	if (store && !str_eq(store, "tenant") && !str_eq(store, "system"))
		return err_fail(ERR_BAD_ARGUMENT, "field", "store", "rule", "@rule_store", "value", store, NULL);
	*ret = str_eq(store, "system") ? &audit_of_system : &audit_of_tenant;
	return 0;
}

static int run_audit(struct call *c)
{
	const struct noun *n;
	int r = which_audit(c, &n);

	if (r < 0)
		return r;
	if (!call_param(c, "sort") && c->n_params < PARAMS_MAX)
		c->param[c->n_params++] = (struct param) { "sort", "-seq" };
	return answer_list(c, n);
}

static int run_verify(struct call *c)
{
	struct json j = answer_json(c);
	struct audit_report report;
	const struct noun *n;
	int r = which_audit(c, &n);

	if (r >= 0 && n == &audit_of_system && !is_of_platform(c))      /* its entries are of all tenants */
		r = err_fail(ERR_DENIED, "permission", permission_id(PERM_SYSTEM_WRITE), NULL);
	if (r >= 0)
		r = witness_verify(c->api->platform, n == &audit_of_system ? 0 : c->scope.tenant, &report);
	if (r < 0 && r != -ERR_CORRUPT)
		return r;
	err_clear();
	json_object(&j);
	json_kv_bool(&j, "whole", r >= 0);
	json_kv_u64(&j, "entries", report.n);
	json_key(&j, "first_bad");
	if (report.first_bad)
		json_u64(&j, report.first_bad);
	else
		json_null(&j);
	json_kv_str(&j, "detail", report.detail[0] ? report.detail : NULL);
	json_end(&j);
	return 0;
}

static const char *const store_param[] = { "store", NULL };
static const char *const list_offers[] = { "application/json", "text/csv", "application/x-ndjson", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/status", PERM_SYSTEM_READ, "status.get", run_status, .doc = "The platform's state and figures"),
	ROUTE("GET", "/links", PERM_LINK_READ, "link.list", run_links, .placed = true, .doc = "How connections, devices and scan groups do"),
	ROUTE("GET", "/links/{id}", PERM_LINK_READ, "link.get", run_link, .placed = true, .doc = "How one of them does"),
	ROUTE("GET", "/audit", PERM_AUDIT_READ, "audit.list", run_audit, .params = params_of_noun, .list_of = &audit_type, .offers = list_offers,
		.doc = "Who did what; store=tenant (the plant) or system (users, sessions, rights)"),
	ROUTE("GET", "/audit/verify", PERM_AUDIT_READ, "audit.verify", run_verify, .params = store_param, .doc = "Is the chain of the audit whole?"),
};
const struct routes routes_system = { rows, ELEMENTSOF(rows) };
