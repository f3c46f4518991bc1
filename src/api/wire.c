/* wire.c - what passes on the wires of connections, and who calls them. */
#include "api/internal.h"
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

static const struct route rows[] = {
	ROUTE("GET", "/links/dial-ins", PERM_LINK_READ, "link.dial_ins", run_dial_ins,
		.doc = "Devices that called and that no connection knew: what they said first, ready to be the registration packet of a new one"),
};
const struct routes routes_wire = { rows, ELEMENTSOF(rows) };
