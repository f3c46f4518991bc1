/* store.c - `tenon store move`: from files to PostgreSQL, and back; `tenon store repair`: damaged files of samples. */
#include <stdio.h>

#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "daemon/daemon.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

struct store_options { const char *data, *to, *to_file; };
static const struct rec_field store_fields[] = {
	F(struct store_options, data, .def = "data", .label = "Data folder", .label_zh = "数据文件夹"),
	F(struct store_options, to, .label = "postgresql://HOST/DATABASE without a password, or files", .label_zh = "postgresql://主机/数据库（不含密码），或 files"),
	F(struct store_options, to_file, .label = "File with that URL, password included", .label_zh = "存放该 URL（可含密码）的文件"),
};
const char *const store_verbs[] = { "move", NULL };
const struct rec_type store_option_type = REC_PLAIN(struct store_options, "options", store_fields);

struct repair_options { const char *data, *folder; };
static const struct rec_field repair_fields[] = {
	F(struct repair_options, data, .def = "data", .label = "Data folder", .label_zh = "数据文件夹", .doc = "no platform may run on it", .doc_zh = "须先停止平台"),
	F(struct repair_options, folder, .label = "Second folder of history", .label_zh = "历史数据的第二文件夹", .doc = "default: where it was last",
		.doc_zh = "默认为最近使用的位置"),
};

struct told { uint64_t records, changes; };

static void on_table(void *ctx, const char *store, const char *table, uint64_t rows)
{
	struct told *t = ctx;

	if (str_eq(table, "change"))
		t->changes += rows;
	else if (!str_find(table, "__"))
		t->records += rows;
	printf("%s: %s: %llu\n", store, table, (unsigned long long) rows);
	fflush(stdout);
}

/* --- repair ------------------------------------------------------------------------------------------------------------ */

static void on_mended(void *ctx, const struct tsdb_mended *m)
{
	static const char *const en[] = { "written anew", "set aside", "off the manifest", "made again", "left as it is" };
	static const char *const zh[] = { "已重写", "已移至 aside", "已移出清单", "已重建", "保持原样" };

	printf("%-11s %s: %s", tsdb_fault_id(m->fault), m->file, cli_lang() == LANG_ZH ? zh[m->how] : en[m->how]);
	if (m->kept || m->lost)
		printf(cli_text(", %llu samples kept, %llu lost", "，保留 %llu 个样本，丢失 %llu 个"), (unsigned long long) m->kept, (unsigned long long) m->lost);
	putchar('\n');
	fflush(stdout);
}

const struct rec_type repair_option_type = REC_PLAIN(struct repair_options, "options", repair_fields);
const char *const repair_verbs[] = { "repair", NULL };

int run_repair(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct repair_options *o = options;
	struct tsdb_repair how = { .data_dir = o->data, .second_dir = str_empty(o->folder) ? NULL : o->folder, .on_mended = on_mended };
	_cleanup_close_ int lock = -1;
	struct tsdb_repaired done;
	int r;

	if (argc != 2)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	r = daemon_lock(o->data, &lock);
	if (r == 0)
		r = tsdb_repair(&how, &done);
	if (r < 0)
		return r;
	printf(cli_text("%llu faults, %llu mended, %llu left; %llu samples kept, %llu lost\n", "%llu 处异常，已处理 %llu 处，保留 %llu 处；保留 %llu 个样本，丢失 %llu 个\n"),
		(unsigned long long) done.faults, (unsigned long long) done.mended, (unsigned long long) done.left, (unsigned long long) done.kept,
		(unsigned long long) done.lost);
	if (done.aside[0])
		printf(cli_text("what was damaged lies in %s\n", "损坏的文件位于 %s\n"), done.aside);
	return done.left ? err_fail(ERR_CORRUPT, "what", cli_text("the store of samples", "样本存储"), "detail", cli_text("see above", "见上"), NULL) : 0;
}

int run_store(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct store_options *o = options;
	bool to_files = str_eq(o->to, "files");
	struct store_choice to = { to_files ? NULL : o->to, o->to_file };
	struct told told = { 0 };
	int r;

	if (argc != 2 || str_empty(o->to) == str_empty(o->to_file))
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	r = daemon_move(o->data, &to, on_table, &told);
	if (r == 0)
		printf(cli_text("moved and compared: %llu records, %llu changes; the old ones stay where they are\n",
			"已迁移并核对：%llu 条记录，%llu 条变更；原有数据保持不变\n"), (unsigned long long) told.records, (unsigned long long) told.changes);
	return r;
}
