/* setup.c - tenon setup: asks for language, interface and folder, and shows the way in. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/ops.h"
#include "cli/parts.h"
#include "cli/qr.h"
#include "daemon/daemon.h"
#include "sys/sys.h"

struct setup_options { uint64_t has[2]; const char *config, *listen_on, *data; uint32_t port; int32_t lang; bool yes; };
static const struct rec_word lang_words[] = { { "en", "English", "English" }, { "zh", "中文", "中文" }, { 0 } };
static const struct rec_field setup_fields[] = {
	F(struct setup_options, config, .label = "Configuration", .label_zh = "配置文件", .doc = "TENON_CONFIG; /etc/tenon/tenon.conf for root, else tenon.conf",
		.doc_zh = "默认取 TENON_CONFIG；root 为 /etc/tenon/tenon.conf，其他用户为 tenon.conf"),
	F_ENUM(struct setup_options, lang, lang_words, .flags = REC_NULLABLE, .label = "zh or en", .label_zh = "zh 或 en"),
	F(struct setup_options, listen_on, .label = "Network interface or address that may open the console, loopback or all",
		.label_zh = "可打开控制台的网络接口或地址，或 loopback、all"),
	F(struct setup_options, port, .flags = REC_NULLABLE, .min = "1", .max = "65535", .label = "Port", .label_zh = "端口",
		.doc = "8080, with TLS 8443", .doc_zh = "默认 8080，启用 TLS 时 8443"),
	F(struct setup_options, data, .label = "Data folder", .label_zh = "数据文件夹"),
	F(struct setup_options, yes, .def = "false", .label = "Ask nothing", .label_zh = "不提问"),
};
const struct rec_type setup_option_type = REC_PLAIN_HAS(struct setup_options, "options", setup_fields);

static bool has(const struct setup_options *o, const char *name) { return rec_has(&setup_option_type, o, rec_field(&setup_option_type, name)); }

/* --- Asking ---------------------------------------------------------------------------------------------------------------- */

/* One line; "" for the default, also at the end of what can be read. */
static const char *ask(const char *question, const char *fallback, struct arena *a)
{
	char line[1024];
	size_t n;

	printf("%s [%s]: ", question, fallback);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return fallback;
	for (n = str_len(line); n && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '); n--)
		;
	return n ? arena_strn(a, line, n) : fallback;
}

static void ask_language(struct arena *a)
{
	const char *said;

	do
		said = ask("Language 语言: en, zh", cli_lang() == LANG_ZH ? "zh" : "en", a);
	while (said && !str_eq(said, "en") && !str_eq(said, "zh"));
	if (said)
		setenv("TENON_LANG", said, 1);
}

/* Which of the list, by number, name or address; asked again until it is one. */
static const char *ask_interface(const char *now, struct arena *a)
{
	struct setup_place all[SETUP_PLACES];
	size_t n = setup_places(all, ELEMENTSOF(all));
	char *address = arena_alloc(a, 64);

	printf("%s\n", cli_text("Which network interface may open the console?", "哪个网络接口可以打开控制台？"));
	for (size_t i = 0; i < n; i++)
		printf("  %2zu  %-12s %-24s %s\n", i + 1, all[i].name, all[i].address, all[i].loopback ? cli_text("this computer alone", "仅本机") : "");
	printf("  %2zu  %-12s %-24s %s\n", n + 1, "all", "0.0.0.0", cli_text("all of them", "全部接口"));
	while (address) {
		const char *said = ask(cli_text("Number, name or address", "编号、名称或地址"), now, a);
		uint64_t number;

		if (!said)
			return NULL;
		if (num_parse_u64(said, said + str_len(said), &number) == str_len(said) && number >= 1 && number <= n + 1)
			said = number <= n ? all[number - 1].address : "all";
		if (setup_place_named(said, address) == 0)
			break;
		err_clear();
	}
	return address;
}

static int ask_all(const struct setup_options *o, const struct config *now, bool there, struct setup_config *want, struct arena *a)
{
	const char *said;

	if (!has(o, "lang"))
		ask_language(a);
	want->lang = cli_lang();
	printf(there ? cli_text("%s is there; Enter keeps what it says.\n", "%s 已存在；直接回车保留原值。\n") : cli_text("%s will be made.\n", "将建立 %s。\n"), want->file);
	if (!want->address)
		want->address = ask_interface(now->listen.address, a);
	if (!want->data)
		want->data = ask(cli_text("Data folder", "数据文件夹"), now->platform.data, a);
	said = ask(cli_text("Write this? yes, no", "写入以上设置？yes、no"), "yes", a);
	if (!want->address || !want->data || !said)
		return err_fail(ERR_NO_MEMORY, "what", "tenon", NULL);
	return *said == 'n' || *said == 'N' ? err_fail(ERR_CANCELLED, NULL, NULL) : 0;
}

/* --- Showing --------------------------------------------------------------------------------------------------------------- */

static bool is_service(void)
{
	static const char *const units[] = { "/etc/systemd/system/tenon.service", "/usr/local/lib/systemd/system/tenon.service",
		"/usr/lib/systemd/system/tenon.service", "/lib/systemd/system/tenon.service" };

	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (file_exists(units[i]))
			return true;
	return false;
}

static unsigned columns(void)
{
	struct winsize size = { 0 };

	return isatty(1) && ioctl(1, TIOCGWINSZ, &size) == 0 ? size.ws_col ? size.ws_col : 80 : 0;
}

static void next_step(const struct setup_result *r, const char *file, struct buf *out)
{
	bool service = str_eq(file, "/etc/tenon/tenon.conf") && is_service();

	if (r->pid && !r->changed)
		return;
	buf_add(out, r->pid ? cli_text("The platform runs; a restart takes the new values: ", "平台正在运行；重启后新值生效：") : cli_text("Start it: ", "启动平台："));
	if (service)
		buf_add(out, r->pid ? "systemctl restart tenon\n" : "systemctl enable --now tenon\n");
	else
		buf_addf(out, "tenon serve --config %s\n", file);
}

static void print(const struct setup_result *r, const char *file, struct buf *out)
{
	buf_addf(out, cli_text("configuration  %s\n", "配置文件  %s\n"), file);
	buf_addf(out, cli_text("data folder    %s\n", "数据文件夹  %s\n"), r->data);
	buf_addf(out, cli_text("address        %s\n", "地址  %s\n"), r->address);
	if (r->fingerprint[0])
		buf_addf(out, cli_text("fingerprint    %s\n", "证书指纹  %s\n"), r->fingerprint);
	if (r->link)
		buf_addf(out, cli_text("one-time link  %s\n", "一次性链接  %s\n"), r->link);
	else
		buf_add(out, cli_text("There is a user already: sign in there.\n", "已有用户：请在该地址登录。\n"));
	next_step(r, file, out);
	if (!r->link)
		return;
	buf_add(out, cli_text("Then open the link, which works once and for a day, and choose a name and a password.\n",
		"然后打开该链接（一天内一次有效），设置用户名和密码。\n"));
	if (r->fingerprint[0])
		buf_add(out, cli_text("The browser warns of a certificate it does not know: compare its SHA-256 fingerprint with the one above.\n",
			"浏览器会提示证书未知：请核对其 SHA-256 指纹与上面一致。\n"));
	qr_show(r->link, columns(), out);
}

int run_setup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	const struct setup_options *o = options;
	struct setup_config want = { .data = str_empty(o->data) ? NULL : o->data, .port = has(o, "port") ? o->port : 0 };
	struct setup_result result;
	struct config now;
	char address[64];
	bool there;
	int r;

	if (argc != 1)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
	if (has(o, "lang"))
		setenv("TENON_LANG", lang_words[o->lang].word, 1);
	want.lang = cli_lang();
	r = setup_read(o->config, want.lang, a, &want.file, &now, &there);
	if (r == 0 && !str_empty(o->listen_on)) {
		r = setup_place_named(o->listen_on, address);
		want.address = address;
	}
	if (r == 0 && !o->yes && isatty(0))
		r = ask_all(o, &now, there, &want, a);
	if (r == 0)
		r = setup_apply(&want, a, &result);
	if (r == 0) {
		print(&result, want.file, &out);
		show_print(&out);
	}
	return r;
}
