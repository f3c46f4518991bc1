/* manifest.c - reading and replacing the manifest. */
#include "tsdb/manifest.h"

#include "base/cur.h"
#include "base/err.h"
#include "base/when.h"
#include "sys/sys.h"
#include "tsdb/crc32.h"
#include "tsdb/tsdb.h"

/* Version 1 knew no merged files: there a file's rank is its number. */
enum { VERSION = 2, HEAD = 40, ENTRY_V1 = 64, ENTRY = 80, FILES_MAX = 1 << 22 };

static int damaged(const char *path, const char *detail) { return err_fail(ERR_CORRUPT, "what", path, "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "manifest", NULL); }

static void read_entry(struct cur *c, uint32_t version, struct file_info *f)
{
	f->number = cur_le64(c);
	f->day = (int32_t) cur_le32(c);
	f->level = (int32_t) cur_le32(c);
	f->rows = cur_le64(c);
	f->bytes = cur_le64(c);
	f->t_min = (int64_t) cur_le64(c);
	f->t_max = (int64_t) cur_le64(c);
	f->series_min = cur_le32(c);
	f->series_max = cur_le32(c);
	f->rank = cur_le64(c);
	if (version == 1) {
		f->rank = f->number;
		return;
	}
	f->written_ns = (int64_t) cur_le64(c);
	cur_le64(c);
}

static bool is_right(const struct file_info *f, const struct manifest *m)
{
	return f->number && f->number < m->next && f->rank && f->rank <= f->number && f->level >= 0 && f->level < LEVELS && f->t_min <= f->t_max &&
		f->bytes <= INT64_MAX;
}

static int parse(const char *path, uint32_t tenant, const uint8_t *bytes, size_t len, struct manifest *ret)
{
	struct cur c = cur_of(bytes, len);
	const uint8_t *magic = cur_take(&c, 4);
	uint32_t version = cur_le32(&c), crc = cur_le32(&c), of = cur_le32(&c);
	uint64_t covered = cur_le64(&c), next = cur_le64(&c), n = cur_le64(&c);
	struct manifest m = { .covered = covered, .next = next };

	if (c.bad || memcmp(magic, "TNMF", 4) != 0)
		return damaged(path, "its head is not one");
	if (version > VERSION)
		return err_fail(ERR_NEWER, "what", path, "value", "3 or later", "want", "2", NULL);
	if (n > FILES_MAX || n * (version == 1 ? ENTRY_V1 : ENTRY) != cur_left(&c) || crc != crc32_of(bytes + 12, len - 12))
		return damaged(path, "its checksum is wrong");
	if (of != tenant)
		return damaged(path, "it belongs to another tenant");
	m.file = sys_alloc_array(n + 1, sizeof(*m.file));
	if (!m.file)
		return no_memory();
	for (m.n = 0; m.n < n; m.n++) {
		struct file_info *f = &m.file[m.n];

		read_entry(&c, version, f);
		if (!is_right(f, &m) || (m.n && f->number <= f[-1].number)) {
			manifest_done(&m);
			return damaged(path, "an entry is not right");
		}
	}
	*ret = m;
	return 0;
}

int manifest_read(const char *path, uint32_t tenant, struct manifest *ret)
{
	struct buf b = BUF_INIT(&sys_heap, (size_t) FILES_MAX * ENTRY + (1 << 20));
	int r = file_read(path, (size_t) FILES_MAX * ENTRY + HEAD, &b);

	if (r == 0)
		r = parse(path, tenant, (const uint8_t *) b.data, b.len, ret);
	buf_done(&b);
	return r;
}

int manifest_file(const struct file_info *f, tsdb_file_fn on_file, void *ctx)
{
	unsigned month, of_month;
	char base[64];
	struct buf b = BUF_FIXED(base);
	int year;

	base[0] = 0;
	when_civil(f->day, &year, &month, &of_month);
	buf_addf(&b, "%04d/%02u/%02u/%010llu", year, month, of_month, (unsigned long long) f->number);
	return on_file(ctx, base);
}

int tsdb_manifest_files(const char *path, uint32_t tenant, tsdb_file_fn on_file, void *ctx)
{
	struct manifest m;
	int r = manifest_read(path, tenant, &m);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < m.n; i++)
		r = manifest_file(&m.file[i], on_file, ctx);
	manifest_done(&m);
	return MIN(r, 0);
}

int manifest_write(const char *path, uint32_t tenant, const struct manifest *m)
{
	size_t len = HEAD + m->n * ENTRY;
	_cleanup_free_ uint8_t *bytes = sys_alloc(len);
	struct pen p = pen_of(bytes, len);

	if (!bytes)
		return no_memory();
	pen_bytes(&p, "TNMF", 4);
	pen_le32(&p, VERSION);
	pen_le32(&p, 0);
	pen_le32(&p, tenant);
	pen_le64(&p, m->covered);
	pen_le64(&p, m->next);
	pen_le64(&p, m->n);
	for (size_t i = 0; i < m->n; i++) {
		const struct file_info *f = &m->file[i];

		pen_le64(&p, f->number);
		pen_le32(&p, (uint32_t) f->day);
		pen_le32(&p, (uint32_t) f->level);
		pen_le64(&p, f->rows);
		pen_le64(&p, f->bytes);
		pen_le64(&p, (uint64_t) f->t_min);
		pen_le64(&p, (uint64_t) f->t_max);
		pen_le32(&p, f->series_min);
		pen_le32(&p, f->series_max);
		pen_le64(&p, f->rank);
		pen_le64(&p, (uint64_t) f->written_ns);
		pen_le64(&p, 0);
	}
	p = pen_of(bytes + 8, 4);
	pen_le32(&p, crc32_of(bytes + 12, len - 12));
	return file_write(path, bytes, len, 0640);
}

void manifest_done(struct manifest *m)
{
	sys_free(m->file);
	*m = (struct manifest) { 0 };
}
