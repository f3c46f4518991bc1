/* wal_fixture.h - what the tests of the log share: a folder, batches with an id, a reader that counts, a disk that can be stopped. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "wal/impl.h"

#define LIMIT clock_deadline(20000)

/* A folder of its own, in memory unless the test asks the disk. */
struct place { char dir[PATH_MAX]; };

static inline struct place place_of(bool disk)
{
	struct place p;
	struct buf b = BUF_FIXED(p.dir);

	if (dir_temp(!disk && file_exists("/dev/shm") ? "/dev/shm" : "/tmp", "tenon-wal-", &b) < 0)
		abort();
	return p;
}

static inline void place_done(struct place *p) { dir_remove(p->dir); }
#define PLACE(name, disk) _cleanup_(place_done) struct place name = place_of(disk)

static inline struct wal_config config_of(const struct place *p)
{
	return (struct wal_config) { .dir = p->dir, .segment_bytes = 1 << 20, .keep_bytes = 64 << 20, .idle_sync_ms = 100, .cursor_ms = 1,
		.linger_ms = 1 };
}

/* Rows of one series with the value `id`: 1 + pad of them. With one row, 160 bytes in the log. */
static inline struct batch *batch_of(uint32_t series, int64_t id, uint32_t pad)
{
	struct batch_builder *w = NULL;
	struct batch *b = NULL;

	if (batch_builder_new(&w, 0) < 0 || batch_tall(w, 1, 1, V_I64) < 0)
		abort();
	for (uint32_t i = 0; i <= pad; i++)
		batch_tall_add(w, &(struct sample) { series, 0, id + i, { .type = V_I64, .i = id } });
	if (batch_seal(w, 0, 0, &b) < 0)
		abort();
	batch_builder_free(w);
	return b;
}

static inline int64_t id_of(const struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	return batch_next(&it, &s) ? s.value.i : -1;
}

static inline int append(struct wal *w, int64_t id, struct wal_wait *wait)
{
	_cleanup_(batch_unrefp) struct batch *b = batch_of((uint32_t) id % 100, id, 0);
	return wal_append(w, b, wait);
}

static inline int append_sync(struct wal *w, int64_t id)
{
	_cleanup_(batch_unrefp) struct batch *b = batch_of((uint32_t) id % 100, id, 0);
	return wal_append_sync(w, b, LIMIT);
}

static inline struct wal *start(const struct wal_config *c)
{
	struct wal *w = NULL;

	if (wal_open(c, &w) < 0 || wal_start(w) < 0)
		printf("# %s\n", err_log_text(err_peek()));
	return w;
}

static inline struct wal_reader *reader(struct wal *w, const char *name, enum wal_policy policy, enum wal_from from)
{
	struct wal_reader *r = NULL;

	if (wal_reader_open(w, &(struct wal_reader_config) { .name = name, .policy = policy, .from = from }, &r) < 0)
		printf("# %s\n", err_log_text(err_peek()));
	return r;
}

/* What a reader gets until there is nothing: how often each id, and whether the numbers ascend. */
struct seen { unsigned n, n_gaps, twice; uint64_t lost, last; int64_t first_id, last_id; bool ascend; uint8_t *count; size_t max; };

static inline void drain(struct wal_reader *r, struct seen *s)
{
	int found;

	s->ascend = true;
	do {
		_cleanup_(batch_unrefp) struct batch *b = NULL;
		struct wal_gap gap;
		found = wal_reader_next(r, &b, &gap);
		if (found == WAL_GAP) {
			s->n_gaps++;
			s->lost += gap.last - gap.first + 1;
		}
		if (found != WAL_BATCH)
			continue;
		int64_t id = id_of(b);
		s->ascend = s->ascend && b->seq > s->last && (s->n == 0 || id > s->last_id);
		s->last = b->seq;
		s->first_id = s->n++ ? s->first_id : id;
		s->last_id = id;
		if (s->count && id >= 0 && (size_t) id < s->max)
			s->twice += s->count[id]++ > 0;
	} while (found > 0);
	if (found < 0)
		printf("# read: %s\n", err_log_text(err_peek()));
}

static inline bool wait_until(bool (*is_so)(void *), void *ctx)
{
	for (int64_t end = LIMIT; clock_mono_ns() < end; usleep(1000))
		if (is_so(ctx))
			return true;
	return false;
}

/* A disk whose sync stands still until it is let go. */
static struct { atomic_bool hold; atomic_int fail; } gate;
static inline int gated_fdatasync(int fd)
{
	while (atomic_load(&gate.hold))
		usleep(200);
	if (atomic_load(&gate.fail)) {
		errno = atomic_load(&gate.fail);
		return -1;
	}
	return fdatasync(fd);
}

static inline int gated_fallocate(int fd, int mode, off_t at, off_t n)
{
	if (atomic_load(&gate.fail)) {
		errno = atomic_load(&gate.fail);
		return -1;
	}
	return fallocate(fd, mode, at, n);
}

static inline bool is_accepting(void *w)
{
	struct wal_metrics m;

	wal_metrics(w, &m);
	return m.failing == 0;
}

