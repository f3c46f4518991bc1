/* sheet.c - series.parquet: what the numbers in the files mean. One at the tenant's root, one in each day folder, as it was then. */
#include "tsdb/tsdb_impl.h"

#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/str.h"
#include "parquet/parquet.h"
#include "tsdb/names/sheet.h"

const struct pq_col sheet_cols[SHEET_COLS] = {
	[COL_NUMBER] = { .name = "series", .type = PQ_INT32 },
	[COL_POINT] = { .name = "point", .type = PQ_BYTES, .kind = PQ_TEXT, .distinct = true },
	[COL_PATH] = { .name = "path", .type = PQ_BYTES, .kind = PQ_TEXT, .optional = true },
	[COL_TYPE] = { .name = "type", .type = PQ_BYTES, .kind = PQ_TEXT },
	[COL_UNIT] = { .name = "unit", .type = PQ_BYTES, .kind = PQ_TEXT, .optional = true },
};

static void describe(const struct tsdb *t, const struct tenant *te, const struct series *s, struct tsdb_name *ret)
{
	*ret = (struct tsdb_name) { 0 };
	if (t->config.describe)
		t->config.describe(t->config.ctx, te->id, &s->point, ret);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 31;
}

static uint64_t content(const struct tsdb *t, const struct tenant *te)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct tsdb_name name;

	for (uint32_t i = 1; i <= names_count(te->names); i++) {
		const struct series *s = names_series(te->names, i);

		if (!s)
			continue;
		describe(t, te, s, &name);
		h = mix(h, &s->number, sizeof(s->number));
		h = mix(h, &s->type, sizeof(s->type));
		h = mix(h, name.path, str_len(name.path) + 1);
		h = mix(h, name.unit, str_len(name.unit) + 1);
	}
	return h | 1;           /* 0: never written */
}

static void put_text(struct pq_writer *w, unsigned col, const char *text)
{
	if (str_empty(text) || !utf8_is_valid(text, str_len(text)))
		pq_write_nulls(w, col, 1);
	else
		pq_write_text(w, col, text, (uint32_t) str_len(text));
}

static int put_rows(struct tsdb *t, struct tenant *te, struct pq_writer *w)
{
	struct tsdb_name name;
	char point[UUID_TEXT + 1];
	int r = 0;

	for (uint32_t i = 1; i <= names_count(te->names) && r == 0; i++) {
		const struct series *s = names_series(te->names, i);

		if (!s)
			continue;
		describe(t, te, s, &name);
		uuid_format(&s->point, point);
		pq_write_const(w, COL_NUMBER, s->number, 1);
		pq_write_text(w, COL_POINT, point, UUID_TEXT);
		put_text(w, COL_PATH, name.path);
		pq_write_text(w, COL_TYPE, vtype_name(s->type), (uint32_t) str_len(vtype_name(s->type)));
		put_text(w, COL_UNIT, name.unit);
		r = pq_write_rows(w, 1);
	}
	return r < 0 ? r : pq_writer_finish(w);
}

static int write_one(struct tsdb *t, struct tenant *te, const char *dir)
{
	char temp[PATH_MAX], path[PATH_MAX];
	struct buf b = BUF_FIXED(temp);
	_cleanup_(pq_writer_freep) struct pq_writer *w = NULL;
	int fd = -1, r;

	buf_addf(&b, "%s/tmp/tsdb-%u-series.parquet", t->data, te->id);
	if (b.failed || !path_join(path, sizeof(path), dir, "series.parquet"))
		return sys_fail(ENAMETOOLONG, "make", dir);
	r = file_open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0640, &fd);
	if (r == 0)
		r = pq_writer_new(&w, &(struct pq_writer_config) { .cols = sheet_cols, .n_cols = SHEET_COLS, .n_sorted = 1, .created_by = t->created_by, .fd = fd });
	if (r == 0)
		r = put_rows(t, te, w);
	if (r == 0 && sys.fsync(fd) < 0)
		r = sys_fail(errno, "sync", temp);
	if (fd >= 0)
		sys.close(fd);
	if (r == 0)
		r = file_rename(temp, path);
	if (r < 0)
		sys.unlink(temp);
	return r;
}

static struct sheet_state *state_of(struct tenant *te, int32_t day)
{
	for (unsigned i = 0; i < DAY_SHEETS; i++)
		if (te->sheet[i].hash && te->sheet[i].day == day)
			return &te->sheet[i];
	struct sheet_state *s = &te->sheet[te->next_sheet++ % DAY_SHEETS];
	*s = (struct sheet_state) { .day = day };
	return s;
}

int sheets_write(struct tsdb *t, struct tenant *te, const int32_t *days, size_t n_days)
{
	uint64_t hash = content(t, te);
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; i < n_days && r == 0; i++) {
		struct sheet_state *s = state_of(te, days[i]);

		if (s->hash == hash)
			continue;
		r = tenant_day_path(te, days[i], dir) ? write_one(t, te, dir) : sys_fail(ENAMETOOLONG, "make", te->dir);
		if (r == 0)
			s->hash = hash;
	}
	if (r == 0 && te->root_sheet != hash) {
		r = write_one(t, te, te->dir);
		if (r == 0)
			te->root_sheet = hash;
	}
	return r;
}
