/* doctor.c - tenon doctor: what may be wrong, and what to do. */
#include "base/json.h"
#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "daemon/daemon.h"
#include "sys/sys.h"

struct doctor_options { const char *config, *data; int32_t output; };
static const struct rec_word doctor_words[] = { { "table", "a line each", "每项一行" }, { "json", "JSON", "JSON" }, { 0 } };
static const struct rec_field doctor_fields[] = {
	F(struct doctor_options, config, .label = "Configuration", .label_zh = "配置文件", .doc = "TENON_CONFIG, or /etc/tenon/tenon.conf when it is there",
		.doc_zh = "默认取 TENON_CONFIG，或存在时的 /etc/tenon/tenon.conf"),
	F(struct doctor_options, data, .label = "Data folder", .label_zh = "数据文件夹", .doc = "default: that of the configuration", .doc_zh = "默认取配置中的值"),
	F_ENUM(struct doctor_options, output, doctor_words, .def = "table", .label = "table or json", .label_zh = "table 或 json"),
};
const struct rec_type doctor_option_type = REC_PLAIN(struct doctor_options, "options", doctor_fields);

struct shown { struct buf *out; struct json *json; };

static void show(void *ctx, const struct finding_row *row)
{
	static const char *const marks[] = { "ok", "warning", "error" }, *const zh[] = { "正常", "警告", "异常" };
	struct shown *s = ctx;

	if (!s->json) {
		buf_addf(s->out, "%-8s %-14s %s\n", cli_text(marks[row->finding], zh[row->finding]), row->id, row->text);
		if (row->hint)
			buf_addf(s->out, "%-23s -> %s\n", "", row->hint);
		return;
	}
	json_object(s->json);
	json_kv_str(s->json, "check", row->id);
	json_kv_str(s->json, "state", marks[row->finding]);
	json_kv_str(s->json, "text", row->text);
	if (row->hint)
		json_kv_str(s->json, "hint", row->hint);
	json_end(s->json);
}

int run_doctor(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct doctor_options *o = options;
	const struct config_set set = { "platform", "data", o->data };
	struct config_input in = { .file = o->config, .set = &set, .n_set = 1, .lang = cli_lang() };
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);
	bool as_json = str_eq(doctor_words[o->output].word, "json");
	struct shown s = { &b, as_json ? &j : NULL };
	enum finding worst;

	if (argc != 1)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	if (as_json)
		json_array(&j);
	worst = doctor_look(&in, a, show, &s);
	if (as_json) {
		json_end(&j);
		buf_addc(&b, '\n');
	}
	show_print(&b);
	return worst == FINDING_ERROR ? err_fail(ERR_UNWELL, NULL, NULL) : 0;
}
