/* read_aggs.c - figures of a bucket by their words: what was asked for, and how each is said. */
#include <math.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "service/read_asked.h"

static const struct { const char *word, *title, *title_zh; } rows[] = {
#define AGG(NAME, word, en, zh) [AGG_##NAME] = { word, en, zh },
#include "service/aggregates.def"
#undef AGG
};

static const char *words(struct arena *a)
{
	struct buf b = BUF_INIT(a->mem, 400);
	const char *text;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		buf_addf(&b, "%s, ", rows[i].word);
	buf_add(&b, "p50, p99.9");
	text = arena_str(a, b.data);
	buf_done(&b);
	return text ? text : "";
}

/* p50, p99.9 */
static bool percentile(const char *word, double *ret)
{
	size_t n = str_len(word);
	double p;

	if (n < 2 || n >= sizeof(((struct read_agg *) 0)->name) || word[0] != 'p' || word[1] < '0' || word[1] > '9')
		return false;
	if (num_parse_f64(word + 1, word + n, &p) != n - 1 || !(p >= 0 && p <= 100))
		return false;
	*ret = p / 100;
	return true;
}

static int add_quantile(struct read_asked *a, const char *word, double p, struct read_agg *agg)
{
	for (agg->quantile = 0; agg->quantile < a->step.n_quantiles; agg->quantile++)
		if (a->quantiles[agg->quantile] == p)
			return 0;
	if (a->step.n_quantiles == TSDB_QUANTILES_MAX)
		return err_fail(ERR_INVALID, "field", "aggregates", "rule", "@eight_percentiles", "value", word, NULL);
	a->quantiles[a->step.n_quantiles++] = p;
	return 0;
}

static const unsigned wants[AGG_PERCENTILE + 1] = { [AGG_STDDEV] = TSDB_STDDEV, [AGG_DELTA] = TSDB_DELTA, [AGG_CHANGES] = TSDB_CHANGES,
	[AGG_STATES] = TSDB_STATES };

/* What needs neither first, lowest, highest nor their times. */
static bool is_lean(enum agg kind)
{
	return kind == AGG_AVG || kind == AGG_MEAN || kind == AGG_SUM || kind == AGG_COUNT || kind == AGG_COVERAGE || kind == AGG_INTEGRAL || kind == AGG_LAST;
}

static int add(struct scope *s, struct read_asked *a, const char *word, const char *pointer)
{
	struct read_agg agg = { .kind = AGG_PERCENTILE };
	double p = 0.5;
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (str_eq(rows[i].word, word))
			agg.kind = (enum agg) i;
	if (agg.kind == AGG_PERCENTILE && !percentile(word, &p))
		return err_at(err_fail(ERR_NOT_A_WORD, "field", pointer, "words", words(s->arena), "value", word, NULL), pointer);
	for (uint32_t i = 0; i < a->n_aggs; i++)
		if (str_eq(a->aggs[i].name, word))
			return err_at(err_fail(ERR_INVALID, "field", pointer, "rule", "@twice", "value", word, NULL), pointer);
	if (a->n_aggs == AGGS_MAX)
		return err_at(err_fail(ERR_LIMIT, "what", "@aggregates", "max", "24", NULL), pointer);
	if (agg.kind == AGG_PERCENTILE || agg.kind == AGG_MEDIAN)
		r = add_quantile(a, word, p, &agg);
	memcpy(agg.name, word, str_len(word) + 1);
	a->step.want |= wants[agg.kind];
	a->step.lean = a->step.lean && is_lean(agg.kind);
	a->aggs[a->n_aggs++] = agg;
	return r < 0 ? err_at(r, pointer) : 0;
}

int read_aggs(struct scope *s, const struct query_in *in, struct read_asked *a)
{
	const char *const *list = in->aggregates.items;
	bool buckets = in->step || in->calendar || in->group_by;
	int r = 0;

	a->step.lean = true;
	for (uint32_t i = 0; r == 0 && i < in->aggregates.n; i++)
		r = add(s, a, list[i], "aggregates");
	if (r == 0 && !str_empty(in->aggregate)) {
		if (a->n_aggs)
			return err_at(err_fail(ERR_INVALID, "field", "aggregate", "rule", "@not_both", "value", in->aggregate, NULL), "aggregate");
		a->one = true;
		r = add(s, a, in->aggregate, "aggregate");
	}
	if (r == 0 && buckets && !a->n_aggs) {
		a->one = true;
		r = add(s, a, "avg", "aggregate");
	}
	return r;
}

/* ---- how they are said ---- */

double read_agg_number(const struct read_agg *agg, const struct tsdb_bucket *k)
{
	switch (agg->kind) {
	case AGG_AVG: return k->avg;
	case AGG_MEAN: return k->mean;
	case AGG_MIN: return k->min;
	case AGG_MAX: return k->max;
	case AGG_SUM: return k->sum;
	case AGG_COUNT: return (double) k->n;
	case AGG_COVERAGE: return (double) k->covered_ns / (double) ((uint64_t) k->end_ns - (uint64_t) k->start_ns);
	case AGG_INTEGRAL: return k->integral;
	case AGG_STDDEV: return k->stddev;
	case AGG_DELTA: return k->delta;
	case AGG_CHANGES: return k->filled || k->coarse ? (double) NAN : (double) k->changes;
	case AGG_MEDIAN: case AGG_PERCENTILE: return k->quantile[agg->quantile];
	default: return (double) NAN;
	}
}

static void write_number(struct json *j, double v)
{
	if (v == v)
		json_f64(j, v);
	else
		json_null(j);
}

static void write_states(struct json *j, const struct tsdb_bucket *k)
{
	json_array(j);
	for (const struct tsdb_state *s = k->states; s < k->states + k->n_states; s++) {
		json_object(j);
		json_key(j, "v");
		read_value_json(j, &s->value);
		json_kv_f64(j, "s", (double) s->ns / (double) NS_PER_S);
		json_kv_u64(j, "times", s->times);
		json_end(j);
	}
	json_end(j);
}

/* The least of whole numbers as such: no double holds all of them. */
static bool is_whole(const struct tsdb_bucket *k) { return k->first.type == V_I64 || k->first.type == V_TIME; }

void read_agg_json(struct json *j, const struct read_agg *agg, const struct tsdb_bucket *k)
{
	if (agg->kind == AGG_FIRST || agg->kind == AGG_LAST)
		read_value_json(j, agg->kind == AGG_FIRST ? &k->first : &k->last);
	else if (agg->kind == AGG_STATES && k->coarse)
		json_null(j);
	else if (agg->kind == AGG_STATES)
		write_states(j, k);
	else if ((agg->kind == AGG_MIN || agg->kind == AGG_MAX) && is_whole(k))
		json_i64(j, agg->kind == AGG_MIN ? k->min_i : k->max_i);
	else if (agg->kind == AGG_COUNT || (agg->kind == AGG_CHANGES && !k->filled && !k->coarse))
		json_u64(j, agg->kind == AGG_COUNT ? k->n : k->changes);
	else if ((agg->kind == AGG_MIN_TIME || agg->kind == AGG_MAX_TIME) && k->n_used && k->min == k->min)
		json_i64(j, (agg->kind == AGG_MIN_TIME ? k->min_ns : k->max_ns) / 1000);
	else
		write_number(j, read_agg_number(agg, k));
}

const char *read_agg_title(const struct read_agg *agg, bool zh)
{
	return agg->kind == AGG_PERCENTILE ? agg->name : zh ? rows[agg->kind].title_zh : rows[agg->kind].title;
}

/* ---- as text ---- */

void read_value_text(struct buf *out, const struct value *v)
{
	char text[NUM_TEXT_MAX], when[WHEN_TEXT_MAX];

	switch (v->type) {
	case V_BOOL: buf_add(out, v->b ? "true" : "false"); break;
	case V_I64: buf_addn(out, text, num_format_i64(text, v->i)); break;
	case V_F32: buf_addn(out, text, num_format_f32(text, v->f32)); break;
	case V_F64: buf_addn(out, text, num_format_f64(text, v->f64)); break;
	case V_TIME: buf_addn(out, when, when_format(when, v->i)); break;
	case V_STR: buf_addn(out, v->s, v->len); break;
	default: break;
	}
}

/* 0=12.5;1=3587.5: seconds */
void read_states_text(struct buf *out, const struct tsdb_bucket *k)
{
	char text[NUM_TEXT_MAX];

	for (const struct tsdb_state *s = k->states; s < k->states + k->n_states; s++) {
		if (s > k->states)
			buf_addc(out, ';');
		read_value_text(out, &s->value);
		buf_addc(out, '=');
		buf_addn(out, text, num_format_f64(text, (double) s->ns / (double) NS_PER_S));
	}
}

/* What a cell says of it; nothing when there is none. Times as RFC 3339. */
void read_agg_text(struct buf *out, const struct read_agg *agg, const struct tsdb_bucket *k)
{
	struct json j = JSON_TO(out);
	char when[WHEN_TEXT_MAX];

	if (agg->kind == AGG_STATES)
		read_states_text(out, k);
	else if (agg->kind == AGG_FIRST || agg->kind == AGG_LAST)
		read_value_text(out, agg->kind == AGG_FIRST ? &k->first : &k->last);
	else if (agg->kind == AGG_MIN_TIME || agg->kind == AGG_MAX_TIME)
		buf_addn(out, when, k->n_used && k->min == k->min ? when_format(when, agg->kind == AGG_MIN_TIME ? k->min_ns : k->max_ns) : 0);
	else if (agg->kind == AGG_COUNT || is_whole(k) || read_agg_number(agg, k) == read_agg_number(agg, k))
		read_agg_json(&j, agg, k);
}
