/* restore.c - the archive read and checked; from it to a folder that has its name only when everything in it was checked. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backup/impl.h"
#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"

enum { SUMS_BYTES = 64 << 20, FILES_MAX = 1 << 20 };

struct seen { const char *name; char sum[65]; };
struct reading {
	const struct restore_config *config;
	struct backup_report *report;
	const char *stage;              /* NULL: nothing is written */
	int fd;
	uint64_t at, size;
	struct digest *digest, *whole;  /* of the file under way; of the archive, NULL: nobody asks */
	struct arena arena;
	struct seen *seen;
	size_t n, room;
	char *bytes;                    /* PIECE */
	struct buf sealed, sums;        /* keys.sealed, SHA256SUMS */
	bool ended;
};

static int corrupt(const char *detail) { return err_fail(ERR_CORRUPT, "what", "@backup", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "@backup", NULL); }

static int take_bytes(struct reading *r, void *to, size_t n)
{
	int e = r->at + n > r->size ? corrupt("@backup_short") : file_pread_all(r->fd, to, n, (int64_t) r->at);

	if (e == 0 && r->whole)
		digest_add(r->whole, to, n);
	r->at += n;
	return e;
}

/* Bytes that mean nothing; who wants the sum of the archive reads them, too. */
static int pass_over(struct reading *r, uint64_t n)
{
	int e = 0;

	if (!r->whole)
		r->at += n;
	for (uint64_t piece; r->whole && e == 0 && n; n -= piece) {
		piece = MIN(n, (uint64_t) PIECE);
		e = take_bytes(r, r->bytes, (size_t) piece);
	}
	return e;
}

static int remember(struct reading *r, const char *name)
{
	if (r->n == r->room) {
		size_t room = r->room ? r->room * 2 : 256;
		struct seen *more = room <= FILES_MAX ? sys_resize(r->seen, room * sizeof(*more)) : NULL;

		if (!more)
			return no_memory();
		r->seen = more;
		r->room = room;
	}
	r->seen[r->n].name = arena_str(&r->arena, name);
	digest_text(r->digest, r->seen[r->n].sum);
	return r->seen[r->n++].name ? 0 : no_memory();
}

/* The bytes of an entry: into a buffer, or into a descriptor. */
static int take_body(struct reading *r, const struct tar_entry *e, struct buf *out, int fd)
{
	int result = 0;

	for (uint64_t left = e->size; result == 0 && left;) {
		size_t n = (size_t) MIN(left, (uint64_t) PIECE);

		if (backup_is_cancelled(&r->config->progress))
			return err_fail(ERR_CANCELLED, "what", "@backup", NULL);
		result = take_bytes(r, r->bytes, n);
		if (result < 0)
			return result;
		digest_add(r->digest, r->bytes, n);
		if (out)
			buf_addn(out, r->bytes, n);
		else if (fd >= 0)
			result = file_write_all(fd, r->bytes, n);
		left -= n;
		backup_tell(&r->config->progress, r->at, r->size);
	}
	if (result == 0 && out && out->failed)
		return out->len ? corrupt("@backup_no_file") : no_memory();
	if (result == 0)
		result = pass_over(r, tar_padding(e->size));
	r->report->files++;
	r->report->bytes += e->size;
	return result < 0 ? result : remember(r, e->name);
}

static int make_parents(const struct reading *r, const char *name)
{
	char path[4096 + TAR_NAME];
	struct buf b = BUF_FIXED(path);
	size_t n;

	path[0] = 0;
	buf_addf(&b, "%.4000s/%s", r->stage, name);
	for (n = b.len; n && path[n] != '/'; n--)
		;
	path[n] = 0;
	return dir_make(path, 0750);
}

static int take_file(struct reading *r, const struct tar_entry *e)
{
	_cleanup_close_ int fd = -1;
	char path[4096 + TAR_NAME];
	struct buf b = BUF_FIXED(path);
	int result;

	if (!r->stage)
		return take_body(r, e, NULL, -1);
	result = make_parents(r, e->name);
	path[0] = 0;
	buf_addf(&b, "%.4000s/%s", r->stage, e->name);
	if (result == 0)
		result = file_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &fd);
	if (result == 0)
		result = take_body(r, e, NULL, fd);
	if (result == 0 && sys.fsync(fd) < 0)
		result = sys_fail(errno, "sync", path);
	return result == 0 ? dir_sync_parent(path) : result;
}

/* "version 1.2" in a line of its own. */
static void take_version(struct reading *r, const char *text)
{
	const char *from = str_find(text, "\nversion "), *end;
	struct buf b = BUF_FIXED(r->report->version);

	for (end = from ? from + 9 : text; *end && *end != '\n'; end++)
		;
	if (from)
		buf_addf(&b, "%.*s", (int) MIN(end - from - 9, (ptrdiff_t) 60), from + 9);
}

static int take_entry(struct reading *r, const struct tar_entry *e)
{
	static const char *const roots[] = { "VERSION", "wal/", "tenants/", "system/" };
	struct buf begin = BUF_INIT(&sys_heap, 4096);
	uint64_t form = 0;
	int result;

	if (!tar_is_safe(e->name))
		return corrupt("@backup_name");
	if (!r->n != str_eq(e->name, "BACKUP"))
		return corrupt("@backup_none");
	if (str_eq(e->name, "BACKUP")) {
		result = take_body(r, e, &begin, -1);
		if (result == 0 && (!str_starts(begin.data, "tenon backup ") || !num_parse_u64(begin.data + 13, begin.data + begin.len, &form)))
			result = corrupt("@backup_none");
		if (result == 0 && form > BACKUP_FORM)
			result = err_fail(ERR_NEWER, "what", "@backup", "value", arena_fmt(&r->arena, "%llu", (unsigned long long) form), "want", "1", NULL);
		if (result == 0)
			take_version(r, begin.data);
		buf_done(&begin);
		return result;
	}
	if (str_eq(e->name, "SHA256SUMS")) {
		r->ended = true;
		return take_body(r, e, &r->sums, -1);
	}
	if (r->ended)
		return corrupt("@backup_no_file");
	if (str_eq(e->name, "keys.sealed"))
		return take_body(r, e, &r->sealed, -1);
	for (size_t i = 0; i < ELEMENTSOF(roots); i++)
		if (str_ends(roots[i], "/") ? str_starts(e->name, roots[i]) : str_eq(e->name, roots[i]))
			return take_file(r, e);
	return corrupt("@backup_name");
}

static int take_all(struct reading *r)
{
	for (;;) {
		uint8_t block[TAR_BLOCK];
		struct tar_entry e;
		int result = take_bytes(r, block, sizeof(block));

		if (result == 0)
			result = tar_decode(block, &e);
		if (result < 0 || e.end)
			return result < 0 ? result : r->ended ? 0 : corrupt("@backup_short");
		result = take_entry(r, &e);
		if (result < 0)
			return result;
	}
}

/* SHA256SUMS lists exactly what came, in order. */
static int check_sums(struct reading *r)
{
	const char *p = r->sums.data;

	for (size_t i = 0; i + 1 < r->n; i++) {
		size_t n = str_len(r->seen[i].name);

		if (!str_starts(p, r->seen[i].sum) || p[64] != ' ' || p[65] != ' ' || !str_starts(p + 66, r->seen[i].name) || p[66 + n] != '\n')
			return corrupt("@backup_sum");
		p += 66 + n + 1;
	}
	return *p ? corrupt("@backup_short") : 0;
}

static int put_keys(struct reading *r)
{
	struct buf plain = BUF_INIT(&sys_heap, KEYS_BYTES);
	char path[4200];
	int result;

	if (!r->sealed.len || str_empty(r->config->passphrase))
		return 0;
	result = guard_unseal(r->config->passphrase, r->sealed.data, r->sealed.len, &plain);
	if (result == 0 && path_join(path, sizeof(path), r->stage, "keys"))
		result = dir_make(path, 0700);
	for (size_t at = 0; result == 0 && at + TAR_BLOCK <= plain.len;) {
		struct tar_entry e;
		struct buf b = BUF_FIXED(path);

		result = tar_decode((const uint8_t *) plain.data + at, &e);
		at += TAR_BLOCK;
		if (result < 0 || e.end)
			break;
		if (!tar_is_safe(e.name) || str_find(e.name, "/") || e.size > plain.len - at) {
			result = corrupt("@backup_name");
			break;
		}
		buf_clear(&b);
		buf_addf(&b, "%.4000s/keys/%.90s", r->stage, e.name);
		result = file_write(path, plain.data + at, (size_t) e.size, 0600);
		at += (size_t) (e.size + tar_padding(e.size));
	}
	r->report->keys = result == 0;
	memset(plain.data, 0, plain.len);
	buf_done(&plain);
	return result;
}

static int read_archive(struct reading *r)
{
	int64_t size = 0;
	int result = file_size(r->config->from, &size);

	r->size = (uint64_t) size;
	if (result == 0)
		result = file_open(r->config->from, O_RDONLY, 0, &r->fd);
	if (result == 0)
		result = take_all(r);
	if (result == 0)
		result = check_sums(r);
	if (result == 0 && !r->stage)
		r->report->keys = r->sealed.len > 0;
	return result == 0 && r->stage ? put_keys(r) : result;
}

static int reading_begin(struct reading *r)
{
	r->fd = -1;
	r->sealed = BUF_INIT(&sys_heap, KEYS_BYTES + 512);
	r->sums = BUF_INIT(&sys_heap, SUMS_BYTES);
	arena_init(&r->arena, &sys_heap, 0);
	r->digest = digest_new();
	r->bytes = sys_alloc(PIECE);
	return r->digest && r->bytes ? 0 : no_memory();
}

static void reading_end(struct reading *r)
{
	if (r->fd >= 0)
		sys.close(r->fd);
	digest_free(r->digest);
	digest_free(r->whole);
	buf_done(&r->sealed);
	buf_done(&r->sums);
	sys_free(r->seen);
	sys_free(r->bytes);
	arena_done(&r->arena);
}

int backup_verify(const char *file, const struct backup_progress *progress, struct backup_report *ret)
{
	struct restore_config config = { .from = file };
	struct backup_report report = { 0 };
	struct reading r = { .config = &config, .report = &report };
	struct buf name = BUF_FIXED(report.file);
	int result = reading_begin(&r);

	if (progress)
		config.progress = *progress;
	r.whole = digest_new();
	if (result == 0 && !r.whole)
		result = no_memory();
	if (result == 0)
		result = read_archive(&r);
	if (result == 0 && r.at < r.size)
		result = pass_over(&r, r.size - r.at);
	if (result == 0) {
		digest_text(r.whole, report.sha256);
		buf_add(&name, file);
		*ret = report;
	}
	reading_end(&r);
	return result;
}

static int count_name(void *ctx, const char *name) { return 1; }

/* -ERR_EXISTS unless there is nothing, or an empty folder, whose place is taken. */
static int has_room(const char *data)
{
	int r;

	if (!file_exists(data))
		return 0;
	r = dir_each(data, count_name, NULL);
	return r == 1 ? err_fail(ERR_EXISTS, "what", "@data_folder", "field", "@path", "value", data, NULL) : r;
}

static int stage_beside(const char *data, struct buf *ret)
{
	char parent[4096];
	size_t n = str_len(data);

	while (n > 1 && data[n - 1] == '/')
		n--;
	while (n && data[n - 1] != '/')
		n--;
	if (n >= sizeof(parent))
		return err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	memcpy(parent, n ? data : ".", n ? n : 1);
	parent[n ? n : 1] = 0;
	return dir_temp(parent, "tenon-restore", ret);
}

int backup_restore(const struct restore_config *c, struct backup_report *ret)
{
	struct backup_report report = { 0 };
	char stage[4200];
	struct buf b = BUF_FIXED(stage), file = BUF_FIXED(report.file);
	struct reading r = { .config = c, .report = &report, .stage = stage };
	int result = reading_begin(&r);

	stage[0] = 0;
	if (result == 0)
		result = has_room(c->data);
	if (result == 0)
		result = stage_beside(c->data, &b);
	if (result == 0)
		result = read_archive(&r);
	if (result == 0)
		result = file_rename(stage, c->data);
	if (result < 0 && stage[0]) {
		struct err e = err_take(result);

		if (dir_remove(stage) < 0)
			err_clear();
		err_put(&e);
	}
	reading_end(&r);
	if (result < 0)
		return result;
	buf_add(&file, c->data);
	*ret = report;
	return 0;
}
