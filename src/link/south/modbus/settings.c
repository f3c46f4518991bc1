/* settings.c - the tables of settings and addresses: forms, checks, documents come from here. */
#include "link/south/modbus/modbus.h"

static const struct rec_word orders[] = {
	{ "ABCD", "ABCD (big-endian)", "ABCD（大端）" }, { "CDAB", "CDAB (words swapped)", "CDAB（字交换）" },
	{ "BADC", "BADC (bytes swapped)", "BADC（字节交换）" }, { "DCBA", "DCBA (little-endian)", "DCBA（小端）" }, { 0 },
};
static const struct rec_word device_orders[] = {
	{ "connection", "As the connection says", "按通道设置" },
	{ "ABCD", "ABCD (big-endian)", "ABCD（大端）" }, { "CDAB", "CDAB (words swapped)", "CDAB（字交换）" },
	{ "BADC", "BADC (bytes swapped)", "BADC（字节交换）" }, { "DCBA", "DCBA (little-endian)", "DCBA（小端）" }, { 0 },
};
static const struct rec_word tables[] = {
	{ "coil", "Coil", "线圈" }, { "discrete", "Discrete input", "离散输入" }, { "holding", "Holding register", "保持寄存器" },
	{ "input", "Input register", "输入寄存器" }, { "identity", "Identification", "设备标识" }, { 0 },
};
static const struct rec_word forms[] = {
	{ "plain", "As the type says", "按数据类型" }, { "f16", "Half precision", "半精度浮点" }, { "bcd", "Decimal digits (BCD)", "BCD 码" },
	{ "utf8", "UTF-8", "UTF-8" }, { "ascii", "ASCII", "ASCII" }, { "gbk", "GBK", "GBK" }, { "latin1", "Latin-1", "Latin-1" }, { 0 },
};
static const struct rec_word point_orders[] = {
	{ "device", "As the device says", "按采集设备设置" },
	{ "ABCD", "ABCD", "ABCD" }, { "CDAB", "CDAB", "CDAB" }, { "BADC", "BADC", "BADC" }, { "DCBA", "DCBA", "DCBA" }, { 0 },
};

static const struct rec_word framings[] = {
	{ "tcp", "Modbus TCP", "Modbus TCP" }, { "rtu", "Modbus RTU", "Modbus RTU" }, { "ascii", "Modbus ASCII", "Modbus ASCII" }, { 0 },
};
static const struct rec_word modes[] = { { "rtu", "RTU", "RTU" }, { "ascii", "ASCII", "ASCII" }, { 0 } };
static const struct rec_word parities[] = { { "none", "None", "无" }, { "even", "Even", "偶校验" }, { "odd", "Odd", "奇校验" }, { 0 } };

#define C struct modbus_config
/* What every way to a device has. */
#define TIMEOUT F(C, timeout_ms, .def = "1000", .min = "10", .max = "60000", .unit = "ms", .label = "Answer within", .label_zh = "应答超时", \
	.doc = "How long a request may stay without an answer", .doc_zh = "一次请求等待应答的最长时间")
#define COMMON \
	F_ENUM(C, byte_order, orders, .def = "ABCD", .label = "Byte order", .label_zh = "字节序", \
		.doc = "How numbers of more than 8 bits lie in registers; 64 bits accordingly", \
		.doc_zh = "多字节数值在寄存器中的排列方式；64 位数值同理"), \
	F(C, max_registers, .def = "125", .min = "4", .max = "125", .label = "Registers per request", .label_zh = "单次请求寄存器数上限", \
		.doc = "Some devices answer fewer than the 125 of the specification", .doc_zh = "有些设备一次应答少于规范允许的 125 个", .group = "requests"), \
	F(C, max_bits, .def = "2000", .min = "1", .max = "2000", .label = "Coils per request", .label_zh = "单次请求线圈数上限", .group = "requests"), \
	F(C, gap_registers, .def = "16", .min = "0", .max = "125", .label = "Gap limit, registers", .label_zh = "寄存器间隙上限", \
		.doc = "Unused registers between two points that are read along to save a request; what the device refuses is learnt", \
		.doc_zh = "为减少请求而一并读取的两点之间未用寄存器数；采集设备拒绝的间隙会被记住", .group = "requests"), \
	F(C, gap_bits, .def = "128", .min = "0", .max = "2000", .label = "Gap limit, coils", .label_zh = "线圈间隙上限", .group = "requests"), \
	F(C, check_unit, .def = "true", .label = "Check the unit of answers", .label_zh = "检查应答的单元标识", \
		.doc = "Off for devices that answer with another unit identifier", .doc_zh = "若采集设备以其他单元标识应答则关闭", .group = "requests"), \
	F(C, pause_between_ms, .def = "0", .min = "0", .max = "10000", .unit = "ms", .label = "Pause between requests", .label_zh = "请求间隔", \
		.doc = "Silence between an answer and the next request; a serial line keeps 3.5 characters at the least", \
		.doc_zh = "应答之后到下一请求之前的静默时间；串口至少保持 3.5 个字符时间", .group = "pauses")
/* What comes with a socket. */
#define PIPELINE F(C, pipeline, .def = "1", .min = "1", .max = "16", .label = "Requests at once", .label_zh = "并行请求数", \
	.doc = "More than 1 only for devices that take a request before the last one is answered; one that loses a request or answers out of order " \
		"is asked one at a time again", \
	.doc_zh = "仅当采集设备允许在应答之前接收下一请求时才大于 1；若有请求丢失或应答乱序，自动恢复为逐个请求", .group = "requests")
#define PAUSE_AFTER_CONNECT F(C, pause_after_connect_ms, .def = "0", .min = "0", .max = "60000", .unit = "ms", .label = "Pause after connecting", \
	.label_zh = "连接后等待", .group = "pauses")

static const struct rec_field tcp_fields[] = {
	F(C, host, .flags = REC_REQUIRED, .min = "1", .max = "253", .pattern = "[^ /]+", .label = "Host", .label_zh = "主机",
		.doc = "Name or IP address of the device or gateway", .doc_zh = "采集设备或网关的主机名或 IP 地址"),
	F(C, port, .def = "502", .min = "1", .max = "65535", .label = "Port", .label_zh = "端口"),
	F_ENUM(C, framing, framings, .def = "tcp", .label = "Frames", .label_zh = "报文格式",
		.doc = "RTU and ASCII for serial servers that pass the bytes of the line on as they are",
		.doc_zh = "串口服务器透传串口数据时选择 RTU 或 ASCII"),
	TIMEOUT,
	F(C, connect_timeout_ms, .def = "3000", .min = "100", .max = "60000", .unit = "ms", .label = "Connect within", .label_zh = "连接超时"),
	COMMON, PIPELINE, PAUSE_AFTER_CONNECT,
	F(C, closes, .def = "false", .label = "Closes after each answer", .label_zh = "每次应答后断开",
		.doc = "For gateways that end the connection after an answer: it is opened again for the next request, and that is no failure",
		.doc_zh = "用于每次应答后即断开连接的网关：下一请求时重新连接，不视为故障", .group = "requests"),
	F(C, tls, .def = "false", .label = "Modbus/TCP Security (TLS)", .label_zh = "Modbus/TCP Security（TLS）",
		.doc = "The port is 802 then, unless the device says otherwise", .doc_zh = "此时端口通常为 802", .group = "security"),
	F(C, tls_ca, .max = "500", .pattern = "/.+", .label = "Trusted issuers (file)", .label_zh = "受信任的签发者证书（文件）",
		.doc = "PEM file on this computer; empty: the system's", .doc_zh = "本机上的 PEM 文件；留空使用系统的", .group = "security"),
	F(C, tls_fingerprint, .max = "95", .pattern = "[0-9a-fA-F:]+", .label = "Fingerprint of the device", .label_zh = "设备证书指纹",
		.doc = "SHA-256 of its certificate: this one and no other", .doc_zh = "证书的 SHA-256：只接受此证书", .group = "security"),
	F(C, tls_any_name, .def = "false", .label = "Names in the certificate are not compared", .label_zh = "不核对证书中的名称",
		.doc = "For devices whose certificate carries none; needs trusted issuers or a fingerprint",
		.doc_zh = "用于证书中没有名称的设备；须指定签发者证书或指纹", .group = "security"),
	F(C, tls_cert, .max = "500", .pattern = "/.+", .label = "Own certificate (file)", .label_zh = "本机证书（文件）",
		.doc = "PEM file; Modbus/TCP Security wants both sides to show one", .doc_zh = "PEM 文件；Modbus/TCP Security 要求双方出示证书", .group = "security"),
	F(C, tls_key, .max = "500", .pattern = "/.+", .label = "Own key (file)", .label_zh = "本机私钥（文件）", .group = "security"),
};
const struct rec_type modbus_config_type = REC_PLAIN(C, "modbus_connection", tcp_fields, .title = "Modbus TCP connection",
	.title_zh = "Modbus TCP 通道", .doc = "Settings of a Modbus TCP connection", .doc_zh = "Modbus TCP 通道设置");

static const struct rec_field serial_fields[] = {
	F(C, device, .flags = REC_REQUIRED, .min = "6", .max = "95", .pattern = "/dev/.+", .label = "Serial port", .label_zh = "串口",
		.doc = "/dev/ttyS0; for adapters on USB the name under /dev/serial/by-id stays the same wherever they are plugged in",
		.doc_zh = "如 /dev/ttyS0；USB 适配器建议用 /dev/serial/by-id 下的名称，换插口后不变"),
	F_ENUM(C, mode, modes, .def = "rtu", .label = "Mode", .label_zh = "传输模式"),
	F(C, baud, .def = "9600", .min = "300", .max = "4000000", .unit = "Bd", .label = "Baud rate", .label_zh = "波特率"),
	F(C, data_bits, .def = "8", .min = "7", .max = "8", .label = "Data bits", .label_zh = "数据位",
		.doc = "8 for RTU; ASCII also takes 7", .doc_zh = "RTU 为 8；ASCII 也可为 7"),
	F_ENUM(C, parity, parities, .def = "none", .label = "Parity", .label_zh = "校验位"),
	F(C, stop_bits, .def = "1", .min = "1", .max = "2", .label = "Stop bits", .label_zh = "停止位"),
	F(C, rs485, .def = "false", .label = "The port's driver switches RS-485", .label_zh = "由串口驱动切换 RS-485 收发",
		.doc = "Only for ports that need it; most adapters switch by themselves", .doc_zh = "仅用于需要软件切换收发方向的串口；多数适配器自动切换"),
	TIMEOUT, COMMON,
};
const struct rec_type modbus_serial_config_type = REC_PLAIN(C, "modbus_serial_connection", serial_fields, .title = "Modbus serial line",
	.title_zh = "Modbus 串口通道", .doc = "Settings of a serial line with Modbus RTU or ASCII", .doc_zh = "Modbus RTU 或 ASCII 串口通道设置");

static const struct rec_field dial_in_fields[] = {
	F(C, port, .flags = REC_REQUIRED, .min = "1", .max = "65535", .label = "Port", .label_zh = "端口",
		.doc = "The port at which devices call; connections may share one", .doc_zh = "设备拨入的端口；多个通道可共用"),
	F(C, host, .def = "0.0.0.0", .min = "2", .max = "45", .pattern = "[0-9a-fA-F.:]+", .label = "Own address", .label_zh = "监听地址",
		.doc = "Address of this computer to listen at; 0.0.0.0 and :: are all", .doc_zh = "本机监听地址；0.0.0.0 与 :: 表示全部"),
	F(C, registration, .max = "200", .pattern = "[^\n]*", .label = "Registration packet", .label_zh = "注册包",
		.doc = "What the device sends first, as text, or hex: and hexadecimal digits. Empty: it sends none, and whoever calls is taken",
		.doc_zh = "设备拨入后首先发送的内容：文本，或 hex: 加十六进制数。留空表示设备不发送注册包，任何拨入均被接受"),
	F(C, heartbeat, .max = "200", .pattern = "[^\n]*", .label = "Heartbeat", .label_zh = "心跳包",
		.doc = "What the device sends from time to time, written like the registration packet; it is left out of the stream",
		.doc_zh = "设备定时发送的内容，写法同注册包；会从数据流中滤除"),
	F_ENUM(C, framing, framings, .def = "rtu", .label = "Frames", .label_zh = "报文格式"),
	TIMEOUT, COMMON, PIPELINE, PAUSE_AFTER_CONNECT,
};
const struct rec_type modbus_dial_in_config_type = REC_PLAIN(C, "modbus_dial_in_connection", dial_in_fields, .title = "Modbus dial-in",
	.title_zh = "Modbus 拨入通道", .doc = "Settings of a device (DTU) that dials in", .doc_zh = "设备（DTU）主动拨入的通道设置");

#define D struct modbus_device_config
#define DEVICE_FIELDS \
	F_ENUM(D, byte_order, device_orders, .def = "connection", .label = "Byte order", .label_zh = "字节序"), \
	F(D, shift, .def = "0", .min = "-1", .max = "1", .label = "Address offset", .label_zh = "地址偏移", \
		.doc = "Added to every address: -1 or 1 for devices whose manual counts otherwise", \
		.doc_zh = "加到每个地址上：手册编号方式不同的设备填 -1 或 1", .group = "requests"), \
	F(D, max_registers, .def = "0", .min = "0", .max = "125", .label = "Registers per request", .label_zh = "单次请求寄存器数上限", \
		.doc = "0: as the connection says", .doc_zh = "0 表示按通道设置", .group = "requests"), \
	F(D, gap_registers, .def = "-1", .min = "-1", .max = "125", .label = "Gap limit, registers", .label_zh = "寄存器间隙上限", \
		.doc = "-1: as the connection says", .doc_zh = "-1 表示按通道设置", .group = "requests"), \
	F(D, write_single, .def = "true", .label = "Write single values with functions 5 and 6", .label_zh = "单值写入用功能码 5 和 6", \
		.doc = "Off: with 15 and 16, for devices that know only these", .doc_zh = "关闭则用 15 和 16，适用于只支持这两个功能码的采集设备", .group = "requests"), \
	F(D, mask_write, .def = "true", .label = "Write bits of registers with function 22", .label_zh = "寄存器的位写入用功能码 22", \
		.doc = "Off: the register is read, changed and written; what the program of the device changes in between is lost", \
		.doc_zh = "关闭则先读出寄存器再整体写回；其间设备程序对该寄存器的改动会被覆盖", .group = "requests"), \
	F(D, write_read, .def = "false", .label = "Write several registers with function 23", .label_zh = "多寄存器写入用功能码 23", \
		.doc = "For devices that know 23 and not 16", .doc_zh = "适用于支持 23 而不支持 16 的采集设备", .group = "requests")

static const struct rec_field device_fields[] = {
	F(D, unit, .def = "1", .min = "0", .max = "255", .label = "Unit", .label_zh = "单元标识",
		.doc = "Unit identifier: the slave behind a gateway; a device of its own often takes any, 255 or 1",
		.doc_zh = "单元标识：网关后面的从站地址；直连设备通常接受任意值，常用 255 或 1"),
	DEVICE_FIELDS,
};
const struct rec_type modbus_device_type = REC_PLAIN(D, "modbus_device", device_fields, .title = "Modbus device",
	.title_zh = "Modbus 采集设备", .doc = "Settings of a device on a Modbus connection", .doc_zh = "Modbus 通道上采集设备的设置");

static const struct rec_field unit_fields[] = {
	F(D, unit, .def = "1", .min = "1", .max = "255", .label = "Unit", .label_zh = "单元标识",
		.doc = "The device's address on the line, 1 to 247", .doc_zh = "采集设备在总线上的地址，1 至 247"),
	DEVICE_FIELDS,
};
const struct rec_type modbus_unit_type = REC_PLAIN(D, "modbus_unit", unit_fields, .title = "Modbus unit",
	.title_zh = "Modbus 从站", .doc = "Settings of a device on a serial line", .doc_zh = "串口总线上采集设备的设置");

#define A struct modbus_address
static const struct rec_field address_fields[] = {
	F_ENUM(A, table, tables, .def = "holding", .label = "Table", .label_zh = "数据表"),
	F(A, number, .def = "0", .max = "65535", .min = "0", .label = "Number from 0", .label_zh = "编号（从 0 起）"),
	F(A, bit, .def = "-1", .min = "-1", .max = "15", .label = "Bit number", .label_zh = "位序号"),
	F_ENUM(A, order, point_orders, .def = "device", .label = "Byte order", .label_zh = "字节序"),
	F(A, length, .def = "1", .min = "1", .max = "123", .label = "Registers or bits", .label_zh = "寄存器或位的个数"),
	F_ENUM(A, form, forms, .def = "plain", .label = "Form", .label_zh = "存放形式"),
};
const struct rec_type modbus_address_type = REC_PLAIN(A, "modbus_address", address_fields, .title = "Modbus address",
	.title_zh = "Modbus 地址", .doc = "Where a value lies in a Modbus device", .doc_zh = "数值在 Modbus 采集设备中的位置");
