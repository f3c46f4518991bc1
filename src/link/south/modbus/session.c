/* session.c - transactions: questions out, answers matched to them, exceptions understood; the same in all frames. */
#include "base/err.h"
#include "link/south/modbus/modbus.h"

int modbus_open(void *session, const struct modbus_config *config, enum modbus_framing framing)
{
	struct modbus_session *s = session;
	int r;

	s->config = config;
	s->framing = framing;
	r = modbus_packet_parse(config->heartbeat, &s->beat[0]);
	return r < 0 ? r : modbus_packet_parse(config->registration, &s->beat[1]);
}

int modbus_attach(void *session, void *device, const void *config)
{
	const struct modbus_session *s = session;
	struct modbus_device *d = device;

	d->connection = s->config;
	d->config = config;
	d->order = (enum modbus_order) (d->config->byte_order == ORDER_DEVICE ? s->config->byte_order : d->config->byte_order - ORDER_ABCD);
	return 0;
}

bool modbus_joined(void *session, int64_t now_ns)
{
	return true;
}

/* A new connection cannot bring old answers. */
void modbus_lost(void *session)
{
	struct modbus_session *s = session;

	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		s->slot[i].busy = false;
	s->splitter.len = 0;
	s->line.len = 0;
	s->used = 0;
	s->n_expired = 0;
	s->is_late = false;
}

/* ---- asking ---- */

static int question_of(const struct driver_job *job, struct modbus_request *q, struct pen *pdu)
{
	const struct modbus_device *d = job->device;

	if (!job->write && job->request->code == MODBUS_ENCAPSULATED)
		*q = (struct modbus_request) { .fc = MODBUS_ENCAPSULATED, .id_code = 4, .object = (uint8_t) job->request->from };
	else if (!job->write)
		*q = (struct modbus_request) { .fc = (uint8_t) job->request->code, .addr = (uint16_t) job->request->from,
			.n = (uint16_t) (job->request->to - job->request->from) };
	else if (modbus_request_decode(job->write->data, job->write->len, q) != 0)
		return err_failf(ERR_INVALID, "a Modbus write that cannot be understood");
	if (d->config->shift && q->fc != MODBUS_ENCAPSULATED) {
		int32_t last = (int32_t) (q->fc == MODBUS_READ_WRITE ? MAX(q->addr, q->write_addr) : q->addr) + d->config->shift;

		if (last < 0 || last > 65535 || (int32_t) q->addr + d->config->shift < 0)
			return err_fail(ERR_INVALID, "field", "@address", "rule", "@modbus_rule_shift", "value", "", NULL);
		q->addr = (uint16_t) (q->addr + d->config->shift);
		q->write_addr = (uint16_t) (q->write_addr + d->config->shift);
	}
	return modbus_request_encode(q, pdu);
}

static void frame(struct modbus_session *s, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out)
{
	switch (s->framing) {
	case MODBUS_FRAMING_RTU:
		modbus_rtu_frame(out, unit, pdu, len);
		return;
	case MODBUS_FRAMING_ASCII:
		modbus_ascii_frame(out, unit, pdu, len);
		return;
	case MODBUS_FRAMING_TCP:
		s->transaction++;
		modbus_tcp_header(out, s->transaction, unit, len);
		pen_bytes(out, pdu, len);
		return;
	}
}

int modbus_next(void *session, const struct driver_job *job, int64_t now_ns, struct pen *out)
{
	struct modbus_session *s = session;
	const struct modbus_device *d = job ? job->device : NULL;
	struct modbus_request q;
	struct pen start = *out;
	uint8_t pdu[MODBUS_PDU_MAX];
	struct pen p = pen_of(pdu, sizeof(pdu));
	int r;

	if (!job)
		return err_fail(ERR_BUSY, "what", "Modbus", NULL);
	r = question_of(job, &q, &p);
	if (r < 0)
		return r;
	frame(s, (uint8_t) d->config->unit, pdu, (size_t) (p.at - pdu), out);
	if (out->bad) {
		*out = start;
		return err_fail(ERR_TOO_LARGE, "what", "Modbus ADU", "max", "260", NULL);
	}
	if (s->framing != MODBUS_FRAMING_TCP) {
		/* What came while nobody asked is nobody's answer. */
		s->line.len = 0;
		s->used = 0;
		s->echo_gone = false;
		s->sent_len = (uint16_t) (out->at - start.at);
		memcpy(s->sent, start.at, s->sent_len);
	}
	q.data = NULL;
	s->slot[job->slot] = (struct modbus_slot) { .busy = true, .unit = (uint8_t) d->config->unit, .transaction = s->transaction, .age = s->age++,
		.asked = q };
	return 0;
}

/* ---- hearing ---- */

/* What an exception means for the points that were asked for; V1.1b3 section 7. */
static const struct { uint32_t quality; enum driver_hint hint; const char *detail; } exceptions[] = {
	[0] = { (uint32_t) QUALITY_BAD_DEVICE_FAILURE, DRIVER_HINT_NONE, "@modbus_exception" },
	[MODBUS_ILLEGAL_FUNCTION] = { (uint32_t) QUALITY_BAD_NOT_SUPPORTED, DRIVER_HINT_NONE, "@modbus_exception_1" },
	[MODBUS_ILLEGAL_ADDRESS] = { (uint32_t) QUALITY_BAD_ADDRESS, DRIVER_HINT_SPLIT, "@modbus_exception_2" },
	[MODBUS_ILLEGAL_VALUE] = { (uint32_t) QUALITY_BAD_ADDRESS, DRIVER_HINT_SPLIT, "@modbus_exception_3" },
	[MODBUS_DEVICE_FAILURE] = { (uint32_t) QUALITY_BAD_DEVICE_FAILURE, DRIVER_HINT_NONE, "@modbus_exception_4" },
	[MODBUS_ACKNOWLEDGE] = { (uint32_t) QUALITY_BAD_BUSY, DRIVER_HINT_NONE, "@modbus_exception_5" },
	[MODBUS_DEVICE_BUSY] = { (uint32_t) QUALITY_BAD_BUSY, DRIVER_HINT_NONE, "@modbus_exception_6" },
	[MODBUS_MEMORY_PARITY] = { (uint32_t) QUALITY_BAD_DEVICE_FAILURE, DRIVER_HINT_NONE, "@modbus_exception_8" },
	[MODBUS_GATEWAY_PATH] = { (uint32_t) QUALITY_BAD_NO_COMMUNICATION, DRIVER_HINT_ABSENT, "@modbus_exception_10" },
	[MODBUS_GATEWAY_TARGET] = { (uint32_t) QUALITY_BAD_NO_COMMUNICATION, DRIVER_HINT_ABSENT, "@modbus_exception_11" },
};

static size_t row_of(uint8_t exception) { return exception < ELEMENTSOF(exceptions) && exceptions[exception].detail ? exception : 0; }

void modbus_refusal(uint8_t exception)
{
	err_fail(ERR_PEER, "what", "@device", "detail", exceptions[row_of(exception)].detail, NULL);
}

static int refused(struct driver_event *e, uint8_t exception)
{
	size_t i = row_of(exception);

	e->said = DRIVER_REFUSED;
	e->quality = exceptions[i].quality;
	e->hint = exceptions[i].hint;
	modbus_refusal(exception);
	return 0;
}

static bool is_write(uint8_t fc)
{
	return fc == MODBUS_WRITE_COIL || fc == MODBUS_WRITE_REGISTER || fc == MODBUS_WRITE_COILS || fc == MODBUS_WRITE_REGISTERS ||
		fc == MODBUS_MASK_WRITE || fc == MODBUS_READ_WRITE;
}

int modbus_wrong(struct driver_event *e, const char *detail)
{
	e->said = DRIVER_WRONG;
	e->quality = (uint32_t) QUALITY_BAD_PROTOCOL;
	if (detail)
		err_fail(ERR_PEER, "what", "@device", "detail", detail, NULL);
	return 0;
}

int modbus_heard(struct modbus_session *s, uint32_t slot, const uint8_t *pdu, size_t len, struct driver_event *ret)
{
	struct modbus_response a;

	s->slot[slot].busy = false;
	ret->slot = slot;
	if (modbus_response_decode(pdu, len, &s->slot[slot].asked, &a) < 0)
		return modbus_wrong(ret, NULL);
	if (a.exception) {
		refused(ret, a.exception);
		if (a.exception == MODBUS_ILLEGAL_FUNCTION && is_write(s->slot[slot].asked.fc))
			ret->hint = DRIVER_HINT_OTHERWISE;
		return 0;
	}
	ret->said = DRIVER_ANSWER;
	ret->data = a.data;
	ret->len = a.len;
	return 0;
}

static void remember(struct modbus_session *s, uint16_t transaction)
{
	s->expired[s->n_expired++ % MODBUS_EXPIRED] = transaction;
}

static bool is_expired(const struct modbus_session *s, uint16_t transaction)
{
	for (uint32_t i = 0; i < MIN(s->n_expired, (uint32_t) MODBUS_EXPIRED); i++)
		if (s->expired[i] == transaction)
			return true;
	return false;
}

static int slot_of(const struct modbus_session *s, uint16_t transaction)
{
	for (int i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (s->slot[i].busy && s->slot[i].transaction == transaction)
			return i;
	return -1;
}

/* The question that waits longest; -1 when nothing was asked. */
static int oldest(const struct modbus_session *s)
{
	int best = -1;

	for (int i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		if (s->slot[i].busy && (best < 0 || (int32_t) (s->slot[i].age - s->slot[best].age) < 0))
			best = i;
	return best;
}

static int heard_frame(struct modbus_session *s, const struct modbus_tcp *t, struct driver_event *ret)
{
	int slot = slot_of(s, t->transaction);

	if (slot < 0) {
		/* An answer that came too late is dropped; any other stranger stands in the place of the one that was due. */
		slot = is_expired(s, t->transaction) ? -1 : oldest(s);
		ret->said = DRIVER_STRAY;
		if (slot < 0)
			return 0;
		remember(s, s->slot[slot].transaction);
		s->slot[slot].busy = false;
		ret->slot = (uint32_t) slot;
		return modbus_wrong(ret, "@modbus_foreign");
	}
	if (s->config->check_unit && t->unit != s->slot[slot].unit) {
		s->slot[slot].busy = false;
		ret->slot = (uint32_t) slot;
		return modbus_wrong(ret, "@modbus_other_unit");
	}
	return modbus_heard(s, (uint32_t) slot, t->pdu, t->len, ret);
}

/* A stream in which heartbeats stand between frames: it goes through the line, where they can be told before a frame is cut off. */
static int beating_feed(struct modbus_session *s, struct cur *in, struct driver_event *ret)
{
	struct modbus_tcp t;
	struct cur c;
	int r;

	modbus_line_drop(&s->line, s->used);
	s->used = 0;
	modbus_line_add(&s->line, in);
	if (s->line.len == 0)
		return 0;
	r = s->splitter.len ? 0 : modbus_beat_skip(s);
	if (r > 0)
		ret->said = DRIVER_ALIVE;
	if (r)
		return 0;
	c = cur_of(s->line.bytes, s->line.len);
	r = modbus_tcp_split(&s->splitter, &c, &t);
	s->used = (size_t) (c.at - s->line.bytes);
	return r <= 0 ? r : heard_frame(s, &t, ret);
}

int modbus_feed(void *session, struct cur *in, int64_t now_ns, struct driver_event *ret)
{
	struct modbus_session *s = session;
	struct modbus_tcp t;
	int r;

	*ret = (struct driver_event) { .said = DRIVER_NOTHING };
	if (s->framing != MODBUS_FRAMING_TCP)
		return modbus_line_feed(s, in, ret);
	if (s->beat[0].len || s->beat[1].len)
		return beating_feed(s, in, ret);
	r = modbus_tcp_split(&s->splitter, in, &t);
	return r <= 0 ? r : heard_frame(s, &t, ret);
}

int modbus_expired(void *session, uint32_t slot)
{
	struct modbus_session *s = session;

	if (s->framing != MODBUS_FRAMING_TCP)
		return modbus_line_expired(s, slot);
	if (s->slot[slot].busy)
		remember(s, s->slot[slot].transaction);
	s->slot[slot].busy = false;
	return s->splitter.len ? err_fail(ERR_PEER, "what", "@device", "detail", "@modbus_cut_off", NULL) : 0;
}
