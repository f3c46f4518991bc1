/* command_trim.c - commands that ended long ago go; what the audit says of them stays. */
#include "base/when.h"
#include "service/command_int.h"

enum { AT_ONCE = 200, ROUNDS = 50 };

struct old { int64_t before_ns; struct uuid id[AT_ONCE]; uint32_t n; bool more; };

/* Oldest first, for ids are made of the time: the first that is young enough ends it, so that a look costs no more than what is found. */
static int note_old(void *ctx, const void *rec)
{
	const struct command_record *c = rec;
	struct old *o = ctx;

	if (c->head.created >= o->before_ns)
		return 1;
	if (c->state == COMMAND_WAITING)
		return 0;
	o->id[o->n++] = c->head.id;
	o->more = o->n == AT_ONCE;
	return o->more ? 1 : 0;
}

static int trim(struct scope *s, const void *in, void *ret)
{
	struct old *o = ret;
	struct store_list by_age = { .limit = 0 };
	char when[WHEN_TEXT_MAX];
	int r = store_list(s->tx, &command_type, &by_age, note_old, o, NULL);

	for (uint32_t i = 0; r >= 0 && i < o->n; i++)
		r = store_del(s->tx, &command_type, &o->id[i], 0, &s->who.id);
	if (r < 0 || !o->n)
		return r < 0 ? r : DEED_CHANGED_NOTHING;
	when_format(when, o->before_ns);
	return audit_text(s, "commands", arena_fmt(s->arena, "%u of before %s", o->n, when));
}

static int trim_tenant(struct scope *s, void *ctx)
{
	const int64_t *before_ns = ctx;
	static const struct deed deed = DEED("point.command_expired", PERM_COMMAND, DEED_TENANT, trim);
	struct old *o = arena_new(s->arena, struct old);
	int r = o ? 0 : err_fail(ERR_NO_MEMORY, "what", "@command", NULL);

	for (unsigned i = 0; r >= 0 && i < ROUNDS; i++) {
		*o = (struct old) { .before_ns = *before_ns };
		r = scope_do(s, &deed, NULL, o);
		if (!o->more || atomic_load(&s->platform->ending))
			break;
	}
	return r;
}

int commands_trim(struct platform *p, int64_t keep_ns)
{
	int64_t before_ns = clock_now_ns() - keep_ns;

	return keep_ns > 0 ? each_tenant(p, "retention", trim_tenant, &before_ns) : 0;
}
