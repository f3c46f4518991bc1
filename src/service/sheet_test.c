/* sheet_test.c - encodings against bytes that iconv(1) and Python's codecs give; titles and words as other programs write them. */

#include "tap.h"

#include "base/str.h"
#include "model/plant.h"
#include "service/headings.h"
#include "service/sheet.h"
#include "sys/sys.h"

static struct buf room;
static struct sheet_text text;

static int decode(const char *bytes, size_t n)
{
	room.max = SHEET_TEXT_MAX;
	room.mem = &sys_heap;
	room.data = room.data ? room.data : (char *) "";
	return sheet_decode(bytes, n, &room, &text);
}
#define DECODE(literal) decode(literal, sizeof(literal) - 1)

TEST(utf8_is_taken_as_it_is_with_or_without_a_mark)
{
	is_int(DECODE("位号,地址\n"), 0);
	is_str(text.encoding, "UTF-8");
	is_int(text.len, strlen("位号,地址\n"));
	is_int(DECODE("\xEF\xBB\xBF位号\n"), 0);
	is_int(text.len, strlen("位号\n"));
}

TEST(what_chinese_excel_saves_is_read)
{
	/* python3: '位号,数据类型\n'.encode('gbk') */
	is_int(DECODE("\xce\xbb\xba\xc5,\xca\xfd\xbe\xdd\xc0\xe0\xd0\xcd\n"), 0);
	is_str(text.encoding, "GB18030");
	is_str(text.text, "位号,数据类型\n");
	/* '㎥,𠮷'.encode('gb18030'): a compatibility sign of GBK, and one of the four-byte characters */
	is_int(DECODE("\x81""\x39""\xe6""\x33""\x2c""\x95""\x34""\xb2""\x35"), 0);
	is_str(text.text, "㎥,𠮷");
}

TEST(unicode_text_of_excel_is_read)
{
	/* python3: '位号\tA\r\n'.encode('utf-16') */
	is_int(DECODE("\xff\xfe\x4d\x4f\xf7\x53\x09\x00\x41\x00\x0d\x00\x0a\x00"), 0);
	is_str(text.encoding, "UTF-16");
	is_str(text.text, "位号\tA\r\n");
	is_int(DECODE("\xfe\xff\x4f\x4d\x53\xf7"), 0);
	is_str(text.text, "位号");
	is_int(DECODE("\xff\xfe\x4d"), -ERR_UNSUPPORTED);
}

TEST(damaged_utf8_is_not_read_as_chinese)
{
	is_int(DECODE("位号,地址,名称,单位,数据类型\n一区温度\xE4\xBD,1\n"), -ERR_BAD_UTF8);
	is_int(DECODE("\xEF\xBB\xBF\xce\xbb\xba\xc5"), -ERR_BAD_UTF8);
	is_int(DECODE("code\n\xff\xfd\xff\n"), -ERR_BAD_UTF8);
	err_clear();
}

TEST(a_long_text_of_gbk_arrives_whole)
{
	_cleanup_(buf_done) struct buf gbk = BUF_INIT(&sys_heap, 4 << 20);

	for (int i = 0; i < 100000; i++)
		buf_add(&gbk, i % 10 ? "\xce\xbb" : "\xba\xc5\n");
	is_int(decode(gbk.data, gbk.len), 0);
	is_int(text.len, 100000 * 3 + 10000);
	is_int(utf8_count(text.text, text.len), 110000);
}

TEST(a_zip_and_the_old_binary_format_are_known_by_their_first_bytes)
{
	is_int(sheet_kind("PK\x03\x04....", 8), SHEET_XLSX);
	is_int(sheet_kind("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8), SHEET_XLS);
	is_int(sheet_kind("PK,code\n", 8), SHEET_TEXT);
}

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
	static const struct rec_type *const types[] = { &place_type, &connection_type, &device_type, &group_type, &point_type };
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
	buf_done(&room);
}

