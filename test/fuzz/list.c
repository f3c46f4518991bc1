/* list.c - what a query string can bring to a list: cursor, sort, words, filters. Each is taken or refused with a sentence. */
#include <stdlib.h>
#include <unistd.h>

#include "rec/every_test.h"
#include "store/store.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *store_once(void)
{
	static const struct store_noun noun = { &every_type, STORE_QUIET };
	static struct store *s;
	char path[64] = "/tmp/tenon-fuzz-XXXXXX";
	struct store_config c = { .path = path, .nouns = &noun, .n_nouns = 1 };
	struct store_tx *tx;
	struct dice d = { 1 };
	struct arena a;
	int fd;

	if (s)
		return s;
	fd = mkstemp(path);
	if (fd < 0 || store_open(&s, &c) < 0 || store_begin(s, STORE_WRITE, 0, &tx) < 0)
		abort();
	close(fd);
	arena_init(&a, &sys_heap, 0);
	for (int i = 0; i < 8; i++) {
		struct every e;

		every_random(&d, &a, &e);
		e.friends.n = 0;
		e.secret = NULL;
		e.way = 0;
		e.settings = NULL;
		if (store_put(tx, &every_type, &e, NULL) < 0)
			abort();
	}
	if (store_commit(tx) < 0)
		abort();
	arena_done(&a);
	if (store_begin(s, STORE_READ, 0, &tx) < 0)     /* the reader has the file open: it needs no name any more */
		abort();
	store_rollback(tx);
	unlink(path);
	return s;
}

static int pass_over(void *ctx, const void *rec)
{
	return 0;
}

/* Lines: cursor, sort, words, then field, operator as a digit, value. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *s = store_once();
	struct store_filter filters[4] = { 0 };
	struct store_list spec = { .filters = filters, .limit = 3, .count = true };
	const char *lines[3 + 3 * ELEMENTSOF(filters)] = { 0 };
	struct store_page page;
	struct store_tx *tx;
	struct arena a;
	size_t n = 0;
	char *text;

	arena_init(&a, &sys_heap, 0);
	text = arena_strn(&a, (const char *) data, size);
	for (char *p = text; *p && n < ELEMENTSOF(lines); n++) {
		lines[n] = p;
		while (*p && *p != '\n')
			p++;
		if (*p)
			*p++ = 0;
	}
	spec.cursor = str_empty(lines[0]) ? NULL : lines[0];
	spec.sort = lines[1];
	spec.q = lines[2];
	spec.arena = &a;
	for (size_t i = 3; i + 2 < n; i += 3)
		filters[spec.n_filters++] = (struct store_filter) { lines[i], (enum store_op) (lines[i + 1][0] & 7), lines[i + 2] };
	if (!utf8_is_valid((const char *) data, size) || store_begin(s, STORE_READ, 0, &tx) < 0)
		goto out;
	for (int pages = 0; pages < 5 && store_list(tx, &every_type, &spec, pass_over, NULL, &page) == 0 && page.next; pages++)
		spec.cursor = page.next;
	if (err_peek()->kind == ERR_BROKEN || err_peek()->kind == ERR_CORRUPT || err_peek()->kind == ERR_IO)
		abort();
	store_rollback(tx);
out:
	arena_done(&a);
	err_clear();
	return 0;
}
