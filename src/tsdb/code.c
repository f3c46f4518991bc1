/* code.c - varints, DELTA_BINARY_PACKED, the RLE and bit-packing hybrid. */
#include "tsdb/code.h"

#include "tsdb/lanes.h"

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

struct minis { uint64_t n; size_t rows; bool wide; };

static bool decode_block(struct cur *c, int64_t *v, size_t n, uint64_t sum, const struct minis *minis)
{
	uint64_t least = (uint64_t) unzigzag(cur_varint(c));
	const uint8_t *widths = cur_take(c, minis->n);

	if (!widths)
		return false;
	for (size_t m = 0, done = 0; m < minis->n && done < n; m++) {
		unsigned width = widths[m];
		size_t k = MIN(n - done, minis->rows);
		/* Whole miniblocks are stored; some writers cut the last one short, so only what is needed must be there. */
		size_t whole = minis->rows * width / 8, needed = (k * width + 7) / 8;

		if (width > 64 || cur_left(c) < needed)
			return false;
		sum = lanes_unpack(minis->wide, c->at, width, k, least, sum, v + done);
		c->at += MIN(whole, cur_left(c));
		done += k;
	}
	return true;
}

bool dbp_decode(struct cur *c, int64_t *v, size_t n, unsigned bits)
{
	uint64_t block = cur_varint(c), minis = cur_varint(c), total = cur_varint(c);
	int64_t first = unzigzag(cur_varint(c));

	if (c->bad || total != n || block == 0 || block % 128 || block > 1 << 16 || minis == 0 || minis > 512 || block % minis)
		return false;
	struct minis how = { minis, block / minis, lanes_are_wide() };
	if (how.rows % 32)
		return false;
	if (n)
		v[0] = first;
	for (size_t i = 1; i < n; i += block)
		if (!decode_block(c, v + i, MIN(n - i, (size_t) block), (uint64_t) v[i - 1], &how))
			return false;
	if (bits == 32)
		for (size_t i = 0; i < n; i++)
			v[i] = (int32_t) v[i];
	return !c->bad;
}

bool dbp_first(const struct cur *c, int64_t *ret)
{
	struct cur look = *c;

	for (int i = 0; i < 3; i++)
		cur_varint(&look);
	*ret = unzigzag(cur_varint(&look));
	return !look.bad;
}

bool dbp_is_const(const struct cur *c, size_t n)
{
	struct cur look = *c;
	uint64_t block = cur_varint(&look), minis = cur_varint(&look);

	cur_varint(&look);
	cur_varint(&look);
	if (look.bad || block < 32 || minis == 0 || minis > 512)
		return false;
	for (size_t i = 1; i < n; i += block) {
		uint64_t least = cur_varint(&look);
		const uint8_t *widths = cur_take(&look, minis);

		if (!widths || least)
			return false;
		for (size_t m = 0; m < minis; m++)
			if (widths[m])
				return false;
	}
	return true;
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
