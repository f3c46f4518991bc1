/* backup.c - tenon backup, tenon restore: a data folder as one file, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backup/backup.h"
#include "base/str.h"
#include "cli/parts.h"
#include "cli/ops.h"
#include "daemon/daemon.h"
#include "sys/sys.h"

struct backup_options { const char *config, *data, *passphrase_file; };
static const struct rec_field backup_fields[] = {
	F(struct backup_options, config, .label = "Configuration", .label_zh = "配置文件"),
	F(struct backup_options, data, .label = "Data folder", .label_zh = "数据文件夹", .doc = "default: that of the configuration", .doc_zh = "默认取配置中的值"),
	F(struct backup_options, passphrase_file, .label = "File with the passphrase of the keys", .label_zh = "密钥口令所在的文件",
		.doc = "or TENON_PASSPHRASE; without one the keys stay out", .doc_zh = "或 TENON_PASSPHRASE；均未给出时不含密钥"),
};
const struct rec_type backup_option_type = REC_PLAIN(struct backup_options, "options", backup_fields);

int backup_passphrase(const char *file, struct arena *a, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 4097);
	const char *text = getenv("TENON_PASSPHRASE");
	size_t n = 0;
	int r = 0;

	if (!str_empty(file)) {
		r = file_read(file, 4096, &b);
		text = b.data;
		while (text[n] && text[n] != '\n' && text[n] != '\r')
			n++;
	} else
		n = str_len(text ? text : "");
	*ret = r == 0 && n ? arena_strn(a, text, n) : NULL;
	if (r == 0 && !n && !str_empty(file))
		r = err_fail(ERR_REQUIRED, "field", "passphrase", NULL);
	buf_done(&b);
	return r;
}

/* On a terminal, once a second. */
struct shown { int64_t next_ns; bool any; };

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct shown *s = ctx;
	int64_t now = clock_mono_ns();

	if (now < s->next_ns)
		return;
	s->any = s->next_ns != 0;
	s->next_ns = now + NS_PER_S;
	if (s->any)
		fprintf(stderr, "\r%3u %%", total ? (unsigned) (done * 100 / total) : 100);
}

static int begin(const struct command *c, const struct backup_options *o, struct arena *a, const char **ret_data, const char **ret_passphrase)
{
	const struct config_set set = { "platform", "data", o->data };
	struct config_input in = { .file = o->config, .set = &set, .n_set = 1, .lang = cli_lang(), .offline = true };
	struct config config;
	int r = config_load(&in, a, &config, NULL);

	if (r == 0)
		r = backup_passphrase(o->passphrase_file, a, ret_passphrase);
	if (r == 0)
		*ret_data = config.platform.data;
	return r;
}

static int usage(const struct command *c, struct arena *a)
{
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}

static void say(const struct shown *s, const struct backup_report *report)
{
	if (s->any)
		fprintf(stderr, "\r     \r");
	printf(cli_text("%s: %llu files, %llu bytes, %s\n", "%s：%llu 个文件，%llu 字节，%s\n"), report->file, (unsigned long long) report->files,
		(unsigned long long) report->bytes, report->keys ? cli_text("with keys", "含密钥") : cli_text("without keys", "不含密钥"));
}

int run_backup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	struct backup_config config = { .version = TENON_VERSION };
	struct backup_report report;
	struct shown shown = { 0 };
	int r;

	if (argc != 2)
		return usage(c, a);
	config.to = argv[1];
	if (isatty(2))
		config.progress = (struct backup_progress) { .on = on_progress, .ctx = &shown };
	r = begin(c, options, a, &config.data, &config.passphrase);
	if (r == 0)
		r = backup_make(&config, &report);
	if (r == 0)
		say(&shown, &report);
	return r;
}

int run_restore(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct backup_options *o = options;
	struct restore_config config = { 0 };
	struct backup_report report;
	struct shown shown = { 0 };
	int r;

	if (argc != 2 || str_empty(o->data))
		return usage(c, a);             /* where to is never guessed */
	config.from = argv[1];
	if (isatty(2))
		config.progress = (struct backup_progress) { .on = on_progress, .ctx = &shown };
	r = begin(c, options, a, &config.data, &config.passphrase);
	if (r == 0)
		r = backup_restore(&config, &report);
	if (r == 0)
		say(&shown, &report);
	if (r == 0 && !report.keys)
		printf(cli_text("before the first start, put the keys of the old data folder into %s/keys\n", "首次启动前，请把原数据文件夹的密钥放入 %s/keys\n"),
			config.data);
	return r;
}
