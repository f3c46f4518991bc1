/* tcp.c - the MBAP frame of Modbus/TCP. */
#include "base/err.h"
#include "proto/modbus/modbus.h"

void modbus_tcp_header(struct pen *out, uint16_t transaction, uint8_t unit, size_t len)
{
	pen_be16(out, transaction);
	pen_be16(out, 0);
	pen_be16(out, (uint16_t) (len + 1));
	pen_u8(out, unit);
}

/* The length of the frame that begins at p: 0 while too little is known, < 0 when this is no frame. */
static int frame_len(const uint8_t *p, size_t have)
{
	unsigned protocol, len;

	if (have < 6)
		return 0;
	protocol = (unsigned) p[2] << 8 | p[3];
	len = (unsigned) p[4] << 8 | p[5];
	/* unit + function code at the least: a PDU of no bytes means nothing */
	if (protocol != 0 || len < 2 || len > 1 + MODBUS_PDU_MAX)
		return err_fail(ERR_PEER, "what", "Modbus", "detail", "@modbus_garbage", NULL);
	return (int) (6 + len);
}

static int found(const uint8_t *p, int len, struct modbus_tcp *ret)
{
	*ret = (struct modbus_tcp) { .transaction = (uint16_t) (p[0] << 8 | p[1]), .unit = p[6], .pdu = p + 7, .len = (size_t) len - 7 };
	return 1;
}

int modbus_tcp_split(struct modbus_tcp_splitter *s, struct cur *in, struct modbus_tcp *ret)
{
	for (;;) {
		const uint8_t *p = s->len ? s->part : in->at;
		size_t have = s->len ? s->len : cur_left(in), more;
		int len = frame_len(p, have);

		if (len < 0)
			return len;
		/* Whole frames are taken where they lie; only what is cut by the end of a segment is copied. */
		if (!s->len && len && have >= (size_t) len)
			return found(cur_take(in, (size_t) len), len, ret);
		if (cur_left(in) == 0)
			return 0;
		more = MIN((len ? (size_t) len : 6) - s->len, cur_left(in));
		memcpy(s->part + s->len, cur_take(in, more), more);
		s->len += (uint16_t) more;
		if (len && s->len == len) {
			s->len = 0;
			return found(s->part, len, ret);
		}
	}
}
