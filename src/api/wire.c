/* wire.c - what passes on the wires of connections, and who calls them. */
#include "api/internal.h"
#include "base/num.h"
#include "base/when.h"
#include "link/link.h"

static void time_kv(struct json *j, const char *key, int64_t ns)
{
	char text[40];

	when_format(text, ns);
	json_kv_str(j, key, text);
}

/* A packet as the settings of a connection write it: text, or hex: and digits. */
static void packet_kv(struct json *j, const char *key, const uint8_t *bytes, size_t n)
{
	char text[4 + 2 * DRIVER_CALL_MAX + 1];
	struct buf b = BUF_FIXED(text);
	bool plain = n > 0 && utf8_is_valid((const char *) bytes, n) && !(n >= 4 && memcmp(bytes, "hex:", 4) == 0);

	for (size_t i = 0; i < n && plain; i++)
		plain = bytes[i] >= ' ' && bytes[i] != 0x7F;
	if (plain)
		buf_addn(&b, bytes, n);
	else if (n)
		buf_add(&b, "hex:");
	for (size_t i = 0; i < n && !plain; i++)
		buf_addf(&b, "%02X", (unsigned) bytes[i]);
	json_kv_str(j, key, b.data);
}

static int run_dial_ins(struct call *c)
{
	struct link *l = c->api->platform->link;
	struct link_dial_in *all = arena_array(&c->arena, struct link_dial_in, LINK_DIAL_INS);
	struct json j = answer_json(c);
	size_t n;

	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "links", NULL);
	n = l ? link_dial_ins(l, c->scope.tenant, all, LINK_DIAL_INS) : 0;
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (size_t i = 0; i < n; i++) {
		json_object(&j);
		json_kv_str(&j, "host", all[i].address);
		json_kv_u64(&j, "port", all[i].port);
		packet_kv(&j, "registration", all[i].said, all[i].len);
		json_kv_str(&j, "peer", all[i].peer);
		json_kv_u64(&j, "calls", all[i].count);
		time_kv(&j, "first", all[i].first_ns);
		time_kv(&j, "last", all[i].last_ns);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return 0;
}

/* ---- frames ---- */

enum { ASKED_MAX = 16, FRAMES_LIMIT = 200, FRAMES_LIMIT_MAX = 5000 };

static const char *const kinds[] = { [LINK_FRAME_OUT] = "out", [LINK_FRAME_IN] = "in", [LINK_FRAME_SILENCE] = "silence",
	[LINK_FRAME_OPENED] = "opened", [LINK_FRAME_CLOSED] = "closed" };
static const char *const saids[] = { [DRIVER_NOTHING] = "incomplete", [DRIVER_READY] = "ready", [DRIVER_SPEAK] = "handshake",
	[DRIVER_ANSWER] = "answer", [DRIVER_REFUSED] = "refused", [DRIVER_WRONG] = "wrong", [DRIVER_STRAY] = "stray", [DRIVER_ALIVE] = "heartbeat" };
/* What stands where a frame has no words of its driver's. */
static const struct { const char *en, *zh; } plain[] = { [LINK_FRAME_SILENCE] = { "no answer in time", "应答超时" },
	[LINK_FRAME_OPENED] = { "connection opened", "连接已建立" }, [LINK_FRAME_CLOSED] = { "connection closed", "连接已断开" } };
static const struct { const char *en, *zh; } unread[] = { [DRIVER_NOTHING] = { "incomplete", "不完整" }, [DRIVER_READY] = { "handshake", "握手" },
	[DRIVER_SPEAK] = { "handshake", "握手" }, [DRIVER_ANSWER] = { "answer", "应答" }, [DRIVER_REFUSED] = { "refused", "拒绝" },
	[DRIVER_WRONG] = { "unreadable", "无法解析" }, [DRIVER_STRAY] = { "belongs to no request", "不属于任何请求" },
	[DRIVER_ALIVE] = { "heartbeat", "心跳" } };

struct words { struct driver_frame asked[ASKED_MAX]; uint32_t n; };

static void frame_text(const struct link_frames *all, const struct link_frame *f, struct words *w, enum lang lang, struct buf *out)
{
	struct driver_frame frame = { .dialect = all->end.dialect, .is_out = f->kind == LINK_FRAME_OUT, .bytes = f->bytes, .len = f->len };

	buf_clear(out);
	if (f->kind != LINK_FRAME_OUT && f->kind != LINK_FRAME_IN) {
		buf_add(out, lang == LANG_ZH ? plain[f->kind].zh : plain[f->kind].en);
		return;
	}
	if (all->driver->explain)
		all->driver->explain(&frame, w->asked, w->n, lang, out);
	if (!out->len && f->kind == LINK_FRAME_IN)
		buf_add(out, lang == LANG_ZH ? unread[f->said].zh : unread[f->said].en);
	if (f->kind == LINK_FRAME_OUT) {
		memmove(w->asked + 1, w->asked, sizeof(w->asked[0]) * (ASKED_MAX - 1));
		w->asked[0] = frame;
		w->n = MIN(w->n + 1, (uint32_t) ASKED_MAX);
	}
}

static void frame_json(const struct link_frame *f, const char *text, struct buf *hex, struct json *j)
{
	json_object(j);
	json_kv_u64(j, "seq", f->seq);
	json_kv_i64(j, "t", f->time_ns / 1000);
	json_kv_str(j, "kind", kinds[f->kind]);
	if (f->kind == LINK_FRAME_IN)
		json_kv_str(j, "result", saids[f->said]);
	buf_clear(hex);
	for (size_t i = 0; i < f->len; i++)
		buf_addf(hex, i ? " %02X" : "%02X", (unsigned) f->bytes[i]);
	if (f->len)
		json_kv_str(j, "bytes", hex->data);
	json_kv_str(j, "text", text);
	json_end(j);
}

static int number_of(struct call *c, const char *key, uint64_t *ret)
{
	const char *text = call_param(c, key);

	if (!text)
		return 0;
	return num_parse_u64(text, text + str_len(text), ret) == str_len(text) ? 0 :
		err_fail(ERR_BAD_ARGUMENT, "field", key, "rule", "@rule_positive", "value", text, NULL);
}

static int missing_connection(const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	return err_fail(ERR_MISSING, "what", "@connection", "value", text, NULL);
}

static int frames_of(struct scope *s, const struct uuid *connection, uint64_t after, struct link_frames **ret)
{
	struct noun_in in = { .noun = noun_find(s->platform, "connection"), .id = *connection };
	struct link *l = s->platform->link;
	void *rec;
	int r = noun_get(s, &in, &rec);         /* of this tenant, and within what the caller may see */

	if (r >= 0 && !l)
		r = missing_connection(connection);
	if (r >= 0)
		r = link_frames(l, connection, after, ret);
	/* Its numbers began anew: the connection was made again since. */
	if (r >= 0 && (*ret)->driver && (*ret)->last < after) {
		*ret = link_frames_free(*ret);
		r = link_frames(l, connection, 0, ret);
	}
	if (r >= 0 && !(*ret)->driver) {
		*ret = link_frames_free(*ret);
		return missing_connection(connection);
	}
	return r;
}

/* The newest; those before them are read for the questions they hold. */
static uint32_t items_json(const struct link_frames *all, const struct frames_asked *in, struct words *w, enum lang lang, struct json *j)
{
	_cleanup_(buf_done) struct buf hex = BUF_INIT(&sys_heap, 8 << 10), text = BUF_INIT(&sys_heap, 8 << 10);
	uint64_t n = 0, skip, after = in->after > all->last ? 0 : in->after;
	struct link_frame f;
	uint32_t told = 0;

	for (size_t at = 0; link_frames_next(all, &at, &f);)
		n += f.seq > after;
	skip = n > in->limit ? n - in->limit : 0;
	for (size_t at = 0; link_frames_next(all, &at, &f);) {
		frame_text(all, &f, w, lang, &text);
		if (f.seq <= after)
			continue;
		if (skip) {
			skip--;
			continue;
		}
		frame_json(&f, text.data, &hex, j);
		told++;
	}
	return told;
}

int frames_write(struct scope *s, const struct frames_asked *in, struct json *j, struct frames_told *ret)
{
	_cleanup_(link_frames_freep) struct link_frames *all = NULL;
	_cleanup_free_ struct words *w = sys_new(struct words);
	uint64_t since;
	int r = w ? scope_need(s, PERM_LINK_READ) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	if (r >= 0)
		r = frames_of(s, &in->connection, in->after, &all);
	if (r < 0)
		return r;
	json_object(j);
	json_key(j, "items");
	json_array(j);
	ret->n = items_json(all, in, w, s->lang, j);
	json_end(j);
	ret->last = all->last;
	since = in->after && in->after <= all->last ? all->last - in->after : 0;        /* asked from the beginning nothing was missed */
	json_kv_u64(j, "last", all->last);
	json_kv_u64(j, "dropped", since > ret->n ? since - ret->n : 0);
	json_end(j);
	return 0;
}

static int run_frames(struct call *c)
{
	struct frames_asked in = { .limit = FRAMES_LIMIT };
	struct frames_told told;
	struct json j = answer_json(c);
	int r = number_of(c, "after", &in.after);

	if (r >= 0)
		r = number_of(c, "limit", &in.limit);
	in.limit = MIN(in.limit, (uint64_t) FRAMES_LIMIT_MAX);
	if (r >= 0)
		r = call_uuid(c, &in.connection);
	return r < 0 ? r : frames_write(&c->scope, &in, &j, &told);
}

static int run_pcap(struct call *c)
{
	_cleanup_(link_frames_freep) struct link_frames *all = NULL;
	struct uuid id;
	int r = call_uuid(c, &id);

	if (r >= 0)
		r = frames_of(&c->scope, &id, 0, &all);
	if (r < 0)
		return r;
	c->content_type = "application/vnd.tcpdump.pcap";
	link_frames_pcap(all, &c->out);
	return 0;
}

static const char *const frames_params[] = { "after", "limit", NULL };
static const char *const pcap_offers[] = { "application/vnd.tcpdump.pcap", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/links/dial-ins", PERM_LINK_READ, "link.dial_ins", run_dial_ins,
		.doc = "Devices that called and that no connection knew: what they said first, ready to be the registration packet of a new one"),
	ROUTE("GET", "/links/{id}/frames", PERM_LINK_READ, "link.frames", run_frames, .params = frames_params,
		.doc = "The last frames of a connection, with their meaning in words; after=: those behind this number"),
	ROUTE("GET", "/links/{id}/frames.pcap", PERM_LINK_READ, "link.frames_pcap", run_pcap, .offers = pcap_offers,
		.doc = "The same as a capture for Wireshark; serial lines: decode RTAC Serial as mbrtu"),
};
const struct routes routes_wire = { rows, ELEMENTSOF(rows) };
