/* json.c - any bytes as a body, as a tree, as a form: refused or taken, never more; what is taken reads back equal. */
#include <stdlib.h>

#include "rec/every_test.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void again(const struct every *e, struct arena *a)
{
	struct mem m = sys_heap;
	struct buf b = BUF_INIT(&m, 4 << 20);
	struct json out = JSON_TO(&b);
	struct every back;

	rec_to_json(&every_type, e, REC_SHOW_INTERNAL, NULL, &out);
	if (b.failed || rec_from_json(&every_type, &back, (struct rec_json) { b.data, b.len }, REC_CREATE | REC_TRUSTED, a, NULL) < 0 ||
			!rec_equal(&every_type, e, &back))
		abort();
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct errs errs = { .arena = &a };
	const struct rec_type *t = NULL;
	struct tree *tree = NULL;
	struct every e;

	arena_init(&a, &sys_heap, 16 << 20);
	if (tree_parse((const char *) data, size, "@body", &a, &tree) == 0) {
		if (rec_from_tree(&every_type, &e, tree, REC_CREATE, &a, &errs) == 0) {
			if (rec_check(&every_type, &e, NULL) < 0)
				abort();
			again(&e, &a);
		}
		if (rec_init(&every_type, &e, &a) == 0 && rec_from_tree(&every_type, &e, tree, REC_MERGE, &a, &errs) == 0)
			again(&e, &a);
		if (rec_type_new((const char *) data, size, &t) == 0 && rec_type_check(t) < 0)
			abort();
		rec_type_unref(t);
	}
	for (size_t i = 0; size && i < every_type.n_fields; i++)
		if (data[0] % every_type.n_fields == i && rec_init(&every_type, &e, &a) == 0)
			(void) rec_field_parse(&every_type, &every_fields[i], &e, (const char *) data + 1, size - 1, &a);
	arena_done(&a);
	return 0;
}
