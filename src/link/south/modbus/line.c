/*
 * line.c - RTU and ASCII: one question at a time on a line that others can soil.
 *
 * There are no transaction numbers, so an answer belongs to its question because nothing else was asked, by unit, function and length. What
 * may lie between: noise, the echo of an adapter, the answer to a question that was given up. After a question without answer the
 * engine keeps a silence (driver_endpoint.late_ms) in which such answers fall; one that comes still later is known by its unit and function
 * as long as those differ from what is asked now.
 */
#include "base/err.h"
#include "link/south/modbus/modbus.h"

static int busy_slot(const struct modbus_session *s)
{
	for (int i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (s->slot[i].busy)
			return i;
	return -1;
}

/* The answer to these is the question again. */
static bool answers_alike(uint8_t fc)
{
	return fc == MODBUS_WRITE_COIL || fc == MODBUS_WRITE_REGISTER || fc == MODBUS_MASK_WRITE;
}

static bool is_sent(const struct modbus_session *s, const uint8_t *bytes, size_t n)
{
	return n == s->sent_len && memcmp(bytes, s->sent, n) == 0;
}

static int find(struct modbus_session *s, const struct modbus_slot *q, struct modbus_found *f)
{
	return s->framing == MODBUS_FRAMING_ASCII ? modbus_ascii_find(s->line.bytes, s->line.len, s->scratch, f) :
		modbus_rtu_answer(s->line.bytes, s->line.len, q->unit, &q->asked, f);
}

static void drop(struct modbus_session *s, size_t n)
{
	modbus_line_drop(&s->line, n);
}

/*
 * The line begins with the question itself, whole: an adapter that echoes. To a write the echo reads like the answer; there it is one
 * only if this line is known to echo. *ret_wait: it is the beginning of one.
 */
static bool take_echo(struct modbus_session *s, const struct modbus_slot *q, bool *ret_wait)
{
	size_t n = s->sent_len;

	*ret_wait = false;
	if (s->echo_gone || n == 0 || (answers_alike(q->asked.fc) && !s->echoes))
		return false;
	if (s->line.len < n) {
		*ret_wait = s->line.len > 2 && memcmp(s->line.bytes, s->sent, s->line.len) == 0;
		return false;
	}
	if (memcmp(s->line.bytes, s->sent, n) != 0)
		return false;
	s->echoes = s->echo_gone = true;
	drop(s, n);
	return true;
}

/* Nothing was asked: too late, noise, a heartbeat; or what follows a write on a line of which nobody knew that it echoes. */
static int unasked(struct modbus_session *s, struct driver_event *ret)
{
	int beat = modbus_beat_skip(s);

	if (beat > 0) {
		ret->said = DRIVER_ALIVE;
		return 0;
	}
	if (beat < 0)
		return 0;
	if (is_sent(s, s->line.bytes, s->line.len))
		s->echoes = true;
	s->line.len = 0;
	ret->said = DRIVER_STRAY;
	return 0;
}

static bool is_late(const struct modbus_session *s, const struct modbus_found *f)
{
	return s->is_late && f->unit == s->late_unit && (f->pdu[0] & 0x7F) == s->late_fc;
}

/* A whole frame while slot i waits. */
static int heard(struct modbus_session *s, uint32_t i, const struct modbus_found *f, struct driver_event *ret)
{
	const struct modbus_slot *q = &s->slot[i];
	bool other_unit = s->config->check_unit && f->unit != q->unit, other_function = (f->pdu[0] & 0x7F) != q->asked.fc;
	struct modbus_response a;

	s->used = f->to;
	if (!s->echo_gone && f->from >= s->sent_len && is_sent(s, s->line.bytes + f->from - s->sent_len, s->sent_len))
		s->echoes = true;
	else if (!s->echo_gone && !answers_alike(q->asked.fc))
		s->echoes = false;
	if (is_late(s, f) && (other_unit || other_function || modbus_response_decode(f->pdu, f->len, &q->asked, &a) < 0)) {
		err_clear();
		s->is_late = false;
		ret->said = DRIVER_STRAY;
		return 0;
	}
	s->is_late = false;
	if (!other_unit && !other_function)
		return modbus_heard(s, i, f->pdu, f->len, ret);
	s->slot[i].busy = false;
	ret->slot = i;
	return modbus_wrong(ret, other_unit ? "@modbus_other_unit" : "@modbus_other_function");
}

int modbus_line_feed(struct modbus_session *s, struct cur *in, struct driver_event *ret)
{
	struct modbus_found f;
	int slot = busy_slot(s), r;
	bool wait;

	drop(s, s->used);
	s->used = 0;
	modbus_line_add(&s->line, in);
	if (s->line.len == 0)
		return 0;
	if (slot < 0)
		return unasked(s, ret);
	take_echo(s, &s->slot[slot], &wait);
	if (wait || s->line.len == 0)
		return 0;
	r = find(s, &s->slot[slot], &f);
	if (r > 0 && s->framing == MODBUS_FRAMING_ASCII && !s->echo_gone && is_sent(s, s->line.bytes + f.from, f.to - f.from) &&
			(s->echoes || !answers_alike(s->slot[slot].asked.fc))) {
		/* an echo behind noise */
		s->echoes = s->echo_gone = true;
		drop(s, f.to);
		r = find(s, &s->slot[slot], &f);
	}
	if (r > 0)
		return heard(s, (uint32_t) slot, &f, ret);
	if (r == 0)
		return 0;
	s->used = s->line.len;
	s->slot[slot].busy = false;
	ret->slot = (uint32_t) slot;
	return modbus_wrong(ret, NULL);
}

/* 1: bytes came, and were no answer; the current failure says so. */
int modbus_line_expired(struct modbus_session *s, uint32_t slot)
{
	bool noise = s->line.len > s->used;

	if (s->slot[slot].busy) {
		s->is_late = true;
		s->late_unit = s->slot[slot].unit;
		s->late_fc = s->slot[slot].asked.fc;
	}
	s->slot[slot].busy = false;
	s->line.len = 0;
	s->used = 0;
	if (!noise)
		return 0;
	err_fail(ERR_PEER, "what", "@device", "detail", "@modbus_noise", NULL);
	return 1;
}
