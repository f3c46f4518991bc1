/* What is left of the log when a disk, a bit, memory or the process fails. */
#include "tap.h"
#include "wal/wal_fixture.h"

/* The only segment file of a closed log. */
static int one_segment(void *ctx, const char *name)
{
	if (str_ends(name, ".wal"))
		path_join(((struct place *) ctx)->dir, PATH_MAX, ".", name);
	return 0;
}

static void segment_path(const struct place *p, char out[PATH_MAX])
{
	struct place name = { "" };

	dir_each(p->dir, one_segment, &name);
	path_join(out, PATH_MAX, p->dir, name.dir + 2);
}

/* A log with n acknowledged batches in one segment, and that file's bytes. */
static bool small_log(const struct place *p, int n, char path[PATH_MAX], struct buf *ret)
{
	struct wal_config c = config_of(p);
	struct wal *w = start(&c);
	bool good = w != NULL;
	struct wal_reader *r = good ? reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST) : NULL;

	for (int i = 0; i < n && good; i++)
		good = append_sync(w, i) == 0;
	wal_reader_close(r);
	wal_close(w);
	segment_path(p, path);
	return good && r && file_read(path, 1 << 20, ret) == 0;
}

static bool put_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	bool good = fd >= 0 && write(fd, data, n) == (ssize_t) n;

	close(fd);
	return good;
}

static struct seen read_all(const struct place *p, uint8_t *count, size_t max)
{
	struct wal_config c = config_of(p);
	struct seen s = { .count = count, .max = max };
	struct wal *w = NULL;

	if (wal_open(&c, &w) < 0) {
		printf("# %s\n", err_log_text(err_peek()));
		s.n = UINT32_MAX;
		return s;
	}
	struct wal_reader *r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
	if (r)
		drain(r, &s);
	wal_reader_close(r);
	wal_close(w);
	return s;
}

static int keep_only(void *ctx, const char *name)
{
	char path[PATH_MAX];
	const struct place *p = ctx;

	path_join(path, sizeof path, p->dir, name);
	return str_eq(name, "cursors") ? 0 : file_unlink(path);
}

TEST(a_tail_torn_at_any_byte_of_the_last_record_is_cut_and_the_start_never_refused)
{
	enum { N = 5 };
	PLACE(p, false);
	char path[PATH_MAX];
	struct buf file = BUF_INIT(&sys_heap, 1 << 20);

	must(small_log(&p, N, path, &file));
	size_t rec = (file.len - SEG_HEAD) / N;
	for (size_t cut = 1; cut <= rec; cut++) {
		uint8_t count[N + 1] = { 0 };
		dir_each(p.dir, keep_only, &p);
		must(put_file(path, file.data, file.len - cut));
		struct seen s = read_all(&p, count, N + 1);
		if (s.n != N - 1 || s.last_id != N - 2 || s.n_gaps || s.twice)
			tap_fail_("cut by %zu bytes: %u read, %u gaps", cut, s.n, s.n_gaps);
	}
	/* Room made in advance behind the last record is no damage. */
	must(put_file(path, file.data, file.len));
	must(truncate(path, 1 << 20) == 0);
	struct seen s = read_all(&p, NULL, 0);
	is_int(s.n, N);
	is_int(s.n_gaps, 0);
	buf_done(&file);
}

TEST(a_flipped_bit_costs_at_most_the_record_it_is_in_and_is_told)
{
	enum { N = 6 };
	PLACE(p, false);
	char path[PATH_MAX];
	struct buf file = BUF_INIT(&sys_heap, 1 << 20);

	must(small_log(&p, N, path, &file));
	size_t rec = (file.len - SEG_HEAD) / N;
	for (size_t at = 0; at < file.len; at++) {
		uint8_t count[N] = { 0 };
		dir_each(p.dir, keep_only, &p);
		file.data[at] ^= (char) (1 << (at % 8));
		must(put_file(path, file.data, file.len));
		file.data[at] ^= (char) (1 << (at % 8));
		struct seen s = read_all(&p, count, N);
		size_t hit = at < SEG_HEAD ? N : (at - SEG_HEAD) / rec;
		for (size_t i = 0; i < N; i++)
			if (count[i] != (i != hit))
				tap_fail_("bit in byte %zu: record %zu read %u times", at, i, count[i]);
		if (s.n_gaps != (hit < N - 1))          /* damage at the very end looks like a torn tail */
			tap_fail_("bit in byte %zu: %u gaps", at, s.n_gaps);
	}
	buf_done(&file);
}

/* A short life of the log under a fault; whatever was acknowledged is set in acked. */
enum { LIFE = 24 };

static void life(const struct place *p, struct batch *const batches[LIFE], uint8_t acked[LIFE])
{
	struct wal_config c = config_of(p);
	struct wal *w = NULL;
	struct wal_reader *r = NULL;
	struct seen s = { 0 };

	c.segment_bytes = 4096;
	c.ring_bytes = 2048;
	c.pack_after_ms = 1;
	if (wal_open(&c, &w) < 0)
		return;
	if (wal_start(w) == 0 && wal_reader_open(w, &(struct wal_reader_config) { .name = "tsdb" }, &r) == 0) {
		for (int i = 0; i < LIFE; i++) {
			acked[i] = wal_append_sync(w, batches[i], LIMIT) == 0;
			if (!acked[i] && !is_accepting(w))
				break;          /* stands still: it would try again in a second */
			if (i == LIFE / 2) {
				drain(r, &s);
				wal_reader_commit(r, 1);        /* the first is done with; the cursors are saved */
			}
		}
		drain(r, &s);
		struct wal_metrics m = { 0 };
		for (int i = 0; i < 30 && !m.compressed_in; i++, usleep(1000))
			wal_metrics(w, &m);
	}
	wal_reader_close(r);
	wal_close(w);
}

static void check_life(const struct place *p, const uint8_t acked[LIFE], const char *what, unsigned n)
{
	uint8_t count[LIFE] = { 0 };
	struct seen s = read_all(p, count, LIFE);

	for (int i = 1; i < LIFE; i++)
		if (acked[i] ? count[i] != 1 : count[i] > 1)
			tap_fail_("%s %u: batch %d acknowledged %d, there %d times", what, n, i, acked[i], count[i]);
	if (!s.ascend || s.n_gaps)
		tap_fail_("%s %u: out of order, or %u gaps", what, n, s.n_gaps);
}

static unsigned faults_of(enum sys_call call, int error, bool lasting, bool half)
{
	for (unsigned n = 1; n < 500; n++) {
		PLACE(p, false);
		uint8_t acked[LIFE] = { 0 };
		struct batch *batches[LIFE];
		for (int i = 0; i < LIFE; i++)
			batches[i] = batch_of(1, i, 40);
		if (half)
			sys_fault_short(call, n);
		else
			(lasting ? sys_fault_from : sys_fault_nth)(call, n, error);
		life(&p, batches, acked);
		bool hit = sys_fault_hit();
		sys_restore();
		for (int i = 0; i < LIFE; i++)
			batch_unref(batches[i]);
		err_clear();
		check_life(&p, acked, sys_call_name(call), n);
		if (!hit) {
			unsigned sum = 0;
			for (int i = 0; i < LIFE; i++)
				sum += acked[i];
			is_int(sum, LIFE);
			return n - 1;
		}
	}
	return 0;
}

TEST(when_any_one_system_call_fails_nothing_acknowledged_is_lost_or_doubled)
{
	static const enum sys_call calls[] = { SYS_OPEN, SYS_PREAD, SYS_PWRITE, SYS_PWRITEV, SYS_WRITE, SYS_FSYNC, SYS_FDATASYNC, SYS_FTRUNCATE,
		SYS_FALLOCATE, SYS_RENAME, SYS_UNLINK, SYS_CLOSE };

	for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
		unsigned n = faults_of(calls[i], EIO, false, false);
		printf("# %s: failed at each of %u calls\n", sys_call_name(calls[i]), n);
		ok(n > 0);
	}
	ok(faults_of(SYS_PWRITEV, 0, false, true) > 0);
	ok(faults_of(SYS_ANY_MEMORY, ENOMEM, false, false) > 0);
}

TEST(when_the_disk_goes_away_for_good_at_any_call_nothing_acknowledged_is_lost)
{
	ok(faults_of(SYS_ANY_FILE, EIO, true, false) > 20);
}

TEST(a_full_disk_refuses_with_a_reason_and_goes_on_when_there_is_room)
{
	PLACE(p, false);
	struct wal_config c = config_of(&p);

	c.segment_bytes = 16 << 10;
	sys.fallocate = gated_fallocate;
	sys.fdatasync = gated_fdatasync;
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_OLDEST);
	must(r);
	is_int(append_sync(w, 0), 0);
	atomic_store(&gate.fail, ENOSPC);
	is_int(append_sync(w, 1), -ERR_FULL);   /* a failed sync, and no room for another segment */
	err_clear();
	is_int(append(w, 2, NULL), -ERR_FULL);
	ok(err_peek()->kind == ERR_FULL);
	err_clear();
	struct wal_metrics m;
	wal_metrics(w, &m);
	ok(m.abandoned >= 1 && m.refused_full == 1);
	atomic_store(&gate.fail, 0);
	ok(wait_until(is_accepting, w));
	is_int(append_sync(w, 3), 0);
	uint8_t count[4] = { 0 };
	struct seen s = { .count = count, .max = 4 };
	drain(r, &s);
	/* The one that was refused an acknowledgement was seen by readers and is kept in its place. */
	ok(count[0] == 1 && count[1] == 1 && count[2] == 0 && count[3] == 1 && s.ascend && !s.n_gaps);
	wal_reader_close(r);
	wal_close(w);
	sys_restore();
	uint8_t after[4] = { 0 };
	s = read_all(&p, after, 4);
	ok(after[0] == 1 && after[1] == 1 && after[2] == 0 && after[3] == 1 && s.ascend && !s.n_gaps);
}

/* kill -9: a child acknowledges by writing ids into a pipe; whatever came out of the pipe must be in the log, once. */
enum { SLOTS = 512 };
struct slot { struct wal_wait wait; int64_t id; atomic_bool busy; int pipe; };

static void on_child_ack(void *ctx, int result)
{
	struct slot *s = ctx;

	if (result == 0 && write(s->pipe, &s->id, sizeof s->id) != sizeof s->id)
		_exit(1);
	atomic_store(&s->busy, false);
}

static void child(const struct wal_config *c, int64_t id, int out)
{
	static struct slot slots[SLOTS];
	struct wal *w = start(c);
	struct wal_reader *r = w ? reader(w, "live", WAL_SKIP, WAL_FROM_END) : NULL;

	if (!r)
		_exit(1);
	for (unsigned i = 0;; i = (i + 1) % SLOTS) {
		struct slot *s = &slots[i];
		while (atomic_load(&s->busy))
			usleep(50);
		*s = (struct slot) { .wait = { .on_durable = on_child_ack, .ctx = s }, .id = id, .busy = true, .pipe = out };
		int r_append;
		while ((r_append = append(w, id, &s->wait)) == -ERR_BUSY)
			usleep(50);
		if (r_append < 0)
			_exit(1);
		id++;
		struct seen seen = { 0 };
		drain(r, &seen);
		wal_reader_commit(r, seen.last);
		if (i % 64 == 63)
			usleep(1000);           /* some 30,000 a second at most: the machine is shared */
	}
}

static size_t read_ids(int fd, uint8_t *acked, size_t max, int64_t until_ns)
{
	int64_t ids[512];
	size_t n = 0;

	while (clock_mono_ns() < until_ns) {
		ssize_t got = read(fd, ids, sizeof ids);
		if (got <= 0) {
			if (got < 0 && errno == EAGAIN) {
				usleep(500);
				continue;
			}
			break;
		}
		for (size_t i = 0; i < (size_t) got / sizeof ids[0]; i++, n++)
			if (ids[i] >= 0 && (size_t) ids[i] < max)
				acked[ids[i]] = 1;
	}
	return n;
}

TEST(whatever_was_acknowledged_survives_kill_9_once)
{
	enum { MAX = 2000000 };
	const char *wanted = getenv("TENON_KILLS");
	int rounds = wanted ? (int) strtol(wanted, NULL, 10) : 12;
	PLACE(p, true);
	struct wal_config c = config_of(&p);
	_cleanup_free_ uint8_t *acked = sys_alloc(MAX), *count = sys_alloc(MAX);
	size_t total = 0;
	int64_t next = 0, busy_ns = 0;
	uint32_t dice = 12345;

	must(acked && count);
	c.segment_bytes = 1 << 20;
	c.keep_bytes = UINT64_C(4) << 30;
	c.pack_after_ms = 50;
	/* Holds everything. */
	struct wal *w = start(&c);
	must(w);
	wal_reader_close(reader(w, "all", WAL_BLOCK, WAL_FROM_OLDEST));
	wal_close(w);
	for (int round = 0; round < rounds; round++) {
		int fd[2];
		must(pipe2(fd, O_CLOEXEC) == 0);
		pid_t pid = fork();
		must(pid >= 0);
		if (pid == 0)
			child(&c, next, fd[1]);
		close(fd[1]);
		fcntl(fd[0], F_SETFL, O_NONBLOCK);
		dice = dice * 1664525u + 1013904223u;
		int64_t begin = clock_mono_ns();
		total += read_ids(fd[0], acked, MAX, begin + (60 + dice / 65536 % 200) * NS_PER_MS);
		busy_ns += clock_mono_ns() - begin;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		total += read_ids(fd[0], acked, MAX, INT64_MAX);
		close(fd[0]);

		w = NULL;
		is_int(wal_open(&c, &w), 0);
		must(w);
		struct wal_reader *r = reader(w, "all", WAL_BLOCK, WAL_FROM_OLDEST);
		must(r);
		memset(count, 0, MAX);
		struct seen s = { .count = count, .max = MAX };
		drain(r, &s);
		unsigned missing = 0;
		for (int64_t i = 0; i < MAX; i++)
			missing += acked[i] && count[i] != 1;
		if (missing || s.twice || s.n_gaps || !s.ascend)
			tap_fail_("round %d: %u missing, %u twice, %u gaps, in order: %d", round, missing, s.twice, s.n_gaps, s.ascend);
		next = s.n ? s.last_id + 1 : 0;
		wal_reader_close(r);
		wal_close(w);
	}
	printf("# %zu batches acknowledged in %d lives, %.0f a second, %lld in the log\n", total, rounds,
		(double) total / ((double) busy_ns / 1e9), (long long) next);
	ok(total > 1000);
}
TEST(lost_cursors_send_readers_to_the_oldest_record_and_names_are_checked)
{
	PLACE(p, false);
	char path[PATH_MAX];
	struct buf file = BUF_INIT(&sys_heap, 1 << 20);
	struct wal_config c = config_of(&p);

	must(small_log(&p, 5, path, &file));
	buf_done(&file);
	path_join(path, sizeof path, p.dir, "cursors");
	must(put_file(path, "tenon-wal-cursors 1\ntsdb block 99\ncrc32c 00000000\n", 50));
	struct wal *w = start(&c);
	must(w);
	struct wal_reader *r = reader(w, "tsdb", WAL_BLOCK, WAL_FROM_END), *other = NULL;
	must(r);
	struct seen s = { 0 };
	drain(r, &s);
	is_int(s.n, 5);
	is_int(wal_reader_open(w, &(struct wal_reader_config) { .name = "tsdb" }, &other), -ERR_IN_USE);
	is_int(wal_reader_open(w, &(struct wal_reader_config) { .name = "../x" }, &other), -ERR_PATTERN);
	is_int(wal_reader_open(w, &(struct wal_reader_config) { .name = "a b" }, &other), -ERR_PATTERN);
	err_clear();
	wal_reader_close(r);
	wal_close(w);
}

