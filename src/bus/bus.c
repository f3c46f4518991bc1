/* bus.c - last values in pages, chained by change; what readers of other threads see. */
#include "bus/bus.h"

#include "base/err.h"
#include "base/str.h"
#include "bus/impl.h"
#include "sys/sys.h"
#include "wal/wal.h"

int bus_new(struct bus **ret, const struct bus_config *config)
{
	struct bus *b = sys_new(struct bus);

	if (!b)
		return err_fail(ERR_NO_MEMORY, "what", "live values", NULL);
	b->config = *config;
	if (!b->config.series_max)
		b->config.series_max = 16 << 20;
	b->change = (uint64_t) clock_now_ns();
	mutex_init(&b->lock);
	b->retract_end = &b->retract;
	if (config->wal) {
		const struct wal_reader_config reader = { .name = "bus", .policy = WAL_VOLATILE, .from = WAL_FROM_END,
			.on_ready = config->on_ready, .ctx = config->ctx };
		int r = wal_reader_open(config->wal, &reader, &b->reader);
		if (r < 0) {
			bus_free(b);
			return r;
		}
	}
	*ret = b;
	return 0;
}

static bool is_text(unsigned type)
{
	return type == V_STR || type == V_BYTES;
}

static void slot_clear(struct slot *s)
{
	if (is_text(s->type))
		sys_free(s->text);
	s->type = V_NONE;
	s->bits = 0;
}

static void tenant_free(struct tenant *t)
{
	for (uint32_t i = 0; i < t->n_pages; i++) {
		for (uint32_t j = 0; t->page[i] && j < PAGE; j++)
			slot_clear(&t->page[i][j]);
		sys_free(t->page[i]);
	}
	sys_free(t->page);
	sys_free(t);
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;
	wal_reader_close(b->reader);
	batch_unref(b->batch);
	subs_free(b);
	retract_all(b, false);
	for (uint32_t i = 0; i < b->n_tenants; i++)
		tenant_free(b->tenant[i]);
	sys_free(b->tenant);
	mutex_done(&b->lock);
	return sys_free(b);
}

/* Finding. */

/* Where the tenant is or belongs. */
static uint32_t tenant_place(const struct bus *b, uint32_t id)
{
	uint32_t lo = 0, hi = b->n_tenants;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;
		if (b->tenant[mid]->id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tenant *bus_tenant(const struct bus *b, uint32_t id)
{
	uint32_t i = tenant_place(b, id);

	return i < b->n_tenants && b->tenant[i]->id == id ? b->tenant[i] : NULL;
}

/* Lock held. NULL: no memory. */
static struct tenant *tenant_make(struct bus *b, uint32_t id)
{
	struct tenant *t = bus_tenant(b, id);

	if (t)
		return t;
	if (b->n_tenants == b->tenant_room) {
		uint32_t room = MAX(8u, b->tenant_room * 2);
		struct tenant **p = sys_resize(b->tenant, room * sizeof *p);
		if (!p)
			return NULL;
		b->tenant = p;
		b->tenant_room = room;
	}
	t = sys_new(struct tenant);
	if (!t)
		return NULL;
	t->id = id;
	uint32_t at = tenant_place(b, id);
	memmove(b->tenant + at + 1, b->tenant + at, (b->n_tenants++ - at) * sizeof b->tenant[0]);
	b->tenant[at] = t;
	return t;
}

struct slot *bus_slot(const struct tenant *t, uint32_t series)
{
	struct slot *page = t && series / PAGE < t->n_pages ? t->page[series / PAGE] : NULL;

	return page ? &page[series % PAGE] : NULL;
}

/* Lock held. NULL: beyond the limit, or no memory. */
static struct slot *slot_make(struct bus *b, struct tenant *t, uint32_t series)
{
	uint32_t at = series / PAGE;

	if (series == 0 || series > b->config.series_max)
		return NULL;
	if (at >= t->n_pages) {
		uint32_t n = MAX(at + 1, t->n_pages * 2);
		struct slot **p = sys_resize(t->page, n * sizeof *p);
		if (!p)
			return NULL;
		memset(p + t->n_pages, 0, (n - t->n_pages) * sizeof *p);
		t->page = p;
		t->n_pages = n;
	}
	if (!t->page[at])
		t->page[at] = sys_alloc_array(PAGE, sizeof(struct slot));
	return t->page[at] ? &t->page[at][series % PAGE] : NULL;
}

/* Changing. Lock held. */

static void unchain(struct tenant *t, const struct slot *s)
{
	if (s->older)
		bus_slot(t, s->older)->newer = s->newer;
	if (s->newer)
		bus_slot(t, s->newer)->older = s->older;
	else
		t->newest = s->older;
}

static void chain(struct tenant *t, struct slot *s, uint32_t series)
{
	s->newer = 0;
	s->older = t->newest;
	if (t->newest)
		bus_slot(t, t->newest)->newer = series;
	t->newest = series;
}

/* Copies a text into the slot's own room. */
static bool text_set(struct slot *s, const struct value *v)
{
	uint32_t len = MIN(v->len, (uint32_t) BUS_TEXT_MAX);

	if (v->type == V_STR && len < v->len)
		len = (uint32_t) utf8_valid_prefix(v->s, len);
	if (!is_text(s->type) || s->text->room < len) {
		uint32_t room = MAX(32u, len);
		struct text *t = sys_resize(NULL, sizeof *t + room);
		if (!t)
			return false;
		t->room = room;
		slot_clear(s);
		s->text = t;
	}
	if (len)
		memcpy(s->text->s, v->s, len);
	s->len = len;
	s->type = (uint8_t) v->type;
	return true;
}

static bool value_set(struct slot *s, const struct value *v)
{
	if (is_text(v->type))
		return text_set(s, v);
	if (is_text(s->type))
		slot_clear(s);
	s->type = (uint8_t) v->type;
	s->bits = 0;
	switch (v->type) {
	case V_NONE:
		break;
	case V_BOOL:
		s->bits = v->b;
		break;
	case V_F32:
		memcpy(&s->bits, &v->f32, sizeof v->f32);
		break;
	default:
		memcpy(&s->bits, &v->i, sizeof v->i);
	}
	return true;
}

static void put(struct bus *b, struct tenant *t, const struct sample *v)
{
	struct slot *s = slot_make(b, t, v->series);

	if (!s) {
		b->stats.refused++;
		return;
	}
	if (s->change && (v->time_ns < s->time_ns || (v->value.type == V_NONE && v->quality == (uint32_t) QUALITY_BAD_WAITING))) {
		b->stats.late++;                /* or a cell of a group that nobody has filled: it says nothing new */
		return;
	}
	if (!value_set(s, &v->value)) {
		b->stats.refused++;
		return;
	}
	if (!s->change || s->quality != v->quality)
		s->since_ns = v->time_ns;
	s->time_ns = v->time_ns;
	s->quality = v->quality;
	if (t->newest != v->series) {
		if (s->change)
			unchain(t, s);
		chain(t, s, v->series);
	}
	b->stats.series += s->change == 0;
	s->change = t->change = ++b->change;
	b->stats.changes++;
}

void bus_put(struct bus *b, uint32_t tenant, const struct sample *samples, size_t n)
{
	mutex_hold(&b->lock);
	struct tenant *t = tenant_make(b, tenant);

	for (size_t i = 0; i < n && t; i++)
		put(b, t, &samples[i]);
	b->stats.refused += t ? 0 : n;
}

void bus_forget(struct bus *b, uint32_t tenant, uint32_t series)
{
	mutex_hold(&b->lock);
	struct tenant *t = bus_tenant(b, tenant);
	struct slot *s = bus_slot(t, series);

	if (!s || !s->change)
		return;
	unchain(t, s);
	slot_clear(s);
	*s = (struct slot) { 0 };
	b->stats.series--;
}

/* From the log. */

/* The next batch of TALL or GROUP; 1: there is one, 0: nothing now. */
static int next_batch(struct bus *b)
{
	struct wal_gap gap;
	const uint32_t *list = NULL;

	while (b->reader) {
		int r = wal_reader_next(b->reader, &b->batch, &gap);
		if (r == WAL_GAP)
			b->stats.lost += gap.last - gap.first + 1;
		if (r == WAL_GAP)
			continue;
		if (r != WAL_BATCH)
			return r;
		b->stats.batches++;
		if (b->batch->list && b->config.list)
			list = b->config.list(b->config.ctx, b->batch->tenant, b->batch->list, batch_n_values(b->batch));
		if (b->batch->shape != SHAPE_ROWS && (!b->batch->list || list)) {
			b->iter = batch_iter(b->batch, list);
			return 1;
		}
		b->stats.unknown += b->batch->list != 0;
		b->batch = batch_unref(b->batch);
	}
	return 0;
}

/* The quality of all cells of a column; false: they differ, or not every cell has a value. */
static bool is_even(const struct batch *b, uint32_t i, const struct batch_col *value, uint32_t *ret_quality)
{
	bool all_good = b->col[b->n_cols - 1].name < BATCH_NAME_QUALITY;
	const struct batch_col *q = all_good ? NULL : batch_find(b, BATCH_NAME_QUALITY + i);

	*ret_quality = q ? batch_u32(b, q, 0) : (uint32_t) QUALITY_GOOD;
	return !value->valid && (!q || q->enc & ENC_CONST);
}

/* The first row that is not older than what the slot has. */
static uint32_t row_from(const struct batch *g, const struct batch_col *time, const struct slot *s)
{
	uint32_t lo = 0, hi = g->n_rows;

	while (s && s->change && lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (batch_i64(g, time, mid) < s->time_ns)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first row tells since when a quality holds; where it held before, the last one says all. */
static void put_column(struct bus *b, struct tenant *t, uint32_t i)
{
	const struct batch *g = b->batch;
	const struct batch_iter *it = &b->iter;
	const struct slot *slot = bus_slot(t, it->series[i]);
	struct sample s = { .series = it->series[i] };

	is_even(g, i, it->value + i, &s.quality);
	bool held = slot && slot->change && slot->quality == s.quality;
	uint32_t last = g->n_rows - 1, row[2] = { held ? last : MIN(row_from(g, it->time, slot), last), last };
	for (unsigned k = held; k < 2; k++) {
		s.time_ns = batch_i64(g, it->time, row[k]);
		s.value = batch_value(g, it->value + i, row[k]);
		put(b, t, &s);
	}
}

static void put_columns(struct bus *b, uint32_t from, uint32_t to)
{
	mutex_hold(&b->lock);
	struct tenant *t = tenant_make(b, b->batch->tenant);

	for (uint32_t i = from; i < to && t; i++)
		put_column(b, t, i);
	b->stats.refused += t ? 0 : (to - from) * b->batch->n_rows;
	b->stats.samples += (to - from) * b->batch->n_rows;
}

/*
 * A group of many rows in the order of time, every cell there and of one quality in a column: between the first row that is new, where a quality may
 * begin, and the last one nothing is seen by anybody. False: it is not such a one, nothing was done.
 */
static bool take_group(struct bus *b)
{
	const struct batch *g = b->batch;
	const struct batch_iter *it = &b->iter;
	uint32_t last = g->n_rows - 1, quality;

	if (g->shape != SHAPE_GROUP || it->row || it->col || last < 2 || !(g->flags & BATCH_SORTED))
		return false;
	for (uint32_t i = 0; i < it->n_series; i++)
		if (!is_even(g, i, it->value + i, &quality))
			return false;
	for (uint32_t from = 0; from < it->n_series; from += LOCKED_MAX / 2)
		put_columns(b, from, MIN(it->n_series, from + LOCKED_MAX / 2));
	return true;
}

/* Up to n samples of the batch at hand, under one lock. Returns how many; fewer than n: it is done. */
static uint32_t take_samples(struct bus *b, uint32_t n)
{
	struct sample s;
	uint32_t i = 0;
	mutex_hold(&b->lock);
	struct tenant *t = tenant_make(b, b->batch->tenant);

	for (; i < n && batch_next(&b->iter, &s); i++) {
		if (t)
			put(b, t, &s);
		else
			b->stats.refused++;
	}
	b->stats.samples += i;
	return i;
}

int64_t bus_pump(struct bus *b, uint32_t budget)
{
	int r = 0;

	retract_all(b, true);
	while (budget > 0) {
		if (!b->batch && (r = next_batch(b)) <= 0)
			break;
		if (take_group(b)) {
			budget -= MIN(budget, 2 * b->iter.n_series);
			b->batch = batch_unref(b->batch);
			continue;
		}
		uint32_t want = MIN(budget, (uint32_t) LOCKED_MAX), got = take_samples(b, want);
		budget -= got;
		if (got < want)
			b->batch = batch_unref(b->batch);
	}
	int64_t due = subs_tell(b);
	if (r < 0)
		return r;
	return budget == 0 ? 0 : due;
}

/* Reading. */

void bus_value_of(const struct slot *s, uint32_t series, struct bus_value *ret)
{
	*ret = (struct bus_value) { .change = s->change, .since_ns = s->since_ns, .sample = { .series = series, .quality = s->quality, .time_ns = s->time_ns } };
	struct value *v = &ret->sample.value;
	v->type = s->type;
	if (is_text(s->type)) {
		v->len = s->len;
		v->s = s->text->s;
	} else if (s->type == V_BOOL) {
		v->b = s->bits;
	} else if (s->type == V_F32) {
		memcpy(&v->f32, &s->bits, sizeof v->f32);
	} else {
		memcpy(&v->i, &s->bits, sizeof v->i);
	}
}

bool bus_last(struct bus *b, uint32_t tenant, uint32_t series, struct bus_value *ret, char *text, size_t size)
{
	mutex_hold(&b->lock);
	const struct slot *s = bus_slot(bus_tenant(b, tenant), series);

	if (!s || !s->change)
		return false;
	bus_value_of(s, series, ret);
	struct value *v = &ret->sample.value;
	if (!is_text(v->type))
		return true;
	if (v->len >= size)
		v->len = size == 0 ? 0 : v->type == V_STR ? (uint32_t) utf8_valid_prefix(v->s, size - 1) : (uint32_t) size - 1;
	if (size) {
		memcpy(text, v->s, v->len);
		text[v->len] = 0;
	}
	v->s = size ? text : "";
	return true;
}

void bus_read(struct bus *b, uint32_t tenant, const uint32_t *series, size_t n, void (*fn)(void *ctx, const struct bus_value *v), void *ctx)
{
	mutex_hold(&b->lock);
	const struct tenant *t = bus_tenant(b, tenant);

	for (size_t i = 0; i < n; i++) {
		const struct slot *s = bus_slot(t, series[i]);
		struct bus_value v;
		if (!s || !s->change)
			continue;
		bus_value_of(s, series[i], &v);
		fn(ctx, &v);
	}
}

uint64_t bus_now(struct bus *b)
{
	mutex_hold(&b->lock);
	return b->change;
}

void bus_stats(struct bus *b, struct bus_stats *ret)
{
	mutex_hold(&b->lock);
	*ret = b->stats;
	ret->tenants = b->n_tenants;
}
