/*
 * tree.h - any JSON text as a tree in an arena, for those who have no record type for it: frames of a WebSocket, batches of
 * records, documents.
 *
 *   struct tree *t;
 *   r = tree_parse(text, len, "body", arena, &t);
 *   const char *op = tree_str(tree_find(t, "op"));
 *
 * Strict RFC 8259: duplicate keys, bad UTF-8, NUL in texts and nesting beyond 32 are refused. Integers are exact within 64 bits;
 * greater ones become doubles.
 *
 * Thread: any. Memory: everything lives in the arena.
 */
#pragma once

#include "base/arena.h"

struct json;                            /* base/json.h */

enum tree_kind { TREE_NULL, TREE_BOOL, TREE_I64, TREE_F64, TREE_STR, TREE_LIST, TREE_OBJECT };

struct tree {
	uint8_t kind;
	uint32_t n;                     /* entries of a list or object, bytes of a text */
	const char *key;                /* of a member of an object */
	union { bool b; int64_t i; double f; const char *s; struct tree *items; };
};

/* `what` names the text in the sentence: a term such as "@body", or words. -ERR_SYNTAX with line and column, -ERR_BAD_UTF8,
 * -ERR_NO_MEMORY. */
int tree_parse(const char *text, size_t len, const char *what, struct arena *a, struct tree **ret);

/* Members and entries. NULL in, NULL out: chains need no checks. */
const struct tree *tree_find(const struct tree *object, const char *key);
const struct tree *tree_at(const struct tree *list, size_t i);
#define TREE_EACH(item, of) \
	for (const struct tree *item = (of) && (of)->kind >= TREE_LIST ? (of)->items : NULL, *item##_end_ = item ? item + (of)->n : NULL; item < item##_end_; item++)

/* The value, or what stands for "not there or of another kind". */
const char *tree_str(const struct tree *t);                             /* NULL */
bool tree_bool(const struct tree *t, bool otherwise);
int64_t tree_i64(const struct tree *t, int64_t otherwise);              /* also a whole f64, and a text that is a number */
double tree_f64(const struct tree *t, double otherwise);
const char *tree_kind_term(const struct tree *t);                       /* "@object": for sentences */

void tree_write(const struct tree *t, struct json *out);
