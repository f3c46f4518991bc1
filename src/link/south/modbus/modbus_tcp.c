/* modbus_tcp.c - the driver "modbus-tcp": transactions on a stream. */
#include "base/err.h"
#include "link/south/modbus/modbus.h"

static void tcp_endpoint(const void *config, struct driver_endpoint *ret)
{
	const struct modbus_config *c = config;

	*ret = (struct driver_endpoint) { .transport = DRIVER_TCP, .host = c->host, .port = (uint16_t) c->port, .in_flight = c->pipeline,
		.connect_timeout_ms = c->connect_timeout_ms, .timeout_ms = c->timeout_ms, .pause_ms = c->pause_after_connect_ms,
		.gap_ms = c->pause_between_ms, .frame_max = MODBUS_TCP_ADU_MAX };
}

static int tcp_open(void *session, const void *config)
{
	struct modbus_session *s = session;

	s->config = config;
	return 0;
}

static int tcp_attach(void *session, void *device, const void *config)
{
	const struct modbus_session *s = session;
	struct modbus_device *d = device;

	d->connection = s->config;
	d->config = config;
	d->order = (enum modbus_order) (d->config->byte_order == ORDER_DEVICE ? s->config->byte_order : d->config->byte_order - ORDER_ABCD);
	return 0;
}

static bool tcp_joined(void *session, int64_t now_ns)
{
	return true;
}

static void forget(struct modbus_session *s)
{
	s->splitter.len = 0;
	for (uint32_t i = 0; i < DRIVER_IN_FLIGHT_MAX; i++)
		s->slot[i].busy = false;
}

static void tcp_lost(void *session)
{
	struct modbus_session *s = session;

	forget(s);
	s->n_expired = 0;       /* a new connection cannot bring old answers */
}

static int tcp_next(void *session, const struct driver_job *job, int64_t now_ns, struct pen *out)
{
	struct modbus_session *s = session;
	const struct modbus_device *d = job ? job->device : NULL;
	struct modbus_request q;
	struct pen start = *out;
	uint8_t pdu[MODBUS_PDU_MAX];
	struct pen p = pen_of(pdu, sizeof(pdu));
	int r = 0;

	if (!job)
		return err_fail(ERR_BUSY, "what", "Modbus", NULL);
	if (job->write) {
		if (modbus_request_decode(job->write->data, job->write->len, &q) != 0)
			return err_failf(ERR_INVALID, "a Modbus write that cannot be understood");
		pen_bytes(&p, job->write->data, job->write->len);
	} else {
		q = (struct modbus_request) { .fc = (uint8_t) job->request->code, .addr = (uint16_t) job->request->from,
			.n = (uint16_t) (job->request->to - job->request->from) };
		r = modbus_request_encode(&q, &p);
	}
	if (r < 0)
		return r;
	s->transaction++;
	modbus_tcp_header(out, s->transaction, (uint8_t) d->config->unit, (size_t) (p.at - pdu));
	pen_bytes(out, pdu, (size_t) (p.at - pdu));
	if (out->bad) {
		*out = start;
		return err_fail(ERR_TOO_LARGE, "what", "Modbus ADU", "max", "260", NULL);
	}
	q.data = NULL;
	s->slot[job->slot].busy = true;
	s->slot[job->slot].unit = (uint8_t) d->config->unit;
	s->slot[job->slot].transaction = s->transaction;
	s->slot[job->slot].age = s->age++;
	s->slot[job->slot].asked = q;
	return 0;
}

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

static int refused(struct driver_event *e, uint8_t exception)
{
	size_t i = exception < ELEMENTSOF(exceptions) && exceptions[exception].detail ? exception : 0;

	e->said = DRIVER_REFUSED;
	e->quality = exceptions[i].quality;
	e->hint = exceptions[i].hint;
	err_fail(ERR_PEER, "what", "@device", "detail", exceptions[i].detail, NULL);
	return 0;
}

static bool is_write(uint8_t fc)
{
	return fc == MODBUS_WRITE_COIL || fc == MODBUS_WRITE_REGISTER || fc == MODBUS_WRITE_COILS || fc == MODBUS_WRITE_REGISTERS ||
		fc == MODBUS_MASK_WRITE;
}

static int wrong(struct driver_event *e, const char *detail)
{
	e->said = DRIVER_WRONG;
	e->quality = (uint32_t) QUALITY_BAD_PROTOCOL;
	if (detail)
		err_fail(ERR_PEER, "what", "@device", "detail", detail, NULL);
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

static int tcp_feed(void *session, struct cur *in, int64_t now_ns, struct driver_event *ret)
{
	struct modbus_session *s = session;
	struct modbus_response a;
	struct modbus_tcp t;
	int slot, r = modbus_tcp_split(&s->splitter, in, &t);

	*ret = (struct driver_event) { .said = DRIVER_NOTHING };
	if (r <= 0)
		return r;
	slot = slot_of(s, t.transaction);
	if (slot < 0) {
		/* An answer that came too late is dropped; any other stranger stands in the place of the one that was due. */
		slot = is_expired(s, t.transaction) ? -1 : oldest(s);
		ret->said = DRIVER_STRAY;
		if (slot < 0)
			return 0;
		remember(s, s->slot[slot].transaction);
		s->slot[slot].busy = false;
		ret->slot = (uint32_t) slot;
		return wrong(ret, "@modbus_foreign");
	}
	s->slot[slot].busy = false;
	ret->slot = (uint32_t) slot;
	if (s->config->check_unit && t.unit != s->slot[slot].unit)
		return wrong(ret, "@modbus_other_unit");
	if (modbus_response_decode(t.pdu, t.len, &s->slot[slot].asked, &a) < 0)
		return wrong(ret, NULL);
	if (a.exception) {
		r = refused(ret, a.exception);
		if (a.exception == MODBUS_ILLEGAL_FUNCTION && is_write(s->slot[slot].asked.fc))
			ret->hint = DRIVER_HINT_OTHERWISE;
		return r;
	}
	ret->said = DRIVER_ANSWER;
	ret->data = a.data;
	ret->len = a.len;
	return 0;
}

static int tcp_expired(void *session, uint32_t slot)
{
	struct modbus_session *s = session;

	if (s->slot[slot].busy)
		remember(s, s->slot[slot].transaction);
	s->slot[slot].busy = false;
	return s->splitter.len ? err_fail(ERR_PEER, "what", "@device", "detail", "@modbus_cut_off", NULL) : 0;
}

static const char *const examples[] = { "40001", "400001", "4x0001", "HR0", "30001", "IR0", "00001", "C0", "10001", "DI0", "40001.3",
	"40001#CDAB", NULL };

const struct driver driver_modbus_tcp = {
	.abi = DRIVER_ABI, .size = sizeof(struct driver), .name = "modbus-tcp", .title = "Modbus TCP", .title_zh = "Modbus TCP",
	.doc = "Reads and writes coils and registers of devices and gateways that speak Modbus over TCP",
	.doc_zh = "读写通过 TCP 使用 Modbus 协议的采集设备和网关的线圈与寄存器",
	.caps = DRIVER_READ | DRIVER_WRITE | DRIVER_MANY | DRIVER_PEEK | DRIVER_SCAN,
	.config = &modbus_config_type, .device = &modbus_device_type, .address = &modbus_address_type,
	.hint = "40001 or 400001 or 4x1 count from 1 (0 coil, 1 discrete input, 3 input register, 4 holding register); C0, DI0, IR0, HR0 "
		"count from 0; .3 is a bit of a register; #CDAB is a byte order",
	.hint_zh = "40001、400001、4x1 从 1 起编号（0 线圈，1 离散输入，3 输入寄存器，4 保持寄存器）；C0、DI0、IR0、HR0 从 0 起编号；"
		".3 表示寄存器的第 3 位；#CDAB 表示字节序",
	.examples = examples,
	.session_size = sizeof(struct modbus_session), .device_size = sizeof(struct modbus_device),
	.parse_address = modbus_parse_address, .order = modbus_order_of, .endpoint = tcp_endpoint, .open = tcp_open, .attach = tcp_attach,
	.plan = modbus_plan, .split = modbus_split, .joined = tcp_joined, .next = tcp_next, .feed = tcp_feed, .expired = tcp_expired,
	.lost = tcp_lost, .decode = modbus_decode, .write = modbus_write, .merge = modbus_merge, .retreat = modbus_retreat,
	.peek = modbus_peek, .unit = "unit", .unit_min = 1, .unit_max = 247, .greet = modbus_greet, .who = modbus_who, .show = modbus_show,
};
