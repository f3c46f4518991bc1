/* friendly.c - samples as a Parquet file that any program opens at once. */
#include "tsdb/query/friendly.h"

#include "base/err.h"
#include "base/str.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

enum { COL_NAME, COL_TIME, COL_VALUE, COL_TEXT, COL_QUALITY, COLS };
static const struct pq_col cols[COLS] = {
	[COL_NAME] = { .name = "point", .type = PQ_BYTES, .kind = PQ_TEXT },
	[COL_TIME] = { .name = "time", .type = PQ_INT64, .kind = PQ_MICROS_UTC, .distinct = true },
	[COL_VALUE] = { .name = "value", .type = PQ_DOUBLE, .optional = true },
	[COL_TEXT] = { .name = "text", .type = PQ_BYTES, .kind = PQ_TEXT, .optional = true },
	[COL_QUALITY] = { .name = "quality", .type = PQ_INT32, .optional = true },
};

struct friendly { struct pq_writer *w; };

int friendly_new(struct friendly **ret, int fd)
{
	_cleanup_(friendly_freep) struct friendly *f = sys_new(struct friendly);
	int r = f ? pq_writer_new(&f->w, &(struct pq_writer_config) { .cols = cols, .n_cols = COLS, .created_by = "tenon", .fd = fd })
		: err_fail(ERR_NO_MEMORY, "what", "an export", NULL);

	if (r == 0)
		*ret = take(f);
	return r;
}

struct friendly *friendly_free(struct friendly *f)
{
	if (!f)
		return NULL;
	pq_writer_free(f->w);
	return sys_free(f);
}

static bool as_double(const struct value *v, double *ret)
{
	switch (v->type) {
	case V_BOOL:
		*ret = v->b;
		return true;
	case V_F32:
		*ret = (double) v->f32;
		return true;
	case V_F64:
		*ret = v->f64;
		return true;
	case V_I64:
	case V_TIME:
		*ret = (double) v->i;
		return true;
	default:
		return false;
	}
}

static void put_value(struct pq_writer *w, const struct value *v)
{
	bool text = (v->type == V_STR || v->type == V_BYTES) && utf8_is_valid(v->s, v->len);
	uint64_t bits;
	double d;

	if (as_double(v, &d)) {
		memcpy(&bits, &d, sizeof(bits));
		pq_write_values(w, COL_VALUE, &bits, NULL, 1);
	} else {
		pq_write_nulls(w, COL_VALUE, 1);
	}
	if (text)
		pq_write_text(w, COL_TEXT, v->s, v->len);
	else
		pq_write_nulls(w, COL_TEXT, 1);
}

int friendly_put(struct friendly *f, const char *point, const struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	uint32_t len = (uint32_t) str_len(point);
	struct sample s;
	int r = 0;

	while (r == 0 && batch_next(&it, &s)) {
		uint64_t us = (uint64_t) (s.time_ns / 1000 - (s.time_ns % 1000 < 0)), q = (uint64_t) (int64_t) (int32_t) s.quality;

		pq_write_text(f->w, COL_NAME, point, len);
		pq_write_values(f->w, COL_TIME, &us, NULL, 1);
		put_value(f->w, &s.value);
		if (s.quality)
			pq_write_values(f->w, COL_QUALITY, &q, NULL, 1);
		else
			pq_write_nulls(f->w, COL_QUALITY, 1);
		r = pq_write_rows(f->w, 1);
	}
	return r;
}

int friendly_end(struct friendly *f) { return pq_writer_finish(f->w); }
