/* span.c - single samples of a span. */
#include "tsdb/span.h"

#include "tsdb/decimal.h"

struct value span_value(const struct span *s, uint32_t row)
{
	struct value v = { .type = s->cell && s->cell[row] != CELL_VALUE ? V_NONE : (enum vtype) s->type };

	switch (v.type) {
	case V_NONE:
		break;
	case V_BOOL:
		v.b = s->scaled ? ((const int64_t *) s->v)[row] != 0 : ((const uint8_t *) s->v)[row];
		break;
	case V_F64:
		v.f64 = s->scaled ? decimal_f64(((const int64_t *) s->v)[row], s->e) : ((const double *) s->v)[row];
		break;
	case V_STR:
	case V_BYTES: {
		const uint8_t *p = ((const uint8_t *const *) s->v)[row];

		memcpy(&v.len, p, sizeof(v.len));
		v.s = (const char *) p + sizeof(v.len);
		break;
	}
	default:
		memcpy(&v.i, (const char *) s->v + (size_t) row * slot_width(s->type), slot_width(s->type));
	}
	return v;
}

struct sample span_sample(const struct span *s, uint32_t row, uint32_t series)
{
	return (struct sample) { .series = series, .quality = s->q ? s->q[row] : 0, .time_ns = s->t[row], .value = span_value(s, row) };
}
