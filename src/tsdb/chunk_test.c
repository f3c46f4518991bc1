/* No peer: what a chunk gives back must be, to the bit, what it took; the peer is an array of what was written. */
#include "tsdb/chunk.h"

#include <math.h>

#include "tap.h"

#include "sys/sys.h"

enum { ROWS_MAX = 2000 };

struct cell { int64_t t; uint64_t bits, seq; };
struct plain { struct cell row[ROWS_MAX]; uint32_t n; };

static uint64_t state = 5;
static uint32_t dice(uint32_t n) { return (uint32_t) ((state = state * UINT64_C(6364136223846793005) + 1442695040888963407) >> 33) % n; }

static uint64_t bits_of_double(double x)
{
	uint64_t b;

	memcpy(&b, &x, sizeof(b));
	return b;
}

/* What is hard to hold in four bytes: the edges of them, signs of zero, what is no number, what has many digits. */
static uint64_t number(uint8_t type, unsigned kind)
{
	static const double odd[] = { -0.0, NAN, -INFINITY, 5e-324, 1.7976931348623157e308, 2147483647, 2147483646.5, -2147483648.0, 4294967296.0, 0.1 + 0.2,
		1e-12, 1e-13, 0.000000123456, 21474836.46, -21474836.47, 1e22 };
	static const int64_t whole[] = { INT64_MIN, INT64_MAX, INT32_MAX, INT32_MIN, INT64_C(1) + INT32_MAX, INT64_C(-1) + INT32_MIN, -1 };

	if (type == V_I64)
		return (uint64_t) (kind == 9 ? whole[dice(ELEMENTSOF(whole))] : (int64_t) dice(1000000) - 500000);
	if (kind == 9)
		return bits_of_double(odd[dice(ELEMENTSOF(odd))]);
	double x = ((int) dice(20000000) - 10000000) / pow(10, kind);
	return bits_of_double(dice(8) ? x : floor(x));
}

static void put(struct plain *p, struct cell c)
{
	uint32_t i = p->n;

	while (i > 0 && p->row[i - 1].t >= c.t)
		i--;
	if (i < p->n && p->row[i].t == c.t) {
		p->row[i] = c;
		return;
	}
	memmove(&p->row[i + 1], &p->row[i], (p->n - i) * sizeof(c));
	p->row[i] = c;
	p->n++;
}

static bool same(const struct chunk *c, uint8_t type, const struct plain *p)
{
	static struct chunk_room room;
	struct span s;

	if (chunk_read(c, 0, type, &room, &s) < 0 || s.n != p->n)
		return false;
	for (uint32_t i = 0; i < s.n; i++)
		if (s.t[i] != p->row[i].t || ((const uint64_t *) s.v)[i] != p->row[i].bits || (s.seq && s.seq[i] != p->row[i].seq))
			return false;
	return chunk_times(c, &room, &s) == 0 && s.n == p->n && s.t[s.n - 1] == p->row[s.n - 1].t && c->t_max == s.t[s.n - 1] && c->t_min == s.t[0];
}

struct story {
	uint8_t type;
	unsigned digits, odd;           /* after `odd` rows odd ones come, too; 0: none */
	int64_t step, jitter;           /* of the times; one row in eight comes late */
	uint32_t at_once;
	bool group;
};

static struct batch *make(struct batch_builder *w, const struct story *y, int64_t *t, struct plain *p, uint64_t seq)
{
	const uint32_t series = 7;
	struct batch *b = NULL;

	if (y->group)
		batch_group(w, 1, 0, &series, &y->type, 1);
	else
		batch_tall(w, 1, 0, y->type);
	for (uint32_t i = 0; i < y->at_once; i++) {
		unsigned kind = y->odd && p->n > y->odd && dice(4) == 0 ? 9 : y->digits;
		struct cell c = { .t = *t - (dice(8) ? 0 : (int64_t) dice(6) * y->step), .bits = number(y->type, kind), .seq = seq };
		struct value v = { .type = y->type, .i = (int64_t) c.bits };

		if (y->group) {
			batch_group_row(w, c.t);
			batch_group_set(w, 0, v, 0);
		} else {
			batch_tall_add(w, &(struct sample) { .series = series, .time_ns = c.t, .value = v });
		}
		put(p, c);
		*t += y->step + (y->jitter ? (int64_t) dice((uint32_t) y->jitter) : 0);
	}
	if (batch_seal(w, *t, 0, &b) == 0)
		b->seq = seq;
	return b;
}

static struct incoming of(const struct batch *b, const uint8_t *type)
{
	uint32_t end = b->n_cols;

	return (struct incoming) { .b = b, .time = &b->col[1], .value = &b->col[2], .quality = end > 3 ? &b->col[3] : NULL, .end = b->col + end, .types = type, .k = 1,
		.n = b->n_rows, .quality_base = b->shape == SHAPE_GROUP ? BATCH_NAME_QUALITY : BATCH_NAME_TALL_QUALITY };
}

/* Until it is full, then sealed; compared all the way. Returns how many rows were compared as they lay in four bytes. */
static uint32_t tell(const struct story *y)
{
	static struct plain p;
	atomic_size_t total;
	atomic_init(&total, 0);
	struct region *r = region_new(&total);
	struct batch_builder *w = NULL;
	struct chunk *c = NULL;
	int64_t t = INT64_C(1767225600) * NS_PER_S;
	uint64_t seq = UINT64_C(1) << 40;
	uint32_t narrow = 0, wrong = 0;

	p.n = 0;
	ok(batch_builder_new(&w, 0) == 0);
	while (p.n + y->at_once <= CHUNK_ROWS) {
		struct batch *b = make(w, y, &t, &p, seq += dice(100000));
		struct incoming in = of(b, &y->type);
		uint32_t replaced = 0;

		c = c ? c : chunk_new(r, &in, y->group);
		ok(c && chunk_holds(c, seq) && chunk_take(c, r, &in, &replaced) == (int) in.n);
		narrow += chunk_forms(c)[0] != FORM_WIDE;
		if (dice(16) == 0 || p.n < 40)
			wrong += !same(c, y->type, &p);
		batch_unref(b);
	}
	wrong += !same(c, y->type, &p) || chunk_seal(c, r, &y->type) < 0 || !same(c, y->type, &p);
	is_int(wrong, 0);
	batch_builder_free(w);
	region_unref(r);
	is_int(atomic_load(&total), 0);
	return narrow;
}

TEST(a_chunk_gives_back_the_bits_it_took_whatever_follows_what)
{
	for (int round = 0; round < 300; round++) {
		static const int64_t step[] = { NS_PER_S, NS_PER_MS, 1, 1000, INT64_C(90) * 86400 * NS_PER_S };
		struct story y = { .type = dice(3) ? V_F64 : V_I64, .digits = dice(8), .odd = dice(2) ? 1 + dice(900) : 0, .step = step[dice(ELEMENTSOF(step))],
			.jitter = dice(3) ? 0 : 1 + (int64_t) dice(1000), .at_once = dice(2) ? 1 : 1 + dice(40), .group = dice(2) };

		tell(&y);
	}
}

TEST(short_decimals_and_whole_numbers_stay_in_four_bytes)
{
	ok(tell(&(struct story) { .type = V_F64, .digits = 2, .step = NS_PER_S, .at_once = 1 }) > 900);
	ok(tell(&(struct story) { .type = V_F64, .digits = 4, .step = NS_PER_S, .at_once = 1, .group = true }) > 900);
	ok(tell(&(struct story) { .type = V_I64, .step = 1, .at_once = 3 }) > 300);
	is_int(tell(&(struct story) { .type = V_F64, .digits = 2, .step = NS_PER_S, .at_once = 40 }), 0);
}

TEST(a_number_of_the_log_too_far_from_the_first_goes_into_another_chunk)
{
	struct chunk c = { .with_seq = true };

	ok(chunk_holds(&c, 0));
	c.n = 1;
	c.seq_base = 1000;
	ok(chunk_holds(&c, 1000) && chunk_holds(&c, 1000 + UINT64_C(0xFFFFFFFF)));
	ok(!chunk_holds(&c, 999) && !chunk_holds(&c, 1001 + UINT64_C(0xFFFFFFFF)));
	c.with_seq = false;
	ok(chunk_holds(&c, 999));
}
