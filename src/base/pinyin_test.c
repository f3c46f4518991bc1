/* pinyin_test.c - against the readings of Xiandai Hanyu Cidian; against the package pypinyin in test/e2e/test_search.py. */

#include "tap.h"

#include "base/pinyin.h"
#include "base/str.h"

static const char *letters(const char *text)
{
	static char out[PINYIN_LETTERS + 1];
	uint32_t ch = utf8_decode(&text, text + str_len(text));

	out[pinyin_letters(ch, out)] = 0;
	return out;
}

TEST(a_character_gives_the_first_letter_of_its_reading)
{
	is_str(letters("注"), "z");
	is_str(letters("塑"), "s");
	is_str(letters("机"), "j");
	is_str(letters("阿"), "ae");     /* ā, ē */
	is_str(letters("一"), "y");
	is_str(letters("龥"), "y");
	is_str(letters("〇"), "l");
	is_str(letters("吕"), "l");
	is_str(letters("安"), "a");
}

TEST(a_character_read_in_several_ways_gives_all_their_letters)
{
	is_str(letters("重"), "zc");     /* zhòng, chóng */
	is_str(letters("调"), "dt");     /* diào, tiáo */
	is_str(letters("行"), "xh");     /* xíng, háng */
	is_str(letters("单"), "dcs");    /* dān, chán, shàn */
}

TEST(what_is_no_chinese_character_gives_none)
{
	is_str(letters("A"), "");
	is_str(letters("7"), "");
	is_str(letters("℃"), "");
	is_str(letters("。"), "");
	is_str(letters("ア"), "");
	is_str(letters("한"), "");
	is_str(letters("𠮷"), "");
}
