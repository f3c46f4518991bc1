/* permission.c - the rights, from permissions.def. */

#include "base/str.h"
#include "guard/internal.h"

static const struct { const char *id, *title[LANG_N_]; } table[] = {
	[PERM_UNSET_] = { "", { "", "" } },
	[PUBLIC] = { "public", { "Open to everybody", "对所有人开放" } },
	[SIGNED_IN] = { "signed_in", { "Anybody signed in", "已登录即可" } },
#define PERMISSION(name, id, en, zh) [PERM_##name] = { id, { en, zh } },
#include "guard/permissions.def"
#undef PERMISSION
};
_Static_assert(ELEMENTSOF(table) == PERM_N_, "a word a permission");

const struct rec_word permission_words[] = {
#define PERMISSION(name, id, en, zh) { id, en, zh },
#include "guard/permissions.def"
#undef PERMISSION
	{ NULL },
};
_Static_assert(ELEMENTSOF(permission_words) - 1 == PERM_N_ - PERM_FIRST_, "a bit a permission");
_Static_assert(ELEMENTSOF(permission_words) - 1 <= 32, "a role's permissions are 32 bits");

const char *permission_id(enum permission p)
{
	return p > PERM_UNSET_ && p < PERM_N_ ? table[p].id : "";
}

const char *permission_title(enum permission p, enum lang lang)
{
	return p > PERM_UNSET_ && p < PERM_N_ && lang < LANG_N_ ? table[p].title[lang] : "";
}

enum permission permission_parse(const char *id)
{
	for (int p = PERM_FIRST_; p < PERM_N_; p++)
		if (str_eq(table[p].id, id))
			return (enum permission) p;
	return PERM_UNSET_;
}

struct grants grants_of_flags(uint32_t flags)
{
	return (struct grants) { (uint64_t) flags << PERM_FIRST_ | UINT64_C(1) << PUBLIC | UINT64_C(1) << SIGNED_IN };
}

/* ---- places ---- */

/* Rights over records that have a place; all others hold in the whole tenant or not at all. */
#define BIT(p) (UINT64_C(1) << (p))
static const uint64_t placed_rights = BIT(PERM_POINT_READ) | BIT(PERM_POINT_WRITE) | BIT(PERM_LINK_READ) | BIT(PERM_LINK_WRITE)
	| BIT(PERM_SAMPLE_READ) | BIT(PERM_SAMPLE_WRITE) | BIT(PERM_COMMAND) | BIT(PERM_SQL)
	| BIT(PERM_HISTORY_CORRECT) | BIT(PERM_HISTORY_DELETE);

bool permission_is_placed(enum permission p)
{
	return p >= PERM_FIRST_ && p < PERM_N_ && (placed_rights & BIT(p));
}

struct grants grants_for_place(struct grants g)
{
	return (struct grants) { g.bits & placed_rights };
}

bool scope_may_somewhere(const struct scope *s, enum permission p)
{
	if (scope_may(s, p))
		return true;
	for (uint32_t i = 0; i < s->n_placed; i++)
		if (grants_has(s->placed[i].grants, p))
			return true;
	return false;
}

struct grants scope_grants_at(const struct scope *s, const struct uuid *places, size_t n)
{
	struct grants g = s->grants;

	for (size_t k = 0; s->n_placed && k < n; k++) {
		uint32_t low = 0, high = s->n_placed;
		while (low < high) {
			uint32_t middle = (low + high) / 2;
			int order = uuid_cmp(&s->placed[middle].place, &places[k]);
			if (order == 0) {
				g.bits |= s->placed[middle].grants.bits;
				break;
			}
			if (order < 0)
				low = middle + 1;
			else
				high = middle;
		}
	}
	return g;
}

/* ---- the platform ---- */

/* Rights over all tenants at once: void in every tenant but the first. */
static const uint64_t platform_rights = BIT(PERM_TENANT_READ) | BIT(PERM_TENANT_WRITE) | BIT(PERM_SYSTEM_WRITE) | BIT(PERM_BACKUP);

bool permission_is_of_platform(enum permission p)
{
	return p >= PERM_FIRST_ && p < PERM_N_ && (platform_rights & BIT(p));
}

struct grants grants_of_tenant(struct grants g)
{
	return (struct grants) { g.bits & ~platform_rights };
}

/* ---- asking ---- */

static int lacks(const struct scope *s, enum permission p)
{
	if (s->password_due)
		return err_fail(ERR_PASSWORD_DUE, NULL, NULL);
	if (s->who.kind == PRINCIPAL_NOBODY || s->who.kind == PRINCIPAL_SETUP)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	return err_fail(ERR_DENIED, "permission", permission_id(p), NULL);
}

int scope_need(const struct scope *s, enum permission p)
{
	return scope_may(s, p) ? 0 : lacks(s, p);
}

int scope_need_somewhere(const struct scope *s, enum permission p)
{
	return scope_may_somewhere(s, p) ? 0 : lacks(s, p);
}
