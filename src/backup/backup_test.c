/* Tests of backup.h. Peer: GNU tar and sha256sum in test/e2e/test_backup.py; here damage, faults, names that lead elsewhere. */
#include "backup/backup.h"

#include <errno.h>
#include <string.h>

#include "backup/tar.h"
#include "base/str.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tap.h"

static char folder[64], data[100], file[100], to[100];

/* A data folder without a store: what is copied is copied alike. */
static bool begin(void)
{
	struct buf b = BUF_FIXED(folder);

	folder[0] = 0;
	return dir_temp("/tmp", "backup", &b) == 0 && path_join(data, sizeof(data), folder, "data") && path_join(file, sizeof(file), folder, "b.tar") &&
		path_join(to, sizeof(to), folder, "to");
}

static void end(void) { dir_remove(folder); }

TEST(a_header_reads_back_and_every_changed_byte_is_found)
{
	static const char deep[] = "tenants/1/ts/2026/01/31/this-is-a-folder-with-a-rather-long-name-so-that-the-name-is-split/0000000000000001.parquet";
	static const uint64_t sizes[] = { 0, 1, 511, 512, 0777777777777, 8ULL << 30, 1ULL << 50 };
	struct tar_entry got, e = { .mode = 0640, .time_s = 1700000000 };
	uint8_t block[TAR_BLOCK];

	for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
		memcpy(e.name, i & 1 ? deep : "VERSION", i & 1 ? sizeof(deep) : 8);
		e.size = sizes[i];
		ok(tar_encode(&e, block));
		is_int(tar_decode(block, &got), 0);
		is_str(got.name, e.name);
		ok(got.size == e.size && got.mode == 0640 && got.time_s == e.time_s && !got.end);
		for (size_t k = 0; k < TAR_BLOCK; k++) {
			block[k] ^= 1;
			/* But for bytes behind the sum's digits and the padding of numbers nothing passes. */
			if (tar_decode(block, &got) == 0 && !(k >= 148 && k < 156))
				tap_fail_("byte %zu", k);
			block[k] ^= 1;
		}
	}
	memset(e.name, 'x', sizeof(e.name) - 1);
	e.name[sizeof(e.name) - 1] = 0;
	ok(!tar_encode(&e, block));
	memset(block, 0, sizeof(block));
	is_int(tar_decode(block, &got), 0);
	ok(got.end);
	err_clear();
}

TEST(a_name_that_leads_elsewhere_is_not_safe)
{
	static const char *const safe[] = { "VERSION", "wal/0000.wal", "a/b/c", "a..b", "a/.hidden", "..." }, *const not[] = { "", "/etc/passwd", "../x",
		"a/../b", "a//b", "a/", ".", "..", "a/.", "a/..", "a b", "a\nb", "a\\b", "a:b", "中" };

	for (size_t i = 0; i < ELEMENTSOF(safe); i++)
		ok(tar_is_safe(safe[i]));
	for (size_t i = 0; i < ELEMENTSOF(not); i++)
		ok(!tar_is_safe(not[i]));
}

/* An archive of these entries with right sums of nothing. */
struct part { const char *name, *body; };

static void write_archive(const struct part *parts, size_t n)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	for (size_t i = 0; i < n; i++) {
		struct tar_entry e = { .size = str_len(parts[i].body), .mode = 0600 };
		uint8_t block[TAR_BLOCK];

		memcpy(e.name, parts[i].name, str_len(parts[i].name));
		if (!tar_encode(&e, block))
			tap_fail_("%s", e.name);
		buf_addn(&b, block, sizeof(block));
		buf_addn(&b, parts[i].body, e.size);
		memset(block, 0, sizeof(block));
		buf_addn(&b, block, (size_t) tar_padding(e.size));
	}
	static const uint8_t zeros[2 * TAR_BLOCK];

	buf_addn(&b, zeros, sizeof(zeros));
	file_write(file, b.data, b.len, 0600);
	buf_done(&b);
}

static int restored(void)
{
	struct backup_report report;

	return backup_restore(&(struct restore_config) { .from = file, .data = to }, &report);
}

TEST(what_is_no_backup_is_refused_and_leaves_nothing)
{
	static const struct { struct part parts[3]; const char *detail; int kind; } rows[] = {
		{ { { "BACKUP", "tenon backup 1\n" }, { "../../evil", "x" }, { "SHA256SUMS", "" } }, "@backup_name", ERR_CORRUPT },
		{ { { "BACKUP", "tenon backup 1\n" }, { "etc/passwd", "x" }, { "SHA256SUMS", "" } }, "@backup_name", ERR_CORRUPT },
		{ { { "BACKUP", "tenon backup 1\n" }, { "VERSION", "1\n" }, { "SHA256SUMS", "" } }, "@backup_sum", ERR_CORRUPT },
		{ { { "BACKUP", "tenon backup 1\n" }, { "VERSION", "1\n" }, { "wal/x", "" } }, "@backup_short", ERR_CORRUPT },
		{ { { "BACKUP", "somebody's backup\n" }, { "VERSION", "1\n" }, { "SHA256SUMS", "" } }, "@backup_none", ERR_CORRUPT },
		{ { { "VERSION", "1\n" }, { "BACKUP", "tenon backup 1\n" }, { "SHA256SUMS", "" } }, "@backup_none", ERR_CORRUPT },
		{ { { "BACKUP", "tenon backup 2\n" }, { "VERSION", "1\n" }, { "SHA256SUMS", "" } }, NULL, ERR_NEWER },
	};

	must(begin());
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		write_archive(rows[i].parts, 3);
		is_int(restored(), -rows[i].kind);
		if (rows[i].detail)
			is_str(err_arg(err_peek(), "detail"), rows[i].detail);
		ok(!file_exists(to));
	}
	file_write(file, "no tar", 6, 0600);
	is_int(restored(), -ERR_CORRUPT);
	is_int(dir_make(to, 0700), 0);
	is_int(file_write(file, "", 0, 0600), 0);
	is_int(restored(), -ERR_CORRUPT);               /* the folder is empty: there was room */
	char inside[200];
	must(path_join(inside, sizeof(inside), to, "something"));
	is_int(file_write(inside, "x", 1, 0600), 0);
	is_int(restored(), -ERR_EXISTS);
	ok(file_exists(inside));
	err_clear();
	end();
}

TEST(where_no_platform_was_nothing_is_saved)
{
	struct backup_report report;

	must(begin());
	is_int(backup_make(&(struct backup_config) { .data = data, .to = file }, &report), -ERR_MISSING);
	ok(!file_exists(data) && !file_exists(file));
	err_clear();
	end();
}

/* A platform that was started once and never used. */
static bool make_data(void)
{
	static const char *const folders[] = { "wal", "tenants", "system", "tmp", "run" };
	struct store_config c = { .nouns = NULL };
	struct store *s = NULL;
	char path[200];
	bool done = true;

	for (size_t i = 0; done && i < ELEMENTSOF(folders); i++)
		done = path_join(path, sizeof(path), data, folders[i]) && dir_make(path, 0700) == 0;
	if (done && path_join(path, sizeof(path), data, "VERSION"))
		done = file_write(path, "1\n", 2, 0600) == 0;
	if (done && path_join(path, sizeof(path), data, "system/store.db"))
		c.path = path;
	done = done && store_open(&s, &c) == 0;
	store_close(s);
	return done;
}

static int count_name(void *ctx, const char *name)
{
	++*(int *) ctx;
	return 0;
}

static int names_in(const char *dir)
{
	int n = 0;

	return dir_each(dir, count_name, &n) < 0 ? -1 : n;
}

TEST(a_disk_that_fills_up_while_it_is_written_leaves_nothing_behind)
{
	static const enum sys_call calls[] = { SYS_WRITE, SYS_FSYNC, SYS_RENAME };
	struct backup_config c = { .data = data, .to = file, .version = "1.2.3" };
	struct backup_report report;
	char tmp[200];

	must(begin() && make_data() && path_join(tmp, sizeof(tmp), data, "tmp"));
	for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
		int r = -ERR_FULL;

		for (uint64_t n = 1; r < 0 && n < 200; n++) {
			sys_fault_from(calls[i], n, ENOSPC);
			r = backup_make(&c, &report);
			bool hit = sys_fault_hit();
			sys_restore();
			if (r < 0) {
				is_int(r, -ERR_FULL);
				is_int(names_in(folder), 1);            /* the data folder */
				is_int(names_in(tmp), 0);
				ok(hit);
			}
		}
		is_int(r, 0);
		is_int(file_unlink(file), 0);
	}
	err_clear();
	end();
}

TEST(room_is_asked_for_before_the_first_byte)
{
	struct backup_config c = { .data = data, .to = file, .reserve = UINT64_MAX / 2 };
	struct backup_report report;

	must(begin() && make_data());
	is_int(backup_make(&c, &report), -ERR_NO_ROOM);
	is_int(names_in(folder), 1);
	err_clear();
	end();
}

TEST(a_check_finds_every_changed_byte_that_belongs_to_a_file)
{
	struct backup_report report, checked;
	struct buf b = BUF_INIT(&sys_heap, 4 << 20);
	static const char *const names[] = { "BACKUP", "VERSION", "SQLite format 3" };

	must(begin() && make_data());
	must(backup_make(&(struct backup_config) { .data = data, .to = file, .version = "1.2.3" }, &report) == 0);
	is_int(backup_verify(file, NULL, &checked), 0);
	is_str(checked.sha256, report.sha256);
	is_str(checked.version, "1.2.3");
	ok(checked.files == report.files && checked.bytes == report.bytes && !checked.keys);
	must(file_read(file, 4 << 20, &b) == 0);
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		const char *at = memmem(b.data, b.len, names[i], str_len(names[i]));
		size_t byte;

		must(at != NULL);
		byte = (size_t) (at - b.data) + (i < 2 ? 512 : 30);    /* a file's first; one in the middle of the records */
		b.data[byte] ^= 1;
		must(file_write(file, b.data, b.len, 0600) == 0);
		is_int(backup_verify(file, NULL, &checked), -ERR_CORRUPT);
		b.data[byte] ^= 1;
	}
	must(file_write(file, b.data, b.len - 2048, 0600) == 0);
	is_int(backup_verify(file, NULL, &checked), -ERR_CORRUPT);
	is_int(names_in(folder), 2);
	buf_done(&b);
	err_clear();
	end();
}
