/* headings_test.c - titles and words as plants and other programs write them. */

#include "tap.h"

#include "base/str.h"
#include "model/plant.h"
#include "service/headings.h"

static const char *field(const char *title)
{
	bool passed_over;
	const struct rec_field *f = heading_field(&point_type, title, &passed_over);

	return f ? f->name : passed_over ? "(passed over)" : "(unknown)";
}

TEST(titles_of_plants_and_of_other_programs_name_our_fields)
{
	static const struct { const char *title, *field; } want[] = {
		{ "code", "code" }, { "编码", "code" }, { "位号", "code" }, { "Tag Name", "code" }, { "TAG_NAME", "code" }, { " 变量名 ", "code" },
		{ "点名*", "code" }, { "寄存器地址", "address" }, { "Modbus地址", "address" }, { "Address", "address" },
		{ "数据类型", "type" }, { "DataType", "type" }, { "Client Access", "access" }, { "量程下限(℃)", "eng_min" }, { "量程上限（MPa）", "eng_max" },
		{ "Scaled Low", "eng_min" }, { "Eng Units", "unit" }, { "单位", "unit" }, { "高高限", "limit_hh" }, { "ＨＨ", "limit_hh" },
		{ "采集组", "group" }, { "设备", "device" }, { "系数", "scale" }, { "备注", "description" }, { "Bit number", "bit" },
		{ "序号", "(passed over)" }, { "Respect Data Type", "(passed over)" }, { "颜色", "(unknown)" }, { "变化率上限（每秒）", "limit_rate" },
	};

	for (size_t i = 0; i < ELEMENTSOF(want); i++)
		is_str(field(want[i].title), want[i].field);
}

TEST(vendors_words_for_types_and_access_are_ours)
{
	const struct rec_field *type = rec_field(&point_type, "type"), *access = rec_field(&point_type, "access");
	const struct rec_field *store = rec_field(&point_type, "store"), *order = rec_field(&point_type, "byte_order");

	/* IEC 61131-3, table 10 */
	is_str(heading_word(&point_type, type, "REAL"), "f32");
	is_str(heading_word(&point_type, type, "LREAL"), "f64");
	is_str(heading_word(&point_type, type, "INT"), "i16");
	is_str(heading_word(&point_type, type, "DINT"), "i32");
	is_str(heading_word(&point_type, type, "WORD"), "u16");
	is_str(heading_word(&point_type, type, "UDINT"), "u32");
	is_str(heading_word(&point_type, type, "BOOL"), "bool");
	is_str(heading_word(&point_type, type, "float 32"), "f32");
	is_str(heading_word(&point_type, type, "单精度浮点数"), "f32");
	is_str(heading_word(&point_type, type, "32 位浮点"), "f32");
	is_str(heading_word(&point_type, type, "f99"), "f99");
	is_str(heading_word(&point_type, access, "R/W"), "rw");
	is_str(heading_word(&point_type, access, "RO"), "r");
	is_str(heading_word(&point_type, order, "大端"), "ABCD");
	is_str(heading_word(&point_type, store, "是"), "true");
	is_str(heading_word(&point_type, store, "否"), "false");
	is_str(heading_word(&point_type, store, "√"), "true");
}

TEST(every_title_and_word_of_the_table_is_plain_and_names_what_there_is)
{
	static const struct rec_type *const types[] = { &label_type, &place_type, &connection_type, &device_type, &group_type, &point_type };
	static const struct { const char *noun, *field, *texts; } rows[] = {
#define HEADING(noun, field, titles) { #noun, #field, titles },
#define MEANING(noun, field, word, texts) { #noun, #field, texts },
#include "service/headings.def"
#undef HEADING
#undef MEANING
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct rec_type *t = NULL;
		char made[HEADING_MAX * 4] = "";
		struct buf b = BUF_FIXED(made);
		for (size_t k = 0; k < ELEMENTSOF(types); k++)
			t = str_eq(types[k]->name, rows[i].noun) ? types[k] : t;
		ok(rows[i].noun[0] == '*' || t);
		ok(!t || str_eq(rows[i].field, "\"\"") || rec_field(t, rows[i].field));
		heading_plain(rows[i].texts, &b);
		is_str(made, rows[i].texts);
	}
}
