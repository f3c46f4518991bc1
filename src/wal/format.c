/* format.c - heads of segments, records and packs. */
#include "wal/format.h"

#include "base/cur.h"

#define MAGIC_PLAIN "TENONWAL"
#define MAGIC_PACKED "TENONWLZ"

enum { REC_MAGIC = 0x31524c57, PACK_MAGIC = 0x315a4c57, KIND_BATCH = 1 };      /* "WLR1", "WLZ1" */

void seg_head_encode(const struct seg_head *h, uint8_t out[SEG_HEAD])
{
	struct pen w = pen_of(out, SEG_HEAD);
	uint64_t magic;

	memcpy(&magic, h->packed ? MAGIC_PACKED : MAGIC_PLAIN, sizeof magic);
	pen_le64(&w, magic);
	pen_le32(&w, SEG_VERSION | (uint32_t) h->any_series << 16);
	pen_le32(&w, h->n_series);
	pen_le64(&w, h->no);
	pen_le64(&w, h->first);
	pen_le64(&w, h->prev);
	pen_le64(&w, h->last);
	pen_le64(&w, h->series_at);
	pen_le32(&w, 0);
	pen_le32(&w, crc32c(0, out, SEG_HEAD - 4));
}

bool seg_head_decode(const uint8_t in[SEG_HEAD], struct seg_head *ret)
{
	struct cur c = cur_of(in, SEG_HEAD);
	struct seg_head h = { 0 };
	const uint8_t *magic = cur_take(&c, 8);

	h.packed = memcmp(magic, MAGIC_PACKED, 8) == 0;
	if (!h.packed && memcmp(magic, MAGIC_PLAIN, 8) != 0)
		return false;
	uint32_t version = cur_le32(&c);
	if ((version & 0xffff) != SEG_VERSION)
		return false;
	h.any_series = version >> 16 & 1;
	h.n_series = cur_le32(&c);
	h.no = cur_le64(&c);
	h.first = cur_le64(&c);
	h.prev = cur_le64(&c);
	h.last = cur_le64(&c);
	h.series_at = cur_le64(&c);
	cur_le32(&c);
	if (cur_le32(&c) != crc32c(0, in, SEG_HEAD - 4) || h.first == 0 || h.prev >= h.first)
		return false;
	*ret = h;
	return true;
}

/* The checksum covers the block as the readers will see it: with its number in it. */
void rec_encode(const struct batch *b, uint8_t out[REC_HEAD])
{
	struct pen w = pen_of(out, REC_HEAD);

	pen_le32(&w, REC_MAGIC);
	pen_le32(&w, b->size);
	pen_le64(&w, b->seq);
	pen_le32(&w, KIND_BATCH);
	pen_le64(&w, 0);
	pen_le32(&w, crc32c(crc32c(0, out, REC_HEAD - 4), b, b->size));
}

enum rec_found rec_decode(const uint8_t *p, size_t n, struct rec_view *ret)
{
	struct cur c = cur_of(p, n);
	uint32_t magic = cur_le32(&c), len = cur_le32(&c);
	uint64_t seq = cur_le64(&c);
	uint32_t kind = cur_le32(&c);

	cur_le64(&c);
	uint32_t crc = cur_le32(&c);
	if (c.bad)
		return REC_SHORT;
	if (magic != REC_MAGIC || kind != KIND_BATCH || len < sizeof(struct batch) || len > BATCH_SIZE_MAX || len % BATCH_ALIGN)
		return REC_NONE;
	if (n - REC_HEAD < len)
		return REC_SHORT;
	if (crc32c(crc32c(0, p, REC_HEAD - 4), p + REC_HEAD, len) != crc)
		return REC_NONE;
	*ret = (struct rec_view) { .seq = seq, .len = len, .block = p + REC_HEAD };
	return REC_WHOLE;
}

void pack_head_encode(const struct pack_head *h, uint8_t out[PACK_HEAD])
{
	struct pen w = pen_of(out, PACK_HEAD);

	pen_le32(&w, PACK_MAGIC);
	pen_le32(&w, h->packed_len);
	pen_le32(&w, h->raw_len);
	pen_le32(&w, h->crc);
	pen_le64(&w, h->first);
	pen_le32(&w, (uint32_t) (h->last - h->first));
	pen_le32(&w, crc32c(0, out, PACK_HEAD - 4));
}

bool pack_head_decode(const uint8_t in[PACK_HEAD], struct pack_head *ret)
{
	struct cur c = cur_of(in, PACK_HEAD);
	struct pack_head h = { 0 };
	uint32_t magic = cur_le32(&c);

	h.packed_len = cur_le32(&c);
	h.raw_len = cur_le32(&c);
	h.crc = cur_le32(&c);
	h.first = cur_le64(&c);
	h.last = h.first + cur_le32(&c);
	if (magic != PACK_MAGIC || cur_le32(&c) != crc32c(0, in, PACK_HEAD - 4) || h.raw_len > PACK_RAW_MAX || h.packed_len > PACK_RAW_MAX)
		return false;
	*ret = h;
	return true;
}
