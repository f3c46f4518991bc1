/* store_file_test.c - what is seen in the file alone: secrets, who may read it, a disk that fills up. SQLite's. */
#include <errno.h>
#include <sqlite3.h>

#include "tap.h"

#include <sys/stat.h>

#include "store/fixture_test.h"

TEST(secrets_do_not_stand_in_the_file)
{
	static const struct store_noun every_noun[] = { { &every_type, 0 } };
	const char *path = fresh_path();
	const struct store_config c = { .path = path, .nouns = every_noun, .n_nouns = 1, .seal = &test_seal };
	struct store_config no_seal = c;
	struct store *s = NULL;
	struct every e;
	struct every_tcp tcp = { "plc-host", "innerpassword", 502 };
	struct store_tx *tx;
	char cmd[256];

	must(open_place(&s, &c) == 0);
	must(rec_init(&every_type, &e, &arena) == 0);
	e.code = "visiblecode";
	e.secret = "outersecret";
	e.way = 1;
	e.settings = &tcp;
	tx = begin(s, STORE_WRITE);
	must(store_put(tx, &every_type, &e, NULL) == 0);
	must(store_commit(tx) == 0);
	s = store_close(s);
	snprintf(cmd, sizeof(cmd), "grep -q visiblecode %s && ! grep -qE 'innerpassword|outersecret' %s", path, path);
	is_int(system(cmd), 0);
	no_seal.seal = NULL;
	must(open_place(&s, &no_seal) == 0);
	tx = begin(s, STORE_WRITE);
	e.head = (struct rec_head) { 0 };
	e.code = "second";
	is_int(store_put(tx, &every_type, &e, NULL), -ERR_BROKEN);
	store_rollback(tx);
	store_close(s);
}

TEST(the_file_is_readable_by_its_owner_alone)
{
	const char *path = fresh_path();
	struct store *s;
	char cmd[256];

	s = open_at(path);

	must(s);
	snprintf(cmd, sizeof(cmd), "test -z \"$(find %s* -perm /077)\"", path);
	is_int(system(cmd), 0);
	store_close(s);
}

/* --- a disk that fails ---------------------------------------------------------------------------------------------------- */

static ssize_t (*real_pwrite)(int fd, const void *from, size_t n, off_t at);
static int writes_left;

/* The n-th write, and all after it, find the disk full. */
static ssize_t failing_pwrite(int fd, const void *from, size_t n, off_t at)
{
	if (writes_left > 0 && --writes_left == 0)
		writes_left = -1;
	if (writes_left < 0) {
		errno = ENOSPC;
		return -1;
	}
	return real_pwrite(fd, from, n, at);
}

static const char *const write_calls[] = { "pwrite", "pwrite64" };

static void fail_writes(sqlite3_vfs *vfs, bool on)
{
	for (size_t i = 0; i < ELEMENTSOF(write_calls); i++) {
		sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, write_calls[i]);

		if (on && was) {
			real_pwrite = (ssize_t (*)(int, const void *, size_t, off_t)) was;
			vfs->xSetSystemCall(vfs, write_calls[i], (sqlite3_syscall_ptr) failing_pwrite);
		} else if (was) {
			vfs->xSetSystemCall(vfs, write_calls[i], NULL);
		}
	}
}

static int fill_up(struct store *s, int round)
{
	struct store_tx *tx = NULL;
	struct owner o;
	int r = store_begin(s, STORE_WRITE, 0, &tx);

	for (int i = 0; r == 0 && i < 60; i++) {
		o = (struct owner) { .code = arena_fmt(&arena, "%d-%d", round, i), .name = "a name that takes some room on the page" };
		r = store_put(tx, &owner_type, &o, NULL);
	}
	if (r == 0)
		return store_commit(tx);
	store_rollback(tx);
	return r;
}

TEST(a_disk_that_fills_up_loses_nothing_that_was_committed)
{
	const char *path = fresh_path();
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	struct store *s;
	struct owner back;
	struct store_tx *tx;
	int round = 1, r = -1;

	s = open_at(path);
	for (; r < 0 && round < 200; round++) {
		writes_left = round;
		fail_writes(vfs, true);
		r = fill_up(s, round);
		fail_writes(vfs, false);
		ok(r == 0 || r == -ERR_FULL || r == -ERR_IO);
		is_int(fill_up(s, 1000 + round), 0);                            /* and it goes on when there is room again */
		tx = begin(s, STORE_READ);
		is_int(store_find_by(tx, &owner_type, "code", arena_fmt(&arena, "%d-59", 1000 + round), &back, &arena), 0);
		is_int(store_find_by(tx, &owner_type, "code", arena_fmt(&arena, "%d-0", round), &back, &arena), r == 0 ? 0 : -ERR_MISSING);
		store_rollback(tx);
	}
	ok(r == 0 && round > 3);
	s = store_close(s);
	s = open_at(path);
	is_int(store_verify(s), 0);
	store_close(s);
}

static int64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Who waits for a large transaction does not wait for its log to be folded into the file; the next commit does that. */
TEST(the_log_of_a_large_transaction_is_folded_by_the_next_commit)
{
	static const struct rec_field *const code[] = { &owner_fields[0] };
	const char *path = fresh_path();
	_cleanup_(store_closep) struct store *s = open_at(path);
	struct store_tx *tx = begin(s, STORE_WRITE);
	struct owner o;

	must(store_put_behind(tx, &owner_type, code, 1, 20000) == 0);
	for (unsigned i = 0; i < 20000; i++)
		must(put_owner(tx, arena_fmt(&arena, "o%u", i), &o) == 0);
	must(store_commit(tx) == 0);
	ok(size_of(path) < 1 << 20);
	ok(size_of(arena_fmt(&arena, "%s-wal", path)) > 3 << 20);
	tx = begin(s, STORE_WRITE);
	must(put_owner(tx, "another", &o) == 0 && store_commit(tx) == 0);
	ok(size_of(path) > 3 << 20);
}
