/* tree.c - looking into a tree, and writing it. */
#include "rec/tree.h"

#include "base/json.h"
#include "base/num.h"
#include "base/str.h"

const struct tree *tree_find(const struct tree *object, const char *key)
{
	if (object && object->kind == TREE_OBJECT)
		for (uint32_t i = 0; i < object->n; i++)
			if (str_eq(object->items[i].key, key))
				return &object->items[i];
	return NULL;
}

const struct tree *tree_at(const struct tree *list, size_t i)
{
	return list && list->kind == TREE_LIST && i < list->n ? &list->items[i] : NULL;
}

const char *tree_str(const struct tree *t)
{
	return t && t->kind == TREE_STR ? t->s : NULL;
}

bool tree_bool(const struct tree *t, bool otherwise)
{
	return t && t->kind == TREE_BOOL ? t->b : otherwise;
}

static bool is_whole(double d)
{
	return d >= -9007199254740992.0 && d <= 9007199254740992.0 && (double) (int64_t) d == d;
}

int64_t tree_i64(const struct tree *t, int64_t otherwise)
{
	int64_t n;

	if (!t)
		return otherwise;
	if (t->kind == TREE_I64)
		return t->i;
	if (t->kind == TREE_F64 && is_whole(t->f))
		return (int64_t) t->f;
	return t->kind == TREE_STR && t->n && num_parse_i64(t->s, t->s + t->n, &n) == t->n ? n : otherwise;
}

double tree_f64(const struct tree *t, double otherwise)
{
	double d;

	if (!t)
		return otherwise;
	if (t->kind == TREE_F64)
		return t->f;
	if (t->kind == TREE_I64)
		return (double) t->i;
	return t->kind == TREE_STR && t->n && num_parse_f64(t->s, t->s + t->n, &d) == t->n ? d : otherwise;
}

const char *tree_kind_term(const struct tree *t)
{
	static const char *const terms[] = { "null", "@boolean", "@whole_number", "@number", "@text", "@list", "@object" };

	return t ? terms[t->kind] : "null";
}

void tree_write(const struct tree *t, struct json *out)
{
	switch (t->kind) {
	case TREE_NULL: json_null(out); return;
	case TREE_BOOL: json_bool(out, t->b); return;
	case TREE_I64: json_i64(out, t->i); return;
	case TREE_F64: json_f64(out, t->f); return;
	case TREE_STR: json_strn(out, t->s, t->n); return;
	case TREE_LIST:
		json_array(out);
		TREE_EACH(entry, t)
			tree_write(entry, out);
		json_end(out);
		return;
	case TREE_OBJECT:
		json_object(out);
		TREE_EACH(member, t) {
			json_key(out, member->key);
			tree_write(member, out);
		}
		json_end(out);
		return;
	}
}
