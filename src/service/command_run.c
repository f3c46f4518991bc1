/*
 * command_run.c - orders under way: from the deed to the link, and from the link back into the records.
 *
 * The link tells ends on its own thread; there they are only noted. When the last command of an order has ended a worker of a pool of
 * their own, so that nobody's requests are in the way, writes the ends down and tells who waits.
 */
#include "service/command_int.h"

#include "base/num.h"
#include "service/reach.h"

/* ---- the end ---- */

static const enum command_state states[] = { [ERRAND_DONE] = COMMAND_DONE, [ERRAND_UNCHECKED] = COMMAND_UNCHECKED, [ERRAND_DIFFERS] = COMMAND_DIFFERS,
	[ERRAND_REFUSED] = COMMAND_REFUSED, [ERRAND_UNKNOWN] = COMMAND_UNKNOWN, [ERRAND_STOPPED] = COMMAND_STOPPED };

static void set_ended(struct command_record *r)
{
	r->ended = clock_now_ns();
	rec_set_has(&command_type, r, rec_field(&command_type, "ended"), true);
}

/* Until it is out of the list the order may be looked at: order_look(). */
static void take_over(struct order *o, struct command_record *to, const struct command_record *from)
{
	if (o->commands)
		mutex_lock(&o->commands->lock);
	*to = *from;
	if (o->commands)
		mutex_unlock(&o->commands->lock);
}

static int finish_deed(struct scope *s, const void *in, void *ret)
{
	struct order *o = ret;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < o->n; i++) {
		struct command_record before, *rec = &o->task[i].end.rec, now = *rec;

		if (o->task[i].is_refused)
			continue;
		r = store_get(s->tx, &command_type, &rec->head.id, &before, s->arena);
		if (r == 0) {
			now.head = before.head;
			now.head.has[0] = rec->head.has[0];
			now.head.has[1] = rec->head.has[1];
			r = store_put(s->tx, &command_type, &now, &s->who.id);
		}
		if (r >= 0) {
			take_over(o, rec, &now);
			r = audit_change(s, &command_type, &before, rec);
		}
	}
	return r;
}

/* Of commands whose places were looked at when they were sent. */
static const struct deed deed_finish = { .name = "point.command_end", .permission = MUST_SAY(PERM_COMMAND), .store = DEED_TENANT, .placed = true,
	.run = finish_deed };

static void order_free(struct order *o)
{
	arena_done(&o->arena);
	sys_free(o);
}

/* On behalf of who sent them: he may have lost the right meanwhile, but it was done. */
static int finish(struct work *w, void *worker)
{
	struct order *o = CONTAINER_OF(w, struct order, work);
	struct platform *p = o->commands->platform;
	struct command_end *ends = arena_array(&o->arena, struct command_end, o->n);
	struct scope s;
	int r;

	scope_system(&s, p->guard, p, &o->arena, "command");
	r = scope_enter(&s, &o->tenant_id);
	s.who = o->who;
	s.approver = o->approver;
	s.lang = o->lang;
	memcpy(s.request, o->request, sizeof(s.request));
	memcpy(s.peer, o->peer, sizeof(s.peer));
	if (r == 0)
		r = scope_do(&s, &deed_finish, NULL, o);
	if (r < 0)
		log_error("service", "the end of a command is not recorded: %s", err_log_text(err_peek()));
	err_clear();
	for (uint32_t i = 0; ends && i < o->n; i++)
		ends[i] = o->task[i].end;
	if (o->on_end)
		o->on_end(o->on_end_ctx, ends, ends ? o->n : 0);
	return 0;
}

static void finished(struct work *w)
{
	struct order *o = CONTAINER_OF(w, struct order, work);
	struct commands *c = o->commands;
	struct order **at = &c->orders;

	mutex_lock(&c->lock);
	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	c->n_orders--;
	mutex_unlock(&c->lock);
	order_free(o);
}

static void one_ended(struct order *o)
{
	struct commands *c = o->commands;
	bool last;

	mutex_lock(&c->lock);
	last = --o->left == 0;
	mutex_unlock(&c->lock);
	/* There is room for every order: the pool's queue is as long as the list. */
	if (last && work_submit(c->pool, c->loop, &o->work, finish, finished) < 0) {
		log_error("service", "the end of a command is not recorded: %s", err_log_text(err_peek()));
		err_clear();
	}
}

static void on_end(void *ctx, const struct errand_result *r)
{
	struct errand_ctx *x = ctx;
	struct order *o = x->order;
	struct command_task *t = &o->task[x->i];
	struct err why = r->why;

	mutex_lock(&o->commands->lock);
	t->end.rec.after = command_value_json(&o->arena, r->value);
	t->end.rec.took_us = (uint32_t) MIN(r->took_us, (int64_t) UINT32_MAX);
	if (r->outcome == ERRAND_DIFFERS)
		why = err_take(err_fail(ERR_DIFFERS, "what", t->at.path, "value", t->end.rec.value, "got", t->end.rec.after ? t->end.rec.after : "?", NULL));
	command_failed(&o->arena, &t->end, states[r->outcome], &why);
	set_ended(&t->end.rec);
	t->ticket = 0;
	mutex_unlock(&o->commands->lock);
	one_ended(o);
}

/* A ramp has come further. */
static void on_step(void *ctx, const struct errand_result *r)
{
	struct errand_ctx *x = ctx;
	struct order *o = x->order;

	mutex_lock(&o->commands->lock);
	o->task[x->i].value_now = r->value;
	mutex_unlock(&o->commands->lock);
}

/* ---- the beginning ---- */

static int copy_task(struct order *o, struct command_task *to, const struct command_task *from)
{
	int r;

	*to = *from;
	r = rec_dup(&command_type, &to->end.rec, &from->end.rec, &o->arena);
	if (r == 0)
		r = rec_dup(&point_type, &to->point, &from->point, &o->arena);
	to->at.path = to->end.rec.path;
	to->at.unit = to->end.rec.unit;
	to->at.code = to->at.name = "";
	if (from->value.type == V_STR) {
		to->value.s = arena_strn(&o->arena, from->value.s, from->value.len);
		if (!to->value.s)
			r = err_fail(ERR_NO_MEMORY, "what", "@command", NULL);
	}
	return r;
}

static int order_new(struct scope *s, const struct command_task *tasks, uint32_t n, struct order **ret)
{
	struct order *o = sys_new(struct order);
	int r = 0;

	if (!o)
		return err_fail(ERR_NO_MEMORY, "what", "@command", NULL);
	*o = (struct order) { .commands = s->platform->commands, .n = n, .left = 1, .tenant = s->tenant, .tenant_id = s->tenant_id, .who = s->who, .lang = s->lang };
	arena_init(&o->arena, &sys_heap, 64 << 20);
	memcpy(o->request, s->request, sizeof(o->request));
	memcpy(o->peer, s->peer, sizeof(o->peer));
	o->task = arena_array(&o->arena, struct command_task, n);
	o->ctx = arena_array(&o->arena, struct errand_ctx, n);
	o->who.name = arena_str(&o->arena, s->who.name);
	o->who.role = arena_str(&o->arena, s->who.role);
	o->approver = s->approver;
	o->approver.name = arena_str(&o->arena, s->approver.name ? s->approver.name : "");
	o->approver.role = "";
	if (!o->task || !o->ctx || !o->who.name || !o->who.role || !o->approver.name)
		r = err_fail(ERR_NO_MEMORY, "what", "@command", NULL);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = copy_task(o, &o->task[i], &tasks[i]);
		o->ctx[i] = (struct errand_ctx) { o, i };
		o->left += !tasks[i].is_refused;
		o->walks |= !tasks[i].is_refused && tasks[i].end.rec.ramp > 0;
	}
	if (r < 0) {
		order_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

static int enlist(struct commands *c, struct order *o)
{
	char max[NUM_TEXT_MAX];

	num_format_u64(max, ORDERS_MAX);
	mutex_hold(&c->lock);
	if (c->n_orders >= ORDERS_MAX)
		return err_fail(ERR_LIMIT, "what", "@commands_open", "max", max, NULL);
	o->next = c->orders;
	c->orders = o;
	c->n_orders++;
	return 0;
}

static void send_one(struct order *o, uint32_t i)
{
	struct commands *c = o->commands;
	struct command_task *t = &o->task[i];
	struct errand e = { .kind = ERRAND_WRITE, .device = &t->device, .point = &t->point, .series = t->at.series, .store = true, .value = t->value,
		.ramp = t->end.rec.ramp, .on_step = on_step, .on_end = on_end, .ctx = &o->ctx[i] };
	struct errand_result refused = { .outcome = ERRAND_REFUSED };
	uint64_t ticket = 0;
	int r = link_errand(c->platform->link, &e, &ticket);

	if (r < 0) {
		refused.why = err_take(r);
		on_end(&o->ctx[i], &refused);
		return;
	}
	mutex_lock(&c->lock);
	if (t->end.rec.state == COMMAND_WAITING)
		t->ticket = ticket;
	mutex_unlock(&c->lock);
}

/* What cannot even be begun is refused as a whole, and the records say so. */
static int refuse_all(struct scope *s, struct command_task *tasks, uint32_t n, struct order *o, int r)
{
	struct order whole = { .n = n, .task = tasks };
	struct err why = err_take(r);

	for (uint32_t i = 0; i < n; i++)
		if (!tasks[i].is_refused) {
			command_failed(s->arena, &tasks[i].end, COMMAND_REFUSED, &why);
			set_ended(&tasks[i].end.rec);
		}
	if (scope_do(s, &deed_finish, NULL, &whole) < 0)
		err_clear();
	if (o)
		order_free(o);
	return 0;
}

int order_start(struct scope *s, struct command_task *tasks, uint32_t n, command_end_fn told, void *ctx)
{
	struct commands *c = s->platform->commands;
	struct order *o = NULL;
	bool walks;
	int r = order_new(s, tasks, n, &o);

	if (r == 0)
		r = enlist(c, o);
	if (r < 0)
		return refuse_all(s, tasks, n, o, r);
	walks = o->walks;
	o->on_end = walks ? NULL : told;
	o->on_end_ctx = ctx;
	for (uint32_t i = 0; i < n; i++)
		if (!o->task[i].is_refused)
			send_one(o, i);
	one_ended(o);           /* the order itself: nothing of it may be touched any more */
	return walks ? 2 : 1;
}

/* ---- while it walks ---- */

static struct command_task *find(struct commands *c, const struct uuid *id)
{
	for (struct order *o = c->orders; o; o = o->next)
		for (uint32_t i = 0; i < o->n; i++)
			if (uuid_equal(&o->task[i].end.rec.head.id, id))
				return &o->task[i];
	return NULL;
}

void order_look(struct commands *c, struct command_record *rec, struct arena *a)
{
	const struct command_task *t;

	mutex_hold(&c->lock);
	t = find(c, &rec->head.id);
	if (t && t->end.rec.state == COMMAND_WAITING && t->value_now.type != V_NONE)
		rec->after = command_value_json(a, t->value_now);
}

static int stop_deed(struct scope *s, const void *in, void *ret)
{
	struct command_record rec;
	int r = store_get(s->tx, &command_type, in, &rec, s->arena);

	return r < 0 ? r : audit_change(s, &command_type, &rec, &rec);
}

static const struct deed deed_stop = { .name = "point.command_stop", .permission = MUST_SAY(PERM_COMMAND), .store = DEED_TENANT, .placed = true,
	.run = stop_deed };

int command_stop(struct scope *s, const struct uuid *id)
{
	struct commands *c = s->platform->commands;
	struct command_record rec;
	struct command_task *t;
	uint64_t ticket = 0;
	int r = command_get(s, id, &rec);

	if (r == 0)
		r = reach_need_device(s, PERM_COMMAND, &rec.device);
	if (r == 0)
		r = scope_do(s, &deed_stop, id, NULL);
	if (r < 0)
		return r;
	mutex_lock(&c->lock);
	t = find(c, id);
	ticket = t ? t->ticket : 0;
	mutex_unlock(&c->lock);
	if (ticket)
		link_errand_cancel(s->platform->link, ticket);
	return 0;
}

/* ---- life ---- */

int commands_new(struct commands **ret, struct platform *p, struct loop *loop)
{
	struct commands *c = sys_new(struct commands);
	int r;

	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "@command", NULL);
	c->platform = p;
	c->loop = loop;
	mutex_init(&c->lock);
	r = work_pool_new(&(struct work_config) { .name = "command", .threads = 2, .max_queued = ORDERS_MAX }, &c->pool);
	if (r < 0)
		return commands_free(c), r;
	*ret = c;
	return 0;
}

struct left { struct scope *s; struct command_record *items; uint32_t n; };

static int gather(void *ctx, const void *rec)
{
	struct left *l = ctx;

	return rec_dup(&command_type, &l->items[l->n++], rec, l->s->arena);
}

static int close_deed(struct scope *s, const void *in, void *ret)
{
	enum { AT_ONCE = 500 };
	struct store_filter filter = { "state", STORE_EQ, "waiting" };
	struct store_list list = { .filters = &filter, .n_filters = 1, .limit = AT_ONCE };
	struct left l = { .s = s, .items = arena_array(s->arena, struct command_record, AT_ONCE) };
	struct err why = err_take(err_fail(ERR_REFUSED, "what", "@command", "detail", "@command_restart", NULL));
	int r = l.items ? store_list(s->tx, &command_type, &list, gather, &l, NULL) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	for (uint32_t i = 0; r >= 0 && i < l.n; i++) {
		struct command_end e = { .rec = l.items[i] };

		command_failed(s->arena, &e, COMMAND_UNKNOWN, &why);
		set_ended(&e.rec);
		r = store_put(s->tx, &command_type, &e.rec, &s->who.id);
		if (r >= 0)
			r = audit_change(s, &command_type, &l.items[i], &e.rec);
	}
	return r < 0 ? r : (int) l.n;
}

static int any_left(struct scope *s, const void *in, void *ret)
{
	struct store_filter filter = { "state", STORE_EQ, "waiting" };
	struct command_record rec;

	return store_find(s->tx, &command_type, &filter, 1, &rec, s->arena);
}

static const struct deed deed_any = DEED_READ("command.left", PERM_COMMAND, DEED_TENANT, any_left);
static const struct deed deed_close = DEED("point.command_lost", PERM_COMMAND, DEED_TENANT, close_deed);

static int close_left(struct scope *s, void *ctx)
{
	int r = 0;

	while (r >= 0) {
		r = scope_do(s, &deed_any, NULL, NULL);
		if (r == 0)
			r = scope_do(s, &deed_close, NULL, NULL);
	}
	if (r != -ERR_MISSING)
		return r;
	err_clear();                            /* none is left */
	return 0;
}

int commands_start(struct commands *c)
{
	return each_tenant(c->platform, "command", close_left, NULL);
}

struct commands *commands_free(struct commands *c)
{
	if (!c)
		return NULL;
	work_pool_free(c->pool);
	loop_step(c->loop, 0);          /* what its workers still had to say */
	mutex_done(&c->lock);
	return sys_free(c);
}
