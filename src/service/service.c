/* service.c - the list of nouns, opening and closing. */

#include "job/job.h"
#include "service/correction.h"
#include "service/history.h"
#include "service/removal.h"
#include "service/approval.h"
#include "service/command.h"
#include "service/commission.h"
#include "service/internal.h"

/* group_type has no hooks of its own; a row may name NULL. */
#define NOUN(id, type, store, read, write, hooks) static const struct noun noun_##id = NOUN_ROW(type, store, read, write, hooks);
#include "service/nouns.def"
#undef NOUN
static const struct noun *const own[] = {
#define NOUN(id, type, store, read, write, hooks) &noun_##id,
#include "service/nouns.def"
#undef NOUN
	NULL,
};
enum { N_OWN = ELEMENTSOF(own) - 1 };

const struct noun *const *service_nouns(void)
{
	return own;
}

const struct noun *noun_find(const struct platform *p, const char *name)
{
	for (const struct noun *const *n = p->nouns; n && *n; n++)
		if (str_eq((*n)->type->plural, name) || str_eq((*n)->type->name, name))
			return *n;
	return NULL;
}

const struct rec_field *noun_tenant_field(const struct noun *n)
{
	const struct rec_field *f = n->store == DEED_SYSTEM ? rec_field(n->type, "tenant") : NULL;

	return f && (f->kind == REC_REF || f->kind == REC_UUID) ? f : NULL;
}

/* What guard keeps by itself (users, roles …) it opens without being told. */
static bool is_guards(const struct rec_type *t)
{
	return t == &user_type || t == &role_type || t == &grant_type || t == &token_type || t == &tenant_type;
}

enum { TENANTS_NOUNS = 64, SYSTEM_NOUNS = 16 };
struct kept { struct store_noun tenant[TENANTS_NOUNS], system[SYSTEM_NOUNS]; size_t n_tenant, n_system; };

static int keep(struct kept *k, const struct rec_type *t, enum deed_store store, unsigned flags)
{
	if (store == DEED_TENANT ? k->n_tenant == TENANTS_NOUNS : k->n_system == SYSTEM_NOUNS)
		return err_fail(ERR_LIMIT, "what", "record types", "max", "64", NULL);
	if (store == DEED_TENANT)
		k->tenant[k->n_tenant++] = (struct store_noun) { t, flags };
	else
		k->system[k->n_system++] = (struct store_noun) { t, flags };
	return 0;
}

/* What the stores hold besides what guard keeps by itself: the nouns, what undo.c and approval.c remember, jobs, commands. */
static int keep_all(struct kept *k, const struct noun *const *nouns, struct guard_config *c)
{
	static const struct { const struct rec_type *type; enum deed_store store; unsigned flags; } besides[] = {
		{ &import_type, DEED_TENANT, STORE_QUIET }, { &import_part_type, DEED_TENANT, STORE_QUIET }, { &approval_type, DEED_SYSTEM, 0 },
		{ &job_type, DEED_TENANT, STORE_QUIET }, { &command_type, DEED_TENANT, STORE_QUIET }, { &kept_answer_type, DEED_TENANT, STORE_QUIET },
		{ &correction_type, DEED_TENANT, STORE_QUIET }, { &removal_type, DEED_TENANT, STORE_QUIET },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ELEMENTSOF(besides); i++)
		r = keep(k, besides[i].type, besides[i].store, besides[i].flags);
	for (; r == 0 && *nouns; nouns++)
		if (!is_guards((*nouns)->type))
			r = keep(k, (*nouns)->type, (*nouns)->store, 0);
	c->tenant_nouns = k->tenant;
	c->n_tenant_nouns = k->n_tenant;
	c->system_nouns = k->system;
	c->n_system_nouns = k->n_system;
	return r;
}

int service_open(struct platform *p, const struct guard_config *config, const struct noun *const *more)
{
	struct kept kept = { .n_tenant = 0 };
	struct guard_config c = *config;
	const struct noun **all;
	size_t n = N_OWN;
	int r;

	for (size_t i = 0; more && more[i]; i++)
		n++;
	all = sys_alloc_array(n + 1, sizeof(*all));
	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "the record types", NULL);
	memcpy(all, own, sizeof(own));
	for (size_t i = N_OWN; i < n; i++)
		all[i] = more[i - N_OWN];
	r = keep_all(&kept, all, &c);
	if (r == 0)
		r = guard_open(&p->guard, &c);
	if (r < 0) {
		sys_free(all);
		return r;
	}
	p->nouns = all;
	return 0;
}

int service_move(const struct guard_config *config, const char *to, store_moved_fn on_table, void *ctx)
{
	struct kept kept = { .n_tenant = 0 };
	struct guard_config c = *config;
	int r = keep_all(&kept, own, &c);

	return r < 0 ? r : guard_move(&c, to, on_table, ctx);
}

void service_close(struct platform *p)
{
	p->guard = guard_close(p->guard);
	sys_free((void *) (uintptr_t) p->nouns);
	p->nouns = NULL;
}

int each_tenant(struct platform *p, const char *as, int (*fn)(struct scope *s, void *ctx), void *ctx)
{
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(p->guard, tenants);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		struct arena a;
		struct uuid id;
		struct scope s;

		arena_init(&a, &sys_heap, 0);
		scope_system(&s, p->guard, p, &a, as);
		r = guard_tenant_id(p->guard, tenants[i], &id);
		if (r == 0)
			r = scope_enter(&s, &id);
		if (r >= 0)
			r = fn(&s, ctx);
		arena_done(&a);
	}
	return MIN(r, 0);
}

static const struct job_kind *const job_kinds[] = { &samples_export_kind, &import_job_kind, &scan_kind, &backup_make_kind, &backup_verify_kind, &history_compact_kind, &history_erase_kind, &history_check_kind, &history_export_kind, NULL };

const struct job_kind *const *service_job_kinds(void)
{
	return job_kinds;
}
