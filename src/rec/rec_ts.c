/* rec_ts.c - a type as TypeScript. Records inside are written in place, so that one call is one complete interface. */
#include "rec/rec_int.h"

static void members(const struct rec_type *t, unsigned depth, struct buf *out);

static void indent(unsigned depth, struct buf *out)
{
	while (depth--)
		buf_addc(out, '\t');
}

static void words(const struct rec_field *f, struct buf *out)
{
	for (const struct rec_word *w = f->words; w && w->word; w++) {
		buf_add(out, w > f->words ? " | " : "");
		json_escape(out, w->word, str_len(w->word));
	}
}

static void object(const struct rec_type *t, unsigned depth, struct buf *out)
{
	buf_add(out, "{\n");
	members(t, depth + 1, out);
	indent(depth, out);
	buf_addc(out, '}');
}

static void variants(const struct rec_field *f, unsigned depth, struct buf *out)
{
	if (!f->variants || !f->variants[0].word) {
		buf_add(out, "Record<string, unknown>");
		return;
	}
	for (const struct rec_variant *v = f->variants; v->word; v++) {
		buf_add(out, v > f->variants ? " | " : "");
		object(v->type, depth, out);
	}
}

static void type_of(const struct rec_field *f, unsigned depth, struct buf *out)
{
	struct rec_field item;

	switch (f->kind) {
	case REC_BOOL: buf_add(out, "boolean"); return;
	case REC_I32: case REC_U32: case REC_F64: buf_add(out, "number"); return;
	case REC_I64: case REC_U64: buf_add(out, "number | string"); return;
	case REC_ENUM: words(f, out); return;
	case REC_FLAGS:
		buf_add(out, "(");
		words(f, out);
		buf_add(out, ")[]");
		return;
	case REC_LIST:
		item = rec_item(f);
		buf_add(out, "(");
		type_of(&item, depth, out);
		buf_add(out, ")[]");
		return;
	case REC_REC: object(f->type, depth, out); return;
	case REC_MAP: buf_add(out, "Record<string, string>"); return;
	case REC_VARIANT: variants(f, depth, out); return;
	case REC_JSON: buf_add(out, "unknown"); return;
	default: buf_add(out, "string");
	}
}

static void comment(const char *doc, unsigned depth, struct buf *out)
{
	if (!doc)
		return;
	indent(depth, out);
	buf_add(out, "/** ");
	for (; *doc; doc++)
		if (doc[0] == '*' && doc[1] == '/')
			buf_add(out, "* ");
		else
			buf_addc(out, *doc);
	buf_add(out, " */\n");
}

/* Is it in every answer? */
static bool is_always_there(const struct rec_field *f)
{
	if (f->flags & REC_SECRET)
		return false;
	return f->flags & (REC_REQUIRED | REC_NULLABLE) || !rec_is_pointer(f->kind);
}

static void members(const struct rec_type *t, unsigned depth, struct buf *out)
{
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		if (f->flags & REC_INTERNAL)
			continue;
		comment(f->doc ?: f->label, depth, out);
		indent(depth, out);
		buf_addf(out, "%s%s%s: ", f->flags & REC_READONLY ? "readonly " : "", f->name, is_always_there(f) ? "" : "?");
		type_of(f, depth, out);
		buf_add(out, f->flags & REC_NULLABLE ? " | null;\n" : ";\n");
	}
}

static void camel(const char *name, struct buf *out)
{
	bool up = true;

	for (; *name; name++) {
		if (*name == '_' || *name == '-') {
			up = true;
			continue;
		}
		buf_addc(out, up && *name >= 'a' && *name <= 'z' ? (char) (*name - 'a' + 'A') : *name);
		up = false;
	}
}

void rec_typescript(const struct rec_type *t, struct buf *out)
{
	comment(t->doc ?: t->title, 0, out);
	buf_add(out, "export interface ");
	camel(t->name, out);
	buf_add(out, " {\n");
	if (t->has_head)
		for (const struct rec_field *h = rec_head_fields; h < rec_head_fields + REC_HEAD_FIELDS; h++) {
			buf_addf(out, "\treadonly %s: ", h->name);
			type_of(h, 1, out);
			buf_add(out, h->kind == REC_UUID && h > rec_head_fields ? " | null;\n" : ";\n");
		}
	members(t, 1, out);
	buf_add(out, "}\n");
}
