/*
 * audit.c - the chain of what was done.
 *
 * Entry n holds the hash of entry n−1 and its own: SHA-256 over that hash (64 hex characters) and the entry's canonical JSON. The
 * head {number, hash, HMAC} lies beside the store (store.db.head) and is written after each commit: when the chain ends before it,
 * a tail is missing. It may be behind by what was being written when the power went, never ahead of the durable chain.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "guard/internal.h"

enum { HEAD_MAX = AUDIT_MARK_MAX };
#define CHAIN_START "0000000000000000000000000000000000000000000000000000000000000000"

/* ---- an entry's hash ---- */

static void kv_uuid(struct json *j, const char *key, const struct uuid *u)
{
	char text[UUID_TEXT + 1];

	uuid_format(u, text);
	json_kv_str(j, key, text);
}

static const char *or_empty(const char *s) { return s ? s : ""; }

/* Fixed order, every field but `hash`; text that is absent counts as empty. */
static int entry_hash(const struct audit *e, char ret[HASH_TEXT + 1])
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	struct json j = JSON_TO(&b);

	buf_add(&b, or_empty(e->previous));
	json_object(&j);
	json_kv_u64(&j, "seq", e->seq);
	json_kv_i64(&j, "time", e->time);
	kv_uuid(&j, "tenant", &e->tenant);
	kv_uuid(&j, "principal", &e->principal);
	json_kv_str(&j, "kind", or_empty(e->kind));
	json_kv_str(&j, "name", or_empty(e->name));
	json_kv_str(&j, "deed", or_empty(e->deed));
	json_kv_str(&j, "outcome", or_empty(e->outcome));
	json_kv_str(&j, "request", or_empty(e->request));
	json_kv_str(&j, "peer", or_empty(e->peer));
	json_kv_str(&j, "noun", or_empty(e->noun));
	kv_uuid(&j, "record", &e->record);
	json_kv_str(&j, "changes", or_empty(e->changes));
	if (!str_empty(e->trace))               /* entries older than this field hash as they did */
		json_kv_str(&j, "trace", e->trace);
	json_end(&j);
	if (b.failed)
		return err_fail(ERR_NO_MEMORY, "what", "an audit entry", NULL);
	hash_text(b.data, b.len, ret);
	return 0;
}

/* ---- writing ---- */

struct last { uint64_t seq; char hash[HASH_TEXT + 1]; };

static int note_last(void *ctx, const void *rec)
{
	const struct audit *e = rec;
	struct last *l = ctx;

	l->seq = e->seq;
	if (str_len(e->hash) == HASH_TEXT)
		memcpy(l->hash, e->hash, HASH_TEXT + 1);
	return 1;
}

static int chain_end(struct store_tx *tx, struct last *ret)
{
	struct store_list newest = { .sort = "-seq", .limit = 1 };

	*ret = (struct last) { .hash = CHAIN_START };
	return store_list(tx, &audit_type, &newest, note_last, ret, NULL);
}

static const char *const kinds[] = { [PRINCIPAL_NOBODY] = "nobody", [PRINCIPAL_USER] = "user", [PRINCIPAL_TOKEN] = "token",
	[PRINCIPAL_SYSTEM] = "system", [PRINCIPAL_SETUP] = "setup" };

const char *audit_changes_text(struct scope *s)
{
	const struct audit_notes *n = s->notes;

	if (!n || n->n == 0)
		return NULL;
	if (n->cut)
		return arena_fmt(s->arena, "{\"changes\":[%s],\"not_listed\":%u}", n->items.data, n->cut);
	return arena_fmt(s->arena, "{\"changes\":[%s]}", n->items.data);
}

int audit_append(struct scope *s, struct store_tx *tx, const char *deed, const char *outcome)
{
	char hash[HASH_TEXT + 1];
	struct last last;
	struct audit e;
	int r = chain_end(tx, &last);

	if (r >= 0)
		r = rec_init(&audit_type, &e, s->arena);
	if (r < 0)
		return r;
	e.seq = last.seq + 1;
	e.time = clock_now_ns();
	e.tenant = s->tenant_id;
	if (uuid_is_zero(&e.tenant))            /* nobody yet: the operator of the platform wants to know */
		e.tenant = s->guard->default_tenant;
	e.principal = s->who.id;
	e.kind = kinds[s->who.kind];
	e.name = arena_strn(s->arena, or_empty(s->who.name), utf8_valid_prefix(or_empty(s->who.name), MIN(str_len(s->who.name), (size_t) 256)));
	e.deed = deed;
	e.outcome = outcome;
	e.request = s->request;
	e.trace = s->trace[0] ? s->trace : NULL;
	e.peer = s->peer;
	e.noun = s->notes ? s->notes->noun : NULL;
	e.record = s->notes ? s->notes->record : (struct uuid) { 0 };
	e.changes = audit_changes_text(s);
	e.previous = last.hash;
	r = entry_hash(&e, hash);
	if (r < 0)
		return r;
	e.hash = hash;
	return store_put(tx, &audit_type, &e, &s->who.id);
}

void guard_audit_refusal(struct scope *s, const char *deed, int error)
{
	enum deed_store which = s->who.kind == PRINCIPAL_NOBODY || s->who.kind == PRINCIPAL_SETUP ? DEED_SYSTEM : DEED_TENANT;
	struct store_tx *tx = NULL;
	struct store *store;
	int r;

	err_clear();
	if (error == -ERR_UNAUTHENTICATED)      /* every scanner of the network makes these; the counters know */
		return;
	r = guard_store_of(s, which, &store);
	if (r >= 0)
		r = store_begin(store, STORE_WRITE, clock_deadline(5000), &tx);
	if (r >= 0) {
		r = audit_append(s, tx, deed, err_code(-error));
		if (r >= 0)
			r = store_commit(tx);
		else
			store_rollback(tx);
	}
	if (r >= 0)
		audit_seal_head(s->guard, audit_head_of(s, which), store);
	err_clear();
}

/* ---- the head ---- */

void audit_head_init(struct audit_head *h, const char *store_path)
{
	struct buf b = BUF_FIXED(h->path), s = BUF_FIXED(h->store_path);

	buf_add(&s, store_path);
	buf_addf(&b, "%s.head", store_path);
	h->seq = 0;
}

static void head_mac(const uint8_t key[HASH_BYTES], uint64_t seq, const char *hash, char ret[HASH_TEXT + 1])
{
	uint8_t mac[HASH_BYTES];
	char text[HEAD_MAX];
	struct buf b = BUF_FIXED(text);

	buf_addf(&b, "%llu %s", (unsigned long long) seq, hash);
	hmac_sha256(key, b.data, b.len, mac);
	hex_format(mac, HASH_BYTES, ret);
}

/* The head's text; returns its length. */
static size_t head_text(const uint8_t key[HASH_BYTES], const struct last *last, char ret[HEAD_MAX])
{
	struct buf b = { .data = ret, .room = HEAD_MAX, .max = HEAD_MAX };
	char mac[HASH_TEXT + 1];

	head_mac(key, last->seq, last->hash, mac);
	buf_addf(&b, "%020llu %s %s\n", (unsigned long long) last->seq, last->hash, mac);
	return b.len;
}

/* The head of a chain that is still empty is made, for good, before its first entry can be: from then on a missing head is a finding. */
int audit_head_open(struct guard *g, struct audit_head *h, struct store *store)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct last last;
	char text[HEAD_MAX];
	int r = store_begin(store, STORE_READ, clock_deadline(5000), &tx);

	if (r >= 0)
		r = chain_end(tx, &last);
	if (r < 0 || g->look || last.seq > 0 || file_exists(h->path))
		return r < 0 ? r : 0;
	return file_write(h->path, text, head_text(g->head_key, &last, text), 0600);
}

/* One short write in place, smaller than a sector: it is a witness, not the record; the store's own sync has made the chain durable
 * before. A power cut leaves an older head, which is not ahead of the chain. */
void audit_seal_head(struct guard *g, struct audit_head *h, struct store *store)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	_cleanup_close_ int fd = -1;
	char text[HEAD_MAX];
	struct last last;

	mutex_hold(&h->lock);
	if (store_begin(store, STORE_READ, clock_deadline(5000), &tx) < 0 || chain_end(tx, &last) < 0 || last.seq <= h->seq
		|| file_open(h->path, O_WRONLY | O_CREAT, 0600, &fd) < 0) {
		err_clear();
		return;
	}
	if (file_pwrite_all(fd, text, head_text(g->head_key, &last, text), 0) >= 0)
		h->seq = last.seq;
	err_clear();
}

/* ---- verifying ---- */

struct walk {
	struct audit_report *report;
	char hash[HASH_TEXT + 1], head_hash[HASH_TEXT + 1];
	uint64_t seq, head_seq;
	struct mark *mark;              /* by number */
	size_t n_marks, at;
};

struct mark { uint64_t seq; char hash[HASH_TEXT + 1]; };

static int bad(struct audit_report *report, uint64_t seq, const char *detail)
{
	struct buf b = BUF_FIXED(report->detail);

	report->first_bad = seq;
	buf_clear(&b);
	buf_addf(&b, "entry %llu %s", (unsigned long long) seq, detail);
	return err_fail(ERR_CORRUPT, "what", "@log", "detail", b.data, NULL);
}

static int check_entry(void *ctx, const void *rec)
{
	const struct audit *e = rec;
	struct walk *w = ctx;
	char hash[HASH_TEXT + 1];
	int r;

	w->report->n++;
	if (e->seq != w->seq + 1)
		return bad(w->report, w->seq + 1, "is missing");
	if (!str_eq(e->previous, w->hash))
		return bad(w->report, e->seq, "does not follow the one before it");
	r = entry_hash(e, hash);
	if (r < 0)
		return r;
	if (!str_eq(e->hash, hash))
		return bad(w->report, e->seq, "was changed: its hash does not match");
	if (e->seq == w->head_seq && !str_eq(w->head_hash, hash))
		return bad(w->report, e->seq, "is another one than the sealed head says");
	for (; w->at < w->n_marks && w->mark[w->at].seq <= e->seq; w->at++)
		if (!str_eq(w->mark[w->at].hash, hash))
			return bad(w->report, e->seq, "is another one than the mark in the log of samples says");
	w->seq = e->seq;
	memcpy(w->hash, hash, sizeof(hash));
	return 0;
}

/* "number hash seal\n" */
static bool read_sealed(const char *t, size_t len, const uint8_t key[HASH_BYTES], uint64_t *ret_seq, char ret_hash[HASH_TEXT + 1])
{
	char mac[HASH_TEXT + 1];

	if (len != 20 + 1 + HASH_TEXT + 1 + HASH_TEXT + 1 || num_parse_u64(t, t + 20, ret_seq) != 20 || t[20] != ' ' || t[85] != ' ')
		return false;
	memcpy(ret_hash, t + 21, HASH_TEXT);
	ret_hash[HASH_TEXT] = 0;
	head_mac(key, *ret_seq, ret_hash, mac);
	return same_bytes(mac, t + 86, HASH_TEXT);
}

static int by_seq(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int read_marks(const struct audit_marks *marks, const uint8_t key[HASH_BYTES], struct walk *w)
{
	if (!marks || !marks->n)
		return 0;
	w->mark = sys_alloc_array(marks->n, sizeof(*w->mark));
	if (!w->mark)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (size_t i = 0; i < marks->n; i++, w->n_marks++)
		if (!read_sealed(marks->texts[i], str_len(marks->texts[i]), key, &w->mark[i].seq, w->mark[i].hash))
			return bad(w->report, 1, "and all after it: a mark in the log of samples was changed, or is of another folder");
	qsort(w->mark, w->n_marks, sizeof(*w->mark), by_seq);
	return 0;
}

static bool read_head(const char *path, const uint8_t key[HASH_BYTES], uint64_t *ret_seq, char ret_hash[HASH_TEXT + 1])
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 16);

	if (file_read(path, HEAD_MAX, &text) < 0) {
		err_clear();
		return false;
	}
	return read_sealed(text.data, text.len, key, ret_seq, ret_hash);
}

static int walk(struct store *store, const char *head, const uint8_t key[HASH_BYTES], const struct audit_marks *marks, struct audit_report *ret)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct walk w = { .report = ret, .hash = CHAIN_START };
	struct store_list all = { .sort = "seq" };
	bool sealed;
	int r;

	*ret = (struct audit_report) { 0 };
	sealed = read_head(head, key, &w.head_seq, w.head_hash);
	r = store_begin(store, STORE_READ, 0, &tx);
	if (r >= 0)
		r = read_marks(marks, key, &w);
	if (r >= 0)
		r = store_list(tx, &audit_type, &all, check_entry, &w, NULL);
	if (r >= 0 && w.at < w.n_marks)
		r = bad(ret, w.seq + 1, "is missing: a mark in the log of samples says there were more");
	sys_free(w.mark);
	if (r < 0)
		return r;
	if (!sealed && w.seq > 0)
		return bad(ret, w.seq, "cannot be shown to be the last: the sealed head beside the store is missing or was changed");
	if (w.seq < w.head_seq)
		return bad(ret, w.seq + 1, "is missing: the sealed head says there were more");
	return 0;
}

/* The chain's store and the file with its head. */
static int chain_of(struct guard *g, uint32_t tenant, struct store **ret, struct audit_head **ret_head)
{
	struct tenant_slot *t = NULL;

	if (tenant == 0) {
		*ret = g->system;
		*ret_head = &g->system_head;
		return 0;
	}
	if (!guard_tenant_store(g, tenant))
		return err_fail(ERR_MISSING, "what", "@tenant", NULL);
	mutex_lock(&g->tenants_lock);
	t = tenant_slot(g, tenant);
	mutex_unlock(&g->tenants_lock);
	*ret = t->store;
	*ret_head = &t->head;
	return 0;
}

int guard_audit_mark(struct guard *g, uint32_t tenant, char ret[AUDIT_MARK_MAX])
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct audit_head *head = NULL;
	struct store *store = NULL;
	struct last last;
	int r = chain_of(g, tenant, &store, &head);

	if (r >= 0)
		r = store_begin(store, STORE_READ, clock_deadline(5000), &tx);
	if (r >= 0)
		r = chain_end(tx, &last);
	if (r < 0)
		return r;
	ret[0] = 0;
	if (last.seq)
		head_text(g->head_key, &last, ret);
	return 0;
}

int guard_audit_verify(struct guard *g, uint32_t tenant, const struct audit_marks *marks, struct audit_report *ret)
{
	struct audit_head *head = NULL;
	struct store *store = NULL;
	int r = chain_of(g, tenant, &store, &head);

	return r < 0 ? r : walk(store, head->path, g->head_key, marks, ret);
}
