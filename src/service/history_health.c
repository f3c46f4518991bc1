/* history_health.c - how the store of samples does, in words: where it lies, how it grows, what somebody should do. */
#include "base/num.h"
#include "service/history.h"
#include "service/internal.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { NOTES = 12, DAYS_FEW = 30, BACKLOG_MANY = 200 };

#define L struct history_folder
static const struct rec_field folder_fields[] = {
	F(L, folder, .flags = REC_READONLY, .label = "Folder", .label_zh = "文件夹", .doc = "data, second", .doc_zh = "data：数据文件夹；second：第二文件夹"),
	F(L, path, .flags = REC_READONLY, .label = "Path", .label_zh = "路径"),
	F(L, reachable, .flags = REC_READONLY, .def = "true", .label = "It is there", .label_zh = "可访问"),
	F(L, files, .flags = REC_READONLY, .label = "Files", .label_zh = "文件数"),
	F(L, bytes, .flags = REC_READONLY, .unit = "B", .label = "Size", .label_zh = "大小"),
	F(L, samples, .flags = REC_READONLY, .label = "Samples", .label_zh = "样本数"),
	F(L, free, .flags = REC_READONLY, .unit = "B", .label = "Free on its disk", .label_zh = "磁盘剩余"),
	F(L, total, .flags = REC_READONLY, .unit = "B", .label = "Its disk", .label_zh = "磁盘容量"),
};
const struct rec_type history_folder_type = REC_PLAIN(L, "history_folder", folder_fields, .title = "Folder of history", .title_zh = "历史数据文件夹");
#undef L
#define L struct history_note
static const struct rec_field note_fields[] = {
	F(L, level, .flags = REC_READONLY, .label = "Level", .label_zh = "级别", .doc = "warning, error", .doc_zh = "warning：警告；error：错误"),
	F(L, text, .flags = REC_READONLY, .label = "What is, and what to do", .label_zh = "情况与处理办法"),
};
const struct rec_type history_note_type = REC_PLAIN(L, "history_note", note_fields, .title = "To be done", .title_zh = "待处理事项");

struct notes { struct scope *s; struct history_note *item; uint32_t n; bool no_memory; };

static const char *word(const struct notes *to, const char *en, const char *zh) __attribute__((format_arg(2), format_arg(3)));
static const char *word(const struct notes *to, const char *en, const char *zh) { return to->s->lang == LANG_ZH ? zh : en; }

static void note(struct notes *to, const char *level, const char *text)
{
	to->no_memory |= !text;
	if (text && to->n < NOTES)
		to->item[to->n++] = (struct history_note) { level, text };
}

static const char *said(struct notes *to, const struct err *e)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 4096);

	err_text(e, to->s->lang, &text);
	return arena_str(to->s->arena, text.len ? text.data : "");
}

/* "what is: why" */
static void note_why(struct notes *to, const char *level, const char *text, const struct err *e)
{
	const char *why = said(to, e);

	note(to, level, why ? arena_fmt(to->s->arena, "%s%s%s", text, to->s->lang == LANG_ZH ? "：" : ": ", why) : NULL);
}

static void note_second(struct notes *to, const struct tsdb_second *s)
{
	if (s->is_set && !s->reachable)
		note_why(to, s->files ? "error" : "warning", word(to, "queries of old days are refused until the second folder is back",
			"第二文件夹恢复之前，较早日期的查询将被拒绝"), &s->why);
	if (s->full)
		note(to, "warning", word(to, "the disk of the second folder is full: files stay in the data folder; make room there, or name another folder",
			"第二文件夹所在磁盘已满，文件留在数据文件夹：请腾出空间或改用其他文件夹"));
	else if (s->failures && s->error.kind != ERR_NONE)
		note_why(to, "warning", word(to, "a file could not be moved, it is tried again each hour", "有文件未能移动，每小时重试一次"), &s->error);
}

static void note_files(struct notes *to, const struct tsdb_stats *v)
{
	if (v->held_back)
		note(to, "error", word(to, "too many files wait to be merged, memory goes to files no more and the log fills: merge now, or raise limits.merging",
			"待合并文件过多，内存暂不写出，日志持续增长：请立即合并，或提高 limits.merging"));
	else if (v->backlog_files > BACKLOG_MANY)
		note(to, "warning", word(to, "many files of past days wait to be merged: merge now, or raise limits.merging",
			"较多往日文件等待合并：请立即合并，或提高 limits.merging"));
	if (v->files_aside)
		note(to, "error", word(to, "files that could not be read are left out of merging: check the store, then stop the platform and repair it",
			"有文件无法读取，未参与合并：请先检查存储，再停止平台进行修复"));
	if (v->flush_failures)
		note(to, "warning", word(to, "memory could not be written to files since the start, perhaps more than once: look at the disk and at the log of the program",
			"启动以来内存曾未能写入文件：请检查磁盘和程序日志"));
	if (v->lost)
		note(to, "error", word(to, "the log gave up batches before they were in files: raise limits.log, and look why files are not written",
			"部分批次在写入文件之前已从日志中丢失：请提高 limits.log，并检查文件为何未写出"));
}

static void look_at_disk(struct history_folder *f)
{
	if (dir_free(f->path, &f->free, &f->total) < 0) {
		f->free = f->total = 0;
		err_clear();
	}
}

static int folders(struct scope *s, const struct tsdb_stats *v, struct history_stats *ret)
{
	struct history_folder *f = arena_array(s->arena, struct history_folder, 2);
	const struct tsdb_second *second = &v->second;
	char path[4096];
	struct buf b = BUF_FIXED(path);

	path[0] = 0;
	if (!f)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	f[0] = (struct history_folder) { .folder = "data", .path = s->platform->data, .reachable = true, .files = v->n_files - second->files,
		.bytes = v->file_bytes - second->bytes, .samples = v->file_samples - second->samples };
	look_at_disk(&f[0]);
	ret->folders = (struct rec_list) { .items = f, .n = 1 };
	if (!second->is_set)
		return 0;
	if (tsdb_second_find(s->platform->data, &b) < 0)
		err_clear();
	f[1] = (struct history_folder) { .folder = "second", .path = arena_str(s->arena, path), .reachable = second->reachable, .files = second->files,
		.bytes = second->bytes, .samples = second->samples };
	if (!f[1].path)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	if (second->reachable)
		look_at_disk(&f[1]);
	ret->folders.n = 2;
	ret->second_age = second->age_ns;
	rec_set_has(&history_stats_type, ret, rec_field(&history_stats_type, "second_age"), true);
	return 0;
}

/* Of the disk where files end. */
static void time_left(struct notes *to, const struct tsdb_stats *v, struct history_stats *ret)
{
	const struct history_folder *f = ret->folders.items;
	char days[NUM_TEXT_MAX];

	ret->growth = v->week_days ? v->week_bytes / v->week_days : 0;
	f += ret->folders.n > 1 && v->second.age_ns > 0;
	if (!ret->growth || !f->total)
		return;
	ret->days_left = (double) f->free / (double) ret->growth;
	rec_set_has(&history_stats_type, ret, rec_field(&history_stats_type, "days_left"), true);
	if (ret->days_left >= DAYS_FEW)
		return;
	num_format_u64(days, (uint64_t) ret->days_left);
	note(to, "warning", arena_fmt(to->s->arena, word(to, "at this growth the disk of %s is full in %s days: add a disk, move old days to a second folder, or keep less",
		"按目前增长，%s 所在磁盘将在 %s 天后写满：请增加磁盘、将较早日期移入第二文件夹，或缩短保留期限"), f->path, days));
}

int history_health(struct scope *s, const struct tsdb_stats *v, struct history_stats *ret)
{
	struct notes to = { .s = s, .item = arena_array(s->arena, struct history_note, NOTES) };
	struct wal_metrics w = { 0 };
	int r = to.item ? folders(s, v, ret) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	if (r < 0)
		return r;
	if (s->platform->wal)
		wal_metrics(s->platform->wal, &w);
	ret->head_bytes = v->head_bytes;
	ret->head_bytes_max = v->head_bytes_max;
	ret->head_samples = v->head_samples;
	ret->log_bytes = w.disk_bytes;
	ret->log_unread = w.appended - MIN(v->seq_head, w.appended);
	ret->log_unfiled = w.appended - MIN(v->seq_files, w.appended);
	ret->moving_files = v->second.waiting_files;
	ret->moving_bytes = v->second.waiting_bytes;
	ret->moved_files = v->second.moved_files;
	ret->moved_bytes = v->second.moved_bytes;
	note_files(&to, v);
	note_second(&to, &v->second);
	time_left(&to, v, ret);
	ret->notes = (struct rec_list) { .items = to.item, .n = to.n };
	return to.no_memory ? err_fail(ERR_NO_MEMORY, "what", "@text", NULL) : 0;
}
