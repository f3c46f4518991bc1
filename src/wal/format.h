/*
 * format.h - what a segment looks like on disk, as pure functions over bytes (nothing here opens a file).
 *
 *   <number>.wal    head (64), then records: head (32) + the batch block as it lay in memory; the rest is zero or absent
 *   <number>.walz   head (64), then packs: head (32) + zstd of whole records; at the end, where the head says, the sorted series
 *
 * All numbers little-endian. A record tells by itself whether it is whole (CRC32C over its head and block), so a segment can be
 * read even when its head is lost. Everything lies on multiples of 32, which is where a reader looks for the next record behind
 * a damaged one.
 */
#pragma once

#include "base/base.h"
#include "model/batch.h"

enum {
	SEG_HEAD = 64, REC_HEAD = 32, PACK_HEAD = 32,
	REC_MAX = REC_HEAD + BATCH_SIZE_MAX,
	SEG_VERSION = 1,
	PACK_RAW_MAX = 2 * REC_MAX,             /* records of a pack, unpacked */
};

/* CRC-32C (RFC 3720 B.4), hardware when the machine has it. Start with 0; continue with what it returned. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t n);

/* first: number of its first record. prev: the last number of the log before this segment; records of earlier segments beyond
 * it are void (they were never durable and were written again). */
struct seg_head {
	bool packed, any_series;        /* any_series: the list of series is incomplete */
	uint64_t no, first, prev, last; /* last: of packed ones */
	uint64_t series_at;             /* of packed ones: offset of the list, a pack head and zstd of u64s */
	uint32_t n_series;
};
void seg_head_encode(const struct seg_head *h, uint8_t out[SEG_HEAD]);
bool seg_head_decode(const uint8_t in[SEG_HEAD], struct seg_head *ret);

/* The head of a record for this block; the block follows it on disk. */
void rec_encode(const struct batch *b, uint8_t out[REC_HEAD]);
enum rec_found { REC_WHOLE, REC_SHORT, REC_NONE };      /* SHORT: begins like one, the bytes end before it does */
struct rec_view { uint64_t seq; uint32_t len; const uint8_t *block; };  /* len of the block */
enum rec_found rec_decode(const uint8_t *p, size_t n, struct rec_view *ret);

struct pack_head { uint32_t packed_len, raw_len, crc; uint64_t first, last; };  /* crc: of the packed bytes */
void pack_head_encode(const struct pack_head *h, uint8_t out[PACK_HEAD]);
bool pack_head_decode(const uint8_t in[PACK_HEAD], struct pack_head *ret);
