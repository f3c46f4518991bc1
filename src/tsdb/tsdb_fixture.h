/* tsdb_fixture.h - a data folder with a log and a store, and a plain record of what was written to compare with. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/num.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

struct fixture {
	char dir[64];
	struct tsdb_config config;
	struct wal *wal;
	struct tsdb *t;
};

/* Not started: what must be said before the log is read can be. */
static inline int fixture_open(struct fixture *f)
{
	char path[128];
	struct buf b = BUF_FIXED(path);

	buf_addf(&b, "%s/wal", f->dir);
	int r = wal_open(&(struct wal_config) { .dir = path, .segment_bytes = 4 << 20, .idle_sync_ms = 50 }, &f->wal);
	if (r == 0)
		r = wal_start(f->wal);
	f->config.data_dir = f->dir;
	if (r == 0)
		r = tsdb_open(&f->t, &f->config, f->wal);
	return r;
}

static inline int fixture_start(struct fixture *f)
{
	int r = fixture_open(f);

	if (r == 0)
		r = tsdb_start(f->t);
	if (r < 0)
		printf("# %s\n", err_log_text(err_peek()));
	return r;
}

static inline void fixture_stop(struct fixture *f)
{
	f->t = tsdb_free(f->t);
	if (f->wal)
		wal_stop(f->wal, clock_deadline(10000));
	f->wal = wal_close(f->wal);
}

/* A folder of one's own in $TMPDIR, as tools/run-tests sets it, if that is short enough; else in /tmp. */
static inline bool fixture_folder(const char *name, char *ret, size_t cap)
{
	const char *in = getenv("TMPDIR");

	snprintf(ret, cap, "%s/tenon-%s-XXXXXX", in && strlen(in) < 30 ? in : "/tmp", name);
	return mkdtemp(ret) != NULL;
}

static inline int fixture_begin(struct fixture *f)
{
	return fixture_folder("tsdb", f->dir, sizeof(f->dir)) ? fixture_start(f) : -1;
}

static inline void fixture_end(struct fixture *f)
{
	fixture_stop(f);
	dir_remove(f->dir);
}

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));        /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* How far from one failing call to the next: with TENON_TEST_WHOLE each of them (test/shown/2a-1-faults), else every so-many-th. */
static inline unsigned every(unsigned step) { return getenv("TENON_TEST_WHOLE") ? 1 : step; }

/* --- The record: every sample in the order written. */

struct noted { struct sample s; uint64_t order; };
struct record { struct noted *item; size_t n, room; uint64_t next; };

static inline void record_add(struct record *r, const struct sample *s)
{
	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 1024;
		r->item = realloc(r->item, r->room * sizeof(*r->item));
	}
	struct noted *x = &r->item[r->n];
	*x = (struct noted) { .s = *s, .order = r->next++ };
	if (s->value.type == V_STR || s->value.type == V_BYTES) {
		char *copy = malloc(s->value.len + 1);

		memcpy(copy, s->value.s, s->value.len);
		x->s.value.s = copy;
	}
	r->n++;
}

static inline void record_done(struct record *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->item[i].s.value.type == V_STR || r->item[i].s.value.type == V_BYTES)
			free((char *) (uintptr_t) r->item[i].s.value.s);
	free(r->item);
	*r = (struct record) { 0 };
}

static inline int record_cmp(const void *a, const void *b)
{
	const struct noted *x = a, *y = b;

	if (x->s.series != y->s.series)
		return x->s.series < y->s.series ? -1 : 1;
	if (x->s.time_ns != y->s.time_ns)
		return x->s.time_ns < y->s.time_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Sorts; leaves the last of those with the same (series, time). */
static inline void record_settle(struct record *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->item, r->n, sizeof(*r->item), record_cmp);
	for (size_t i = 0; i < r->n; i++) {
		bool last = i + 1 == r->n || r->item[i + 1].s.series != r->item[i].s.series || r->item[i + 1].s.time_ns != r->item[i].s.time_ns;

		if (last)
			r->item[n++] = r->item[i];
		else if (r->item[i].s.value.type == V_STR || r->item[i].s.value.type == V_BYTES)
			free((char *) (uintptr_t) r->item[i].s.value.s);
	}
	r->n = n;
}

/* Bit for bit. */
static inline bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case V_NONE:
		return true;
	case V_BOOL:
		return a->b == b->b;
	case V_F32:
		return memcmp(&a->f32, &b->f32, 4) == 0;
	case V_STR:
	case V_BYTES:
		return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
	default:
		return a->i == b->i;
	}
}

static inline bool same_sample(const struct sample *a, const struct sample *b)
{
	return a->series == b->series && a->time_ns == b->time_ns && a->quality == b->quality && same_value(&a->value, &b->value);
}

static inline int record_batch(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s))
		record_add(ctx, &s);
	return 0;
}

/* Is the answer what the record, settled, says within the query's range? */
static inline bool store_equals(struct tsdb *t, const struct tsdb_query *q, const struct record *want)
{
	struct record got = { 0 };
	size_t j = 0;
	bool good = true;
	int r = tsdb_range(t, q, record_batch, &got);

	if (r != 0)
		printf("# range: %d %s\n", r, err_log_text(err_peek()));
	for (size_t i = 0; i < want->n && good; i++) {
		const struct sample *w = &want->item[i].s;

		if (w->time_ns < q->from_ns || w->time_ns >= q->to_ns)
			continue;
		good = j < got.n && same_sample(w, &got.item[j].s);
		if (!good)
			printf("# want series %u time %lld type %d bits %llx q %x; got %s series %u time %lld type %d bits %llx q %x (%zu of %zu)\n",
				w->series, (long long) w->time_ns, w->value.type, (unsigned long long) w->value.i, w->quality,
				j < got.n ? "" : "nothing", j < got.n ? got.item[j].s.series : 0, j < got.n ? (long long) got.item[j].s.time_ns : 0,
				j < got.n ? got.item[j].s.value.type : 0, j < got.n ? (unsigned long long) got.item[j].s.value.i : 0,
				j < got.n ? got.item[j].s.quality : 0, j, got.n);
		j++;
	}
	if (good && j != got.n) {
		printf("# %zu samples too many, the first: series %u time %lld\n", got.n - j, got.item[j].s.series, (long long) got.item[j].s.time_ns);
		good = false;
	}
	record_done(&got);
	return good && r == 0;
}

static inline int fixture_append(struct fixture *f, struct batch *b)
{
	int r;

	while ((r = wal_append(f->wal, b, NULL)) == -ERR_BUSY || r == -ERR_FULL) {
		err_clear();
		usleep(1000);
	}
	return r;
}

static inline int fixture_settle(struct fixture *f) { return tsdb_wait(f->t, wal_appended(f->wal), 30000); }
