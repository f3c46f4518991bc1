/* history.c - figures of the files of samples, and merging them at once. */
#include "service/history.h"

#include "job/job.h"
#include "plant/plant.h"
#include "service/internal.h"
#include "tsdb/tsdb.h"

#define L struct history_level
static const struct rec_field level_fields[] = {
	F(L, level, .flags = REC_READONLY, .label = "Level", .label_zh = "层级", .doc = "flushed: from memory; window: two hours; day",
		.doc_zh = "flushed：由内存写出；window：两小时；day：按日"),
	F(L, files, .flags = REC_READONLY, .label = "Files", .label_zh = "文件数"),
	F(L, bytes, .flags = REC_READONLY, .unit = "B", .label = "Size", .label_zh = "大小"),
	F(L, samples, .flags = REC_READONLY, .label = "Samples", .label_zh = "样本数"),
	F(L, bytes_per_sample, .flags = REC_READONLY, .unit = "B", .label = "A sample", .label_zh = "每个样本"),
};
static const struct rec_type level_type = REC_PLAIN(L, "history_level", level_fields, .title = "Level of files", .title_zh = "文件层级");

#define R struct history_stats
static const struct rec_field fields[] = {
	F_KIND(R, levels, REC_LIST, .item = REC_REC, .type = &level_type, .flags = REC_READONLY, .max = "3", .label = "Levels", .label_zh = "层级"),
	F(R, files, .flags = REC_READONLY, .label = "Files", .label_zh = "文件数"),
	F(R, bytes, .flags = REC_READONLY, .unit = "B", .label = "Size", .label_zh = "大小"),
	F(R, samples, .flags = REC_READONLY, .label = "Samples in files", .label_zh = "文件中的样本数"),
	F(R, bytes_per_sample, .flags = REC_READONLY, .unit = "B", .label = "A sample", .label_zh = "每个样本"),
	F(R, rollup_bytes, .flags = REC_READONLY, .unit = "B", .label = "Figures of minutes and hours", .label_zh = "分钟和小时数据的大小"),
	F(R, series, .flags = REC_READONLY, .label = "Series", .label_zh = "序列数"),
	F(R, days, .flags = REC_READONLY, .label = "Days that have files", .label_zh = "有文件的天数"),
	F(R, files_of_day, .flags = REC_READONLY, .label = "Most files of one day", .label_zh = "单日最多文件数"),
	F(R, waiting_files, .flags = REC_READONLY, .label = "Files that wait to be merged", .label_zh = "待合并文件数",
		.doc = "of days that are over", .doc_zh = "已结束日期的文件"),
	F(R, waiting_bytes, .flags = REC_READONLY, .unit = "B", .label = "Their size", .label_zh = "待合并大小"),
	F(R, replaced_files, .flags = REC_READONLY, .label = "Merged files that are still read", .label_zh = "已合并但仍在读取的文件数"),
	F(R, unreadable_files, .flags = REC_READONLY, .label = "Files that could not be read", .label_zh = "无法读取的文件数",
		.doc = "they are left as they are", .doc_zh = "保持原样，不参与合并"),
	F(R, merges, .flags = REC_READONLY, .label = "Merges since the start", .label_zh = "启动以来的合并次数"),
	F(R, merge_failures, .flags = REC_READONLY, .label = "Merges that failed", .label_zh = "合并失败次数"),
	F(R, merged_bytes, .flags = REC_READONLY, .unit = "B", .label = "Bytes merged", .label_zh = "已合并字节数"),
	F(R, written_bytes, .flags = REC_READONLY, .unit = "B", .label = "Bytes written by it", .label_zh = "合并写出字节数"),
	F(R, merged_samples, .flags = REC_READONLY, .label = "Samples merged", .label_zh = "已合并样本数"),
	F(R, overwritten_samples, .flags = REC_READONLY, .label = "Samples overwritten by later ones", .label_zh = "被后写样本覆盖的样本数"),
	F(R, merging, .flags = REC_READONLY, .def = "false", .label = "Merging now", .label_zh = "正在合并"),
	F_KIND(R, merging_day, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "The day", .label_zh = "所属日期"),
	F(R, merging_samples, .flags = REC_READONLY, .label = "Samples done", .label_zh = "已处理样本数"),
	F(R, merging_total, .flags = REC_READONLY, .label = "Of", .label_zh = "总样本数"),
	F(R, held_back, .flags = REC_READONLY, .def = "false", .label = "Held back", .label_zh = "已限流",
		.doc = "too many files wait: memory goes to files no more, the log keeps what comes", .doc_zh = "待合并文件过多：内存暂不写出，新数据保留在日志中"),
	F(R, held_back_total, .flags = REC_READONLY, .label = "How often since the start", .label_zh = "启动以来的限流次数"),
	F(R, last_error, .flags = REC_READONLY | REC_NULLABLE, .label = "Last failure", .label_zh = "最近一次失败"),
	F_KIND(R, last_error_time, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "When", .label_zh = "失败时间"),
	F(R, profile, .flags = REC_READONLY, .label = "How day files are packed", .label_zh = "按日文件的打包方式", .doc = "portable or compact",
		.doc_zh = "portable 或 compact"),
	F_KIND(R, folders, REC_LIST, .item = REC_REC, .type = &history_folder_type, .flags = REC_READONLY, .max = "2", .label = "Folders", .label_zh = "文件夹"),
	F_KIND(R, notes, REC_LIST, .item = REC_REC, .type = &history_note_type, .flags = REC_READONLY, .max = "20", .label = "To be done", .label_zh = "待处理事项"),
	F(R, head_bytes, .flags = REC_READONLY, .unit = "B", .label = "Samples in memory", .label_zh = "内存中的样本大小"),
	F(R, head_bytes_max, .flags = REC_READONLY, .unit = "B", .label = "At most", .label_zh = "内存上限"),
	F(R, head_samples, .flags = REC_READONLY, .label = "Samples in memory", .label_zh = "内存中的样本数"),
	F(R, log_bytes, .flags = REC_READONLY, .unit = "B", .label = "Log", .label_zh = "日志大小"),
	F(R, log_unread, .flags = REC_READONLY, .label = "Batches that cannot be queried yet", .label_zh = "尚不可查询的批次数"),
	F(R, log_unfiled, .flags = REC_READONLY, .label = "Batches that are in no file yet", .label_zh = "尚未写入文件的批次数"),
	F(R, growth, .flags = REC_READONLY, .unit = "B", .label = "Growth a day", .label_zh = "每日增长", .doc = "of the last week", .doc_zh = "按最近一周计"),
	F(R, days_left, .flags = REC_READONLY | REC_NULLABLE, .label = "Days until the disk is full", .label_zh = "磁盘可用天数"),
	F(R, moving_files, .flags = REC_READONLY, .label = "Files to be moved", .label_zh = "待移动文件数", .doc = "to the second folder, or back",
		.doc_zh = "移入或移出第二文件夹"),
	F(R, moving_bytes, .flags = REC_READONLY, .unit = "B", .label = "Their size", .label_zh = "待移动大小"),
	F(R, moved_files, .flags = REC_READONLY, .label = "Files moved since the start", .label_zh = "启动以来移动的文件数"),
	F(R, moved_bytes, .flags = REC_READONLY, .unit = "B", .label = "Bytes moved", .label_zh = "已移动字节数"),
	F_KIND(R, second_age, REC_DURATION, .flags = REC_READONLY | REC_NULLABLE, .label = "Age at which files are moved", .label_zh = "移入第二文件夹的时限"),
};
const struct rec_type history_stats_type = REC_PLAIN_HAS(R, "history_stats", fields, .title = "Files of samples", .title_zh = "样本文件");

/* Figures of all tenants together: for the first one's people. */
int history_may(struct scope *s, enum permission p)
{
	int r = scope_need(s, p);

	if (r == 0 && s->tenant != TENANT_DEFAULT)
		r = err_fail(ERR_DENIED, "permission", permission_id(p), NULL);
	return r < 0 || s->platform->tsdb ? r : err_fail(ERR_MISSING, "what", "@store", NULL);
}

/* --- Figures */

static double per(uint64_t bytes, uint64_t samples) { return samples ? (double) bytes / (double) samples : 0; }

static int fill_levels(struct scope *s, const struct tsdb_stats *v, struct history_stats *ret)
{
	static const char *const names[] = { "flushed", "window", "day" };
	struct history_level *l = arena_array(s->arena, struct history_level, ELEMENTSOF(v->level));

	if (!l)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (unsigned i = 0; i < ELEMENTSOF(v->level); i++)
		l[i] = (struct history_level) { names[i], v->level[i].files, v->level[i].bytes, v->level[i].samples,
			per(v->level[i].bytes, v->level[i].samples) };
	ret->levels = (struct rec_list) { .items = l, .n = ELEMENTSOF(v->level) };
	return 0;
}

static int fill_error(struct scope *s, const struct tsdb_stats *v, struct history_stats *ret)
{
	struct buf text = BUF_INIT(&sys_heap, 4096);

	if (v->merge_error.kind == ERR_NONE)
		return 0;
	err_text(&v->merge_error, s->lang, &text);
	ret->last_error = arena_str(s->arena, text.data);
	buf_done(&text);
	ret->last_error_time = v->merge_error_ns;
	rec_set_has(&history_stats_type, ret, rec_field(&history_stats_type, "last_error_time"), true);
	return ret->last_error ? 0 : err_fail(ERR_NO_MEMORY, "what", "@text", NULL);
}

static int run_stats(struct scope *s, const void *in, void *out)
{
	struct tsdb_stats *v = arena_new(s->arena, struct tsdb_stats);
	struct history_stats *ret = out;
	int r = v ? history_may(s, PERM_SYSTEM_READ) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	if (r < 0)
		return r;
	tsdb_stats(s->platform->tsdb, v);
	*ret = (struct history_stats) { .files = v->n_files, .bytes = v->file_bytes, .samples = v->file_samples, .bytes_per_sample = v->bytes_per_sample, .rollup_bytes = v->roll_bytes,
		.series = v->n_series, .days = v->days, .files_of_day = v->files_of_day, .waiting_files = v->backlog_files,
		.waiting_bytes = v->backlog_bytes, .replaced_files = v->files_replaced, .unreadable_files = v->files_aside, .merges = v->merges,
		.merge_failures = v->merge_failures, .merged_bytes = v->merged_in, .written_bytes = v->merged_out, .merged_samples = v->merged_rows,
		.overwritten_samples = v->merged_same, .merging = v->merging_tenant != 0, .held_back = v->held_back != 0,
		.held_back_total = v->held_total, .profile = v->compact ? "compact" : "portable" };
	if (ret->merging) {
		ret->merging_day = (int64_t) v->merging_day * 86400 * NS_PER_S;
		rec_set_has(&history_stats_type, ret, rec_field(&history_stats_type, "merging_day"), true);
		ret->merging_samples = v->merging_rows;
		ret->merging_total = v->merging_of;
	}
	r = fill_levels(s, v, ret);
	if (r == 0)
		r = fill_error(s, v, ret);
	return r < 0 ? r : history_health(s, v, ret);
}

int history_stats(struct scope *s, struct history_stats *ret)
{
	static const struct deed deed = DEED_READ("history.stats", PERM_SYSTEM_READ, DEED_SYSTEM, run_stats);

	return scope_do(s, &deed, NULL, ret);
}

/* --- Retention */

#define K struct history_keep
static const struct rec_field keep_fields[] = {
	F(K, samples, .flags = REC_READONLY, .unit = "d", .label = "Samples", .label_zh = "样本", .doc = "0: for ever", .doc_zh = "0 为永久"),
	F(K, minutes, .flags = REC_READONLY, .unit = "d", .label = "Figures of minutes", .label_zh = "分钟数据"),
	F(K, hours, .flags = REC_READONLY, .unit = "d", .label = "Figures of hours", .label_zh = "小时数据"),
};
static const struct rec_type keep_type = REC_PLAIN(K, "history_keep", keep_fields, .title = "Days kept", .title_zh = "保留天数");

#define B struct history_label
static const struct rec_field label_fields[] = {
	F_REF(B, label, "label", .flags = REC_READONLY, .label = "Data label", .label_zh = "数据标签"),
	F(B, code, .flags = REC_READONLY, .label = "Code", .label_zh = "编码"),
	F(B, name, .flags = REC_READONLY, .label = "Name", .label_zh = "名称"),
	F(B, keep_days, .flags = REC_READONLY | REC_NULLABLE, .unit = "d", .label = "Days that samples are kept", .label_zh = "样本保留天数",
		.doc = "0: for ever; null: it says nothing", .doc_zh = "0 为永久；null 为不作规定"),
	F(B, points, .flags = REC_READONLY, .label = "Points", .label_zh = "点位数"),
	F(B, decides, .flags = REC_READONLY, .label = "Points it decides for", .label_zh = "以此为准的点位数",
		.doc = "that say nothing themselves and have no data label that keeps longer", .doc_zh = "自身未设置，且没有保留更久的数据标签"),
};
static const struct rec_type history_label_type = REC_PLAIN_HAS(B, "history_label", label_fields, .title = "Days of a data label", .title_zh = "数据标签的保留天数");

#define H struct history_retention
static const struct rec_field retention_fields[] = {
	F_KIND(H, keep, REC_REC, .type = &keep_type, .flags = REC_READONLY, .label = "Days kept", .label_zh = "保留天数"),
	F_KIND(H, asked, REC_REC, .type = &keep_type, .flags = REC_READONLY, .label = "Days asked about", .label_zh = "拟保留天数"),
	F_KIND(H, today, REC_TIME, .flags = REC_READONLY, .label = "Days are counted back from", .label_zh = "天数起算日"),
	F(H, files, .flags = REC_READONLY, .label = "Files that would go", .label_zh = "将删除的文件数"),
	F(H, bytes, .flags = REC_READONLY, .unit = "B", .label = "Bytes of samples' files that would go", .label_zh = "将释放的样本文件大小"),
	F(H, gone_samples, .flags = REC_READONLY, .label = "Samples that would be gone", .label_zh = "将不再保留的样本数"),
	F_KIND(H, first, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "From the day", .label_zh = "起始日期"),
	F_KIND(H, last, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "To the day", .label_zh = "截止日期"),
	F_KIND(H, labels, REC_LIST, .item = REC_REC, .type = &history_label_type, .flags = REC_READONLY, .label = "Data labels", .label_zh = "数据标签"),
	F(H, own, .flags = REC_READONLY, .label = "Points that say themselves", .label_zh = "自行设置的点位数"),
};
const struct rec_type history_retention_type = REC_PLAIN_HAS(H, "history_retention", retention_fields, .title = "Retention of history", .title_zh = "历史数据保留期限");

static struct tsdb_retention retention_of(const struct history_keep *k) { return (struct tsdb_retention) { { k->samples, k->minutes, k->hours } }; }

static int fill_labels(struct scope *s, struct history_retention *ret)
{
	struct plant_label *list;
	struct history_label *to;
	int n = plant_labels(s->platform->plant, s->tenant, s->arena, &list, &ret->own);

	if (n < 0)
		return n;
	to = arena_array(s->arena, struct history_label, (size_t) n + 1);
	if (!to)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (int i = 0; i < n; i++) {
		to[i] = (struct history_label) { .label = list[i].id, .code = list[i].code, .name = list[i].name, .keep_days = MAX(list[i].keep_days, 0),
			.points = list[i].points, .decides = list[i].decides };
		rec_set_has(&history_label_type, &to[i], rec_field(&history_label_type, "keep_days"), list[i].keep_days >= 0);
	}
	ret->labels = (struct rec_list) { to, (uint32_t) n };
	return 0;
}

/* As if the label said so. */
static int what_if(struct scope *s, const struct history_what_if *in, struct tsdb_retention *how)
{
	struct plant_label l;
	int r = plant_label(s->platform->plant, s->tenant, "label", in->label, s->arena, &l);

	if (r == 0)
		r = plant_days_if(s->platform->plant, s->tenant, &(struct plant_if) { l.id, in->days }, s->arena, &how->instead);
	if (r < 0)
		return r;
	how->n_instead = (uint32_t) r;
	return 0;
}

static int run_retention(struct scope *s, const void *in_, void *out)
{
	const struct history_what_if *in = in_;
	struct history_retention *ret = out;
	struct tsdb_would_go all, *w = &all;
	struct tsdb_retention now;
	int r = history_may(s, PERM_SYSTEM_READ);

	if (r < 0)
		return r;
	tsdb_retained(s->platform->tsdb, &now);
	*ret = (struct history_retention) { .keep = { now.days[TSDB_SAMPLES], now.days[TSDB_MINUTES], now.days[TSDB_HOURS] } };
	ret->asked = in ? in->keep : ret->keep;
	now = retention_of(&ret->asked);
	r = in && in->label ? what_if(s, in, &now) : 0;
	if (r == 0)
		r = tsdb_would_go(s->platform->tsdb, now.instead ? s->tenant : 0, &now, w);
	if (r == 0)
		r = fill_labels(s, ret);
	if (r < 0)
		return r;
	ret->today = w->today_ns;
	ret->files = w->files;
	ret->bytes = w->bytes;
	ret->gone_samples = w->samples;
	if (w->first_day <= w->last_day) {
		ret->first = (int64_t) w->first_day * 86400 * NS_PER_S;
		ret->last = (int64_t) w->last_day * 86400 * NS_PER_S;
		rec_set_has(&history_retention_type, ret, rec_field(&history_retention_type, "first"), true);
		rec_set_has(&history_retention_type, ret, rec_field(&history_retention_type, "last"), true);
	}
	return 0;
}

int history_retention(struct scope *s, const struct history_what_if *asked, struct history_retention *ret)
{
	static const struct deed deed = DEED_READ("history.retention", PERM_SYSTEM_READ, DEED_SYSTEM, run_retention);

	return scope_do(s, &deed, asked, ret);
}

/* --- Merging */

struct merging { struct job *job; struct tsdb *t; uint64_t rows_before; };

static bool is_cancelled(void *ctx) { return job_is_cancelled(((const struct merging *) ctx)->job); }

static void on_progress(void *ctx)
{
	const struct merging *m = ctx;
	struct tsdb_stats v;

	tsdb_stats(m->t, &v);
	job_done(m->job, v.merged_rows - m->rows_before + v.merging_rows);
}

static int run_compact(struct job *j, struct scope *s)
{
	struct merging m = { .job = j, .t = s->platform->tsdb };
	struct tsdb_stats before, after;
	char text[200];
	struct buf b = BUF_FIXED(text);
	int r = history_may(s, PERM_SYSTEM_WRITE);

	if (r == 0)
		r = tsdb_flush(m.t);            /* all there is, not what happens to be in files */
	if (r < 0)
		return r;
	tsdb_stats(m.t, &before);
	m.rows_before = before.merged_rows;
	job_total(j, 0, "samples");
	r = tsdb_compact(m.t, &(struct tsdb_compact) { .is_cancelled = is_cancelled, .on_progress = on_progress, .ctx = &m });
	if (r < 0)
		return r;
	tsdb_stats(m.t, &after);
	job_done(j, after.merged_rows - before.merged_rows);
	text[0] = 0;
	buf_addf(&b, "{\"files_before\":%llu,\"files\":%llu,\"bytes_before\":%llu,\"bytes\":%llu}", (unsigned long long) before.n_files,
		(unsigned long long) after.n_files, (unsigned long long) before.file_bytes, (unsigned long long) after.file_bytes);
	return job_result(j, text);
}

/* Begun again after a restart: what was merged is merged. */
const struct job_kind history_compact_kind = { .name = "history.compact", .title = "Merging files of samples", .title_zh = "合并样本文件",
	.permission = MUST_SAY(PERM_SYSTEM_WRITE), .resumes = true, .run = run_compact };

static void look(void *ctx, const struct job_view *v)
{
	if (!job_has_ended(v->state) && str_eq(v->kind, history_compact_kind.name))
		*(bool *) ctx = true;
}

int history_compact(struct scope *s, struct uuid *ret_job)
{
	bool there = false;
	int r = history_may(s, PERM_SYSTEM_WRITE);

	if (r < 0)
		return r;
	/* Of two who look at the same time, one begins. */
	if (atomic_exchange(&s->platform->merging_asked, true))
		return err_fail(ERR_LIMIT, "what", "@merging", "max", "1", NULL);
	jobs_changed(s->platform->jobs, s->tenant, NULL, 0, look, &there);
	r = there ? err_fail(ERR_LIMIT, "what", "@merging", "max", "1", NULL)
		: job_begin(s->platform->jobs, s, &(struct job_in) { .kind = history_compact_kind.name }, ret_job);
	atomic_store(&s->platform->merging_asked, false);
	return r;
}
