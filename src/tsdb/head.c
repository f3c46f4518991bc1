/* head.c - tracks, shards, generations. */
#include "tsdb/head.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sys/sys.h"

enum last_state { LAST_NEVER, LAST_NONE, LAST_VALUE };

struct last { int64_t ns; uint64_t seq, bits; uint32_t q; uint8_t state; };      /* bits: or a pointer to u32 length + bytes, owned */

struct track {
	struct names *names;
	struct track *next;             /* all of the shard */
	struct track *next_dirty, *next_frozen;
	struct chunk *first, *newest, *frozen;
	const uint32_t *series;         /* k */
	uint8_t *types;                 /* k */
	uint32_t k, own;
	bool is_list, dirty;
	struct last last[];
};

struct shard {
	struct mutex mutex;
	struct region *region, *frozen_region;
	struct track *all, *dirty, *frozen;
	uint64_t samples, frozen_samples;
};

struct head {
	atomic_size_t bytes;
	unsigned n_shards;
	struct shard shard[];
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "the head", NULL); }

int head_new(unsigned n_shards, struct head **ret)
{
	struct head *h = sys_alloc(sizeof(*h) + n_shards * sizeof(h->shard[0]));

	if (!h)
		return no_memory();
	h->n_shards = n_shards;
	for (unsigned i = 0; i < n_shards; i++)
		mutex_init(&h->shard[i].mutex);
	*ret = h;
	return 0;
}

static struct track *track_free(struct track *t)
{
	for (uint32_t i = 0; i < t->k; i++)
		if (t->last[i].state == LAST_VALUE && (t->types[i] == V_STR || t->types[i] == V_BYTES))
			sys_free((void *) (uintptr_t) t->last[i].bits);
	sys_free(t->types);
	return sys_free(t);
}

struct head *head_free(struct head *h)
{
	if (!h)
		return NULL;
	for (unsigned i = 0; i < h->n_shards; i++) {
		struct shard *s = &h->shard[i];

		for (struct track *t = s->all, *next; t; t = next) {
			next = t->next;
			track_free(t);
		}
		region_unref(s->region);
		region_unref(s->frozen_region);
		mutex_done(&s->mutex);
	}
	return sys_free(h);
}

unsigned head_shards(const struct head *h) { return h->n_shards; }
size_t head_bytes(struct head *h) { return atomic_load(&h->bytes); }

uint64_t head_samples(struct head *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < h->n_shards; i++) {
		mutex_hold(&h->shard[i].mutex);
		n += h->shard[i].samples + h->shard[i].frozen_samples;
	}
	return n;
}

static unsigned shard_of(const struct head *h, uint32_t number) { return number % h->n_shards; }

/* --- Tracks */

static struct track *track_new(struct shard *sh, struct names *names, uint32_t k)
{
	struct track *t = sys_alloc(sizeof(*t) + k * sizeof(t->last[0]));
	uint8_t *types = sys_alloc(k);

	if (!t || !types) {
		sys_free(types);
		return sys_free(t);
	}
	for (uint32_t i = 0; i < k; i++)
		t->last[i].ns = INT64_MIN;
	t->names = names;
	t->types = types;
	t->k = k;
	t->next = sh->all;
	sh->all = t;
	return t;
}

/* Both under the lock of the track's shard. */
static struct track *own_track(struct shard *sh, struct names *names, struct series *s)
{
	struct track *t = s->track;

	if (t)
		return t;
	t = track_new(sh, names, 1);
	if (!t)
		return NULL;
	t->own = s->number;
	t->series = &t->own;
	t->types[0] = s->type;
	s->track = t;
	return t;
}

static struct track *list_track(struct shard *sh, struct names *names, struct list *l)
{
	struct track *t = l->track;

	if (t)
		return t;
	t = track_new(sh, names, l->k);
	if (!t)
		return NULL;
	t->series = l->series;
	t->is_list = true;
	for (uint32_t i = 0; i < l->k; i++) {
		const struct series *s = names_series(names, l->series[i]);

		t->types[i] = s ? s->type : V_NONE;
	}
	l->track = t;
	return t;
}

static bool last_set(struct last *l, uint8_t type, const struct value *v)
{
	uint32_t len = v->len;
	bool text = type == V_STR || type == V_BYTES;
	void *old = text && l->state == LAST_VALUE ? (void *) (uintptr_t) l->bits : NULL;

	if (v->type == V_NONE) {
		sys_free(old);
		l->state = LAST_NONE;
		l->bits = 0;
		return true;
	}
	if (text) {
		uint8_t *p = sys_resize(old, len + sizeof(len));

		if (!p)
			return false;
		memcpy(p, &len, sizeof(len));
		if (len)
			memcpy(p + sizeof(len), v->s, len);
		l->bits = (uint64_t) (uintptr_t) p;
	} else {
		l->bits = 0;
		if (v->type == V_BOOL)
			l->bits = v->b;
		else
			memcpy(&l->bits, &v->i, v->type == V_F32 ? 4 : 8);
	}
	l->state = LAST_VALUE;
	return true;
}

/* What row `row` of the column says; the common number without a detour. */
static bool last_take(struct last *l, const struct incoming *in, const struct batch_col *src, uint32_t row)
{
	if (!src->valid && !src->enc && (src->vtype == V_F64 || src->vtype == V_I64)) {
		l->bits = (uint64_t) batch_i64(in->b, src, row);
		l->state = LAST_VALUE;
		return true;
	}
	struct value v = batch_value(in->b, src, row);
	return last_set(l, src->vtype, &v);
}

/* The row of the batch with the greatest time, the later one of equals. */
static uint32_t newest_row(const struct incoming *in)
{
	uint32_t best = in->row;
	int64_t t = batch_i64(in->b, in->time, best);

	for (uint32_t i = 1; i < in->n; i++) {
		int64_t u = batch_i64(in->b, in->time, in->row + i);

		if (u >= t) {
			t = u;
			best = in->row + i;
		}
	}
	return best;
}

static bool remember(struct track *t, const struct incoming *in)
{
	uint32_t row = newest_row(in);
	int64_t ns = batch_i64(in->b, in->time, row);
	const struct batch_col *q = in->quality;

	for (uint32_t i = 0, from = 0; i < t->k; i++, from++) {
		struct last *l = &t->last[i];

		from = incoming_col(in, i, from);
		while (q && q < in->end && q->name < in->quality_base + from)
			q++;
		if (in->value[from].vtype != t->types[i] || (l->state != LAST_NEVER && ns < l->ns))
			continue;
		if (!last_take(l, in, in->value + from, row))
			return false;
		l->ns = ns;
		l->seq = in->b->seq;
		l->q = q && q < in->end && q->name == in->quality_base + from ? batch_u32(in->b, q, row) : 0;
	}
	return true;
}

/* The chunk that takes the next row; makes and seals as needed. */
static struct chunk *open_chunk(struct shard *sh, struct track *t, const struct incoming *in, bool with_seq)
{
	struct chunk *c = t->newest;

	if (c && !chunk_is_full(c) && (c->with_seq || !with_seq) && chunk_holds(c, in->b->seq))
		return c;
	if (c && !c->sealed && chunk_is_full(c) && chunk_seal(c, sh->region, t->types) < 0)
		return NULL;
	c = chunk_new(sh->region, in, with_seq);
	if (!c)
		return NULL;
	if (t->newest)
		t->newest->next = c;
	else
		t->first = c;
	t->newest = c;
	if (!t->dirty) {
		t->dirty = true;
		t->next_dirty = sh->dirty;
		sh->dirty = t;
	}
	return c;
}

static int track_take(struct shard *sh, struct track *t, struct incoming in, bool with_seq, struct head_counts *counts)
{
	uint32_t replaced = 0;

	in.k = t->k;
	if (!remember(t, &in))
		return no_memory();
	while (in.n) {
		struct chunk *c = open_chunk(sh, t, &in, with_seq);
		int n = c ? chunk_take(c, sh->region, &in, &replaced) : no_memory();

		if (n < 0)
			return n;
		in.row += (uint32_t) n;
		in.n -= (uint32_t) n;
		counts->taken += (uint64_t) n * t->k;
		sh->samples += (uint64_t) n * t->k;
	}
	counts->replaced += (uint64_t) replaced * t->k;
	sh->samples -= (uint64_t) replaced * t->k;
	return 0;
}

/* --- Batches */

static int take_run(struct shard *sh, struct names *names, uint32_t number, struct incoming in, struct head_counts *counts)
{
	struct series *s = names_series(names, number);

	if (!s || s->type != in.value->vtype) {
		counts->refused += in.n;
		return 0;
	}
	if (s->passed_over)
		return 0;
	struct track *t = own_track(sh, names, s);
	if (!t)
		return no_memory();
	in.types = t->types;
	struct members *m = s->members;
	return track_take(sh, t, in, m && m->n, counts);
}

static int take_tall(struct head *h, unsigned shard, struct names *names, const struct batch *b, struct head_counts *counts)
{
	struct incoming in = { .b = b, .time = &b->col[1], .value = &b->col[2], .quality = b->n_cols > 3 ? &b->col[3] : NULL,
		.end = b->col + b->n_cols, .quality_base = BATCH_NAME_TALL_QUALITY };

	for (uint32_t row = 0, n; row < b->n_rows; row += n) {
		uint32_t number = batch_u32(b, &b->col[0], row);

		for (n = 1; row + n < b->n_rows && batch_u32(b, &b->col[0], row + n) == number;)
			n++;
		if (shard_of(h, number) != shard)
			continue;
		in.row = row;
		in.n = n;
		int r = take_run(&h->shard[shard], names, number, in, counts);
		if (r < 0)
			return r;
	}
	return 0;
}

static void count_strangers(const struct track *t, const struct incoming *in, struct head_counts *counts)
{
	for (uint32_t i = 0, from = 0; i < t->k; i++, from++) {
		from = incoming_col(in, i, from);
		if (in->value[from].vtype != t->types[i])
			counts->refused += in->n;
	}
}

struct list *head_list_of(struct names *names, const struct batch *b)
{
	struct list *l = b->shape == SHAPE_GROUP && b->list ? names_list_get(names, b->list) : NULL;
	uint32_t kept[BATCH_SERIES_MAX], n = 0, k = b->shape == SHAPE_GROUP ? batch_n_values(b) : 0;
	const uint32_t *series = l ? l->series : k && !b->list ? batch_body(b, &b->col[0]) : NULL;

	if (!series || k > BATCH_SERIES_MAX || (l && l->k != k))
		return NULL;
	for (uint32_t i = 0; i < k; i++) {
		const struct series *s = names_series(names, series[i]);

		if (!s || !s->passed_over)
			kept[n++] = series[i];
	}
	return l && n == k ? l : names_share(names, kept, n);
}

static int take_group(struct head *h, unsigned shard, struct names *names, const struct batch *b, struct list *together,
	struct head_counts *counts)
{
	uint32_t at = b->list ? 0 : 1, k = batch_n_values(b);
	struct incoming in = { .b = b, .time = &b->col[at], .value = &b->col[at + 1], .quality = &b->col[at + 1 + k], .end = b->col + b->n_cols,
		.n = b->n_rows, .k = k, .quality_base = BATCH_NAME_QUALITY };

	struct list *l = b->list ? names_list_get(names, b->list) : NULL;
	if (b->list && (!l || l->k != k)) {
		counts->refused += shard == 0 ? (uint64_t) b->n_rows * k : 0;
		return 0;
	}
	if (together) {
		if (shard_of(h, together->number) != shard)
			return 0;
		struct track *t = list_track(&h->shard[shard], names, together);
		if (!t)
			return no_memory();
		in.types = t->types;
		if (together->k < k) {          /* the others are not kept */
			in.series = l ? l->series : batch_body(b, &b->col[0]);
			in.wanted = together->series;
		}
		count_strangers(t, &in, counts);
		return track_take(&h->shard[shard], t, in, true, counts);
	}
	const uint32_t *series = l ? l->series : batch_body(b, &b->col[0]);
	for (uint32_t i = 0; i < k; i++) {
		struct incoming one = in;

		if (shard_of(h, series[i]) != shard)
			continue;
		one.value = in.value + i;
		one.quality_base = BATCH_NAME_QUALITY + i;
		int r = take_run(&h->shard[shard], names, series[i], one, counts);
		if (r < 0)
			return r;
	}
	return 0;
}

int head_take(struct head *h, unsigned shard, struct names *names, const struct batch *b, struct list *together, struct head_counts *counts)
{
	struct shard *sh = &h->shard[shard];

	if (b->shape != SHAPE_TALL && b->shape != SHAPE_GROUP) {
		counts->ignored += shard == 0 ? b->n_rows : 0;
		return 0;
	}
	mutex_hold(&sh->mutex);
	if (!sh->region)
		sh->region = region_new(&h->bytes);
	if (!sh->region)
		return no_memory();
	return b->shape == SHAPE_TALL ? take_tall(h, shard, names, b, counts) : take_group(h, shard, names, b, together, counts);
}

/* --- Generations */

int head_freeze(struct head *h, unsigned shard)
{
	struct shard *sh = &h->shard[shard];
	mutex_hold(&sh->mutex);

	sh->frozen_region = take(sh->region);
	sh->frozen_samples = sh->samples;
	sh->samples = 0;
	for (struct track *t = sh->dirty; t; t = t->next_dirty) {
		t->frozen = t->first;
		t->first = t->newest = NULL;
		t->dirty = false;
		t->next_frozen = sh->frozen;
		sh->frozen = t;
	}
	sh->dirty = NULL;
	return 0;
}

void head_drop(struct head *h)
{
	for (unsigned i = 0; i < h->n_shards; i++) {
		struct shard *sh = &h->shard[i];
		mutex_hold(&sh->mutex);

		for (struct track *t = sh->frozen; t; t = t->next_frozen)
			t->frozen = NULL;
		sh->frozen = NULL;
		sh->frozen_samples = 0;
		sh->frozen_region = region_unref(sh->frozen_region);
	}
}

/* --- Looking */

void pieces_clear(struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++) {
		region_unref(p->item[i].region);
		if (p->spare)
			sys_free(p->item[i].copy);
		else
			p->spare = p->item[i].copy;
	}
	p->n = 0;
}

void pieces_done(struct pieces *p)
{
	pieces_clear(p);
	sys_free(p->spare);
	sys_free(p->item);
	*p = (struct pieces) { 0 };
}

static int add_piece(struct pieces *p, struct region *r, const struct chunk *c, uint32_t col, uint8_t type)
{
	struct piece *piece;

	if (p->n == p->room) {
		size_t room = MAX(p->room * 2, (size_t) 8);
		struct piece *item = sys_resize(p->item, room * sizeof(*item));

		if (!item)
			return no_memory();
		p->item = item;
		p->room = room;
	}
	piece = &p->item[p->n];
	*piece = (struct piece) { .chunk = c, .col = col, .type = type, .t_min = c->t_min, .t_max = c->t_max };
	if (!c->sealed) {
		struct chunk_room *room = p->spare ? take(p->spare) : sys.malloc(sizeof(*room));
		int rc = room ? chunk_read(c, col, type, room, &piece->span) : no_memory();
		if (rc < 0) {
			sys_free(room);
			return rc;
		}
		piece->copy = room;
	}
	piece->region = region_ref(r);
	p->n++;
	return 0;
}

static int add_chunks(struct pieces *p, struct region *r, const struct chunk *c, uint32_t col, uint8_t type, struct head_range range)
{
	int rc = 0;

	for (; c && rc == 0; c = c->next)
		if (c->n && c->t_max >= range.from && (c->t_min < range.to || range.to == INT64_MAX))
			rc = add_piece(p, r, c, col, type);
	return rc;
}

static int add_track(struct shard *sh, const struct track *t, uint32_t col, struct head_range range, struct pieces *ret)
{
	int r = 0;

	if (!t)
		return 0;
	mutex_hold(&sh->mutex);
	if (t->frozen)
		r = add_chunks(ret, sh->frozen_region, t->frozen, col, t->types[col], range);
	if (r == 0 && t->first && !range.frozen)
		r = add_chunks(ret, sh->region, t->first, col, t->types[col], range);
	return r;
}

int head_pieces(struct head *h, struct names *names, const struct series *s, struct head_range range, struct pieces *ret)
{
	struct members *m = s->members;
	int r = add_track(&h->shard[shard_of(h, s->number)], s->track, 0, range, ret);

	for (uint32_t i = 0; m && i < m->n && r == 0; i++) {
		struct list *l = names_list_get(names, m->item[i].list);

		if (l)
			r = add_track(&h->shard[shard_of(h, l->number)], l->track, m->item[i].index, range, ret);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

int head_frozen_series(struct head *h, struct names *names, uint32_t **ret, size_t *ret_n)
{
	uint32_t *s = NULL;
	size_t n = 0, room = 0, out = 0;

	for (unsigned i = 0; i < h->n_shards; i++) {
		mutex_hold(&h->shard[i].mutex);
		for (const struct track *t = h->shard[i].frozen; t; t = t->next_frozen) {
			if (t->names != names)
				continue;
			if (n + t->k > room) {
				room = MAX(room * 2, n + t->k);
				uint32_t *more = sys_resize(s, room * sizeof(*s));

				if (!more) {
					sys_free(s);
					return no_memory();
				}
				s = more;
			}
			memcpy(s + n, t->series, t->k * sizeof(*s));
			n += t->k;
		}
	}
	if (n)
		qsort(s, n, sizeof(*s), by_number);
	for (size_t i = 0; i < n; i++)
		if (out == 0 || s[out - 1] != s[i])
			s[out++] = s[i];
	*ret = s;
	*ret_n = out;
	return 0;
}

int head_frozen_chunks(struct head *h, struct names *names, int (*fn)(void *ctx, const struct chunk *c), void *ctx)
{
	int r = 0;

	for (unsigned i = 0; i < h->n_shards && r == 0; i++) {
		mutex_hold(&h->shard[i].mutex);
		for (const struct track *t = h->shard[i].frozen; t && r == 0; t = t->next_frozen)
			for (const struct chunk *c = t->frozen; c && r == 0 && t->names == names; c = c->next)
				r = c->n ? fn(ctx, c) : 0;
	}
	return r;
}

/* --- Last samples */

static bool last_get(const struct last *l, uint8_t type, struct arena *a, struct sample *ret)
{
	struct value v = { .type = l->state == LAST_VALUE ? (enum vtype) type : V_NONE };

	if (v.type == V_STR || v.type == V_BYTES) {
		const uint8_t *p = (const uint8_t *) (uintptr_t) l->bits;

		memcpy(&v.len, p, sizeof(v.len));
		v.s = arena_strn(a, (const char *) p + sizeof(v.len), v.len);
		if (!v.s)
			return false;
	} else if (v.type == V_BOOL) {
		v.b = l->bits;
	} else if (v.type != V_NONE) {
		memcpy(&v.i, &l->bits, v.type == V_F32 ? 4 : 8);
	}
	ret->time_ns = l->ns;
	ret->quality = l->q;
	ret->value = v;
	return true;
}

struct newest { struct arena *arena; struct sample sample; uint64_t seq; bool failed; };

static void newer(struct head *h, unsigned shard, const struct track *t, uint32_t col, struct newest *best)
{
	if (!t)
		return;
	mutex_hold(&h->shard[shard].mutex);
	const struct last *l = &t->last[col];
	if (l->state == LAST_NEVER || l->ns < best->sample.time_ns || (l->ns == best->sample.time_ns && l->seq < best->seq))
		return;
	if (!last_get(l, t->types[col], best->arena, &best->sample))
		best->failed = true;
	best->seq = l->seq;
}

bool head_last(struct head *h, const struct series *s, struct names *names, struct arena *a, struct sample *ret, bool *ret_no_memory)
{
	struct newest best = { .arena = a, .sample = { .series = s->number, .time_ns = INT64_MIN } };
	struct members *m = s->members;

	newer(h, shard_of(h, s->number), s->track, 0, &best);
	for (uint32_t i = 0; m && i < m->n; i++) {
		struct list *l = names_list_get(names, m->item[i].list);

		if (l)
			newer(h, shard_of(h, l->number), l->track, m->item[i].index, &best);
	}
	*ret_no_memory = best.failed;
	if (best.sample.time_ns == INT64_MIN || best.failed)
		return false;
	*ret = best.sample;
	return true;
}

int head_remember(struct head *h, struct names *names, struct series *s, const struct sample *sample)
{
	struct shard *sh = &h->shard[shard_of(h, s->number)];
	mutex_hold(&sh->mutex);
	struct track *t = own_track(sh, names, s);

	if (!t)
		return no_memory();
	struct last *l = &t->last[0];
	if (l->state != LAST_NEVER && l->ns >= sample->time_ns)
		return 0;
	if (!last_set(l, s->type, &sample->value))
		return no_memory();
	l->ns = sample->time_ns;
	l->seq = 0;
	l->q = sample->quality;
	return 0;
}

static void forget(struct head *h, unsigned shard, struct track *t, uint32_t col, struct head_range r, uint64_t covered)
{
	if (!t)
		return;
	mutex_hold(&h->shard[shard].mutex);
	struct last *l = &t->last[col];
	if (l->state == LAST_NEVER || l->seq > covered || l->ns < r.from || (l->ns >= r.to && r.to != INT64_MAX))
		return;
	if (l->state == LAST_VALUE && (t->types[col] == V_STR || t->types[col] == V_BYTES)) {
		uint8_t *text = (void *) (uintptr_t) l->bits;
		uint32_t len;

		/* Memory that is given back may lie there for long. */
		memcpy(&len, text, sizeof(len));
		explicit_bzero(text, len + sizeof(len));
		sys_free(text);
	}
	*l = (struct last) { .ns = INT64_MIN };
}

void head_forget(struct head *h, struct names *names, struct series *s, struct head_range range, uint64_t covered)
{
	struct members *m = s->members;

	forget(h, shard_of(h, s->number), s->track, 0, range, covered);
	for (uint32_t i = 0; m && i < m->n; i++) {
		struct list *l = names_list_get(names, m->item[i].list);

		if (l)
			forget(h, shard_of(h, l->number), l->track, m->item[i].index, range, covered);
	}
	s->files_asked = 0;
}
