/* move.c - all stores of a data folder copied to another place: the system's, then those of its tenants. */
#include "base/num.h"
#include "base/str.h"
#include "guard/internal.h"

struct nouns { const struct store_noun *items; size_t n; };

struct moving {
	const struct guard_config *config;
	const char *to;                         /* URL; NULL: files */
	struct nouns system, tenant;
	struct arena arena;
	struct store_move *moves;
	size_t n;
	uint32_t tenants[TENANTS_MAX];
	uint32_t n_tenants;
};

static int join(struct arena *a, struct nouns own, struct nouns more, struct nouns *ret)
{
	struct store_noun *all = arena_array(a, struct store_noun, own.n + more.n);

	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "the record types", NULL);
	memcpy(all, own.items, own.n * sizeof(*all));
	if (more.n)
		memcpy(all + own.n, more.items, more.n * sizeof(*all));
	*ret = (struct nouns) { all, own.n + more.n };
	return 0;
}

static int note_number(void *ctx, const void *rec)
{
	struct moving *m = ctx;

	if (m->n_tenants == TENANTS_MAX)
		return err_fail(ERR_LIMIT, "what", "@tenant", "max", "4096", NULL);
	m->tenants[m->n_tenants++] = ((const struct tenant *) rec)->number;
	return 0;
}

static int read_tenants(void *ctx, struct store_tx *tx)
{
	struct store_list all = { 0 };

	return store_list(tx, &tenant_type, &all, note_number, ctx, NULL);
}

static int nothing(void *ctx, struct store_tx *tx) { return 0; }

/* The system's store says which tenants there are; a tenant nobody ever looked into has none yet. */
static int add(struct moving *m, const char *path, const char *schema, const char *name)
{
	bool system = !m->n;
	const struct nouns *nouns = system ? &m->system : &m->tenant;
	struct store_config from = { .path = arena_str(&m->arena, path), .schema = arena_str(&m->arena, schema), .name = arena_str(&m->arena, name),
		.url = m->config->store, .nouns = nouns->items, .n_nouns = nouns->n, .cache_kb = 4096 };
	struct store_config to = from;
	int r = from.path && from.schema && from.name ? 0 : err_fail(ERR_NO_MEMORY, "what", "@store", NULL);

	to.url = m->to;
	if (r == 0)
		r = store_peek(&from, system ? read_tenants : nothing, m);
	if (r == -ERR_MISSING && !system) {
		err_clear();
		return 0;
	}
	if (r == 0)
		m->moves[m->n++] = (struct store_move) { from, to };
	return r;
}

static int gather(struct moving *m)
{
	const struct guard_config *c = m->config;
	char dir[440], path[512];
	int r;

	if (!path_join(dir, sizeof(dir), c->data, "system") || !path_join(path, sizeof(path), dir, "store.db"))
		return err_failf(ERR_CONFIG, "the path of the data folder is too long");
	r = join(&m->arena, (struct nouns) { guard_system_nouns, guard_n_system_nouns }, (struct nouns) { c->system_nouns, c->n_system_nouns }, &m->system);
	if (r == 0)
		r = join(&m->arena, (struct nouns) { guard_tenant_nouns, guard_n_tenant_nouns }, (struct nouns) { c->tenant_nouns, c->n_tenant_nouns },
			&m->tenant);
	m->moves = arena_array(&m->arena, struct store_move, TENANTS_MAX + 1);
	if (r == 0 && !m->moves)
		r = err_fail(ERR_NO_MEMORY, "what", "@store", NULL);
	if (r == 0)
		r = add(m, path, "tenon_system", "the system's store");
	for (uint32_t i = 0; r == 0 && i < m->n_tenants; i++) {
		char schema[40] = "", name[60] = "", number[60] = "";

		buf_addf(&BUF_FIXED(schema), "tenon_%u", m->tenants[i]);
		buf_addf(&BUF_FIXED(name), "the store of tenant %u", m->tenants[i]);
		buf_addf(&BUF_FIXED(number), "tenants/%u", m->tenants[i]);
		if (!path_join(dir, sizeof(dir), c->data, number) || !path_join(path, sizeof(path), dir, "store.db"))
			return err_failf(ERR_CONFIG, "the path of the data folder is too long");
		r = add(m, path, schema, name);
	}
	return r;
}

int guard_move(const struct guard_config *c, const char *to, store_moved_fn on_table, void *ctx)
{
	struct moving *m = sys_new(struct moving);
	int r;

	if (!m)
		return err_fail(ERR_NO_MEMORY, "what", "guard", NULL);
	m->config = c;
	m->to = to;
	arena_init(&m->arena, &sys_heap, 0);
	r = gather(m);
	if (r == 0)
		r = store_move(m->moves, m->n, on_table, ctx);
	arena_done(&m->arena);
	sys_free(m);
	return r;
}
