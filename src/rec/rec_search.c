/*
 * rec_search.c - the text of a record in which free words are looked for.
 *
 * Every SEARCH field is a line of its own, small letters, full-width signs as their narrow ones. A field with Chinese characters has
 * further lines with the first letters of their Pinyin, letters and digits between them kept, all else left out: 2# 注塑机 is also
 * 2zsj. Where a character has several readings (重: zhong, chong) a line a reading follows, as wide around it as people type.
 */
#include "base/pinyin.h"
#include "base/str.h"
#include "rec/rec.h"

enum { CHARS_MAX = 256 /* of a field, in its initials */, AROUND = 8, READINGS_MAX = 16 /* lines a character adds */ };

static uint32_t narrow(uint32_t ch)
{
	if (ch >= 0xFF01 && ch <= 0xFF5E)       /* ！ to ～ */
		ch -= 0xFF01 - '!';
	if (ch == 0x3000 || ch < ' ')
		return ' ';
	return ch >= 'A' && ch <= 'Z' ? ch + ('a' - 'A') : ch;
}

static void add_char(struct buf *out, uint32_t ch)
{
	char bytes[4];

	if (ch < 0x80)
		buf_addc(out, (char) ch);
	else
		buf_addn(out, bytes, utf8_encode(ch, bytes));
}

void rec_search_fold(const char *text, size_t len, struct buf *out)
{
	const char *end = text + len;

	while (text < end) {
		uint32_t ch = (unsigned char) *text < 0x80 ? (unsigned char) *text++ : utf8_decode(&text, end);
		if (ch == UINT32_MAX)
			return;
		add_char(out, narrow(ch));
	}
}

/* The letters of one place: one, or several where a character is read in several ways. */
struct place { char letter[PINYIN_LETTERS]; uint8_t n; };

/* Returns the number of places; 0 when there is nothing Chinese. */
static unsigned read_places(const char *text, struct place *places)
{
	const char *end = text + str_len(text);
	unsigned n = 0;
	bool any = false;

	while (text < end && n < CHARS_MAX) {
		uint32_t ch = (unsigned char) *text < 0x80 ? (unsigned char) *text++ : utf8_decode(&text, end);
		struct place p = { .n = 1 };
		if (ch == UINT32_MAX)
			break;
		ch = narrow(ch);
		if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9'))
			p.letter[0] = (char) ch;
		else
			p.n = (uint8_t) pinyin_letters(ch, p.letter);
		any |= ch >= 0x80 && p.n;
		if (p.n)
			places[n++] = p;
	}
	return any ? n : 0;
}

/* The place at `at` read otherwise for the first time: before it the customary readings, behind it all there are. */
static void add_readings(const struct place *places, unsigned n, unsigned at, struct buf *out)
{
	unsigned from = at > AROUND ? at - AROUND : 0, to = MIN(n, at + AROUND + 1), choices = places[at].n - 1u;

	for (unsigned i = at + 1; i < to; i++)
		choices = MIN(choices * places[i].n, (unsigned) READINGS_MAX);
	for (unsigned choice = 0; choice < choices; choice++) {
		unsigned left = choice;
		buf_addc(out, '\n');
		for (unsigned i = from; i < to; i++) {
			unsigned ways = i == at ? places[i].n - 1u : places[i].n;
			if (i < at) {
				buf_addc(out, places[i].letter[0]);
				continue;
			}
			buf_addc(out, places[i].letter[left % ways + (i == at)]);
			left /= ways;
		}
	}
}

static void add_initials(const char *text, struct buf *out)
{
	struct place places[CHARS_MAX];
	unsigned n = read_places(text, places);

	if (!n)
		return;
	buf_addc(out, '\n');
	for (unsigned i = 0; i < n; i++)
		buf_addc(out, places[i].letter[0]);
	for (unsigned i = 0; i < n; i++)
		if (places[i].n > 1)
			add_readings(places, n, i, out);
}

bool rec_is_searched(const struct rec_field *f)
{
	return f->flags & REC_SEARCH && !(f->flags & REC_SECRET) && (f->kind == REC_STR || f->kind == REC_TEXT);
}

void rec_search_text(const struct rec_type *t, const void *rec, struct buf *out)
{
	size_t begin = out->len;

	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		const char *text = rec_is_searched(f) ? *(const char *const *) rec_at(rec, f) : NULL;
		if (str_empty(text))
			continue;
		if (out->len > begin)
			buf_addc(out, '\n');
		rec_search_fold(text, str_len(text), out);
		add_initials(text, out);
	}
}
