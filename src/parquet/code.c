/* code.c - varints, DELTA_BINARY_PACKED, the RLE and bit-packing hybrid. */
#include "parquet/code.h"

#include "parquet/lanes.h"

enum { BLOCK = 128, MINIS = 4, MINI = BLOCK / MINIS };

void pen_varint(struct pen *p, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		pen_u8(p, (uint8_t) v | 128);
	pen_u8(p, (uint8_t) v);
}

uint64_t cur_varint(struct cur *c)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = cur_u8(c);

		if (shift == 63 && b > 1)
			break;
		v |= (uint64_t) (b & 127) << shift;
		if (b < 128)
			return v;
	}
	c->bad = true;
	return 0;
}

static unsigned width_of(uint64_t v) { return v ? 64 - (unsigned) __builtin_clzll(v) : 0; }

/* n values of `width` bits, LSB first, padded with zeros to a multiple of 8 values. */
static void pack(struct pen *p, const uint64_t *v, size_t n, unsigned width)
{
	uint64_t hold = 0;
	unsigned held = 0;              /* bits, below 64 */
	size_t bytes = ALIGN_UP(n, 8) * width / 8;
	uint8_t *out = pen_take(p, bytes), *end = out + bytes;

	if (!out)
		return;
	for (size_t i = 0; i < n; i++) {
		hold |= v[i] << held;
		held += width;
		if (held < 64)
			continue;
		memcpy(out, &hold, 8);  /* little-endian, as everything here */
		out += 8;
		held -= 64;
		hold = held ? v[i] >> (width - held) : 0;
	}
	for (; out < end; out++, hold >>= 8)
		*out = (uint8_t) hold;
}

static void encode_mini(struct pen *p, const uint64_t *rest, size_t n, unsigned width)
{
	uint64_t padded[MINI] = { 0 };

	if (n == MINI) {
		pack(p, rest, MINI, width);
		return;
	}
	memcpy(padded, rest, n * sizeof(*rest));
	pack(p, padded, MINI, width);
}

/* Whether the n steps from v on are all as large as the first: series, exponents, times of a clock. For 128 the compiler knows how many. */
static inline __attribute__((always_inline)) bool steps_are_one(const int64_t *v, size_t n)
{
	uint64_t step = (uint64_t) v[1] - (uint64_t) v[0], other = 0;

	for (size_t j = 0; j < n; j++)
		other |= ((uint64_t) v[j + 1] - (uint64_t) v[j]) ^ step;
	return !other;
}

/* The deltas of k values from v on to those before them; returns the least. */
static inline __attribute__((always_inline)) int64_t deltas(const int64_t *v, size_t k, bool narrow, uint64_t *rest)
{
	int64_t least[4] = { INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };

	for (size_t j = 0; j < k; j++) {
		uint64_t d = (uint64_t) v[j] - (uint64_t) v[(ptrdiff_t) j - 1];

		rest[j] = narrow ? (uint64_t) (int64_t) (int32_t) d : d;
	}
	/* Four that do not wait for each other. */
	for (size_t j = 0; j < k; j++)
		least[j % 4] = MIN(least[j % 4], (int64_t) rest[j]);
	return MIN(MIN(least[0], least[1]), MIN(least[2], least[3]));
}

/* What is left of n deltas above the least; returns all of their bits. */
static inline __attribute__((always_inline)) uint64_t above(uint64_t *rest, size_t n, uint64_t least, uint64_t mask)
{
	uint64_t all = 0;

	for (size_t j = 0; j < n; j++) {
		rest[j] = (rest[j] - least) & mask;
		all |= rest[j];
	}
	return all;
}

static void encode_block(struct pen *p, const int64_t *v, size_t k, bool narrow)
{
	uint64_t rest[BLOCK], mask = narrow ? UINT32_MAX : UINT64_MAX;
	/* Of whole blocks the compiler knows how long they are. */
	int64_t least = k < BLOCK ? deltas(v, k, narrow, rest) : narrow ? deltas(v, BLOCK, true, rest) : deltas(v, BLOCK, false, rest);

	pen_varint(p, zigzag(least));
	uint8_t *widths = pen_take(p, MINIS);
	for (size_t m = 0; m < MINIS; m++) {
		size_t from = m * MINI, n = from < k ? MIN(k - from, (size_t) MINI) : 0;
		uint64_t all = n == MINI ? above(rest + from, MINI, (uint64_t) least, mask) : above(rest + from, n, (uint64_t) least, mask);

		if (widths)
			widths[m] = (uint8_t) width_of(all);
		if (all)
			encode_mini(p, rest + from, n, width_of(all));
	}
}

void dbp_encode(struct pen *p, const int64_t *v, size_t n, unsigned bits)
{
	pen_varint(p, BLOCK);
	pen_varint(p, MINIS);
	pen_varint(p, n);
	pen_varint(p, zigzag(n ? v[0] : 0));
	for (size_t i = 1; i < n; i += BLOCK) {
		size_t k = MIN(n - i, (size_t) BLOCK);

		if (k == BLOCK ? steps_are_one(v + i - 1, BLOCK) : steps_are_one(v + i - 1, k)) {
			uint64_t d = (uint64_t) v[i] - (uint64_t) v[i - 1];

			pen_varint(p, zigzag(bits == 32 ? (int32_t) d : (int64_t) d));
			pen_le32(p, 0);
			continue;
		}
		encode_block(p, v + i, k, bits == 32);
	}
}

struct minis { uint64_t n; size_t rows, block; bool wide; };       /* of a block: how many, of how many values each; values of a block */

/* A block as most are: all of it is there, of four miniblocks. */
static bool decode_whole(struct cur *c, const uint8_t widths[4], uint64_t least, size_t rows, uint64_t sum, int64_t *v)
{
	size_t bytes = ((size_t) widths[0] + widths[1] + widths[2] + widths[3]) * rows / 8;

	if (widths[0] > 56 || widths[1] > 56 || widths[2] > 56 || widths[3] > 56 || cur_left(c) < bytes)
		return false;
	lanes_unpack_four(&(struct lanes_four) { c->at, widths, least, rows }, sum, v);
	c->at += bytes;
	return true;
}

static bool decode_block(struct cur *c, int64_t *v, size_t n, uint64_t sum, const struct minis *minis)
{
	uint64_t least = (uint64_t) unzigzag(cur_varint(c));
	const uint8_t *widths = cur_take(c, minis->n);

	if (!widths)
		return false;
	if (minis->wide && minis->n == 4 && n == minis->block && decode_whole(c, widths, least, minis->rows, sum, v))
		return true;
	for (size_t m = 0, done = 0; m < minis->n && done < n; m++) {
		unsigned width = widths[m];
		size_t k = MIN(n - done, minis->rows);
		/* Whole miniblocks are stored; some writers cut the last one short, so only what is needed must be there. */
		size_t whole = minis->rows * width / 8, needed = (k * width + 7) / 8;

		if (width > 64 || cur_left(c) < needed)
			return false;
		sum = lanes_unpack(minis->wide, &(struct lanes_packed) { c->at, width, least }, k, sum, v + done);
		c->at += MIN(whole, cur_left(c));
		done += k;
	}
	return true;
}

static bool decode_head(struct cur *c, size_t n, int64_t *ret_first, struct minis *ret)
{
	uint64_t block = cur_varint(c), minis = cur_varint(c), total = cur_varint(c);

	*ret_first = unzigzag(cur_varint(c));
	if (c->bad || total != n || block == 0 || block % 128 || block > 1 << 16 || minis == 0 || minis > 512 || block % minis)
		return false;
	*ret = (struct minis) { minis, block / minis, block, lanes_are_wide() };
	return ret->rows % 32 == 0;
}

bool dbp_decode(struct cur *c, int64_t *v, size_t n, unsigned bits)
{
	struct minis how;
	int64_t first;

	if (!decode_head(c, n, &first, &how))
		return false;
	if (n)
		v[0] = first;
	for (size_t i = 1; i < n; i += how.block)
		if (!decode_block(c, v + i, MIN(n - i, how.block), (uint64_t) v[i - 1], &how))
			return false;
	if (bits == 32)
		for (size_t i = 0; i < n; i++)
			v[i] = (int32_t) v[i];
	return !c->bad;
}

struct runs { struct code_run *run; size_t n, max; uint32_t at; uint64_t last; };

/* k values, each `step` from the one before; false: too many runs. */
static bool run_on(struct runs *r, uint64_t step, size_t k)
{
	struct code_run *run = &r->run[r->n - 1];

	if (r->at - run->first == 1)
		run->step = step;
	if (run->step != step) {
		if (r->n == r->max)
			return false;
		r->run[r->n++] = (struct code_run) { r->at, (int64_t) (r->last + step), step };
	}
	r->last += k * step;
	r->at += (uint32_t) k;
	return true;
}

/* k > 0 values, taken together where they are equally far from each other. */
static bool values_on(struct runs *r, const int64_t *v, size_t k)
{
	for (size_t i = 0, n; i < k; i += n) {
		uint64_t step = (uint64_t) v[i] - r->last;

		for (n = 1; i + n < k && (uint64_t) v[i + n] - (uint64_t) v[i + n - 1] == step;)
			n++;
		if (!run_on(r, step, n))
			return false;
	}
	return true;
}

/* k values that are all of one step: eight of them are, and each eight are packed like those before. */
static bool is_even(const struct lanes_packed *p, bool wide, size_t k, const struct runs *r, uint64_t *ret_step)
{
	int64_t v[8];

	if (k < 16 || k % 8 || memcmp(p->at, p->at + p->width, (k / 8 - 1) * p->width) != 0)
		return false;
	lanes_unpack(wide, p, 8, r->last, v);
	uint64_t step = (uint64_t) v[0] - r->last, other = 0;
	for (unsigned i = 1; i < 8; i++)
		other |= ((uint64_t) v[i] - (uint64_t) v[i - 1]) ^ step;
	*ret_step = step;
	return !other;
}

static bool packed_on(struct runs *r, const struct lanes_packed *p, bool wide, size_t k)
{
	int64_t v[64];
	uint64_t step;

	if (!p->width || is_even(p, wide, k, r, &step))
		return run_on(r, p->width ? step : p->least, k);
	if (k > ELEMENTSOF(v))
		return false;
	lanes_unpack(wide, p, k, r->last, v);
	return values_on(r, v, k);
}

static bool block_runs(struct cur *c, struct runs *r, size_t n, const struct minis *how)
{
	uint64_t least = (uint64_t) unzigzag(cur_varint(c));
	const uint8_t *widths = cur_take(c, how->n);

	uint32_t of_four = 1;

	if (!widths)
		return false;
	if (how->n == sizeof(of_four))
		memcpy(&of_four, widths, sizeof(of_four));
	if (!of_four)
		return run_on(r, least, n);
	for (size_t m = 0, done = 0; m < how->n && done < n; m++) {
		size_t k = MIN(n - done, how->rows), whole = how->rows * widths[m] / 8, needed = (k * widths[m] + 7) / 8;

		if (widths[m] > 64 || cur_left(c) < needed || !packed_on(r, &(struct lanes_packed) { c->at, widths[m], least }, how->wide, k))
			return false;
		c->at += MIN(whole, cur_left(c));
		done += k;
	}
	return true;
}

/* Deltas of 32 bits wrap around: values are those of the type only while no sum has left it. */
static bool in_32_bits(const struct runs *r)
{
	for (size_t i = 0; i < r->n; i++) {
		uint32_t end = i + 1 < r->n ? r->run[i + 1].first : r->at;
		int64_t last = (int64_t) ((uint64_t) r->run[i].value + (end - r->run[i].first - 1) * r->run[i].step);

		if (r->run[i].value != (int32_t) r->run[i].value || last != (int32_t) last || (int64_t) r->run[i].step != (int32_t) r->run[i].step)
			return false;
	}
	return true;
}

size_t dbp_runs(const struct cur *c, size_t n, unsigned bits, struct code_run *run, size_t max)
{
	struct runs r = { .run = run, .n = 1, .max = max, .at = 1 };
	struct cur look = *c;
	struct minis how;
	int64_t first;

	if (n == 0 || max == 0 || !decode_head(&look, n, &first, &how))
		return 0;
	run[0] = (struct code_run) { .value = first };
	r.last = (uint64_t) first;
	for (size_t i = 1; i < n; i += how.block)
		if (!block_runs(&look, &r, MIN(n - i, how.block), &how))
			return 0;
	return !look.bad && (bits == 64 || in_32_bits(&r)) ? r.n : 0;
}

static size_t run_at(const uint16_t *v, size_t n, size_t i)
{
	size_t k = 1;

	while (i + k < n && v[i + k] == v[i])
		k++;
	return k;
}

static void literal(struct pen *p, const uint16_t *v, size_t n, unsigned width)
{
	pen_varint(p, (n + 7) / 8 << 1 | 1);
	for (size_t i = 0; i < n; i += 64) {
		uint64_t wide[64];
		size_t k = MIN(n - i, (size_t) 64);

		for (size_t j = 0; j < k; j++)
			wide[j] = v[i + j];
		pack(p, wide, k, width);
	}
}

/* Runs of 8 and more become runs; what lies between is packed in groups of 8. A literal that is not the last must hold a
 * multiple of 8 values, so it borrows from the run behind it. */
void rle_encode(struct pen *p, const uint16_t *v, size_t n, unsigned width)
{
	for (size_t i = 0, from = 0; i <= n;) {
		size_t run = i < n ? run_at(v, n, i) : 0;

		if (i < n && run < 8) {
			i += run;
			continue;
		}
		if (i > from && i < n) {
			size_t borrow = (8 - (i - from) % 8) % 8;

			if (run - borrow < 8) {
				i += run;
				continue;
			}
			literal(p, v + from, i + borrow - from, width);
			i += borrow;
			run -= borrow;
		} else if (i > from) {
			literal(p, v + from, i - from, width);
		}
		if (i == n)
			return;
		pen_varint(p, (uint64_t) run << 1);
		for (unsigned b = 0; b < (width + 7) / 8; b++)
			pen_u8(p, (uint8_t) (v[i] >> 8 * b));
		i += run;
		from = i;
	}
}

static uint16_t run_value(struct cur *c, unsigned width)
{
	uint16_t x = 0;

	for (unsigned b = 0; b < (width + 7) / 8; b++)
		x = (uint16_t) (x | cur_u8(c) << 8 * b);
	return x;
}

bool rle_decode(struct cur *c, uint16_t *v, size_t n, unsigned width)
{
	uint32_t mask = (UINT32_C(1) << width) - 1;

	for (size_t i = 0; i < n;) {
		uint64_t head = cur_varint(c);
		uint64_t count = head >> 1;

		if (c->bad || count == 0)
			return false;
		if (!(head & 1)) {
			uint16_t x = run_value(c, width);
			size_t k = (size_t) MIN(count, (uint64_t) (n - i));

			if (x > mask)
				return false;
			for (size_t j = 0; j < k; j++)
				v[i + j] = x;
			i += k;
			continue;
		}
		size_t k = (size_t) MIN(count * 8, (uint64_t) (n - i));
		/* Here, too, only what is needed must be there. */
		size_t needed = (k * width + 7) / 8;
		if (count > UINT32_MAX || cur_left(c) < needed)
			return false;
		for (size_t j = 0, bit = 0; j < k; j++, bit += width) {
			uint32_t x;

			memcpy(&x, c->at + (bit >> 3), 4);
			v[i + j] = (uint16_t) (x >> (bit & 7) & mask);
		}
		c->at += MIN(count * width, (uint64_t) cur_left(c));
		i += k;
	}
	return !c->bad;
}

bool rle_lookup(struct cur *c, const struct rle_of *of, int64_t *v, size_t n)
{
	uint32_t mask = (UINT32_C(1) << of->width) - 1;
	bool wide = lanes_are_wide();

	for (size_t i = 0; i < n;) {
		uint64_t head = cur_varint(c), count = head >> 1;

		if (c->bad || count == 0 || count > UINT32_MAX)
			return false;
		size_t k = (size_t) MIN(head & 1 ? count * 8 : count, (uint64_t) (n - i));
		if (!(head & 1)) {
			uint16_t x = run_value(c, of->width);

			if (x >= of->n)
				return false;
			lanes_steps(wide, v + i, k, (uint64_t) of->value[x], 0);
			i += k;
			continue;
		}
		if (cur_left(c) < (k * of->width + 7) / 8)
			return false;
		for (size_t j = 0, bit = 0; j < k; j++, bit += of->width) {
			uint32_t x;

			memcpy(&x, c->at + (bit >> 3), 4);
			x = x >> (bit & 7) & mask;
			if (x >= of->n)
				return false;
			v[i + j] = of->value[x];
		}
		c->at += MIN(count * of->width, (uint64_t) cur_left(c));
		i += k;
	}
	return !c->bad;
}

bool rle_levels(struct cur *c, uint8_t *level, size_t n, size_t *ret_ones)
{
	size_t ones = 0;

	for (size_t i = 0; i < n;) {
		uint64_t head = cur_varint(c), count = head >> 1;

		if (c->bad || count == 0 || count > UINT32_MAX)
			return false;
		size_t k = (size_t) MIN(head & 1 ? count * 8 : count, (uint64_t) (n - i)), packed = head & 1 ? (k + 7) / 8 : 0;
		if (head & 1) {
			if (cur_left(c) < packed)
				return false;
			for (size_t j = 0; j < k; j++)
				ones += level[i + j] = c->at[j / 8] >> (j % 8) & 1;
			c->at += MIN(count, (uint64_t) cur_left(c));
		} else {
			uint8_t x = cur_u8(c);

			if (x > 1)
				return false;
			memset(level + i, x, k);
			ones += x * k;
		}
		i += k;
	}
	*ret_ones = ones;
	return !c->bad;
}

bool rle_is_const(const struct cur *c, size_t n, unsigned width, uint16_t *ret)
{
	struct cur look = *c;
	uint64_t head = cur_varint(&look);

	if (look.bad || head & 1 || head >> 1 < n)
		return false;
	uint16_t x = run_value(&look, width);
	if (look.bad)
		return false;
	*ret = x;
	return true;
}
