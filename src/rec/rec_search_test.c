/* rec_search_test.c - what of a record can be found by typing. The readings are those of Xiandai Hanyu Cidian. */

#include "tap.h"

#include <string.h>

#include "base/str.h"
#include "rec/rec.h"
#include "sys/sys.h"

struct thing { struct rec_head head; const char *code, *name, *secret, *other; };
static const struct rec_field fields[] = {
	F(struct thing, code, .flags = REC_SEARCH),
	F(struct thing, name, .flags = REC_SEARCH),
	F(struct thing, secret, .flags = REC_SEARCH | REC_SECRET),
	F(struct thing, other),
};
static const struct rec_type type = REC_TYPE(struct thing, "thing", "things", fields, .title = "Thing", .title_zh = "物");
static struct buf out;

static const char *text_of(const char *code, const char *name)
{
	struct thing t = { .code = code, .name = name, .secret = "secret", .other = "other" };

	buf_done(&out);
	out = BUF_INIT(&sys_heap, 1 << 20);
	rec_search_text(&type, &t, &out);
	return out.data;
}

TEST(searched_fields_stand_in_small_letters_a_line_each)
{
	is_str(text_of("AI_01", "Mold Temp"), "ai_01\nmold temp");
	is_str(text_of("AI_01", ""), "ai_01");
	is_str(text_of(NULL, NULL), "");
	is_str(text_of("ＴＩ－１０１　ａ", "a\tb\nc"), "ti-101 a\na b c");
}

TEST(chinese_characters_can_be_typed_by_their_initials)
{
	is_str(text_of("T1", "注塑机"), "t1\n注塑机\nzsj");
	is_str(text_of("2# 注塑机 温度", NULL), "2# 注塑机 温度\n2zsjwd");
	is_str(text_of("泵A（备）", NULL), "泵a(备)\nbab");
}

TEST(every_reading_of_a_character_is_found)
{
	/* 重 zhong chong, 调 diao tiao */
	is_str(text_of("重量", NULL), "重量\nzl\ncl");
	is_str(text_of("重量调节", NULL), "重量调节\nzldj\ncldj\ncltj\nzltj");
	is_str(text_of("单机", NULL), "单机\ndj\ncj\nsj");
}

TEST(a_text_of_nothing_but_readings_stays_bounded)
{
	char name[3 * 1000 + 1] = "";
	struct buf b = BUF_FIXED(name);

	for (int i = 0; i < 999; i++)
		buf_add(&b, "重");
	text_of(name, NULL);
	ok(out.len < sizeof(name) + 256 * 16 * 18);
	ok(strstr(out.data, "\nzzzzzzzzczzzzzzzz") != NULL);
	ok(strstr(out.data, "\ncccz") != NULL);
}

TEST(a_word_that_is_looked_for_is_folded_alike)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 16);

	rec_search_fold("ＺＳJ１", str_len("ＺＳJ１"), &b);
	is_str(b.data, "zsj1");
	buf_done(&out);
}
