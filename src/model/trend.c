/* trend.c - the table of saved trends. */
#include "model/trend.h"

static const struct rec_field line_fields[] = {
	F(struct trend_line, point, .flags = REC_REQUIRED, .label = "Point", .label_zh = "点位"),
	F(struct trend_line, axis, .max = "40", .label = "Axis", .label_zh = "坐标轴", .doc = "Lines of one name share an axis; empty: by unit",
		.doc_zh = "同名的共用一个坐标轴；空：按工程单位"),
	F(struct trend_line, color, .min = "7", .max = "7", .pattern = "#[0-9a-f]*", .label = "Colour", .label_zh = "颜色"),
	F(struct trend_line, hidden, .def = "false", .label = "Hidden", .label_zh = "隐藏"),
};
const struct rec_type trend_line_type = REC_PLAIN(struct trend_line, "trend_line", line_fields, .title = "Line", .title_zh = "线");

const struct rec_word trend_group_words[] = { { "none", "Each point for itself", "各点位单独" }, { "all", "All points", "全部点位" }, { "device", "Device", "采集设备" },
	{ "place", "Place", "位置" }, { "enterprise", "Enterprise", "企业" }, { "site", "Site", "工厂" }, { "area", "Area", "车间" }, { "line", "Line", "产线" },
	{ "cell", "Cell", "工位" }, { "unit", "Unit", "单位" },
	{ "label", "Data label", "数据标签" }, { NULL } };
const struct rec_word trend_across_words[] = { { "mean", "Mean", "平均" }, { "sum", "Sum", "总和" }, { "min", "Lowest", "最低" }, { "max", "Highest", "最高" },
	{ "count", "Points with a figure", "有值点位数" }, { NULL } };

static const struct rec_field trend_fields[] = {
	F(struct trend, name, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1", .max = "128", .label = "Name", .label_zh = "名称"),
	F(struct trend, description, .flags = REC_SEARCH, .max = "1000", .label = "Description", .label_zh = "描述", .widget = "textarea"),
	F_KIND(struct trend, lines, REC_LIST, .item = REC_REC, .type = &trend_line_type, .max = "32", .label = "Lines", .label_zh = "线"),
	F_KIND(struct trend, window, REC_DURATION, .def = "1h", .min = "1s", .max = "175680h", .label = "Time shown", .label_zh = "时间长度"),
	F_KIND(struct trend, until, REC_TIME, .flags = REC_NULLABLE, .label = "Until", .label_zh = "截止",
		.doc = "Empty: the present, and the trend goes on", .doc_zh = "空：当前时刻，趋势随时间前进"),
	F_KIND(struct trend, shift, REC_DURATION, .def = "0s", .min = "0s", .max = "175680h", .label = "Compared with so much earlier", .label_zh = "对比之前"),
	F_ENUM(struct trend, group_by, trend_group_words, .def = "none", .label = "One line for the points of each", .label_zh = "分组方式"),
	F_ENUM(struct trend, across, trend_across_words, .def = "mean", .label = "Of the points of a group", .label_zh = "组内合并方式"),
	F_KIND(struct trend, labels, REC_LIST, .item = REC_UUID, .max = "64", .label = "Data labels", .label_zh = "数据标签",
		.doc = "Of groups: only points that have one of them; without lines all such", .doc_zh = "用于分组：仅限带有其中之一的点位；没有线时取全部"),
	F(struct trend, limits, .max = "32", .label = "Ranges of axes", .label_zh = "坐标轴范围", .doc = "Axis and range: kPa=0..600",
		.doc_zh = "坐标轴与范围：kPa=0..600"),
};
const struct rec_type trend_type = REC_TYPE(struct trend, "trend", "trends", trend_fields, .title = "Trend", .title_zh = "趋势",
	.doc = "Points over time, as somebody saved them", .doc_zh = "保存的趋势：点位、坐标轴与时间范围");
