/*
 * intake_row.c - lines that come again and again with the same names.
 *
 * A head (measurement and tags) that was seen in this request stands in a table with the fields it came with and what series they are: the next
 * line with it compares bytes instead of asking for each field. From its second line on such a head has a builder of its own: rows of one batch,
 * which share their times in the log, in memory and in files.
 *
 * Of equal series and time the last line counts, so order matters: single samples are sealed in front of all rows, and the first line of a head, which
 * waits for a second, goes with the one or the other. A line that comes with other fields than the head had, or a full batch, seals everything there is. So does one whose head is
 * another spelling (with a backslash, with a slash in a key) of points that stand in rows already; these then go sample by sample.
 */
#include "service/intake.h"

#include <string.h>

#include "sys/sys.h"

enum { SLOTS_MIN = 64, SLOTS_MAX = 16384, PROBES = 16, RESHAPED_MAX = 16, LINE_BYTES = 64 /* of a line, about */ };

struct row {
	struct intake_known known;              /* its head and fields */
	uint64_t hash;
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
	bool spelled;
	struct map owners;
	unsigned reshaped;
	/* the line under way */
	struct row *row, *last;                 /* NULL: its head has no place; of the line before, then of this one */
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
	t->rows = s;
	return 0;
}

void intake_rows_done(struct intake *t)
{
	struct intake_rows *s = t->rows;

	for (uint32_t i = 0; s && i < s->n_used; i++)
		batch_builder_free(s->slot[s->used[i]]->rows);
	if (s)
		map_done(&s->owners);
	t->rows = NULL;
}

/* --- a line ------------------------------------------------------------------------------------------------------------ */

static bool is_head(const struct row *r, uint64_t hash, const char *head, size_t len)
{
	return r->hash == hash && r->known.head_len == len && memcmp(r->known.head, head, len) == 0;
}

static void follow(struct intake_rows *s)
{
	if (s->last)
		s->last->next = s->row;
	s->last = s->row;
}

int intake_row(struct intake *t, const char *head, size_t len, bool plain, int64_t time_ns)
{
	struct intake_rows *s = t->rows;
	uint64_t hash = hash_bytes(head, len);
	struct row *r = NULL;
	uint32_t at = 0;

	s->time_ns = time_ns;
	s->n = 0;
	s->spelled |= !plain && memchr(head, '\\', len) != NULL;
	s->is_new = s->other = false;
	s->row = NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		at = ((uint32_t) (hash >> 32) + i) % s->slots;
		r = s->slot[at];
		if (!r || is_head(r, hash, head, len))
			break;
	}
	s->row = r && is_head(r, hash, head, len) ? r : NULL;
	if (r) {
		follow(s);
		return 0;
	}
	r = arena_new(t->scope->arena, struct row);
	if (!r)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	*r = (struct row) { .known = { .head = head, .head_len = len }, .hash = hash };
	s->slot[at] = s->row = r;
	s->used[s->n_used++] = at;
	s->is_new = true;
	follow(s);
	return 0;
}

bool intake_row_knows(struct intake *t, const char *key, size_t len, struct intake_series *ret)
{
	const struct intake_rows *s = t->rows;
	const struct intake_expected *f;

	if (!s->row || s->is_new || s->n >= s->row->known.n)
		return false;
	f = &s->row->known.field[s->n];
	if (f->len != len || memcmp(f->key, key, len) != 0)
		return false;
	*ret = f->series;
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
	struct intake_expected *f;

	if (!r || !s->is_new) {
		s->other |= r && (s->n >= r->known.n || r->known.field[s->n].len != len || memcmp(r->known.field[s->n].key, key, len) != 0);
		return 0;
	}
	f = grown(t->scope->arena, r->known.field, r->known.n, &r->room, sizeof(*f));
	if (!f)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	f[r->known.n++] = (struct intake_expected) { key, len, *series };
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

/* The samples of a head that has no rows of its own: what comes together in the same order goes into rows with others. */
static int with_others(struct intake *t, uint32_t i, const struct value *v)
{
	const struct intake_rows *s = t->rows;
	const struct intake_series *series = &s->row->known.field[i].series;
	int r = v->type == V_STR || v->type == V_BYTES ? 0 : intake_frame_add(t, s->time_ns, series, intake_bits(v));

	return r ? MIN(r, 0) : intake_add(t, v->type, &(struct sample) { .series = series->number, .time_ns = s->time_ns, .value = *v });
}

static int all_with_others(struct intake *t)
{
	const struct intake_rows *s = t->rows;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->n; i++)
		r = with_others(t, i, &s->cell[i].value);
	return r;
}

static int begin_rows(struct intake *t, struct row *r)
{
	uint32_t *series = arena_array(t->scope->arena, uint32_t, r->known.n);
	uint8_t *types = arena_alloc(t->scope->arena, r->known.n);
	int e = series && types ? batch_builder_new(&r->rows, BATCH_ROWS_MAX) : err_fail(ERR_NO_MEMORY, "what", "@body", NULL);

	for (uint32_t i = 0; e == 0 && i < r->known.n; i++) {
		series[i] = r->known.field[i].series.number;
		types[i] = (uint8_t) r->known.field[i].series.type;
	}
	return e < 0 ? e : batch_group(r->rows, t->scope->tenant, 0, series, types, r->known.n);
}

/* The first line of a head waits for a second: alone it goes sample by sample. */
static int wait_for_more(struct intake *t, struct row *r)
{
	const struct intake_rows *s = t->rows;

	r->waiting = arena_array(t->scope->arena, uint64_t, r->known.n);
	if (!r->waiting)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	for (uint32_t i = 0; i < s->n; i++)
		r->waiting[i] = intake_bits(&s->cell[i].value);
	r->waiting_ns = s->time_ns;
	return 0;
}

int intake_rows_scatter(struct intake *t)
{
	struct intake_rows *s = t->rows;
	int e = 0;

	for (uint32_t k = 0; s && e == 0 && k < s->n_used; k++) {
		struct row *r = s->slot[s->used[k]];
		const uint64_t *bits = r->waiting;

		r->waiting = NULL;
		for (uint32_t i = 0; bits && e == 0 && i < r->known.n; i++) {
			const struct intake_series *series = &r->known.field[i].series;

			e = intake_add(t, series->type, &(struct sample) { .series = series->number, .time_ns = r->waiting_ns,
				.value = intake_value(series->type, bits[i]) });
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

const struct intake_expected *intake_row_expects(const struct intake *t, uint32_t *ret_n)
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

const struct intake_known *intake_row_next(const struct intake *t)
{
	const struct intake_rows *s = t->rows;
	const struct row *r = s->last ? s->last->next : NULL;

	return r && r->again && !s->spelled && s->reshaped <= RESHAPED_MAX && r->known.n <= INTAKE_COLUMNS_MAX ? &r->known : NULL;
}

int intake_row_again(struct intake *t, int64_t time_ns, const uint64_t *bits)
{
	struct intake_rows *s = t->rows;
	int e = 0;

	s->last = s->row = s->last->next;
	s->time_ns = time_ns;
	if (!s->row->single)
		return intake_row_full(t, bits);
	for (uint32_t i = 0; e == 0 && i < s->row->known.n; i++) {
		struct value v = intake_value(s->row->known.field[i].series.type, bits[i]);

		e = with_others(t, i, &v);
	}
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
		if (r->known.field[i].series.type == V_STR || r->known.field[i].series.type == V_BYTES)
			return true;
		for (uint32_t k = 0; k < i; k++)
			if (r->known.field[i].series.number == r->known.field[k].series.number)
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
		const uint32_t series = r->known.field[i].series.number;
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
	if (first)
		return wait_for_more(t, r);
	e = intake_count(t, r->known.n);
	return e < 0 ? e : add_row(t, r);
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
