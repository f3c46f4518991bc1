/* service.c - the list of nouns, opening and closing. */

#include "job/job.h"
#include "service/approval.h"
#include "service/command.h"
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

int service_open(struct platform *p, const struct guard_config *config, const struct noun *const *more)
{
	struct guard_config c = *config;
	struct store_noun tenant[64] = { { &import_type, STORE_QUIET }, { &import_part_type, STORE_QUIET } }, system[16] = { { &approval_type, 0 } };
	const struct noun **all;
	size_t n = N_OWN, n_tenant = 2 /* what undo.c keeps */, n_system = 1 /* approval.c */;
	int r;

	for (size_t i = 0; more && more[i]; i++)
		n++;
	all = sys_alloc_array(n + 1, sizeof(*all));
	if (!all)
		return err_fail(ERR_NO_MEMORY, "what", "the record types", NULL);
	memcpy(all, own, sizeof(own));
	for (size_t i = N_OWN; i < n; i++)
		all[i] = more[i - N_OWN];
	for (size_t i = 0; i < n; i++) {
		bool is_tenants = all[i]->store == DEED_TENANT;
		if (is_guards(all[i]->type))
			continue;
		if (is_tenants ? n_tenant == ELEMENTSOF(tenant) : n_system == ELEMENTSOF(system)) {
			sys_free(all);
			return err_fail(ERR_LIMIT, "what", "record types", "max", "64", NULL);
		}
		if (is_tenants)
			tenant[n_tenant++].type = all[i]->type, tenant[n_tenant - 1].flags = 0;
		else
			system[n_system++].type = all[i]->type, system[n_system - 1].flags = 0;
	}
	if (n_tenant + 3 > ELEMENTSOF(tenant)) {
		sys_free(all);
		return err_fail(ERR_LIMIT, "what", "record types", "max", "64", NULL);
	}
	tenant[n_tenant++] = (struct store_noun) { &job_type, STORE_QUIET };
	tenant[n_tenant++] = (struct store_noun) { &command_type, STORE_QUIET };
	tenant[n_tenant++] = (struct store_noun) { &kept_answer_type, STORE_QUIET };
	c.tenant_nouns = tenant;
	c.n_tenant_nouns = n_tenant;
	c.system_nouns = system;
	c.n_system_nouns = n_system;
	r = guard_open(&p->guard, &c);
	if (r < 0) {
		sys_free(all);
		return r;
	}
	p->nouns = all;
	return 0;
}

void service_close(struct platform *p)
{
	p->guard = guard_close(p->guard);
	sys_free((void *) (uintptr_t) p->nouns);
	p->nouns = NULL;
}

static const struct job_kind *const job_kinds[] = { &samples_export_kind, NULL };

const struct job_kind *const *service_job_kinds(void)
{
	return job_kinds;
}
