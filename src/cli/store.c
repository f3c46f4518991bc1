/* store.c - `tenon store move`: from files to PostgreSQL, and back. */
#include <stdio.h>

#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "daemon/daemon.h"
#include "store/store.h"
#include "sys/sys.h"

struct store_options { const char *data, *to, *to_file; };
static const struct rec_field store_fields[] = {
	F(struct store_options, data, .def = "data", .label = "Data folder", .label_zh = "数据文件夹"),
	F(struct store_options, to, .label = "postgresql://HOST/DATABASE without a password, or files", .label_zh = "postgresql://主机/数据库（不含密码），或 files"),
	F(struct store_options, to_file, .label = "File with that URL, password included", .label_zh = "存放该 URL（可含密码）的文件"),
};
const char *const store_verbs[] = { "move", NULL };
const struct rec_type store_option_type = REC_PLAIN(struct store_options, "options", store_fields);

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
