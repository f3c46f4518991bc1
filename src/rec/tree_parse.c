/*
 * tree_parse.c - JSON text into a tree, by jansson, the only place that knows it. base/json.h stays out of here: both libraries
 * have a json_object(), and ours is linked.
 *
 * The text is looked over first: bad UTF-8 gets its byte, and nesting is bounded before the parser (which recurses) sees it.
 * jansson refuses integers beyond 64 bits; then, and only then, it is asked again to read all numbers as doubles.
 */
#include "rec/tree.h"

#include <jansson.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"

enum { TREE_DEPTH_MAX = 30 };           /* what base/json.h can write with room for a level around it */

static json_t *value_free(json_t *v) { json_decref(v); return NULL; }
DEFINE_CLEANUP(json_t *, value_free)

static int syntax(const char *what, unsigned line, unsigned column, const char *detail)
{
	char l[NUM_TEXT_MAX], c[NUM_TEXT_MAX];

	num_format_u64(l, line);
	num_format_u64(c, column);
	return err_fail(ERR_SYNTAX, "what", what, "line", l, "column", c, "detail", detail, NULL);
}

static int look_over(const char *text, size_t len, const char *what)
{
	size_t good = utf8_valid_prefix(text, len);
	unsigned depth = 0, line = 1;
	size_t line_at = 0;
	bool in_text = false;
	char at[NUM_TEXT_MAX];

	if (good < len) {
		num_format_u64(at, good);
		return err_fail(ERR_BAD_UTF8, "what", what, "value", at, NULL);
	}
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_text) {
			if (c == '\\')
				i++;
			else
				in_text = c != '"';
		} else if (c == '"') {
			in_text = true;
		} else if (c == '{' || c == '[') {
			if (++depth > TREE_DEPTH_MAX)
				return syntax(what, line, (unsigned) (i - line_at + 1), "nested too deep");
		} else if (c == '}' || c == ']') {
			depth -= depth > 0;
		} else if (c == '\n') {
			line++;
			line_at = i + 1;
		}
	}
	return 0;
}

static int load(const char *text, size_t len, const char *what, json_t **ret)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
	json_error_t e;
	json_t *v = json_loadb(text, len, flags, &e);

	if (!v && json_error_code(&e) == json_error_numeric_overflow)
		v = json_loadb(text, len, flags | JSON_DECODE_INT_AS_REAL, &e);
	if (v) {
		*ret = v;
		return 0;
	}
	if (json_error_code(&e) == json_error_out_of_memory)
		return err_fail(ERR_NO_MEMORY, "what", what, NULL);
	return syntax(what, e.line > 0 ? (unsigned) e.line : 1, e.column > 0 ? (unsigned) e.column : 1, e.text);
}

static bool convert(json_t *v, struct tree *to, struct arena *a);

static bool convert_members(json_t *v, struct tree *to, struct arena *a)
{
	const char *key;
	json_t *member;
	struct tree *at;

	to->kind = TREE_OBJECT;
	to->n = (uint32_t) json_object_size(v);
	to->items = at = arena_array(a, struct tree, to->n);
	if (!at)
		return false;
	json_object_foreach(v, key, member) {
		at->key = arena_str(a, key);
		if (!at->key || !convert(member, at++, a))
			return false;
	}
	return true;
}

static bool convert_entries(json_t *v, struct tree *to, struct arena *a)
{
	to->kind = TREE_LIST;
	to->n = (uint32_t) json_array_size(v);
	to->items = arena_array(a, struct tree, to->n);
	if (!to->items)
		return false;
	for (size_t i = 0; i < to->n; i++)
		if (!convert(json_array_get(v, i), &to->items[i], a))
			return false;
	return true;
}

static bool convert(json_t *v, struct tree *to, struct arena *a)
{
	switch (json_typeof(v)) {
	case JSON_NULL: to->kind = TREE_NULL; return true;
	case JSON_TRUE: case JSON_FALSE: to->kind = TREE_BOOL; to->b = json_is_true(v); return true;
	case JSON_INTEGER: to->kind = TREE_I64; to->i = json_integer_value(v); return true;
	case JSON_REAL: to->kind = TREE_F64; to->f = json_real_value(v); return true;
	case JSON_STRING:
		to->kind = TREE_STR;
		to->n = (uint32_t) json_string_length(v);
		to->s = arena_strn(a, json_string_value(v), to->n);
		return to->s;
	case JSON_ARRAY: return convert_entries(v, to, a);
	case JSON_OBJECT: return convert_members(v, to, a);
	}
	return false;
}

int tree_parse(const char *text, size_t len, const char *what, struct arena *a, struct tree **ret)
{
	_cleanup_(value_freep) json_t *v = NULL;
	struct tree *t;
	int r;

	if (len > UINT32_MAX)
		return err_fail(ERR_TOO_LARGE, "what", what, "max", "4294967295", NULL);
	r = look_over(text, len, what);
	if (r == 0)
		r = load(text, len, what, &v);
	if (r < 0)
		return r;
	t = arena_new(a, struct tree);
	if (!t || !convert(v, t, a))
		return err_fail(ERR_NO_MEMORY, "what", what, NULL);
	*ret = t;
	return 0;
}
