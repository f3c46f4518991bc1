/*
 * ingest.c - line protocol into batches, and the life of what all doors for samples share (intake.h).
 *
 * Every line is read and checked, every series found, and batches are filled on the way; one wrong line, and all are thrown away. Only when points
 * must be made first is it read a second time.
 */
#include "service/ingest.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "service/ingest_int.h"
#include "service/intake_heads.h"
#include "service/lines.h"

struct job {
	struct intake intake;
	const struct ingest_in *in;
	bool makes;                     /* there are points to be made: nothing is added now */
	bool made;                      /* they are made: this is the second time */
	uint32_t lines;
	int64_t known_ns;               /* of the last line that was known */
	struct err first_error;
};

int ingest_new(struct ingest **ret, struct platform *p, uint64_t points_max)
{
	struct ingest *i = sys_new(struct ingest);

	if (!i)
		return err_fail(ERR_NO_MEMORY, "what", "ingest", NULL);
	i->platform = p;
	i->points_max = points_max;
	i->known = MAP_INIT(&sys_heap);
	rwlock_init(&i->lock);
	mutex_init(&i->heads_lock);
	for (unsigned k = 0; k < MAKERS; k++)
		mutex_init(&i->making[k]);
	*ret = i;
	return 0;
}

struct ingest *ingest_free(struct ingest *i)
{
	if (!i)
		return NULL;
	ingest_forget(i);
	heads_unref(i->heads);
	mutex_done(&i->heads_lock);
	rwlock_done(&i->lock);
	for (unsigned k = 0; k < MAKERS; k++)
		mutex_done(&i->making[k]);
	sys_free(i);
	return NULL;
}

int ingest_unit(const char *precision, int64_t *ret_ns)
{
	static const struct { const char *word; int64_t ns; } units[] = { { "ns", 1 }, { "n", 1 }, { "us", NS_PER_US }, { "u", NS_PER_US },
		{ "ms", NS_PER_MS }, { "s", NS_PER_S } };

	if (str_empty(precision)) {
		*ret_ns = 1;
		return 0;
	}
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (str_eq(units[i].word, precision)) {
			*ret_ns = units[i].ns;
			return 0;
		}
	return err_fail(ERR_BAD_ARGUMENT, "field", "precision", "rule", "@precision", "value", precision, NULL);
}

static struct intake_name name_of(const struct line_field *f)
{
	return (struct intake_name) { .head = f->head, .key = f->key, .head_len = f->head_len, .key_len = f->key_len, .escaped = true };
}

/* --- Values ------------------------------------------------------------------------------------------------------------ */

static int convert(const struct line_field *f, enum vtype want, struct scope *s, struct value *ret)
{
	struct value v = f->value;
	char name[128];
	struct buf b = BUF_FIXED(name);

	if (v.type == V_STR && want == V_STR) {
		char *text = arena_alloc(s->arena, v.len + 1);

		if (!text)
			return err_fail(ERR_NO_MEMORY, "what", "@text", NULL);
		v.len = (uint32_t) line_unescape(v.s, v.len, true, text);
		v.s = text;
		if (!utf8_is_valid(text, v.len))
			return err_fail(ERR_BAD_UTF8, "what", "@line_protocol", "value", "1", NULL);
		if (v.len > 65535)
			return err_fail(ERR_TOO_LARGE, "what", "@text", "max", "65535", NULL);
		*ret = v;
		return 0;
	}
	if (f->is_float && want == V_F32) {
		v.type = V_F32;
		num_parse_f32(f->number, f->number + f->number_len, &v.f32);
		*ret = v;
		if (v.f32 - v.f32 == 0)
			return 0;
	} else if (v.type == V_I64 && want == V_F64 && (int64_t) (double) v.i == v.i && (double) v.i < 9.3e18) {
		*ret = (struct value) { .type = V_F64, .f64 = (double) v.i };
		return 0;
	} else if (v.type == V_I64 && want == V_F32 && v.i >= -(1 << 24) && v.i <= 1 << 24) {
		*ret = (struct value) { .type = V_F32, .f32 = (float) v.i };
		return 0;
	} else if (v.type == want) {
		*ret = v;
		return 0;
	}
	name[0] = 0;
	buf_addn(&b, f->head, MIN(f->head_len, (size_t) 60));
	buf_addc(&b, '/');
	buf_addn(&b, f->key, MIN(f->key_len, (size_t) 60));
	return err_fail(ERR_TYPE_CONFLICT, "field", name, "want", vtype_name(want), "value", vtype_name(v.type), NULL);
}

static int time_of(struct job *j, const struct lines *l, int64_t *ret_ns)
{
	int64_t ns = j->intake.now_ns;
	int r;

	if (l->has_time && __builtin_mul_overflow(l->time, j->in->unit_ns, &ns)) {
		char text[NUM_TEXT_MAX];

		num_format_i64(text, l->time);
		return err_fail(ERR_TOO_BIG, "field", "timestamp", "max", "2262-04-11T23:47:16Z", "value", text, NULL);
	}
	r = intake_time(&j->intake, ns);
	if (r == 0)
		*ret_ns = ns;
	return r;
}

static void line_failed(struct job *j, const struct lines *l, int r)
{
	char line[NUM_TEXT_MAX];

	num_format_u64(line, l->line);
	if (!err_peek()->pointer[0])
		err_at(r, line);
	if (j->first_error.kind == ERR_NONE)
		j->first_error = *err_peek();
	atomic_fetch_add(&j->intake.ingest->refused, 1);
	if (j->in->errs)
		errs_add(j->in->errs, r);
}

static int find_series(struct job *j, const struct line_field *f, struct intake_series *ret)
{
	const struct intake_name name = name_of(f);
	int r = intake_find(&j->intake, &name, ret);

	if (r <= 0)
		return r;
	if (j->made)
		return err_fail(ERR_BUSY, "what", "@point", NULL);              /* deleted meanwhile */
	j->makes = true;
	ret->type = f->value.type;
	return intake_want(&j->intake, &name, f->value.type);
}

/* A line of the same fields as those before it with this head, plain numbers all: 1. 0: it is not, and nothing was taken of it. */
static int take_expected(struct job *j, struct lines *l)
{
	uint64_t bits[INTAKE_COLUMNS_MAX];
	uint32_t n = 0;
	const struct line_want *want = j->makes ? NULL : intake_row_expects(&j->intake, &n);

	if (!want || !lines_expect(l, want, n, bits))
		return 0;
	int r = intake_row_full(&j->intake, bits);
	return r < 0 ? r : 1;
}

static int take_line(struct job *j, struct lines *l)
{
	struct intake *t = &j->intake;
	struct intake_series series;
	struct line_field f;
	struct value v;
	int64_t ns = 0;
	int r = time_of(j, l, &ns);

	if (r == 0)
		r = intake_row(t, l->head, l->head_len, l->plain, ns);
	if (r == 0)
		r = take_expected(j, l);
	if (r)
		return r < 0 ? r : 0;
	while (r == 0 && (r = lines_field(l, &f)) == 1) {
		r = intake_row_knows(t, f.key, f.key_len, &series) ? 0 : find_series(j, &f, &series);
		if (r == 0)
			r = convert(&f, series.type, t->scope, &v);
		if (r == 0 && !j->makes)
			r = intake_row_add(t, f.key, f.key_len, &series, &v);
	}
	return r < 0 || j->makes ? r : intake_row_end(t);
}

/* The line that came behind this one before, all of it known but the numbers: 1. 0: it is another, and nothing was taken of it. */
static int take_known(struct job *j, struct lines *l)
{
	uint64_t bits[INTAKE_COLUMNS_MAX];
	const struct intake_known *k = j->makes ? NULL : intake_row_next(&j->intake);

	if (!k || !lines_known(l, k->head, k->head_len))
		return 0;
	if (!intake_row_is_next(&j->intake) || !lines_expect(l, k->field, k->n, bits) || !lines_known_end(l)) {
		lines_back(l);
		return 0;
	}
	j->lines++;
	int r = l->time_again ? 0 : time_of(j, l, &j->known_ns);
	if (r == 0)
		r = intake_row_again(&j->intake, j->known_ns, bits);
	return r < 0 ? r : 1;
}

static int next_line(struct job *j, struct lines *l)
{
	int r = take_known(j, l);

	if (r)
		return r;
	r = lines_next(l);
	if (r <= 0)
		return r;
	j->lines++;
	r = take_line(j, l);
	return r < 0 ? r : 1;
}

/* Every line read; 0, or the first failure when at least one was wrong. */
static int take_lines(struct job *j)
{
	struct lines l = lines_of(j->in->text, j->in->len);
	int r = intake_rows_begin(&j->intake, j->in->len);

	if (r < 0)
		return r;
	j->lines = 0;
	while ((r = next_line(j, &l))) {
		if (r == 1)
			continue;
		line_failed(j, &l, r);
		if (r == -ERR_NO_MEMORY || r == -ERR_IO)
			break;
	}
	if (j->first_error.kind == ERR_NONE && !j->makes)
		return intake_rows_end(&j->intake);
	if (j->first_error.kind == ERR_NONE)
		return 0;
	err_put(&j->first_error);
	return -(int) j->first_error.kind;
}

int ingest_lines(struct scope *s, const struct ingest_in *in, struct wal_wait *wait, struct ingested *ret)
{
	struct job j = { .intake = intake_of(s), .in = in };
	struct ingested done = { 0 };
	int r = scope_need_somewhere(s, PERM_SAMPLE_WRITE);

	if (r < 0)
		return r;
	atomic_fetch_add(&j.intake.ingest->requests, 1);
	r = take_lines(&j);
	if (r == 0 && j.makes) {
		r = intake_make(&j.intake);
		intake_reset(&j.intake);
		j.makes = false;
		j.made = true;
		if (r == 0)
			r = take_lines(&j);
	}
	if (r == 0)
		r = intake_seal(&j.intake);
	done = (struct ingested) { .lines = j.lines, .samples = j.intake.samples, .created = r < 0 ? 0 : j.intake.missing.n };
	if (r == 0)
		r = intake_append(&j.intake, wait, &done.seq);
	if (r == 0)
		intake_rows_remember(&j.intake);
	intake_done(&j.intake);
	if (r >= 0)
		*ret = done;
	return r;
}

void ingest_stats(struct ingest *i, struct ingest_stats *ret)
{
	*ret = (struct ingest_stats) { .requests = i->requests, .samples = i->samples, .refused = i->refused, .created = i->created };
}
