/* local.c - verbs that work here: serve, sim, token, audit, and those that print what the program knows. */
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "daemon/daemon.h"
#include "service/witness.h"
#include "sim/sim.h"
#include "store/store.h"
#include "sys/sys.h"

static int usage(const struct command *c, struct arena *a)
{
	return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon %s %s", c->name, c->usage), NULL);
}

/* --- serve ------------------------------------------------------------------------------------------------------------- */

struct serve_options { uint64_t has[2]; const char *config, *data, *listen, *tls, *certificate, *key, *web, *store, *store_file, *log_keep, *head; bool insecure, demo; };
static const struct rec_field serve_fields[] = {
	F(struct serve_options, config, .label = "Configuration", .label_zh = "配置文件", .doc = "TENON_CONFIG, or /etc/tenon/tenon.conf when it is there",
		.doc_zh = "默认取 TENON_CONFIG，或存在时的 /etc/tenon/tenon.conf"),
	F(struct serve_options, data, .label = "Data folder", .label_zh = "数据文件夹", .doc = "platform.data: data", .doc_zh = "platform.data：data"),
	F(struct serve_options, listen, .label = "Address and port", .label_zh = "监听地址和端口", .doc = "http.listen: 127.0.0.1:8080",
		.doc_zh = "http.listen：127.0.0.1:8080"),
	F(struct serve_options, tls, .label = "off, self-signed or files", .label_zh = "off、self-signed 或 files", .doc = "http.tls: off", .doc_zh = "http.tls：off"),
	F(struct serve_options, certificate, .label = "Certificate, PEM", .label_zh = "证书（PEM）", .doc = "http.certificate", .doc_zh = "http.certificate"),
	F(struct serve_options, key, .label = "Private key, PEM", .label_zh = "私钥（PEM）", .doc = "http.key", .doc_zh = "http.key"),
	F(struct serve_options, insecure, .flags = REC_NULLABLE, .label = "Listen beyond this computer without TLS", .label_zh = "允许在没有 TLS 时对外监听",
		.doc = "http.insecure", .doc_zh = "http.insecure"),
	F(struct serve_options, web, .label = "Folder of the console", .label_zh = "控制台文件夹", .doc = "platform.web", .doc_zh = "platform.web"),
	F(struct serve_options, log_keep, .label = "Log kept at most", .label_zh = "日志最多保留的大小", .doc = "limits.log: a tenth of the disk",
		.doc_zh = "limits.log：磁盘的十分之一"),
	F(struct serve_options, head, .label = "Samples in memory", .label_zh = "内存中的样本", .doc = "limits.memory: 32 MB", .doc_zh = "limits.memory：32 MB"),
	F(struct serve_options, store, .label = "Records in PostgreSQL", .label_zh = "将记录存入 PostgreSQL", .doc = "platform.store",
		.doc_zh = "platform.store"),
	F(struct serve_options, store_file, .label = "File with that URL, password included", .label_zh = "存放该 URL（可含密码）的文件",
		.doc = "platform.store_file", .doc_zh = "platform.store_file"),
	F(struct serve_options, demo, .def = "false", .label = "With a simulated plant", .label_zh = "带仿真工厂"),
};
const struct rec_type serve_option_type = REC_PLAIN_HAS(struct serve_options, "options", serve_fields);

int run_serve(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct serve_options *o = options;
	const char *insecure = !rec_has(&serve_option_type, o, rec_field(&serve_option_type, "insecure")) ? NULL : o->insecure ? "yes" : "no";
	const struct config_set set[] = { { "platform", "data", o->data }, { "platform", "web", o->web }, { "platform", "store", o->store },
		{ "platform", "store_file", o->store_file }, { "http", "listen", o->listen },
		{ "http", "tls", o->tls }, { "http", "certificate", o->certificate }, { "http", "key", o->key }, { "http", "insecure", insecure },
		{ "limits", "log", o->log_keep }, { "limits", "memory", o->head } };
	struct daemon_config config = { .input = { .file = o->config, .set = set, .n_set = ELEMENTSOF(set), .lang = cli_lang() }, .demo = o->demo };

	return argc > 1 ? usage(c, a) : daemon_run(&config);
}

/* --- sim --------------------------------------------------------------------------------------------------------------- */

struct sim_options { const char *listen, *machines, *fault; uint32_t stations, scan_ms; uint64_t seed; double speed; bool insecure, attended, points, ascii; const char *serial; uint32_t baud; };
static const struct rec_field sim_fields[] = {
	F(struct sim_options, listen, .def = "127.0.0.1:5020", .label = "Address and port of the first machine; port 0: any",
		.label_zh = "第一台设备的地址和端口；端口 0 为任意"),
	F(struct sim_options, machines, .label = "Machines, each with a port: pump, oven, cnc; meters last", .label_zh = "设备（各占一个端口）：pump、oven、cnc；meters 在最后",
		.doc = "pump,oven,cnc,meters; without it: stations", .doc_zh = "如 pump,oven,cnc,meters；不填则为若干泵站"),
	F(struct sim_options, stations, .def = "1", .min = "1", .max = "64", .label = "Pump stations, when no machines are named", .label_zh = "未指定设备时的泵站数"),
	F(struct sim_options, fault, .label = "Faults at the start: MACHINE.FAULT[=0…1],…", .label_zh = "启动时的故障：设备.故障[=0…1],……",
		.doc = "oven.leak=0.5,2.dead; also noise, slow, wrong, dead", .doc_zh = "如 oven.leak=0.5,2.dead；另有 noise、slow、wrong、dead"),
	F(struct sim_options, attended, .def = "false", .label = "Reset trips once their cause is gone", .label_zh = "原因消除后自动复位跳闸"),
	F(struct sim_options, seed, .def = "42", .label = "Seed: the same numbers again", .label_zh = "种子：相同种子得到相同数值"),
	F(struct sim_options, speed, .def = "1", .min = "0.01", .max = "100", .label = "Simulated seconds a second", .label_zh = "仿真速度（秒/秒）"),
	F(struct sim_options, scan_ms, .def = "10", .min = "2", .max = "1000", .unit = "ms", .label = "Scan period of the PLC", .label_zh = "PLC 扫描周期"),
	F(struct sim_options, insecure, .def = "false", .label = "Listen beyond this computer", .label_zh = "允许对外监听"),
	F(struct sim_options, serial, .label = "A serial port on which the machines are units 1, 2 … besides", .label_zh = "串口：各设备同时作为从站 1、2 ……"),
	F(struct sim_options, baud, .def = "9600", .label = "Its baud rate", .label_zh = "串口波特率"),
	F(struct sim_options, ascii, .def = "false", .label = "Modbus ASCII instead of RTU there", .label_zh = "串口使用 Modbus ASCII，而非 RTU"),
	F(struct sim_options, points, .def = "false", .label = "Print the first machine's point list as CSV and end", .label_zh = "输出第一台设备的点表 CSV 后退出"),
};
const struct rec_type sim_option_type = REC_PLAIN(struct sim_options, "options", sim_fields);

static void on_sim_ready(void *ctx, struct sim *s)
{
	struct listen *l = ctx;

	for (uint32_t i = 0; i < sim_servers(s); i++) {
		l->port = sim_port(s, i);
		printf("ready modbus %s\n", listen_text(l));
	}
	fflush(stdout);
}

/* The point list of the first machine named. */
static int print_points(const char *machines)
{
	const char *end = str_find(machines, ",");
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	char name[16] = "";
	int kind;

	memcpy(name, machines, MIN(end ? (size_t) (end - machines) : str_len(machines), sizeof(name) - 1));
	kind = str_eq(name, "meters") ? SIM_METER : sim_kind_find(name);
	if (kind < 0)
		return err_failf(ERR_USAGE, "machines are pump, oven, cnc and meters; not %s", name);
	sim_points_csv((enum sim_kind) kind, cli_lang(), &b);
	show_print(&b);
	return 0;
}

int run_sim(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	const struct sim_options *o = options;
	struct sim_config config = { .stations = o->stations, .seed = o->seed, .speed = o->speed, .scan_ms = o->scan_ms, .attended = o->attended,
		.machines = str_empty(o->machines) ? NULL : o->machines, .serial = str_empty(o->serial) ? NULL : o->serial, .baud = o->baud, .ascii = o->ascii };
	struct listen l = { 0 };
	int r = argc > 1 ? usage(c, a) : listen_parse(o->listen, o->insecure, &l);

	if (r < 0)
		return r;
	if (o->points)
		return print_points(config.machines ? config.machines : "pump");
	config.address = l.address;
	config.port = l.port;
	return sim_main_run(&config, o->fault, on_sim_ready, &l);
}

/* --- token ------------------------------------------------------------------------------------------------------------- */

struct token_options { REMOTE_MEMBERS; const char *data, *role; int64_t valid; };
static const struct rec_field token_fields[] = {
	REMOTE_FIELDS(struct token_options),
	F(struct token_options, data, .label = "Data folder: makes it there, without a server", .label_zh = "数据文件夹：直接在其中建立，无需服务"),
	F(struct token_options, role, .def = "administrator", .label = "Role", .label_zh = "角色"),
	F_KIND(struct token_options, valid, REC_DURATION, .def = "365d", .min = "1s", .label = "Valid for", .label_zh = "有效期"),
};
const struct rec_type token_option_type = REC_PLAIN(struct token_options, "options", token_fields);

struct token_in { const char *name, *role; int64_t valid; char secret[SECRET_TEXT_MAX]; };

static int make_token(struct scope *s, const void *in, void *ret)
{
	struct token_in *want = ret;
	struct token t;
	int r = rec_init(&token_type, &t, s->arena);

	if (r == 0)
		r = guard_role_by_name(s, want->role, &t.role);
	if (r < 0)
		return r;
	t.tenant = s->tenant_id;
	t.name = want->name;
	t.expires = clock_now_ns() + want->valid;
	rec_set_has(&token_type, &t, rec_field(&token_type, "expires"), true);
	r = guard_make_token(s, &t, want->secret);
	if (r == 0)
		r = store_put(s->tx, &token_type, &t, &s->who.id);
	return r < 0 ? r : audit_change(s, &token_type, NULL, &t);
}

static const struct deed deed_token = DEED("token.create", PERM_TOKEN_WRITE, DEED_SYSTEM, make_token);

/* `tenon token create NAME --data DIR`: the secret alone on standard output, so that a script can take it. */
int run_token(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	_cleanup_(offline_closep) struct offline *offline = NULL;
	const struct token_options *o = options;
	struct token_in in = { .role = o->role, .valid = o->valid };
	struct scope *s;
	int r;

	if (argc != 3 || !str_eq(argv[1], "create"))
		return usage(c, a);
	in.name = argv[2];
	if (str_empty(o->data))
		return err_fail(ERR_REQUIRED, "field", "--data", NULL);
	r = offline_open(&offline, o->data, a, &s);
	if (r == 0)
		r = scope_do(s, &deed_token, &in, &in);
	if (r == 0)
		printf("%s\n", in.secret);
	return r;
}

/* --- audit ------------------------------------------------------------------------------------------------------------- */

struct data_options { REMOTE_MEMBERS; const char *data; };
static const struct rec_field data_fields[] = {
	REMOTE_FIELDS(struct data_options),
	F(struct data_options, data, .label = "Data folder; without it the running platform is asked", .label_zh = "数据文件夹；不填则询问运行中的平台"),
};
const struct rec_type data_option_type = REC_PLAIN(struct data_options, "options", data_fields);

/* One store's chain: the system's (0) or a tenant's. 1: broken. */
static int verify(struct platform *p, uint32_t tenant)
{
	struct audit_report report = { 0 };
	int r = witness_verify(p, tenant, &report);
	char name[40] = "";
	struct buf b = BUF_FIXED(name);

	if (tenant)
		buf_addf(&b, cli_text("tenant %u", "租户 %u"), tenant);
	else
		buf_add(&b, cli_text("system", "系统"));
	if (r == -ERR_CORRUPT) {
		err_clear();
		printf(cli_text("%s: broken at entry %llu: %s\n", "%s：第 %llu 条记录损坏：%s\n"), name, (unsigned long long) report.first_bad, report.detail);
		return 1;
	}
	if (r == 0)
		printf(cli_text("%s: %llu entries, whole\n", "%s：%llu 条记录，完整\n"), name, (unsigned long long) report.n);
	return r;
}

/* The running platform: the tenant's chain, and the system's when the token may. */
static int verify_there(const struct remote *remote, struct arena *a)
{
	static const char *const stores[] = { "tenant", "system" };
	bool broken = false;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(stores); i++) {
		struct remote_request q = { .method = "GET", .path = arena_fmt(a, "/api/v1/audit/verify?store=%s", stores[i]) };
		struct tree *t = NULL;
		bool whole;
		r = q.path ? remote_tree(remote, &q, a, &t) : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
		if (r < 0)
			break;
		whole = tree_bool(tree_find(t, "whole"), false);
		broken |= !whole;
		if (whole)
			printf(cli_text("%s: %lld entries, whole\n", "%s：%lld 条记录，完整\n"), stores[i], (long long) tree_i64(tree_find(t, "entries"), 0));
		else
			printf(cli_text("%s: broken at entry %lld: %s\n", "%s：第 %lld 条记录损坏：%s\n"), stores[i],
				(long long) tree_i64(tree_find(t, "first_bad"), 0), tree_str(tree_find(t, "detail")));
	}
	if (r >= 0 && broken)
		r = err_fail(ERR_CORRUPT, "what", cli_text("the audit log", "审计日志"), "detail", cli_text("see above", "见上"), NULL);
	return r < 0 ? r : 0;
}

int run_audit(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	_cleanup_(offline_closep) struct offline *offline = NULL;
	const struct data_options *o = options;
	uint32_t tenants[GUARD_TENANTS], n = 0;
	bool broken = false;
	struct scope *s;
	int r;

	if (argc != 2 || !str_eq(argv[1], "verify"))
		return usage(c, a);
	if (str_empty(o->data))
		return verify_there(REMOTE_OF(o), a);
	r = offline_open(&offline, o->data, a, &s);
	if (r == 0)
		r = offline_samples(offline);
	if (r == 1)
		fprintf(stderr, "%s\n", cli_text("a platform serves this folder: the marks in its log are left out here; `tenon audit verify` without --data asks it",
			"平台正在使用该文件夹：此处不核对其日志中的标记；不带 --data 的 tenon audit verify 会询问平台"));
	if (r >= 0) {
		n = guard_tenants(s->guard, tenants);
		r = verify(s->platform, 0);
	}
	broken |= r == 1;
	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		r = verify(s->platform, tenants[i]);
		broken |= r == 1;
	}
	if (r >= 0 && broken)
		r = err_fail(ERR_CORRUPT, "what", cli_text("the audit log", "审计日志"), "detail", cli_text("see above", "见上"), NULL);
	return r < 0 ? r : 0;
}

/* --- What the program knows -------------------------------------------------------------------------------------------- */

int run_routes(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	struct platform p = { .nouns = service_nouns(), .version = TENON_VERSION };
	struct buf b = BUF_INIT(&sys_heap, 16 << 20);

	api_routes_json(&p, &b);
	buf_addc(&b, '\n');
	show_print(&b);
	return 0;
}

int run_openapi(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	struct platform p = { .nouns = service_nouns(), .version = TENON_VERSION };
	struct buf b = BUF_INIT(&sys_heap, 16 << 20);

	api_openapi(&p, &b);
	buf_addc(&b, '\n');
	show_print(&b);
	return 0;
}

int run_types(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	struct buf b = BUF_INIT(&sys_heap, 16 << 20);

	for (const struct noun *const *n = service_nouns(); *n; n++)
		rec_typescript((*n)->type, &b);
	show_print(&b);
	return 0;
}
