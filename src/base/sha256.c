/* sha256.c - see sha256.h. FIPS 180-4, section 6.2; RFC 2104. */
#include "base/sha256.h"

static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t begin[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static uint32_t turn(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t word(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

/* One of the 64 steps; what moves up by one letter a step is said by the order of the letters. */
#define STEP(a, b, c, d, e, f, g, h, i) do {                                                                              \
	uint32_t t_ = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ (e & (f ^ g))) + k[i] + w[i];                   \
	d += t_;                                                                                                          \
	h = t_ + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));                                    \
} while (0)

static void block(uint32_t s[8], const uint8_t *p)
{
	uint32_t w[64], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];

	for (int i = 0; i < 16; i++, p += 4)
		w[i] = word(p);
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
			(turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (int i = 0; i < 64; i += 8) {
		STEP(a, b, c, d, e, f, g, h, i);
		STEP(h, a, b, c, d, e, f, g, i + 1);
		STEP(g, h, a, b, c, d, e, f, i + 2);
		STEP(f, g, h, a, b, c, d, e, i + 3);
		STEP(e, f, g, h, a, b, c, d, i + 4);
		STEP(d, e, f, g, h, a, b, c, i + 5);
		STEP(c, d, e, f, g, h, a, b, i + 6);
		STEP(b, c, d, e, f, g, h, a, i + 7);
	}
	s[0] += a;
	s[1] += b;
	s[2] += c;
	s[3] += d;
	s[4] += e;
	s[5] += f;
	s[6] += g;
	s[7] += h;
}

void sha256_init(struct sha256 *s)
{
	s->len = 0;
	memcpy(s->h, begin, sizeof(begin));
}

void sha256_add(struct sha256 *s, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	size_t have = s->len % 64;

	s->len += n;
	if (have) {
		size_t take_n = MIN(n, 64 - have);

		memcpy(s->block + have, p, take_n);
		p += take_n;
		n -= take_n;
		if (have + take_n < 64)
			return;
		block(s->h, s->block);
	}
	for (; n >= 64; n -= 64, p += 64)
		block(s->h, p);
	if (n)
		memcpy(s->block, p, n);
}

void sha256_end(struct sha256 *s, uint8_t ret[32])
{
	static const uint8_t zeros[64];
	uint64_t bits = s->len * 8;
	uint8_t length[8];

	sha256_add(s, "\x80", 1);
	sha256_add(s, zeros, (120 - s->len % 64) % 64);
	for (int i = 0; i < 8; i++)
		length[i] = (uint8_t) (bits >> (56 - 8 * i));
	sha256_add(s, length, 8);
	for (int i = 0; i < 32; i++)
		ret[i] = (uint8_t) (s->h[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_hmac(const void *key, size_t key_len, const void *data, size_t n, uint8_t ret[SHA256_BYTES])
{
	uint8_t pad[64] = { 0 }, inner[SHA256_BYTES];
	struct sha256 s;

	if (key_len > sizeof(pad)) {
		sha256_init(&s);
		sha256_add(&s, key, key_len);
		sha256_end(&s, pad);
	} else if (key_len) {
		memcpy(pad, key, key_len);
	}
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36;
	sha256_init(&s);
	sha256_add(&s, pad, sizeof(pad));
	sha256_add(&s, data, n);
	sha256_end(&s, inner);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	sha256_init(&s);
	sha256_add(&s, pad, sizeof(pad));
	sha256_add(&s, inner, sizeof(inner));
	sha256_end(&s, ret);
}

/* ---- many at once ---- */

static void one(const struct sha256_text *t)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, t->bytes, t->n);
	sha256_end(&s, t->ret);
}

#ifdef __x86_64__
enum { LANES = 8 };
typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

#define AVX2 __attribute__((target("avx2")))
#define TURN(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* The last one or two blocks of a text: what is left of it, the mark, its length in bits. Returns how many blocks the text has in all. */
static size_t last_blocks(const struct sha256_text *t, uint8_t ret[128])
{
	size_t left = t->n % 64, blocks = left < 56 ? 1 : 2;
	uint64_t bits = (uint64_t) t->n * 8;

	memset(ret, 0, 128);
	if (left)
		memcpy(ret, (const uint8_t *) t->bytes + (t->n - left), left);
	ret[left] = 0x80;
	for (size_t i = 0; i < 8; i++)
		ret[64 * blocks - 1 - i] = (uint8_t) (bits >> (8 * i));
	return t->n / 64 + blocks;
}

/* The same as block(), of eight texts, one a lane. */
AVX2 static void block_lanes(lanes s[8], const uint8_t *const p[LANES])
{
	lanes w[16], v[8];

	memcpy(v, s, sizeof(v));
	for (int i = 0; i < 16; i++)
		for (int l = 0; l < LANES; l++)
			w[i][l] = word(p[l] + 4 * i);
	for (int i = 0; i < 64; i++) {
		lanes *x = &w[i % 16], e = v[4], a = v[0], t;

		if (i >= 16) {
			lanes w15 = w[(i + 1) % 16], w2 = w[(i + 14) % 16];

			*x += (TURN(w15, 7) ^ TURN(w15, 18) ^ w15 >> 3) + w[(i + 9) % 16] + (TURN(w2, 17) ^ TURN(w2, 19) ^ w2 >> 10);
		}
		t = v[7] + (TURN(e, 6) ^ TURN(e, 11) ^ TURN(e, 25)) + (v[6] ^ (e & (v[5] ^ v[6]))) + k[i] + *x;
		for (int j = 7; j > 0; j--)
			v[j] = v[j - 1];
		v[4] += t;
		v[0] = t + (TURN(a, 2) ^ TURN(a, 13) ^ TURN(a, 22)) + ((a & v[2]) | (v[3] & (a | v[2])));
	}
	for (int i = 0; i < 8; i++)
		s[i] += v[i];
}

/* Up to eight texts; a lane whose text has ended goes on with zeros, and nobody looks. */
AVX2 static void many_lanes(const struct sha256_text *texts, size_t n)
{
	static const uint8_t zeros[64];
	uint8_t last[LANES][128];
	size_t blocks[LANES] = { 0 }, most = 0;
	lanes s[8];

	for (int i = 0; i < 8; i++)
		s[i] = (lanes) { 0 } + begin[i];
	for (size_t l = 0; l < n; l++) {
		blocks[l] = last_blocks(&texts[l], last[l]);
		most = MAX(most, blocks[l]);
	}
	for (size_t b = 0; b < most; b++) {
		const uint8_t *p[LANES];

		for (size_t l = 0; l < LANES; l++)
			p[l] = b >= blocks[l] ? zeros : b < texts[l].n / 64 ? (const uint8_t *) texts[l].bytes + 64 * b
				: last[l] + 64 * (b - texts[l].n / 64);
		block_lanes(s, p);
		for (size_t l = 0; l < n; l++)
			for (int i = 0; b + 1 == blocks[l] && i < 32; i++)
				texts[l].ret[i] = (uint8_t) (s[i / 4][l] >> (24 - 8 * (i % 4)));
	}
}

void sha256_many(const struct sha256_text *texts, size_t n)
{
	bool wide = __builtin_cpu_supports("avx2");

	for (size_t i = 0; i < n; i += LANES)
		if (wide && n - i > 1)
			many_lanes(texts + i, MIN(n - i, (size_t) LANES));
		else
			for (size_t j = i; j < MIN(n, i + LANES); j++)
				one(&texts[j]);
}
#else
void sha256_many(const struct sha256_text *texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		one(&texts[i]);
}
#endif
