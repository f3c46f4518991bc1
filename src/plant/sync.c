/*
 * sync.c - from the store into the picture.
 *
 * The first time every record is listed, parents first. Later the change feed names ids; each is read once in its present state,
 * whatever happened to it in between. A point's series is asked for in blocks: the dictionary syncs once a block.
 */
#include <stdlib.h>

#include "base/str.h"
#include "plant/picture.h"
#include "store/store.h"
#include "tsdb/tsdb.h"

enum { BLOCK = 4096, CHANGES = 10000, RUN = 64 };

/* What the picture has of a point, and what says its series' type. Half of the columns, and most of the work of a list. */
static const char *const point_parts[] = { "group", "device", "code", "name", "path", "type", "labels", "enabled", "store", "keep_days", "unit", "scale", "offset",
	"raw_min", "raw_max", "eng_min", "eng_max", "decimals", "between" };

static const struct rec_type *const types[PLANT_WHATS_] = { &label_type, &place_type, &connection_type, &device_type, &group_type, &point_type };

struct sync {
	struct plant *plant;
	struct picture *picture;
	struct store_tx *tx;
	struct arena arena;             /* of the block */
	struct point *points[BLOCK];
	size_t n;
};

static void tell(struct sync *s, enum plant_what what, const struct uuid *id, const void *rec, const struct plant_point *point)
{
	struct plant_event e = { .what = what, .tenant = s->picture->tenant, .id = *id, .rec = rec, .point = point };

	if (s->plant->on_event)
		s->plant->on_event(s->plant->ctx, &e);
}

/* Where devices and places are, before anybody is told. */
static int place_set(struct sync *s, enum plant_what what, const struct uuid *id, const void *rec)
{
	struct above at = { .id = *id };
	bool changed, done = true;

	if (what != PLANT_PLACE && what != PLANT_DEVICE)
		return 0;
	if (rec && what == PLANT_PLACE)
		at = (struct above) { *id, ((const struct place *) rec)->parent, ((const struct place *) rec)->level };
	else if (rec)
		at.up = ((const struct device *) rec)->place;
	rwlock_write(&s->plant->lock);
	if (rec)
		done = picture_above(s->picture, &at, &changed);
	else
		picture_above_gone(s->picture, id, &changed);
	rwlock_unlock(&s->plant->lock);
	if (changed)
		atomic_fetch_add(&s->plant->generation, 1);
	return done ? 0 : err_fail(ERR_NO_MEMORY, "what", "@place", NULL);
}

static const char *put_text(char **at, const char *text)
{
	char *start = *at;
	size_t n = str_len(text) + 1;

	memcpy(start, text ? text : "", n);
	*at += n;
	return start;
}

static int32_t own_days(const struct rec_type *t, const void *rec, int32_t days)
{
	return rec_has(t, rec, rec_field(t, "keep_days")) ? days : -1;
}

/* How long samples are kept, as the store of samples wants to hear it. */
static void retain(const struct sync *s, const struct item *i)
{
	int32_t days;

	picture_days(i, &days);
	tsdb_retain(s->plant->tsdb, s->picture->tenant, i->point.series, picture_retain(days));
}

/* What a label says now, to all who wear it. */
static int label_set(struct sync *s, const struct uuid *id, const struct label *rec)
{
	struct labelled *l;
	int r = 0;

	rwlock_write(&s->plant->lock);
	if (rec)
		r = picture_label_set(s->picture, rec);
	else
		picture_label_gone(s->picture, id);
	rwlock_unlock(&s->plant->lock);
	atomic_fetch_add(&s->plant->generation, 1);
	l = picture_label(s->picture, id);
	for (uint32_t i = 0; l && i < l->n; i++)
		retain(s, l->items[i]);
	return r;
}

static struct item *item_new(uint32_t tenant, const struct point *p, uint32_t series)
{
	size_t texts = str_len(p->path) + str_len(p->code) + str_len(p->name) + str_len(p->unit) + 4, ids = p->labels.n * sizeof(struct uuid);
	struct item *i = sys_alloc(sizeof(*i) + p->labels.n * sizeof(i->worn[0]) + ids + texts);
	struct uuid *labels;
	char *at;

	if (!i)
		return NULL;
	for (uint32_t k = 0; k < p->labels.n; k++)
		i->worn[k] = (struct worn) { .label = NULL };
	labels = (struct uuid *) (void *) &i->worn[p->labels.n];
	if (ids)
		memcpy(labels, p->labels.items, ids);
	at = (char *) labels + ids;
	i->keep_days = own_days(&point_type, p, p->keep_days);
	i->point = (struct plant_point) { .id = p->head.id, .group = p->group, .device = p->device, .tenant = tenant, .series = series,
		.labels = labels, .n_labels = p->labels.n,
		.vtype = point_vtype(p), .enabled = p->enabled, .store = p->store, .between = (uint8_t) p->between,
		.decimals = rec_has(&point_type, p, rec_field(&point_type, "decimals")) ? (int8_t) p->decimals : -1 };
	i->point.path = put_text(&at, p->path);
	i->point.code = put_text(&at, p->code);
	i->point.name = put_text(&at, p->name);
	i->point.unit = put_text(&at, p->unit);
	return i;
}

static int point_set(struct sync *s, const struct point *p, uint32_t series)
{
	struct item *i = item_new(s->picture->tenant, p, series), *old;
	bool done;

	if (!i)
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	rwlock_write(&s->plant->lock);
	old = picture_by_id(s->picture, &p->head.id);
	if (old)
		picture_take(s->picture, old);
	done = picture_put(s->picture, i);
	rwlock_unlock(&s->plant->lock);
	tsdb_keep(s->plant->tsdb, s->picture->tenant, series, p->store);
	if (done)
		retain(s, i);
	atomic_fetch_add(&s->plant->generation, 1);
	if (old && !uuid_equal(&old->point.group, &p->group))
		tell(s, PLANT_POINT, &p->head.id, NULL, &old->point);   /* gone from its old group */
	sys_free(old);
	if (!done) {
		sys_free(i);
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	}
	tell(s, PLANT_POINT, &p->head.id, p, &i->point);
	return 0;
}

/* The points gathered get their series with one sync and go into the picture. */
static int block_flush(struct sync *s)
{
	struct uuid *ids = arena_array(&s->arena, struct uuid, s->n + 1);
	uint8_t *vtypes = arena_alloc(&s->arena, s->n + 1);
	uint32_t *series = arena_array(&s->arena, uint32_t, s->n + 1);
	int r = 0;

	if (!ids || !vtypes || !series)
		return err_fail(ERR_NO_MEMORY, "what", "@series", NULL);
	for (size_t i = 0; i < s->n; i++) {
		ids[i] = s->points[i]->head.id;
		vtypes[i] = (uint8_t) point_vtype(s->points[i]);
	}
	if (s->n)
		r = tsdb_series_many(s->plant->tsdb, s->picture->tenant, s->n, ids, vtypes, series);
	for (size_t i = 0; r == 0 && i < s->n; i++)
		r = point_set(s, s->points[i], series[i]);
	s->n = 0;
	arena_reset(&s->arena);
	return r;
}

/* p lies in the block's arena. */
static int block_take(struct sync *s, struct point *p)
{
	s->points[s->n++] = p;
	return s->n == BLOCK ? block_flush(s) : 0;
}

static int block_add(struct sync *s, const struct point *p)
{
	struct point *copy = arena_new(&s->arena, struct point);

	if (!copy)
		return err_fail(ERR_NO_MEMORY, "what", "@point", NULL);
	return rec_dup(&point_type, copy, p, &s->arena) < 0 ? -ERR_NO_MEMORY : block_take(s, copy);
}

struct listing { struct sync *sync; enum plant_what what; };

static int on_record(void *ctx, const void *rec)
{
	struct listing *l = ctx;

	const struct uuid *id = &((const struct rec_head *) rec)->id;
	int r;

	if (l->what == PLANT_POINT)
		return block_add(l->sync, rec);
	r = l->what == PLANT_LABEL ? label_set(l->sync, id, rec) : place_set(l->sync, l->what, id, rec);
	if (r == 0)
		tell(l->sync, l->what, id, rec, NULL);
	return r;
}

static int sync_all(struct sync *s)
{
	struct store_list all = { 0 };
	int r = 0;

	for (enum plant_what w = 0; r == 0 && w < PLANT_WHATS_; w++) {
		struct listing l = { s, w };

		all.fields = w == PLANT_POINT ? point_parts : NULL;
		all.n_fields = w == PLANT_POINT ? ELEMENTSOF(point_parts) : 0;
		r = store_list(s->tx, types[w], &all, on_record, &l, NULL);
		if (r > 0)
			r = 0;
	}
	return r < 0 ? r : block_flush(s);
}

/* --- What the feed names ---------------------------------------------------------------------------------------------- */

struct changed { struct uuid id; uint8_t what; bool deleted; uint32_t nth; };    /* what it says last counts */

struct feed {
	struct changed *items;
	size_t n;
	uint64_t seq;
	uint32_t seen;
};

static int on_change(void *ctx, const struct store_change *c)
{
	struct feed *f = ctx;

	f->seq = c->seq;
	f->seen++;
	for (enum plant_what w = 0; w < PLANT_WHATS_; w++)
		if (str_eq(c->type, types[w]->name))
			f->items[f->n] = (struct changed) { c->id, (uint8_t) w, c->op == STORE_DELETED, (uint32_t) f->n++ };
	return 0;
}

static int by_what_and_id(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;

	return x->what != y->what ? x->what - y->what : uuid_cmp(&x->id, &y->id);
}

static int by_what_id_and_age(const void *a, const void *b)
{
	const struct changed *x = a, *y = b;
	int r = by_what_and_id(a, b);

	return r ? r : x->nth < y->nth ? -1 : x->nth > y->nth;
}

static void point_gone(struct sync *s, const struct uuid *id)
{
	struct item *old;

	rwlock_write(&s->plant->lock);
	old = picture_by_id(s->picture, id);
	if (old)
		picture_take(s->picture, old);
	rwlock_unlock(&s->plant->lock);
	atomic_fetch_add(&s->plant->generation, 1);
	if (old)
		tell(s, PLANT_POINT, id, NULL, &old->point);
	sys_free(old);
}

/* A point goes where the block is; anything else is told and forgotten. */
static int sync_one(struct sync *s, const struct changed *c)
{
	const struct rec_type *t = types[c->what];
	void *rec = arena_alloc(&s->arena, t->size);
	int r = rec ? store_get(s->tx, t, &c->id, rec, &s->arena) : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);

	if (r < 0)
		return r;
	if (c->what == PLANT_POINT)
		return block_take(s, rec);
	r = c->what == PLANT_LABEL ? label_set(s, &c->id, rec) : place_set(s, c->what, &c->id, rec);
	if (r == 0)
		tell(s, c->what, &c->id, rec, NULL);
	arena_reset(&s->arena);                 /* points are the last kind: none is in there yet */
	return r;
}

static int gone(struct sync *s, const struct changed *c)
{
	int r;

	if (c->what == PLANT_POINT) {
		point_gone(s, &c->id);
		return 0;
	}
	r = c->what == PLANT_LABEL ? label_set(s, &c->id, NULL) : place_set(s, c->what, &c->id, NULL);
	tell(s, c->what, &c->id, NULL, NULL);
	return r;
}

/* Is what the feed says last still so? One more change of it may stand behind the part of the feed that was read: then that part tells. */
static int still(struct sync *s, const struct changed *c, bool *ret_gone)
{
	struct arena a;
	void *rec;
	int r;

	arena_init(&a, &sys_heap, 0);
	rec = arena_alloc(&a, types[c->what]->size);
	r = rec ? store_get(s->tx, types[c->what], &c->id, rec, &a) : err_fail(ERR_NO_MEMORY, "what", "@record", NULL);
	arena_done(&a);
	*ret_gone = r == -ERR_MISSING;
	if (*ret_gone)
		err_clear();
	return *ret_gone ? 0 : r;
}

/* Many points that were changed are read as a list, as far as few that were not lie between them. */
struct run { struct sync *sync; const struct changed *at, *end; size_t passed, taken; };

static int on_run(void *ctx, const void *rec)
{
	struct run *run = ctx;
	const struct uuid *id = &((const struct rec_head *) rec)->id;

	while (run->at < run->end && (run->at->deleted || uuid_cmp(&run->at->id, id) < 0))
		run->at++;                      /* deleted, or gone since: a later part of the feed says so */
	if (run->at == run->end)
		return 1;
	if (!uuid_equal(&run->at->id, id))
		return ++run->passed > RUN + run->taken;
	run->at++;
	run->taken++;
	return block_add(run->sync, rec);
}

/* Returns how many of them are done. */
static int sync_run(struct sync *s, const struct changed *c, size_t n, size_t *ret)
{
	char first[UUID_TEXT + 1], last[UUID_TEXT + 1];
	const struct store_filter between[] = { { "id", STORE_GE, first }, { "id", STORE_LE, last } };
	const struct store_list list = { .filters = between, .n_filters = 2, .fields = point_parts, .n_fields = ELEMENTSOF(point_parts) };
	struct run run = { s, c, c + n, 0, 0 };
	int r;

	uuid_format(&c[0].id, first);
	uuid_format(&c[n - 1].id, last);
	r = store_list(s->tx, &point_type, &list, on_run, &run, NULL);
	*ret = run.passed > RUN + run.taken ? (size_t) (run.at - c) : n;
	return r;
}

/* Children that are gone first, from the last kind to the first; then what is there, parents first. */
static int sync_changed(struct sync *s, struct feed *f)
{
	size_t n = 0, tried = 0;
	bool is_gone;
	int r = 0;

	qsort(f->items, f->n, sizeof(*f->items), by_what_id_and_age);
	for (size_t i = 0; i < f->n; i++)
		if (i + 1 == f->n || by_what_and_id(&f->items[i], &f->items[i + 1]))
			f->items[n++] = f->items[i];
	for (size_t i = n; r == 0 && i-- > 0;) {
		if (!f->items[i].deleted)
			continue;
		r = still(s, &f->items[i], &is_gone);
		if (r == 0 && is_gone)
			r = gone(s, &f->items[i]);
	}
	for (size_t i = 0, listed; r == 0 && i < n; i++) {
		if (f->items[i].deleted)
			continue;
		if (f->items[i].what == PLANT_POINT && n - i >= RUN && i >= tried) {
			r = sync_run(s, &f->items[i], n - i, &listed);
			i += listed;
			tried = i + RUN;
			if (r < 0 || i == n || f->items[i].deleted)
				continue;
		}
		r = sync_one(s, &f->items[i]);
		if (r == -ERR_MISSING) {        /* its end is told by a later part of the feed */
			err_clear();
			r = 0;
		}
	}
	return r < 0 ? r : block_flush(s);
}

static int sync_feed(struct sync *s)
{
	struct feed f = { .items = sys_alloc_array(CHANGES, sizeof(struct changed)) };
	int r;

	if (!f.items)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	do {
		f.n = f.seen = 0;
		f.seq = s->picture->seq;
		r = store_changes(s->tx, s->picture->seq, CHANGES, on_change, &f);
		if (r >= 0)
			r = sync_changed(s, &f);
		if (r >= 0)
			s->picture->seq = f.seq;
	} while (r >= 0 && f.seen == CHANGES);
	sys_free(f.items);
	return r < 0 ? r : 0;
}

int plant_sync(struct plant *p, uint32_t tenant, struct store *store)
{
	mutex_hold(&p->syncing);
	struct sync *s = sys_new(struct sync);
	uint64_t seq = store_last_seq(store);
	int r;

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the points in memory", NULL);
	*s = (struct sync) { .plant = p, .picture = picture_get(p, tenant) };
	arena_init(&s->arena, &sys_heap, 0);
	r = s->picture ? store_begin(store, STORE_READ, 0, &s->tx) : err_fail(ERR_NO_MEMORY, "what", "the points in memory", NULL);
	if (r == 0 && s->picture->loaded)
		r = sync_feed(s);
	else if (r == 0) {
		r = sync_all(s);
		if (r == 0) {
			s->picture->seq = seq;          /* read before the transaction began: nothing is missed, some comes twice */
			s->picture->loaded = true;
		}
	}
	store_rollback(s->tx);
	arena_done(&s->arena);
	sys_free(s);
	return r;
}
