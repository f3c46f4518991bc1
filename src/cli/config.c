/* config.c - tenon config: is it right, what is in force, what could stand there. */
#include <stdio.h>

#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "daemon/daemon.h"
#include "sys/sys.h"

struct config_options { const char *config; };
static const struct rec_field config_fields[] = {
	F(struct config_options, config, .label = "Configuration", .label_zh = "配置文件", .doc = "TENON_CONFIG, or /etc/tenon/tenon.conf when it is there",
		.doc_zh = "默认取 TENON_CONFIG，或存在时的 /etc/tenon/tenon.conf"),
};
const struct rec_type config_option_type = REC_PLAIN(struct config_options, "options", config_fields);

int run_config(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct config_options *o = options;
	struct config_input in = { .file = o->config, .lang = cli_lang() };
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct config_origins origins;
	struct config config;
	const char *what = argc == 2 ? argv[1] : "";
	int r = 0;

	if (str_eq(what, "example"))
		config_example(&b);
	else if (str_eq(what, "manual"))
		config_manual(&b);
	else if (!str_eq(what, "check") && !str_eq(what, "show"))
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	else
		r = config_load(&in, a, &config, &origins);
	if (r == 0 && str_eq(what, "show"))
		config_show(&config, &origins, &b);
	if (r == 0 && str_eq(what, "check"))
		buf_addf(&b, "%s: %s\n", origins.file ? origins.file : cli_text("without a file", "无配置文件"), cli_text("right", "正确"));
	show_print(&b);
	return r;
}
