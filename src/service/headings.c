/* headings.c - titles and words of headings.def, found by comparing texts made plain. */

#include <string.h>

#include "base/str.h"
#include "service/headings.h"

struct heading { const char *noun, *field, *titles; };
struct meaning { const char *noun, *field, *word, *texts; };

static const struct heading headings[] = {
#define HEADING(noun, field, titles) { #noun, #field, titles },
#define MEANING(noun, field, word, texts)
#include "service/headings.def"
#undef HEADING
#undef MEANING
};
static const struct meaning meanings[] = {
#define HEADING(noun, field, titles)
#define MEANING(noun, field, word, texts) { #noun, #field, word, texts },
#include "service/headings.def"
#undef HEADING
#undef MEANING
};

static bool is_left_out(uint32_t c)
{
	static const uint32_t signs[] = { ' ', '\t', '\r', '\n', '_', '-', '.', '/', ':', '*', '#', '"', '\'', 0xA0, 0x3000, 0xFF1A, 0xFF0A, 0xFEFF };

	for (size_t i = 0; i < ELEMENTSOF(signs); i++)
		if (c == signs[i])
			return true;
	return false;
}

/* Where the unit or remark in parentheses begins that ends the title; its length when there is none. */
static size_t before_parentheses(const char *title, size_t n)
{
	const char *open;

	while (n && title[n - 1] == ' ')
		n--;
	if (n && title[n - 1] == ')') {
		for (open = title + n - 1; open > title && *open != '('; open--)
			;
		return open > title ? (size_t) (open - title) : n;
	}
	if (n > 3 && !memcmp(title + n - 3, "）", 3)) {
		for (open = title + n - 3; open > title && memcmp(open, "（", 3) != 0; open--)
			;
		return open > title ? (size_t) (open - title) : n;
	}
	return n;
}

static void plain(const char *title, size_t n, struct buf *out)
{
	const char *p = title, *end = title + n;

	while (p < end) {
		char at[4];
		uint32_t c = utf8_decode(&p, end);
		if (c == UINT32_MAX)
			break;
		if (is_left_out(c))
			continue;
		if (c >= 0xFF01 && c <= 0xFF5E)         /* full width: ＡＢＣ */
			c -= 0xFEE0;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		buf_addn(out, at, utf8_encode(c, at));
	}
}

void heading_plain(const char *title, struct buf *out)
{
	plain(title, before_parentheses(title, str_len(title)), out);
}

static bool is_among(const char *texts, const char *text)
{
	size_t n = str_len(text);

	for (const char *at = texts; n && *at;) {
		const char *end = strchr(at, '|');
		size_t len = end ? (size_t) (end - at) : str_len(at);
		if (len == n && !memcmp(at, text, n))
			return true;
		at += len + (end != NULL);
	}
	return false;
}

static bool is_plain_of(const char *label, const char *text)
{
	char room[HEADING_MAX] = "";
	struct buf b = BUF_FIXED(room);

	if (str_empty(label))
		return false;
	plain(label, str_len(label), &b);
	return !b.failed && str_eq(room, text);
}

const struct rec_field *heading_field(const struct rec_type *t, const char *title, bool *ret_passed_over)
{
	char whole[HEADING_MAX] = "", room[HEADING_MAX] = "";
	struct buf w = BUF_FIXED(whole), b = BUF_FIXED(room);
	bool passed_over = false;

	plain(title, str_len(title), &w);
	heading_plain(title, &b);
	if (ret_passed_over)
		*ret_passed_over = false;
	for (unsigned step = 0; step < 3; step++)
		for (uint32_t i = 0; i < t->n_fields; i++) {
			const struct rec_field *f = &t->fields[i];
			const char *want = step == 1 ? whole : room;
			if (f->flags & REC_INTERNAL)
				continue;
			if (step == 0 ? str_eq(title, f->name) || str_eq_nocase(title, f->label) || str_eq(title, f->label_zh)
					: is_plain_of(f->name, want) || is_plain_of(f->label, want) || is_plain_of(f->label_zh, want))
				return f;
		}
	for (size_t i = 0; i < ELEMENTSOF(headings); i++) {
		const struct heading *h = &headings[i];
		if (!str_eq(h->noun, t->name) || (!is_among(h->titles, room) && !is_among(h->titles, whole)))
			continue;
		if (rec_field(t, h->field))
			return rec_field(t, h->field);
		passed_over = true;
	}
	if (ret_passed_over)
		*ret_passed_over = passed_over;
	return NULL;
}

const char *heading_word(const struct rec_type *t, const struct rec_field *f, const char *text)
{
	char room[HEADING_MAX], whole[HEADING_MAX];
	struct buf b = BUF_FIXED(room), w = BUF_FIXED(whole);

	if ((f->kind != REC_BOOL && f->kind != REC_ENUM) || str_empty(text))
		return text;
	if (f->kind == REC_ENUM && rec_word_index(f, text, str_len(text)) >= 0)
		return text;
	room[0] = whole[0] = 0;
	heading_plain(text, &b);
	plain(text, str_len(text), &w);
	for (const struct rec_word *word = f->kind == REC_ENUM ? f->words : NULL; word && word->word; word++)
		if (is_plain_of(word->word, whole) || is_plain_of(word->label, whole) || is_plain_of(word->label_zh, whole))
			return word->word;
	for (size_t i = 0; i < ELEMENTSOF(meanings); i++) {
		const struct meaning *m = &meanings[i];
		bool fits = f->kind == REC_BOOL ? m->noun[0] == '*' : str_eq(m->noun, t->name) && str_eq(m->field, f->name);
		if (fits && (is_among(m->texts, room) || is_among(m->texts, whole)))
			return m->word;
	}
	return text;
}

bool heading_is_delete(const char *title)
{
	char room[HEADING_MAX] = "";
	struct buf b = BUF_FIXED(room);

	heading_plain(title, &b);
	return str_eq(room, "delete") || str_eq(room, "删除");
}
