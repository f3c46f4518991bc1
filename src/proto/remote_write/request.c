/*
 * request.c - protobuf as far as remote-write needs it: a cursor over fields, and the messages as walks over them.
 *
 * Nothing is remembered between fields but counts: labels and samples are found again by walking the series once more, which costs
 * a few nanoseconds a field and saves every table.
 */

#include "base/err.h"
#include "proto/remote_write/remote_write.h"

enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
	uint32_t number;
	enum wire wire;
	uint64_t v;                     /* of numbers, their bits */
	struct cur bytes;               /* of WIRE_BYTES */
};

static int wrong(const char *detail)
{
	return err_fail(ERR_BAD_BODY, "what", "@remote_write", "detail", detail, NULL);
}

static uint64_t long_varint(struct cur *c)
{
	const uint8_t *p = c->at;
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && p < c->end; shift += 7) {
		uint8_t b = *p++;

		if (shift == 63 && b > 1)       /* the tenth byte holds one bit */
			break;
		v |= (uint64_t) (b & 127) << shift;
		if (b < 128) {
			c->at = p;
			return v;
		}
	}
	c->bad = true;
	return 0;
}

/* Tags and lengths are nearly always one byte. */
static inline uint64_t varint(struct cur *c)
{
	return c->at < c->end && *c->at < 128 ? *c->at++ : long_varint(c);
}

/* The next field: 1, 0 at the end, -ERR_BAD_BODY. */
static int next(struct cur *c, struct field *f)
{
	uint64_t tag;

	if (!cur_left(c))
		return 0;
	tag = varint(c);
	if (c->bad || tag >> 3 == 0 || tag >> 3 > 536870911)
		return wrong("@pb_damaged");
	f->number = (uint32_t) (tag >> 3);
	f->wire = (enum wire) (tag & 7);
	switch (f->wire) {
	case WIRE_VARINT:
		f->v = varint(c);
		break;
	case WIRE_64:
		f->v = cur_le64(c);
		break;
	case WIRE_32:
		f->v = cur_le32(c);
		break;
	case WIRE_BYTES: {
		uint64_t n = varint(c);
		const uint8_t *p = n <= UINT32_MAX ? cur_take(c, (size_t) n) : NULL;

		if (!p)
			return wrong("@pb_damaged");
		f->bytes = cur_of(p, (size_t) n);
		break;
	}
	default:                        /* groups went before proto3 */
		return wrong("@pb_damaged");
	}
	return c->bad ? wrong("@pb_damaged") : 1;
}

static struct rw_text text_of(const struct field *f)
{
	return (struct rw_text) { (const char *) f->bytes.at, (uint32_t) cur_left(&f->bytes) };
}

/* ---- checking, once and whole ---- */

/* What a message may hold: for each known field the wire it must come by, and the message inside. */
struct kind { uint32_t number; enum wire wire; const struct shape *inside; bool packed; };
struct shape { const struct kind *kinds; size_t n; };
#define SHAPE(...) { .kinds = (const struct kind[]) { __VA_ARGS__ }, .n = sizeof((const struct kind[]) { __VA_ARGS__ }) / sizeof(struct kind) }

enum { V1_SERIES = 1, V1_METADATA = 3, V2_SYMBOL = 4, V2_SERIES = 5 };
enum { SERIES_LABEL = 1, SERIES_SAMPLE = 2, SERIES_V1_EXEMPLAR = 3, SERIES_V1_HISTOGRAM = 4, SERIES_V2_HISTOGRAM = 3, SERIES_V2_EXEMPLAR = 4,
	SERIES_V2_METADATA = 5 };
enum { LABEL_NAME = 1, LABEL_VALUE = 2, SAMPLE_VALUE = 1, SAMPLE_TIME = 2, META_HELP = 3, META_UNIT = 4 };

static const struct shape label = SHAPE({ LABEL_NAME, WIRE_BYTES }, { LABEL_VALUE, WIRE_BYTES });
static const struct shape sample = SHAPE({ SAMPLE_VALUE, WIRE_64 }, { SAMPLE_TIME, WIRE_VARINT });
static const struct shape metadata_v2 = SHAPE({ META_HELP, WIRE_VARINT }, { META_UNIT, WIRE_VARINT });
static const struct shape series_v1 = SHAPE({ SERIES_LABEL, WIRE_BYTES, &label }, { SERIES_SAMPLE, WIRE_BYTES, &sample },
	{ SERIES_V1_EXEMPLAR, WIRE_BYTES }, { SERIES_V1_HISTOGRAM, WIRE_BYTES });
static const struct shape series_v2 = SHAPE({ SERIES_LABEL, WIRE_BYTES, NULL, true }, { SERIES_SAMPLE, WIRE_BYTES, &sample },
	{ SERIES_V2_HISTOGRAM, WIRE_BYTES }, { SERIES_V2_EXEMPLAR, WIRE_BYTES }, { SERIES_V2_METADATA, WIRE_BYTES, &metadata_v2 });
static const struct shape requests[] = {
	[RW_V1] = SHAPE({ V1_SERIES, WIRE_BYTES, &series_v1 }, { V1_METADATA, WIRE_BYTES }),
	[RW_V2] = SHAPE({ V2_SYMBOL, WIRE_BYTES }, { V2_SERIES, WIRE_BYTES, &series_v2 }),
};

static const struct kind *kind_of(const struct shape *s, uint32_t number)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->kinds[i].number == number)
			return &s->kinds[i];
	return NULL;
}

static int check_packed(struct cur c)
{
	while (cur_left(&c) && !c.bad)
		varint(&c);
	return c.bad ? wrong("@pb_damaged") : 0;
}

/* Messages lie at most three deep in each other, by the shapes above. */
static int check(struct cur c, const struct shape *s)
{
	struct field f;
	int r;

	while ((r = next(&c, &f)) == 1) {
		const struct kind *k = kind_of(s, f.number);

		if (!k)
			continue;
		if (f.wire != k->wire && !(k->packed && f.wire == WIRE_VARINT))
			return wrong("@pb_other_schema");
		if (k->packed && f.wire == WIRE_BYTES)
			r = check_packed(f.bytes);
		else if (k->inside)
			r = check(f.bytes, k->inside);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- requests ---- */

int rw_open(struct rw_request *q, enum rw_version version, const void *bytes, size_t len)
{
	struct cur c = cur_of(bytes, len);
	struct field f;
	int r = check(c, &requests[version]);

	if (r < 0)
		return r;
	*q = (struct rw_request) { .version = version, .at = c };
	while (next(&c, &f) == 1) {
		q->n_series += f.number == (version == RW_V1 ? V1_SERIES : V2_SERIES);
		q->n_symbols += version == RW_V2 && f.number == V2_SYMBOL;
	}
	return 0;
}

int rw_symbols(struct rw_request *q, struct rw_text *room)
{
	struct cur c = q->at;
	struct field f;
	uint32_t n = 0;

	while (next(&c, &f) == 1)
		if (f.number == V2_SYMBOL)
			room[n++] = text_of(&f);
	q->symbols = room;
	if (q->n_series && (!n || room[0].len))
		return wrong("@pb_symbols");
	return 0;
}

static int symbol(const struct rw_request *q, uint64_t ref, struct rw_text *ret)
{
	if (ref >= q->n_symbols || !q->symbols)
		return wrong("@pb_symbols");
	*ret = q->symbols[ref];
	return 0;
}

/* ---- series ---- */

static int metadata_of(struct rw_series *s, struct cur c)
{
	struct field f;
	int r = 0;

	while (r == 0 && next(&c, &f) == 1)
		if (f.number == META_HELP)
			r = symbol(s->of, f.v, &s->help);
		else if (f.number == META_UNIT)
			r = symbol(s->of, f.v, &s->unit);
	return r;
}

static uint32_t count_refs(const struct field *f)
{
	struct cur c = f->bytes;
	uint32_t n = 0;

	if (f->wire == WIRE_VARINT)
		return 1;
	for (; cur_left(&c); n++)
		varint(&c);
	return n;
}

static int look_at(struct rw_series *s, struct cur c)
{
	bool v2 = s->of->version == RW_V2;
	uint32_t refs = 0, histogram = v2 ? SERIES_V2_HISTOGRAM : SERIES_V1_HISTOGRAM, exemplar = v2 ? SERIES_V2_EXEMPLAR : SERIES_V1_EXEMPLAR;
	struct field f;
	int r = 0;

	s->labels = s->samples = c;
	s->refs = cur_of(c.at, 0);
	while (next(&c, &f) == 1) {             /* to the end also of a wrong one: what it held is told */
		if (f.number == SERIES_LABEL)
			refs += v2 ? count_refs(&f) : 2;
		else if (f.number == SERIES_SAMPLE)
			s->n_samples++;
		else if (f.number == histogram)
			s->n_histograms++;
		else if (f.number == exemplar)
			s->n_exemplars++;
		else if (v2 && f.number == SERIES_V2_METADATA && r == 0)
			r = metadata_of(s, f.bytes);
	}
	s->n_labels = refs / 2;
	if (r == 0 && refs % 2)
		r = wrong("@pb_odd_labels");
	return r;
}

int rw_series_next(struct rw_request *q, struct rw_series *ret)
{
	uint32_t number = q->version == RW_V1 ? V1_SERIES : V2_SERIES;
	struct field f;

	while (next(&q->at, &f) == 1) {
		int r;

		if (f.number != number)
			continue;
		*ret = (struct rw_series) { .of = q };
		r = look_at(ret, f.bytes);
		return r < 0 ? r : 1;
	}
	return 0;
}

static int label_v1(struct cur c, struct rw_label *ret)
{
	struct field f;

	*ret = (struct rw_label) { { "", 0 }, { "", 0 } };
	while (next(&c, &f) == 1)
		if (f.number == LABEL_NAME)
			ret->name = text_of(&f);
		else if (f.number == LABEL_VALUE)
			ret->value = text_of(&f);
	return 1;
}

/* 1: the next reference of the series' label fields, packed or not; 0: none is left. */
static int ref_next(struct rw_series *s, uint64_t *ret)
{
	struct field f;

	while (!cur_left(&s->refs)) {
		if (next(&s->labels, &f) != 1)
			return 0;
		if (f.number != SERIES_LABEL)
			continue;
		if (f.wire == WIRE_VARINT) {
			*ret = f.v;
			return 1;
		}
		s->refs = f.bytes;
	}
	*ret = varint(&s->refs);
	return 1;
}

int rw_label_next(struct rw_series *s, struct rw_label *ret)
{
	uint64_t name, value;
	struct field f;
	int r;

	if (s->of->version == RW_V1) {
		while (next(&s->labels, &f) == 1)
			if (f.number == SERIES_LABEL)
				return label_v1(f.bytes, ret);
		return 0;
	}
	if (!ref_next(s, &name) || !ref_next(s, &value))
		return 0;
	r = symbol(s->of, name, &ret->name);
	if (r == 0)
		r = symbol(s->of, value, &ret->value);
	return r < 0 ? r : 1;
}

int rw_sample_next(struct rw_series *s, struct rw_sample *ret)
{
	struct field f;

	while (next(&s->samples, &f) == 1) {
		struct cur c = f.bytes;

		if (f.number != SERIES_SAMPLE)
			continue;
		*ret = (struct rw_sample) { 0 };
		while (next(&c, &f) == 1)
			if (f.number == SAMPLE_VALUE)
				memcpy(&ret->value, &f.v, sizeof(ret->value));
			else if (f.number == SAMPLE_TIME)
				ret->time_ms = (int64_t) f.v;
		return 1;
	}
	return 0;
}
