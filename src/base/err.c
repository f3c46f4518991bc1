/* err.c - the current failure of each thread, and its sentence. */
#include "base/err.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/str.h"

struct row { const char *code; int16_t http, exit; const char *text[LANG_N_]; };

static const struct row rows[ERR_N_] = {
	[ERR_NONE] = { "none", 200, 0, { "", "" } },
#define ERR(name, code, http, exit, en, zh) [ERR_##name] = { code, http, exit, { en, zh } },
#include "base/err.def"
#undef ERR
};

static const char *const titles[ERR_N_][LANG_N_] = {
	[ERR_NONE] = { "", "" },
#define TITLE(name, en, zh) [ERR_##name] = { en, zh },
#include "base/titles.def"
#undef TITLE
};

struct term { const char *id, *text[LANG_N_]; };

static const struct term terms[] = {
#define TERM(id, en, zh) { #id, { en, zh } },
#include "base/terms.def"
#undef TERM
};

static _Thread_local struct err current;
static _Thread_local char log_text[512];

static const struct row *row_of(int kind)
{
	if (kind < 0)
		kind = -kind;
	return &rows[kind > 0 && kind < ERR_N_ ? kind : ERR_BROKEN];
}

/* Appends name \0 value \0. A value that does not fit is cut at a character, and marked. */
static void arg_add(struct err *e, const char *name, const char *value, size_t n)
{
	size_t name_len = str_len(name), room = sizeof(e->args) - e->args_len;

	if (name_len + 2 + 8 > room) {
		e->cut = true;
		return;
	}
	memcpy(e->args + e->args_len, name, name_len + 1);
	e->args_len = (uint16_t) (e->args_len + name_len + 1);
	room -= name_len + 1;
	if (n + 1 > room) {
		n = utf8_valid_prefix(value, room - 4);
		e->cut = true;
	}
	memcpy(e->args + e->args_len, value, n);
	e->args_len = (uint16_t) (e->args_len + n);
	if (e->cut) {
		memcpy(e->args + e->args_len, "...", 3);
		e->args_len += 3;
	}
	e->args[e->args_len++] = 0;
}

static void begin(enum err_kind kind)
{
	current.kind = kind;
	current.args_len = 0;
	current.cut = false;
	current.pointer[0] = current.context[0] = 0;
}

int err_fail(enum err_kind kind, const char *name, ...)
{
	struct err next = { .kind = kind };     /* arguments may point into the failure that is replaced */
	va_list args;

	va_start(args, name);
	for (; name; name = va_arg(args, const char *)) {
		const char *value = va_arg(args, const char *);

		if (!value)
			value = "";
		arg_add(&next, name, value, str_len(value));
	}
	va_end(args);
	current = next;
	return -(int) kind;
}

int err_failf(enum err_kind kind, const char *fmt, ...)
{
	char text[sizeof(current.args) - 16];
	struct buf b = BUF_FIXED(text);
	va_list args;

	text[0] = 0;
	va_start(args, fmt);
	buf_vaddf(&b, fmt, args);
	va_end(args);
	begin(kind);
	arg_add(&current, "detail", b.data, b.len);
	return -(int) kind;
}

/* Moves `text` in front of the n bytes array `to`; what does not fit falls off the end, at a character. */
static void prepend(char *to, size_t size, const char *text, size_t n)
{
	size_t old = str_len(to), keep;

	n = MIN(n, size - 1);
	keep = MIN(old, size - 1 - n);
	if (keep < old)
		keep = utf8_valid_prefix(to, keep);
	memmove(to + n, to, keep);
	memcpy(to, text, n);
	to[n + keep] = 0;
}

int err_wrap(int r, const char *fmt, ...)
{
	char text[sizeof(current.context)];
	struct buf b = BUF_FIXED(text);
	va_list args;

	if (r >= 0)
		return r;
	if (current.kind != -r)
		begin((enum err_kind) -r);
	text[0] = 0;
	va_start(args, fmt);
	buf_vaddf(&b, fmt, args);
	va_end(args);
	b.failed = false;
	if (b.len + 2 < sizeof(text))
		buf_add(&b, ": ");
	prepend(current.context, sizeof(current.context), b.data, b.len);
	return r;
}

int err_at(int r, const char *segment)
{
	char text[sizeof(current.pointer)];
	size_t n = 0;

	if (r >= 0)
		return r;
	if (current.kind != -r)
		begin((enum err_kind) -r);
	text[n++] = '/';
	for (; *segment && n + 2 < sizeof(text); segment++) {   /* RFC 6901: ~ is ~0, / is ~1 */
		if (*segment == '~' || *segment == '/') {
			text[n++] = '~';
			text[n++] = *segment == '~' ? '0' : '1';
		} else
			text[n++] = *segment;
	}
	n = utf8_valid_prefix(text, n);
	prepend(current.pointer, sizeof(current.pointer), text, n);
	return r;
}

int err_at_index(int r, size_t index)
{
	char text[NUM_TEXT_MAX];

	num_format_u64(text, index);
	return err_at(r, text);
}

struct err err_take(int r)
{
	struct err e = current;

	if (r < 0 && e.kind != -r)
		e = (struct err) { .kind = -r };
	err_clear();
	return e;
}

void err_put(const struct err *e)
{
	current = *e;
}

void err_clear(void)
{
	begin(ERR_NONE);
}

const struct err *err_peek(void)
{
	return &current;
}

const char *err_arg(const struct err *e, const char *name)
{
	const char *p = e->args, *end = e->args + e->args_len;

	while (p < end) {
		const char *value = p + str_len(p) + 1;

		if (value >= end)
			break;
		if (str_eq(p, name))
			return value;
		p = value + str_len(value) + 1;
	}
	return NULL;
}

/* "@point" is a term of terms.def, shown in the reader's language; anything else is shown as it is. */
static const char *shown(const char *value, enum lang lang)
{
	if (value[0] == '@')
		for (size_t i = 0; i < ELEMENTSOF(terms); i++)
			if (str_eq(terms[i].id, value + 1))
				return terms[i].text[lang];
	return value[0] == '@' ? value + 1 : value;
}

/* A Chinese character: three bytes, the first of them E4 to E9. */
static bool is_hanzi(const char *p)
{
	return (unsigned char) *p >= 0xe4 && (unsigned char) *p <= 0xe9;
}

static bool ends_hanzi(const struct buf *b, size_t before_end)
{
	return !b->failed && b->len >= 3 + before_end && is_hanzi(b->data + b->len - before_end - 3);
}

/* Chinese has no blanks between its own words: 应为 + @whole_number is 应为整数. Around what users wrote they stay. */
static void add_shown(struct buf *out, const char *value, enum lang lang)
{
	const char *text = shown(value, lang);

	if (*value == '@' && is_hanzi(text) && ends_hanzi(out, 1) && out->data[out->len - 1] == ' ')
		out->data[--out->len] = 0;
	buf_add(out, text);
}

/* A slot without value takes its clause with it: "there is no field x; the nearest is {nearest}" ends before the semicolon. */
void err_text(const struct err *e, enum lang lang, struct buf *out)
{
	static const char wide[] = "；";
	const char *t = row_of(e->kind)->text[lang];
	size_t clause = out->len;

	for (; *t; t++) {
		char name[24];
		size_t n = 0;
		const char *value;

		if (*t != '{') {
			if (*t == ';' || str_starts(t, wide))
				clause = out->len;
			buf_addc(out, *t);
			continue;
		}
		for (t++; *t && *t != '}' && n < sizeof(name) - 1; t++)
			name[n++] = *t;
		name[n] = 0;
		value = err_arg(e, name);
		if (value && *value) {
			add_shown(out, value, lang);
			if (*value == '@' && *t && t[1] == ' ' && is_hanzi(t + 2) && ends_hanzi(out, 0))
				t++;
		} else if (clause && !out->failed && clause < out->len && (out->data[clause] == ';' || str_starts(out->data + clause, wide))) {
			out->len = clause;
			out->data[clause] = 0;
			return;
		}
		if (!*t)
			break;
	}
	while (!out->failed && out->len && (out->data[out->len - 1] == ' ' || out->data[out->len - 1] == ':'))
		out->data[--out->len] = 0;      /* "there is no point " ends without its blank */
}

const char *err_log_text(const struct err *e)
{
	struct buf b = BUF_FIXED(log_text);

	log_text[0] = 0;
	buf_add(&b, e->context);
	err_text(e, LANG_EN, &b);
	return log_text;
}

const char *err_code(int kind)
{
	return row_of(kind)->code;
}

const char *err_title(int kind, enum lang lang)
{
	return titles[row_of(kind) - rows][lang];
}

const char *err_sentence(int kind, enum lang lang)
{
	return row_of(kind)->text[lang];
}

int err_http(int kind)
{
	return row_of(kind)->http;
}

int err_exit(int kind)
{
	return row_of(kind)->exit;
}

void errs_add(struct errs *list, int r)
{
	struct err e = err_take(r);

	if (!list)
		return;
	list->total++;
	if (list->n >= ERRS_MAX)
		return;
	if (!list->item)
		list->item = arena_array(list->arena, struct err *, ERRS_MAX);
	if (list->item && (list->item[list->n] = arena_dup(list->arena, &e, sizeof(e))))
		list->n++;
}
