/* correction.c - see correction.h. */
#include "service/correction.h"

#include "base/num.h"
#include "base/when.h"
#include "plant/plant.h"
#include "rec/tree.h"
#include "service/intake.h"
#include "service/internal.h"
#include "service/reach.h"
#include "service/read_asked.h"
#include "tsdb/tsdb.h"

enum { WAIT_MS = 10000, OLDER_MAX = 8, ERASE_AT_ONCE = 500 };

#define C struct correction_record
static const struct rec_word kinds[] = { { "corrected", "Corrected", "更正" }, { "inserted", "Added", "补录" }, { 0 } };
static const struct rec_word states[] = { { "standing", "Standing", "有效" }, { "undone", "Undone", "已撤销" }, { 0 } };
static const struct rec_field fields[] = {
	F_KIND(C, point, REC_UUID, .flags = REC_READONLY | REC_INDEX, .label = "Point", .label_zh = "点位"),
	F(C, path, .flags = REC_READONLY | REC_SEARCH, .max = "500", .label = "Path", .label_zh = "路径"),
	F(C, unit, .flags = REC_READONLY, .max = "32", .label = "Engineering unit", .label_zh = "工程单位"),
	F_KIND(C, time, REC_TIME, .flags = REC_READONLY | REC_INDEX, .label = "Time of the sample", .label_zh = "样本时间"),
	F_ENUM(C, kind, kinds, .flags = REC_READONLY, .def = "corrected", .label = "Kind", .label_zh = "方式"),
	F_ENUM(C, state, states, .flags = REC_READONLY, .def = "standing", .label = "State", .label_zh = "状态"),
	F_KIND(C, before, REC_JSON, .flags = REC_READONLY, .label = "Value before", .label_zh = "原值"),
	F(C, before_quality, .flags = REC_READONLY, .def = "0", .label = "Quality before", .label_zh = "原质量码"),
	F_KIND(C, value, REC_JSON, .flags = REC_READONLY, .label = "Value", .label_zh = "更正值"),
	F(C, reason, .flags = REC_READONLY | REC_SEARCH, .max = "500", .label = "Reason", .label_zh = "原因"),
	F(C, name, .flags = REC_READONLY | REC_SEARCH, .max = "200", .label = "By", .label_zh = "操作人"),
	F(C, undone_by, .flags = REC_READONLY, .max = "200", .label = "Undone by", .label_zh = "撤销人"),
	F_KIND(C, undone, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Undone at", .label_zh = "撤销时间"),
	F(C, series, .flags = REC_INTERNAL), F(C, before_bits, .flags = REC_INTERNAL), F_KIND(C, before_type, REC_I32, .flags = REC_INTERNAL),
};
const struct rec_type correction_type = REC_TYPE(C, "correction", "corrections", fields, .title = "Correction", .title_zh = "更正记录",
	.doc = "A sample that a person corrected or added", .doc_zh = "人工更正或补录的样本");
const struct noun correction_noun = NOUN_ROW(correction_type, DEED_TENANT, PERM_SAMPLE_READ, PERM_HISTORY_CORRECT, NULL);

#define A struct correction_ask
static const struct rec_field ask_fields[] = {
	F(A, point, .flags = REC_REQUIRED, .max = "500", .label = "Point", .label_zh = "点位", .doc = "Id, path or code", .doc_zh = "标识符、路径或编码"),
	F(A, time, .flags = REC_REQUIRED, .max = "40", .label = "Time", .label_zh = "时间"),
	F_KIND(A, value, REC_JSON, .flags = REC_REQUIRED, .label = "Value", .label_zh = "值"),
};
static const struct rec_type ask_type = REC_PLAIN(A, "correction_ask", ask_fields, .title = "Correction", .title_zh = "更正");
static const struct rec_field in_fields[] = {
	F_KIND(struct correction_in, corrections, REC_LIST, .item = REC_REC, .type = &ask_type, .flags = REC_REQUIRED, .min = "1", .max = "1000",
		.label = "Corrections", .label_zh = "更正项"),
	F(struct correction_in, reason, .flags = REC_REQUIRED, .min = "1", .max = "500", .label = "Reason", .label_zh = "原因"),
};
const struct rec_type correction_in_type = REC_PLAIN(struct correction_in, "corrections_new", in_fields, .title = "Corrections", .title_zh = "更正");
static const struct rec_field undo_fields[] = {
	F(struct correction_undo_in, reason, .flags = REC_REQUIRED, .min = "1", .max = "500", .label = "Reason", .label_zh = "原因"),
};
const struct rec_type correction_undo_in_type = REC_PLAIN(struct correction_undo_in, "correction_undo", undo_fields, .title = "Undoing a correction",
	.title_zh = "撤销更正");

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@correction", NULL); }

/* ---- values ---- */

static bool fits_number(const struct tree *t, enum vtype type, struct value *ret)
{
	bool whole = t->kind == TREE_I64;
	double f = whole ? (double) t->i : t->f;

	*ret = (struct value) { .type = type };
	if (t->kind == TREE_BOOL && type == V_BOOL) {
		ret->b = t->b;
		return true;
	}
	if (type == V_BOOL && whole && (t->i == 0 || t->i == 1)) {
		ret->b = t->i;
		return true;
	}
	if (!whole && t->kind != TREE_F64)
		return false;
	if (type == V_I64 || type == V_TIME)
		ret->i = t->i;
	else if (type == V_F64)
		ret->f64 = f;
	else if (type == V_F32)
		ret->f32 = (float) f;
	return type == V_I64 ? whole : type == V_F64 || type == V_F32;
}

static int read_value(struct scope *s, const char *json, enum vtype type, struct value *ret)
{
	struct tree *t;
	int r = tree_parse(json, str_len(json), "value", s->arena, &t);
	bool fits;

	if (r < 0)
		return err_at(r, "value");
	if (type == V_STR) {
		fits = t->kind == TREE_STR;
		*ret = (struct value) { .type = V_STR, .s = t->s, .len = t->n };
	} else {
		fits = fits_number(t, type, ret);
	}
	return fits ? 0 : err_at(err_fail(ERR_WRONG_TYPE, "field", "@value", "want", type == V_BOOL ? "@boolean" : type == V_STR ? "@text" : type == V_I64 ?
		"@whole_number" : "@number", "value", json, NULL), "value");
}

static const char *value_json(struct arena *a, const struct value *v)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 512 << 10);
	struct json j = JSON_TO(&b);

	if (v->type == V_NONE || v->type == V_BYTES)
		return NULL;
	read_value_json(&j, v);
	return b.failed || b.len > 60000 ? NULL : arena_str(a, b.data);
}

/* ---- what is there ---- */

struct found { struct arena *arena; struct sample sample; enum vtype type; bool is, no_memory; };

static int keep_found(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct found *f = ctx;
	struct sample s;

	while (batch_next(&it, &s)) {
		bool text = s.value.type == V_STR || s.value.type == V_BYTES;

		/* Series of a point come oldest first: the newest one's counts. */
		f->sample = s;
		f->type = (enum vtype) b->vtype;
		f->is = true;
		if (text)
			f->sample.value.s = arena_strn(f->arena, s.value.s, s.value.len);
		f->no_memory |= text && !f->sample.value.s;
	}
	return f->no_memory ? no_memory() : 0;
}

static int look(struct scope *s, const struct uuid *point, int64_t time, struct found *ret)
{
	uint32_t series[OLDER_MAX];
	size_t n = MIN(tsdb_series_of(s->platform->tsdb, s->tenant, point, series, OLDER_MAX), (size_t) OLDER_MAX);
	struct tsdb_query q = { .tenant = s->tenant, .series = series, .n_series = n, .from_ns = time, .to_ns = time + 1, .deadline_ns = s->deadline_ns,
		.cancel = s->cancel };

	*ret = (struct found) { .arena = s->arena };
	int r = tsdb_range(s->platform->tsdb, &q, keep_found, ret);
	return MIN(r, 0);
}

/* ---- making them ---- */

struct task { struct plant_point at; C rec; struct value value; enum vtype type; };
struct making { const struct correction_in *in; struct task *tasks; };

static int find_point(struct scope *s, const char *text, struct plant_point *ret)
{
	int r = plant_resolve(s->platform->plant, s->tenant, text, s->arena, ret);

	if (r == 0 && !reach_device(s, PERM_SAMPLE_READ, &ret->device))
		r = err_fail(ERR_MISSING, "what", "@point", "value", text, NULL);
	if (r == 0)
		r = reach_need_device(s, PERM_HISTORY_CORRECT, &ret->device);
	if (r == 0 && !ret->store)
		r = err_fail(ERR_REFUSED, "what", ret->path, "detail", "@keeps_no_history", NULL);
	return r < 0 ? err_at(r, "point") : 0;
}

static int read_time(const char *text, int64_t *ret)
{
	if (when_parse(text, str_len(text), ret) && *ret < INT64_MAX)
		return 0;
	return err_at(err_fail(ERR_WRONG_TYPE, "field", "time", "want", "@time", "value", text, NULL), "time");
}

static int prepare(struct scope *s, const struct correction_in *in, const A *ask, struct task *t)
{
	struct found f;
	int r = find_point(s, ask->point, &t->at);

	if (r == 0)
		r = rec_init(&correction_type, &t->rec, s->arena);
	if (r == 0)
		r = read_time(ask->time, &t->rec.time);
	if (r == 0)
		r = look(s, &t->at.id, t->rec.time, &f);
	if (r < 0)
		return r;
	C *rec = &t->rec;
	t->type = f.is ? f.type : t->at.vtype;
	rec->series = f.is ? f.sample.series : t->at.series;
	rec->kind = f.is ? CORRECTION_CORRECTED : CORRECTION_INSERTED;
	rec->before_type = f.is ? (int32_t) f.sample.value.type : V_NONE;
	rec->before_quality = f.is ? f.sample.quality : 0;
	rec->before = f.is ? value_json(s->arena, &f.sample.value) : NULL;
	if (f.is && f.sample.value.type != V_STR && f.sample.value.type != V_NONE)
		memcpy(&rec->before_bits, &f.sample.value.i, f.type == V_BOOL ? 1 : f.type == V_F32 ? 4 : 8);
	rec->point = t->at.id;
	rec->path = t->at.path;
	rec->unit = t->at.unit;
	rec->value = ask->value;
	rec->reason = in->reason;
	rec->name = s->who.name;
	return read_value(s, ask->value, t->type, &t->value);
}

static int prepare_all(struct scope *s, const struct correction_in *in, struct task *tasks)
{
	const A *asks = in->corrections.items;
	int r = tsdb_wait(s->platform->tsdb, wal_durable(s->platform->wal), WAIT_MS);

	for (uint32_t i = 0; r == 0 && i < in->corrections.n; i++) {
		r = prepare(s, in, &asks[i], &tasks[i]);
		if (r < 0)
			err_at(err_at_index(r, i), "corrections");
	}
	return r;
}

static int send(struct scope *s, struct intake *t)
{
	uint64_t seq;
	int r = intake_seal(t);

	if (r == 0)
		r = intake_append(t, NULL, &seq);
	return MIN(r, 0);
}

/* The audit names them, but not their values. */
static int note(struct scope *s, const C *rec)
{
	char when[WHEN_TEXT_MAX];

	when_format(when, rec->time);
	return audit_text(s, "sample", arena_fmt(s->arena, "%s %s", rec->path, when));
}

static int run_make(struct scope *s, const void *in, void *ret)
{
	struct making *m = ret;
	struct intake t = intake_of(s);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < m->in->corrections.n; i++) {
		struct task *k = &m->tasks[i];
		struct sample sample = { .series = k->rec.series, .time_ns = k->rec.time, .value = k->value,
			.quality = k->rec.kind == CORRECTION_CORRECTED ? QUALITY_GOOD_EDITED : QUALITY_GOOD_ENTRY_INSERTED };

		r = intake_time(&t, k->rec.time);
		if (r == 0)
			r = store_put(s->tx, &correction_type, &k->rec, &s->who.id);
		if (r == 0)
			r = note(s, &k->rec);
		if (r == 0)
			r = intake_add(&t, k->type, &sample);
		if (r < 0)
			err_at(err_at_index(r, i), "corrections");
	}
	if (r >= 0)
		r = audit_text(s, "reason", m->in->reason);
	/* The last act: what follows is the commit. */
	if (r >= 0 && !s->rehearsal)
		r = send(s, &t);
	intake_done(&t);
	return MIN(r, 0);
}

static int refused(struct scope *s, const char *deed, int r)
{
	struct err e = err_take(r);

	guard_audit_refusal(s, deed, r);
	err_put(&e);
	return r;
}

int correction_make(struct scope *s, const struct correction_in *in, C **ret)
{
	static const struct deed deed = { .name = "history.correct", .permission = MUST_SAY(PERM_HISTORY_CORRECT), .store = DEED_TENANT, .placed = true,
		.run = run_make };
	struct task *tasks = arena_array(s->arena, struct task, in->corrections.n + 1u);
	C *recs = arena_array(s->arena, C, in->corrections.n + 1u);
	struct making m = { in, tasks };
	int r = tasks && recs ? 0 : no_memory();

	if (r == 0 && scope_may_somewhere(s, PERM_HISTORY_CORRECT))
		r = prepare_all(s, in, tasks);
	if (r == -ERR_DENIED)
		return refused(s, deed.name, r);
	if (r == 0)
		r = scope_do(s, &deed, NULL, &m);
	for (uint32_t i = 0; r == 0 && i < in->corrections.n; i++)
		recs[i] = tasks[i].rec;
	if (r == 0)
		*ret = recs;
	return r;
}

/* ---- undoing one ---- */

struct undoing { const struct uuid *id; const struct correction_undo_in *in; C rec; };

static int missing(const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", "@correction", "value", text, NULL);
}

struct later { const C *of; bool is; };

static int note_later(void *ctx, const void *rec)
{
	const C *r = rec;
	struct later *l = ctx;

	l->is |= r->state == CORRECTION_STANDING && r->head.created > l->of->head.created;
	return 0;
}

static int check_undo(struct scope *s, const C *rec)
{
	char point[UUID_TEXT + 1], when[WHEN_TEXT_MAX];
	struct later l = { .of = rec };
	struct plant_point at;

	uuid_format(&rec->point, point);
	when_format(when, rec->time);
	int r = plant_by_id(s->platform->plant, s->tenant, &rec->point, s->arena, &at);
	if (r == 0)
		r = find_point(s, point, &at);
	if (r == 0 && rec->state != CORRECTION_STANDING)
		return err_fail(ERR_REFUSED, "what", "@correction", "detail", "@already_undone", NULL);
	const struct store_filter same[] = { { "point", STORE_EQ, point }, { "time", STORE_EQ, when } };
	if (r == 0)
		r = store_list(s->tx, &correction_type, &(struct store_list) { .filters = same, .n_filters = 2 }, note_later, &l, NULL);
	return r < 0 ? r : l.is ? err_fail(ERR_REFUSED, "what", "@correction", "detail", "@later_correction", NULL) : 0;
}

static int before_value(struct scope *s, const C *rec, struct value *ret)
{
	struct tree *t;
	int r = 0;

	*ret = (struct value) { .type = (enum vtype) rec->before_type };
	if (rec->before_type == V_STR) {
		r = rec->before ? tree_parse(rec->before, str_len(rec->before), "value", s->arena, &t) : no_memory();
		if (r == 0) {
			ret->s = t->s;
			ret->len = t->n;
		}
	} else if (rec->before_type != V_NONE) {
		memcpy(&ret->i, &rec->before_bits, sizeof(ret->i));
	}
	return MIN(r, 0);
}

/* As it was: value, quality and time. */
static int write_back(struct scope *s, const C *rec)
{
	struct intake t = intake_of(s);
	struct sample sample = { .series = rec->series, .time_ns = rec->time, .quality = rec->before_quality };
	struct tsdb_series_info info;
	int r = tsdb_series_get(s->platform->tsdb, s->tenant, rec->series, &info);

	if (r == 0)
		r = before_value(s, rec, &sample.value);
	if (r == 0)
		r = intake_add(&t, info.type, &sample);
	if (r == 0)
		r = send(s, &t);
	intake_done(&t);
	return r;
}

static int run_undo(struct scope *s, const void *in, void *ret)
{
	struct undoing *u = ret;
	C *rec = &u->rec;
	int r = store_get(s->tx, &correction_type, u->id, rec, s->arena);

	if (r == -ERR_MISSING) {
		err_clear();
		return missing(u->id);
	}
	if (r == 0)
		r = check_undo(s, rec);
	if (r < 0)
		return r;
	rec->state = CORRECTION_UNDONE;
	rec->undone_by = s->who.name;
	rec->undone = clock_now_ns();
	rec_set_has(&correction_type, rec, rec_field(&correction_type, "undone"), true);
	r = store_put(s->tx, &correction_type, rec, &s->who.id);
	if (r == 0)
		r = note(s, rec);
	if (r == 0)
		r = audit_text(s, "reason", u->in->reason);
	if (r < 0 || s->rehearsal)
		return r;
	if (rec->kind == CORRECTION_CORRECTED)
		return write_back(s, rec);
	return tsdb_delete(s->platform->tsdb, s->tenant, &(struct tsdb_stretch) { rec->series, rec->time, rec->time + 1 }, 1, WAIT_MS);
}

int correction_undo(struct scope *s, const struct uuid *id, const struct correction_undo_in *in, C *ret)
{
	static const struct deed deed = { .name = "history.correct_undo", .permission = MUST_SAY(PERM_HISTORY_CORRECT), .store = DEED_TENANT, .placed = true,
		.run = run_undo };
	struct undoing u = { .id = id, .in = in };
	int r = scope_do(s, &deed, NULL, &u);

	if (r == 0)
		*ret = u.rec;
	return r;
}

/* ---- erasing ---- */

struct erased { const struct uuid *points; uint32_t n, at, found; struct uuid id[ERASE_AT_ONCE]; };

static int note_one(void *ctx, const void *rec)
{
	struct erased *e = ctx;

	e->id[e->found++] = ((const C *) rec)->head.id;
	return e->found == ERASE_AT_ONCE;
}

static int run_erase(struct scope *s, const void *in, void *ret)
{
	struct erased *e = ret;
	char point[UUID_TEXT + 1];
	int r = 0;

	e->found = 0;
	for (; r >= 0 && e->at < e->n && !e->found; e->at += !e->found) {
		uuid_format(&e->points[e->at], point);
		r = store_list(s->tx, &correction_type, &(struct store_list) { .filters = &(struct store_filter) { "point", STORE_EQ, point }, .n_filters = 1 }, note_one, e,
			NULL);
	}
	for (uint32_t i = 0; r >= 0 && i < e->found; i++)
		r = store_del(s->tx, &correction_type, &e->id[i], 0, &s->who.id);
	if (r < 0 || !e->found)
		return r < 0 ? r : DEED_CHANGED_NOTHING;
	return audit_text(s, "corrections", arena_fmt(s->arena, "%u of %s", e->found, point));
}

int correction_erase(struct scope *s, const struct uuid *points, uint32_t n, uint32_t *ret_n)
{
	static const struct deed deed = DEED("history.erase_corrections", PERM_HISTORY_ERASE, DEED_TENANT, run_erase);
	struct erased *e = arena_new(s->arena, struct erased);
	uint32_t sum = 0;
	int r = e ? 0 : no_memory();

	if (e)
		*e = (struct erased) { .points = points, .n = n };
	while (r == 0 && e->at < n) {
		r = scope_do(s, &deed, NULL, e);
		sum += r == 0 ? e->found : 0;
	}
	if (r == 0)
		*ret_n = sum;
	return r;
}
