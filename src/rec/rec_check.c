/* rec_check.c - the rules of a field, held against its value. */
#include "base/num.h"
#include "rec/rec_int.h"

void rec_bad_add(struct rec_bad *b, int r, const struct rec_path *at)
{
	if (r >= 0)
		return;
	for (; at; at = at->up)
		r = at->key ? err_at(r, at->key) : err_at_index(r, at->index);
	if (!b->n++)
		b->first = *err_peek();
	if (b->all)
		errs_add(b->all, r);
}

int rec_bad_end(struct rec_bad *b)
{
	if (!b->n)
		return 0;
	err_put(&b->first);
	return -b->first.kind;
}

#define CMP(type, a, b) ({ type x_ = *(const type *) (a), y_ = *(const type *) (b); x_ < y_ ? -1 : x_ > y_; })

int rec_cmp(enum rec_kind k, const void *a, const void *b)
{
	switch (k) {
	case REC_I32: case REC_DATE: return CMP(int32_t, a, b);
	case REC_U32: return CMP(uint32_t, a, b);
	case REC_U64: return CMP(uint64_t, a, b);
	case REC_F64: return CMP(double, a, b);
	case REC_I64: case REC_DEC: case REC_TIME: case REC_DURATION: return CMP(int64_t, a, b);
	default: return 0;
	}
}

static bool is_ordered(enum rec_kind k)
{
	return (k >= REC_I32 && k <= REC_DURATION);
}

/* min and max of a number, a time: text, read by the kind. rec_type_check() has seen that they can be read. */
static int check_range(const struct rec_field *f, const void *v)
{
	uint64_t bound = 0;
	char text[64] = "";
	struct buf b = BUF_FIXED(text);

	if (f->kind == REC_F64 && !(*(const double *) v - *(const double *) v == 0))
		goto bad;
	if (f->min && rec_parse(f, &bound, f->min, str_len(f->min), NULL) == 0 && rec_cmp(f->kind, v, &bound) < 0)
		goto bad;
	if (f->max && rec_parse(f, &bound, f->max, str_len(f->max), NULL) == 0 && rec_cmp(f->kind, v, &bound) > 0)
		goto bad;
	return 0;
bad:
	rec_format(f, v, &b);
	return rec_out_of_range(f, text, str_len(text));
}

/* How many there may be: of characters, bytes, entries. */
static int check_count(const struct rec_field *f, size_t n, size_t most, enum err_kind kind)
{
	char min_text[NUM_TEXT_MAX], max_text[NUM_TEXT_MAX], value[NUM_TEXT_MAX];
	uint64_t min = 0, max = most;

	if (f->min)
		num_parse_u64(f->min, f->min + str_len(f->min), &min);
	if (f->max)
		num_parse_u64(f->max, f->max + str_len(f->max), &max);
	if (n >= min && n <= max)
		return 0;
	num_format_u64(min_text, min);
	num_format_u64(max_text, max);
	num_format_u64(value, n);
	return err_fail(kind, "field", f->name, "min", min_text, "max", max_text, "value", value, NULL);
}

int rec_check_entries(const struct rec_field *f, size_t n)
{
	return check_count(f, n, f->kind == REC_LIST ? REC_ENTRIES_MAX : REC_PAIRS_MAX, ERR_COUNT);
}

static bool is_control(char c, bool lines)
{
	return (unsigned char) c < 0x20 ? !lines || (c != '\n' && c != '\r' && c != '\t') : c == 0x7f;
}

static int check_text(const struct rec_field *f, const char *text)
{
	size_t len = str_len(text), n = utf8_count(text, len);
	char room[REC_SHORT];
	int r;

	r = check_count(f, n, f->kind == REC_STR ? REC_STR_MAX : REC_TEXT_MAX, ERR_LENGTH);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		if (is_control(text[i], f->kind == REC_TEXT))
			return rec_rule(f, f->kind == REC_TEXT ? "@no_control" : "@one_line", text, i);
	if (f->pattern && !str_matches(text, f->pattern))
		return err_fail(ERR_PATTERN, "field", f->name, "pattern", f->pattern, "value", rec_short(f, text, len, room), NULL);
	return 0;
}

static int check_word(const struct rec_field *f, int32_t index)
{
	char text[NUM_TEXT_MAX];

	if (rec_word(f, index))
		return 0;
	return rec_not_a_word(f, text, num_format_i64(text, index));
}

static int check_flags(const struct rec_field *f, uint32_t set)
{
	for (int32_t i = 0; i < 32; i++)
		if (set >> i & 1 && check_word(f, i) < 0)
			return -ERR_NOT_A_WORD;
	return 0;
}

static void check_list(const struct rec_field *f, const struct rec_list *list, const struct rec_path *at, struct rec_bad *bad)
{
	struct rec_field item = rec_item(f);

	rec_bad_add(bad, rec_check_entries(f, list->n), at);
	for (uint32_t i = 0; i < list->n; i++) {
		struct rec_path here = { .up = at, .index = i };

		rec_check_value(NULL, NULL, &item, (const char *) list->items + (size_t) i * item.size, &here, bad);
	}
}

static void check_map(const struct rec_field *f, const struct rec_map *map, const struct rec_path *at, struct rec_bad *bad)
{
	struct rec_field item = *f;

	item.kind = REC_TEXT;
	item.min = item.max = NULL;
	rec_bad_add(bad, rec_check_entries(f, map->n), at);
	for (uint32_t i = 0; i < map->n; i++) {
		struct rec_path here = { .up = at, .key = map->items[i].key };

		rec_bad_add(bad, check_text(&item, map->items[i].value), &here);
	}
}

static void check_record(const struct rec_type *t, const void *rec, const struct rec_path *at, struct rec_bad *bad)
{
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		struct rec_path here = { .up = at, .key = f->name };

		if (rec_has(t, rec, f))
			rec_check_value(t, rec, f, rec_at(rec, f), &here, bad);
		else if ((f->flags & (REC_REQUIRED | REC_NULLABLE)) == REC_REQUIRED)
			rec_bad_add(bad, err_fail(ERR_REQUIRED, "field", f->name, NULL), &here);
	}
}

static void check_variant(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *v, const struct rec_path *at,
	struct rec_bad *bad)
{
	const struct rec_type *of = t ? rec_variant(t, rec, f) : NULL;

	if (of)
		check_record(of, v, at, bad);
	else
		rec_bad_add(bad, rec_rule(f, "@left_out", "{}", 2), at);
}

void rec_check_value(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *v, const struct rec_path *at,
	struct rec_bad *bad)
{
	int r = 0;

	if (is_ordered(f->kind))
		r = f->min || f->max || f->kind == REC_F64 ? check_range(f, v) : 0;
	else
		switch (f->kind) {
		case REC_STR: case REC_TEXT: r = check_text(f, *(const char *const *) v); break;
		case REC_JSON: r = check_count(f, str_len(*(const char *const *) v), REC_JSON_MAX, ERR_SIZE); break;
		case REC_BYTES: r = check_count(f, ((const struct rec_bytes *) v)->len, REC_BYTES_MAX, ERR_SIZE); break;
		case REC_ENUM: r = check_word(f, *(const int32_t *) v); break;
		case REC_FLAGS: r = check_flags(f, *(const uint32_t *) v); break;
		case REC_LIST: check_list(f, v, at, bad); return;
		case REC_MAP: check_map(f, v, at, bad); return;
		case REC_REC: check_record(f->type, v, at, bad); return;
		case REC_VARIANT: check_variant(t, rec, f, *(void *const *) v, at, bad); return;
		}
	rec_bad_add(bad, r, at);
}

int rec_check(const struct rec_type *t, const void *rec, struct errs *errs)
{
	struct rec_bad bad = { .all = errs };

	check_record(t, rec, NULL, &bad);
	return rec_bad_end(&bad);
}
