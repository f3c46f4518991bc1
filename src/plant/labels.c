/* labels.c - who wears which label, and what the labels say of how long samples are kept. */
#include <stdlib.h>

#include "base/map.h"
#include "base/str.h"
#include "plant/picture.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

static bool same_label(const void *item, const void *key) { return uuid_equal(&((const struct labelled *) item)->id, key); }
static uint64_t hash_id(const struct uuid *id) { return hash_bytes(id, sizeof(*id)); }

struct labelled *picture_label(const struct picture *t, const struct uuid *id)
{
	return map_find(&t->labels, hash_id(id), same_label, id);
}

static struct labelled *label_free(struct labelled *l)
{
	sys_free(l->code);
	sys_free(l->items);
	return sys_free(l);
}

void picture_labels_done(struct picture *t)
{
	size_t at = 0;

	for (struct labelled *l; (l = map_next(&t->labels, &at));)
		label_free(l);
	map_done(&t->labels);
}

/* Makes it: a point may be read before its label is. */
static struct labelled *label_need(struct picture *t, const struct uuid *id)
{
	struct labelled *l = picture_label(t, id);

	if (l || !(l = sys_new(struct labelled)))
		return l;
	*l = (struct labelled) { .id = *id, .keep_days = -1 };
	return map_put(&t->labels, hash_id(id), l) ? l : label_free(l);
}

static void forget_if_unused(struct picture *t, struct labelled *l)
{
	if (l->n || l->code)
		return;
	map_del(&t->labels, hash_id(&l->id), same_label, &l->id);
	label_free(l);
}

/* ---- who wears it ---- */

static bool join(struct labelled *l, struct item *i, struct worn *w)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? l->room * 2 : 16;
		struct item **items = sys_resize(l->items, room * sizeof(*items));

		if (!items)
			return false;
		l->items = items;
		l->room = room;
	}
	*w = (struct worn) { l, l->n };
	l->items[l->n++] = i;
	return true;
}

static void leave(struct labelled *l, uint32_t at)
{
	struct item *last = l->items[--l->n];

	l->items[at] = last;
	for (uint32_t k = 0; k < last->point.n_labels; k++)
		if (last->worn[k].label == l && last->worn[k].at == l->n)
			last->worn[k].at = at;
}

void picture_unwear(struct picture *t, struct item *i)
{
	for (uint32_t k = 0; k < i->point.n_labels; k++) {
		struct labelled *l = i->worn[k].label;

		i->worn[k].label = NULL;
		if (!l)
			continue;
		leave(l, i->worn[k].at);
		forget_if_unused(t, l);
	}
}

bool picture_wear(struct picture *t, struct item *i)
{
	uint32_t n = i->point.n_labels;

	for (uint32_t k = 0; k < n; k++) {
		struct labelled *l = label_need(t, &i->point.labels[k]);

		if (l && join(l, i, &i->worn[k]))
			continue;
		if (l)
			forget_if_unused(t, l);
		picture_unwear(t, i);
		return false;
	}
	return true;
}

/* ---- what it says ---- */

int picture_label_set(struct picture *t, const struct label *rec)
{
	size_t code = str_len(rec->code) + 1, name = str_len(rec->name) + 1;
	struct labelled *l = label_need(t, &rec->head.id);
	char *texts = l ? sys_alloc(code + name) : NULL;

	if (!texts)
		return err_fail(ERR_NO_MEMORY, "what", "@label", NULL);
	memcpy(texts, rec->code ? rec->code : "", code);
	memcpy(texts + code, rec->name ? rec->name : "", name);
	sys_free(l->code);
	l->code = texts;
	l->name = texts + code;
	l->keep_days = rec_has(&label_type, rec, rec_field(&label_type, "keep_days")) ? rec->keep_days : -1;
	return 0;
}

void picture_label_gone(struct picture *t, const struct uuid *id)
{
	struct labelled *l = picture_label(t, id);

	if (!l)
		return;
	l->code = sys_free(l->code);
	l->name = NULL;
	l->keep_days = -1;
	forget_if_unused(t, l);
}

static bool is_longer(int32_t days, int32_t than)
{
	return days >= 0 && than != 0 && (days == 0 || days > than);
}

/* As if `other` said so. */
static const struct labelled *days_if(const struct item *i, const struct labelled *other, int32_t says, int32_t *ret_days)
{
	const struct labelled *by = NULL;
	int32_t days = i->keep_days;

	for (uint32_t k = 0; i->keep_days < 0 && k < i->point.n_labels; k++) {
		const struct labelled *l = i->worn[k].label;
		int32_t its = l == other ? says : l->keep_days;

		if (is_longer(its, days)) {
			by = l;
			days = its;
		}
	}
	*ret_days = days;
	return by;
}

const struct labelled *picture_days(const struct item *i, int32_t *ret_days)
{
	return days_if(i, NULL, -1, ret_days);
}

uint32_t picture_retain(int32_t days)
{
	return days < 0 ? 0 : days ? (uint32_t) days : TSDB_DAYS_MAX + 1;
}

int plant_days_if(struct plant *p, uint32_t tenant, const struct plant_if *what, struct arena *a, const uint32_t **ret)
{
	const struct labelled *l = NULL;
	struct picture *t;
	uint32_t *list, n;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		l = picture_label(t, &what->label);
	n = t ? t->n_series : 0;
	list = arena_array(a, uint32_t, n + 1);
	for (uint32_t i = 0; list && i < n; i++)
		list[i] = TSDB_AS_IT_IS;
	for (uint32_t i = 0; list && l && i < l->n; i++) {
		int32_t would;

		days_if(l->items[i], l, what->days, &would);
		list[l->items[i]->point.series] = picture_retain(would);
	}
	rwlock_unlock(&p->lock);
	if (!list)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	*ret = list;
	return (int) n;
}

/* ---- looking up ---- */

static int label_out(const struct labelled *l, struct arena *a, struct plant_label *ret)
{
	*ret = (struct plant_label) { .id = l->id, .code = arena_str(a, l->code), .name = arena_str(a, l->name), .keep_days = l->keep_days, .points = l->n };
	return ret->code && ret->name ? 0 : err_fail(ERR_NO_MEMORY, "what", "@label", NULL);
}

static const struct labelled *find(const struct picture *t, const char *text)
{
	const struct labelled *l = NULL;
	struct uuid id;
	size_t at = 0;

	if (uuid_parse(text, str_len(text), &id))
		l = picture_label(t, &id);
	else
		while ((l = map_next(&t->labels, &at)) && !(l->code && str_eq(l->code, text)))
			;
	return l && l->code ? l : NULL;
}

int plant_label(struct plant *p, uint32_t tenant, const char *field, const char *text, struct arena *a, struct plant_label *ret)
{
	const struct labelled *l = NULL;
	struct picture *t;
	int r;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		l = find(t, text);
	r = l ? label_out(l, a, ret) : err_at(err_fail(ERR_NO_SUCH_REF, "field", field, "what", "@label", "value", text, NULL), field);
	rwlock_unlock(&p->lock);
	return r;
}

static int by_code(const void *a, const void *b)
{
	return str_cmp(((const struct plant_label *) a)->code, ((const struct plant_label *) b)->code);
}

static uint32_t deciding(const struct labelled *l)
{
	uint32_t n = 0;
	int32_t days;

	for (uint32_t i = 0; i < l->n; i++)
		n += picture_days(l->items[i], &days) == l;
	return n;
}

static uint32_t own_days(const struct picture *t)
{
	const struct item *i;
	uint32_t n = 0;
	size_t at = 0;

	while ((i = map_next(&t->by_id, &at)))
		n += i->keep_days >= 0;
	return n;
}

int plant_labels(struct plant *p, uint32_t tenant, struct arena *a, struct plant_label **ret, uint32_t *ret_own)
{
	const struct labelled *l;
	struct plant_label *list;
	struct picture *t;
	size_t at = 0;
	int n = 0, r = 0;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	list = arena_array(a, struct plant_label, t ? t->labels.n + 1 : 1);
	if (!list)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	while (r == 0 && t && (l = map_next(&t->labels, &at)))
		if (l->code) {
			r = label_out(l, a, &list[n]);
			list[n++].decides = deciding(l);
		}
	*ret_own = t ? own_days(t) : 0;
	rwlock_unlock(&p->lock);
	if (r < 0)
		return r;
	qsort(list, (size_t) n, sizeof(*list), by_code);
	*ret = list;
	return n;
}

int plant_labelled(struct plant *p, uint32_t tenant, const struct uuid *label, const char *prefix, struct arena *a, struct plant_point **ret)
{
	const struct labelled *l = NULL;
	struct plant_point *list;
	struct picture *t;
	int n = 0, r = 0;

	rwlock_read(&p->lock);
	t = picture_find(p, tenant);
	if (t)
		l = picture_label(t, label);
	list = arena_array(a, struct plant_point, l ? l->n + 1 : 1);
	if (!list)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r == 0 && l && i < l->n; i++)
		if (!prefix || str_starts(l->items[i]->point.path, prefix))
			r = picture_copy(l->items[i], a, &list[n++]);
	rwlock_unlock(&p->lock);
	if (r < 0)
		return r;
	qsort(list, (size_t) n, sizeof(*list), picture_by_path);
	*ret = list;
	return n;
}

bool plant_wears(const struct plant_point *point, const struct uuid *labels, uint32_t n)
{
	for (uint32_t i = 0; i < point->n_labels; i++)
		for (uint32_t k = 0; k < n; k++)
			if (uuid_equal(&point->labels[i], &labels[k]))
				return true;
	return false;
}
