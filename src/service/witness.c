/* witness.c - marks of audit chains among the samples. */
#include "service/witness.h"

#include "base/str.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { WAIT_MS = 10000 };

/* Not of any point: UUIDs of version 8 (RFC 9562, 5.8) that spell what they are. The system's chain lies with the first tenant. */
static const struct uuid chain_of_tenant = { { 't', 'e', 'n', 'o', 'n', 0, 0x80, 'a', 0x80, 'u', 'd', 'i', 't', 0, 0, 1 } };
static const struct uuid chain_of_system = { { 't', 'e', 'n', 'o', 'n', 0, 0x80, 'a', 0x80, 'u', 'd', 'i', 't', 0, 0, 2 } };

static int series_of(struct platform *p, uint32_t chain, uint32_t *ret)
{
	return tsdb_series(p->tsdb, chain ? chain : TENANT_DEFAULT, chain ? &chain_of_tenant : &chain_of_system, V_STR, ret);
}

static int write_mark(struct platform *p, uint32_t chain, const char *mark, uint32_t series)
{
	struct batch_builder *w = NULL;
	struct batch *b = NULL;
	struct sample s = { .series = series, .time_ns = clock_now_ns(), .value = { .type = V_STR, .s = mark, .len = (uint32_t) str_len(mark) } };
	int r = batch_builder_new(&w, 16);

	if (r >= 0)
		r = batch_tall(w, chain ? chain : TENANT_DEFAULT, 0, V_STR);
	if (r >= 0)
		r = batch_tall_add(w, &s);
	if (r >= 0)
		r = batch_seal(w, s.time_ns, 0, &b);
	if (r >= 0)
		r = wal_append_sync(p->wal, b, clock_deadline(WAIT_MS));
	if (b)
		batch_unref(b);
	batch_builder_free(w);
	return r;
}

static int mark_chain(struct platform *p, uint32_t chain)
{
	char mark[AUDIT_MARK_MAX];
	struct sample last;
	uint32_t series;
	struct arena a;
	int r = guard_audit_mark(p->guard, chain, mark);

	if (r < 0 || !mark[0])
		return r;
	r = series_of(p, chain, &series);
	if (r < 0)
		return r;
	arena_init(&a, &sys_heap, 1 << 20);
	r = tsdb_last(p->tsdb, chain ? chain : TENANT_DEFAULT, &series, 1, &a, &last);
	if (r >= 0 && !(last.time_ns != TSDB_NEVER && last.value.type == V_STR && last.value.len == str_len(mark)
			&& memcmp(last.value.s, mark, last.value.len) == 0))
		r = write_mark(p, chain, mark, series);
	arena_done(&a);
	return r;
}

int witness_write(struct platform *p)
{
	uint32_t tenants[GUARD_TENANTS], n;
	int r;

	if (!p->tsdb || !p->wal)
		return 0;
	n = guard_tenants(p->guard, tenants);
	r = mark_chain(p, 0);
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		r = mark_chain(p, tenants[i]);
	return r;
}

/* ---- reading ---- */

struct marks { struct arena *arena; const char **texts; size_t n, room; };

static int add_mark(struct marks *m, const struct value *v)
{
	if (m->n == m->room) {
		size_t room = m->room ? m->room * 2 : 256;
		const char **more = arena_array(m->arena, const char *, room);
		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
		if (m->n)
			memcpy(more, m->texts, m->n * sizeof(*more));
		m->texts = more;
		m->room = room;
	}
	m->texts[m->n] = arena_strn(m->arena, v->s, v->len);
	return m->texts[m->n++] ? 0 : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
}

static int on_batch(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;
	int r = 0;

	while (r >= 0 && batch_next(&it, &s))
		r = add_mark(ctx, &s.value);
	return r;
}

int witness_verify(struct platform *p, uint32_t tenant, struct audit_report *ret)
{
	struct audit_marks given = { 0 };
	uint32_t series[2];
	struct arena a;
	struct marks m = { .arena = &a };
	uint32_t of = tenant ? tenant : TENANT_DEFAULT;
	int r = 0;

	if (!p->tsdb)
		return guard_audit_verify(p->guard, tenant, NULL, ret);
	arena_init(&a, &sys_heap, 256 << 20);
	if (tsdb_series_of(p->tsdb, of, tenant ? &chain_of_tenant : &chain_of_system, series, 1) > 0)
		r = tsdb_range(p->tsdb, &(struct tsdb_query) { .tenant = of, .series = series, .n_series = 1, .from_ns = 0, .to_ns = INT64_MAX },
			on_batch, &m);
	given = (struct audit_marks) { m.texts, m.n };
	if (r >= 0)
		r = guard_audit_verify(p->guard, tenant, &given, ret);
	arena_done(&a);
	return r;
}
