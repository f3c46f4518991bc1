/*
 * ingest.h - the ways in for samples that are sent to us: InfluxDB line protocol, Prometheus remote-write, batches as they are.
 *
 *   pump,site=a temp=23.1,speed=1480i,state="run" 1767225600000000000
 *
 * Line protocol: a field goes to the point whose path is measurement (with its tags, as written) + "/" + field key; so
 * `acme/plant1/oven temp=1` feeds the existing point acme/plant1/oven/temp. A float sent to an f32 point is read as f32, a whole
 * number sent to a float point is taken when it fits exactly; anything else of another type is refused.
 *
 * Remote-write: node_cpu_seconds_total{cpu="0",instance="h:9100",job="node"} goes to the device "prometheus,instance=h:9100,job=node"
 * and its point "node_cpu_seconds_total,cpu=0": the labels that name the target name the device, the others in their order the point.
 * In names and values % , = / \ and control characters stand as %2C, so the rule can be read backwards. A stale marker is a sample
 * without value, Bad: no communication. Good samples of a request are stored, whatever is wrong with others.
 *
 * Batches: a body is batches (model/batch.h) one behind the other, first ROWS whose column "point" names the points, by path or id,
 * numbered from 0 on; then TALL and GROUP whose series are these numbers. No value is converted.
 *
 * A point that does not exist is made when the sender may (point.write), under the connection "write", with the type of its first
 * value, up to a quota. Lines and batches: whole requests; one wrong line and nothing is stored; every wrong one is named.
 * Samples more than an hour ahead of our clock are refused.
 *
 * Grammar: InfluxDB v1/v2 line protocol reference; Prometheus Remote-Write 1.0 and 2.0 specifications.
 *
 * Thread: workers. Memory: the request's arena; batches are handed to the log.
 */
#pragma once

#include "service/service.h"
#include "wal/wal.h"

struct ingest;

/* points_max: of a tenant; beyond it senders make no more. */
int ingest_new(struct ingest **ret, struct platform *p, uint64_t points_max);
struct ingest *ingest_free(struct ingest *i);
DEFINE_CLEANUP(struct ingest *, ingest_free)

/* All doors need sample.write and answer alike. 0: appended; wait->on_durable is called when all of it survives power loss, only
 * then acknowledge. 1: there was nothing to store (wait is not called). -ERR_SYNTAX, -ERR_BAD_BODY, -ERR_TYPE_CONFLICT,
 * -ERR_OUT_OF_RANGE, -ERR_DENIED, -ERR_QUOTA, -ERR_COUNT: nothing was stored. -ERR_BUSY, -ERR_FULL: send it again; what came
 * through is the same sample. wait NULL: returns when it is durable. */

struct ingest_in {
	const char *text;
	size_t len;
	int64_t unit_ns;                /* of timestamps: 1, 1000, 1 000 000, 1 000 000 000 */
	struct errs *errs;              /* one per wrong line, pointer "/<line>"; may be NULL */
};
struct ingested { uint32_t lines, samples, created; uint64_t seq; };
int ingest_lines(struct scope *s, const struct ingest_in *in, struct wal_wait *wait, struct ingested *ret);

/* "ns", "us", "ms", "s" (and InfluxDB v1's n, u); NULL or "" is ns. -ERR_BAD_ARGUMENT. */
int ingest_unit(const char *precision, int64_t *ret_ns);

/* What of a remote-write request is, or was not, stored. */
struct remote_taken {
	uint32_t samples, refused, created;     /* refused: samples, histograms and (2.0) exemplars */
	struct err first;               /* of what was refused: why */
	char series[120];               /* ... and which, cut */
	uint64_t seq;
};
struct remote_in {
	const void *bytes;              /* unpacked */
	size_t len;
	bool v2;                        /* io.prometheus.write.v2.Request, else prometheus.WriteRequest */
	struct errs *errs;              /* one per wrong series, pointer "/timeseries/<n>"; may be NULL */
	/* Called before anything goes to the log: who answers when it is durable gets his answer ready here. May be NULL. */
	void (*on_taken)(void *ctx, const struct remote_taken *t);
	void *ctx;
};
/* Also 0 or 1 when some was refused: ret->refused. */
int ingest_remote(struct scope *s, const struct remote_in *in, struct wal_wait *wait, struct remote_taken *ret);

/* The body need not be aligned. ret->lines: batches. */
struct batches_in { const void *bytes; size_t len; };
int ingest_batches(struct scope *s, const struct batches_in *in, struct wal_wait *wait, struct ingested *ret);

struct ingest_stats { uint64_t requests, samples, refused, created; };   /* refused: lines, samples of remote-write, bodies of batches */
void ingest_stats(struct ingest *i, struct ingest_stats *ret);
