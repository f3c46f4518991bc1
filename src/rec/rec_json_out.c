/* rec_json_out.c - a record as JSON. */
#include "rec/b64.h"
#include "rec/rec_int.h"

static void write_quoted(const struct rec_field *f, const void *v, struct json *out)
{
	char text[128] = "";
	struct buf b = BUF_FIXED(text);

	rec_format(f, v, &b);
	json_strn(out, b.data, b.len);
}

static void write_flags(const struct rec_field *f, uint32_t set, struct json *out)
{
	json_array(out);
	for (int32_t i = 0; i < 32; i++)
		if (set >> i & 1)
			json_str(out, rec_word(f, i) ?: "?");
	json_end(out);
}

static void write_bytes(const struct rec_bytes *bytes, struct json *out)
{
	char text[1024];
	size_t len = bytes->len;
	struct buf b = BUF_FIXED(text);

	if (len <= sizeof(text) / 4 * 3 - 3) {
		b64_encode(bytes->data, len, &b);
		json_strn(out, b.data, b.len);
		return;
	}
	json_raw(out, "\"");                    /* long ones go straight to where the JSON goes: no letter of base64 needs an escape */
	b64_encode(bytes->data, len, out->out);
	buf_addc(out->out, '"');
}

static void write_list(const struct rec_field *f, const struct rec_list *list, unsigned show, struct json *out)
{
	struct rec_field item = rec_item(f);

	json_array(out);
	for (uint32_t i = 0; i < list->n; i++)
		rec_value_to_json(NULL, NULL, &item, (const char *) list->items + (size_t) i * item.size, show, out);
	json_end(out);
}

static void write_map(const struct rec_map *map, struct json *out)
{
	json_object(out);
	for (uint32_t i = 0; i < map->n; i++)
		json_kv_str(out, map->items[i].key, map->items[i].value);
	json_end(out);
}

void rec_value_to_json(const struct rec_type *t, const void *rec, const struct rec_field *f, const void *v, unsigned show, struct json *out)
{
	const struct rec_type *variant;

	switch (f->kind) {
	case REC_BOOL: json_bool(out, *(const bool *) v); return;
	case REC_I32: json_i64(out, *(const int32_t *) v); return;
	case REC_U32: json_u64(out, *(const uint32_t *) v); return;
	case REC_I64: json_i64(out, *(const int64_t *) v); return;
	case REC_U64: json_u64(out, *(const uint64_t *) v); return;
	case REC_F64: json_f64(out, *(const double *) v); return;
	case REC_STR: case REC_TEXT: json_str(out, *(const char *const *) v); return;
	case REC_ENUM: json_str(out, rec_word(f, *(const int32_t *) v)); return;
	case REC_FLAGS: write_flags(f, *(const uint32_t *) v, out); return;
	case REC_BYTES: write_bytes(v, out); return;
	case REC_LIST: write_list(f, v, show, out); return;
	case REC_MAP: write_map(v, out); return;
	case REC_REC: rec_to_json(f->type, v, show & ~(unsigned) REC_SHOW_HEAD, NULL, out); return;
	case REC_VARIANT:
		variant = t ? rec_variant(t, rec, f) : NULL;
		if (variant)
			rec_to_json(variant, *(void *const *) v, show & ~(unsigned) REC_SHOW_HEAD, NULL, out);
		else
			json_null(out);
		return;
	case REC_JSON: json_raw(out, *(const char *const *) v ?: "null"); return;
	default: write_quoted(f, v, out); return;
	}
}

void rec_field_json(const struct rec_type *t, const struct rec_field *f, const void *rec, unsigned show, struct json *out)
{
	if (rec_has(t, rec, f))
		rec_value_to_json(t, rec, f, rec_at(rec, f), show, out);
	else
		json_null(out);
}

static bool is_wanted(const char *name, const char *const *only)
{
	for (; *only; only++)
		if (str_eq(*only, name))
			return true;
	return false;
}

static bool is_shown(const struct rec_field *f, unsigned show)
{
	if (f->flags & REC_SECRET)
		return (show & (REC_SHOW_INTERNAL | REC_HIDE_SECRET)) == REC_SHOW_INTERNAL;
	return !(f->flags & REC_INTERNAL) || show & REC_SHOW_INTERNAL;
}

static void write_head(const struct rec_head *head, unsigned show, const char *const *only, struct json *out)
{
	for (const struct rec_field *f = rec_head_fields; f < rec_head_fields + REC_HEAD_FIELDS; f++) {
		const void *v = rec_at(head, f);

		if (only ? !is_wanted(f->name, only) : !(show & REC_SHOW_HEAD))
			continue;
		json_key(out, f->name);
		if (f->kind == REC_UUID && uuid_is_zero(v))
			json_null(out);
		else
			rec_value_to_json(NULL, NULL, f, v, show, out);
	}
}

void rec_to_json(const struct rec_type *t, const void *rec, unsigned show, const char *const *only, struct json *out)
{
	json_object(out);
	if (t->has_head)
		write_head(rec, show, only, out);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		if (!is_shown(f, show) || (only && !is_wanted(f->name, only)))
			continue;
		if (rec_has(t, rec, f)) {
			json_key(out, f->name);
			rec_value_to_json(t, rec, f, rec_at(rec, f), show, out);
		} else if (f->flags & REC_NULLABLE) {
			json_key(out, f->name);
			json_null(out);
		}
	}
	json_end(out);
}
