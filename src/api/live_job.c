/* live_job.c - what the live socket asks workers to do: who is this, which points may he see, what passed on a connection. */

#include "api/live.h"
#include "plant/plant.h"
#include "service/reach.h"

enum ask_kind { ASK_HELLO, ASK_CHECK, ASK_RESOLVE, ASK_FRAMES };

struct job {
	struct work work;
	struct live_client *client;
	enum ask_kind kind;
	struct platform *platform;
	struct arena arena;
	/* asked */
	char bearer[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX], csrf[SECRET_TEXT_MAX], peer[48];
	uint32_t serial;
	char *path;
	struct uuid *wanted;
	uint32_t n_wanted;
	struct frames_asked frames;
	enum lang lang;
	/* answered */
	struct err err;
	uint32_t tenant;
	struct uuid who;
	bool sees_all;
	int64_t rights_until_ns;
	char name[260];
	struct live_point *points;
	uint32_t n;
	uint64_t generation;
	struct frames_told told;
	struct buf text;
};

static int scope_of(struct job *j, struct scope *s)
{
	struct credentials c = { .bearer = j->bearer[0] ? j->bearer : NULL, .cookie = j->cookie[0] ? j->cookie : NULL };
	struct buf b;
	int r;

	*s = (struct scope) { .guard = j->platform->guard, .platform = j->platform, .arena = &j->arena, .who = { .name = "", .role = "" } };
	b = BUF_FIXED(s->peer);
	buf_add(&b, j->peer);
	r = guard_authenticate(s, &c);
	if (r >= 0)
		r = scope_need_somewhere(s, PERM_POINT_READ);
	/* A cookie comes along by itself: only the page itself knows the CSRF value. */
	if (r >= 0 && j->kind == ASK_HELLO && !c.bearer && !guard_csrf_matches(s, j->csrf))
		r = err_fail(ERR_CSRF, NULL, NULL);
	return r;
}

static int add_point(struct job *j, const struct plant_point *p)
{
	if (j->n == LIVE_POINTS_MAX)
		return err_fail(ERR_LIMIT, "what", "@points", "max", "10000", NULL);
	j->points[j->n++] = (struct live_point) { .id = p->id, .series = p->series };
	return 0;
}

static int resolve_path(struct job *j, struct scope *s)
{
	struct plant_point *list;
	int n = plant_list(j->platform->plant, s->tenant, NULL, j->path, &j->arena, &list), r = 0;

	if (n <= 0)
		return n;
	j->points = sys_alloc_array(MIN((uint32_t) n, (uint32_t) LIVE_POINTS_MAX), sizeof(*j->points));
	if (!j->points)
		return err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
	for (int i = 0; i < n && r >= 0; i++)
		if (reach_device(s, PERM_POINT_READ, &list[i].device))
			r = add_point(j, &list[i]);
	return r;
}

/* What is not there, not in this tenant, or where one may not look, is left out. */
static int resolve_ids(struct job *j, struct scope *s)
{
	struct plant_point p;
	int r = 0;

	j->points = sys_alloc_array(j->n_wanted + 1, sizeof(*j->points));
	if (!j->points)
		return err_fail(ERR_NO_MEMORY, "what", "a subscription", NULL);
	for (uint32_t i = 0; i < j->n_wanted && r >= 0; i++) {
		int found = plant_by_id(j->platform->plant, s->tenant, &j->wanted[i], &j->arena, &p);
		if (found >= 0)
			r = reach_device(s, PERM_POINT_READ, &p.device) ? add_point(j, &p) : 0;
		else if (found != -ERR_MISSING)
			return found;
		else
			err_clear();
	}
	return r;
}

static int run(struct work *w, void *worker)
{
	struct job *j = CONTAINER_OF(w, struct job, work);
	struct scope s;
	int r;

	arena_init(&j->arena, &sys_heap, 64 << 20);
	r = scope_of(j, &s);
	if (r >= 0 && j->kind == ASK_FRAMES) {
		struct json out = JSON_TO(&j->text);
		s.lang = j->lang;
		r = frames_write(&s, &j->frames, &out, &j->told);
		if (r >= 0 && j->text.failed)
			r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	}
	if (r >= 0 && j->kind == ASK_RESOLVE) {
		j->generation = plant_generation(j->platform->plant);
		r = j->path ? resolve_path(j, &s) : resolve_ids(j, &s);
	}
	if (r >= 0) {
		struct buf b = BUF_FIXED(j->name);
		buf_add(&b, s.who.name);
		j->tenant = s.tenant;
		j->who = s.who.id;
		j->sees_all = scope_may(&s, PERM_SYSTEM_READ);
		j->rights_until_ns = s.rights_until_ns;
	} else {
		j->err = err_take(r);
	}
	arena_done(&j->arena);
	return r;
}

static void done(struct work *w)
{
	struct job *j = CONTAINER_OF(w, struct job, work);
	struct live_client *c = j->client;

	if (w->result < 0 && j->err.kind == ERR_NONE)   /* it never ran */
		j->err = err_take(w->result);
	if (j->kind == ASK_FRAMES)
		live_on_frames(c, &(struct live_frames) { j->serial, w->result, &j->err, j->text.data, j->told.last, j->told.n });
	else if (j->kind == ASK_RESOLVE)
		live_on_resolved(c, &(struct live_resolved) { j->serial, w->result, &j->err, take(j->points), j->n, j->generation });
	else
		live_on_hello(c, &(struct live_known) { w->result, &j->err, j->tenant, j->rights_until_ns, j->who, j->sees_all, j->name });
	sys_free(j->points);
	sys_free(j->path);
	sys_free(j->wanted);
	buf_done(&j->text);
	sys_free(j);
	live_job_over(c);
}

static int start(struct live_client *c, struct job *j)
{
	struct api *a = c->live->api;
	int r;

	j->client = c;
	j->platform = a->platform;
	memcpy(j->bearer, c->bearer, sizeof(j->bearer));
	memcpy(j->cookie, c->cookie, sizeof(j->cookie));
	memcpy(j->peer, c->peer, sizeof(j->peer));
	r = work_submit(a->workers, a->loop, &j->work, run, done);
	if (r < 0) {
		sys_free(j->path);
		sys_free(j->wanted);
		sys_free(j);
		return r;
	}
	c->jobs++;
	return 0;
}

static int ask(struct live_client *c, enum ask_kind kind, const char *csrf)
{
	struct job *j = sys_new(struct job);

	if (!j)
		return err_fail(ERR_NO_MEMORY, "what", "live", NULL);
	j->kind = kind;
	if (csrf && str_len(csrf) < sizeof(j->csrf))
		memcpy(j->csrf, csrf, str_len(csrf) + 1);
	return start(c, j);
}

int live_job_hello(struct live_client *c, const char *csrf) { return ask(c, ASK_HELLO, csrf); }
int live_job_check(struct live_client *c) { return ask(c, ASK_CHECK, NULL); }

int live_job_resolve(struct live_client *c, struct live_sub *s)
{
	struct job *j = sys_new(struct job);
	int r;

	if (!j)
		return err_fail(ERR_NO_MEMORY, "what", "live", NULL);
	j->kind = ASK_RESOLVE;
	j->serial = s->serial;
	j->path = sys_strdup(s->path);
	j->wanted = sys_alloc_array(s->n_wanted, sizeof(*j->wanted));
	j->n_wanted = s->n_wanted;
	if ((s->path && !j->path) || (s->n_wanted && !j->wanted)) {
		sys_free(j->path);
		sys_free(j->wanted);
		sys_free(j);
		return err_fail(ERR_NO_MEMORY, "what", "live", NULL);
	}
	if (s->n_wanted)
		memcpy(j->wanted, s->wanted, s->n_wanted * sizeof(*j->wanted));
	r = start(c, j);
	s->resolving = r >= 0;
	if (r >= 0)
		s->stale = false;
	return r;
}

int live_job_frames(struct live_client *c, struct live_sub *s)
{
	struct job *j = sys_new(struct job);
	int r;

	if (!j)
		return err_fail(ERR_NO_MEMORY, "what", "live", NULL);
	j->kind = ASK_FRAMES;
	j->serial = s->serial;
	j->frames = (struct frames_asked) { s->connection, s->after, s->told ? LIVE_FRAMES_MORE : LIVE_FRAMES_FIRST };
	j->lang = s->lang;
	j->text = BUF_INIT(&sys_heap, LIVE_BACKLOG_MAX / 2);
	r = start(c, j);
	s->resolving = r >= 0;
	return r;
}
