/* rec_openapi.c - a type as a schema of OpenAPI 3.1, that is JSON Schema 2020-12. What rec_to_json() writes fits it. */
#include "base/num.h"
#include "rec/rec_int.h"

static void schema_of(const struct rec_type *t, const struct rec_field *f, struct json *out);
static void object_of(const struct rec_type *t, bool nullable, struct json *out);

static void types(const struct rec_field *f, const char *one, const char *other, struct json *out)
{
	json_key(out, "type");
	if (!other && !(f->flags & REC_NULLABLE)) {
		json_str(out, one);
		return;
	}
	json_array(out);
	json_str(out, one);
	if (other)
		json_str(out, other);
	if (f->flags & REC_NULLABLE)
		json_str(out, "null");
	json_end(out);
}

/* A bound or default as a JSON number, if its text is one. */
static void number(const char *key, const char *text, struct json *out)
{
	double v;

	if (!text || num_parse_f64(text, text + str_len(text), &v) != str_len(text))
		return;
	json_key(out, key);
	json_raw(out, text);
}

static void bounds(const struct rec_field *f, const char *min, const char *max, struct json *out)
{
	number(min, f->min, out);
	number(max, f->max, out);
}

static void whole(const struct rec_field *f, struct json *out)
{
	bool is_wide = f->kind == REC_I64 || f->kind == REC_U64;

	types(f, "integer", is_wide ? "string" : NULL, out);    /* beyond 2^53: a text */
	json_kv_str(out, "format", rec_kind_name(f->kind)[0] == 'u' ? is_wide ? "uint64" : "uint32" : is_wide ? "int64" : "int32");
	number("minimum", f->min ?: f->kind == REC_I32 ? f->min ?: "-2147483648" : f->kind == REC_U32 || f->kind == REC_U64 ? "0" : NULL, out);
	number("maximum", f->max ?: f->kind == REC_I32 ? "2147483647" : f->kind == REC_U32 ? "4294967295" : NULL, out);
}

static void words(const struct rec_field *f, bool nullable, struct json *out)
{
	json_key(out, "enum");
	json_array(out);
	for (const struct rec_word *w = f->words; w && w->word; w++)
		json_str(out, w->word);
	if (nullable)
		json_null(out);
	json_end(out);
}

/* Our patterns are a small part of ECMA 262's: only what is plain here and special there needs a backslash. */
static void pattern(const char *p, struct json *out)
{
	char room[512] = "^";
	struct buf b = { .data = room, .len = 1, .room = sizeof(room), .max = sizeof(room) };
	bool in_class = false;

	for (; *p; p++) {
		if (*p == '[' && !in_class)
			in_class = true;
		else if (*p == ']' && in_class)
			in_class = false;
		else if (!in_class && (*p == '(' || *p == ')' || *p == '{' || *p == '}' || *p == '|' || *p == '^' || *p == '$' || *p == '/'))
			buf_addc(&b, '\\');
		else if (*p == '\\' && (in_class || !p[1]))
			buf_addc(&b, '\\');
		buf_addc(&b, *p);
	}
	buf_addc(&b, '$');
	if (!b.failed)
		json_kv_str(out, "pattern", room);
}

static void text_of(const struct rec_field *f, struct json *out)
{
	char most[NUM_TEXT_MAX];

	types(f, "string", NULL, out);
	bounds(f, "minLength", "maxLength", out);
	if (!f->max) {
		num_format_u64(most, f->kind == REC_STR ? REC_STR_MAX : REC_TEXT_MAX);
		number("maxLength", most, out);
	}
	if (f->pattern)
		pattern(f->pattern, out);
}

static void dec_of(const struct rec_field *f, struct json *out)
{
	char text[64] = "";
	struct buf b = BUF_FIXED(text);

	types(f, "string", "number", out);
	if (f->scale)
		buf_addf(&b, "^-?[0-9]+(\\.[0-9]{1,%u})?$", f->scale);
	else
		buf_add(&b, "^-?[0-9]+$");
	json_kv_str(out, "pattern", text);
	bounds(f, "minimum", "maximum", out);
}

static void list_of(const struct rec_field *f, struct json *out)
{
	struct rec_field item = rec_item(f);
	char most[NUM_TEXT_MAX];

	types(f, "array", NULL, out);
	json_key(out, "items");
	json_object(out);
	item.label = item.doc = item.unit = NULL;
	schema_of(NULL, &item, out);
	json_end(out);
	bounds(f, "minItems", "maxItems", out);
	if (!f->max) {
		num_format_u64(most, REC_ENTRIES_MAX);
		number("maxItems", most, out);
	}
}

static void variant_of(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	const struct rec_field *by = t && f->sibling ? rec_field(t, f->sibling) : NULL;

	types(f, "object", NULL, out);
	if (f->sibling)
		json_kv_str(out, "x-by", f->sibling);
	if (!by || !(f->variants || by->words))
		return;
	json_key(out, "x-variants");
	json_object(out);
	for (const struct rec_variant *v = f->variants; v && v->word; v++) {
		json_key(out, v->word);
		json_object(out);
		object_of(v->type, false, out);
		json_end(out);
	}
	for (const struct rec_word *w = f->variants || !f->variant ? NULL : by->words; w && w->word; w++) {
		const struct rec_type *of = f->variant(w->word);

		if (!of)
			continue;
		json_key(out, w->word);
		json_object(out);
		object_of(of, false, out);
		json_end(out);
	}
	json_end(out);
}

static void id_of(const struct rec_field *f, struct json *out)
{
	types(f, "string", NULL, out);
	json_kv_str(out, "format", "uuid");
	if (f->ref)
		json_kv_str(out, "x-ref", f->ref);
}

static void flags_of(const struct rec_field *f, struct json *out)
{
	types(f, "array", NULL, out);
	json_key(out, "items");
	json_object(out);
	json_kv_str(out, "type", "string");
	words(f, false, out);
	json_end(out);
}

static void kind_of(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	switch (f->kind) {
	case REC_BOOL: types(f, "boolean", NULL, out); break;
	case REC_I32: case REC_U32: case REC_I64: case REC_U64: whole(f, out); break;
	case REC_F64: types(f, "number", NULL, out); json_kv_str(out, "format", "double"); bounds(f, "minimum", "maximum", out); break;
	case REC_DEC: dec_of(f, out); break;
	case REC_TIME: types(f, "string", NULL, out); json_kv_str(out, "format", "date-time"); break;
	case REC_DATE: types(f, "string", NULL, out); json_kv_str(out, "format", "date"); break;
	case REC_DURATION:
		types(f, "string", NULL, out);
		json_kv_str(out, "pattern", "^-?([0-9]+(\\.[0-9]+)?(d|h|ms|us|ns|m|s))+$");
		break;
	case REC_ENUM: types(f, "string", NULL, out); words(f, f->flags & REC_NULLABLE, out); break;
	case REC_FLAGS: flags_of(f, out); break;
	case REC_STR: case REC_TEXT: text_of(f, out); break;
	case REC_BYTES: types(f, "string", NULL, out); json_kv_str(out, "contentEncoding", "base64"); break;
	case REC_UUID: case REC_REF: id_of(f, out); break;
	case REC_LIST: list_of(f, out); break;
	case REC_REC: object_of(f->type, f->flags & REC_NULLABLE, out); break;
	case REC_MAP:
		types(f, "object", NULL, out);
		json_key(out, "additionalProperties");
		json_object(out);
		json_kv_str(out, "type", "string");
		json_end(out);
		break;
	case REC_VARIANT: variant_of(t, f, out); break;
	case REC_JSON: break;
	}
}

static void default_of(const struct rec_field *f, struct json *out)
{
	uint64_t v = 0;

	if (!f->def)
		return;
	json_key(out, "default");
	switch (f->kind) {
	case REC_LIST: case REC_REC: case REC_MAP: case REC_VARIANT: case REC_JSON:
		json_raw(out, f->def);
		return;
	case REC_BOOL: case REC_I32: case REC_U32: case REC_I64: case REC_U64: case REC_F64: case REC_FLAGS:
		rec_parse(f, &v, f->def, str_len(f->def), NULL);
		rec_value_to_json(NULL, NULL, f, &v, 0, out);
		return;
	default: json_str(out, f->def);
	}
}

static void schema_of(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	kind_of(t, f, out);
	if (f->label)
		json_kv_str(out, f->kind == REC_REC ? "x-title" : "title", f->label);
	if (f->doc)
		json_kv_str(out, f->kind == REC_REC ? "x-description" : "description", f->doc);
	if (f->unit)
		json_kv_str(out, "x-unit", f->unit);
	if (f->since)
		json_kv_str(out, "x-since", f->since);
	if (f->flags & REC_READONLY)
		json_kv_bool(out, "readOnly", true);
	if (f->flags & REC_SECRET)
		json_kv_bool(out, "writeOnly", true);
	default_of(f, out);
}

static void property(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	json_key(out, f->name);
	json_object(out);
	schema_of(t, f, out);
	json_end(out);
}

static void object_of(const struct rec_type *t, bool nullable, struct json *out)
{
	struct rec_field whole_record = { .flags = nullable ? REC_NULLABLE : 0 };

	types(&whole_record, "object", NULL, out);
	if (t->title)
		json_kv_str(out, "title", t->title);
	if (t->doc)
		json_kv_str(out, "description", t->doc);
	json_key(out, "properties");
	json_object(out);
	for (const struct rec_field *h = rec_head_fields; t->has_head && h < rec_head_fields + REC_HEAD_FIELDS; h++) {
		struct rec_field f = *h;

		if (f.kind == REC_UUID && h > rec_head_fields)
			f.flags |= REC_NULLABLE;
		property(t, &f, out);
	}
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (!(f->flags & REC_INTERNAL)) {
			struct rec_field said = *f;

			if (!(f->flags & (REC_REQUIRED | REC_READONLY)))
				said.flags |= REC_NULLABLE;     /* null in a request: as if it were absent */
			property(t, &said, out);
		}
	json_end(out);
	json_key(out, "required");
	json_array(out);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (f->flags & REC_REQUIRED && !(f->flags & (REC_INTERNAL | REC_SECRET)) && !f->def)
			json_str(out, f->name);
	json_end(out);
	json_kv_bool(out, "additionalProperties", false);
}

void rec_openapi(const struct rec_type *t, struct json *out)
{
	json_object(out);
	object_of(t, false, out);
	json_end(out);
}
