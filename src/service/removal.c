/* removal.c - removals as records, and deletions; erasing is erase.c. */
#include "service/removal.h"

#include "job/job.h"
#include "service/internal.h"

#define R struct removal_record
static const struct rec_word kinds[] = { { "deleted", "Deleted", "删除" }, { "erased", "Erased", "抹除" }, { 0 } };
static const struct rec_word states[] = { { "under_way", "Under way", "进行中" }, { "done", "Done", "已完成" }, { "failed", "Failed", "失败" }, { 0 } };
static const struct rec_field fields[] = {
	F_ENUM(R, kind, kinds, .flags = REC_READONLY, .def = "deleted", .label = "Kind", .label_zh = "方式"),
	F_ENUM(R, state, states, .flags = REC_READONLY | REC_INDEX, .def = "under_way", .label = "State", .label_zh = "状态"),
	F_KIND(R, points, REC_LIST, .item = REC_STR, .flags = REC_READONLY, .max = "1000", .label = "Points", .label_zh = "点位"),
	F(R, under, .flags = REC_READONLY, .max = "500", .label = "All below", .label_zh = "路径下全部"),
	F(R, n_points, .flags = REC_READONLY, .label = "Number of points", .label_zh = "点位数"),
	F_KIND(R, from, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "From", .label_zh = "开始"),
	F_KIND(R, to, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "To", .label_zh = "结束"),
	F(R, reason, .flags = REC_READONLY | REC_SEARCH, .max = "500", .label = "Reason", .label_zh = "原因"),
	F(R, name, .flags = REC_READONLY | REC_SEARCH, .max = "200", .label = "By", .label_zh = "操作人"),
	F(R, samples, .flags = REC_READONLY, .label = "Samples", .label_zh = "样本数"),
	F_KIND(R, ended, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Ended", .label_zh = "结束时间"),
	F(R, code, .flags = REC_READONLY, .max = "40", .label = "Failure", .label_zh = "失败代码"),
	F(R, detail, .flags = REC_READONLY, .max = "1000", .label = "What happened", .label_zh = "说明（英文）"),
	F(R, detail_zh, .flags = REC_READONLY, .max = "1000", .label = "What happened, in Chinese", .label_zh = "说明"),
	F_KIND(R, report, REC_JSON, .flags = REC_READONLY, .label = "Report", .label_zh = "报告"),
};
const struct rec_type removal_type = REC_TYPE(R, "removal", "removals", fields, .title = "Removal of samples", .title_zh = "样本删除记录",
	.doc = "Samples that people deleted or erased", .doc_zh = "人工删除或抹除的样本");
const struct noun removal_noun = NOUN_ROW(removal_type, DEED_TENANT, PERM_SAMPLE_READ, PERM_HISTORY_DELETE, NULL);

#define IN struct removal_in
#define F_POINTS F_KIND(IN, points, REC_LIST, .item = REC_STR, .max = "1000", .label = "Points", .label_zh = "点位", .doc = "Ids, paths or codes", .doc_zh = "标识符、路径或编码")
#define F_REASON F(IN, reason, .flags = REC_REQUIRED, .min = "1", .max = "500", .label = "Reason", .label_zh = "原因")
static const struct rec_field delete_fields[] = {
	F_POINTS,
	F(IN, under, .max = "500", .label = "All below", .label_zh = "路径下全部", .doc = "Instead of points", .doc_zh = "代替点位列表"),
	F(IN, from, .label = "From", .label_zh = "开始", .doc = "RFC 3339, or now-1h; without: since ever", .doc_zh = "RFC 3339 时间，或 now-1h；不填表示从最早开始"),
	F(IN, to, .label = "To", .label_zh = "结束", .doc = "Without: for ever", .doc_zh = "不填表示直到最后"),
	F_REASON,
};
const struct rec_type delete_in_type = REC_PLAIN(IN, "history_delete", delete_fields, .title = "Deleting samples", .title_zh = "删除样本");
static const struct rec_field erase_fields[] = {
	F_POINTS, F_REASON,
	F(IN, backups, .def = "false", .label = "Backups, too", .label_zh = "同时删除备份", .doc = "Those made before are deleted; else they are named",
		.doc_zh = "删除此前建立的备份；否则仅列出"),
};
const struct rec_type erase_in_type = REC_PLAIN(IN, "history_erase", erase_fields, .title = "Erasing points' samples", .title_zh = "抹除点位样本");

/* ---- records ---- */

static void set_time(R *rec, const char *field, int64_t *to, int64_t ns)
{
	*to = ns;
	rec_set_has(&removal_type, rec, rec_field(&removal_type, field), true);
}

/* The end of a removal as the work says it: samples, report; why NULL: it is done. */
struct ending { const struct uuid *id; const R *like; const struct err *why; };

static const char *sentence(struct arena *a, const struct err *e, enum lang lang)
{
	char text[1000];
	struct buf b = BUF_FIXED(text);

	err_text(e, lang, &b);
	return arena_str(a, text);
}

static int run_end(struct scope *s, const void *in, void *ret)
{
	const struct ending *e = in;
	R before, now;
	int r = store_get(s->tx, &removal_type, e->id, &before, s->arena);

	if (r < 0)
		return r;
	now = before;
	now.samples = e->like->samples;
	now.report = e->like->report;
	now.state = e->why ? REMOVAL_FAILED : REMOVAL_DONE;
	set_time(&now, "ended", &now.ended, clock_now_ns());
	if (e->why) {
		now.code = err_code(e->why->kind);
		now.detail = sentence(s->arena, e->why, LANG_EN);
		now.detail_zh = sentence(s->arena, e->why, LANG_ZH);
	}
	r = store_put(s->tx, &removal_type, &now, &s->who.id);
	if (r == 0 && ret)
		*(R *) ret = now;
	return r < 0 ? r : audit_change(s, &removal_type, &before, &now);
}

static int end(struct scope *s, const struct ending *e, R *ret)
{
	static const struct deed deleted = { .name = "history.delete_end", .permission = MUST_SAY(PERM_HISTORY_DELETE), .store = DEED_TENANT, .placed = true,
		.run = run_end };
	static const struct deed erased = DEED("history.erase_end", PERM_HISTORY_ERASE, DEED_TENANT, run_end);

	return scope_do(s, e->like->kind == REMOVAL_ERASED ? &erased : &deleted, e, ret);
}

int removal_end(struct scope *s, const struct uuid *id, const R *like, const struct err *why)
{
	return end(s, &(struct ending) { id, like, why }, NULL);
}

/* ---- deleting ---- */

static int run_begin(struct scope *s, const void *in, void *ret)
{
	R *rec = ret;
	int r = store_put(s->tx, &removal_type, rec, &s->who.id);

	return r < 0 ? r : audit_change(s, &removal_type, NULL, rec);
}

static int fill(struct scope *s, const struct removal_in *in, const struct removal_what *w, R *rec)
{
	int r = rec_init(&removal_type, rec, s->arena);

	if (r < 0)
		return r;
	rec->head.id = uuid_new();
	rec->n_points = w->n;
	rec->reason = in->reason;
	rec->name = s->who.name;
	if (in->points.n)
		rec->points = (struct rec_list) { .items = w->paths, .n = w->n };
	else
		rec->under = in->under;
	if (w->from_ns != INT64_MIN)
		set_time(rec, "from", &rec->from, w->from_ns);
	if (w->to_ns != INT64_MAX)
		set_time(rec, "to", &rec->to, w->to_ns);
	return removal_count(s, w, &rec->samples);
}

static int refused(struct scope *s, const char *deed, int r)
{
	struct err e = err_take(r);

	guard_audit_refusal(s, deed, r);
	err_put(&e);
	return r;
}

int removal_delete(struct scope *s, const struct removal_in *in, R *ret)
{
	static const struct deed begin = { .name = "history.delete", .permission = MUST_SAY(PERM_HISTORY_DELETE), .store = DEED_TENANT, .placed = true,
		.run = run_begin };
	struct removal_what w;
	int r = scope_may_somewhere(s, PERM_HISTORY_DELETE) ? removal_resolve(s, in, false, &w) : 0, e;

	if (r == -ERR_DENIED)
		return refused(s, begin.name, r);
	if (r == 0 && !scope_may_somewhere(s, PERM_HISTORY_DELETE))
		return scope_do(s, &begin, NULL, NULL);         /* is refused there, and noted */
	if (r == 0)
		r = fill(s, in, &w, ret);
	if (r < 0 || in->dry_run)
		return r;
	r = scope_do(s, &begin, NULL, ret);
	if (r < 0)
		return r;
	r = removal_take(s, &w);
	if (r == 0)
		return end(s, &(struct ending) { &ret->head.id, ret, NULL }, ret);
	struct err why = err_take(r);
	e = end(s, &(struct ending) { &ret->head.id, ret, &why }, ret);
	if (e < 0)
		err_clear();
	err_put(&why);
	return r;
}

/* ---- asking for an erasure ---- */

static int input_of(struct scope *s, const R *rec, const struct removal_what *w, bool backups, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 64 << 10);
	struct json j = JSON_TO(&b);
	char id[UUID_TEXT + 1];

	uuid_format(&rec->head.id, id);
	json_object(&j);
	json_kv_str(&j, "removal", id);
	json_kv_bool(&j, "backups", backups);
	json_kv_u64(&j, "samples", rec->samples);
	json_key(&j, "points");
	json_array(&j);
	for (uint32_t i = 0; i < w->n; i++) {
		uuid_format(&w->points[i], id);
		json_str(&j, id);
	}
	json_end(&j);
	json_end(&j);
	*ret = b.failed ? NULL : arena_str(s->arena, b.data);
	buf_done(&b);
	return *ret ? 0 : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
}

int removal_erase(struct scope *s, const struct removal_in *in, struct uuid *ret_job)
{
	static const struct deed begin = DEED("history.erase", PERM_HISTORY_ERASE, DEED_TENANT, run_begin);
	struct removal_what w;
	const char *input;
	R rec;
	int r = scope_may(s, PERM_HISTORY_ERASE) ? 0 : refused(s, begin.name, scope_need(s, PERM_HISTORY_ERASE));

	if (r == 0 && in->backups)
		r = scope_need(s, PERM_BACKUP);
	if (r == 0)
		r = removal_resolve(s, in, true, &w);
	if (r == 0)
		r = fill(s, in, &w, &rec);
	if (r < 0)
		return r;
	rec.kind = REMOVAL_ERASED;
	r = input_of(s, &rec, &w, in->backups, &input);
	if (r == 0)
		r = scope_do(s, &begin, NULL, &rec);
	if (r < 0)
		return r;
	r = job_begin(s->platform->jobs, s, &(struct job_in) { .kind = history_erase_kind.name, .input = input }, ret_job);
	if (r == 0)
		return 0;
	struct err why = err_take(r);
	if (removal_end(s, &rec.head.id, &rec, &why) < 0)
		err_clear();
	err_put(&why);
	return r;
}
