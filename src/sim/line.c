/*
 * line.c - the server's side of a serial line: requests found by length and check sum, those of functions we do not know by the silence behind
 * them. Broadcasts (unit 0) are obeyed and not answered. A new request ends the wait for the answer to the one before: a line has one at a time.
 */
#include "sim/line.h"

#include "base/cur.h"
#include "proto/modbus/modbus.h"
#include "sys/sys.h"

enum { SILENCE_MS = 50, AGAIN_MS = 1000 };

struct line {
	struct loop *loop;
	struct chain *chain;
	struct timer silence, again, due;
	uint8_t late[MODBUS_ASCII_ADU_MAX];     /* an answer that takes its time */
	size_t late_len;
	struct modbus_line heard;
	bool ascii;
	unit_answer *answer;
	void *ctx;
};

static void on_due(void *arg)
{
	struct line *s = arg;

	if (chain_send(s->chain, s->late, s->late_len) < 0)
		err_clear();            /* who asks and does not read will ask again */
}

static void reply(struct line *s, const struct modbus_found *f)
{
	uint8_t pdu[MODBUS_PDU_MAX];
	struct pen body = pen_of(pdu, sizeof(pdu)), out = pen_of(s->late, sizeof(s->late));
	int delay_ms = s->answer(s->ctx, f->unit, f->pdu, f->len, &body);

	timer_stop(&s->due);
	if (delay_ms < 0 || f->unit == 0)
		return;
	if (s->ascii)
		modbus_ascii_frame(&out, f->unit, pdu, (size_t) (body.at - pdu));
	else
		modbus_rtu_frame(&out, f->unit, pdu, (size_t) (body.at - pdu));
	s->late_len = (size_t) (out.at - s->late);
	if (delay_ms > 0)
		timer_start(s->loop, &s->due, delay_ms, on_due, s);
	else
		on_due(s);
}

static void on_silence(void *arg)
{
	struct line *s = arg;
	struct modbus_found f;

	if (!s->ascii && modbus_rtu_whole(s->heard.bytes, s->heard.len, &f) == 1)
		reply(s, &f);
	modbus_line_drop(&s->heard, s->heard.len);
}

static void on_data(void *ctx, struct chain *chain, const uint8_t *bytes, size_t n)
{
	struct line *s = ctx;
	struct cur in = cur_of(bytes, n);
	uint8_t scratch[MODBUS_RTU_ADU_MAX];
	struct modbus_found f;
	int r;

	modbus_line_add(&s->heard, &in);
	do {
		r = s->ascii ? modbus_ascii_find(s->heard.bytes, s->heard.len, scratch, &f) : modbus_rtu_request(s->heard.bytes, s->heard.len, &f);
		if (r > 0)
			reply(s, &f);
		if (r != 0)
			modbus_line_drop(&s->heard, f.to);
		err_clear();
	} while (r != 0);
	timer_start(s->loop, &s->silence, SILENCE_MS, on_silence, s);
}

static void open_again(void *arg)
{
	struct line *s = arg;

	if (chain_open(s->chain) < 0) {
		err_clear();
		timer_start(s->loop, &s->again, AGAIN_MS, open_again, s);
	}
}

static void on_close(void *ctx, struct chain *chain, const struct err *why)
{
	struct line *s = ctx;

	s->heard.len = 0;
	timer_stop(&s->due);
	timer_start(s->loop, &s->again, AGAIN_MS, open_again, s);
}

static const struct chain_events events = { .on_data = on_data, .on_close = on_close };

int line_new(struct loop *l, const struct sim_config *config, unit_answer *answer, void *ctx, struct line **ret)
{
	struct line *s = sys_new(struct line);
	int r;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the simulated plant", NULL);
	s->loop = l;
	s->ascii = config->ascii;
	s->answer = answer;
	s->ctx = ctx;
	r = chain_new(l, &events, s, &s->chain);
	if (r == 0)
		r = chain_add_serial(s->chain, &(struct chain_serial) { .device = config->serial, .baud = config->baud ? config->baud : 9600 });
	if (r == 0)
		r = chain_open(s->chain);
	if (r < 0) {
		line_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct line *line_free(struct line *s)
{
	if (s) {
		timer_stop(&s->silence);
		timer_stop(&s->again);
		timer_stop(&s->due);
		chain_free(s->chain);
		sys_free(s);
	}
	return NULL;
}
