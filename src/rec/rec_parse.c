/* rec_parse.c - one value from text, and the failures that say what is wrong with it. */
#include "base/num.h"
#include "base/when.h"
#include "rec/b64.h"
#include "rec/rec_int.h"

/* --- sentences ------------------------------------------------------------------------------------------------------------ */

const char *rec_short(const struct rec_field *f, const char *text, size_t len, char out[REC_SHORT])
{
	size_t n = utf8_valid_prefix(text, MIN(len, (size_t) (REC_SHORT - 8)));

	if (f->flags & REC_SECRET) {
		memcpy(out, "***", 4);
		return out;
	}
	memcpy(out, text, n);
	out[n] = 0;
	if (n < len)
		memcpy(out + n, "...", 4);
	return out;
}

int rec_no_memory(const struct rec_field *f)
{
	return err_fail(ERR_NO_MEMORY, "what", f->name, NULL);
}

int rec_wrong(const struct rec_field *f, const char *want, const char *text, size_t len)
{
	char room[REC_SHORT];

	return err_fail(ERR_WRONG_TYPE, "field", f->name, "want", want, "value", rec_short(f, text, len, room), NULL);
}

int rec_rule(const struct rec_field *f, const char *rule, const char *text, size_t len)
{
	char room[REC_SHORT];

	return err_fail(ERR_INVALID, "field", f->name, "rule", rule, "value", rec_short(f, text, len, room), NULL);
}

/* The bounds a value of this kind has when its field says none. */
static const char *type_bound(const struct rec_field *f, bool low)
{
	switch (f->kind) {
	case REC_I32: return low ? "-2147483648" : "2147483647";
	case REC_U32: return low ? "0" : "4294967295";
	case REC_U64: return low ? "0" : "18446744073709551615";
	case REC_I64: return low ? "-9223372036854775808" : "9223372036854775807";
	case REC_F64: return low ? "-1.8e308" : "1.8e308";
	}
	return NULL;
}

static void format_dec(const struct rec_field *f, int64_t v, struct buf *out)
{
	char digits[NUM_TEXT_MAX + 24];
	uint64_t n = v < 0 ? 0 - (uint64_t) v : (uint64_t) v;
	size_t len = num_format_u64(digits, n), scale = f->scale;

	if (v < 0)
		buf_addc(out, '-');
	if (len <= scale) {                             /* at least one digit before the point */
		size_t zeros = scale + 1 - len;

		memmove(digits + zeros, digits, len + 1);
		memset(digits, '0', zeros);
		len += zeros;
	}
	buf_addn(out, digits, len - scale);
	if (scale) {
		buf_addc(out, '.');
		buf_addn(out, digits + len - scale, scale);
	}
}

int rec_out_of_range(const struct rec_field *f, const char *text, size_t len)
{
	const char *min = f->min ? f->min : type_bound(f, true), *max = f->max ? f->max : type_bound(f, false);
	char room[REC_SHORT], low[48] = "", high[48] = "";
	struct buf low_buf = BUF_FIXED(low), high_buf = BUF_FIXED(high);

	rec_short(f, text, len, room);
	if (f->kind == REC_DEC && !min && !max) {
		format_dec(f, INT64_MIN, &low_buf);
		format_dec(f, INT64_MAX, &high_buf);
		min = low;
		max = high;
	}
	if (min && max)
		return err_fail(ERR_OUT_OF_RANGE, "field", f->name, "min", min, "max", max, "value", room, NULL);
	if (min)
		return err_fail(ERR_TOO_SMALL, "field", f->name, "min", min, "value", room, NULL);
	return err_fail(ERR_TOO_BIG, "field", f->name, "max", max ? max : "", "value", room, NULL);
}

int rec_not_a_word(const struct rec_field *f, const char *text, size_t len)
{
	char words[256] = "", room[REC_SHORT];
	struct buf b = BUF_FIXED(words);

	for (const struct rec_word *w = f->words; w && w->word; w++) {
		if (b.len + str_len(w->word) + 8 > sizeof(words)) {
			buf_add(&b, ", ...");
			break;
		}
		buf_addf(&b, "%s%s", w > f->words ? ", " : "", w->word);
	}
	return err_fail(ERR_NOT_A_WORD, "field", f->name, "words", words, "value", rec_short(f, text, len, room), NULL);
}

/* --- numbers -------------------------------------------------------------------------------------------------------------- */

static bool is_number(const char *text, size_t len)
{
	double v;

	return len && num_parse_f64(text, text + len, &v) == len;
}

static int wrong_number(const struct rec_field *f, const char *text, size_t len)
{
	const char *dot = text;

	while (dot < text + len && *dot != '.' && *dot != 'e' && *dot != 'E')
		dot++;
	if (is_number(text, len) && dot == text + len)
		return rec_out_of_range(f, text, len);
	return rec_wrong(f, "@whole_number", text, len);
}

static int parse_signed(const struct rec_field *f, void *v, const char *text, size_t len)
{
	int64_t n;

	if (num_parse_i64(text, text + len, &n) != len || !len || (f->kind == REC_I32 && (n < INT32_MIN || n > INT32_MAX)))
		return wrong_number(f, text, len);
	if (f->kind == REC_I32)
		*(int32_t *) v = (int32_t) n;
	else
		*(int64_t *) v = n;
	return 0;
}

static int parse_unsigned(const struct rec_field *f, void *v, const char *text, size_t len)
{
	uint64_t n;

	if (num_parse_u64(text, text + len, &n) != len || !len || (f->kind == REC_U32 && n > UINT32_MAX))
		return wrong_number(f, text, len);
	if (f->kind == REC_U32)
		*(uint32_t *) v = (uint32_t) n;
	else
		*(uint64_t *) v = n;
	return 0;
}

static int parse_f64(const struct rec_field *f, double *v, const char *text, size_t len)
{
	double d;

	if (!len || num_parse_f64(text, text + len, &d) != len)
		return rec_wrong(f, "@number", text, len);
	if (!(d - d == 0))
		return rec_out_of_range(f, text, len);
	*v = d;
	return 0;
}

/* [-]digits[.digits], at most `scale` of them that are not trailing zeros: value × 10^scale. */
static int parse_dec(const struct rec_field *f, int64_t *v, const char *text, size_t len)
{
	const char *p = text, *end = text + len;
	bool minus = p < end && *p == '-', big = false, digits = false;
	int64_t n = 0;
	unsigned scale = 0;

	p += minus;
	for (bool after = false; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !after)); p++) {
		if (*p == '.') {
			after = true;
			continue;
		}
		digits = true;
		if (after && scale == f->scale) {
			if (*p != '0')
				return rec_rule(f, "@too_many_decimals", text, len);
			continue;
		}
		scale += after;
		big |= __builtin_mul_overflow(n, 10, &n) || __builtin_sub_overflow(n, *p - '0', &n);
	}
	if (p < end || !digits)
		return rec_wrong(f, "@number", text, len);
	for (; scale < f->scale; scale++)
		big |= __builtin_mul_overflow(n, 10, &n);
	if (big || (!minus && n == INT64_MIN))          /* counted downwards, where there is one more */
		return rec_out_of_range(f, text, len);
	*v = minus ? n : -n;
	return 0;
}

/* --- words, texts, bytes -------------------------------------------------------------------------------------------------- */

static int parse_bool(const struct rec_field *f, bool *v, const char *text, size_t len)
{
	static const struct { const char *word; bool value; } words[] = {
		{ "true", true }, { "false", false }, { "1", true }, { "0", false }, { "yes", true }, { "no", false },
		{ "on", true }, { "off", false }, { "是", true }, { "否", false },
	};

	for (size_t i = 0; i < ELEMENTSOF(words); i++)
		if (str_len(words[i].word) == len && memcmp(words[i].word, text, len) == 0) {
			*v = words[i].value;
			return 0;
		}
	return rec_wrong(f, "@boolean", text, len);
}

static int parse_enum(const struct rec_field *f, int32_t *v, const char *text, size_t len)
{
	int32_t i = rec_word_index(f, text, len);

	if (i < 0)
		return rec_not_a_word(f, text, len);
	*v = i;
	return 0;
}

static int parse_flags(const struct rec_field *f, uint32_t *v, const char *text, size_t len)
{
	uint32_t set = 0;

	for (size_t at = 0, n; at < len; at += n + 1) {
		int32_t i;

		for (n = 0; at + n < len && text[at + n] != ','; n++)
			;
		i = rec_word_index(f, text + at, n);
		if (i < 0 || i > 31)
			return rec_not_a_word(f, text + at, n);
		set |= UINT32_C(1) << i;
	}
	*v = set;
	return 0;
}

static int parse_text(const struct rec_field *f, const char **v, const char *text, size_t len, struct arena *a)
{
	size_t good = utf8_valid_prefix(text, len);
	char at[NUM_TEXT_MAX], *copy;

	if (good < len) {
		num_format_u64(at, good);
		return err_fail(ERR_BAD_UTF8, "what", f->name, "value", at, NULL);
	}
	for (size_t i = 0; i < len; i++)
		if (!text[i])
			return rec_rule(f, "@no_nul", text, i);
	copy = arena_strn(a, text, len);
	if (!copy)
		return rec_no_memory(f);
	*v = copy;
	return 0;
}

static int parse_bytes(const struct rec_field *f, struct rec_bytes *v, const char *text, size_t len, struct arena *a)
{
	size_t n = b64_size(len);
	void *to = arena_alloc(a, n + 1);

	if (!to)
		return rec_no_memory(f);
	if (!b64_decode(text, len, to, &n))
		return rec_wrong(f, "@base64", text, len);
	*v = (struct rec_bytes) { to, n };
	return 0;
}

static int parse_when(const struct rec_field *f, void *v, const char *text, size_t len)
{
	static const char *const want[] = { [REC_TIME] = "@time", [REC_DATE] = "@date", [REC_DURATION] = "@duration" };
	int64_t ns;
	int32_t days;

	switch (f->kind) {
	case REC_TIME:
		if (!when_parse(text, len, &ns))
			break;
		*(int64_t *) v = ns;
		return 0;
	case REC_DURATION:
		if (!when_parse_duration(text, len, &ns))
			break;
		*(int64_t *) v = ns;
		return 0;
	case REC_DATE:
		if (!when_parse_date(text, len, &days))
			break;
		*(int32_t *) v = days;
		return 0;
	}
	return rec_wrong(f, want[f->kind], text, len);
}

int rec_parse(const struct rec_field *f, void *v, const char *text, size_t len, struct arena *a)
{
	struct uuid id;

	switch (f->kind) {
	case REC_BOOL: return parse_bool(f, v, text, len);
	case REC_I32: case REC_I64: return parse_signed(f, v, text, len);
	case REC_U32: case REC_U64: return parse_unsigned(f, v, text, len);
	case REC_F64: return parse_f64(f, v, text, len);
	case REC_DEC: return parse_dec(f, v, text, len);
	case REC_TIME: case REC_DATE: case REC_DURATION: return parse_when(f, v, text, len);
	case REC_ENUM: return parse_enum(f, v, text, len);
	case REC_FLAGS: return parse_flags(f, v, text, len);
	case REC_STR: case REC_TEXT: return parse_text(f, v, text, len, a);
	case REC_BYTES: return parse_bytes(f, v, text, len, a);
	case REC_UUID: case REC_REF:
		if (!uuid_parse(text, len, &id))
			return rec_wrong(f, "@uuid", text, len);
		*(struct uuid *) v = id;
		return 0;
	}
	return err_failf(ERR_BROKEN, "%s: kind %u is not one value", f->name, f->kind);
}

void rec_format(const struct rec_field *f, const void *v, struct buf *out)
{
	char text[64];
	_Static_assert(sizeof(text) >= WHEN_TEXT_MAX && sizeof(text) > UUID_TEXT && sizeof(text) >= NUM_TEXT_MAX, "room");
	const struct rec_bytes *bytes = v;
	const char *sep = "";

	switch (f->kind) {
	case REC_BOOL: buf_add(out, *(const bool *) v ? "true" : "false"); return;
	case REC_I32: buf_addf(out, "%d", *(const int32_t *) v); return;
	case REC_U32: buf_addf(out, "%u", *(const uint32_t *) v); return;
	case REC_I64: buf_addf(out, "%lld", (long long) *(const int64_t *) v); return;
	case REC_U64: buf_addf(out, "%llu", (unsigned long long) *(const uint64_t *) v); return;
	case REC_F64: buf_addn(out, text, num_format_f64(text, *(const double *) v)); return;
	case REC_DEC: format_dec(f, *(const int64_t *) v, out); return;
	case REC_TIME: buf_addn(out, text, when_format(text, *(const int64_t *) v)); return;
	case REC_DATE: buf_addn(out, text, when_format_date(text, *(const int32_t *) v)); return;
	case REC_DURATION: buf_addn(out, text, when_format_duration(text, *(const int64_t *) v)); return;
	case REC_ENUM: buf_add(out, rec_word(f, *(const int32_t *) v) ?: "?"); return;
	case REC_FLAGS:
		for (int32_t i = 0; i < 32; i++)
			if (*(const uint32_t *) v >> i & 1) {
				buf_addf(out, "%s%s", sep, rec_word(f, i) ?: "?");
				sep = ",";
			}
		return;
	case REC_STR: case REC_TEXT: case REC_JSON: buf_add(out, *(const char *const *) v ?: ""); return;
	case REC_BYTES: b64_encode(bytes->data, bytes->len, out); return;
	case REC_UUID: case REC_REF:
		uuid_format(v, text);
		buf_addn(out, text, UUID_TEXT);
		return;
	}
}
