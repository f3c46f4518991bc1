/* names_test.c - numbers of series and lists: given once, durable, never again. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tap.h"

#include "base/err.h"
#include "sys/sys.h"
#include "tsdb/names/names.h"
#include "tsdb/tsdb_fixture.h"

static char path[200], dir[64];

static void gone(void)
{
	if (dir[0])
		dir_remove(dir);
}

static void fresh(void)
{
	if (!dir[0])
		atexit(gone);
	gone();
	if (!fixture_folder("names", dir, sizeof(dir)))
		abort();
	snprintf(path, sizeof(path), "%s/series.dict", dir);
}

static struct uuid point(unsigned i)
{
	struct uuid u = { { 1, [8] = 2 } };

	memcpy(u.b + 12, &i, 4);
	return u;
}

static uint32_t add(struct names *n, unsigned i, uint8_t type)
{
	struct uuid p = point(i);
	uint32_t s = 0;

	is_int(names_add(n, 1, &p, &type, &s), 0);
	return s;
}

static uint64_t size_of(void)
{
	int64_t n = 0;

	file_size(path, &n);
	return (uint64_t) n;
}

TEST(a_point_keeps_its_number_over_restarts_and_gets_a_new_one_with_a_new_type)
{
	_cleanup_(names_freep) struct names *n = NULL;
	struct uuid p = point(7);

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(add(n, 7, V_F64), 1);
	is_int(add(n, 8, V_BOOL), 2);
	is_int(add(n, 7, V_F64), 1);
	is_int(add(n, 7, V_I64), 3);
	is_int(names_newest(n, &p), 3);
	n = names_free(n);
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(names_count(n), 3);
	is_int(names_newest(n, &p), 3);
	is_int(names_series(n, 3)->older, 1);
	is_int(names_series(n, 1)->type, V_F64);
	is_int(add(n, 7, V_F64), 1);
	is_int(add(n, 9, V_F32), 4);
	ok(!names_series(n, 0) && !names_series(n, 5));
	is_int(names_cut(n), 0);
}

TEST(many_at_once_with_repetitions_are_numbered_once)
{
	enum { N = 3000 };
	_cleanup_(names_freep) struct names *n = NULL;
	static struct uuid p[N];
	static uint8_t t[N];
	static uint32_t s[N], again[N];

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	for (unsigned i = 0; i < N; i++) {
		p[i] = point(i % 1000);
		t[i] = i < 2000 ? V_F64 : V_STR;
	}
	is_int(names_add(n, N, p, t, s), 0);
	is_int(names_count(n), 2000);
	for (unsigned i = 0; i < N; i++)
		must(s[i] == (i < 2000 ? i % 1000 + 1 : i - 2000 + 1001));
	n = names_free(n);
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(names_add(n, N, p, t, again), 0);
	is_bytes(again, s, sizeof(s));
	t[5] = V_NONE;
	p[5] = point(77777);
	is_int(names_add(n, N, p, t, again), -ERR_WRONG_TYPE);
	err_clear();
	is_int(names_count(n), 2000);
}

TEST(a_list_of_the_same_content_has_the_same_number)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint32_t a[] = { 1, 2, 3 }, b[] = { 3, 2, 1 }, bad[] = { 1, 9 }, l = 0;

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	for (unsigned i = 0; i < 3; i++)
		add(n, i, V_F64);
	is_int(names_list(n, a, 3, &l), 0);
	is_int(l, 1);
	is_int(names_list(n, b, 3, &l), 0);
	is_int(l, 2);
	is_int(names_list(n, a, 3, &l), 0);
	is_int(l, 1);
	is_int(names_list(n, bad, 2, &l), -ERR_MISSING);
	is_int(names_list(n, bad, 0, &l), -ERR_OUT_OF_RANGE);
	err_clear();
	n = names_free(n);
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(names_list(n, b, 3, &l), 0);
	is_int(l, 2);
	is_int(names_list_get(n, 2)->k, 3);
	is_bytes(names_list_get(n, 2)->series, b, sizeof(b));
	struct members *m = names_series(n, 1)->members;
	is_int(m->n, 2);
	is_int(m->item[1].list, 2);
	is_int(m->item[1].index, 2);
}

TEST(a_torn_tail_is_cut_at_every_length_and_what_was_whole_stays)
{
	_cleanup_(names_freep) struct names *n = NULL;

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	uint64_t ends[4] = { size_of() };
	for (unsigned i = 0; i < 3; i++) {
		add(n, i, V_F64);
		ends[i + 1] = size_of();
	}
	n = names_free(n);
	for (uint64_t len = ends[3]; len-- > 0;) {
		uint32_t whole = 0;

		must(truncate(path, (off_t) len) == 0);
		while (whole < 3 && ends[whole + 1] <= len)
			whole++;
		must(names_open(path, 1, 0, &n) == 0);
		is_int(names_count(n), whole);
		is_int(size_of(), ends[whole]);
		n = names_free(n);
	}
}

TEST(a_record_damaged_in_the_middle_costs_itself_only)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint64_t ends[4];
	int fd;

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	for (unsigned i = 0; i < 3; i++) {
		ends[i] = size_of();
		add(n, i, V_F64);
	}
	n = names_free(n);
	fd = open(path, O_WRONLY);
	is_int(pwrite(fd, "XX", 2, (off_t) ends[1] + 20), 2);
	close(fd);
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(names_count(n), 3);
	ok(!names_series(n, 2));
	ok(names_cut(n) > 0);
	is_int(add(n, 2, V_F64), 3);
	is_int(add(n, 1, V_F64), 4);
}

TEST(what_is_restored_stands_where_it_was_and_the_point_keeps_its_newest)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint64_t end;
	int fd;

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	end = size_of();
	is_int(add(n, 0, V_I64), 1);
	is_int(add(n, 0, V_F64), 2);
	n = names_free(n);
	fd = open(path, O_WRONLY);
	is_int(pwrite(fd, "XX", 2, (off_t) end + 20), 2);
	close(fd);
	is_int(names_open(path, 1, 0, &n), 0);
	ok(!names_series(n, 1));
	struct uuid p = point(0);
	is_int(names_restore(n, &(struct names_lost) { .number = 1, .type = V_I64, .point = p }, 1), 0);
	for (int start = 0; start < 2; start++) {
		is_int(names_cut(n), start ? 0 : 40);
		is_int(names_newest(n, &p), 2);
		is_int(names_series(n, 2)->older, 1);
		is_int(names_series(n, 1)->type, V_I64);
		is_int(names_series(n, 1)->older, 0);
		n = names_free(n);
		is_int(names_open(path, 1, 0, &n), 0);
	}
}

TEST(a_number_whose_record_was_damaged_at_the_end_is_not_given_again)
{
	_cleanup_(names_freep) struct names *n = NULL;
	int fd;

	fresh();
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(add(n, 0, V_I64), 1);
	uint64_t end = size_of();
	is_int(add(n, 1, V_F64), 2);
	n = names_free(n);
	fd = open(path, O_WRONLY);
	is_int(pwrite(fd, "XX", 2, (off_t) end + 20), 2);
	close(fd);
	is_int(names_open(path, 1, 0, &n), 0);
	is_int(add(n, 2, V_F64), 3);
}

TEST(numbers_that_files_use_already_are_not_given_again)
{
	_cleanup_(names_freep) struct names *n = NULL;

	fresh();
	is_int(names_open(path, 1, 40, &n), 0);
	is_int(add(n, 0, V_F64), 41);
}

/* The n-th call fails for n = 1, 2, 3 …: what add() said is durable is there after a reopen, and nothing is given twice. */
static void with_fault(enum sys_call call, int error)
{
	for (unsigned nth = 1; nth < 40; nth++) {
		struct names *n = NULL;
		uint32_t got[6] = { 0 };
		uint8_t type = V_F64;

		fresh();
		if (names_open(path, 1, 0, &n) < 0)
			abort();
		sys_fault_nth(call, nth, error);
		for (unsigned i = 0; i < 6; i++) {
			struct uuid p = point(i);

			if (names_add(n, 1, &p, &type, &got[i]) < 0)
				err_clear();
		}
		sys_restore();
		names_free(n);
		is_int(names_open(path, 1, 0, &n), 0);
		for (unsigned i = 0; i < 6; i++) {
			if (got[i])
				is_int(add(n, i, V_F64), got[i]);
			for (unsigned j = 0; j < i; j++)
				ok(!got[i] || got[i] != got[j]);
		}
		names_free(n);
	}
}

TEST(a_list_that_memory_had_no_room_for_is_missing_until_the_next_start)
{
	unsigned failed = 0;

	for (unsigned nth = 1; nth < 30; nth++) {
		struct names *n = NULL;
		uint32_t members[40], l = 0, got = 0;

		fresh();
		must(names_open(path, 1, 0, &n) == 0);
		for (unsigned i = 0; i < 40; i++)
			members[i] = add(n, i, V_F64);
		for (unsigned i = 1; i <= 16; i++)
			must(names_list(n, members, i, &l) == 0);
		sys_fault_nth(SYS_ANY_MEMORY, nth, ENOMEM);
		bool good = names_list(n, members, 40, &got) == 0;
		sys_restore();
		err_clear();
		failed += !good;
		if (good)
			is_int(got, 17);
		for (uint32_t i = 1; i <= 20; i++)
			if (names_list_get(n, i))
				is_int(names_list_get(n, i)->k, i <= 16 ? i : 40);
		n = names_free(n);
		must(names_open(path, 1, 0, &n) == 0);
		must(names_list(n, members, 40, &l) == 0);
		is_int(l, 17);
		names_free(n);
	}
	ok(failed > 2);
}

TEST(what_comes_together_shares_a_list_that_is_in_memory_alone)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint32_t set[8], number = 0;

	fresh();
	must(names_open(path, 1, 0, &n) == 0);
	for (unsigned i = 0; i < 8; i++)
		set[i] = add(n, i, V_F64);
	uint64_t before = size_of();
	struct list *l = names_share(n, set, 8);
	ok(l && l->k == 8 && names_list_get(n, l->number) == l && names_share(n, set, 8) == l);
	is_bytes(l->series, set, sizeof(set));
	is_int(names_series(n, set[7])->members->item[0].index, 7);
	is_int(size_of(), before);
	/* Asked for by its content, it is written, and its number holds. */
	is_int(names_list(n, set, 8, &number), 0);
	is_int(number, l->number);
	ok(size_of() > before);
	n = names_free(n);
	must(names_open(path, 1, 0, &n) == 0);
	is_int(names_list_count(n), 1);
	ok(names_share(n, set, 8) == names_list_get(n, number));
}

/* A dictionary that is written anew, because a write failed, holds what was in it and no more. */
TEST(a_list_in_memory_alone_never_comes_into_the_file)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint32_t set[8], number = 0;

	fresh();
	must(names_open(path, 1, 0, &n) == 0);
	for (unsigned i = 0; i < 8; i++)
		set[i] = add(n, i, V_F64);
	must(names_share(n, set, 4) && names_list(n, set + 4, 4, &number) == 0);
	is_int(number, 2);
	struct uuid p = point(9);
	sys_fault_nth(SYS_FDATASYNC, 1, EIO);
	ok(names_add(n, 1, &p, &(uint8_t) { V_F64 }, &number) < 0);
	sys_restore();
	err_clear();
	add(n, 9, V_F64);
	n = names_free(n);
	must(names_open(path, 1, 0, &n) == 0);
	ok(names_list_get(n, 1) == NULL);
	is_int(names_list_get(n, 2)->k, 4);
}

TEST(a_set_that_overlaps_others_shares_a_list_when_it_comes_again_and_not_without_end)
{
	_cleanup_(names_freep) struct names *n = NULL;
	uint32_t set[40], twice[4], strange[4] = { 1, 2, 3, 4711 };

	fresh();
	must(names_open(path, 1, 0, &n) == 0);
	for (unsigned i = 0; i < 40; i++)
		set[i] = add(n, i, V_F64);
	memcpy(twice, set, sizeof(twice));
	twice[3] = twice[1];
	ok(!names_share(n, set, SHARED_MIN - 1) && !names_share(n, twice, 4) && !names_share(n, strange, 4));
	is_int(names_list_count(n), 0);
	ok(names_share(n, set, 40));
	for (unsigned k = 39; k > 40 - SHARED_LISTS_MAX; k--) {
		ok(!names_share(n, set, k));
		ok(names_share(n, set, k));
	}
	ok(!names_share(n, set, 20) && !names_share(n, set, 20));
	is_int(names_list_count(n), SHARED_LISTS_MAX);
}

TEST(without_memory_for_a_list_there_is_none)
{
	unsigned none = 0;

	for (unsigned nth = 1; nth < 60; nth++) {
		_cleanup_(names_freep) struct names *n = NULL;
		uint32_t set[40];

		fresh();
		must(names_open(path, 1, 0, &n) == 0);
		for (unsigned i = 0; i < 40; i++)
			set[i] = add(n, i, V_F64);
		sys_fault_nth(SYS_ANY_MEMORY, nth, ENOMEM);
		struct list *l = names_share(n, set, 40);
		sys_restore();
		none += !l;
		ok(err_peek()->kind == ERR_NONE);
		ok(names_share(n, set, 40) || names_share(n, set, 40));
		is_int(names_list_count(n), 1);
	}
	ok(none > 40);
}

TEST(a_failing_write_costs_no_number_that_was_promised) { with_fault(SYS_WRITE, ENOSPC); }
TEST(a_failing_sync_costs_no_number_that_was_promised) { with_fault(SYS_FDATASYNC, EIO); }
TEST(a_failing_allocation_costs_no_number_that_was_promised) { with_fault(SYS_ANY_MEMORY, ENOMEM); }
