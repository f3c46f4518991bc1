/* read_values.c - GET /api/v1/values: the last value of every point with its quality and since when it is so. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "bus/bus.h"
#include "model/plant.h"
#include "service/internal.h"
#include "service/reach.h"
#include "service/read.h"
#include "service/read_asked.h"

enum { CHUNK = 4096 };          /* points read under one lock */

enum level { LEVEL_GOOD, LEVEL_UNCERTAIN, LEVEL_BAD, LEVEL_DISABLED, LEVEL_UNKNOWN, LEVELS_ };
static const char *const level_words[] = { "good", "uncertain", "bad", "disabled", "unknown" };

struct found { const struct plant_point *point; struct bus_value v; enum level level; };

struct values {
	struct scope *scope;
	struct plant_point *points;
	uint32_t n, at;                 /* at: the point whose value comes next */
	struct found *found;            /* n of them, in the order of points */
	bool no_memory;
};

/* Switched off is neither good nor bad; what has not been read yet is not known. */
static enum level level_of(const struct plant_point *p, const struct bus_value *v)
{
	uint32_t q = v->sample.quality;

	if (!p->enabled || q == (uint32_t) QUALITY_BAD_OUT_OF_SERVICE)
		return LEVEL_DISABLED;
	if (!v->change || q == (uint32_t) QUALITY_BAD_WAITING)
		return LEVEL_UNKNOWN;
	return quality_is_bad(q) ? LEVEL_BAD : quality_is_uncertain(q) ? LEVEL_UNCERTAIN : LEVEL_GOOD;
}

static void on_value(void *ctx, const struct bus_value *v)
{
	struct values *a = ctx;
	struct bus_value *to;

	while (a->at < a->n && a->points[a->at].series != v->sample.series)
		a->at++;
	if (a->at == a->n)
		return;
	to = &a->found[a->at++].v;
	*to = *v;
	if (v->sample.value.type == V_STR || v->sample.value.type == V_BYTES) {
		to->sample.value.s = arena_strn(a->scope->arena, v->sample.value.s, v->sample.value.len);
		a->no_memory |= !to->sample.value.s;
	}
}

static int list_points(struct values *a, const struct values_query *q)
{
	struct scope *s = a->scope;
	struct plant *plant = s->platform->plant;
	struct plant_label label;
	int r;

	if (str_empty(q->label))
		return plant_list(plant, s->tenant, NULL, q->path, s->arena, &a->points);
	r = plant_label(plant, s->tenant, "label", q->label, s->arena, &label);
	return r < 0 ? r : plant_labelled(plant, s->tenant, &label.id, q->path, s->arena, &a->points);
}

static int read_all(struct values *a, const struct values_query *q)
{
	struct platform *p = a->scope->platform;
	int n = list_points(a, q);
	uint32_t *series;

	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (reach_device(a->scope, PERM_POINT_READ, &a->points[i].device))
			a->points[a->n++] = a->points[i];
	series = arena_array(a->scope->arena, uint32_t, a->n + 1);
	a->found = arena_array(a->scope->arena, struct found, a->n + 1);
	if (!series || !a->found)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; i < a->n; i++) {
		series[i] = a->points[i].series;
		a->found[i] = (struct found) { .point = &a->points[i] };
	}
	for (uint32_t i = 0; p->bus && i < a->n; i += CHUNK) {
		a->at = i;
		bus_read(p->bus, a->scope->tenant, series + i, MIN(a->n - i, (uint32_t) CHUNK), on_value, a);
	}
	for (uint32_t i = 0; i < a->n; i++)
		a->found[i].level = level_of(a->found[i].point, &a->found[i].v);
	return a->no_memory ? err_fail(ERR_NO_MEMORY, "what", "@list", NULL) : 0;
}

/* What changed last stands first; of the same moment by path. */
static int by_since(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->v.since_ns != y->v.since_ns)
		return x->v.since_ns > y->v.since_ns ? -1 : 1;
	return strcmp(x->point->path, y->point->path);
}

static void item_json(struct json *j, const struct found *f, bool zh)
{
	const struct plant_point *p = f->point;
	char text[UUID_TEXT + 1];

	json_object(j);
	uuid_format(&p->id, text);
	json_kv_str(j, "point", text);
	json_kv_str(j, "path", p->path);
	json_kv_str(j, "code", p->code);
	json_kv_str(j, "name", p->name);
	json_kv_str(j, "unit", p->unit);
	uuid_format(&p->device, text);
	json_kv_str(j, "device", text);
	json_kv_str(j, "state", level_words[f->level]);
	json_key(j, "t");
	if (f->v.change)
		json_i64(j, f->v.sample.time_ns / 1000);
	else
		json_null(j);
	json_key(j, "v");
	read_value_json(j, &f->v.sample.value);
	if (f->v.change) {
		json_kv_u64(j, "q", f->v.sample.quality);
		json_kv_str(j, "quality", quality_id(f->v.sample.quality));
		json_kv_str(j, "quality_text", quality_text(f->v.sample.quality, zh));
		json_kv_i64(j, "since", f->v.since_ns / 1000);
	}
	json_end(j);
}

static int parse_state(const char *text, bool want[LEVELS_])
{
	for (int i = 0; i < LEVELS_; i++)
		want[i] = str_empty(text) || str_eq(text, level_words[i]) || (str_eq(text, "abnormal") && (i == LEVEL_BAD || i == LEVEL_UNCERTAIN));
	for (int i = 0; i < LEVELS_; i++)
		if (want[i])
			return 0;
	return err_at(err_fail(ERR_NOT_A_WORD, "field", "state", "words", "good, uncertain, bad, abnormal, disabled, unknown", "value", text, NULL), "state");
}

int read_values(struct scope *s, const struct values_query *q, struct buf *out)
{
	struct values a = { .scope = s };
	bool want[LEVELS_];
	uint64_t count[LEVELS_] = { 0 };
	uint32_t n = 0, limit = q->limit ? q->limit : READ_LIMIT;
	struct json j = JSON_TO(out);
	int r = scope_need_somewhere(s, PERM_POINT_READ);

	if (r == 0)
		r = parse_state(q->state, want);
	if (r == 0)
		r = read_all(&a, q);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < a.n; i++) {
		count[a.found[i].level]++;
		if (want[a.found[i].level])
			a.found[n++] = a.found[i];
	}
	if (n)
		qsort(a.found, n, sizeof(a.found[0]), by_since);
	json_object(&j);
	json_key(&j, "counts");
	json_object(&j);
	json_kv_u64(&j, "points", a.n);
	for (int i = 0; i < LEVELS_; i++)
		json_kv_u64(&j, level_words[i], count[i]);
	json_end(&j);
	json_kv_u64(&j, "count", n);
	json_key(&j, "items");
	json_array(&j);
	for (uint32_t i = 0; i < MIN(n, limit); i++)
		item_json(&j, &a.found[i], s->lang == LANG_ZH);
	json_end(&j);
	json_end(&j);
	return out->failed ? err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL) : 0;
}
