/* beat.c - registration packets and heartbeats: what devices that dial in send by themselves. */
#include "base/err.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int unfit(const char *text, const char *rule)
{
	return err_fail(ERR_INVALID, "field", "@packet", "rule", rule, "value", text, NULL);
}

int modbus_packet_parse(const char *text, struct modbus_beat *ret)
{
	struct modbus_beat b = { 0 };
	size_t n = text ? str_len(text) : 0;

	if (n < 4 || memcmp(text, "hex:", 4) != 0) {
		if (n > sizeof(b.bytes))
			return unfit(text, "@packet_rule_long");
		if (n)
			memcpy(b.bytes, text, n);
		b.len = (uint8_t) n;
		*ret = b;
		return 0;
	}
	for (const char *at = text + 4; *at;) {
		int high, low;

		if (*at == ' ') {
			at++;
			continue;
		}
		high = digit(at[0]);
		low = high < 0 ? -1 : digit(at[1]);
		if (low < 0)
			return unfit(text, "@packet_rule_hex");
		if (b.len == sizeof(b.bytes))
			return unfit(text, "@packet_rule_long");
		b.bytes[b.len++] = (uint8_t) (high << 4 | low);
		at += 2;
	}
	*ret = b;
	return 0;
}

int modbus_beat_skip(struct modbus_session *s)
{
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(s->beat); i++) {
		const struct modbus_beat *b = &s->beat[i];
		size_t n = MIN((size_t) b->len, (size_t) s->line.len);

		if (b->len == 0 || memcmp(s->line.bytes, b->bytes, n) != 0)
			continue;
		if (n == b->len) {
			modbus_line_drop(&s->line, n);
			return 1;
		}
		r = -1;
	}
	return r;
}
