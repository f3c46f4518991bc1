/*
 * remote_write.h - Prometheus remote-write, bytes to structs: the snappy block around a request, and both protobuf messages.
 *
 * Remote-Write 1.0 (`prometheus.WriteRequest`) and 2.0 (`io.prometheus.write.v2.Request`: every text stands once, in a table of
 * symbols); Protocol Buffers encoding (protobuf.dev/programming-guides/encoding), packed and unpacked; snappy's block format
 * (format_description.txt), of which only reading is needed: eighty lines, so no library and no wall for it.
 *
 *   struct rw_request q;
 *   rw_open(&q, RW_V2, bytes, len);                 q.n_symbols texts of room:
 *   rw_symbols(&q, room);
 *   while ((r = rw_series_next(&q, &s)) == 1)
 *           while ((r = rw_label_next(&s, &l)) == 1) ...
 *
 * rw_open() walks the whole request once: a body that is not well formed is refused before anything of it is used. Unknown fields
 * are passed over, as protobuf demands, and the metadata of 1.0, which come in requests of their own. Texts are bytes as they came: whether they are UTF-8 is for who uses them to find out.
 *
 * Thread: any. Memory: nothing is allocated; all texts borrow from the request.
 */
#pragma once

#include "base/cur.h"

/* ---- snappy ---- */

/* How long a block says it is when unpacked, at most 4 GB. -ERR_BAD_BODY. Look at it before making room. */
int snappy_size(const void *in, size_t len, size_t *ret);
/* Unpacks into exactly `room` bytes, what snappy_size() said. -ERR_BAD_BODY: out may hold anything then. */
int snappy_unpack(const void *in, size_t len, void *out, size_t room);

/* ---- requests ---- */

enum rw_version { RW_V1 = 1, RW_V2 = 2 };
struct rw_text { const char *s; uint32_t len; };

struct rw_request {
	enum rw_version version;
	uint32_t n_series, n_symbols;           /* symbols of 2.0 */
	const struct rw_text *symbols;
	struct cur at;                          /* to begin again: cur_of() the bytes */
};

struct rw_series {
	uint32_t n_labels, n_samples, n_histograms, n_exemplars;
	struct rw_text help, unit;              /* 2.0; else empty */
	const struct rw_request *of;
	struct cur labels, refs, samples;       /* where the next is looked for; refs: what is left of a packed field */
};
struct rw_label { struct rw_text name, value; };
struct rw_sample { double value; int64_t time_ms; };

/* Stands for "this series ended": no number. Compare the bits; the value is a NaN. */
#define RW_STALE UINT64_C(0x7ff0000000000002)

/* Everything is looked at, nothing kept. -ERR_BAD_BODY. */
int rw_open(struct rw_request *q, enum rw_version version, const void *bytes, size_t len);
/* 2.0: fills room for q->n_symbols texts, which lies as long as q is used; before the first series. -ERR_BAD_BODY: the table is
 * absent or does not begin with the empty text. */
int rw_symbols(struct rw_request *q, struct rw_text *room);
/* 1: the next one; 0: there is none; -ERR_BAD_BODY: a reference leads out of the table (2.0), only this series is meant, go on. */
int rw_series_next(struct rw_request *q, struct rw_series *ret);
int rw_label_next(struct rw_series *s, struct rw_label *ret);
int rw_sample_next(struct rw_series *s, struct rw_sample *ret);
