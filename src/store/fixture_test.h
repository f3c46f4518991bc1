/* fixture_test.h - a folder, two nouns with references, and short words for the tests of store. tap.h stands before it. */
#pragma once

#include <unistd.h>

#include "base/num.h"
#include "rec/every_test.h"
#include "store/place_test.h"
#include "store/store_int.h"

static struct arena arena;
static char folder[64];

static void at_end(void)
{
	if (folder[0] && dir_remove(folder) < 0)
		printf("# %s\n", err_log_text(err_peek()));
}

__attribute__((unused)) static const char *fresh_path(void)
{
	static char path[96];
	static int n;

	if (!folder[0]) {
		snprintf(folder, sizeof(folder), "/tmp/tenon-store-XXXXXX");
		if (!mkdtemp(folder))
			abort();
		atexit(at_end);
		arena_init(&arena, &sys_heap, 0);
	}
	arena_reset(&arena);
	err_clear();
	snprintf(path, sizeof(path), "%s/%d.db", folder, n++);
	return path;
}

/* A seal for tests: turns every byte and puts one in front. */
static int turn(void *ctx, const void *bytes, size_t len, struct buf *out)
{
	buf_addc(out, 'S');
	for (size_t i = 0; i < len; i++)
		buf_addc(out, (char) (((const char *) bytes)[i] ^ 0x55));
	return 0;
}

static int turn_back(void *ctx, const void *bytes, size_t len, struct buf *out)
{
	if (!len || *(const char *) bytes != 'S')
		return err_fail(ERR_CORRUPT, "what", "seal", NULL);
	for (size_t i = 1; i < len; i++)
		buf_addc(out, (char) (((const char *) bytes)[i] ^ 0x55));
	return 0;
}

static const struct store_seal test_seal = { turn, turn_back, NULL };

/* --- two nouns with references, for most tests ----------------------------------------------------------------------------- */

struct owner { struct rec_head head; const char *code, *name; };
static const struct rec_field owner_fields[] = {
	F(struct owner, code, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1"),
	F(struct owner, name, .flags = REC_SEARCH),
};
static const struct rec_type owner_type = REC_TYPE(struct owner, "owner", "owners", owner_fields);

struct item {
	struct rec_head head;
	const char *code, *name;
	struct uuid owner;
	struct rec_list fans;
	int32_t size, state;
	double weight;
	int64_t at;
	uint32_t rights;
};
static const struct rec_field item_fields[] = {
	F(struct item, code, .flags = REC_REQUIRED | REC_SEARCH),
	F(struct item, name, .flags = REC_SEARCH),
	F_REF(struct item, owner, "owner"),
	F_KIND(struct item, fans, REC_LIST, .item = REC_REF, .ref = "owner"),
	F(struct item, size, .flags = REC_INDEX),
	F_ENUM(struct item, state, every_states),
	F(struct item, weight, .flags = REC_NULLABLE),
	F_KIND(struct item, at, REC_TIME, .flags = REC_NULLABLE | REC_INDEX),
	F_KIND(struct item, rights, REC_FLAGS, .words = every_rights),
};
static const struct rec_type item_type = REC_TYPE(struct item, "item", "items", item_fields, .unique = "owner,code");

static const struct store_noun nouns[] = { { &owner_type, 0 }, { &item_type, 0 } };

__attribute__((unused)) static struct store *open_at(const char *path)
{
	struct store *s = NULL;
	const struct store_config c = { .path = path, .name = "test", .nouns = nouns, .n_nouns = ELEMENTSOF(nouns), .seal = &test_seal };

	if (open_place(&s, &c) < 0)
		tap_fail_("%s", err_log_text(err_peek()));
	return s;
}

__attribute__((unused)) static struct store_tx *begin(struct store *s, enum store_mode mode)
{
	struct store_tx *tx = NULL;

	if (store_begin(s, mode, clock_deadline(5000), &tx) < 0)
		tap_fail_("%s", err_log_text(err_peek()));
	return tx;
}

__attribute__((unused)) static int put_owner(struct store_tx *tx, const char *code, struct owner *ret)
{
	*ret = (struct owner) { .code = code };
	return store_put(tx, &owner_type, ret, NULL);
}

__attribute__((unused)) static const char *said(enum lang lang)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	const char *text;

	err_text(err_peek(), lang, &b);
	text = arena_strn(&arena, b.data, b.len);
	buf_done(&b);
	return text;
}

