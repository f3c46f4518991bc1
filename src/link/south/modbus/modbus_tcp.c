/* modbus_tcp.c - the drivers: how each gets to its devices. What they say there is the same. */
#include "base/err.h"
#include "base/str.h"
#include "link/south/modbus/modbus.h"

/* An answer may come late on a line without transaction numbers: so long nothing is asked after a question that was not answered. */
static uint32_t late_ms(const struct modbus_config *c)
{
	return CLAMP(c->timeout_ms / 2, 50u, 1000u);
}

static size_t frame_max(enum modbus_framing f)
{
	return f == MODBUS_FRAMING_ASCII ? MODBUS_ASCII_ADU_MAX : MODBUS_TCP_ADU_MAX;
}

static enum modbus_framing serial_framing(const struct modbus_config *c)
{
	return c->mode ? MODBUS_FRAMING_ASCII : MODBUS_FRAMING_RTU;
}

static void tcp_endpoint(const void *config, struct driver_endpoint *ret)
{
	const struct modbus_config *c = config;
	bool stream = c->framing == MODBUS_FRAMING_TCP;

	*ret = (struct driver_endpoint) { .transport = DRIVER_TCP, .host = c->host, .port = (uint16_t) c->port,
		.in_flight = stream && !c->closes ? c->pipeline : 1, .connect_timeout_ms = c->connect_timeout_ms, .timeout_ms = c->timeout_ms,
		.pause_ms = c->pause_after_connect_ms, .gap_ms = c->pause_between_ms, .late_ms = stream ? 0 : late_ms(c),
		.frame_max = frame_max((enum modbus_framing) c->framing), .closes = c->closes, .dialect = (uint32_t) c->framing,
		.tls = c->tls, .tls_any_name = c->tls_any_name, .tls_ca = c->tls_ca, .tls_cert = c->tls_cert, .tls_key = c->tls_key,
		.tls_fingerprint = c->tls_fingerprint,
		.usual_port = stream ? 502 : 0 };
}

/*
 * 3.5 characters of silence before a question (V1.02, 2.5.1.1), 1.75 ms at the least beyond 19,200 baud. Measured from when the answer was
 * handed to us: adapters on USB hand over up to 16 ms late, so the silence on the wire is longer, never shorter.
 */
static void serial_endpoint(const void *config, struct driver_endpoint *ret)
{
	const struct modbus_config *c = config;
	uint32_t bits = 1 + c->data_bits + (c->parity != 0) + c->stop_bits, byte_ns = (uint32_t) (bits * NS_PER_S / c->baud);
	uint32_t silence_ms = MAX(2u, (uint32_t) ((byte_ns * INT64_C(7) / 2 + NS_PER_MS - 1) / NS_PER_MS));

	*ret = (struct driver_endpoint) { .transport = DRIVER_SERIAL, .host = c->device, .in_flight = 1, .timeout_ms = c->timeout_ms,
		.gap_ms = MAX(c->pause_between_ms, silence_ms), .late_ms = late_ms(c), .frame_max = frame_max(serial_framing(c)),
		.byte_ns = byte_ns, .baud = c->baud, .data_bits = (uint8_t) c->data_bits, .stop_bits = (uint8_t) c->stop_bits,
		.parity = "NEO"[c->parity], .rs485 = c->rs485,
		.dialect = serial_framing(c) };
}

static void dial_in_endpoint(const void *config, struct driver_endpoint *ret)
{
	const struct modbus_config *c = config;
	bool stream = c->framing == MODBUS_FRAMING_TCP;
	struct modbus_beat call = { 0 };

	*ret = (struct driver_endpoint) { .transport = DRIVER_DIAL_IN, .host = c->host, .port = (uint16_t) c->port,
		.in_flight = stream ? c->pipeline : 1, .timeout_ms = c->timeout_ms, .pause_ms = c->pause_after_connect_ms,
		.gap_ms = c->pause_between_ms, .late_ms = stream ? 0 : late_ms(c), .frame_max = frame_max((enum modbus_framing) c->framing),
		.dialect = (uint32_t) c->framing, .usual_port = stream ? 502 : 0 };
	if (modbus_packet_parse(c->registration, &call) < 0)
		err_clear();            /* open() refuses it */
	ret->call_len = call.len;
	memcpy(ret->call, call.bytes, call.len);
}
_Static_assert((int) MODBUS_BEAT_MAX <= (int) DRIVER_CALL_MAX, "a registration packet fits");

static int check_packets(const void *config)
{
	const struct modbus_config *c = config;
	struct modbus_beat b;
	int r = modbus_packet_parse(c->registration, &b);

	if (r < 0)
		return err_at(r, "registration");
	r = modbus_packet_parse(c->heartbeat, &b);
	return r < 0 ? err_at(r, "heartbeat") : 0;
}

/* Any certificate of any issuer of the world would be no check at all. */
static int check_tls(const void *config)
{
	const struct modbus_config *c = config;

	if (!c->tls || !c->tls_any_name || !str_empty(c->tls_ca) || !str_empty(c->tls_fingerprint))
		return 0;
	return err_at(err_fail(ERR_INVALID, "field", "tls_any_name", "rule", "@modbus_rule_any_name", "value", "true", NULL), "tls_any_name");
}

static int tcp_open(void *session, const void *config)
{
	const struct modbus_config *c = config;

	return modbus_open(session, c, (enum modbus_framing) c->framing);
}

static int serial_open(void *session, const void *config)
{
	const struct modbus_config *c = config;

	return modbus_open(session, c, serial_framing(c));
}

static const char *const examples[] = { "40001", "400001", "4x0001", "HR0", "30001", "IR0", "00001", "C0", "10001", "DI0", "40001.3",
	"40001#CDAB", "40001:f16", "40001:bcd", "HR100/10:gbk", "HR100[5]", "ID0", NULL };

/* What all of them share. */
#define MODBUS_DRIVER \
	.abi = DRIVER_ABI, .size = sizeof(struct driver), .caps = DRIVER_READ | DRIVER_WRITE | DRIVER_MANY | DRIVER_PEEK | DRIVER_SCAN, \
	.address = &modbus_address_type, \
	.hint = "40001 or 400001 or 4x1 count from 1 (0 coil, 1 discrete input, 3 input register, 4 holding register); C0, DI0, IR0, HR0 " \
		"count from 0; .3 is a bit of a register; [5] is an element of an array; /10 are ten registers of text; :f16 :bcd :gbk are forms; " \
		"#CDAB is a byte order; ID0 is the maker's name", \
	.hint_zh = "40001、400001、4x1 从 1 起编号（0 线圈，1 离散输入，3 输入寄存器，4 保持寄存器）；C0、DI0、IR0、HR0 从 0 起编号；" \
		".3 表示寄存器的第 3 位；[5] 表示数组元素；/10 表示 10 个寄存器的文本；:f16 :bcd :gbk 表示存放形式；#CDAB 表示字节序；ID0 为厂商名称", \
	.examples = examples, \
	.session_size = sizeof(struct modbus_session), .device_size = sizeof(struct modbus_device), \
	.parse_address = modbus_parse_address, .order = modbus_order_of, .attach = modbus_attach, \
	.plan = modbus_plan, .split = modbus_split, .joined = modbus_joined, .next = modbus_next, .feed = modbus_feed, \
	.expired = modbus_expired, .lost = modbus_lost, .decode = modbus_decode, .write = modbus_write, .merge = modbus_merge, \
	.retreat = modbus_retreat, .peek = modbus_peek, .unit = "unit", .unit_min = 1, .unit_max = 247, .greet = modbus_greet, \
	.who = modbus_who, .show = modbus_show, .explain = modbus_explain

const struct driver driver_modbus_tcp = {
	.name = "modbus-tcp", .title = "Modbus TCP", .title_zh = "Modbus TCP",
	.doc = "Reads and writes coils and registers of devices and gateways that speak Modbus over TCP, also RTU and ASCII through serial servers",
	.doc_zh = "读写通过 TCP 使用 Modbus 协议的采集设备和网关的线圈与寄存器，也可经串口服务器透传 RTU、ASCII",
	.config = &modbus_config_type, .device = &modbus_device_type, .endpoint = tcp_endpoint, .open = tcp_open,
	.check = check_tls, MODBUS_DRIVER,
};

const struct driver driver_modbus_serial = {
	.name = "modbus-serial", .title = "Modbus RTU / ASCII", .title_zh = "Modbus RTU / ASCII（串口）",
	.doc = "Reads and writes coils and registers of the units on a serial line (RS-485, RS-232), one request at a time",
	.doc_zh = "读写串口总线（RS-485、RS-232）上各从站的线圈与寄存器，逐个请求",
	.config = &modbus_serial_config_type, .device = &modbus_unit_type, .endpoint = serial_endpoint, .open = serial_open, MODBUS_DRIVER,
};

const struct driver driver_modbus_dial_in = {
	.name = "modbus-dial-in", .title = "Modbus, dial-in (DTU)", .title_zh = "Modbus 设备拨入（DTU）",
	.doc = "Waits for devices that call in over mobile networks, tells them by their registration packet, and reads what hangs on their line",
	.doc_zh = "等待通过移动网络主动拨入的设备，按注册包识别，并读写其总线上的从站",
	.config = &modbus_dial_in_config_type, .device = &modbus_unit_type, .endpoint = dial_in_endpoint, .open = tcp_open, .check = check_packets,
	MODBUS_DRIVER,
};
