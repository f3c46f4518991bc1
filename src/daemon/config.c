/* config.c - the sections of tenon.conf, and where their values come from. */
#include "daemon/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"

enum { FILE_BYTES = 64 << 10, KEYS_MAX = 64, MEMORY_LEAST = 1 << 20 };
#define DEFAULT_FILE "/etc/tenon/tenon.conf"

/* --- The sections ------------------------------------------------------------------------------------------------------ */

#define RELOAD .group = "reload"
#define RESTART .group = "restart"

static const struct rec_field platform_fields[] = {
	F(struct config_platform, data, .def = "data", .min = "1", RESTART, .label = "Data folder", .label_zh = "数据文件夹",
		.doc = "made when it is absent; a unit of systemd has /var/lib/tenon", .doc_zh = "不存在时自动建立；systemd 单元使用 /var/lib/tenon"),
	F(struct config_platform, web, RESTART, .label = "Folder of the console", .label_zh = "控制台文件夹",
		.doc = "default: the one beside the program", .doc_zh = "默认为程序旁的文件夹"),
	F(struct config_platform, store, RESTART, .label = "Records in PostgreSQL", .label_zh = "将记录存入 PostgreSQL",
		.doc = "postgresql://HOST/DATABASE, without a password; default: in files of the data folder",
		.doc_zh = "postgresql://主机/数据库，不含密码；默认存于数据文件夹中的文件"),
	F(struct config_platform, store_file, RESTART, .label = "File that holds the URL, password included", .label_zh = "存放该 URL（可含密码）的文件",
		.doc = "readable by the platform alone; PGPASSFILE is understood, too", .doc_zh = "仅平台可读；也支持 PGPASSFILE"),
};

static const struct rec_word tls_words[] = {
	{ "off", "no TLS", "不使用 TLS" },
	{ "self-signed", "a certificate made by the platform itself, in the data folder", "由平台自行生成并存于数据文件夹的证书" },
	{ "files", "certificate and key from files", "使用文件中的证书和私钥" },
	{ 0 },
};
static const struct rec_word hsts_words[] = {
	{ "auto", "when the certificate comes from files and is not self-signed", "证书来自文件且非自签名时" }, { "on", "yes", "是" }, { "off", "no", "否" }, { 0 },
};
static const struct rec_field http_fields[] = {
	F(struct config_http, listen, .def = "127.0.0.1:8080", .min = "1", RESTART, .label = "Address and port", .label_zh = "监听地址和端口",
		.doc = "beyond this computer only with TLS, or with insecure = yes; port 0: any", .doc_zh = "对外监听须启用 TLS，或设 insecure = yes；端口 0 为任意"),
	F_ENUM(struct config_http, tls, tls_words, .def = "off", RESTART, .label = "TLS (HTTPS)", .label_zh = "TLS（HTTPS）",
		.doc = "off, self-signed or files", .doc_zh = "off、self-signed 或 files"),
	F(struct config_http, certificate, RELOAD, .label = "Certificate, a PEM file with its issuers behind it",
		.label_zh = "证书（PEM 文件，其后附签发者证书）", .doc = "for tls = files", .doc_zh = "用于 tls = files"),
	F(struct config_http, key, RELOAD, .label = "Private key, a PEM file without passphrase", .label_zh = "私钥（无口令的 PEM 文件）",
		.doc = "default: in the file of the certificate", .doc_zh = "默认在证书文件中"),
	F(struct config_http, insecure, .def = "false", RESTART, .label = "Listen beyond this computer without TLS", .label_zh = "允许在没有 TLS 时对外监听",
		.doc = "passwords travel in clear then", .doc_zh = "此时密码以明文传输"),
	F_ENUM(struct config_http, hsts, hsts_words, .def = "auto", RESTART, .label = "Tell browsers to use HTTPS alone for 30 days (HSTS)",
		.label_zh = "要求浏览器在 30 天内只使用 HTTPS（HSTS）", .doc = "auto, on or off", .doc_zh = "auto、on 或 off"),
	F(struct config_http, origin, RESTART, .label = "Address of the console as browsers know it, behind a reverse proxy",
		.label_zh = "在反向代理之后，浏览器所见的控制台地址", .doc = "https://plant.example", .doc_zh = "https://plant.example"),
};

static const struct rec_field limits_fields[] = {
	F(struct config_limits, log, .def = "0", .unit = "B", RESTART, .label = "Log kept at most", .label_zh = "日志最多保留的大小",
		.doc = "0: a tenth of the disk", .doc_zh = "0 为磁盘的十分之一"),
	F(struct config_limits, memory, .def = "0", .unit = "B", RESTART, .label = "Samples in memory", .label_zh = "内存中的样本",
		.doc = "0: 32 MB", .doc_zh = "0 为 32 MB"),
	F(struct config_limits, body, .def = "8388608", .min = "65536", .max = "1073741824", .unit = "B", RELOAD, .label = "Body of a request",
		.label_zh = "请求正文的大小"),
	F(struct config_limits, connections, .def = "1000", .min = "10", .max = "100000", RESTART, .label = "Connections at the same time",
		.label_zh = "同时连接数"),
	F(struct config_limits, address_connections, .def = "0", .max = "100000", RESTART, .label = "Connections from one address at the same time",
		.label_zh = "同一地址的同时连接数", .doc = "0: no limit", .doc_zh = "0 为不限"),
	F(struct config_limits, requests, .def = "500", .min = "1", .max = "1000000", RESTART, .label = "Requests a second of one session or token",
		.label_zh = "同一会话或令牌每秒的请求数", .doc = "four times as many from one address", .doc_zh = "同一地址为其四倍"),
	F(struct config_limits, backups, .def = "5", .min = "1", .max = "1000", RESTART, .label = "Backups kept in the data folder",
		.label_zh = "数据文件夹中保留的备份数", .doc = "when one more is whole, the oldest goes", .doc_zh = "新备份完成后删除最旧的"),
	F(struct config_limits, merging, .def = "8388608", .min = "65536", .max = "10000000000", .unit = "B", RESTART, .label = "Merging of files of samples: bytes read and written a second",
		.label_zh = "样本文件合并每秒读写的字节数", .doc = "faster by itself when too many wait", .doc_zh = "待合并文件过多时自动加快"),
	F(struct config_limits, points, .def = "200000", .max = "10000000", RESTART, .label = "Points of a tenant up to which senders of samples make new ones",
		.label_zh = "写入方可自动创建点位的上限（每租户的点位总数）", .doc = "0: senders make none; each takes some 1.5 KB of memory", .doc_zh = "0 为不自动创建；每个约占 1.5 KB 内存"),
	F(struct config_limits, queries, .def = "0", .max = "256", RESTART, .label = "Queries at the same time", .label_zh = "同时进行的查询数",
		.doc = "0: one a processor, at least 4; of them half for one person, three quarters for one tenant. Others wait up to 10 s",
		.doc_zh = "0：每个处理器一个，至少 4 个；其中一人最多一半，一个租户最多四分之三，其余最多等待 10 秒"),
	F(struct config_limits, samples, .def = "1000000000", .min = "1000", RESTART, .label = "Samples that one query may look at", .label_zh = "一次查询最多读取的样本数"),
	F_KIND(struct config_limits, commands, REC_DURATION, .def = "180d", .min = "0s", .max = "36500d", RESTART, .label = "How long commands are kept",
		.label_zh = "指令记录保留时长", .doc = "0s: for ever; the audit keeps what was commanded anyway", .doc_zh = "0s 为永久；审计日志始终保留指令"),
};

static const struct rec_word level_words[] = { { "error", "errors", "错误" }, { "warn", "warnings too", "及警告" },
	{ "info", "events too", "及事件" }, { "debug", "all", "全部" }, { 0 } };
static const struct rec_field log_fields[] = {
	F_ENUM(struct config_log, level, level_words, .def = "info", RELOAD, .label = "What is said on standard error", .label_zh = "标准错误上的内容",
		.doc = "error, warn, info or debug", .doc_zh = "error、warn、info 或 debug"),
};

static const struct rec_field sql_fields[] = {
	F(struct config_sql, library, RESTART, .label = "DuckDB, a library that statements in SQL are run by", .label_zh = "执行 SQL 语句的 DuckDB 库文件",
		.doc = "default: libduckdb.so as tools/setup or a package put it", .doc_zh = "默认为 tools/setup 或软件包安装的 libduckdb.so"),
	F(struct config_sql, memory, .def = "268435456", .min = "33554432", .max = "68719476736", .unit = "B", RESTART, .label = "Memory of a statement",
		.label_zh = "一条语句的内存"),
	F(struct config_sql, threads, .def = "2", .min = "1", .max = "64", RESTART, .label = "Threads of a statement", .label_zh = "一条语句的线程数"),
	F(struct config_sql, statements, .def = "2", .min = "1", .max = "32", RESTART, .label = "Statements at the same time", .label_zh = "同时执行的语句数"),
};

static const struct rec_word profile_words[] = {
	{ "portable", "day files are written and read quickly", "按日文件的写入和读取较快" },
	{ "compact", "day files are some 5 % smaller and take three times the processor time to write", "按日文件约小 5%，写入所需处理器时间约为三倍" },
	{ 0 },
};

static const struct rec_field store_fields[] = {
	F(struct config_store, folder, RESTART, .label = "Second folder of history, on another disk", .label_zh = "历史数据的第二文件夹（位于另一磁盘）",
		.doc = "must be there, it is never made; files of old days are moved into it", .doc_zh = "须已存在，平台不会创建；较早日期的文件移入其中"),
	F_KIND(struct config_store, age, REC_DURATION, .def = "30d", .min = "0s", .max = "36500d", RESTART, .label = "Age at which files are moved there",
		.label_zh = "移入第二文件夹的时限", .doc = "counted from the end of their day; 0s: what lies there comes back", .doc_zh = "自当日结束起算；0s 表示移回数据文件夹"),
	F_KIND(struct config_store, samples, REC_DURATION, .def = "0s", .min = "0s", .max = "36500d", RESTART, .label = "How long samples are kept",
		.label_zh = "样本保留时长", .doc = "whole days; 0s: for ever; 90d is usual. A point may say otherwise", .doc_zh = "按整日计；0s 为永久；通常为 90d。点位可单独设置"),
	F_KIND(struct config_store, minutes, REC_DURATION, .def = "0s", .min = "0s", .max = "36500d", RESTART, .label = "How long figures of minutes are kept",
		.label_zh = "分钟数据保留时长", .doc = "at least as long as samples; 0s: for ever; 730d is usual", .doc_zh = "不短于样本；0s 为永久；通常为 730d"),
	F_KIND(struct config_store, hours, REC_DURATION, .def = "0s", .min = "0s", .max = "36500d", RESTART, .label = "How long figures of hours are kept",
		.label_zh = "小时数据保留时长", .doc = "at least as long as those of minutes; 0s: for ever", .doc_zh = "不短于分钟数据；0s 为永久"),
	F_ENUM(struct config_store, profile, profile_words, .def = "portable", RESTART, .label = "How day files are packed", .label_zh = "按日文件的打包方式",
		.doc = "portable or compact; day files that are there stay as they are", .doc_zh = "portable 或 compact；已有的按日文件保持不变"),
};

static const struct rec_type platform_type = REC_PLAIN(struct config_platform, "platform", platform_fields, .title = "The platform", .title_zh = "平台");
static const struct rec_type http_type = REC_PLAIN(struct config_http, "http", http_fields, .title = "Console and interface", .title_zh = "控制台和接口");
static const struct rec_type limits_type = REC_PLAIN(struct config_limits, "limits", limits_fields, .title = "Limits", .title_zh = "限额");
static const struct rec_type log_type = REC_PLAIN(struct config_log, "log", log_fields, .title = "What the program says", .title_zh = "程序日志");

static const struct rec_type sql_type = REC_PLAIN(struct config_sql, "sql", sql_fields, .title = "SQL", .title_zh = "SQL");

static const struct rec_type store_type = REC_PLAIN(struct config_store, "store", store_fields, .title = "Store of samples", .title_zh = "样本存储");

const struct config_section config_sections[] = {
	{ "platform", &platform_type, offsetof(struct config, platform) },
	{ "http", &http_type, offsetof(struct config, http) },
	{ "limits", &limits_type, offsetof(struct config, limits) },
	{ "log", &log_type, offsetof(struct config, log) },
	{ "sql", &sql_type, offsetof(struct config, sql) },
	{ "store", &store_type, offsetof(struct config, store) },
	{ 0 },
};

static void *part(const struct config_section *s, const struct config *c) { return (char *) (uintptr_t) c + s->offset; }

/* --- One value --------------------------------------------------------------------------------------------------------- */

/* Who is at fault: "tenon.conf, line 12" or "TENON_HTTP_LISTEN"; NULL: the command line, whose failures stand for themselves. */
struct place { const char *name; uint32_t line; enum lang lang; };

/* The failure, with the place in front. */
static int fail_at(const struct place *p, int r)
{
	char what[300], detail[300];
	struct buf w = BUF_FIXED(what), d = BUF_FIXED(detail);
	struct err e;

	if (!p->name || r >= 0)
		return r;
	e = err_take(r);
	what[0] = detail[0] = 0;
	if (p->line)
		buf_addf(&w, p->lang == LANG_ZH ? "%s 第 %u 行" : "%s, line %u", p->name, p->line);
	else
		buf_add(&w, p->name);
	err_text(&e, p->lang, &d);
	return err_fail(ERR_CONFIG_VALUE, "what", what, "detail", detail, NULL);
}

/* "2 GB" to bytes; what is no size stays as it is, for rec to judge. */
static const char *plain_size(const char *text, struct arena *a)
{
	static const char units[] = "KMGT";
	const char *end = text + str_len(text), *p;
	uint64_t n;
	size_t used = num_parse_u64(text, end, &n);

	for (p = text + used; *p == ' '; p++)
		;
	for (unsigned i = 0; used && *p && i < 4; i++)
		if ((*p & ~32) == units[i] && (!p[1] || ((p[1] & ~32) == 'B' && !p[2])))
			return n <= UINT64_MAX >> (10 * (i + 1)) ? arena_fmt(a, "%llu", (unsigned long long) (n << (10 * (i + 1)))) : text;
	return text;
}

static int set_value(struct config *c, const struct config_section *s, const struct rec_field *f, const char *text, struct arena *a)
{
	struct config copy = *c;
	int r;

	if (str_eq(f->unit, "B")) {
		text = plain_size(text, a);
		if (!text)
			return err_fail(ERR_NO_MEMORY, "what", f->name, NULL);
	}
	r = rec_field_parse(s->type, f, part(s, &copy), text, str_len(text), a);
	if (r == 0)
		r = rec_check(s->type, part(s, &copy), NULL);
	if (r == 0)
		*c = copy;
	return r;
}

static const struct config_section *section_named(const char *name)
{
	const char *words[8];
	size_t n = 0;

	for (const struct config_section *s = config_sections; s->name; s++) {
		if (str_eq(s->name, name))
			return s;
		words[n++] = s->name;
	}
	err_fail(ERR_CONFIG_KEY, "value", name, "nearest", str_nearest(name, words, n), NULL);
	return NULL;
}

static const struct rec_field *key_named(const struct config_section *s, const char *name)
{
	const struct rec_field *f = rec_field(s->type, name);
	const char *words[KEYS_MAX], *elsewhere = NULL;
	size_t n = 0;

	if (f)
		return f;
	for (uint32_t i = 0; i < s->type->n_fields; i++)
		words[n++] = s->type->fields[i].name;
	for (const struct config_section *o = config_sections; o->name; o++)
		elsewhere = rec_field(o->type, name) ? o->name : elsewhere;
	if (elsewhere) {
		char text[100];
		struct buf b = BUF_FIXED(text);

		text[0] = 0;
		buf_addf(&b, "%s ([%s])", name, elsewhere);
		err_fail(ERR_CONFIG_KEY, "value", name, "nearest", text, NULL);
	} else
		err_fail(ERR_CONFIG_KEY, "value", name, "nearest", str_nearest(name, words, n), NULL);
	return NULL;
}

static unsigned index_of(const struct config_section *s) { return (unsigned) (s - config_sections); }

static void came(struct config_origins *o, const struct config_section *s, const struct rec_field *f, enum config_from from, uint32_t line)
{
	static_assert(ELEMENTSOF(config_sections) <= ELEMENTSOF(((struct config_origins *) 0)->at), "a place for each section");
	o->at[index_of(s)][f - s->type->fields].from = (uint8_t) from;
	o->at[index_of(s)][f - s->type->fields].line = line;
}

/* --- The file ---------------------------------------------------------------------------------------------------------- */

struct reading { struct config *c; struct config_origins *o; const struct config_section *section; struct arena *arena; uint32_t line; };

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static char *trimmed(struct arena *a, const char *from, const char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	return arena_strn(a, from, (size_t) (to - from));
}

static int read_key(struct reading *r, const char *from, const char *equals, const char *to)
{
	const char *key = trimmed(r->arena, from, equals), *value = trimmed(r->arena, equals + 1, to);
	const struct rec_field *f;

	if (!key || !value)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (!r->section)
		return err_fail(ERR_INVALID, "field", key, "rule", "@config_section", "value", value, NULL);
	f = key_named(r->section, key);
	if (!f)
		return -err_peek()->kind;
	if (r->o->at[index_of(r->section)][f - r->section->type->fields].from == CONFIG_FILE)
		return err_fail(ERR_INVALID, "field", key, "rule", "@config_twice", "value", value, NULL);
	came(r->o, r->section, f, CONFIG_FILE, r->line);
	return set_value(r->c, r->section, f, value, r->arena);
}

static int read_line(struct reading *r, const char *from, const char *to)
{
	const char *equals = from;

	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	if (from == to || *from == '#' || *from == ';')
		return 0;
	if (*from == '[' && to[-1] == ']') {
		const char *name = trimmed(r->arena, from + 1, to - 1);

		if (!name)
			return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
		r->section = section_named(name);
		return r->section ? 0 : -err_peek()->kind;
	}
	for (equals = from; equals < to && *equals != '='; equals++)
		;
	if (equals == to) {
		const char *text = arena_strn(r->arena, from, MIN((size_t) (to - from), (size_t) 60));

		return err_fail(ERR_INVALID, "field", "@config_line", "rule", "@config_line_rule", "value", text ? text : "", NULL);
	}
	return read_key(r, from, equals, to);
}

int config_parse(const struct config_text *t, struct arena *a, struct config *c, struct config_origins *o)
{
	struct reading reading = { .c = c, .o = o, .arena = a };
	struct place place = { .name = t->name, .lang = t->lang };
	const char *text = t->text, *end = text + t->len, *next;
	size_t valid = utf8_valid_prefix(text, t->len);

	if (t->len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (; text < end; text = next) {
		const char *to = memchr(text, '\n', (size_t) (end - text));
		int r = 0;

		to = to ? to : end;
		next = to < end ? to + 1 : end;
		place.line = ++reading.line;
		if ((size_t) (to - t->text) > valid || memchr(text, 0, (size_t) (to - text)))
			r = err_fail(ERR_INVALID, "field", "@config_line", "rule", "@config_utf8", "value", "", NULL);
		if (r == 0)
			r = read_line(&reading, text, to);
		if (r < 0)
			return fail_at(&place, r);
	}
	return 0;
}

static int read_file(const struct config_input *in, struct arena *a, struct config *c, struct config_origins *o)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_BYTES + 1);
	const char *file = in->file ? in->file : getenv("TENON_CONFIG");
	int r;

	if (str_empty(file) && !file_exists(DEFAULT_FILE))
		return 0;
	o->file = str_empty(file) ? DEFAULT_FILE : arena_str(a, file);
	r = o->file ? file_read(o->file, FILE_BYTES, &b) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (r < 0 && r != -ERR_NO_MEMORY)
		r = err_fail(ERR_CONFIG_FILE, "what", o->file, "rule", r == -ERR_TOO_LARGE ? "@config_large" : "@tls_unreadable", NULL);
	if (r == 0)
		r = config_parse(&(struct config_text) { b.data, b.len, o->file, in->lang }, a, c, o);
	buf_done(&b);
	return r;
}

/* --- All of it --------------------------------------------------------------------------------------------------------- */

static int read_environment(const struct config_input *in, struct arena *a, struct config *c, struct config_origins *o)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		for (uint32_t i = 0; i < s->type->n_fields; i++) {
			char *name = arena_fmt(a, "TENON_%s_%s", s->name, s->type->fields[i].name);
			const char *value;
			int r;

			for (char *p = name; p && *p; p++)
				*p = *p >= 'a' && *p <= 'z' ? (char) (*p - 32) : *p;
			value = name ? getenv(name) : NULL;
			if (str_empty(value))
				continue;
			r = set_value(c, s, &s->type->fields[i], value, a);
			if (r < 0)
				return fail_at(&(struct place) { .name = name, .lang = in->lang }, r);
			came(o, s, &s->type->fields[i], CONFIG_ENVIRONMENT, 0);
		}
	return 0;
}

static int read_options(const struct config_input *in, struct arena *a, struct config *c, struct config_origins *o)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < in->n_set; i++) {
		const struct config_section *s = section_named(in->set[i].section);
		const struct rec_field *f = s ? rec_field(s->type, in->set[i].key) : NULL;

		assert(f);
		if (!in->set[i].value)
			continue;
		r = set_value(c, s, f, in->set[i].value, a);
		came(o, s, f, CONFIG_OPTION, 0);
	}
	return r;
}

/* A failure of several keys together is laid at this one's door. */
static int fail_of(const struct config_input *in, const struct config_origins *o, const char *section, const char *key, int r)
{
	const struct config_section *s = section_named(section);
	unsigned i = index_of(s), k = (unsigned) (rec_field(s->type, key) - s->type->fields);
	char name[100];
	struct buf b = BUF_FIXED(name);

	switch (o->at[i][k].from) {
	case CONFIG_FILE:
		return fail_at(&(struct place) { o->file, o->at[i][k].line, in->lang }, r);
	case CONFIG_ENVIRONMENT:
		name[0] = 0;
		buf_addf(&b, "TENON_%s_%s", section, key);
		for (char *p = name; *p; p++)
			*p = *p >= 'a' && *p <= 'z' ? (char) (*p - 32) : *p;
		return fail_at(&(struct place) { .name = name, .lang = in->lang }, r);
	default:
		return r;
	}
}

static int check_together(const struct config_input *in, struct config *c, const struct config_origins *o)
{
	const struct config_http *h = &c->http;
	int r = listen_parse(h->listen, h->insecure || h->tls != CONFIG_TLS_OFF, &c->listen);

	if (r < 0)
		return fail_of(in, o, "http", "listen", r);
	if (h->tls == CONFIG_TLS_FILES && str_empty(h->certificate))
		return fail_of(in, o, "http", "tls", err_fail(ERR_INVALID, "field", "tls", "rule", "@config_certificate", "value", "files", NULL));
	if (h->tls != CONFIG_TLS_FILES && !str_empty(h->certificate))
		return fail_of(in, o, "http", "certificate", err_fail(ERR_INVALID, "field", "certificate", "rule", "@config_needs_files", "value",
			h->certificate, NULL));
	if (c->limits.memory && c->limits.memory < MEMORY_LEAST) {              /* "5" was meant as MB, and would make a file of each sample */
		char bytes[24];
		struct buf b = BUF_FIXED(bytes);

		buf_addf(&b, "%llu", (unsigned long long) c->limits.memory);
		return fail_of(in, o, "limits", "memory", err_fail(ERR_INVALID, "field", "memory", "rule", "@config_memory", "value", bytes, NULL));
	}
	return 0;
}

int config_load(const struct config_input *in, struct arena *a, struct config *ret, struct config_origins *ret_origins)
{
	/* A unit's folder is its default (systemd.exec(5), StateDirectory=): what the file says goes before it. */
	const char *service = getenv("STATE_DIRECTORY"), *colon = service ? str_find(service, ":") : NULL;
	struct config c = { 0 };
	struct config_origins o = { 0 };
	int r = 0;

	for (const struct config_section *s = config_sections; r == 0 && s->name; s++)
		r = rec_init(s->type, part(s, &c), a);
	if (r == 0 && !str_empty(service)) {
		c.platform.data = arena_strn(a, service, colon ? (size_t) (colon - service) : str_len(service));
		r = c.platform.data ? 0 : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	}
	if (r == 0)
		r = read_file(in, a, &c, &o);
	if (r == 0)
		r = read_environment(in, a, &c, &o);
	if (r == 0)
		r = read_options(in, a, &c, &o);
	if (r == 0 && !in->offline)
		r = check_together(in, &c, &o);
	if (r < 0)
		return r;
	*ret = c;
	if (ret_origins)
		*ret_origins = o;
	return 0;
}

void config_compare(const struct config *was, const struct config *is, void (*fn)(void *ctx, const char *section, const struct rec_field *f),
	void *ctx)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		for (uint32_t i = 0; i < s->type->n_fields; i++)
			if (!rec_field_equal(s->type, &s->type->fields[i], part(s, was), part(s, is)))
				fn(ctx, s->name, &s->type->fields[i]);
}
