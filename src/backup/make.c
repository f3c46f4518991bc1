/* make.c - the archive: what was collected, in order, with a digest of each. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/impl.h"
#include "base/str.h"
#include "base/when.h"
#include "sys/sys.h"

struct archive {
	const struct backup_config *config;
	struct backup_report *report;
	int fd;
	struct digest *digest, *whole;  /* of the file under way; of the archive */
	struct buf sums;                /* SHA256SUMS */
	int64_t now_s;
	uint64_t done, total;
};

bool backup_is_cancelled(const struct backup_progress *p) { return p->is_cancelled && p->is_cancelled(p->ctx); }
void backup_tell(const struct backup_progress *p, uint64_t done, uint64_t total)
{
	if (p->on)
		p->on(p->ctx, done, total);
}

static int put(struct archive *a, const void *bytes, size_t n)
{
	digest_add(a->whole, bytes, n);
	return file_write_all(a->fd, bytes, n);
}

static int put_head(struct archive *a, const char *name, uint64_t size)
{
	struct tar_entry e = { .size = size, .mode = 0600, .time_s = a->now_s };
	struct buf b = BUF_FIXED(e.name);
	uint8_t block[TAR_BLOCK];

	buf_add(&b, name);
	if (b.failed || !tar_encode(&e, block))
		return err_failf(ERR_BROKEN, "a name does not fit into an archive: %.200s", name);
	return put(a, block, sizeof(block));
}

static int put_tail(struct archive *a, const char *name, uint64_t size)
{
	static const uint8_t zeros[TAR_BLOCK];
	char sum[65];

	digest_text(a->digest, sum);
	buf_addf(&a->sums, "%s  %s\n", sum, name);
	a->report->files++;
	a->report->bytes += size;
	return put(a, zeros, (size_t) tar_padding(size));
}

static int put_bytes(struct archive *a, const char *name, const void *bytes, size_t n)
{
	int r = put_head(a, name, n);

	digest_add(a->digest, bytes, n);
	if (r == 0)
		r = put(a, bytes, n);
	return r < 0 ? r : put_tail(a, name, n);
}

static int put_file(struct archive *a, const struct pick *p)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *bytes = sys_alloc(PIECE);
	int r = bytes ? put_head(a, p->name, p->size) : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);

	if (r == 0)
		r = file_open(p->path, O_RDONLY, 0, &fd);
	for (uint64_t at = 0; r == 0 && at < p->size;) {
		size_t n = (size_t) MIN(p->size - at, (uint64_t) PIECE);

		if (backup_is_cancelled(&a->config->progress))
			return err_fail(ERR_CANCELLED, "what", "@backup", NULL);
		r = file_pread_all(fd, bytes, n, (int64_t) at);
		if (r == 0)
			r = put(a, bytes, n);
		digest_add(a->digest, bytes, n);
		at += n;
		a->done += n;
		backup_tell(&a->config->progress, a->done, a->total);
	}
	return r < 0 ? r : put_tail(a, p->name, p->size);
}

/* --- Keys ------------------------------------------------------------------------------------------------------------------ */

struct keys { const char *dir; struct buf *out; };

static int on_key(void *ctx, const char *name)
{
	static const uint8_t zeros[TAR_BLOCK];
	struct keys *k = ctx;
	struct tar_entry e = { .mode = 0600 };
	struct buf b = BUF_FIXED(e.name), bytes = BUF_INIT(&sys_heap, KEYS_BYTES);
	uint8_t block[TAR_BLOCK];
	char path[4096];
	struct stat st;
	int r = 0;

	if (!tar_is_safe(name) || !path_join(path, sizeof(path), k->dir, name) || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	r = file_read(path, KEYS_BYTES / 2, &bytes);
	if (r == 0) {
		buf_add(&b, name);
		e.size = bytes.len;
		if (tar_encode(&e, block)) {
			buf_addn(k->out, block, sizeof(block));
			buf_addn(k->out, bytes.data, bytes.len);
			buf_addn(k->out, zeros, (size_t) tar_padding(bytes.len));
		}
	}
	memset(bytes.data, 0, bytes.len);
	buf_done(&bytes);
	return r;
}

static int put_keys(struct archive *a)
{
	struct buf plain = BUF_INIT(&sys_heap, KEYS_BYTES), sealed = BUF_INIT(&sys_heap, KEYS_BYTES + 256);
	char dir[4096];
	struct keys k = { dir, &plain };
	int r = path_join(dir, sizeof(dir), a->config->data, "keys") ? dir_each(dir, on_key, &k) :
		err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);

	if (r == 0 && plain.failed)
		r = err_fail(ERR_NO_MEMORY, "what", "@keys", NULL);
	if (r == 0)
		r = guard_seal(a->config->passphrase, plain.data, plain.len, &sealed);
	if (r == 0)
		r = put_bytes(a, "keys.sealed", sealed.data, sealed.len);
	a->report->keys = r == 0;
	memset(plain.data, 0, plain.len);
	buf_done(&plain);
	buf_done(&sealed);
	return r;
}

/* --- The whole ------------------------------------------------------------------------------------------------------------- */

static int put_all(struct archive *a, const struct picks *picks)
{
	static const uint8_t zeros[2 * TAR_BLOCK];
	char text[200], when[WHEN_TEXT_MAX];
	struct buf b = BUF_FIXED(text);
	int r;

	text[0] = 0;
	when_format(when, a->now_s * NS_PER_S);
	buf_addf(&b, "tenon backup %d\nversion %s\ntime %s\n", BACKUP_FORM, a->config->version ? a->config->version : "", when);
	r = put_bytes(a, "BACKUP", text, b.len);
	for (size_t i = 0; r == 0 && i < picks->n; i++)
		r = put_file(a, &picks->item[i]);
	if (r == 0 && !str_empty(a->config->passphrase))
		r = put_keys(a);
	if (r == 0 && a->sums.failed)
		r = err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);
	if (r == 0) {
		struct buf sums = a->sums;

		a->sums = BUF_INIT(&sys_heap, 1 << 20);         /* its own line is in no list */
		r = put_bytes(a, "SHA256SUMS", sums.data, sums.len);
		buf_done(&sums);
	}
	if (r == 0)
		r = put(a, zeros, sizeof(zeros));
	if (r == 0 && sys.fsync(a->fd) < 0)
		r = sys_fail(errno, "sync", a->config->to);
	return r;
}

/* "TO" or "TO/tenon-20260131T080000Z.tar". */
static int name_file(const struct backup_config *c, int64_t now_s, struct backup_report *ret)
{
	struct buf b = BUF_FIXED(ret->file);
	char when[WHEN_TEXT_MAX];
	struct stat st;

	ret->file[0] = 0;
	if (stat(c->to, &st) == 0 && S_ISDIR(st.st_mode)) {
		when_format(when, now_s * NS_PER_S);
		buf_addf(&b, "%.4000s/tenon-", c->to);
		for (const char *p = when; *p; p++)
			if (*p != '-' && *p != ':')
				buf_addc(&b, *p);
		buf_add(&b, ".tar");
	} else
		buf_addf(&b, "%.4000s", c->to);
	return file_exists(ret->file) ? err_fail(ERR_EXISTS, "what", "@file", "field", "@path", "value", ret->file, NULL) : 0;
}

static void say_size(uint64_t bytes, struct buf *out)
{
	if (bytes < 10 << 20)
		buf_addf(out, "%llu KB", (unsigned long long) (bytes >> 10));
	else
		buf_addf(out, "%llu MB", (unsigned long long) (bytes >> 20));
}

/* Said before the disk is full, not when: what else writes there would suffer, too. */
static int has_room(const struct backup_config *c, const struct picks *picks, const char *file)
{
	enum { A_FILE = 2 * TAR_BLOCK + 400, KEYS = 2 << 20 };          /* its header, padding, line of SHA256SUMS */
	uint64_t need = picks->bytes + picks->n * A_FILE + KEYS + c->reserve, room, total;
	char folder[4096], want[40], left[40];
	struct buf w = BUF_FIXED(want), l = BUF_FIXED(left);
	size_t n = (size_t) (path_name(file) - file);
	int r;

	memcpy(folder, n ? file : ".", n ? n : 1);
	folder[n ? n : 1] = 0;
	r = dir_free(folder, &room, &total);
	if (r < 0 || room >= need)
		return r;
	buf_clear(&w);
	buf_clear(&l);
	say_size(need, &w);
	say_size(room, &l);
	return err_fail(ERR_NO_ROOM, "what", "@backup", "want", want, "value", left, NULL);
}

/* The folder may be one where others write, too: nothing that lies there already is written into, nor what a link names; two backups at
 * once have a part each. */
static int write_archive(struct archive *a, const struct picks *picks)
{
	char part[4200];
	struct buf b = BUF_FIXED(part);
	int r;

	part[0] = 0;
	buf_addf(&b, "%s.%ld.part", a->report->file, (long) getpid());
	if (file_unlink(part) < 0)              /* of a process of that number that died */
		err_clear();
	r = file_open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &a->fd);
	if (r < 0)
		return r;
	r = put_all(a, picks);
	sys.close(a->fd);
	if (r == 0)
		r = file_rename(part, a->report->file);
	if (r < 0) {
		struct err e = err_take(r);

		/* Renamed, but the folder could not be synced: it has its name already, and might not have it after a power cut. */
		if (file_unlink(file_exists(part) ? part : a->report->file) < 0)
			err_clear();
		err_put(&e);
	}
	return r;
}

static int make(const struct backup_config *c, const char *stage, struct backup_report *report)
{
	struct archive a = { .config = c, .report = report, .digest = digest_new(), .whole = digest_new(), .sums = BUF_INIT(&sys_heap, 64 << 20),
		.now_s = clock_now_ns() / NS_PER_S };
	struct arena arena;
	struct picks picks = { .arena = &arena };
	int r = a.digest && a.whole ? name_file(c, a.now_s, report) : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);

	arena_init(&arena, &sys_heap, 0);
	if (r == 0)
		r = backup_collect(c->data, stage, &picks);
	a.total = picks.bytes;
	if (r == 0)
		r = has_room(c, &picks, report->file);
	if (r == 0)
		r = write_archive(&a, &picks);
	if (r == 0) {
		struct buf version = BUF_FIXED(report->version);

		digest_text(a.whole, report->sha256);
		buf_addf(&version, "%.60s", c->version ? c->version : "");
	}
	sys_free(picks.item);
	arena_done(&arena);
	buf_done(&a.sums);
	digest_free(a.digest);
	digest_free(a.whole);
	return r;
}

/* For `tenon doctor`. A backup without the note is a backup, too. */
static void note(const char *data, const char *file)
{
	char path[4096], when[WHEN_TEXT_MAX], line[PATH_MAX + 64] = "", whole[PATH_MAX];
	struct buf b = BUF_FIXED(line);

	when_format(when, clock_now_ns() / NS_PER_S * NS_PER_S);
	buf_addf(&b, "%s %s\n", when, realpath(file, whole) ? whole : file);
	if (path_join(path, sizeof(path), data, "run/last-backup"))
		file_write(path, line, b.len, 0644);
	err_clear();
}

int backup_possible(const char *data)
{
	char path[4096];

	if (!path_join(path, sizeof(path), data, "VERSION"))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	if (!file_exists(path))
		return err_fail(ERR_MISSING, "what", "@data_folder", "value", data, NULL);
	/* What still lies in files is what was before the move. */
	if (path_join(path, sizeof(path), data, "STORE") && file_exists(path))
		return err_fail(ERR_UNSUPPORTED, "what", "@backup", "value", "PostgreSQL", "words", "pg_dump", NULL);
	return 0;
}

int backup_make(const struct backup_config *c, struct backup_report *ret)
{
	struct backup_report report = { 0 };
	char tmp[4096], stage[4200];
	struct buf b = BUF_FIXED(stage);
	int r = backup_possible(c->data);

	stage[0] = 0;
	if (r == 0 && !path_join(tmp, sizeof(tmp), c->data, "tmp"))
		r = err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	if (r == 0)
		r = dir_temp(tmp, "backup", &b);
	if (r == 0)
		r = make(c, stage, &report);
	if (stage[0]) {
		struct err e = r < 0 ? err_take(r) : (struct err) { 0 };

		if (dir_remove(stage) < 0)
			err_clear();
		err_put(&e);
	}
	if (r == 0) {
		note(c->data, report.file);
		*ret = report;
	}
	return r;
}
