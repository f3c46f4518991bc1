/*
 * intake_frame.c - samples that come together, in lines of their own.
 *
 * An agent sends a thousand series with one time, one a line, then the same thousand with the next. The first time they come their order is learnt; when
 * another time begins they are the columns of a group, of which each further round is a row: the time stands once in the log, in memory and in files,
 * and not a thousand times. A sample out of order, or a round that is not whole, ends it: everything is sealed, what is left of the round goes sample
 * by sample, and another order is learnt, a few times.
 *
 * Of equal series and time the last line counts, so nothing goes its own way while rows of its series wait (intake_frames_leave).
 */
#include "service/intake.h"

#include <string.h>

#include "sys/sys.h"

/* Few columns cost more than they save; so do rows learnt for nothing. */
enum { COLUMNS_MIN = 16, LEARN_MAX = 16 };

struct intake_frames {
	bool off;
	unsigned learnt;
	int64_t time_ns;
	uint32_t k, n, room;            /* columns, 0: they are being learnt; samples of this round */
	uint32_t *series;
	uint8_t *types;
	uint64_t *bits;
	struct batch_builder *rows;
};

void intake_frames_done(struct intake *t)
{
	struct intake_frames *f = t->frames;

	if (!f)
		return;
	batch_builder_free(f->rows);
	sys_free(f->series);
	sys_free(f->types);
	sys_free(f->bits);
	sys_free(f);
	t->frames = NULL;
}

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@body", NULL); }

struct value intake_value(enum vtype type, uint64_t bits)
{
	struct value v = { .type = type };

	if (type == V_BOOL)
		v.b = bits != 0;
	else if (type == V_F32)
		memcpy(&v.f32, &bits, sizeof(v.f32));
	else
		memcpy(&v.i, &bits, sizeof(v.i));
	return v;
}

uint64_t intake_bits(const struct value *v)
{
	uint64_t bits = 0;

	if (v->type == V_BOOL)
		bits = v->b;
	else if (v->type == V_F32)
		memcpy(&bits, &v->f32, sizeof(v->f32));
	else
		memcpy(&bits, &v->i, sizeof(v->i));
	return bits;
}

/* The round under way, sample by sample. */
static int scatter(struct intake *t)
{
	struct intake_frames *f = t->frames;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < f->n; i++)
		r = intake_add(t, f->types[i], &(struct sample) { .series = f->series[i], .time_ns = f->time_ns, .value = intake_value(f->types[i], f->bits[i]) });
	f->n = 0;
	return r;
}

int intake_frames_leave(struct intake *t, bool for_ever)
{
	struct intake_frames *f = t->frames;

	if (!f || f->off)
		return 0;
	f->off = for_ever;
	int r = f->k ? intake_seal(t) : 0;
	f->k = 0;
	return r < 0 ? r : scatter(t);
}

int intake_frames_seal(struct intake *t) { return t->frames ? intake_seal_one(t, t->frames->rows) : 0; }

static int row(struct intake *t)
{
	struct intake_frames *f = t->frames;
	int r = intake_count(t, f->k);

	if (r == 0)
		r = batch_group_full(f->rows, f->time_ns, f->bits);
	if (r == -ERR_FULL) {
		err_clear();
		r = intake_seal(t);
		if (r == 0)
			r = batch_group_full(f->rows, f->time_ns, f->bits);
	}
	f->n = 0;
	return r;
}

static int each_once(const struct intake *t, bool *ret)
{
	const struct intake_frames *f = t->frames;
	uint32_t slots = 64;

	while (slots < 2 * f->n)
		slots *= 2;
	uint32_t *slot = arena_array(t->scope->arena, uint32_t, slots);         /* 0: free; no series has that number */
	if (!slot)
		return no_memory();
	*ret = true;
	for (uint32_t i = 0; i < f->n; i++) {
		uint32_t at = (f->series[i] * UINT32_C(0x9e3779b1)) >> 7;

		while (slot[at & (slots - 1)] && slot[at & (slots - 1)] != f->series[i])
			at++;
		*ret = *ret && !slot[at & (slots - 1)];
		slot[at & (slots - 1)] = f->series[i];
	}
	return 0;
}

/* The first round is whole: another time begins. */
static int begin(struct intake *t)
{
	struct intake_frames *f = t->frames;
	bool once = false;
	int r = f->n < COLUMNS_MIN ? 0 : each_once(t, &once);

	if (r < 0 || !once)
		return r < 0 ? r : intake_frames_leave(t, true);
	if (!f->rows)
		r = batch_builder_new(&f->rows, BATCH_ROWS_MAX);
	if (r == 0)
		r = batch_group(f->rows, t->scope->tenant, 0, f->series, f->types, f->n);
	f->k = r < 0 ? 0 : f->n;
	return r < 0 ? r : row(t);
}

static int learn(struct intake_frames *f, uint32_t series, enum vtype type)
{
	if (f->n == f->room) {
		uint32_t room = MAX(f->room * 2, 64u);
		uint32_t *s = sys_resize(f->series, room * sizeof(*s));
		f->series = s ? s : f->series;
		uint8_t *y = sys_resize(f->types, room);
		f->types = y ? y : f->types;
		uint64_t *b = sys_resize(f->bits, room * sizeof(*b));
		f->bits = b ? b : f->bits;
		if (!s || !y || !b)
			return no_memory();
		f->room = room;
	}
	f->series[f->n] = series;
	f->types[f->n] = (uint8_t) type;
	return 0;
}

static int put(struct intake *t, int64_t time_ns, uint64_t bits)
{
	struct intake_frames *f = t->frames;
	int r;

	f->time_ns = time_ns;
	f->bits[f->n++] = bits;
	r = f->n == f->k ? row(t) : 0;
	return r < 0 ? r : 1;
}

/* Not what was to come: 0, and the frame is ready for this one, or off. */
static int turn(struct intake *t, int64_t time_ns, uint32_t series)
{
	struct intake_frames *f = t->frames;
	int r = 0;

	if (f->k || f->n == BATCH_SERIES_MAX)
		r = intake_frames_leave(t, ++f->learnt > LEARN_MAX);
	else if (f->n && f->time_ns != time_ns)
		r = begin(t);
	/* What begins a round may be the first of another order. */
	if (r == 0 && !f->off && f->k && f->series[f->n] != series)
		r = intake_frames_leave(t, ++f->learnt > LEARN_MAX);
	return r;
}

int intake_frame_add(struct intake *t, int64_t time_ns, uint32_t series, enum vtype type, uint64_t bits)
{
	struct intake_frames *f = t->frames ? t->frames : (t->frames = sys_new(struct intake_frames));
	int r = 0;

	if (!f)
		return no_memory();
	if (f->off)
		return 0;
	if (f->k && f->series[f->n] == series && (!f->n || f->time_ns == time_ns))
		return put(t, time_ns, bits);
	r = turn(t, time_ns, series);
	if (r == 0 && !f->off && !f->k)
		r = learn(f, series, type);
	return r < 0 || f->off ? r : put(t, time_ns, bits);
}
