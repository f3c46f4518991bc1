/* kept.c - answers kept for requests that are sent again. */
#include "service/kept.h"

#include <string.h>

#include "base/when.h"
#include "service/internal.h"

struct kept_answer {
	struct rec_head head;
	struct uuid principal;
	const char *key, *request, *content_type, *etag, *location;
	struct rec_bytes body;
	int32_t status;
	int64_t process;                        /* when the process began that wrote it */
	int64_t expires;
	bool ended;
};

static const struct rec_field fields[] = {
	F(struct kept_answer, principal, .flags = REC_INDEX),
	F(struct kept_answer, key, .flags = REC_REQUIRED, .max = "255"),
	F(struct kept_answer, request, .flags = REC_INTERNAL, .max = "64"),
	F(struct kept_answer, content_type, .max = "100"),
	F(struct kept_answer, etag, .max = "64"),
	F(struct kept_answer, location, .max = "200"),
	F(struct kept_answer, body, .flags = REC_INTERNAL, .max = "1048576"),
	F(struct kept_answer, status),
	F(struct kept_answer, process),
	F_KIND(struct kept_answer, expires, REC_TIME, .flags = REC_INDEX),
	F(struct kept_answer, ended),
};
const struct rec_type kept_answer_type = REC_TYPE(struct kept_answer, "kept_answer", "kept_answers", fields, .unique = "principal,key",
	.title = "Kept answer", .title_zh = "保留的应答");

/* ---- room ---- */

enum { SWEEP_ONE_IN = 64, SWEEP_MOST = 256 };

struct gone { struct uuid id[SWEEP_MOST]; unsigned n; };

static int note(void *ctx, const void *rec)
{
	struct gone *g = ctx;

	g->id[g->n++] = ((const struct rec_head *) rec)->id;
	return g->n == SWEEP_MOST;
}

/* Now and then, in the transaction of a new row: what expired goes, and the oldest when there are too many. */
static int sweep(struct scope *s, int64_t now)
{
	struct gone *g = arena_new(s->arena, struct gone);
	char text[WHEN_TEXT_MAX];
	struct store_filter expired = { "expires", STORE_LT, text };
	struct store_list old = { .filters = &expired, .n_filters = 1, .limit = SWEEP_MOST }, oldest = { .limit = SWEEP_MOST, .count = true };
	struct store_page page = { 0 };
	int r;

	if (!g)
		return err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	when_format(text, now);
	r = store_list(s->tx, &kept_answer_type, &old, note, g, NULL);
	if (r >= 0 && !g->n) {
		r = store_list(s->tx, &kept_answer_type, &oldest, note, g, &page);
		if (page.total <= KEPT_MAX)
			g->n = 0;
	}
	for (unsigned i = 0; r >= 0 && i < g->n; i++)
		r = store_del(s->tx, &kept_answer_type, &g->id[i], 0, NULL);
	return r;
}

/* ---- one ---- */

static int find(struct scope *s, const char *key, struct kept_answer *ret)
{
	char who[UUID_TEXT + 1];
	struct store_filter f[] = { { "principal", STORE_EQ, who }, { "key", STORE_EQ, key } };
	int r;

	uuid_format(&s->who.id, who);
	r = store_find(s->tx, &kept_answer_type, f, ELEMENTSOF(f), ret, s->arena);
	if (r == -ERR_MISSING)
		err_clear();
	return r;
}

static int recall(struct scope *s, const struct kept_answer *k, const char *request, struct kept *ret)
{
	if (!str_eq(k->request, request))
		return err_fail(ERR_KEY_REUSED, "value", k->key, NULL);
	if (!k->ended)
		return err_fail(k->process == s->platform->started_ns ? ERR_UNDER_WAY : ERR_OUTCOME_UNKNOWN, "value", k->key, NULL);
	*ret = (struct kept) { .status = k->status, .content_type = k->content_type, .etag = k->etag, .location = k->location,
		.body = k->body.data, .len = k->body.len };
	return 1;
}

static int begin(struct scope *s, const char *key, const char *request, struct kept *ret)
{
	struct kept_answer *k = arena_new(s->arena, struct kept_answer);
	int64_t now = clock_now_ns();
	int r = k ? find(s, key, k) : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	if (r >= 0 && k->expires > now)
		return recall(s, k, request, ret);
	if (r >= 0)
		r = store_del(s->tx, &kept_answer_type, &k->head.id, 0, NULL);
	if (r < 0 && r != -ERR_MISSING)
		return r;
	if (random_u64() % SWEEP_ONE_IN == 0) {
		r = sweep(s, now);
		if (r < 0)
			return r;
	}
	r = rec_init(&kept_answer_type, k, s->arena);
	k->principal = s->who.id;
	k->key = key;
	k->request = request;
	k->process = s->platform->started_ns;
	k->expires = now + KEPT_HOURS * 3600 * NS_PER_S;
	return r < 0 ? r : store_put(s->tx, &kept_answer_type, k, &s->who.id);
}

/* Not a deed: it changes nothing that belongs to anybody, and the audit would say everything twice. */
static int open_tx(struct scope *s)
{
	struct store *store;
	int r = guard_store_of(s, DEED_TENANT, &store);

	return r < 0 ? r : store_begin(store, STORE_WRITE, clock_deadline(30000), &s->tx);
}

static int close_tx(struct scope *s, int r)
{
	struct store_tx *tx = s->tx;

	s->tx = NULL;
	if (r < 0) {
		store_rollback(tx);
		return r;
	}
	return store_commit(tx);
}

int kept_begin(struct scope *s, const char *key, const char *request, struct kept *ret)
{
	int r = open_tx(s), e;

	if (r < 0)
		return r;
	r = begin(s, key, request, ret);
	e = close_tx(s, r);
	return e < 0 ? e : r;
}

static int end(struct scope *s, const char *key, const struct kept *answer)
{
	struct kept_answer *k = arena_new(s->arena, struct kept_answer);
	int r = k ? find(s, key, k) : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	if (r < 0)                              /* swept meanwhile: nothing to put it into */
		return r == -ERR_MISSING ? 0 : r;
	if (!answer)
		return store_del(s->tx, &kept_answer_type, &k->head.id, 0, NULL);
	k->ended = true;
	k->status = answer->status;
	k->content_type = answer->content_type;
	k->etag = answer->etag;
	k->location = answer->location;
	if (answer->len <= KEPT_BODY_MAX && answer->len)
		k->body = (struct rec_bytes) { answer->body, answer->len };
	return store_put(s->tx, &kept_answer_type, k, &s->who.id);
}

int kept_end(struct scope *s, const char *key, const struct kept *answer)
{
	int r = open_tx(s);

	return r < 0 ? r : close_tx(s, end(s, key, answer));
}

/* ---- erasing ---- */

enum { FORGET_AT_ONCE = 200 };
struct forgetting { const char *what; struct uuid id[FORGET_AT_ONCE]; uint32_t n; };

static int note_telling(void *ctx, const void *rec)
{
	const struct kept_answer *k = rec;
	struct forgetting *f = ctx;

	if (k->body.len && memmem(k->body.data, k->body.len, f->what, str_len(f->what)))
		f->id[f->n++] = k->head.id;
	return f->n == FORGET_AT_ONCE;
}

static int run_forget(struct scope *s, const void *in, void *ret)
{
	struct kept_answer *k = arena_new(s->arena, struct kept_answer);
	struct forgetting *f = ret;
	int r = k ? store_list(s->tx, &kept_answer_type, &(struct store_list) { .limit = 0 }, note_telling, f, NULL) : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	for (uint32_t i = 0; r >= 0 && i < f->n; i++) {
		r = store_get(s->tx, &kept_answer_type, &f->id[i], k, s->arena);
		k->body = (struct rec_bytes) { "{}", 2 };
		if (r == 0)
			r = store_put(s->tx, &kept_answer_type, k, &s->who.id);
	}
	if (r < 0 || !f->n)
		return r < 0 ? r : DEED_CHANGED_NOTHING;
	return audit_text(s, "kept answers", arena_fmt(s->arena, "%u emptied", f->n));
}

int kept_forget(struct scope *s, const char *what, uint32_t *ret_n)
{
	static const struct deed deed = DEED("history.erase_answers", PERM_HISTORY_ERASE, DEED_TENANT, run_forget);
	struct forgetting *f = arena_new(s->arena, struct forgetting);
	uint32_t sum = 0;
	int r = f ? 0 : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	while (r == 0) {
		*f = (struct forgetting) { .what = what };
		r = scope_do(s, &deed, NULL, f);
		sum += r == 0 ? f->n : 0;
		if (f->n < FORGET_AT_ONCE)
			break;
	}
	if (r == 0)
		*ret_n = sum;
	return r;
}
