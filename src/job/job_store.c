/* job_store.c - jobs as records: what is kept, where their files lie, when they go. */

#include "base/when.h"
#include "job/impl.h"

static const struct rec_word states[] = {
	{ "queued", "Waiting", "排队中" }, { "running", "Running", "进行中" }, { "done", "Done", "已完成" }, { "failed", "Failed", "失败" },
	{ "cancelled", "Cancelled", "已取消" }, { "interrupted", "Interrupted", "已中断" }, { NULL },
};

static const struct rec_field fields[] = {
	F(struct job_record, kind, .flags = REC_READONLY | REC_INDEX | REC_SEARCH, .max = "64", .label = "Kind", .label_zh = "任务类型"),
	F(struct job_record, title, .flags = REC_READONLY | REC_SEARCH, .max = "100", .label = "Title", .label_zh = "英文标题"),
	F(struct job_record, title_zh, .flags = REC_READONLY | REC_SEARCH, .max = "100", .label = "Title in Chinese", .label_zh = "中文标题"),
	F(struct job_record, name, .flags = REC_READONLY | REC_SEARCH, .max = "256", .label = "Who", .label_zh = "操作者"),
	F_ENUM(struct job_record, state, states, .flags = REC_READONLY | REC_INDEX, .def = "queued", .label = "State", .label_zh = "状态"),
	F(struct job_record, done, .flags = REC_READONLY, .label = "Done", .label_zh = "已处理"),
	F(struct job_record, total, .flags = REC_READONLY, .label = "Total", .label_zh = "总数", .doc = "0: not known", .doc_zh = "0 表示未知"),
	F(struct job_record, unit, .flags = REC_READONLY, .max = "16", .label = "Unit", .label_zh = "单位"),
	F(struct job_record, detail, .flags = REC_READONLY, .max = "1000", .label = "What it is at, or how it ended", .label_zh = "英文说明"),
	F(struct job_record, detail_zh, .flags = REC_READONLY, .max = "1000", .label = "The same in Chinese", .label_zh = "说明"),
	F(struct job_record, code, .flags = REC_READONLY, .max = "64", .label = "Code of the failure", .label_zh = "错误代码"),
	F_KIND(struct job_record, started, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Started", .label_zh = "开始时间"),
	F_KIND(struct job_record, ended, REC_TIME, .flags = REC_READONLY | REC_NULLABLE | REC_INDEX, .label = "Ended", .label_zh = "结束时间"),
	F_KIND(struct job_record, eta, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Expected end", .label_zh = "预计结束时间"),
	F_KIND(struct job_record, result, REC_JSON, .flags = REC_READONLY, .label = "Result", .label_zh = "结果"),
	F(struct job_record, file, .flags = REC_READONLY, .max = "200", .label = "File", .label_zh = "文件"),
	F(struct job_record, file_type, .flags = REC_READONLY, .max = "100", .label = "Content type", .label_zh = "内容类型"),
	F(struct job_record, file_bytes, .flags = REC_READONLY, .unit = "B", .label = "Bytes of the file", .label_zh = "文件字节数"),
	F(struct job_record, runs, .flags = REC_READONLY, .label = "Runs", .label_zh = "运行次数"),
	F(struct job_record, principal, .flags = REC_READONLY | REC_INDEX, .label = "Principal", .label_zh = "主体标识"),
	F(struct job_record, principal_kind, .flags = REC_INTERNAL),
	F_KIND(struct job_record, input, REC_JSON, .flags = REC_INTERNAL),
	F_KIND(struct job_record, saved, REC_JSON, .flags = REC_INTERNAL),
	F(struct job_record, has_body, .flags = REC_INTERNAL),
};
const struct rec_type job_type = REC_TYPE(struct job_record, "job", "jobs", fields, .title = "Job", .title_zh = "后台任务");

const char *job_state_id(enum job_state s)
{
	return s <= JOB_INTERRUPTED ? states[s].word : "";
}

int job_store(struct jobs *j, uint32_t tenant, struct job_record *rec)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store *store = guard_tenant_store(j->config.guard, tenant);
	int r = store ? store_begin(store, STORE_WRITE, clock_deadline(60000), &tx) : -err_peek()->kind;

	rec_set_has(&job_type, rec, rec_field(&job_type, "eta"), false);
	if (r >= 0)
		r = store_put(tx, &job_type, rec, &rec->principal);
	return r < 0 ? r : store_commit(take(tx));
}

/* ---- files ---- */

int job_folder(struct jobs *j, uint32_t tenant, struct buf *out)
{
	buf_addf(out, "%s/tenants/%u/jobs", j->config.data, tenant);
	return out->failed ? err_failf(ERR_CONFIG, "the path of the data folder is too long") : 0;
}

int job_path(struct jobs *j, uint32_t tenant, const struct uuid *id, const char *suffix, char ret[600])
{
	char text[UUID_TEXT + 1];
	struct buf b = { .data = ret, .room = 600, .max = 600 };
	int r;

	buf_clear(&b);
	r = job_folder(j, tenant, &b);
	if (r >= 0)
		r = dir_make(ret, 0700);
	uuid_format(id, text);
	buf_addf(&b, "/%s%s", text, suffix);
	return r >= 0 && b.failed ? err_failf(ERR_CONFIG, "the path of the data folder is too long") : r;
}

void job_remove_files(struct jobs *j, uint32_t tenant, const struct uuid *id)
{
	static const char *const suffixes[] = { ".in", ".out" };
	char path[600];

	for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
		if (job_path(j, tenant, id, suffixes[i], path) < 0 || file_unlink(path) < 0)
			err_clear();
}

/* ---- how it ended ---- */

void job_failed(struct job_record *rec, const struct err *e, struct arena *a)
{
	char text[800];
	struct buf b = BUF_FIXED(text);

	buf_clear(&b);
	err_text(e, LANG_EN, &b);
	rec->detail = arena_str(a, text);
	buf_clear(&b);
	err_text(e, LANG_ZH, &b);
	rec->detail_zh = arena_str(a, text);
	rec->code = err_code(e->kind);
}

void job_interrupted(struct job_record *rec)
{
	rec->detail = "the platform was stopped before this had ended; start it again";
	rec->detail_zh = "任务结束前平台已停止，请重新开始";
}

/* ---- what ended long ago ---- */

struct old { struct uuid id[64]; unsigned n; };

static int note_old(void *ctx, const void *rec)
{
	struct old *o = ctx;

	o->id[o->n++] = ((const struct rec_head *) rec)->id;
	return o->n == ELEMENTSOF(o->id) ? 1 : 0;
}

static int count_kept(void *ctx, const void *rec)
{
	return ++*(unsigned *) ctx > JOBS_KEEP ? 1 : 0;
}

/* Those that ended before a time, or all beyond the newest JOBS_KEEP. */
static int find_old(struct store_tx *tx, struct arena *a, struct old *o)
{
	char when[40];
	struct store_filter f[] = { { "ended", STORE_LT, when } };
	struct store_list by_age = { .filters = f, .n_filters = 1, .sort = "ended", .limit = ELEMENTSOF(o->id), .arena = a };
	struct store_list newest = { .filters = f, .n_filters = 1, .sort = "-ended", .arena = a };
	unsigned n = 0;
	int r;

	when_format(when, clock_now_ns() - JOBS_KEEP_DAYS * INT64_C(86400) * NS_PER_S);
	r = store_list(tx, &job_type, &by_age, note_old, o, NULL);
	if (r < 0 || o->n)
		return r;
	when_format(when, clock_now_ns() + NS_PER_S);
	r = store_list(tx, &job_type, &newest, count_kept, &n, NULL);
	if (r >= 0 && n > JOBS_KEEP) {
		by_age.limit = 16;
		r = store_list(tx, &job_type, &by_age, note_old, o, NULL);
	}
	return r;
}

static int trim(struct jobs *j, uint32_t tenant, struct arena *a, struct old *o)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct store *store = guard_tenant_store(j->config.guard, tenant);
	int r = store ? store_begin(store, STORE_WRITE, clock_deadline(5000), &tx) : -err_peek()->kind;

	if (r >= 0)
		r = find_old(tx, a, o);
	for (unsigned i = 0; r >= 0 && i < o->n; i++)
		r = store_del(tx, &job_type, &o->id[i], 0, NULL);
	return r < 0 || !o->n ? r : store_commit(take(tx));
}

void jobs_trim(struct jobs *j, uint32_t tenant)
{
	struct old o = { 0 };
	struct arena a;

	arena_init(&a, &sys_heap, 1 << 20);
	if (trim(j, tenant, &a, &o) < 0) {      /* next time */
		log_warn("jobs", "old jobs are not removed: %s", err_log_text(err_peek()));
		err_clear();
		o.n = 0;
	}
	for (unsigned i = 0; i < o.n; i++)
		job_remove_files(j, tenant, &o.id[i]);
	arena_done(&a);
}
