/*
 * ingest_remote.c - Prometheus remote-write into batches.
 *
 * What is wrong with one series is that series' own affair: the good ones of the request are stored, and the answer names the others.
 * (Receivers that drop a whole request for one duplicate lose what nobody will ever send again.)
 */
#include "service/ingest.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "service/ingest_int.h"
#include "service/remote_name.h"

enum { SERIES_MAX = 50000, SYMBOLS_MAX = 200000, HELP_MAX = 1000, UNIT_MAX = 32 };
enum found { REFUSED, THERE, TO_BE_MADE };

struct one { struct intake_series series; uint8_t found; };

struct job {
	struct intake intake;
	const struct remote_in *in;
	struct rw_request request;
	struct one *all;
	struct remote_name name;        /* of the current series, */
	bool named;                     /* ... when it was built */
	struct remote_taken done;
};

/* May the rest go on after this? What is the platform's own trouble will be better when all is sent again. */
static bool is_senders(int r)
{
	int status = err_http(-r);

	return status < 500 && status != 429;
}

static int refuse(struct job *j, uint32_t index, uint64_t samples, int r)
{
	char text[NUM_TEXT_MAX];

	if (!is_senders(r))
		return r;
	num_format_u64(text, index);
	err_at(r, text);
	err_at(r, "timeseries");
	if (!j->done.refused) {
		struct buf b = BUF_FIXED(j->done.series);

		j->done.first = *err_peek();
		buf_addf(&b, "%.58s/%.58s", j->name.head, j->name.key);
		j->done.series[utf8_valid_prefix(j->done.series, str_len(j->done.series))] = 0;
	}
	j->done.refused += (uint32_t) samples;
	atomic_fetch_add(&j->intake.ingest->refused, samples);
	if (j->in->errs)
		errs_add(j->in->errs, r);
	err_clear();
	return 0;
}

static int refuse_kind(struct job *j, uint32_t index, uint64_t n, const char *rule)
{
	return refuse(j, index, n, err_fail(ERR_REFUSED, "what", j->name.key, "detail", rule, NULL));
}

static const char *text_of(struct scope *s, struct rw_text t, size_t max)
{
	if (!t.len || !utf8_is_valid(t.s, t.len) || memchr(t.s, 0, t.len))
		return NULL;
	return arena_strn(s->arena, t.s, utf8_valid_prefix(t.s, MIN((size_t) t.len, max)));
}

static int find(struct job *j, struct rw_series *s, bool may_want, struct one *ret)
{
	struct intake_name name = { .head = j->name.head, .key = j->name.key };
	int r = remote_name(s, &j->name);

	if (r < 0)
		return r;
	name.head_len = j->name.head_len;
	name.key_len = j->name.key_len;
	r = intake_find(&j->intake, &name, &ret->series);
	if (r <= 0 || !may_want) {
		ret->found = r == 0 ? THERE : REFUSED;
		return r;
	}
	r = scope_need(j->intake.scope, PERM_POINT_WRITE);
	if (r < 0)
		return r;
	name.unit = s->unit.len <= UNIT_MAX ? text_of(j->intake.scope, s->unit, UNIT_MAX) : NULL;
	name.description = text_of(j->intake.scope, s->help, HELP_MAX);
	r = intake_want(&j->intake, &name, V_F64);
	ret->found = r < 0 ? REFUSED : TO_BE_MADE;
	return r;
}

/* What the request holds: each series found, to be made, or refused by name. */
static int look(struct job *j)
{
	struct rw_series s;
	int r, next;

	for (uint32_t i = 0; (next = rw_series_next(&j->request, &s)); i++) {
		struct one *one = &j->all[i];

		j->name.head[0] = j->name.key[0] = 0;
		r = next < 0 ? next : s.n_samples + s.n_histograms + s.n_exemplars ? find(j, &s, s.n_samples != 0, one) : 0;
		if (r < 0)
			r = refuse(j, i, (uint64_t) s.n_samples + s.n_histograms, r);
		else if (s.n_histograms)
			r = refuse_kind(j, i, s.n_histograms, "@native_histogram");
		if (r >= 0 && next > 0 && s.n_exemplars && j->in->v2)   /* 1.0 never promised anything about them */
			r = refuse_kind(j, i, s.n_exemplars, "@exemplar");
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- values ---- */

static int convert(struct job *j, const struct rw_sample *s, enum vtype want, struct value *ret)
{
	double v = s->value;

	*ret = (struct value) { .type = want };
	switch (want) {
	case V_F64:
		ret->f64 = v;
		return 0;
	case V_F32:
		ret->f32 = (float) v;
		if (isfinite(ret->f32) || !isfinite(v))
			return 0;
		break;
	case V_I64:
		if (v >= -9223372036854775808.0 && v < 9223372036854775808.0 && (double) (int64_t) v == v) {
			ret->i = (int64_t) v;
			return 0;
		}
		break;
	case V_BOOL:
		if (v == 0 || v == 1) {
			ret->b = v == 1;
			return 0;
		}
		break;
	default:
		break;
	}
	return err_fail(ERR_TYPE_CONFLICT, "field", j->name.key, "want", vtype_name(want), "value", vtype_name(V_F64), NULL);
}

static int sample_of(struct job *j, const struct rw_sample *s, enum vtype type, struct sample *ret)
{
	uint64_t bits;

	if (__builtin_mul_overflow(s->time_ms, (int64_t) NS_PER_MS, &ret->time_ns)) {
		char text[NUM_TEXT_MAX];

		num_format_i64(text, s->time_ms);
		return err_fail(ERR_TOO_BIG, "field", "timestamp", "max", "2262-04-11T23:47:16Z", "value", text, NULL);
	}
	memcpy(&bits, &s->value, sizeof(bits));
	ret->quality = bits == RW_STALE ? (uint32_t) QUALITY_BAD_NO_COMMUNICATION : (uint32_t) QUALITY_GOOD;
	if (bits == RW_STALE)
		ret->value = (struct value) { .type = V_NONE };
	else if (convert(j, s, type, &ret->value) < 0)
		return -ERR_TYPE_CONFLICT;
	return intake_time(&j->intake, ret->time_ns);
}

static int fill_series(struct job *j, uint32_t index, struct rw_series *s, const struct intake_series *to)
{
	struct rw_sample from;
	uint64_t wrong = 0;
	int r, first = 0;
	struct err why;

	while (rw_sample_next(s, &from) == 1) {
		struct sample sample = { .series = to->number };

		r = sample_of(j, &from, to->type, &sample);
		if (r == 0) {
			r = intake_add(&j->intake, to->type, &sample);
			if (r < 0)
				return r;
			continue;
		}
		if (!j->named) {        /* what is well needs no name any more */
			struct rw_series again = *s;

			j->named = remote_name(&again, &j->name) == 0;
			r = sample_of(j, &from, to->type, &sample);
		}
		if (!wrong++) {
			why = *err_peek();
			first = r;
		}
		err_clear();
	}
	if (!wrong)
		return 0;
	err_put(&why);
	return refuse(j, index, wrong, first);
}

static int fill(struct job *j)
{
	struct rw_series s;
	int r = 0, next;

	j->request.at = cur_of(j->in->bytes, j->in->len);
	for (uint32_t i = 0; r >= 0 && (next = rw_series_next(&j->request, &s)); i++) {
		struct one *one = &j->all[i];

		if (next < 0)
			err_clear();
		if (next < 0 || one->found == REFUSED || !s.n_samples)
			continue;
		r = 0;
		j->named = one->found == TO_BE_MADE;
		if (j->named)
			r = remote_name(&s, &j->name);
		if (r == 0 && j->named)
			r = intake_find(&j->intake, &(struct intake_name) { .head = j->name.head, .key = j->name.key,
				.head_len = j->name.head_len, .key_len = j->name.key_len }, &one->series);
		if (r == 1)
			r = err_fail(ERR_BUSY, "what", "@point", NULL);         /* deleted meanwhile */
		if (r == 0)
			r = fill_series(j, i, &s, &one->series);
	}
	return r < 0 ? r : intake_seal(&j->intake);
}

/* ---- a request ---- */

static int too_many(const char *field, uint32_t n, const char *max)
{
	char text[NUM_TEXT_MAX];

	num_format_u64(text, n);
	return err_fail(ERR_COUNT, "field", field, "min", "0", "max", max, "value", text, NULL);
}

static int open(struct job *j)
{
	struct arena *a = j->intake.scope->arena;
	struct rw_request *q = &j->request;
	struct rw_text *symbols;
	int r = rw_open(q, j->in->v2 ? RW_V2 : RW_V1, j->in->bytes, j->in->len);

	if (r < 0)
		return r;
	if (q->n_series > SERIES_MAX)
		return too_many("@series_in_request", q->n_series, "50000");
	if (q->n_symbols > SYMBOLS_MAX)
		return too_many("symbols", q->n_symbols, "200000");
	j->all = arena_alloc(a, (q->n_series + 1) * sizeof(*j->all));
	symbols = arena_alloc(a, (q->n_symbols + 1) * sizeof(*symbols));
	if (!j->all || !symbols)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	memset(j->all, 0, (q->n_series + 1) * sizeof(*j->all));
	return j->in->v2 ? rw_symbols(q, symbols) : 0;
}

int ingest_remote(struct scope *s, const struct remote_in *in, struct wal_wait *wait, struct remote_taken *ret)
{
	struct job *j = arena_new(s->arena, struct job);
	int r = scope_need_somewhere(s, PERM_SAMPLE_WRITE);

	if (r < 0)
		return r;
	if (!j)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	*j = (struct job) { .intake = intake_of(s), .in = in };
	atomic_fetch_add(&j->intake.ingest->requests, 1);
	r = open(j);
	if (r == 0)
		r = look(j);
	if (r == 0)
		r = intake_make(&j->intake);
	if (r == 0)
		r = fill(j);
	if (r == 0) {
		j->done.samples = j->intake.samples;
		j->done.created = j->intake.missing.n;
		if (in->on_taken)
			in->on_taken(in->ctx, &j->done);
		r = intake_append(&j->intake, wait, &j->done.seq);
	}
	intake_done(&j->intake);
	if (r >= 0)
		*ret = j->done;
	return r;
}
