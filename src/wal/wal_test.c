#include "tap.h"
#include "wal/wal_fixture.h"

#include "base/num.h"

#include "wal/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "tap.h"
#include "wal/impl.h"

TEST(crc32c_gives_the_values_of_rfc_3720)
{
	/* RFC 3720, B.4. */
	uint8_t bytes[32], big[1000];

	memset(bytes, 0, 32);
	is_int(crc32c(0, bytes, 32), 0x8a9136aau);
	memset(bytes, 0xff, 32);
	is_int(crc32c(0, bytes, 32), 0x62a8ab43u);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t) i;
	is_int(crc32c(0, bytes, 32), 0x46dd794eu);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t) (31 - i);
	is_int(crc32c(0, bytes, 32), 0x113fdb5cu);
	for (int i = 0; i < 1000; i++)
		big[i] = (uint8_t) (i * 7 + i / 13);
	for (size_t n = 0; n < 100; n++) {
		is_int(crc32c(0, big + n, 900), crc32c_portable(0, big + n, 900));
		is_int(crc32c(crc32c(0, big, n), big + n, 1000 - n), crc32c(0, big, 1000));
	}
}

TEST(a_reader_sees_a_batch_before_it_is_durable_but_its_cursor_waits_for_the_sync)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct wal_reader_stat stat;

	sys.fdatasync = gated_fdatasync;
	atomic_store(&gate.hold, true);
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *r = reader(w, "bus", WAL_SKIP, WAL_FROM_END);
	must(r);
	is_int(append(w, 1, NULL), 0);
	struct batch *b = NULL;
	struct wal_gap gap;
	is_int(wal_reader_next(r, &b, &gap), WAL_BATCH);
	must(b);
	is_int(id_of(b), 1);
	is_int(wal_reader_next(r, &b, &gap), WAL_NOTHING);
	ok(wal_durable(w) < b->seq);
	wal_reader_commit(r, b->seq);
	is_int(wal_readers(w, &stat, 1), 1);
	ok(stat.committed < b->seq && stat.pos == b->seq);
	atomic_store(&gate.hold, false);
	is_int(append_sync(w, 2), 0);           /* covers the first as well */
	ok(wal_durable(w) > b->seq);
	wal_readers(w, &stat, 1);
	is_int(stat.committed, b->seq);
	batch_unref(b);
	wal_reader_close(r);
	wal_close(w);
	sys_restore();
}

/* No completion before the sync that covers it. */
struct order { uint64_t rec_bytes, written, synced; unsigned acks, wrong, syncs; };

static void on_call(void *ctx, const struct sys_event *e)
{
	struct order *o = ctx;
	uint64_t n;

	if (e->call == SYS_PWRITEV && !e->error)
		o->written += (uint64_t) e->result;
	if (e->call == SYS_FDATASYNC && !e->error) {
		o->synced = o->written;
		o->syncs++;
	}
	if (e->call == SYS_MARK && num_parse_u64(e->path, e->path + strlen(e->path), &n)) {
		o->acks++;
		o->wrong += o->synced < n * o->rec_bytes;
	}
}

struct ack { struct wal_wait wait; atomic_int *left; int result; uint64_t n; };

static void on_ack(void *ctx, int result)
{
	struct ack *a = ctx;
	char text[NUM_TEXT_MAX];

	num_format_u64(text, a->n);
	if (result == 0)
		sys_mark(text);
	a->result = result;
	atomic_fetch_sub(a->left, 1);
}

static bool is_zero(void *n) { return atomic_load((atomic_int *) n) == 0; }

TEST(no_sender_is_told_before_the_sync_that_covers_its_batch)
{
	enum { N = 2000 };
	PLACE(p, true);
	struct wal_config c = config_of(&p);
	_cleanup_free_ struct ack *acks = sys_alloc_array(N, sizeof *acks);
	atomic_int left = N;
	struct order o = { 0 };

	c.segment_bytes = 64 << 10;             /* several segments */
	struct batch *b = batch_of(1, 1, 0);
	o.rec_bytes = rec_bytes(b);
	batch_unref(b);
	sys_watch(on_call, &o, false);
	struct wal *w = start(&c);
	must(w && acks);
	for (int i = 0; i < N; i++) {
		acks[i] = (struct ack) { .wait = { .on_durable = on_ack, .ctx = &acks[i] }, .left = &left, .n = (uint64_t) i + 1 };
		int r;
		while ((r = append(w, i, &acks[i].wait)) == -ERR_BUSY)
			usleep(100);
		is_int(r, 0);
	}
	ok(wait_until(is_zero, &left));
	wal_close(w);
	sys_restore();
	is_int(o.acks, N);
	is_int(o.wrong, 0);
	ok(o.syncs >= 2 && o.syncs < N / 2);    /* many share one */
}

TEST(what_was_acknowledged_is_there_once_after_a_restart_and_numbers_are_never_used_twice)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	uint64_t last = 0;

	for (int run = 0; run < 3; run++) {
		struct wal *w = start(&c);
		must(w);
		struct wal_reader *r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
		must(r);
		uint8_t count[40] = { 0 };
		struct seen s = { .count = count, .max = 40 };
		drain(r, &s);
		is_int(s.n, run * 10);
		is_int(s.twice + s.n_gaps, 0);
		ok(s.ascend);
		for (int i = 0; i < 10; i++) {
			_cleanup_(batch_unrefp) struct batch *b = batch_of(1, run * 10 + i, 0);
			is_int(wal_append_sync(w, b, LIMIT), 0);
			ok(b->seq > last);
			last = b->seq;
		}
		drain(r, &s);
		is_int(s.n, run * 10 + 10);
		is_int(s.n_gaps, 0);
		wal_reader_close(r);
		is_int(wal_stop(w, LIMIT), 0);
		is_int(append(w, 99, NULL), -ERR_STOPPING);
		wal_close(w);
	}
	err_clear();
}

static int first_segment(void *ctx, const char *name)
{
	if (!str_ends(name, ".wal"))
		return 0;
	memcpy(ctx, name, str_len(name) + 1);
	return 1;
}

TEST(a_look_from_outside_finds_what_is_damaged_and_changes_nothing)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	char path[PATH_MAX], name[64];
	struct wal_look look;
	struct wal *w = start(&c);
	int fd;

	must(w != NULL);
	wal_reader_close(reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST));        /* its cursor holds the segments */
	for (int i = 0; i < 300; i++) {
		_cleanup_(batch_unrefp) struct batch *b = batch_of(1, i, 500);
		must(wal_append_sync(w, b, LIMIT) == 0);
	}
	is_int(wal_look(p.dir, UINT64_MAX, &look), 0);          /* beside the one that writes */
	is_int(look.records, 300);
	is_str(look.bad, "");
	must(wal_stop(w, LIMIT) == 0);
	wal_close(w);
	is_int(wal_look(p.dir, UINT64_MAX, &look), 0);
	ok(look.segments >= 3 && look.read == look.segments && look.records == 300 && !look.bad[0]);
	is_int(wal_look(p.dir, 0, &look), 0);
	ok(look.segments >= 3 && look.read == 0 && !look.bad[0]);
	must(dir_each(p.dir, first_segment, name) == 1 && path_join(path, sizeof path, p.dir, name));
	must(file_open(path, O_RDWR, 0, &fd) == 0);
	must(pwrite(fd, "x", 1, 300000) == 1);                  /* inside a record in the middle */
	is_int(wal_look(p.dir, UINT64_MAX, &look), 0);
	is_str(look.bad, path_name(path));
	is_int(look.records, 299);
	close(fd);
	is_int(wal_look("/nowhere", UINT64_MAX, &look), -ERR_MISSING);
	err_clear();
}

static void count_ready(void *ctx) { atomic_fetch_add((atomic_int *) ctx, 1); }

TEST(a_reader_that_falls_behind_is_served_from_segments_and_then_from_memory_again)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct wal_reader *r = NULL;
	struct wal_reader_stat stat;
	atomic_int ready = 0;
	struct seen s = { 0 };

	c.segment_bytes = 32 << 10;
	c.ring_bytes = 16 << 10;
	struct wal *w = start(&c);
	must(w);
	is_int(wal_reader_open(w, &(struct wal_reader_config) { .name = "slow", .on_ready = count_ready, .ctx = &ready }, &r), 0);
	must(r);
	drain(r, &s);
	is_int(s.n, 0);
	for (int i = 0; i < 1000; i++)
		is_int(i % 50 == 49 ? append_sync(w, i) : append(w, i, NULL), 0);
	is_int(atomic_load(&ready), 1);         /* told once, until it says again that there is nothing */
	wal_readers(w, &stat, 1);
	ok(stat.behind && stat.lag_bytes > 100000);
	drain(r, &s);
	is_int(s.n, 1000);
	is_int(s.n_gaps, 0);
	ok(s.ascend);
	wal_readers(w, &stat, 1);
	ok(!stat.behind && stat.n_disk > 800 && stat.n_memory > 0 && stat.n_disk + stat.n_memory == 1000);
	is_int(append_sync(w, 1000), 0);
	is_int(atomic_load(&ready), 2);
	drain(r, &s);
	is_int(s.n, 1001);
	wal_reader_rewind(r);                   /* nothing was committed */
	struct seen again = { 0 };
	drain(r, &again);
	is_int(again.n, 1001);
	ok(again.ascend);
	wal_reader_close(r);
	wal_close(w);
}

TEST(a_volatile_reader_holds_nothing_and_is_not_remembered)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct wal_reader_stat stat;

	for (int run = 0; run < 2; run++) {
		struct wal *w = start(&c);
		must(w);
		struct wal_reader *r = reader(w, "bus", WAL_VOLATILE, WAL_FROM_OLDEST);
		must(r);
		struct seen s = { 0 };
		drain(r, &s);
		is_int(s.n, 0);
		for (int i = 0; i < 10; i++)
			is_int(append_sync(w, run * 10 + i), 0);
		drain(r, &s);
		is_int(s.n, 10);
		is_int(wal_readers(w, &stat, 1), 1);
		wal_reader_close(r);
		is_int(wal_readers(w, &stat, 1), 0);
		wal_close(w);
	}
}

struct segments { struct wal *w; uint64_t at_most; };
static bool has_few_segments(void *ctx)
{
	struct segments *s = ctx;
	struct wal_metrics m;

	wal_metrics(s->w, &m);
	return m.segments <= s->at_most;
}

static bool is_refusing(void *w)
{
	struct wal_metrics m;

	wal_metrics(w, &m);
	return m.failing == -ERR_FULL;
}

TEST(segments_go_when_every_cursor_has_passed_them)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct seen s = { 0 };

	c.segment_bytes = 16 << 10;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *a = reader(w, "a", WAL_BLOCK, WAL_FROM_OLDEST), *b = reader(w, "b", WAL_BLOCK, WAL_FROM_OLDEST);
	must(a && b);
	for (int i = 0; i < 1000; i++)
		is_int(i % 50 == 49 ? append_sync(w, i) : append(w, i, NULL), 0);
	struct wal_metrics m;
	wal_metrics(w, &m);
	ok(m.segments >= 7);
	drain(a, &s);
	wal_reader_commit(a, s.last);
	ok(!has_few_segments(&(struct segments) { w, 6 }));
	wal_reader_close(b);
	is_int(wal_reader_forget(w, "a"), -ERR_IN_USE);
	is_int(wal_reader_forget(w, "nobody"), -ERR_MISSING);
	is_int(wal_reader_forget(w, "b"), 0);
	err_clear();
	ok(wait_until(has_few_segments, &(struct segments) { w, 1 }));
	wal_reader_close(a);
	wal_close(w);
}

TEST(beyond_the_limit_a_reader_that_may_be_skipped_loses_the_oldest_and_is_told)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);

	c.segment_bytes = 16 << 10;
	c.keep_bytes = 64 << 10;
	c.ring_bytes = 4 << 10;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *r = reader(w, "north", WAL_SKIP, WAL_FROM_OLDEST);
	must(r);
	for (int i = 0; i < 1000; i++)
		is_int(i % 20 == 19 ? append_sync(w, i) : append(w, i, NULL), 0);
	ok(wait_until(has_few_segments, &(struct segments) { w, 5 }));
	struct seen s = { 0 };
	drain(r, &s);
	is_int(s.n_gaps, 1);
	is_int(s.n + s.lost, 1000);
	ok(s.lost > 500 && s.ascend && s.first_id == (int64_t) s.lost);
	wal_reader_close(r);
	wal_close(w);
	/* Its cursor still lies in the gap: after a restart it is told again. */
	w = start(&c);
	must(w);
	r = reader(w, "north", WAL_SKIP, WAL_FROM_OLDEST);
	must(r);
	struct seen again = { 0 };
	drain(r, &again);
	ok(again.n_gaps == 1 && again.n + again.lost == 1000);
	wal_reader_close(r);
	wal_close(w);
}

TEST(beyond_the_limit_a_reader_that_may_not_be_skipped_stops_ingest_until_it_caught_up)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct seen s = { 0 };
	int r, n = 0;

	c.segment_bytes = 16 << 10;
	c.keep_bytes = 64 << 10;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *tsdb = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
	must(tsdb);
	for (int i = 0; i < 100000; i++) {
		r = append_sync(w, n);
		if (r < 0)
			break;
		n++;
	}
	is_int(r, -ERR_FULL);
	is_str(err_log_text(err_peek()), "log is full: a reader is too far behind");
	err_clear();
	struct wal_metrics m;
	wal_metrics(w, &m);
	ok(m.disk_bytes < 4 * c.keep_bytes && m.refused_full == 1);
	ok(wait_until(is_refusing, w));
	drain(tsdb, &s);
	is_int(s.n, n);
	wal_reader_commit(tsdb, s.last);
	ok(wait_until(is_accepting, w));
	is_int(append_sync(w, n), 0);
	drain(tsdb, &s);
	is_int(s.n, n + 1);
	is_int(s.n_gaps, 0);
	wal_reader_close(tsdb);
	wal_close(w);
}

static bool is_packed(void *w)
{
	struct wal_metrics m;

	wal_metrics(w, &m);
	return m.compressed_in > 0 && m.compressed_in >= (m.segments - 1) * 100000;
}

TEST(segments_that_lie_are_compressed_and_a_reader_of_few_series_passes_them_over)
{
	enum { N = 4000 };
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct wal_metrics m;

	c.segment_bytes = 128 << 10;
	c.ring_bytes = 4 << 10;
	c.pack_after_ms = 1;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *all = reader(w, "all", WAL_BLOCK, WAL_FROM_OLDEST), *few = reader(w, "few", WAL_BLOCK, WAL_FROM_OLDEST);
	must(all && few);
	for (int i = 0; i < N; i++) {
		/* Series 100 … 199; one batch in the middle has series 7. */
		_cleanup_(batch_unrefp) struct batch *b = batch_of(i == N / 2 ? 7 : 100 + (uint32_t) i % 100, i, 0);
		is_int(i % 100 == 99 ? wal_append_sync(w, b, LIMIT) : wal_append(w, b, NULL), 0);
	}
	ok(wait_until(is_packed, w));
	wal_metrics(w, &m);
	ok(m.compressed_out * 3 < m.compressed_in);
	struct seen s = { 0 };
	drain(all, &s);
	is_int(s.n, N);
	is_int(s.n_gaps, 0);
	ok(s.ascend);

	is_int(wal_reader_want(few, (uint64_t[]) { UINT64_C(1) << 32 | 7 }, 1), 0);
	uint8_t count[N] = { 0 };
	struct seen f = { .count = count, .max = N };
	drain(few, &f);
	ok(count[N / 2] == 1 && f.n < N / 2 && f.n_gaps == 0);
	is_int(wal_reader_pos(few), wal_appended(w));
	wal_reader_close(all);
	wal_reader_close(few);
	wal_close(w);

	/* After a restart, from the compressed files alone. */
	w = start(&c);
	must(w);
	all = reader(w, "all", WAL_BLOCK, WAL_FROM_OLDEST);
	must(all);
	struct seen again = { 0 };
	drain(all, &again);
	is_int(again.n, N);
	is_int(again.n_gaps, 0);
	wal_reader_close(all);
	wal_close(w);
}

static int damage_packed(void *ctx, const char *name)
{
	char path[PATH_MAX];
	const struct place *p = ctx;
	uint8_t byte = 0;

	if (!str_ends(name, ".walz"))
		return 0;
	path_join(path, sizeof path, p->dir, name);
	int fd = open(path, O_RDWR);
	for (off_t at = 3; pread(fd, &byte, 1, at) == 1; at += 3001) {
		byte ^= 0x10;
		if (pwrite(fd, &byte, 1, at) != 1)
			abort();
	}
	close(fd);
	return 1;                               /* the first one only */
}

TEST(damage_in_a_compressed_segment_is_a_gap_and_what_follows_is_read)
{
	enum { N = 3000 };
	PLACE(p, false);
	struct wal_config c = config_of(&p);

	c.segment_bytes = 128 << 10;
	c.ring_bytes = 4 << 10;
	c.pack_after_ms = 1;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
	must(r);
	for (int i = 0; i < N; i++)
		is_int(i % 100 == 99 ? append_sync(w, i) : append(w, i, NULL), 0);
	ok(wait_until(is_packed, w));
	wal_reader_close(r);
	wal_close(w);
	is_int(dir_each(p.dir, damage_packed, &p), 1);
	w = start(&c);
	must(w);
	r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
	must(r);
	struct seen s = { 0 };
	drain(r, &s);
	ok(s.n_gaps >= 1 && s.ascend && s.last_id == N - 1);
	is_int(s.n + s.lost, N);
	wal_reader_close(r);
	wal_close(w);
}

TEST(a_full_queue_is_busy_and_a_deadline_is_kept)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	int n = 0, r;

	c.queue_bytes = 64 << 10;
	sys.fdatasync = gated_fdatasync;
	atomic_store(&gate.hold, true);
	struct wal *w = start(&c);
	must(w);
	while ((r = append(w, n, NULL)) == 0 && n < 10000)
		n++;
	is_int(r, -ERR_BUSY);
	ok(n > 100 && n < 1000);
	err_clear();
	_cleanup_(batch_unrefp) struct batch *b = batch_of(1, 1, 0), *d = batch_of(1, 2, 0);
	is_int(wal_append_sync(w, b, clock_deadline(20)), -ERR_BUSY);
	err_clear();
	is_int(b->seq, 0);
	atomic_store(&gate.hold, false);
	is_int(wal_append_sync(w, b, LIMIT), 0);
	atomic_store(&gate.hold, true);
	is_int(wal_append_sync(w, d, clock_deadline(20)), -ERR_TIMEOUT);
	err_clear();
	is_int(wal_stop(w, clock_deadline(20)), -ERR_TIMEOUT);
	err_clear();
	atomic_store(&gate.hold, false);
	wal_close(w);
	sys_restore();
}

TEST(those_who_do_not_wait_are_not_held_to_one_queue_a_sync_interval)
{
	enum { N = 4000 };
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	int64_t limit = LIMIT;
	int n = 0;

	c.queue_bytes = 64 << 10;
	c.idle_sync_ms = 3600 * 1000;
	struct wal *w = start(&c);
	must(w);
	while (n < N && clock_mono_ns() < limit) {
		int r = append(w, n, NULL);
		n += r == 0;
		if (r == -ERR_BUSY) {
			err_clear();
			usleep(100);
		}
	}
	is_int(n, N);
	ok(wal_durable(w) > N / 2);
	wal_close(w);
}

/* Whether a file of the folder holds these bytes. */
struct sought { const char *dir; uint64_t mark; bool found; };

static int look_for(void *ctx, const char *name)
{
	struct sought *s = ctx;
	struct buf b = BUF_INIT(&sys_heap, 8 << 20);
	char path[PATH_MAX];

	if (path_join(path, sizeof(path), s->dir, name) && file_read(path, 4 << 20, &b) == 0)
		s->found |= memmem(b.data, b.len, &s->mark, sizeof(s->mark)) != NULL;
	err_clear();
	buf_done(&b);
	return 0;
}

static bool is_on_disk(const char *dir, int64_t id)
{
	struct sought s = { .dir = dir, .mark = (uint64_t) id };

	dir_each(dir, look_for, &s);
	return s.found;
}

TEST(what_every_reader_has_passed_leaves_the_disk_when_it_is_to_be_forgotten)
{
	const int64_t mark = 0x7b5a39d71e2c4f68;
	PLACE(p, false);
	struct wal_config c = config_of(&p);
	struct seen seen = { 0 };
	struct wal *w = start(&c);

	must(w);
	struct wal_reader *a = reader(w, "a", WAL_BLOCK, WAL_FROM_OLDEST), *b = reader(w, "b", WAL_SKIP, WAL_FROM_OLDEST);
	must(a && b);
	is_int(append_sync(w, mark), 0);
	is_int(append(w, 2, NULL), 0);          /* is not durable yet */
	ok(is_on_disk(p.dir, mark));
	uint64_t seq = wal_appended(w);
	drain(a, &seen);
	wal_reader_commit(a, seq);
	is_int(wal_forget(w, seq, clock_deadline(1500)), -ERR_TIMEOUT);
	is_str(err_arg(err_peek(), "what"), "b");
	err_clear();
	ok(is_on_disk(p.dir, mark));
	wal_reader_commit(b, seq);
	is_int(wal_forget(w, seq, LIMIT), 0);
	ok(!is_on_disk(p.dir, mark));
	is_int(wal_forget(w, seq, LIMIT), 0);   /* there is nothing to do */
	/* It goes on with higher numbers, now and after the next start; what the last run left in its newest segment goes, too. */
	is_int(append_sync(w, mark + 1), 0);
	ok(wal_appended(w) > seq);
	seq = wal_appended(w);
	wal_reader_close(a);
	wal_reader_close(b);
	wal_close(w);
	w = start(&c);
	must(w && (a = reader(w, "a", WAL_BLOCK, WAL_FROM_OLDEST)) && (b = reader(w, "b", WAL_SKIP, WAL_FROM_OLDEST)));
	seen = (struct seen) { 0 };
	drain(a, &seen);
	is_int(seen.n, 1);
	is_int(seen.first_id, mark + 1);
	wal_reader_commit(a, seq);
	wal_reader_commit(b, seq);
	ok(is_on_disk(p.dir, mark + 1));
	is_int(wal_forget(w, seq, LIMIT), 0);
	ok(!is_on_disk(p.dir, mark + 1));
	is_int(append_sync(w, 5), 0);
	ok(wal_appended(w) > seq);
	wal_reader_close(a);
	wal_reader_close(b);
	wal_close(w);
}
