/*
 * batch_arrow.c - a batch as Arrow sees it: only descriptions are made, the columns stay where they are.
 *
 * The consumer may move children out and release them after their parent (the specification's "moving child arrays"), so all
 * descriptions of one view lie in one allocation with a count of those not yet released; the last one frees it.
 * Columns stored once (ENC_CONST) are Arrow's run-end encoded type with a single run.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "model/batch.h"
#include "sys/sys.h"

enum { NAME_MAX_OWN = 32 };             /* "4294967295.quality" */

struct schema_view {
	atomic_uint alive;
	char *names;
	struct ArrowSchema *children, **pointers;
	struct ArrowSchema (*runs)[2], *(*run_pointers)[2];
};

struct array_view {
	atomic_uint alive;
	struct batch *b;
	const void *no_validity;        /* the struct itself has no bitmap */
	int32_t run_end;
	struct ArrowArray *children, **pointers;
	struct ArrowArray (*runs)[2], *(*run_pointers)[2];
	const void *(*buffers)[3];
	const void *run_end_buffers[2];
};

static bool is_shown(const struct batch *b, const struct batch_col *c)
{
	return c->name != BATCH_NAME_NAMES && !(b->shape == SHAPE_GROUP && c->name == BATCH_NAME_SERIES);
}

static uint32_t n_shown(const struct batch *b)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->n_cols; i++)
		n += is_shown(b, &b->col[i]);
	return n;
}

/* Part of one allocation, 16-aligned. */
static void *part(char **at, size_t bytes)
{
	char *p = *at;

	*at += ALIGN_UP(bytes, 16);
	return p;
}

/* The schema. */

static void schema_release(struct ArrowSchema *s)
{
	struct schema_view *v = s->private_data;

	for (int64_t i = 0; i < s->n_children; i++)
		if (s->children[i]->release)
			s->children[i]->release(s->children[i]);
	s->release = NULL;
	if (atomic_fetch_sub(&v->alive, 1) == 1)
		sys_free(v);
}

static const char *format_of(const struct batch_col *c)
{
	static const char *const formats[] = { [V_BOOL] = "b", [V_I64] = "l", [V_F32] = "f", [V_F64] = "g", [V_STR] = "u",
		[V_BYTES] = "z", [V_TIME] = "tsn:UTC" };

	return c->enc & ENC_U32 ? "I" : formats[c->vtype];
}

static size_t copy_text(char *to, const char *text)
{
	size_t n = strlen(text);

	memcpy(to, text, n + 1);
	return n;
}

/* Writes the column's name and its NUL; returns the bytes used. */
static size_t write_name(const struct batch *b, const struct batch_col *c, char *to)
{
	if (c->name == BATCH_NAME_SERIES)
		return copy_text(to, "series") + 1;
	if (c->name == BATCH_NAME_TIME)
		return copy_text(to, "time") + 1;
	if (b->shape == SHAPE_TALL)
		return copy_text(to, c->name == BATCH_NAME_TALL_VALUE ? "value" : "quality") + 1;
	bool is_quality = c->name >= BATCH_NAME_QUALITY;
	uint32_t i = c->name - (is_quality ? BATCH_NAME_QUALITY : BATCH_NAME_VALUE);
	if (b->shape == SHAPE_ROWS) {
		struct value name = batch_value(b, batch_find(b, BATCH_NAME_NAMES), i);
		memcpy(to, name.s, name.len);
		to[name.len] = 0;
		return name.len + 1;
	}
	size_t n = 0;
	if (b->list)
		to[n++] = '#';
	n += num_format_u64(to + n, b->list ? i : batch_u32(b, &b->col[0], i));
	n += copy_text(to + n, is_quality ? ".quality" : "");
	return n + 1;
}

static size_t names_room(const struct batch *b)
{
	const struct batch_col *names = batch_find(b, BATCH_NAME_NAMES);
	size_t n = (size_t) b->n_cols * NAME_MAX_OWN;

	if (names) {
		uint32_t k = batch_n_values(b);
		n += ((const uint32_t *) ((const char *) b + names->off))[k];
	}
	return n;
}

static void schema_init(struct schema_view *v, struct ArrowSchema *s, const char *format, const char *name, bool nullable)
{
	*s = (struct ArrowSchema) { .format = format, .name = name, .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
		.release = schema_release, .private_data = v };
	atomic_fetch_add(&v->alive, 1);
}

static int schema_make(const struct batch *b, struct ArrowSchema *ret)
{
	uint32_t n = n_shown(b), i = 0;
	size_t room = 16 * 8 + sizeof(struct schema_view) + names_room(b) +
		n * (sizeof *ret + sizeof ret + sizeof(struct ArrowSchema[2]) + sizeof(struct ArrowSchema *[2]));
	char *at = sys_alloc(room);

	if (!at)
		return err_fail(ERR_NO_MEMORY, "what", "a batch", NULL);
	struct schema_view *v = part(&at, sizeof *v);
	v->children = part(&at, n * sizeof *v->children);
	v->pointers = part(&at, n * sizeof *v->pointers);
	v->runs = part(&at, n * sizeof *v->runs);
	v->run_pointers = part(&at, n * sizeof *v->run_pointers);
	v->names = at;
	for (uint32_t c = 0; c < b->n_cols; c++) {
		const struct batch_col *col = &b->col[c];
		if (!is_shown(b, col))
			continue;
		struct ArrowSchema *s = v->pointers[i] = &v->children[i];
		bool is_const = col->enc & ENC_CONST;
		schema_init(v, s, is_const ? "+r" : format_of(col), at, col->valid != 0);
		at += write_name(b, col, at);
		if (is_const) {
			schema_init(v, &v->runs[i][0], "i", "run_ends", false);
			schema_init(v, &v->runs[i][1], format_of(col), "values", true);
			v->run_pointers[i][0] = &v->runs[i][0];
			v->run_pointers[i][1] = &v->runs[i][1];
			s->n_children = 2;
			s->children = v->run_pointers[i];
		}
		i++;
	}
	schema_init(v, ret, "+s", "", false);
	ret->n_children = n;
	ret->children = v->pointers;
	return 0;
}

/* The array. */

static void array_release(struct ArrowArray *a)
{
	struct array_view *v = a->private_data;

	for (int64_t i = 0; i < a->n_children; i++)
		if (a->children[i]->release)
			a->children[i]->release(a->children[i]);
	a->release = NULL;
	if (atomic_fetch_sub(&v->alive, 1) == 1) {
		batch_unref(v->b);
		sys_free(v);
	}
}

static void array_init(struct array_view *v, struct ArrowArray *a, int64_t length)
{
	*a = (struct ArrowArray) { .length = length, .release = array_release, .private_data = v };
	atomic_fetch_add(&v->alive, 1);
}

/* The entries stored: validity, then offsets of texts, then the body. */
static void array_column(const struct batch *b, const struct batch_col *c, struct ArrowArray *a, const void *buffers[3])
{
	int n = 0;

	buffers[n++] = c->valid ? (const char *) b + c->valid : NULL;
	if (c->off)
		buffers[n++] = (const char *) b + c->off;
	buffers[n++] = batch_body(b, c);
	a->null_count = c->valid ? -1 : 0;
	a->n_buffers = n;
	a->buffers = buffers;
}

static int array_make(struct batch *b, struct ArrowArray *ret)
{
	uint32_t n = n_shown(b), i = 0;
	size_t room = 16 * 8 + sizeof(struct array_view) + n * (sizeof *ret + sizeof ret + sizeof(struct ArrowArray[2]) +
		sizeof(struct ArrowArray *[2]) + sizeof(void *[3]));
	char *at = sys_alloc(room);

	if (!at)
		return err_fail(ERR_NO_MEMORY, "what", "a batch", NULL);
	struct array_view *v = part(&at, sizeof *v);
	v->children = part(&at, n * sizeof *v->children);
	v->pointers = part(&at, n * sizeof *v->pointers);
	v->runs = part(&at, n * sizeof *v->runs);
	v->run_pointers = part(&at, n * sizeof *v->run_pointers);
	v->buffers = part(&at, n * sizeof *v->buffers);
	v->b = batch_ref(b);
	v->run_end = (int32_t) b->n_rows;
	v->run_end_buffers[1] = &v->run_end;
	for (uint32_t c = 0; c < b->n_cols; c++) {
		const struct batch_col *col = &b->col[c];
		if (!is_shown(b, col))
			continue;
		struct ArrowArray *a = v->pointers[i] = &v->children[i];
		array_init(v, a, b->n_rows);
		if (col->enc & ENC_CONST) {
			array_init(v, &v->runs[i][0], 1);
			v->runs[i][0].n_buffers = 2;
			v->runs[i][0].buffers = v->run_end_buffers;
			array_init(v, &v->runs[i][1], 1);
			array_column(b, col, &v->runs[i][1], v->buffers[i]);
			v->run_pointers[i][0] = &v->runs[i][0];
			v->run_pointers[i][1] = &v->runs[i][1];
			a->n_children = 2;
			a->children = v->run_pointers[i];
		} else {
			array_column(b, col, a, v->buffers[i]);
		}
		i++;
	}
	array_init(v, ret, b->n_rows);
	ret->n_buffers = 1;
	ret->buffers = &v->no_validity;
	ret->n_children = n;
	ret->children = v->pointers;
	return 0;
}

int batch_to_arrow(struct batch *b, struct ArrowSchema *ret_schema, struct ArrowArray *ret_array)
{
	struct ArrowSchema schema;
	int r = schema_make(b, &schema);

	if (r < 0)
		return r;
	r = array_make(b, ret_array);
	if (r < 0) {
		schema.release(&schema);
		return r;
	}
	*ret_schema = schema;
	return 0;
}
