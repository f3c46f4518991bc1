/* serial.c - the frames of serial lines: RTU and ASCII, found among whatever else the line carries. */
#include "base/err.h"
#include "proto/modbus/modbus.h"

/* ---- check sums ---- */

/* Polynomial A001 (8005 reflected), four bits at a time. */
uint16_t modbus_crc(const void *bytes, size_t n)
{
	static const uint16_t table[16] = { 0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
		0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400 };
	const uint8_t *p = bytes;
	uint16_t crc = 0xFFFF;

	for (size_t i = 0; i < n; i++) {
		crc = (uint16_t) (table[(crc ^ p[i]) & 15] ^ (crc >> 4));
		crc = (uint16_t) (table[(crc ^ (p[i] >> 4)) & 15] ^ (crc >> 4));
	}
	return crc;
}

uint8_t modbus_lrc(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (uint8_t) (sum + p[i]);
	return (uint8_t) -sum;
}

/* ---- writing ---- */

void modbus_rtu_frame(struct pen *out, uint8_t unit, const uint8_t *pdu, size_t len)
{
	uint8_t *from = pen_take(out, 1 + len);

	if (!from)
		return;
	from[0] = unit;
	memcpy(from + 1, pdu, len);
	pen_le16(out, modbus_crc(from, 1 + len));
}

static void pen_hex(struct pen *out, uint8_t byte)
{
	static const char digits[] = "0123456789ABCDEF";

	pen_u8(out, (uint8_t) digits[byte >> 4]);
	pen_u8(out, (uint8_t) digits[byte & 15]);
}

void modbus_ascii_frame(struct pen *out, uint8_t unit, const uint8_t *pdu, size_t len)
{
	pen_u8(out, ':');
	pen_hex(out, unit);
	for (size_t i = 0; i < len; i++)
		pen_hex(out, pdu[i]);
	pen_hex(out, (uint8_t) (modbus_lrc(pdu, len) - unit));
	pen_u8(out, '\r');
	pen_u8(out, '\n');
}

/* ---- how long a PDU is that begins so: 0 as long as too little is known, < 0 when it is none ---- */

static int id_size(const uint8_t *p, size_t have)
{
	size_t at = 7;

	if (have < 7)
		return 0;
	if (p[1] != MODBUS_MEI_DEVICE_ID)
		return -1;
	for (unsigned i = 0; i < p[6]; i++) {
		if (have < at + 2)
			return at + 2 > MODBUS_PDU_MAX ? -1 : 0;
		at += 2u + p[at + 1];
		if (at > MODBUS_PDU_MAX)
			return -1;
	}
	return (int) at;
}

static int answer_size(const uint8_t *p, size_t have)
{
	if (have < 1)
		return 0;
	if (p[0] & 0x80)
		return 2;
	switch (p[0]) {
	case MODBUS_READ_COILS: case MODBUS_READ_DISCRETE: case MODBUS_READ_HOLDING: case MODBUS_READ_INPUT: case MODBUS_READ_WRITE:
		return have < 2 ? 0 : p[1] < 1 || p[1] > 250 ? -1 : 2 + p[1];
	case MODBUS_WRITE_COIL: case MODBUS_WRITE_REGISTER: case MODBUS_WRITE_COILS: case MODBUS_WRITE_REGISTERS:
		return 5;
	case MODBUS_MASK_WRITE:
		return 7;
	case MODBUS_ENCAPSULATED:
		return id_size(p, have);
	default:
		return -1;
	}
}

static int request_size(const uint8_t *p, size_t have)
{
	if (have < 1)
		return 0;
	switch (p[0]) {
	case MODBUS_READ_COILS: case MODBUS_READ_DISCRETE: case MODBUS_READ_HOLDING: case MODBUS_READ_INPUT:
	case MODBUS_WRITE_COIL: case MODBUS_WRITE_REGISTER:
		return 5;
	case MODBUS_WRITE_COILS: case MODBUS_WRITE_REGISTERS:
		return have < 6 ? 0 : p[5] > 246 ? -1 : 6 + p[5];
	case MODBUS_MASK_WRITE:
		return 7;
	case MODBUS_READ_WRITE:
		return have < 10 ? 0 : p[9] > 242 ? -1 : 10 + p[9];
	case MODBUS_ENCAPSULATED:
		return 4;
	default:
		return -1;
	}
}

/* ---- finding: RTU ---- */

static int broken(const char *detail)
{
	return err_fail(ERR_PEER, "what", "Modbus", "detail", detail, NULL);
}

static bool crc_is_right(const uint8_t *frame, size_t len)
{
	uint16_t crc = modbus_crc(frame, len - 2);

	return frame[len - 2] == (uint8_t) crc && frame[len - 1] == crc >> 8;
}

static int found(const uint8_t *bytes, size_t from, size_t size, struct modbus_found *ret)
{
	*ret = (struct modbus_found) { .unit = bytes[from], .pdu = bytes + from + 1, .len = size, .from = from, .to = from + size + 3 };
	return 1;
}

int modbus_rtu_answer(const uint8_t *bytes, size_t n, uint8_t unit, const struct modbus_request *asked, struct modbus_found *ret)
{
	bool waits = false, bad = false;

	for (size_t i = 0; i + 1 < n; i++) {
		uint8_t fc = bytes[i + 1] & 0x7F;
		int size;

		/* Whole frames of anybody are known at the beginning; behind it, among noise, only what can be the answer. */
		if (i > 0 && fc != asked->fc)
			continue;
		size = answer_size(bytes + i + 1, n - i - 1);
		if (size < 0)
			continue;
		if (size == 0 || i + (size_t) size + 3 > n) {
			waits |= bytes[i] == unit && fc == asked->fc;
			continue;
		}
		if (crc_is_right(bytes + i, (size_t) size + 3))
			return found(bytes, i, (size_t) size, ret);
		if (bytes[i] == unit && fc == asked->fc && !bad) {
			bad = true;
			found(bytes, i, (size_t) size, ret);
		}
	}
	/* As long as another beginning may still grow into the answer, nothing is lost. */
	return bad && !waits ? broken("@modbus_wrong_crc") : 0;
}

int modbus_rtu_request(const uint8_t *bytes, size_t n, struct modbus_found *ret)
{
	for (size_t i = 0; i + 1 < n; i++) {
		int size = request_size(bytes + i + 1, n - i - 1);

		if (size > 0 && i + (size_t) size + 3 <= n && crc_is_right(bytes + i, (size_t) size + 3))
			return found(bytes, i, (size_t) size, ret);
	}
	return 0;
}

int modbus_rtu_whole(const uint8_t *bytes, size_t n, struct modbus_found *ret)
{
	return n >= 4 && n <= MODBUS_RTU_ADU_MAX && crc_is_right(bytes, n) ? found(bytes, 0, n - 3, ret) : 0;
}

/* ---- finding: ASCII ---- */

static int digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line [from, to) without its colon and CR LF into bytes; how many, or < 0. */
static int hex_decode(const uint8_t *from, const uint8_t *to, uint8_t *out)
{
	int n = 0;

	if ((to - from) % 2 || to - from < 6 || to - from > 2 * (MODBUS_PDU_MAX + 2))
		return -1;
	for (; from < to; from += 2) {
		int high = digit(from[0]), low = digit(from[1]);

		if (high < 0 || low < 0)
			return -1;
		out[n++] = (uint8_t) (high << 4 | low);
	}
	return n;
}

int modbus_ascii_find(const uint8_t *bytes, size_t n, uint8_t scratch[MODBUS_RTU_ADU_MAX], struct modbus_found *ret)
{
	size_t colon = n, end = n;
	int got;

	/* A colon always begins anew (2.5.2.1). */
	for (size_t i = 0; i < n && end == n; i++) {
		if (bytes[i] == ':')
			colon = i;
		else if (bytes[i] == '\n' && colon < n)
			end = i;
	}
	if (end == n)
		return 0;
	got = hex_decode(bytes + colon + 1, bytes + end - (bytes[end - 1] == '\r'), scratch);
	*ret = (struct modbus_found) { .from = colon, .to = end + 1 };
	if (got < 0)
		return broken("@modbus_wrong_ascii");
	ret->unit = scratch[0];
	ret->pdu = scratch + 1;
	ret->len = (size_t) got - 2;
	return modbus_lrc(scratch, (size_t) got - 1) == scratch[got - 1] ? 1 : broken("@modbus_wrong_lrc");
}

/* ---- what a line carried ---- */

void modbus_line_add(struct modbus_line *l, struct cur *in)
{
	size_t n = cur_left(in), room = sizeof(l->bytes) - l->len;
	const uint8_t *from = cur_take(in, n);

	/* More than any echo and answer together: the oldest is noise. */
	if (n > sizeof(l->bytes)) {
		from += n - sizeof(l->bytes);
		n = sizeof(l->bytes);
	}
	if (n > room)
		modbus_line_drop(l, n - room);
	if (n)
		memcpy(l->bytes + l->len, from, n);
	l->len += (uint16_t) n;
}

void modbus_line_drop(struct modbus_line *l, size_t n)
{
	n = MIN(n, (size_t) l->len);
	memmove(l->bytes, l->bytes + n, l->len - n);
	l->len -= (uint16_t) n;
}
