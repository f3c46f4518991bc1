/* live_send.c - values from the bus into frames: text, or batches for those who asked. */

#include <stdlib.h>

#include "api/live.h"
#include "base/num.h"
#include "base/when.h"
#include "job/job.h"

static int by_series(const void *a, const void *b)
{
	const struct live_index *x = a, *y = b;

	return x->series < y->series ? -1 : x->series > y->series;
}

static int64_t index_of(const struct live_sub *s, uint32_t series)
{
	const struct live_index key = { .series = series };
	const struct live_index *found = bsearch(&key, s->index, s->n, sizeof(*s->index), by_series);

	return found ? (int64_t) found->index : -1;
}

static void value_json(struct json *j, const struct value *v)
{
	switch (v->type) {
	case V_BOOL: json_bool(j, v->b); return;
	case V_I64: json_i64(j, v->i); return;
	case V_F32: json_f32(j, v->f32); return;
	case V_F64: json_f64(j, v->f64); return;
	case V_STR: json_strn(j, v->s, v->len); return;
	case V_TIME: json_i64(j, v->i / NS_PER_US); return;
	default: json_null(j); return;          /* none, and bytes: those are for batches */
	}
}

static int send_text(struct live_sub *s, const struct bus_value *v, size_t n)
{
	struct buf *out = &s->client->live->out;
	struct json j = JSON_TO(out);
	char seq[NUM_TEXT_MAX];

	buf_clear(out);
	json_object(&j);
	json_kv_str(&j, "op", "values");
	json_kv_str(&j, "id", s->id);
	num_format_u64(seq, n ? v[n - 1].change : 0);
	json_kv_str(&j, "seq", seq);
	json_key(&j, "v");
	json_array(&j);
	for (size_t i = 0; i < n; i++) {
		int64_t index = index_of(s, v[i].sample.series);
		if (index < 0)
			continue;
		json_array(&j);
		json_i64(&j, index);
		json_i64(&j, v[i].sample.time_ns / NS_PER_US);
		value_json(&j, &v[i].sample.value);
		json_u64(&j, v[i].sample.quality);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return out->failed ? -ERR_NO_MEMORY : ws_send(s->client->ws, true, out->data, out->len);
}

static int send_batch(struct live_sub *s, struct batch *b)
{
	struct buf *out = &s->client->live->out;
	uint32_t len = (uint32_t) str_len(s->id);

	buf_clear(out);
	buf_addn(out, &len, sizeof(len));
	buf_addn(out, s->id, len);
	buf_addn(out, b, b->size);
	return out->failed ? -ERR_NO_MEMORY : ws_send(s->client->ws, false, out->data, out->len);
}

/* A batch is of one type: one frame for each that occurs. A sample without value counts with the numbers. */
static int send_type(struct live_sub *s, const struct bus_value *v, size_t n, enum vtype t)
{
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	struct batch_builder *w = s->client->live->builder;
	size_t found = 0;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++) {
		enum vtype type = v[i].sample.value.type == V_NONE ? V_F64 : v[i].sample.value.type;
		if (type != t)
			continue;
		if (found++ == 0)
			r = batch_tall(w, s->client->tenant, 0, t);
		if (r >= 0)
			r = batch_tall_add(w, &v[i].sample);
	}
	if (!found || r < 0)
		return r;
	r = batch_seal(w, clock_now_ns(), 0, &b);
	if (r < 0)
		return r;
	b->seq = v[0].change - 1;               /* several frames carry these values: whoever goes on gets all of them again */
	return send_batch(s, b);
}

static int send_batches(struct live_sub *s, const struct bus_value *v, size_t n)
{
	int r = 0;

	for (enum vtype t = V_BOOL; t <= V_TIME && r >= 0; t++)
		r = send_type(s, v, n, t);
	return r;
}

static size_t on_values(void *ctx, const struct bus_value *v, size_t n)
{
	struct live_sub *s = ctx;
	int r;

	if (!s->client->ws)
		return n;
	if (ws_backlog(s->client->ws) > LIVE_BACKLOG) {
		s->full = true;
		return 0;
	}
	r = s->batch ? send_batches(s, v, n) : send_text(s, v, n);
	if (r < 0) {
		err_clear();
		s->full = true;
		return 0;
	}
	return n;
}

int live_listen(struct live_sub *s)
{
	struct bus_sub_config c = { .tenant = s->client->tenant, .n = s->n, .after = s->after, .max_rate_hz = s->max_hz, .on_values = on_values, .ctx = s };
	uint32_t *series;
	int r;

	s->bus = bus_unsubscribe(s->bus);
	s->index = sys_free(s->index);
	if (s->n == 0 || !s->client->live->api->platform->bus)  /* to the bus none means all */
		return 0;
	s->index = sys_alloc_array(s->n, sizeof(*s->index));
	series = sys_alloc_array(s->n, sizeof(*series));
	if (!s->index || !series) {
		sys_free(series);
		return err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
	}
	for (uint32_t i = 0; i < s->n; i++) {
		series[i] = s->point[i].series;
		s->index[i] = (struct live_index) { s->point[i].series, i };
	}
	qsort(s->index, s->n, sizeof(*s->index), by_series);
	c.series = series;
	s->after = 0;                           /* other points later: all of them */
	r = bus_subscribe(s->client->live->api->platform->bus, &c, &s->bus);
	sys_free(series);
	return r;
}

void live_resume(struct live_client *c)
{
	if (!c->ws || ws_backlog(c->ws) > LIVE_BACKLOG)
		return;
	for (struct live_sub *s = c->subs; s; s = s->next)
		if (s->full) {
			s->full = false;
			bus_resume(s->bus);
		}
}

/* ---- jobs ---- */

static void tell_job(void *ctx, const struct job_view *v)
{
	struct live_sub *s = ctx;
	struct buf *out = &s->client->live->out;
	struct json j = JSON_TO(out);
	char id[UUID_TEXT + 1], eta[WHEN_TEXT_MAX];

	buf_clear(out);
	uuid_format(&v->id, id);
	json_object(&j);
	json_kv_str(&j, "op", "job");
	json_kv_str(&j, "id", s->id);
	json_key(&j, "job");
	json_object(&j);
	json_kv_str(&j, "id", id);
	json_kv_str(&j, "kind", v->kind);
	json_kv_str(&j, "title", v->title);
	json_kv_str(&j, "title_zh", v->title_zh);
	json_kv_str(&j, "state", job_state_id(v->state));
	json_kv_u64(&j, "done", v->done);
	json_kv_u64(&j, "total", v->total);
	json_kv_str(&j, "unit", v->unit);
	json_kv_str(&j, "detail", v->detail);
	json_kv_str(&j, "detail_zh", v->detail_zh);
	when_format(eta, v->eta_ns);
	json_kv_str(&j, "eta", v->eta_ns ? eta : NULL);
	json_kv_bool(&j, "has_file", v->has_file);
	json_end(&j);
	json_end(&j);
	if (!out->failed && ws_send(s->client->ws, true, out->data, out->len) < 0)
		err_clear();
}

/* Only how a job stands now is told: a slow client misses steps and no end. */
void live_tell_jobs(struct live_client *c)
{
	struct jobs *jobs = c->live->api->platform->jobs;

	for (struct live_sub *s = c->subs; s && jobs; s = s->next)
		if (s->jobs && c->ws && s->after != jobs_change(jobs) && ws_backlog(c->ws) <= LIVE_BACKLOG)
			s->after = jobs_changed(jobs, c->tenant, c->sees_all ? NULL : &c->who, s->after, tell_job, s);
}
