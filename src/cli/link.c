/* link.c - tenon link: test of a connection, raw reads, scan, plan. */
#include <stdio.h>

#include "base/num.h"
#include "base/str.h"
#include "cli/parts.h"
#include "cli/verbs.h"
#include "sys/sys.h"

struct link_options { REMOTE_MEMBERS; const char *device, *driver, *config, *device_config, *address, *type; uint32_t count, from, to, limit; bool follow; const char *pcap; };
#define O struct link_options
static const struct rec_field link_fields[] = {
	REMOTE_FIELDS(O),
	F(O, device, .label = "Device on it, id or code", .label_zh = "其上的采集设备（标识符或编码）"),
	F(O, driver, .label = "Driver of a connection that is not saved", .label_zh = "未保存通道的驱动"),
	F(O, config, .label = "Its settings, JSON", .label_zh = "其设置（JSON）"),
	F(O, device_config, .label = "Settings of the device, JSON", .label_zh = "采集设备设置（JSON）"),
	F(O, address, .label = "Address to read", .label_zh = "试读的地址"),
	F(O, type, .def = "u16", .label = "Data type of it", .label_zh = "其数据类型"),
	F(O, count, .def = "8", .min = "1", .max = "125", .label = "Registers of a raw read", .label_zh = "试读的寄存器数"),
	F(O, from, .def = "1", .max = "255", .label = "First unit of a scan", .label_zh = "扫描的起始单元"),
	F(O, to, .def = "247", .max = "255", .label = "Last unit of a scan", .label_zh = "扫描的结束单元"),
	F(O, limit, .def = "50", .min = "1", .max = "5000", .label = "At most so many frames", .label_zh = "最多显示的报文数"),
	F(O, follow, .def = "false", .label = "Go on with the frames to come", .label_zh = "持续显示新报文"),
	F(O, pcap, .label = "Frames into this file, for Wireshark", .label_zh = "报文存为抓包文件（Wireshark）"),
};
const struct rec_type link_option_type = REC_PLAIN(O, "options", link_fields);

static void kv(struct json *j, const char *key, const char *value)
{
	if (!str_empty(value))
		json_kv_str(j, key, value);
}

static void kv_raw(struct json *j, const char *key, const char *value)
{
	if (str_empty(value))
		return;
	json_key(j, key);
	json_raw(j, value);
}

/* `scan`: whom it takes; else with a device, and what is to be read. */
static int body_of(const O *o, const char *verb, const char *connection, struct arena *a, const char **ret)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);

	json_object(&j);
	kv(&j, "connection", connection);
	kv(&j, "driver", o->driver);
	kv_raw(&j, "config", o->config);
	if (str_eq(verb, "scan")) {
		json_kv_u64(&j, "from", o->from);
		json_kv_u64(&j, "to", o->to);
	} else {
		kv(&j, "device", o->device);
		kv_raw(&j, "device_config", o->device_config);
		kv(&j, "address", o->address);
		if (str_eq(verb, "test"))
			kv(&j, "type", o->type);
		else
			json_kv_u64(&j, "count", o->count);
	}
	json_end(&j);
	*ret = arena_str(a, b.data);
	buf_done(&b);
	return *ret ? 0 : err_fail(ERR_NO_MEMORY, "what", "request", NULL);
}

static int post(const O *o, const char *verb, const char *connection, struct arena *a, struct tree **ret)
{
	struct remote_request q = { .method = "POST", .type = "application/json", .path = arena_fmt(a, "/api/v1/links/%s", verb) };
	int r = body_of(o, verb, connection, a, &q.body);

	q.len = str_len(q.body);
	return r < 0 ? r : remote_tree(REMOTE_OF(o), &q, a, ret);
}

static bool as_json(const O *o, const struct tree *t)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 24);
	struct json j = JSON_TO(&out);

	if (!str_eq(REMOTE_OF(o)->output, "json"))
		return false;
	tree_write(t, &j);
	buf_addc(&out, '\n');
	show_print(&out);
	return true;
}

static const char *word(const struct tree *t, const char *key)
{
	const char *s = tree_str(tree_find(t, key));

	return s ? s : "";
}

static int test(const O *o, const char *connection, struct arena *a)
{
	struct tree *t;
	int r = post(o, "test", connection, a, &t);
	const char *failed = NULL;

	if (r < 0)
		return r;
	TREE_EACH(step, tree_find(t, "steps"))
		if (str_eq(word(step, "state"), "failed"))
			failed = arena_fmt(a, "%s: %s", word(step, "step"), word(tree_find(step, "error"), "detail"));
	if (!as_json(o, t))
		TREE_EACH(step, tree_find(t, "steps")) {
			printf("%-8s %s  %s\n", word(step, "state"), word(step, "title"), word(step, "found"));
			if (str_eq(word(step, "state"), "failed"))
				printf("         %s\n         %s\n", word(tree_find(step, "error"), "detail"), word(step, "hint"));
		}
	fflush(stdout);
	return failed ? err_fail(ERR_REMOTE, "detail", failed, "exit", "69", NULL) : 0;
}

static void cell(const struct tree *t, struct buf *out)
{
	struct json j = JSON_TO(out);

	if (t && t->kind == TREE_STR)
		buf_add(out, t->s);
	else if (t)
		tree_write(t, &j);
}

static int peek(const O *o, const char *connection, struct arena *a)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 22);
	struct tree *t;
	int r = post(o, "peek", connection, a, &t);

	if (r < 0 || as_json(o, t))
		return r;
	TREE_EACH(w, tree_find(t, "registers"))
		buf_addf(&out, "%s ", w->s);
	buf_addc(&out, '\n');
	TREE_EACH(row, tree_find(t, "readings")) {
		buf_addf(&out, "%-4s %-5s", word(row, "type"), word(row, "byte_order"));
		TREE_EACH(v, tree_find(row, "values")) {
			buf_addc(&out, ' ');
			cell(v, &out);
		}
		buf_addc(&out, '\n');
	}
	TREE_EACH(row, tree_find(t, "texts"))
		buf_addf(&out, "%s %s \"%s\"\n", word(row, "encoding"), word(row, "byte_order"), word(row, "text"));
	show_print(&out);
	return 0;
}

static int scan(const O *o, const char *connection, struct arena *a)
{
	struct tree *job;
	int r = post(o, "scan", connection, a, &job);

	if (r < 0 || as_json(o, job))
		return r;
	printf("%s\n", word(job, "id"));        /* tenon job wait ID */
	return 0;
}

static int plan(const O *o, const char *id, struct arena *a)
{
	struct buf path = BUF_INIT(&sys_heap, 4096), out = BUF_INIT(&sys_heap, 1 << 24);
	struct remote_request q = { .method = "GET" };
	struct tree *t;
	int r;

	buf_add(&path, "/api/v1/links/");
	if (id) {
		remote_escape(&path, id);
		buf_addc(&path, '/');
	}
	buf_add(&path, "plan");
	q.path = arena_str(a, path.data);
	buf_done(&path);
	r = remote_tree(REMOTE_OF(o), &q, a, &t);
	if (r < 0 || as_json(o, t))
		return r;
	TREE_EACH(g, tree_find(t, "items")) {
		buf_addf(&out, cli_text("%s: %lld points in %lld requests, %lld µs a cycle; %g of %g cycles a second\n",
			"%s：%lld 个点位，%lld 次请求，每周期 %lld µs；每秒 %g / %g 个周期\n"), word(g, "code"), (long long) tree_i64(tree_find(g, "points"), 0),
			(long long) tree_i64(tree_find(g, "requests"), 0), (long long) tree_i64(tree_find(g, "p50_us"), 0), tree_f64(tree_find(g, "achieved_hz"), 0),
			tree_f64(tree_find(g, "asked_hz"), 0));
		TREE_EACH(q2, tree_find(g, "list"))
			buf_addf(&out, cli_text("  %-16s %4lld points  %4lld items, %lld in holes  %lld µs%s\n", "  %-16s %4lld 个点位  %4lld 项，其中间隙 %lld  %lld µs%s\n"),
				word(q2, "range"), (long long) tree_i64(tree_find(q2, "points"), 0), (long long) tree_i64(tree_find(q2, "items"), 0),
				(long long) tree_i64(tree_find(q2, "holes"), 0), (long long) tree_i64(tree_find(q2, "last_us"), 0),
				tree_bool(tree_find(q2, "failing"), false) ? cli_text("  fails", "  失败") : "");
	}
	show_print(&out);
	return 0;
}

static int frames(const O *o, const char *connection, struct arena *a)
{
	struct wire_options w = { .limit = o->limit, .follow = o->follow, .pcap = o->pcap };

	return connection ? wire_frames(REMOTE_OF(o), &w, connection, a) : err_fail(ERR_USAGE, "detail", "tenon link frames CONNECTION", NULL);
}

static int dial_ins(const O *o, const char *connection, struct arena *a) { return wire_dial_ins(REMOTE_OF(o), a); }

int run_link(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
{
	static const struct { const char *name; int (*run)(const O *o, const char *connection, struct arena *a); } verbs[] = { { "test", test },
		{ "peek", peek }, { "scan", scan }, { "plan", plan }, { "frames", frames },
		{ "dial-ins", dial_ins } };
	static const char *const words[] = { "test", "peek", "scan", "plan", "frames", "dial-ins" };

	if (argc < 2 || argc > 3)
		return err_fail(ERR_USAGE, "detail", arena_fmt(a, "tenon link %s", c->usage), NULL);
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (str_eq(verbs[i].name, argv[1]))
			return verbs[i].run(options, argc > 2 ? argv[2] : NULL, a);
	return err_fail(ERR_NO_VERB, "value", argv[1], "nearest", str_nearest(argv[1], words, ELEMENTSOF(words)), NULL);
}
