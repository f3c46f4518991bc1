/* manifest.c - reading and replacing the manifest. */
#include "tsdb/manifest.h"

#include "base/cur.h"
#include "base/err.h"
#include "base/when.h"
#include "parquet/parquet.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

/* Version 1 knew no merged files: there a file's rank is its number. Version 2 knew no tombs, and one folder. */
enum { VERSION = 3, HEAD = 56, ENTRY_V1 = 64, ENTRY_V2 = 80, ENTRY = 96, TOMB = 48, FILES_MAX = 1 << 22 };

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
	f->parts = PART_RAW;
	if (version == 1) {
		f->rank = f->number;
		return;
	}
	f->written_ns = (int64_t) cur_le64(c);
	uint64_t place = cur_le64(c);
	if (version == 2)
		return;
	f->folder = (uint8_t) place;
	f->parts = (uint8_t) (place >> 8);
	f->tombs = cur_le64(c);
	cur_le64(c);
}

static void read_tomb(struct cur *c, struct tomb *d)
{
	d->series = cur_le32(c);
	cur_le32(c);
	d->from_ns = (int64_t) cur_le64(c);
	d->to_ns = (int64_t) cur_le64(c);
	d->rank = cur_le64(c);
	d->serial = cur_le64(c);
	d->made_ns = (int64_t) cur_le64(c);
}

static bool is_right(const struct file_info *f, const struct manifest *m)
{
	return f->number && f->number < m->next && f->rank && f->rank <= f->number && f->level >= 0 && f->level < LEVELS && f->t_min <= f->t_max &&
		f->bytes <= INT64_MAX && f->folder < FOLDERS && f->parts && f->parts <= PARTS_ALL && f->tombs < m->next_tomb;
}

static int read_tombs(struct cur *c, const char *path, uint64_t n, struct manifest *m)
{
	m->tombs = n ? tombs_new(n) : NULL;
	if (n && !m->tombs)
		return no_memory();
	for (uint64_t i = 0; i < n; i++) {
		struct tomb *d = &m->tombs->tomb[m->tombs->n++];

		read_tomb(c, d);
		if (!d->series || !d->rank || d->rank >= m->next || !d->serial || d->serial >= m->next_tomb)
			return damaged(path, "a tomb is not right");
	}
	return tombs_are_right(m->tombs) ? 0 : damaged(path, "its tombs are not in order");
}

struct head { uint32_t version, crc, tenant; uint64_t n, n_tombs; };

static bool fits(const struct head *h, size_t left)
{
	size_t entry = h->version == 1 ? ENTRY_V1 : h->version == 2 ? ENTRY_V2 : ENTRY;

	return h->n <= FILES_MAX && h->n_tombs <= TOMBS_MAX && h->n * entry + h->n_tombs * TOMB == left;
}

static int entries(struct cur *c, const char *path, const struct head *h, struct manifest *m)
{
	m->file = sys_alloc_array(h->n + 1, sizeof(*m->file));
	if (!m->file)
		return no_memory();
	for (m->n = 0; m->n < h->n; m->n++) {
		struct file_info *f = &m->file[m->n];

		read_entry(c, h->version, f);
		if (!is_right(f, m) || (m->n && f->number <= f[-1].number))
			return damaged(path, "an entry is not right");
	}
	return read_tombs(c, path, h->n_tombs, m);
}

/* A wrong byte in the version is no reason not to start: the checksum of later versions covers it, that of versions 1 to 3 begins behind it. */
static bool is_later(const uint8_t *bytes, size_t len, uint32_t crc) { return crc == crc32_more(crc32_of(bytes + 4, 4), bytes + 12, len - 12); }

static int parse(const char *path, uint32_t tenant, const uint8_t *bytes, size_t len, struct manifest *ret)
{
	struct cur c = cur_of(bytes, len);
	const uint8_t *magic = cur_take(&c, 4);
	struct head h = { 0 };
	struct manifest m = { .next_tomb = 1 };

	h.version = cur_le32(&c);
	h.crc = cur_le32(&c);
	h.tenant = cur_le32(&c);
	m.covered = cur_le64(&c);
	m.next = cur_le64(&c);
	h.n = cur_le64(&c);
	if (c.bad || memcmp(magic, "TNMF", 4) != 0)
		return damaged(path, "its head is not one");
	if (h.version > VERSION && !is_later(bytes, len, h.crc))
		return damaged(path, "its head is not one");
	if (h.version > VERSION)
		return err_fail(ERR_NEWER, "what", path, "value", "4 or later", "want", "3", NULL);
	if (h.version == VERSION) {
		m.next_tomb = cur_le64(&c);
		h.n_tombs = cur_le64(&c);
	}
	if (c.bad || !fits(&h, cur_left(&c)) || h.crc != crc32_of(bytes + 12, len - 12))
		return damaged(path, "its checksum is wrong");
	if (h.tenant != tenant)
		return damaged(path, "it belongs to another tenant");
	int r = entries(&c, path, &h, &m);
	if (r < 0) {
		manifest_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

int manifest_read(const char *path, uint32_t tenant, struct manifest *ret)
{
	const size_t most = HEAD + (size_t) FILES_MAX * ENTRY + (size_t) TOMBS_MAX * TOMB;
	struct buf b = BUF_INIT(&sys_heap, most + (1 << 20));
	int r = file_read(path, most, &b);

	if (r == 0)
		r = parse(path, tenant, (const uint8_t *) b.data, b.len, ret);
	buf_done(&b);
	return r;
}

void manifest_base(const struct file_info *f, struct buf *out)
{
	unsigned month, of_month;
	int year;

	when_civil(f->day, &year, &month, &of_month);
	buf_addf(out, "%04d/%02u/%02u/%010llu", year, month, of_month, (unsigned long long) f->number);
}

int manifest_file(const struct file_info *f, tsdb_file_fn on_file, void *ctx)
{
	char base[64];
	struct buf b = BUF_FIXED(base);

	base[0] = 0;
	manifest_base(f, &b);
	return on_file(ctx, base);
}

int manifest_names(const struct file_info *f, tsdb_file_fn on_file, void *ctx)
{
	static const struct { uint8_t part; const char *suffix; } parts[] = { { PART_RAW, "" }, { PART_MINUTES, ".1m" }, { PART_HOURS, ".1h" } };
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(parts) && r >= 0; i++) {
		char base[64];
		struct buf b = BUF_FIXED(base);

		if (!(f->parts & parts[i].part))
			continue;
		base[0] = 0;
		manifest_base(f, &b);
		buf_add(&b, parts[i].suffix);
		r = on_file(ctx, base);
	}
	return r;
}

int tsdb_manifest_files(const char *path, uint32_t tenant, tsdb_file_fn on_file, void *ctx)
{
	struct manifest m;
	int r = manifest_read(path, tenant, &m);

	if (r < 0)
		return r;
	for (size_t i = 0; r >= 0 && i < m.n; i++)
		r = manifest_names(&m.file[i], on_file, ctx);
	manifest_done(&m);
	return MIN(r, 0);
}

static void write_entry(struct pen *p, const struct file_info *f)
{
	pen_le64(p, f->number);
	pen_le32(p, (uint32_t) f->day);
	pen_le32(p, (uint32_t) f->level);
	pen_le64(p, f->rows);
	pen_le64(p, f->bytes);
	pen_le64(p, (uint64_t) f->t_min);
	pen_le64(p, (uint64_t) f->t_max);
	pen_le32(p, f->series_min);
	pen_le32(p, f->series_max);
	pen_le64(p, f->rank);
	pen_le64(p, (uint64_t) f->written_ns);
	pen_le64(p, f->folder | (uint64_t) f->parts << 8);
	pen_le64(p, f->tombs);
	pen_le64(p, 0);
}

static void write_tomb(struct pen *p, const struct tomb *d)
{
	pen_le32(p, d->series);
	pen_le32(p, 0);
	pen_le64(p, (uint64_t) d->from_ns);
	pen_le64(p, (uint64_t) d->to_ns);
	pen_le64(p, d->rank);
	pen_le64(p, d->serial);
	pen_le64(p, (uint64_t) d->made_ns);
}

int manifest_write(const char *path, uint32_t tenant, const struct manifest *m)
{
	size_t n_tombs = m->tombs ? m->tombs->n : 0, len = HEAD + m->n * ENTRY + n_tombs * TOMB;
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
	pen_le64(&p, m->next_tomb);
	pen_le64(&p, n_tombs);
	for (size_t i = 0; i < m->n; i++)
		write_entry(&p, &m->file[i]);
	for (size_t i = 0; i < n_tombs; i++)
		write_tomb(&p, &m->tombs->tomb[i]);
	p = pen_of(bytes + 8, 4);
	pen_le32(&p, crc32_of(bytes + 12, len - 12));
	return file_write(path, bytes, len, 0640);
}

void manifest_done(struct manifest *m)
{
	sys_free(m->file);
	tombs_unref(m->tombs);
	*m = (struct manifest) { 0 };
}
