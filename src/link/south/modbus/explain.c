/* explain.c - frames in words, for people who look at a connection. */
#include "base/err.h"
#include "link/south/modbus/modbus.h"

enum { VALUES_SHOWN = 16, BITS_SHOWN = 32 };

/* What a function does, and the notation of what it does it to. */
static const struct { uint8_t fc; const char *en, *zh, *prefix; } functions[] = {
	{ MODBUS_READ_COILS, "read coils", "读线圈", "C" }, { MODBUS_READ_DISCRETE, "read discrete inputs", "读离散输入", "DI" },
	{ MODBUS_READ_HOLDING, "read holding registers", "读保持寄存器", "HR" }, { MODBUS_READ_INPUT, "read input registers", "读输入寄存器", "IR" },
	{ MODBUS_WRITE_COIL, "write coil", "写单个线圈", "C" }, { MODBUS_WRITE_REGISTER, "write register", "写单个寄存器", "HR" },
	{ MODBUS_WRITE_COILS, "write coils", "写多个线圈", "C" }, { MODBUS_WRITE_REGISTERS, "write registers", "写多个寄存器", "HR" },
	{ MODBUS_MASK_WRITE, "mask write register", "屏蔽写寄存器", "HR" }, { MODBUS_READ_WRITE, "read and write registers", "读写多个寄存器", "HR" },
	{ MODBUS_ENCAPSULATED, "read device identification", "读设备标识", "ID" },
};

static size_t function_of(uint8_t fc)
{
	size_t i = 0;

	while (i < ELEMENTSOF(functions) && functions[i].fc != fc)
		i++;
	return i;
}

static void say_function(uint8_t fc, enum lang lang, struct buf *out)
{
	size_t i = function_of(fc);

	if (i == ELEMENTSOF(functions))
		buf_addf(out, lang == LANG_ZH ? "功能码 %u" : "function %u", (unsigned) fc);
	else
		buf_add(out, lang == LANG_ZH ? functions[i].zh : functions[i].en);
}

static void say_range(const char *prefix, unsigned from, unsigned n, enum lang lang, struct buf *out)
{
	buf_addf(out, " %s%u", prefix, from);
	if (n > 1)
		buf_addf(out, lang == LANG_ZH ? "–%s%u（%u 个）" : "–%s%u (%u)", prefix, from + n - 1, n);
}

static void say_registers(const uint8_t *data, size_t len, struct buf *out)
{
	for (size_t i = 0; i + 1 < len && i < 2 * VALUES_SHOWN; i += 2)
		buf_addf(out, " %u", (unsigned) data[i] << 8 | data[i + 1]);
	if (len > 2 * VALUES_SHOWN)
		buf_add(out, " …");
}

static void say_bits(const uint8_t *data, unsigned n, struct buf *out)
{
	buf_addc(out, ' ');
	for (unsigned i = 0; i < n && i < BITS_SHOWN; i++)
		buf_addc(out, modbus_get_bit(data, i) ? '1' : '0');
	if (n > BITS_SHOWN)
		buf_add(out, "…");
}

static void say_question(const struct modbus_request *q, enum lang lang, struct buf *out)
{
	const char *prefix = functions[function_of(q->fc)].prefix;

	say_function(q->fc, lang, out);
	if (q->fc == MODBUS_ENCAPSULATED) {
		buf_addf(out, " ID%u", (unsigned) q->object);
		return;
	}
	say_range(prefix, q->addr, q->n, lang, out);
	switch (q->fc) {
	case MODBUS_WRITE_COIL:
		buf_add(out, q->value == MODBUS_COIL_ON ? " = 1" : " = 0");
		break;
	case MODBUS_WRITE_REGISTER:
		buf_addf(out, " = %u", (unsigned) q->value);
		break;
	case MODBUS_WRITE_COILS:
		buf_add(out, " =");
		say_bits(q->data, q->n, out);
		break;
	case MODBUS_READ_WRITE:
		buf_addc(out, ',');
		say_range(prefix, q->write_addr, q->write_n, lang, out);
		__attribute__((fallthrough));
	case MODBUS_WRITE_REGISTERS:
		buf_add(out, " =");
		say_registers(q->data, q->len, out);
		break;
	case MODBUS_MASK_WRITE:
		buf_addf(out, " & %04X | %04X", (unsigned) q->and_mask, (unsigned) q->or_mask);
		break;
	default:
		break;
	}
}

static void say_objects(const struct modbus_response *a, struct buf *out)
{
	struct cur list = cur_of(a->data, a->len);
	struct modbus_object o;

	while (modbus_object_next(&list, &o)) {
		buf_addf(out, " ID%u=", (unsigned) o.id);
		for (unsigned i = 0; i < o.len; i++)
			buf_addc(out, o.text[i] >= ' ' && o.text[i] < 0x7F ? (char) o.text[i] : '?');
	}
}

static void say_answer(const struct modbus_request *q, const struct modbus_response *a, enum lang lang, struct buf *out)
{
	if (a->exception) {
		struct err e;

		modbus_refusal(a->exception);
		e = err_take(-ERR_PEER);
		buf_add(out, lang == LANG_ZH ? "拒绝：" : "refused: ");
		err_text(&e, lang, out);
		return;
	}
	buf_add(out, lang == LANG_ZH ? "应答：" : "answer: ");
	say_function(q->fc, lang, out);
	if (q->fc == MODBUS_ENCAPSULATED) {
		say_objects(a, out);
		return;
	}
	say_range(functions[function_of(q->fc)].prefix, q->addr, q->n, lang, out);
	if (a->len == 0)
		return;
	buf_add(out, " =");
	if (modbus_is_bits(q->fc))
		say_bits(a->data, q->n, out);
	else
		say_registers(a->data, a->len, out);
}

/* A whole frame out of bytes as they were on the wire. */
struct whole { uint8_t unit; uint16_t transaction; const uint8_t *pdu; size_t len; };

static bool unwrap(const struct driver_frame *f, const struct modbus_request *asked, uint8_t unit, uint8_t *scratch, struct whole *ret)
{
	struct modbus_tcp_splitter s = { 0 };
	struct cur in = cur_of(f->bytes, f->len);
	struct modbus_found found;
	struct modbus_tcp t;
	int r;

	if (f->dialect == MODBUS_FRAMING_TCP) {
		r = modbus_tcp_split(&s, &in, &t);
		err_clear();
		if (r != 1)
			return false;
		*ret = (struct whole) { .unit = t.unit, .transaction = t.transaction, .pdu = t.pdu, .len = t.len };
		return cur_left(&in) + t.len + MODBUS_TCP_HEADER == f->len;
	}
	if (f->dialect == MODBUS_FRAMING_ASCII)
		r = modbus_ascii_find(f->bytes, f->len, scratch, &found);
	else
		r = f->is_out || !asked ? modbus_rtu_whole(f->bytes, f->len, &found) : modbus_rtu_answer(f->bytes, f->len, unit, asked, &found);
	err_clear();
	if (r != 1)
		return false;
	*ret = (struct whole) { .unit = found.unit, .pdu = found.pdu, .len = found.len };
	return true;
}

static bool question_of(const struct driver_frame *f, uint8_t *scratch, struct whole *w, struct modbus_request *q)
{
	return unwrap(f, NULL, 0, scratch, w) && modbus_request_decode(w->pdu, w->len, q) == 0;
}

void modbus_explain(const struct driver_frame *f, const struct driver_frame *asked, uint32_t n, enum lang lang, struct buf *out)
{
	uint8_t scratch[MODBUS_RTU_ADU_MAX], other[MODBUS_RTU_ADU_MAX];
	struct modbus_request q;
	struct modbus_response a;
	struct whole w, wq;

	if (f->is_out) {
		if (question_of(f, scratch, &w, &q)) {
			buf_addf(out, lang == LANG_ZH ? "从站 %u：" : "unit %u: ", (unsigned) w.unit);
			say_question(&q, lang, out);
		}
		return;
	}
	/* on lines the last question is meant; on TCP the one with its number */
	for (uint32_t i = 0; i < (f->dialect == MODBUS_FRAMING_TCP ? n : MIN(n, UINT32_C(1))); i++) {
		if (!question_of(&asked[i], other, &wq, &q) || !unwrap(f, &q, wq.unit, scratch, &w) || w.transaction != wq.transaction)
			continue;
		buf_addf(out, lang == LANG_ZH ? "从站 %u：" : "unit %u: ", (unsigned) w.unit);
		if (modbus_response_decode(w.pdu, w.len, &q, &a) == 0) {
			say_answer(&q, &a, lang, out);
			return;
		}
		err_text(err_peek(), lang, out);
		err_clear();
		return;
	}
}
