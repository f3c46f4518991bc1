/* plant.c - the tables of the plant's records; words of the screen as in the glossary. */
#include "model/plant.h"

#define CODE_RULE .flags = REC_REQUIRED | REC_INDEX | REC_SEARCH, .min = "1", .max = "200", .pattern = "[^/]+",             \
	.label = "Code", .label_zh = "编码", .doc = "The plant's own identifier, any script, without /",                       \
	.doc_zh = "工厂自己的编码或位号，可用任意文字，不能含 /"
#define NAME_RULE .flags = REC_SEARCH, .max = "128", .label = "Name", .label_zh = "名称"
#define DESCRIPTION_RULE .flags = REC_SEARCH, .max = "1000", .label = "Description", .label_zh = "描述", .widget = "textarea"
#define ENABLED_RULE .def = "true", .label = "Enabled", .label_zh = "启用",                                                \
	.doc = "Disabled is not deleted: its points show the quality Bad: disabled", .doc_zh = "停用不是删除：其点位的质量码显示为停用"

#define KEEP_DAYS_RULE .flags = REC_NULLABLE, .min = "0", .max = "36500", .label = "Days that samples are kept", .label_zh = "样本保留天数"

static const struct rec_field label_fields[] = {
	/* Lists of labels stand in cells of sheets with commas between. */
	F(struct label, code, .flags = REC_REQUIRED | REC_SEARCH, .min = "1", .max = "64", .pattern = "[^/,;]+", .label = "Code", .label_zh = "编码",
		.doc = "Short, any script, without / , ;", .doc_zh = "简短，可用任意文字，不能含 / , ;"),
	F(struct label, name, NAME_RULE),
	F(struct label, keep_days, KEEP_DAYS_RULE, .doc = "Of points with this data label that say nothing themselves; of several data labels the longest counts. 0: for ever; empty: says nothing",
		.doc_zh = "适用于带有此数据标签且自身未设置的点位；有多个数据标签时取最长者。0 为永久；留空则不作规定"),
	F(struct label, description, DESCRIPTION_RULE),
};
const struct rec_type label_type = REC_TYPE(struct label, "label", "labels", label_fields, .unique = "code",
	.title = "Data label", .title_zh = "数据标签", .doc = "What kind of data a point's samples are: core, energy, quality",
	.doc_zh = "说明点位数据属于哪一类：核心、能源、质量");

static const struct rec_word levels[] = {
	{ "enterprise", "Enterprise", "企业" }, { "site", "Site", "工厂" }, { "area", "Area", "车间" },
	{ "line", "Line", "产线" }, { "cell", "Cell", "工位" }, { 0 },
};

static const struct rec_field place_fields[] = {
	F_REF(struct place, parent, "place", .flags = REC_NULLABLE | REC_INDEX, .label = "Inside", .label_zh = "上级位置"),
	F_ENUM(struct place, level, levels, .def = "site", .label = "Level", .label_zh = "层级"),
	F(struct place, code, CODE_RULE),
	F(struct place, name, NAME_RULE),
	F(struct place, description, DESCRIPTION_RULE),
};
const struct rec_type place_type = REC_TYPE(struct place, "place", "places", place_fields, .unique = "parent,code",
	.title = "Place", .title_zh = "位置", .doc = "Enterprise, site, area, line or cell (IEC 62264)",
	.doc_zh = "企业、工厂、车间、产线或工位（GB/T 20720）");

static const struct rec_field connection_fields[] = {
	F(struct connection, code, CODE_RULE),
	F(struct connection, name, NAME_RULE),
	F(struct connection, driver, .flags = REC_REQUIRED | REC_IMMUTABLE, .max = "40", .pattern = "[a-z][a-z0-9-]*",
		.label = "Driver", .label_zh = "驱动", .widget = "driver"),
	F_KIND(struct connection, config, REC_JSON, .def = "{}", .label = "Settings", .label_zh = "设置", .widget = "driver_connection",
		.doc = "The driver's settings of the connection", .doc_zh = "驱动的通道设置"),
	F(struct connection, enabled, ENABLED_RULE),
	F(struct connection, description, DESCRIPTION_RULE),
};
const struct rec_type connection_type = REC_TYPE(struct connection, "connection", "connections", connection_fields, .unique = "code",
	.title = "Connection", .title_zh = "通道", .doc = "A serial line, bus or socket to devices", .doc_zh = "到采集设备的串口、总线或网络连接");

static const struct rec_field device_fields[] = {
	F_REF(struct device, connection, "connection", .flags = REC_REQUIRED | REC_INDEX, .label = "Connection", .label_zh = "通道"),
	F_REF(struct device, place, "place", .flags = REC_NULLABLE | REC_INDEX, .label = "Place", .label_zh = "位置"),
	F(struct device, code, CODE_RULE),
	F(struct device, name, NAME_RULE),
	F_KIND(struct device, config, REC_JSON, .def = "{}", .label = "Settings", .label_zh = "设置", .widget = "driver_device",
		.doc = "The driver's settings of the device", .doc_zh = "驱动的采集设备设置"),
	F(struct device, enabled, ENABLED_RULE),
	F(struct device, description, DESCRIPTION_RULE),
};
const struct rec_type device_type = REC_TYPE(struct device, "device", "devices", device_fields, .unique = "place,code",
	.title = "Device", .title_zh = "采集设备", .doc = "What a driver talks to: PLC, meter, gateway, unit behind a bus",
	.doc_zh = "驱动与之通信的对象：PLC、仪表、网关、总线下的单元");

static const struct rec_field group_fields[] = {
	F_REF(struct group, device, "device", .flags = REC_REQUIRED | REC_INDEX | REC_IMMUTABLE, .label = "Device", .label_zh = "采集设备"),
	F(struct group, code, CODE_RULE),
	F(struct group, name, NAME_RULE),
	F(struct group, period_ms, .def = "1000", .min = "10", .max = "86400000", .unit = "ms", .label = "Scan period", .label_zh = "采集周期"),
	F(struct group, enabled, ENABLED_RULE),
	F(struct group, description, DESCRIPTION_RULE),
};
const struct rec_type group_type = REC_TYPE(struct group, "group", "groups", group_fields, .unique = "device,code",
	.title = "Scan group", .title_zh = "采集组", .doc = "Points read with one period", .doc_zh = "以同一周期采集的点位");

static const struct rec_word point_types[] = {
	{ "bool", "Bit", "位 (bool)" }, { "i16", "16-bit signed", "16 位有符号" }, { "u16", "16-bit unsigned", "16 位无符号" },
	{ "i32", "32-bit signed", "32 位有符号" }, { "u32", "32-bit unsigned", "32 位无符号" },
	{ "i64", "64-bit signed", "64 位有符号" }, { "u64", "64-bit unsigned", "64 位无符号" },
	{ "f32", "32-bit float", "32 位浮点" }, { "f64", "64-bit float", "64 位浮点" }, { "string", "Text", "文本" }, { 0 },
};
static const struct rec_word accesses[] = {
	{ "r", "Read only", "只读" }, { "w", "Write only", "只写" }, { "rw", "Read and write", "读写" }, { 0 },
};
static const struct rec_word orders[] = {
	{ "device", "As the device says", "按采集设备设置" }, { "ABCD", "ABCD (big-endian)", "ABCD（大端）" },
	{ "CDAB", "CDAB (words swapped)", "CDAB（字交换）" }, { "BADC", "BADC (bytes swapped)", "BADC（字节交换）" },
	{ "DCBA", "DCBA (little-endian)", "DCBA（小端）" }, { 0 },
};
static const struct rec_word betweens[] = { { "step", "Stays until the next", "保持到下一个值" }, { "linear", "Straight line", "线性" }, { 0 } };

/* A plant's lists bring these along; nobody shall believe that they work already. */
#define NOT_YET .doc = "Kept with the point, not applied yet", .doc_zh = "随点位保存，尚未生效"
#define OPTIONAL(member, en, zh, ...) F(struct point, member, .flags = REC_NULLABLE, .label = en, .label_zh = zh, __VA_ARGS__)

static const struct rec_field point_fields[] = {
	F_REF(struct point, group, "group", .flags = REC_REQUIRED | REC_INDEX, .label = "Scan group", .label_zh = "采集组"),
	F_REF(struct point, device, "device", .flags = REC_READONLY | REC_INDEX, .label = "Device", .label_zh = "采集设备"),
	F(struct point, code, CODE_RULE),
	F(struct point, name, NAME_RULE),
	F(struct point, path, .flags = REC_READONLY | REC_UNIQUE | REC_SEARCH, .max = "500", .label = "Path", .label_zh = "路径"),
	F(struct point, address, .flags = REC_REQUIRED | REC_SEARCH, .min = "1", .max = "200", .label = "Address", .label_zh = "地址"),
	F_ENUM(struct point, type, point_types, .def = "f32", .label = "Data type", .label_zh = "数据类型"),
	F_ENUM(struct point, access, accesses, .def = "r", .label = "Access", .label_zh = "读写属性"),
	F_ENUM(struct point, byte_order, orders, .def = "device", .label = "Byte order", .label_zh = "字节序", .group = "address"),
	OPTIONAL(bit, "Bit number", "位序号", .min = "0", .max = "15", .group = "address"),
	F_KIND(struct point, labels, REC_LIST, .item = REC_REF, .ref = "label", .max = "16", .label = "Data labels", .label_zh = "数据标签"),
	F(struct point, enabled, ENABLED_RULE),
	F(struct point, store, .def = "true", .label = "Keep history", .label_zh = "保存历史"),
	F(struct point, keep_days, KEEP_DAYS_RULE,
		.doc = "0: for ever; empty: the longest of its data labels', else as the platform keeps all (store.samples). Figures of minutes and hours stay longer",
		.doc_zh = "0 为永久；留空则取其数据标签中最长者，否则按平台设置（store.samples）。分钟和小时数据保留更久"),
	F(struct point, unit, .flags = REC_SEARCH, .max = "32", .label = "Engineering unit", .label_zh = "工程单位", .group = "scaling"),
	F(struct point, scale, .def = "1", .label = "Scale", .label_zh = "倍率", .group = "scaling"),
	F(struct point, offset, .def = "0", .label = "Offset", .label_zh = "偏移", .group = "scaling"),
	OPTIONAL(raw_min, "Raw range from", "原始量程下限", .group = "scaling"),
	OPTIONAL(raw_max, "Raw range to", "原始量程上限", .group = "scaling"),
	OPTIONAL(eng_min, "Range from", "量程下限", .group = "scaling"),
	OPTIONAL(eng_max, "Range to", "量程上限", .group = "scaling"),
	F(struct point, clamp, .def = "false", .label = "Clamp to range", .label_zh = "限幅到量程", .group = "scaling"),
	OPTIONAL(decimals, "Decimals", "小数位", .min = "0", .max = "15", .group = "scaling"),
	F_ENUM(struct point, between, betweens, .def = "step", .label = "Between samples", .label_zh = "两点之间", .group = "scaling"),
	F(struct point, state_texts, .max = "256", .label = "State texts", .label_zh = "状态文本", .group = "scaling"),
	OPTIONAL(limit_hh, "High high limit", "上上限", .group = "limits"),
	OPTIONAL(limit_h, "High limit", "上限", .group = "limits"),
	OPTIONAL(limit_l, "Low limit", "下限", .group = "limits"),
	OPTIONAL(limit_ll, "Low low limit", "下下限", .group = "limits"),
	OPTIONAL(limit_rate, "Rate limit per second", "变化率上限（每秒）", .min = "0", .group = "limits", NOT_YET),
	F(struct point, deadband_alarm, .def = "0", .min = "0", .label = "Alarm deadband", .label_zh = "报警死区", .group = "limits",
		NOT_YET),
	F(struct point, deadband_store, .def = "0", .min = "0", .label = "Storage deadband", .label_zh = "存储死区", .group = "limits",
		NOT_YET),
	OPTIONAL(write_min, "Lowest set-point", "设定值下限", .group = "write"),
	OPTIONAL(write_max, "Highest set-point", "设定值上限", .group = "write"),
	OPTIONAL(write_step, "Set-point in steps of", "设定值步长", .min = "0", .group = "write"),
	OPTIONAL(write_ramp, "Set-point ramp per second", "设定值斜率（每秒）", .min = "0", .group = "write"),
	F(struct point, confirm, .def = "true", .label = "Ask before writing", .label_zh = "写入前确认", .group = "write"),
	F(struct point, approval, .def = "false", .label = "Second-person approval", .label_zh = "双人复核", .group = "write"),
	F(struct point, description, DESCRIPTION_RULE),
};
const struct rec_type point_type = REC_TYPE(struct point, "point", "points", point_fields, .unique = "device,code",
	.title = "Point", .title_zh = "点位", .doc = "One measured or written variable", .doc_zh = "一个被测量或被写入的变量");

static bool has(const struct point *p, const char *name)
{
	return rec_has(&point_type, p, rec_field(&point_type, name));
}

bool point_has_range(const struct point *p)
{
	return has(p, "raw_min") && has(p, "raw_max") && has(p, "eng_min") && has(p, "eng_max");
}

bool point_is_scaled(const struct point *p)
{
	return p->scale != 1 || p->offset != 0 || point_has_range(p);
}

enum vtype point_vtype(const struct point *p)
{
	switch ((enum point_type) p->type) {
	case POINT_BOOL:
		return V_BOOL;
	case POINT_STRING:
		return V_STR;
	case POINT_F32:
		return point_is_scaled(p) ? V_F64 : V_F32;
	case POINT_F64:
		return V_F64;
	default:
		return point_is_scaled(p) ? V_F64 : V_I64;
	}
}
