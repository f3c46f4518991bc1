/* rec_form.c - a type as data: what a form, a help page or rec_type_new() needs to know. */
#include "rec/rec_int.h"

static const char *const flag_names[] = { "key", "required", "readonly", "nullable", "unique", "index", "immutable", "secret",
	"internal", "search" };

int rec_flag_by_name(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(flag_names); i++)
		if (str_eq(flag_names[i], name))
			return (int) i;
	return -1;
}

static void write_type(const struct rec_type *t, struct json *out);

static void optional(const char *key, const char *text, struct json *out)
{
	if (text)
		json_kv_str(out, key, text);
}

static void write_words(const struct rec_field *f, struct json *out)
{
	json_key(out, "words");
	json_array(out);
	for (const struct rec_word *w = f->words; w->word; w++) {
		json_object(out);
		json_kv_str(out, "word", w->word);
		optional("label", w->label, out);
		optional("label_zh", w->label_zh, out);
		json_end(out);
	}
	json_end(out);
}

static void write_variant(const char *word, const struct rec_type *t, struct json *out)
{
	if (!t)
		return;
	json_object(out);
	json_kv_str(out, "word", word);
	json_key(out, "type");
	write_type(t, out);
	json_end(out);
}

/* The table, or what the function says to each word of the sibling, if those are known. */
static void write_variants(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	const struct rec_field *by = f->sibling ? rec_field(t, f->sibling) : NULL;

	optional("sibling", f->sibling, out);
	json_key(out, "variants");
	json_array(out);
	for (const struct rec_variant *v = f->variants; v && v->word; v++)
		write_variant(v->word, v->type, out);
	for (const struct rec_word *w = by && f->variant && !f->variants ? by->words : NULL; w && w->word; w++)
		write_variant(w->word, f->variant(w->word), out);
	json_end(out);
}

static void write_field(const struct rec_type *t, const struct rec_field *f, struct json *out)
{
	json_object(out);
	json_kv_str(out, "name", f->name);
	json_kv_str(out, "kind", rec_kind_name(f->kind));
	if (f->kind == REC_LIST)
		json_kv_str(out, "item", rec_kind_name(f->item));
	if (f->scale)
		json_kv_u64(out, "scale", f->scale);
	if (f->flags) {
		json_key(out, "flags");
		json_array(out);
		for (size_t i = 0; i < ELEMENTSOF(flag_names); i++)
			if (f->flags >> i & 1)
				json_str(out, flag_names[i]);
		json_end(out);
	}
	optional("default", f->def, out);
	optional("min", f->min, out);
	optional("max", f->max, out);
	optional("pattern", f->pattern, out);
	if (f->words)
		write_words(f, out);
	if (f->type) {
		json_key(out, "type");
		write_type(f->type, out);
	}
	optional("ref", f->ref, out);
	if (f->kind == REC_VARIANT)
		write_variants(t, f, out);
	optional("unit", f->unit, out);
	optional("label", f->label, out);
	optional("label_zh", f->label_zh, out);
	optional("doc", f->doc, out);
	optional("doc_zh", f->doc_zh, out);
	optional("group", f->group, out);
	optional("widget", f->widget, out);
	optional("since", f->since, out);
	json_end(out);
}

static void write_type(const struct rec_type *t, struct json *out)
{
	json_object(out);
	json_kv_str(out, "name", t->name);
	json_kv_str(out, "plural", t->plural);
	if (t->has_head)
		json_kv_bool(out, "stored", true);
	optional("title", t->title, out);
	optional("title_zh", t->title_zh, out);
	optional("doc", t->doc, out);
	optional("doc_zh", t->doc_zh, out);
	optional("unique", t->unique, out);
	json_key(out, "fields");
	json_array(out);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++)
		if (!(f->flags & REC_INTERNAL))
			write_field(t, f, out);
	json_end(out);
	json_end(out);
}

void rec_form(const struct rec_type *t, struct json *out)
{
	write_type(t, out);
}

/* --- plain text for --help ------------------------------------------------------------------------------------------------ */

static void describe_kind(const struct rec_field *f, bool zh, struct buf *out)
{
	static const struct { const char *en, *zh; } names[] = { [REC_BOOL] = { "true|false", "true|false" }, [REC_I32] = { "whole number", "整数" },
		[REC_U32] = { "whole number", "整数" }, [REC_I64] = { "whole number", "整数" }, [REC_U64] = { "whole number", "整数" }, [REC_F64] = { "number", "数字" },
		[REC_DEC] = { "decimal", "小数" }, [REC_TIME] = { "time", "时间" }, [REC_DATE] = { "date", "日期" }, [REC_DURATION] = { "duration", "时长" },
		[REC_STR] = { "text", "文本" }, [REC_TEXT] = { "lines", "多行文本" }, [REC_BYTES] = { "base64", "base64" }, [REC_UUID] = { "id", "标识符" },
		[REC_REF] = { "id", "标识符" }, [REC_LIST] = { "list", "列表" }, [REC_REC] = { "JSON object", "JSON 对象" }, [REC_MAP] = { "key=value,...", "键=值,..." },
		[REC_VARIANT] = { "JSON object", "JSON 对象" }, [REC_JSON] = { "JSON", "JSON" } };
	bool many = f->kind == REC_FLAGS;

	if (f->words) {
		for (const struct rec_word *w = f->words; w->word; w++)
			buf_addf(out, "%s%s", w > f->words ? many ? "," : "|" : "", w->word);
	} else {
		buf_add(out, (zh ? names[f->kind].zh : names[f->kind].en) ?: "");
	}
	if (f->ref)
		buf_addf(out, zh ? "（%s）" : " of %s", f->ref);
	if (f->min || f->max)
		buf_addf(out, " %s..%s", f->min ?: "", f->max ?: "");
	if (f->unit)
		buf_addf(out, " %s", f->unit);
}

void rec_describe(const struct rec_type *t, enum lang lang, struct buf *out)
{
	bool zh = lang == LANG_ZH;

	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		const char *text = f->doc ?: f->label, *text_zh = f->doc_zh ?: f->label_zh;

		if (f->flags & REC_INTERNAL)
			continue;
		buf_addf(out, "  %-20s ", f->name);
		describe_kind(f, zh, out);
		if (f->flags & REC_REQUIRED)
			buf_add(out, zh ? "，必填" : ", required");
		if (f->flags & REC_READONLY)
			buf_add(out, zh ? "，只读" : ", read only");
		if (f->def)
			buf_addf(out, zh ? "，默认 %s" : ", default %s", f->def);
		buf_addc(out, '\n');
		if (zh && text_zh)
			text = text_zh;
		if (text)
			buf_addf(out, "  %-20s %s\n", "", text);
	}
}
