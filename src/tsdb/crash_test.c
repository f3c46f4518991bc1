/* crash_test.c - what is left of the store when a call, a file or the process fails: everything, each sample once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "tap.h"

#include "base/str.h"
#include "tsdb/idx.h"
#include "tsdb/tsdb_fixture.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)
#define DAY (INT64_C(86400) * NS_PER_S)

enum { N_SERIES = 6 };
static const uint8_t types[N_SERIES] = { V_F64, V_F32, V_I64, V_BOOL, V_STR, V_F64 };
struct world { struct fixture f; uint32_t series[N_SERIES], list; };

static bool world_names(struct world *w)
{
	struct uuid p[N_SERIES];

	for (unsigned i = 0; i < N_SERIES; i++)
		p[i] = (struct uuid) { { 1, [15] = (uint8_t) i } };
	return tsdb_series_many(w->f.t, 1, N_SERIES, p, types, w->series) == 0 && tsdb_list(w->f.t, 1, w->series, N_SERIES, &w->list) == 0;
}

/* Row n of the list: what it says follows from n alone. Every 50th is a day late. */
static struct value cell(unsigned series, uint64_t n)
{
	static const char *const words[] = { "run", "stop", "" };
	struct value v = { .type = (enum vtype) types[series] };

	switch (types[series]) {
	case V_F64:
		v.f64 = series ? (double) n * 1.000000001 : (double) n / 100;
		break;
	case V_F32:
		v.f32 = (float) n / 10;
		break;
	case V_BOOL:
		v.b = n & 1;
		break;
	case V_STR:
		v.s = words[n % 3];
		v.len = (uint32_t) strlen(v.s);
		break;
	default:
		v.i = (int64_t) n;
	}
	return v;
}

static int64_t time_of(uint64_t n) { return T0 + (int64_t) n * NS_PER_S - (n % 50 == 49 ? DAY : 0); }

static int write_rows(struct world *w, uint64_t from, uint64_t n, bool sync)
{
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	_cleanup_(batch_unrefp) struct batch *batch = NULL;
	int r = batch_builder_new(&b, 0);

	if (r == 0)
		r = batch_group_list(b, 1, 0, w->list, types, N_SERIES);
	for (uint64_t i = from; i < from + n && r == 0; i++) {
		r = batch_group_row(b, time_of(i));
		for (unsigned k = 0; k < N_SERIES && r == 0; k++)
			r = batch_group_set(b, k, cell(k, i), 0);
	}
	if (r == 0)
		r = batch_seal(b, 0, 0, &batch);
	if (r == 0)
		r = sync ? wal_append_sync(w->f.wal, batch, INT64_MAX) : fixture_append(&w->f, batch);
	return r;
}

struct check { const struct world *w; uint64_t n; uint8_t *seen; uint64_t max; bool wrong; };

static int check_batch(void *ctx, struct batch *b)
{
	struct check *c = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s)) {
		unsigned k = s.series - c->w->series[0];
		/* Late rows stand a day before their second: 86,400 is a multiple of 50, so only they end in 49. */
		uint64_t n = (uint64_t) ((s.time_ns - T0 + DAY) / NS_PER_S);

		if (n % 50 != 49)
			n -= 86400;
		struct value want = cell(k, n);
		if (k >= N_SERIES || n >= c->max || !same_value(&s.value, &want) || time_of(n) != s.time_ns || c->seen[n * N_SERIES + k]) {
			c->wrong = true;
			printf("# series %u time %lld (row %llu of %llu) is not right\n", s.series, (long long) s.time_ns, (unsigned long long) n,
				(unsigned long long) c->max);
			return -ERR_INVALID;
		}
		c->seen[n * N_SERIES + k] = 1;
		c->n++;
	}
	return 0;
}

/* Rows 0 … n are there, each once; rows beyond, up to max, may be. Returns how many samples there are, -1 when not. */
static int64_t holds(struct world *w, uint64_t n, uint64_t max)
{
	struct check c = { .w = w, .seen = calloc(max, N_SERIES), .max = max };
	const struct tsdb_query q = { .tenant = 1, .series = w->series, .n_series = N_SERIES, .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	int r = tsdb_range(w->f.t, &q, check_batch, &c);
	uint64_t whole = 0;

	while (whole < max && memcmp(c.seen + whole * N_SERIES, "\1\1\1\1\1\1", N_SERIES) == 0)
		whole++;
	if (r < 0 || c.wrong || whole < n)
		printf("# %llu of %llu rows are there; %d %s\n", (unsigned long long) whole, (unsigned long long) n, r, err_log_text(err_peek()));
	free(c.seen);
	return r < 0 || c.wrong || whole < n ? -1 : (int64_t) c.n;
}

/* --- The n-th call fails while a flush is under way. */

static bool quiet(struct world *w)
{
	for (int i = 0; i < 5000; i++) {
		if (wal_durable(w->f.wal) == wal_appended(w->f.wal))
			return tsdb_wait(w->f.t, wal_appended(w->f.wal), 10000) == 0;
		usleep(1000);
	}
	return false;
}

static void flush_with_fault(enum sys_call call, int error, unsigned step)
{
	/* Calls are counted, so nobody else makes any: nothing is merged here, however many files there are. */
	struct world w = { .f.config = { .n_shards = 1, .compact_rate = -1, .files_day_max = 1 << 20 } };
	uint64_t rows = 0;
	unsigned clean = 0, failed = 0;

	sys_fault_nth(call, 0, 0);              /* the table is replaced before there are threads, and given back after them */
	must(fixture_begin(&w.f) == 0 && world_names(&w));
	for (unsigned nth = 1; nth < 4000 && clean < 2; nth += step) {
		must(write_rows(&w, rows, 60, true) == 0);
		rows += 60;
		must(quiet(&w));
		sys_fault_nth(call, nth, error);
		int r = tsdb_flush(w.f.t);
		sys_fault_nth(call, 0, 0);
		clean = r == 0 ? clean + 1 : 0;
		failed += r < 0;
		err_clear();
		/* Whatever happened, everything can be read; now and then also after a restart. */
		if (nth % (step * 8) == 1 || clean) {
			must(holds(&w, rows, rows) == (int64_t) rows * N_SERIES);
			fixture_stop(&w.f);
			must(fixture_start(&w.f) == 0);
			must(quiet(&w));
			must(holds(&w, rows, rows) == (int64_t) rows * N_SERIES);
		}
	}
	ok(clean == 2);
	ok(failed > 0);
	is_int(tsdb_flush(w.f.t), 0);
	struct tsdb_stats s;
	tsdb_stats(w.f.t, &s);
	is_int(s.head_samples, 0);
	ok(s.file_samples >= rows * N_SERIES);
	fixture_end(&w.f);
	sys_restore();
}

TEST(a_write_that_fails_during_a_flush_costs_nothing) { flush_with_fault(SYS_WRITE, ENOSPC, 1); }
TEST(a_sync_that_fails_during_a_flush_costs_nothing) { flush_with_fault(SYS_FSYNC, EIO, 1); }
TEST(a_rename_that_fails_during_a_flush_costs_nothing) { flush_with_fault(SYS_RENAME, EIO, 1); }
TEST(an_open_that_fails_during_a_flush_costs_nothing) { flush_with_fault(SYS_OPEN, EMFILE, 1); }
TEST(memory_that_ends_during_a_flush_costs_nothing) { flush_with_fault(SYS_ANY_MEMORY, ENOMEM, 1); }

/* --- Files that are lost or damaged */

static int find_name(void *ctx, const char *name);
struct find { char path[512]; const char *suffix; char hit[512]; unsigned n; };

static int find_name(void *ctx, const char *name)
{
	struct find *f = ctx;
	size_t len = strlen(f->path);
	int r = 0;

	snprintf(f->path + len, sizeof(f->path) - len, "/%s", name);
	if (str_ends(name, f->suffix) && !str_eq(name, "series.parquet")) {
		snprintf(f->hit, sizeof(f->hit), "%s", f->path);
		f->n++;
	} else if (!strchr(name, '.') && !str_eq(name, "manifest")) {
		r = dir_each(f->path, find_name, f);
	}
	f->path[len] = 0;
	return r;
}

static struct find find(const struct world *w, const char *suffix)
{
	struct find f = { .suffix = suffix };

	snprintf(f.path, sizeof(f.path), "%s/tenants/1/ts", w->f.dir);
	dir_each(f.path, find_name, &f);
	return f;
}

static bool some_files(struct world *w, uint64_t *rows)
{
	bool good = fixture_begin(&w->f) == 0 && world_names(w);

	for (unsigned i = 0; i < 3 && good; i++) {
		good = write_rows(w, *rows, 500, true) == 0 && quiet(w) && tsdb_flush(w->f.t) == 0;
		*rows += 500;
	}
	return good;
}

TEST(a_side_index_that_is_lost_or_damaged_is_made_again)
{
	struct world w = { 0 };
	uint64_t rows = 0;

	must(some_files(&w, &rows));
	struct find idx = find(&w, ".idx");
	is_int(idx.n, 6);
	/* Lost. */
	fixture_stop(&w.f);
	must(unlink(idx.hit) == 0);
	must(fixture_start(&w.f) == 0);
	is_int(holds(&w, rows, rows), (int64_t) rows * N_SERIES);
	ok(file_exists(idx.hit));
	/* Each byte of the head, and some of the rest, wrong; and cut. */
	struct buf was = BUF_INIT(&sys_heap, 1 << 20);
	is_int(file_read(idx.hit, 1 << 20, &was), 0);
	for (size_t at = 0; at < was.len; at += at < 48 ? 5 : 97) {
		int fd = open(idx.hit, O_WRONLY);

		fixture_stop(&w.f);
		if (at % 3)
			is_int(pwrite(fd, &(char) { (char) ~was.data[at] }, 1, (off_t) at), 1);
		else
			is_int(ftruncate(fd, (off_t) at), 0);
		close(fd);
		must(fixture_start(&w.f) == 0);
		must(holds(&w, rows, rows) == (int64_t) rows * N_SERIES);
		struct buf now = BUF_INIT(&sys_heap, 1 << 20);
		is_int(file_read(idx.hit, 1 << 20, &now), 0);
		ok(now.len == was.len && memcmp(now.data, was.data, was.len) == 0);
		buf_done(&now);
	}
	buf_done(&was);
	fixture_end(&w.f);
}

/* A move to the second folder reads side indexes beside the pool, which makes them anew: after a power cut they are often short. */
struct instead { const char *path, *other; bool done; };

static void put_instead(void *ctx, const struct sys_event *e)
{
	struct instead *i = ctx;

	if (e->call == SYS_OPEN && !i->done && e->path && str_eq(e->path, i->path))
		i->done = rename(i->other, i->path) == 0;
}

TEST(a_side_index_that_is_made_anew_while_it_is_opened_is_opened_as_it_was)
{
	static uint8_t bytes[48 + 128 * 64];
	struct world w = { 0 };
	uint64_t rows = 0;
	char other[600];
	struct idx idx;

	must(some_files(&w, &rows));
	fixture_stop(&w.f);
	struct find f = find(&w, ".idx");
	snprintf(other, sizeof(other), "%s.new", f.hit);
	/* The head of one whose entries go on behind the first page, which is all there is of it. */
	memcpy(bytes, "TNIX", 4);
	memcpy(bytes + 4, (const uint32_t[]) { 2, 0, 64, 0, SAMPLE_COLS }, 20);
	must(file_write(other, bytes, sizeof(bytes), 0600) == 0 && file_write(f.hit, bytes, 600, 0600) == 0);
	struct instead i = { .path = f.hit, .other = other };
	sys_watch(put_instead, &i, false);
	int r = idx_open(f.hit, 0, &idx);
	sys_restore();
	is_int(r, -ERR_CORRUPT);
	err_clear();
	ok(i.done);
	fixture_end(&w.f);
}

TEST(a_manifest_that_is_lost_is_made_from_the_files)
{
	/* Lost, cut, and with each bit of its version wrong. */
	for (int damaged = 0; damaged < 2 + 32; damaged++) {
		struct world w = { 0 };
		uint64_t rows = 0;
		char path[200];

		must(some_files(&w, &rows));
		fixture_stop(&w.f);
		snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
		int fd = open(path, O_RDWR), bit = damaged - 2;
		char byte = 0;
		must(damaged < 2 || (pread(fd, &byte, 1, 4 + bit / 8) == 1 && pwrite(fd, &(char) { (char) (byte ^ 1 << bit % 8) }, 1, 4 + bit / 8) == 1));
		must(damaged > 1 || (damaged ? truncate(path, 50) : unlink(path)) == 0);
		close(fd);
		must(fixture_start(&w.f) == 0);
		must(quiet(&w));
		is_int(holds(&w, rows, rows), (int64_t) rows * N_SERIES);
		is_int(write_rows(&w, rows, 10, true), 0);
		must(quiet(&w));
		is_int(tsdb_flush(w.f.t), 0);
		is_int(holds(&w, rows + 10, rows + 10), (int64_t) (rows + 10) * N_SERIES);
		fixture_end(&w.f);
	}
}

TEST(a_manifest_of_a_later_version_is_left_as_it_is)
{
	struct world w = { 0 };
	uint64_t rows = 0;
	char path[200];
	uint8_t head[16] = "TNMF\4";
	struct buf b = BUF_INIT(&sys_heap, 1 << 20), now = BUF_INIT(&sys_heap, 1 << 20);

	must(some_files(&w, &rows));
	fixture_stop(&w.f);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
	must(file_read(path, 1 << 20, &b) == 0);
	/* As manifest.h promises it of every later one. */
	uint32_t crc = crc32_more(crc32_of(head + 4, 4), b.data + 12, b.len - 12);
	memcpy(b.data, head, 8);
	memcpy(b.data + 8, &crc, 4);
	must(file_write(path, b.data, b.len, 0600) == 0);
	is_int(fixture_start(&w.f), -ERR_NEWER);
	err_clear();
	is_int(file_read(path, 1 << 20, &now), 0);
	ok(now.len == b.len && memcmp(now.data, b.data, b.len) == 0);
	buf_done(&b);
	buf_done(&now);
	fixture_end(&w.f);
}

TEST(a_file_that_cannot_be_read_when_the_manifest_is_lost_too_stays_under_another_name)
{
	struct world w = { 0 };
	uint64_t rows = 0;
	char path[600];
	int64_t size;

	must(some_files(&w, &rows));
	struct find parquet = find(&w, ".parquet");
	fixture_stop(&w.f);
	must(file_size(parquet.hit, &size) == 0);
	must(truncate(parquet.hit, size - 1) == 0);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", w.f.dir);
	must(unlink(path) == 0);
	must(fixture_start(&w.f) == 0);
	ok(!file_exists(parquet.hit));
	snprintf(path, sizeof(path), "%s.damaged", parquet.hit);
	int64_t kept = 0;
	ok(file_size(path, &kept) == 0 && kept == size - 1);
	/* Its number is nobody else's. */
	is_int(write_rows(&w, rows, 10, true), 0);
	must(quiet(&w));
	is_int(tsdb_flush(w.f.t), 0);
	ok(!file_exists(parquet.hit));
	fixture_end(&w.f);
}

TEST(series_that_a_damaged_dictionary_has_lost_are_remembered)
{
	static const off_t at[] = { 0, 20, 30, 16 + 40 + 20, 16 + 5 * 40 + 2, 16 + 5 * 40 + 30 };

	for (size_t i = 0; i <= ELEMENTSOF(at); i++) {
		struct world w = { 0 };
		uint32_t was[N_SERIES];
		uint64_t rows = 0;
		char path[200];

		must(some_files(&w, &rows));
		memcpy(was, w.series, sizeof(was));
		fixture_stop(&w.f);
		snprintf(path, sizeof(path), "%s/tenants/1/series.dict", w.f.dir);
		int fd = open(path, O_WRONLY);
		must(i < ELEMENTSOF(at) ? pwrite(fd, "XX", 2, at[i]) == 2 : unlink(path) == 0);
		close(fd);
		for (unsigned start = 0; start < 2; start++) {
			must(fixture_start(&w.f) == 0 && world_names(&w));
			is_bytes(w.series, was, sizeof(was));
			is_int(holds(&w, rows, rows), (int64_t) rows * N_SERIES);
			if (start == 1)
				break;
			fixture_stop(&w.f);
		}
		fixture_end(&w.f);
	}
}

TEST(files_that_no_manifest_names_are_removed_and_strangers_are_left_alone)
{
	struct world w = { 0 };
	uint64_t rows = 0;
	char ours[600], stranger[600];

	must(some_files(&w, &rows));
	struct find parquet = find(&w, ".parquet");
	fixture_stop(&w.f);
	size_t dir = (size_t) (path_name(parquet.hit) - parquet.hit);
	snprintf(ours, sizeof(ours), "%.*s0000000099.parquet", (int) dir, parquet.hit);
	snprintf(stranger, sizeof(stranger), "%.*smine.parquet", (int) dir, parquet.hit);
	must(link(parquet.hit, ours) == 0 && link(parquet.hit, stranger) == 0);
	must(fixture_start(&w.f) == 0);
	ok(!file_exists(ours));
	ok(file_exists(stranger));
	is_int(holds(&w, rows, rows), (int64_t) rows * N_SERIES);
	fixture_end(&w.f);
}

TEST(a_damaged_page_is_told_and_does_not_answer_wrongly)
{
	struct world w = { 0 };
	uint64_t rows = 0;

	must(some_files(&w, &rows));
	struct find parquet = find(&w, ".parquet");
	int fd = open(parquet.hit, O_RDWR);
	char was;
	unsigned told = 0;
	for (off_t at = 4; at < 1500; at += 61) {
		is_int(pread(fd, &was, 1, at), 1);
		is_int(pwrite(fd, &(char) { (char) ~was }, 1, at), 1);
		struct check c = { .w = &w, .seen = calloc(rows, N_SERIES), .max = rows };
		int r = tsdb_range(w.f.t, &(struct tsdb_query) { .tenant = 1, .series = w.series, .n_series = N_SERIES, .from_ns = INT64_MIN,
			.to_ns = INT64_MAX }, check_batch, &c);
		ok(!c.wrong);
		ok(r == -ERR_CORRUPT || (r == 0 && c.n == rows * N_SERIES));
		told += r == -ERR_CORRUPT;
		err_clear();
		free(c.seen);
		is_int(pwrite(fd, &was, 1, at), 1);
	}
	ok(told > 10);
	close(fd);
	fixture_end(&w.f);
}

TEST(a_new_log_under_old_files_loses_nothing_that_comes_after)
{
	struct world w = { 0 };
	uint64_t rows = 0;
	char path[200];

	must(some_files(&w, &rows));
	fixture_stop(&w.f);
	snprintf(path, sizeof(path), "%s/wal", w.f.dir);
	is_int(dir_remove(path), 0);
	must(fixture_start(&w.f) == 0);
	is_int(write_rows(&w, rows, 20, false), 0);
	must(quiet(&w));
	is_int(holds(&w, rows + 20, rows + 20), (int64_t) (rows + 20) * N_SERIES);
	is_int(tsdb_flush(w.f.t), 0);
	fixture_stop(&w.f);
	must(fixture_start(&w.f) == 0);
	is_int(holds(&w, rows + 20, rows + 20), (int64_t) (rows + 20) * N_SERIES);
	fixture_end(&w.f);
}

/* --- kill -9 */

static void child(struct world *w, uint64_t from, int to_parent)
{
	w->f.config.flush_age_ms = 3;
	w->f.config.n_shards = 2;
	if (fixture_start(&w->f) < 0 || !world_names(w))
		_exit(2);
	for (uint64_t n = from;; n += 40) {
		if (write_rows(w, n, 40, true) < 0)
			_exit(3);
		uint64_t acknowledged = n + 40;
		if (write(to_parent, &acknowledged, sizeof(acknowledged)) != sizeof(acknowledged))
			_exit(4);
	}
}

TEST(a_process_killed_at_any_instant_of_its_flushes_loses_nothing_acknowledged)
{
	struct world w = { 0 };
	uint64_t seed = 9, acknowledged = 0, flushed_files = 0;
	char manifest[200];

	must(fixture_folder("tsdb", w.f.dir, sizeof(w.f.dir)));
	snprintf(manifest, sizeof(manifest), "%s/tenants/1/ts/manifest", w.f.dir);
	for (int round = 0; round < 12; round++) {
		int ends[2];
		must(pipe(ends) == 0);
		fflush(stdout);
		pid_t pid = fork();
		must(pid >= 0);
		if (pid == 0) {
			close(ends[0]);
			child(&w, acknowledged, ends[1]);
		}
		close(ends[1]);
		/* So many acknowledgements, then a moment that falls anywhere in the work behind them. */
		uint64_t wanted = 1 + random_next(&seed) % 40;
		int64_t deadline = clock_deadline(120000);
		for (uint64_t i = 0, n; read(ends[0], &n, sizeof(n)) == sizeof(n);) {
			acknowledged = n;
			/* The last one is killed behind a flush for certain, however slow the machine is. */
			if (++i >= wanted && (round < 11 || file_exists(manifest) || clock_mono_ns() > deadline))
				break;
		}
		usleep((useconds_t) (random_next(&seed) % 8000));
		kill(pid, SIGKILL);
		for (uint64_t n; read(ends[0], &n, sizeof(n)) == sizeof(n);)
			acknowledged = n;
		close(ends[0]);
		int status;
		must(waitpid(pid, &status, 0) == pid);
		ok(WIFSIGNALED(status));

		w.f.config = (struct tsdb_config) { 0 };
		must(fixture_start(&w.f) == 0 && world_names(&w));
		must(quiet(&w));
		int64_t n = holds(&w, acknowledged, acknowledged + 40);
		must(n >= 0);
		/* Once, also on the medium: nothing is hidden by the merge. */
		struct tsdb_stats s;
		tsdb_stats(w.f.t, &s);
		is_int(s.file_samples + s.head_samples, n);
		flushed_files = s.n_files;
		acknowledged = (uint64_t) n / N_SERIES;         /* what was durable and not yet said is not sent again */
		fixture_stop(&w.f);
	}
	ok(flushed_files > 0);          /* how many depends on the machine */
	ok(acknowledged > 200);
	dir_remove(w.f.dir);
}

TEST(the_head_stays_within_its_budget)
{
	struct world w = { .f.config.head_bytes = 1 << 20 };
	struct tsdb_stats s;
	uint64_t most = 0, rows = 0;

	must(fixture_begin(&w.f) == 0 && world_names(&w));
	for (; rows < 200000; rows += 2000) {
		must(write_rows(&w, rows, 2000, false) == 0);
		tsdb_stats(w.f.t, &s);
		most = MAX(most, s.head_bytes);
	}
	must(quiet(&w));
	tsdb_stats(w.f.t, &s);
	ok(s.flushes > 0);
	/* What waits in the queues comes on top, 1 MB at this budget, and a block a shard. */
	ok(most <= (1 << 20) + (2 << 20));
	is_int(holds(&w, rows, rows), (int64_t) rows * N_SERIES);
	fixture_end(&w.f);
}
