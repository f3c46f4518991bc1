/* pinyin.c - one table, made by tools/gen-pinyin: a letter a character, and the few that have more. */

#include "base/pinyin.h"

enum { FIRST = 0x4E00, LAST = 0x9FFF, ZERO = 0x3007 /* 〇 ling */ };

static const char firsts[] =
#define FIRSTS(letters) letters
#define ALSO(ch, letters)
#include "base/pinyin.def"
#undef FIRSTS
#undef ALSO
;

static const struct { uint16_t ch; char letters[PINYIN_LETTERS]; } also[] = {
#define FIRSTS(letters)
#define ALSO(ch, letters) { ch, letters },
#include "base/pinyin.def"
#undef FIRSTS
#undef ALSO
};

unsigned pinyin_letters(uint32_t ch, char out[PINYIN_LETTERS])
{
	size_t low = 0, high = ELEMENTSOF(also);
	unsigned n = 1;

	if (ch == ZERO) {
		out[0] = 'l';
		return 1;
	}
	if (ch < FIRST || ch > LAST || firsts[ch - FIRST] == ' ')
		return 0;
	out[0] = firsts[ch - FIRST];
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (also[middle].ch < ch)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < ELEMENTSOF(also) && also[low].ch == ch)
		for (const char *p = also[low].letters; *p && n < PINYIN_LETTERS; p++)
			out[n++] = *p;
	return n;
}
