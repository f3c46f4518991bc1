/* permission.c - the rights, from permissions.def. */

#include "base/str.h"
#include "guard/guard.h"

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

int scope_need(const struct scope *s, enum permission p)
{
	if (scope_may(s, p))
		return 0;
	if (s->who.kind == PRINCIPAL_NOBODY || s->who.kind == PRINCIPAL_SETUP)
		return err_fail(ERR_UNAUTHENTICATED, NULL, NULL);
	return err_fail(ERR_DENIED, "permission", permission_id(p), NULL);
}
