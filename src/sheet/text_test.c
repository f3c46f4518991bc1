/* text_test.c - encodings against bytes that iconv(1) and Python's codecs give. */

#include "tap.h"

#include "base/str.h"
#include "sheet/sheet.h"
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
	buf_done(&room);
}
