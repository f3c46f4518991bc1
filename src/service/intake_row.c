/*
 * intake_row.c - lines that come again and again with the same names.
 *
 * A head (measurement and tags) that was seen in this request stands in a table with the fields it came with and what series they are: the next
 * line with it compares bytes instead of asking for each field. From its second line on such a head has a builder of its own: rows of one batch,
 * which share their times in the log, in memory and in files. What earlier requests taught (intake_heads.h) is as good as a first line.
 *
 * Of equal series and time the last line counts, so order matters: single samples are sealed in front of all rows, and the first line of a head, which
 * waits for a second, goes with the one or the other. A line that comes with other fields than the head had, or a full batch, seals everything there is. So does one whose head is
 * another spelling (with a backslash, with a slash in a key) of points that stand in rows already; these then go sample by sample.
 */
#include "service/intake_heads.h"

#include <string.h>

#include "service/ingest_int.h"
#include "service/reach.h"

enum { SLOTS_MIN = 64, SLOTS_MAX = 16384, PROBES = 16, RESHAPED_MAX = 16, LINE_BYTES = 64 /* of a line, about */ };

struct row {
	struct intake_known known;              /* its head and fields */
	uint64_t hash;
	struct head_seen *seen;                 /* of earlier requests; NULL */
	uint32_t room;
	bool again, single;                     /* it came before; its samples never go into rows of its own */
	uint64_t *waiting;                      /* its first line, until there is another or all is sealed; NULL: none waits */
	int64_t waiting_ns;
	struct row *next;                       /* that came behind it the last time */
	struct batch_builder *rows;             /* of the lines behind the first; NULL: none yet */
};

/* Whose head names a series; only looked at once a name was spelled in a way that another could mean, too. */
struct owner { uint32_t series; struct row *row; };

struct intake_rows {
	struct row **slot;
	uint32_t slots, *used, n_used;
	struct heads *heads;                    /* NULL: nothing is remembered */
	uint32_t asked;                         /* lines that were not those expected to come: from them there is something to learn */
	bool everywhere;                        /* what is known may be written without a look at where it is */
	bool spelled;
	struct map owners;
	unsigned reshaped;
	/* the line under way */
	struct row *row, *last;                 /* NULL: its head has no place; of the line before, then of this one */
	struct head_seen *guess;                /* what may follow `last`, from earlier requests; NULL: a row says it, or nobody knows */
	bool is_new, other;                     /* new: its fields are noted; other: they are not those of the head */
	struct intake_cell { struct intake_series series; struct value value; } *cell;
	uint32_t n, room;
	int64_t time_ns;
};

int intake_rows_begin(struct intake *t, size_t bytes)
{
	struct intake_rows *s = arena_new(t->scope->arena, struct intake_rows);
	uint32_t slots = SLOTS_MIN;

	while (slots < SLOTS_MAX && slots < bytes / LINE_BYTES)
		slots *= 2;
	if (s) {
		s->slots = slots;
		s->slot = arena_array(t->scope->arena, struct row *, slots);
		s->used = arena_array(t->scope->arena, uint32_t, slots);
		s->owners = MAP_INIT(&sys_heap);
	}
	if (!s || !s->slot || !s->used)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	s->heads = heads_now(t->ingest);
	s->everywhere = scope_may(t->scope, PERM_SAMPLE_WRITE);
	t->rows = s;
	return 0;
}

void intake_rows_done(struct intake *t)
{
	struct intake_rows *s = t->rows;

	for (uint32_t i = 0; s && i < s->n_used; i++)
		batch_builder_free(s->slot[s->used[i]]->rows);
	if (s) {
		map_done(&s->owners);
		heads_unref(s->heads);
	}
	t->rows = NULL;
}

/* --- a line ------------------------------------------------------------------------------------------------------------ */

static bool is_head(const struct row *r, uint64_t hash, const char *head, size_t len)
{
	return r->hash == hash && r->known.head_len == len && memcmp(r->known.head, head, len) == 0;
}

static void follow(struct intake_rows *s)
{
	if (s->last && s->row)
		s->last->next = s->row;
	s->last = s->row;
}

/* Its place among those of the request: *ret the row that is there, or NULL and where it would be. False: there is none. */
static bool place_of(const struct intake_rows *s, uint64_t hash, const char *head, size_t len, uint32_t *ret_at, struct row **ret)
{
	for (uint32_t i = 0; i < PROBES; i++) {
		uint32_t at = ((uint32_t) (hash >> 32) + i) & (s->slots - 1);
		struct row *r = s->slot[at];

		if (r && !is_head(r, hash, head, len))
			continue;
		*ret_at = at;
		*ret = r;
		return true;
	}
	return false;
}

static struct row *put_row(struct intake *t, uint32_t at, const struct row *like)
{
	struct intake_rows *s = t->rows;
	struct row *r = arena_new(t->scope->arena, struct row);

	if (!r)
		return NULL;
	*r = *like;
	s->slot[at] = r;
	s->used[s->n_used++] = at;
	return r;
}

/* A head of earlier requests, unless this sender may not write there, or names are spelled in more than one way. */
static struct row *remembered(struct intake *t, uint32_t at, struct head_seen *seen)
{
	const struct intake_rows *s = t->rows;

	if (!seen || s->spelled || (!s->everywhere && !reach_device(t->scope, PERM_SAMPLE_WRITE, &seen->device)))
		return NULL;
	return put_row(t, at, &(struct row) { .known = seen->known, .hash = seen->hash, .seen = seen, .again = true, .single = seen->single });
}

int intake_row(struct intake *t, const char *head, size_t len, bool plain, int64_t time_ns)
{
	struct intake_rows *s = t->rows;
	uint64_t hash = heads_hash(t->scope->tenant, head, len);
	struct row *r = NULL;
	uint32_t at = 0;

	s->time_ns = time_ns;
	s->n = 0;
	s->asked++;
	s->spelled |= !plain && memchr(head, '\\', len) != NULL;
	s->is_new = s->other = false;
	bool has_place = place_of(s, hash, head, len, &at, &r);
	if (has_place && !r)
		r = remembered(t, at, heads_find(s->heads, hash, t->scope->tenant, head, len));
	if (has_place && !r) {
		r = put_row(t, at, &(struct row) { .known = { .head = head, .head_len = len }, .hash = hash });
		if (!r)
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
		s->is_new = true;
	}
	s->row = r;
	follow(s);
	return 0;
}

bool intake_row_knows(struct intake *t, const char *key, size_t len, struct intake_series *ret)
{
	const struct intake_rows *s = t->rows;
	const struct line_want *f;

	if (!s->row || s->is_new || s->n >= s->row->known.n)
		return false;
	f = &s->row->known.field[s->n];
	if (f->len != len || memcmp(f->key, key, len) != 0)
		return false;
	*ret = (struct intake_series) { f->series, f->type };
	return true;
}

static void *grown(struct arena *a, const void *old, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = MAX(*room * 2, 16u);
	void *to;

	if (n < *room)
		return (void *) (uintptr_t) old;
	to = arena_alloc(a, more * size);
	if (to && n)
		memcpy(to, old, n * size);
	if (to)
		*room = more;
	return to;
}

/* The head's fields, as its first line has them; those behind it must have the same in the same order. */
static int note_field(struct intake *t, const char *key, size_t len, const struct intake_series *series)
{
	struct intake_rows *s = t->rows;
	struct row *r = s->row;
	struct line_want *f;

	if (!r || !s->is_new) {
		s->other |= r && (s->n >= r->known.n || r->known.field[s->n].len != len || memcmp(r->known.field[s->n].key, key, len) != 0);
		return 0;
	}
	f = grown(t->scope->arena, r->known.field, r->known.n, &r->room, sizeof(*f));
	if (!f)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	f[r->known.n++] = (struct line_want) { .key = key, .len = len, .type = series->type, .series = series->number };
	r->known.field = f;
	return 0;
}

int intake_row_add(struct intake *t, const char *key, size_t len, const struct intake_series *series, const struct value *v)
{
	struct intake_rows *s = t->rows;
	struct intake_cell *c;
	int r;

	if (s->n == INTAKE_SAMPLES_MAX)         /* one line may be as long as the body */
		return intake_count(t, s->n + 1);
	if (!s->row || s->is_new)
		s->spelled |= memchr(key, '\\', len) || memchr(key, '/', len);
	c = grown(t->scope->arena, s->cell, s->n, &s->room, sizeof(*c));
	r = c ? note_field(t, key, len, series) : err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	if (r < 0)
		return r;
	s->cell = c;
	s->cell[s->n++] = (struct intake_cell) { *series, *v };
	return 0;
}

/* --- its samples ------------------------------------------------------------------------------------------------------- */

static int one_by_one(struct intake *t)
{
	const struct intake_rows *s = t->rows;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		const struct sample sample = { .series = s->cell[i].series.number, .time_ns = s->time_ns, .value = s->cell[i].value };

		r = intake_add(t, sample.value.type, &sample);
	}
	return r;
}

/* Field i of a head that has no rows of its own: what comes together in the same order goes into rows with others. */
static int with_others(struct intake *t, uint32_t i, uint64_t bits)
{
	const struct intake_rows *s = t->rows;
	const struct line_want *f = &s->row->known.field[i];
	int r = intake_frame_add(t, s->time_ns, f->series, f->type, bits);

	return r ? MIN(r, 0) : intake_add(t, f->type, &(struct sample) { .series = f->series, .time_ns = s->time_ns, .value = intake_value(f->type, bits) });
}

static int all_with_others(struct intake *t)
{
	const struct intake_rows *s = t->rows;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->n; i++) {
		const struct value *v = &s->cell[i].value;

		if (v->type == V_STR || v->type == V_BYTES)
			r = intake_add(t, v->type, &(struct sample) { .series = s->row->known.field[i].series, .time_ns = s->time_ns, .value = *v });
		else
			r = with_others(t, i, intake_bits(v));
	}
	return r;
}

static int begin_rows(struct intake *t, struct row *r)
{
	uint32_t *series = arena_array(t->scope->arena, uint32_t, r->known.n);
	uint8_t *types = arena_alloc(t->scope->arena, r->known.n);
	int e = series && types ? batch_builder_new(&r->rows, BATCH_ROWS_MAX) : err_fail(ERR_NO_MEMORY, "what", "@body", NULL);

	for (uint32_t i = 0; e == 0 && i < r->known.n; i++) {
		series[i] = r->known.field[i].series;
		types[i] = (uint8_t) r->known.field[i].type;
	}
	return e < 0 ? e : batch_group(r->rows, t->scope->tenant, 0, series, types, r->known.n);
}

/* The first line of a head waits for a second: alone it goes sample by sample. */
static int wait_for_more(struct intake *t, struct row *r, const uint64_t *bits)
{
	r->waiting = arena_dup(t->scope->arena, bits, r->known.n * sizeof(*bits));
	if (!r->waiting)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	r->waiting_ns = t->rows->time_ns;
	return 0;
}

static bool is_first(const struct row *r) { return !r->rows && !r->waiting; }

int intake_rows_scatter(struct intake *t)
{
	struct intake_rows *s = t->rows;
	int e = 0;

	for (uint32_t k = 0; s && e == 0 && k < s->n_used; k++) {
		struct row *r = s->slot[s->used[k]];
		const uint64_t *bits = r->waiting;

		r->waiting = NULL;
		for (uint32_t i = 0; bits && e == 0 && i < r->known.n; i++) {
			const struct line_want *f = &r->known.field[i];

			e = intake_add(t, f->type, &(struct sample) { .series = f->series, .time_ns = r->waiting_ns, .value = intake_value(f->type, bits[i]) });
		}
	}
	return e;
}

/* The builder, with the line that waited in it. */
static int ready_rows(struct intake *t, struct row *r)
{
	int e = r->rows ? 0 : begin_rows(t, r);

	if (e == 0 && r->waiting) {
		const uint64_t *bits = r->waiting;

		r->waiting = NULL;
		e = intake_count(t, r->known.n);
		if (e == 0)
			e = batch_group_full(r->rows, r->waiting_ns, bits);
	}
	return e;
}

static int add_row(struct intake *t, struct row *r)
{
	const struct intake_rows *s = t->rows;
	int e = ready_rows(t, r);

	if (e == 0)
		e = batch_group_row(r->rows, s->time_ns);
	if (e == -ERR_FULL) {
		err_clear();
		e = intake_seal(t);
		if (e == 0)
			e = batch_group_row(r->rows, s->time_ns);
	}
	for (uint32_t i = 0; e == 0 && i < s->n; i++)
		e = batch_group_set(r->rows, i, s->cell[i].value, QUALITY_GOOD);
	return e;
}

const struct line_want *intake_row_expects(const struct intake *t, uint32_t *ret_n)
{
	const struct intake_rows *s = t->rows;

	if (!s->row || !s->row->again || s->row->single || s->reshaped > RESHAPED_MAX)
		return NULL;
	*ret_n = s->row->known.n;
	return s->row->known.field;
}

int intake_row_full(struct intake *t, const uint64_t *bits)
{
	struct row *r = t->rows->row;

	if (is_first(r))
		return wait_for_more(t, r, bits);
	int e = intake_count(t, r->known.n);
	if (e == 0 && (!r->rows || r->waiting))
		e = ready_rows(t, r);
	if (e == 0)
		e = batch_group_full(r->rows, t->rows->time_ns, bits);
	if (e == -ERR_FULL) {
		err_clear();
		e = intake_seal(t);
		if (e == 0)
			e = batch_group_full(r->rows, t->rows->time_ns, bits);
	}
	return e;
}

const struct intake_known *intake_row_next(struct intake *t)
{
	struct intake_rows *s = t->rows;
	const struct row *r = s->last ? s->last->next : NULL;

	s->guess = r || !s->last || !s->last->seen ? NULL : atomic_load_explicit(&s->last->seen->next, memory_order_acquire);
	const struct intake_known *k = r && r->again ? &r->known : s->guess ? &s->guess->known : NULL;
	return k && !s->spelled && s->reshaped <= RESHAPED_MAX && k->n <= INTAKE_COLUMNS_MAX ? k : NULL;
}

bool intake_row_is_next(struct intake *t)
{
	struct intake_rows *s = t->rows;
	struct row *r = NULL;
	uint32_t at;

	if (!s->guess)
		return true;
	if (!place_of(s, s->guess->hash, s->guess->known.head, s->guess->known.head_len, &at, &r))
		return false;
	if (!r)
		r = remembered(t, at, s->guess);
	if (!r || !r->again)
		return false;
	s->last->next = r;
	return true;
}

int intake_row_again(struct intake *t, int64_t time_ns, const uint64_t *bits)
{
	struct intake_rows *s = t->rows;
	int e = 0;

	s->last = s->row = s->last->next;
	s->time_ns = time_ns;
	if (!s->row->single)
		return intake_row_full(t, bits);
	for (uint32_t i = 0; e == 0 && i < s->row->known.n; i++)
		e = with_others(t, i, bits[i]);
	return e;
}

/* Of a series that stands in a line twice the last counts: rows have each once. Texts may fill a batch in the middle of a row. And a batch of few
 * columns costs more than it saves. */
static bool is_single(const struct row *r)
{
	enum { COLUMNS_MIN = 4 };

	if (r->known.n < COLUMNS_MIN || r->known.n > INTAKE_COLUMNS_MAX)
		return true;
	for (uint32_t i = 0; i < r->known.n; i++) {
		if (r->known.field[i].type == V_STR || r->known.field[i].type == V_BYTES)
			return true;
		for (uint32_t k = 0; k < i; k++)
			if (r->known.field[i].series == r->known.field[k].series)
				return true;
	}
	return false;
}

/* --- the same point by another name ------------------------------------------------------------------------------------ */

static bool same_series(const void *item, const void *key) { return ((const struct owner *) item)->series == *(const uint32_t *) key; }

static uint64_t hash_of(uint32_t series) { return series * UINT64_C(0x9e3779b97f4a7c15); }

static int own(struct intake *t, struct row *r)
{
	struct intake_rows *s = t->rows;

	for (uint32_t i = 0; i < r->known.n; i++) {
		const uint32_t series = r->known.field[i].series;
		struct owner *o;

		if (map_find(&s->owners, hash_of(series), same_series, &series))
			continue;
		o = arena_new(t->scope->arena, struct owner);
		if (o)
			*o = (struct owner) { series, r };
		if (!o || !map_put(&s->owners, hash_of(series), o))
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	}
	return 0;
}

/* Nothing of this line's points waits in rows of a head that is spelled otherwise, or will. */
static int part_from_others(struct intake *t)
{
	struct intake_rows *s = t->rows;
	bool shared = false;
	int e = 0;

	for (uint32_t i = 0; e == 0 && !s->owners.n && i < s->n_used; i++)
		e = own(t, s->slot[s->used[i]]);
	for (uint32_t i = 0; e == 0 && i < s->n; i++) {
		const uint32_t series = s->cell[i].series.number;
		struct owner *o = map_find(&s->owners, hash_of(series), same_series, &series);

		if (!o || o->row == s->row)
			continue;
		shared |= !o->row->single || (s->row && !s->row->single);
		o->row->single = true;
		if (s->row)
			s->row->single = true;
	}
	if (e == 0 && shared)
		e = intake_seal(t);
	return e < 0 || !s->row ? e : own(t, s->row);
}

/* The first line of a head decides how all others go. */
static int begin_head(struct intake *t)
{
	const struct intake_rows *s = t->rows;

	if (s->row)
		s->row->single = is_single(s->row);
	if (!s->spelled)
		return 0;
	int e = intake_frames_leave(t, true);
	return e < 0 ? e : part_from_others(t);
}

int intake_row_end(struct intake *t)
{
	struct intake_rows *s = t->rows;
	struct row *r = s->row;
	bool first = r && !r->again;
	uint64_t bits[INTAKE_COLUMNS_MAX];
	int e = !r || first ? begin_head(t) : 0;

	if (e < 0)
		return e;
	if (!r)
		return one_by_one(t);
	if (s->other || s->n != r->known.n) {
		e = intake_frames_leave(t, false);
		if (e == 0 && s->reshaped++ <= RESHAPED_MAX)
			e = intake_seal(t);
		return e < 0 ? e : one_by_one(t);
	}
	r->again = true;
	if (r->single && s->reshaped <= RESHAPED_MAX)
		return all_with_others(t);
	if (r->single || s->reshaped > RESHAPED_MAX)
		return one_by_one(t);
	for (uint32_t i = 0; is_first(r) && i < s->n; i++)
		bits[i] = intake_bits(&s->cell[i].value);
	if (is_first(r))
		return wait_for_more(t, r, bits);
	e = intake_count(t, r->known.n);
	return e < 0 ? e : add_row(t, r);
}

/* Only what was spelled in one way: of others it must be asked each time which are the same. */
void intake_rows_remember(struct intake *t)
{
	const struct intake_rows *s = t->rows;

	if (!s || !s->heads || s->spelled || s->reshaped || (s->asked == 1 && s->slot[s->used[0]]->seen))
		return;
	for (uint32_t i = 0; i < s->n_used; i++) {
		struct row *r = s->slot[s->used[i]];

		if (!r->seen && r->again)
			r->seen = heads_add(s->heads, t->ingest->platform->plant, t->scope->tenant, r->hash, &r->known, r->single);
	}
	for (uint32_t i = 0; i < s->n_used; i++) {
		const struct row *r = s->slot[s->used[i]];

		if (r->seen && r->next && r->next->seen && atomic_load_explicit(&r->seen->next, memory_order_relaxed) != r->next->seen)
			atomic_store_explicit(&r->seen->next, r->next->seen, memory_order_release);
	}
}

int intake_rows_end(struct intake *t) { return intake_frames_leave(t, true); }

int intake_rows_seal(struct intake *t)
{
	struct intake_rows *s = t->rows;
	int e = 0;

	for (uint32_t i = 0; s && e == 0 && i < s->n_used; i++)
		e = intake_seal_one(t, s->slot[s->used[i]]->rows);
	return e;
}
