/* A block from outside: either batch_check() refuses it, or every way of reading it stays inside. */
#include "base/err.h"
#include "model/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint64_t sink;

static void touch_value(struct value v)
{
	if (v.type == V_STR || v.type == V_BYTES)
		for (uint32_t i = 0; i < v.len; i++)
			sink += (uint8_t) v.s[i];
	else if (v.type != V_NONE)
		sink += (uint64_t) v.i;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint32_t list[BATCH_SERIES_MAX];
	struct batch *b;

	/* A size that is no multiple of 64 is refused at once; help the fuzzer over it, and over the length field. */
	if (batch_alloc(ALIGN_UP(len, BATCH_ALIGN), &b) < 0) {
		err_clear();
		return 0;
	}
	size_t size = ALIGN_UP(len, BATCH_ALIGN);
	memset(b, 0, size);
	memcpy(b, data, len);
	b->size = (uint32_t) size;
	if (batch_check(b, size) < 0) {
		err_clear();
		batch_unref(b);
		return 0;
	}
	struct batch_iter it = batch_iter(b, b->list ? list : NULL);
	struct sample s;
	for (int n = 0; n < 10000 && batch_next(&it, &s); n++)
		touch_value(s.value);
	for (uint32_t c = 0; c < b->n_cols && b->shape == SHAPE_ROWS; c++)
		for (uint32_t r = 0; r < b->n_rows && r < 100; r++)
			if (b->col[c].name != BATCH_NAME_NAMES)
				touch_value(batch_value(b, &b->col[c], r));
	struct ArrowSchema schema;
	struct ArrowArray array;
	if (batch_to_arrow(b, &schema, &array) == 0) {
		for (int64_t i = 0; i < schema.n_children; i++)
			for (const char *p = schema.children[i]->name; *p; p++)
				sink += (uint8_t) *p;
		schema.release(&schema);
		array.release(&array);
	}
	/* Other numbers for its series leave everything else as it is. */
	uint32_t *series, n = batch_series(b, &series);
	for (uint32_t i = 0; i < n; i++)
		series[i] = series[i] * 2654435761u + 12345;
	b->flags &= (uint8_t) ~BATCH_SORTED;
	if (n && batch_check(b, size) < 0)
		__builtin_trap();
	batch_unref(b);
	return 0;
}
