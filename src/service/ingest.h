/*
 * ingest.h - the one way in for samples that are sent to us: InfluxDB line protocol.
 *
 *   pump,site=a temp=23.1,speed=1480i,state="run" 1767225600000000000
 *
 * A field goes to the point whose path is measurement (with its tags, as written) + "/" + field key; so `acme/plant1/oven temp=1`
 * feeds the existing point acme/plant1/oven/temp. A point that does not exist is made when the sender may (point.write), under the
 * connection "write", a device named after measurement and tags, with the type of its first value. Whole requests: one wrong line
 * and nothing is stored; every wrong line is named. A float sent to an f32 point is read as f32, a whole number sent to a float
 * point is taken when it fits exactly; anything else of another type is refused.
 *
 * Grammar: InfluxDB v1/v2 line protocol reference. Samples more than an hour ahead of our clock are refused.
 *
 * Thread: workers. Memory: the request's arena; batches are handed to the log.
 */
#pragma once

#include "service/service.h"
#include "wal/wal.h"

struct ingest;

int ingest_new(struct ingest **ret, struct platform *p);
struct ingest *ingest_free(struct ingest *i);
DEFINE_CLEANUP(struct ingest *, ingest_free)

struct ingest_in {
	const char *text;
	size_t len;
	int64_t unit_ns;                /* of timestamps: 1, 1000, 1 000 000, 1 000 000 000 */
	struct errs *errs;              /* one per wrong line, pointer "/<line>"; may be NULL */
};
struct ingested { uint32_t lines, samples, created; uint64_t seq; };

/* Needs sample.write. 0: appended; wait->on_durable is called when all of it survives power loss, only then acknowledge.
 * 1: there was nothing to store (wait is not called). -ERR_SYNTAX, -ERR_TYPE_CONFLICT, -ERR_OUT_OF_RANGE, -ERR_DENIED: nothing was stored.
 * -ERR_BUSY, -ERR_FULL: send it again; what came through is the same sample. wait NULL: returns when it is durable. */
int ingest_lines(struct scope *s, const struct ingest_in *in, struct wal_wait *wait, struct ingested *ret);

/* "ns", "us", "ms", "s" (and InfluxDB v1's n, u); NULL or "" is ns. -ERR_BAD_ARGUMENT. */
int ingest_unit(const char *precision, int64_t *ret_ns);

struct ingest_stats { uint64_t requests, samples, refused_lines, created; };
void ingest_stats(struct ingest *i, struct ingest_stats *ret);
