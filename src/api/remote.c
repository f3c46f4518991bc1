/* remote.c - the door for Prometheus remote-write: the message by its Content-Type, the block of snappy, the headers that count. */

#include <string.h>

#include "api/internal.h"
#include "base/num.h"
#include "proto/remote_write/remote_write.h"

enum { UNPACKED_MAX = 16 << 20 };

#define V1_NAME "prometheus.WriteRequest"
#define V2_NAME "io.prometheus.write.v2.Request"
#define TYPE "application/x-protobuf"

/* The parameter proto= of the Content-Type; without it the message is that of 1.0. */
static int version(const char *type, bool *ret_v2)
{
	const char *at = type ? str_find(type, ";") : NULL;
	char name[80] = "";
	struct buf b = BUF_FIXED(name);

	while (at) {
		for (at++; *at == ' ' || *at == '\t';)
			at++;
		if (!strncasecmp(at, "proto=", 6)) {
			for (at += 6; *at && *at != ';' && *at != ' '; at++)
				if (*at != '"')
					buf_addc(&b, *at);
			break;
		}
		at = str_find(at, ";");
	}
	*ret_v2 = str_eq(name, V2_NAME);
	if (*ret_v2 || !name[0] || str_eq(name, V1_NAME))
		return 0;
	return err_fail(ERR_UNSUPPORTED, "what", "@content_type", "value", type, "words", TYPE ";proto=" V1_NAME ", " TYPE ";proto=" V2_NAME, NULL);
}

static int unpack(struct call *c, struct remote_in *in)
{
	char max[NUM_TEXT_MAX];
	size_t size;
	void *room;
	int r = snappy_size(c->body, c->body_len, &size);

	if (r < 0)
		return r;
	if (size > UNPACKED_MAX) {
		num_format_u64(max, UNPACKED_MAX);
		return err_fail(ERR_TOO_LARGE, "what", "@body", "max", max, NULL);
	}
	room = arena_alloc(&c->arena, size + 1);
	if (!room)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	in->bytes = room;
	in->len = size;
	return snappy_unpack(c->body, c->body_len, room, size);
}

static void count_field(struct call *c, const char *name, uint64_t n)
{
	call_field(c, name, arena_fmt(&c->arena, "%llu", (unsigned long long) n));
}

/* What could not be stored of it: said in the answer, which goes out when the rest is durable. */
static void partly(struct call *c, const struct remote_taken *t)
{
	char stored[NUM_TEXT_MAX], all[NUM_TEXT_MAX], detail[330];
	struct buf b = BUF_FIXED(detail);

	buf_clear(&b);
	if (t->series[0])
		buf_addf(&b, "%s: ", t->series);
	err_text(&t->first, c->scope.lang, &b);
	detail[utf8_valid_prefix(detail, str_len(detail))] = 0;
	num_format_u64(stored, t->samples);
	num_format_u64(all, (uint64_t) t->samples + t->refused);
	answer_problem(c, err_fail(ERR_PARTLY_WRITTEN, "value", stored, "count", all, "detail", detail, NULL));
}

static void on_taken(void *ctx, const struct remote_taken *t)
{
	struct call *c = ctx;

	if (t->refused)
		partly(c, t);
	count_field(c, "X-Prometheus-Remote-Write-Samples-Written", t->samples);
	count_field(c, "X-Prometheus-Remote-Write-Histograms-Written", 0);
	count_field(c, "X-Prometheus-Remote-Write-Exemplars-Written", 0);
}

static void on_durable(void *ctx, int result)
{
	call_finish(ctx, result);
}

int remote_write(struct call *c)
{
	struct remote_in in = { .errs = &c->errs, .on_taken = on_taken, .ctx = c };
	struct remote_taken done;
	int r = version(c->type, &in.v2);

	if (r == 0)
		r = unpack(c, &in);
	if (r < 0)
		return r;
	c->wait = (struct wal_wait) { .on_durable = on_durable, .ctx = c };
	call_later(c);
	r = ingest_remote(&c->scope, &in, &c->wait, &done);
	if (r == 0)
		return CALL_LATER;
	atomic_fetch_sub(&c->due, 1);   /* failed, or nothing to store: nobody will call */
	if (r < 0)
		call_forget(c);
	return r < 0 ? r : CALL_DONE;
}
