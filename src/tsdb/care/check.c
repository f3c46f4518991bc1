/* check.c - a folder of samples looked at from end to end; nothing is changed. */
#include "tsdb/care/check.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "tsdb/care/check_file.h"
#include "tsdb/care/sweep.h"
#include "tsdb/names/sheet.h"
#include "tsdb/roll.h"
#include "wal/wal.h"

enum { PACE_MS = 20 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a check of the store of samples", NULL); }
static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "file of samples", "detail", detail, NULL); }

static const struct { const char *id; bool harmless, lost; } kinds[TSDB_FAULTS] = {
	[TSDB_FAULT_MANIFEST] = { "manifest", false, false }, [TSDB_FAULT_MISSING] = { "missing", false, true },
	[TSDB_FAULT_FILE] = { "file", false, true }, [TSDB_FAULT_FOOTER] = { "footer", false, false },
	[TSDB_FAULT_PAGE] = { "page", false, true }, [TSDB_FAULT_ORDER] = { "order", false, true },
	[TSDB_FAULT_FIGURES] = { "figures", false, false }, [TSDB_FAULT_INDEX] = { "index", true, false },
	[TSDB_FAULT_DICTIONARY] = { "dictionary", false, false }, [TSDB_FAULT_NAMELESS] = { "nameless", false, false },
	[TSDB_FAULT_SHEET] = { "sheet", false, false }, [TSDB_FAULT_ROLLUP] = { "rollup", true, false },
	[TSDB_FAULT_ROLLUP_ALONE] = { "rollup_alone", false, false }, [TSDB_FAULT_UNNAMED] = { "unnamed", true, false },
	[TSDB_FAULT_UNREACHABLE] = { "unreachable", false, false }, [TSDB_FAULT_LOG] = { "log", false, false },
};
const char *tsdb_fault_id(enum tsdb_fault_kind k) { return kinds[k].id; }
bool tsdb_fault_is_harmless(enum tsdb_fault_kind k) { return kinds[k].harmless; }

/* --- What points are called */

struct known { struct uuid point; uint8_t type; };      /* type 0: no such series */

struct checking {
	const struct tsdb_check *how;
	struct tsdb_checked sum;
	uint64_t total, done;
	int64_t began_ns;
	/* Of the tenant at hand: */
	uint32_t tenant;
	char dir[PATH_MAX];
	struct manifest m;
	char second[PATH_MAX];          /* the second folder; "": none */
	bool reachable;
	bool adopted;                   /* m was made from the files: the manifest cannot be read */
	struct known *known;
	uint32_t n_known, room_known;
	char **path;                    /* by number, as far as the tenant's sheet goes */
	uint32_t n_path;
	bool paths_read;
	struct arena names;
	/* Of the file at hand: */
	const struct file_info *file;
	char name[PATH_MAX];
	uint64_t nameless, outside;
	uint32_t nameless_first;
	struct idx_builder index;
	struct check_reach seen;
	int memory;                     /* a callback without an answer could not get any */
};

static void on_series(void *ctx, uint32_t number, const struct uuid *point, uint8_t type)
{
	struct checking *c = ctx;

	if (number >= c->room_known) {
		uint32_t room = MAX(c->room_known * 2, number + 64);
		struct known *more = sys_resize(c->known, room * sizeof(*more));

		if (!more) {
			c->memory = no_memory();
			return;
		}
		memset(more + c->room_known, 0, (room - c->room_known) * sizeof(*more));
		c->known = more;
		c->room_known = room;
	}
	c->known[number] = (struct known) { *point, type };
	c->n_known = MAX(c->n_known, number + 1);
}

static const struct known *known(const struct checking *c, uint32_t series)
{
	return series < c->n_known && c->known[series].type ? &c->known[series] : NULL;
}

static int on_path(void *ctx, uint32_t series, const char *path, size_t len)
{
	struct checking *c = ctx;

	if (series < c->n_path && !(c->path[series] = arena_strn(&c->names, path, len)))
		return no_memory();
	return 0;
}

/* Only when there is something to tell: sheets of a million points take a while. */
static int read_paths(struct checking *c)
{
	char path[PATH_MAX];
	int r;

	if (c->paths_read)
		return 0;
	c->paths_read = true;
	c->path = arena_array(&c->names, char *, c->n_known + 1);
	if (!c->path)
		return no_memory();
	c->n_path = c->n_known;
	if (!path_join(path, sizeof(path), c->dir, "series.parquet"))
		return 0;
	r = names_sheet_read(path, &(struct names_sheet_reader) { on_path, c });
	if (r == -ERR_NO_MEMORY)
		return r;
	err_clear();            /* told on its own */
	return 0;
}

/* --- Telling */

static void list_point(const struct checking *c, uint32_t series, struct tsdb_fault *f)
{
	const struct known *k = known(c, series);

	f->n_points++;
	if (f->n_listed == TSDB_FAULT_POINTS)
		return;
	struct tsdb_fault_point *p = &f->point[f->n_listed++];
	p->series = series;
	p->point = k ? k->point : (struct uuid) { 0 };
	p->path = series < c->n_path && c->path[series] ? c->path[series] : "";
}

static bool is_bad(const struct check_file *cf, uint64_t first, uint64_t end)
{
	for (size_t i = 0; i < cf->n_bad; i++)
		if (cf->bad[i].first < end && cf->bad[i].end > first)
			return true;
	return false;
}

/* Which points: exactly, where the side index is there; else those whose numbers lie between. */
static void list_points(const struct checking *c, const struct check_file *cf, const struct check_reach *reach, struct tsdb_fault *f)
{
	if (cf && cf->index_is_good) {
		for (uint32_t i = 0; i < cf->file.idx.n; i++) {
			const struct idx_entry *e = &cf->file.idx.entry[i];

			if (!cf->n_bad || is_bad(cf, e->first_row, e->first_row + e->n))
				list_point(c, e->series, f);
		}
		return;
	}
	for (uint32_t s = reach->series_min; s <= MIN(reach->series_max, c->n_known); s++)
		if (known(c, s))
			list_point(c, s, f);
}

static int tell(struct checking *c, enum tsdb_fault_kind kind, int why, const struct check_reach *reach, const struct check_file *cf)
{
	struct tsdb_fault f = { .kind = kind, .tenant = c->tenant, .file = c->name, .why = err_take(why) };
	int r = reach ? read_paths(c) : 0;

	if (r < 0)
		return r;
	c->sum.faults++;
	c->sum.harmless += kinds[kind].harmless;
	if (reach) {
		f.rows = reach->rows;
		f.from_ns = reach->from_ns;
		f.to_ns = reach->to_ns;
		list_points(c, cf, reach, &f);
		if (kinds[kind].lost)
			c->sum.lost += f.rows;
	}
	return c->how->on_fault ? c->how->on_fault(c->how->ctx, &f) : 0;
}

/* "tenants/1/" and what follows. */
static void call_it(struct checking *c, const char *rest)
{
	struct buf b = BUF_FIXED(c->name);

	buf_clear(&b);
	buf_addf(&b, "tenants/%u/%s", c->tenant, rest);
}

static void call_file(struct checking *c, const struct file_info *f, const char *suffix)
{
	struct buf b = BUF_FIXED(c->name);

	buf_clear(&b);
	if (f->folder == FOLDER_SECOND && str_eq(suffix, ".parquet"))
		buf_addf(&b, "%s/", c->second[0] ? c->second : "store.folder");
	buf_addf(&b, "tenants/%u/ts/", c->tenant);
	manifest_base(f, &b);
	buf_add(&b, suffix);
}

static bool bases(const struct checking *c, const struct file_info *f, char base[PATH_MAX], char index[PATH_MAX])
{
	struct buf b = { .data = base, .room = PATH_MAX, .max = PATH_MAX }, i = { .data = index, .room = PATH_MAX, .max = PATH_MAX };

	buf_addf(&b, "%s/tenants/%u/ts/", f->folder == FOLDER_SECOND ? c->second : c->how->data_dir, c->tenant);
	manifest_base(f, &b);
	buf_addf(&i, "%s/ts/", c->dir);
	manifest_base(f, &i);
	return !b.failed && !i.failed;
}

/* --- Speed */

static int on_bytes(void *ctx, uint64_t n)
{
	struct checking *c = ctx;
	const struct tsdb_check *how = c->how;

	c->done += n;
	c->sum.bytes += n;
	if (how->on_progress)
		how->on_progress(how->ctx, MIN(c->done, c->total), c->total);
	for (;;) {
		if (how->is_cancelled && how->is_cancelled(how->ctx))
			return err_fail(ERR_CANCELLED, "what", "a check of the store of samples", NULL);
		int64_t due = how->rate ? c->began_ns + (int64_t) ((double) c->done / (double) how->rate * 1e9) : 0, now = clock_mono_ns();
		if (due <= now)
			return 0;
		nanosleep(&(struct timespec) { .tv_nsec = (long) MIN(due - now, (int64_t) PACE_MS * NS_PER_MS) }, NULL);
	}
}

/* --- A file of samples */

static uint8_t type_of(void *ctx, uint32_t series)
{
	const struct known *k = known(ctx, series);

	return k ? k->type : V_F64;
}

static int on_run(void *ctx, uint32_t series, uint64_t row, const struct span *s)
{
	struct checking *c = ctx;
	int64_t first = s->t[0], last = s->t[s->n - 1];

	if (!known(c, series)) {
		c->nameless += s->n;
		c->nameless_first = c->nameless_first ? c->nameless_first : series;
	}
	c->outside += first / NS_PER_DAY - (first % NS_PER_DAY < 0) != c->file->day || last / NS_PER_DAY - (last % NS_PER_DAY < 0) != c->file->day;
	c->seen.series_min = MIN(c->seen.series_min, series);
	c->seen.series_max = MAX(c->seen.series_max, series);
	c->seen.from_ns = MIN(c->seen.from_ns, first);
	c->seen.to_ns = MAX(c->seen.to_ns, last);
	c->seen.rows += s->n;
	return idx_add(&c->index, series, s);
}

static struct check_reach whole(const struct file_info *f)
{
	return (struct check_reach) { f->series_min, f->series_max, f->t_min, f->t_max, f->rows };
}

static struct check_reach nothing(void) { return (struct check_reach) { UINT32_MAX, 0, INT64_MAX, INT64_MIN, 0 }; }

static int tell_bad(struct checking *c, const struct check_file *cf, enum tsdb_fault_kind kind)
{
	struct check_reach reach = nothing();

	for (size_t i = 0; i < cf->n_bad; i++)
		check_file_reach(cf, cf->bad[i].first, cf->bad[i].end, &reach);
	err_put(&cf->why);
	return tell(c, kind, -(int) cf->why.kind, &reach, cf);
}

/* What the manifest says, where all of it could be read. */
static int compare_figures(struct checking *c)
{
	const struct file_info *f = c->file;
	const struct check_reach *s = &c->seen;

	/* A manifest made from files knows times to the microsecond, and no other. */
	bool times = c->adopted || (s->from_ns == f->t_min && s->to_ns == f->t_max) || (f->t_min <= s->from_ns && s->from_ns - f->t_min < 1000 &&
		f->t_max >= s->to_ns && f->t_max - s->to_ns < 1000);
	if (s->rows == f->rows && times && s->series_min == f->series_min && s->series_max == f->series_max)
		return 0;
	return tell(c, TSDB_FAULT_FIGURES, damaged("the manifest says other numbers of it"), s, NULL);
}

static int compare_index(struct checking *c, struct check_file *cf)
{
	bool same = cf->index_is_good && cf->file.idx.n == c->index.n;

	idx_builder_close(&c->index);
	if (same && c->index.n)
		same = memcmp(cf->file.idx.entry, c->index.entry, c->index.n * sizeof(*c->index.entry)) == 0;
	if (same)
		return 0;
	call_file(c, c->file, ".idx");
	return tell(c, TSDB_FAULT_INDEX, err_fail(ERR_CORRUPT, "what", "side index", "detail", "it is lost, torn, or not that of the file", NULL), NULL, NULL);
}

static int look_inside(struct checking *c, struct check_file *cf)
{
	int r = 0;

	if (cf->from_index)
		r = tell(c, TSDB_FAULT_FOOTER, damaged("its footer does not say where its pages lie"), NULL, NULL);
	if (r == 0)
		r = check_file_pages(cf);
	if (r == 0 && cf->n_bad)
		r = tell_bad(c, cf, TSDB_FAULT_PAGE);
	size_t pages = cf->n_bad;
	cf->why = pages ? cf->why : (struct err) { 0 };
	if (r == 0)
		r = check_file_rows(cf, &(struct check_rows) { type_of, on_run, c });
	if (r == 0 && !pages && cf->n_bad)
		r = tell_bad(c, cf, TSDB_FAULT_ORDER);
	if (r == 0 && c->outside)
		r = tell(c, TSDB_FAULT_ORDER, damaged("it holds samples of another day"), NULL, NULL);
	if (r == 0 && c->nameless) {
		struct check_reach reach = { c->nameless_first, c->nameless_first, c->seen.from_ns, c->seen.to_ns, c->nameless };

		r = tell(c, TSDB_FAULT_NAMELESS, damaged("the dictionary does not know one of its series"), &reach, NULL);
	}
	if (r == 0 && !cf->n_bad)
		r = compare_figures(c);
	if (r == 0 && !cf->n_bad && !c->nameless)
		r = compare_index(c, cf);
	return r;
}

/* What was merged or moved meanwhile is not missing: there is another manifest then. */
static int is_still_named(struct checking *c, const struct file_info *f, bool *ret)
{
	struct manifest m = { 0 };
	char path[PATH_MAX];
	int r;

	*ret = true;
	if (c->adopted || !path_join(path, sizeof(path), c->dir, "ts/manifest"))
		return 0;
	r = manifest_read(path, c->tenant, &m);
	if (r == -ERR_NO_MEMORY)
		return r;
	err_clear();
	if (r == 0) {
		*ret = false;
		for (size_t i = 0; i < m.n; i++)
			*ret |= m.file[i].number == f->number && m.file[i].folder == f->folder;
	}
	manifest_done(&m);
	return 0;
}

static int check_one(struct checking *c, const struct file_info *f)
{
	struct check_file cf = { .on_bytes = on_bytes, .ctx = c };
	struct check_reach all = whole(f);
	char base[PATH_MAX], index[PATH_MAX];
	bool named = true;
	int r;

	call_file(c, f, ".parquet");
	if (f->folder == FOLDER_SECOND && !c->reachable)
		return tell(c, TSDB_FAULT_UNREACHABLE, second_is_ours(c->how->data_dir, c->second), &all, NULL);
	if (!bases(c, f, base, index))
		return sys_fail(ENAMETOOLONG, "open", c->dir);
	c->file = f;
	c->seen = nothing();
	c->nameless = c->outside = 0;
	c->nameless_first = 0;
	c->sum.files++;
	r = check_file_open(&cf, base, index, f);
	if (r == 0) {
		r = look_inside(c, &cf);
		c->sum.samples += c->seen.rows;
	} else if (r == -ERR_MISSING) {
		struct err why = err_take(r);

		r = is_still_named(c, f, &named);
		if (r == 0 && named) {
			err_put(&why);
			r = tell(c, TSDB_FAULT_MISSING, -ERR_MISSING, &all, NULL);
		}
	} else if (r == -ERR_CORRUPT || r == -ERR_IO) {
		r = tell(c, TSDB_FAULT_FILE, r, &all, NULL);
	}
	idx_builder_done(&c->index);
	check_file_close(&cf);
	return r;
}

/* Every page of the figures beside it. */
static int check_roll(struct checking *c, const struct file_info *f, enum roll_tier tier)
{
	char path[PATH_MAX], suffix[24];
	struct buf b = BUF_FIXED(path), s = BUF_FIXED(suffix);
	bool named = true;

	path[0] = suffix[0] = 0;
	buf_addf(&s, ".%s.parquet", roll_name(tier));
	buf_addf(&b, "%s/ts/", c->dir);
	manifest_base(f, &b);
	buf_add(&b, suffix);
	int r = b.failed ? sys_fail(ENAMETOOLONG, "open", c->dir) : pages_read(path, roll_cols, ROLL_COLS);
	if (r != -ERR_MISSING && r != -ERR_CORRUPT && r != -ERR_IO)
		return r;
	struct err why = err_take(r);
	r = is_still_named(c, f, &named);
	if (r < 0 || !named)
		return r;
	call_file(c, f, suffix);
	err_put(&why);
	return tell(c, f->parts & PART_RAW ? TSDB_FAULT_ROLLUP : TSDB_FAULT_ROLLUP_ALONE, -(int) why.kind, NULL, NULL);
}

static int check_parts(struct checking *c, const struct file_info *f)
{
	int r = f->parts & PART_RAW ? check_one(c, f) : 0;

	for (unsigned tier = 0; r == 0 && tier < ROLL_TIERS; tier++)
		if (f->parts & roll_part(tier))
			r = check_roll(c, f, tier);
	return r;
}

/* --- A tenant */

static int check_dictionary(struct checking *c)
{
	uint64_t damage = 0;
	char path[PATH_MAX];
	int r = path_join(path, sizeof(path), c->dir, "series.dict") ? 0 : sys_fail(ENAMETOOLONG, "open", c->dir);

	if (r == 0)
		r = names_look(path, c->tenant, &(struct names_looker) { on_series, c }, &damage);
	if (r == 0 && c->memory < 0)
		r = c->memory;
	call_it(c, "series.dict");
	if (r == -ERR_MISSING || r == -ERR_IO)
		return tell(c, TSDB_FAULT_DICTIONARY, r, NULL, NULL);
	if (r == 0 && damage)
		return tell(c, TSDB_FAULT_DICTIONARY, err_fail(ERR_CORRUPT, "what", "series dictionary", "detail", "some of its records cannot be read", NULL),
			NULL, NULL);
	return r;
}

static int list_second(struct checking *c)
{
	char dir[PATH_MAX], ts[PATH_MAX];
	struct buf b = BUF_FIXED(dir);

	buf_addf(&b, "%s/tenants/%u", c->second, c->tenant);
	if (b.failed || !path_join(ts, sizeof(ts), dir, "ts"))
		return sys_fail(ENAMETOOLONG, "open", c->second);
	return file_exists(ts) ? sweep_list(dir, FOLDER_SECOND, &c->m) : 0;
}

static int check_manifest(struct checking *c)
{
	char path[PATH_MAX];
	int r = path_join(path, sizeof(path), c->dir, "ts/manifest") ? manifest_read(path, c->tenant, &c->m) : sys_fail(ENAMETOOLONG, "open", c->dir);

	if (r != -ERR_MISSING && r != -ERR_CORRUPT && r != -ERR_NEWER && r != -ERR_IO)
		return r;
	call_it(c, "ts/manifest");
	r = tell(c, TSDB_FAULT_MANIFEST, r, NULL, NULL);
	c->adopted = true;
	c->m = (struct manifest) { .next = 1, .next_tomb = 1 };
	if (r == 0)
		r = sweep_list(c->dir, FOLDER_DATA, &c->m);
	return r == 0 && c->reachable ? list_second(c) : r;
}

static int check_sheet(struct checking *c, const char *folder)
{
	char path[PATH_MAX], rest[64];
	struct buf b = BUF_FIXED(rest), p = BUF_FIXED(path);

	rest[0] = path[0] = 0;
	buf_addf(&b, "%s%sseries.parquet", folder, *folder ? "/" : "");
	buf_addf(&p, "%s/%s", c->dir, rest);
	int r = p.failed ? sys_fail(ENAMETOOLONG, "open", c->dir) : names_sheet_read(path, &(struct names_sheet_reader) { 0 });
	if (r != -ERR_MISSING && r != -ERR_CORRUPT && r != -ERR_IO)
		return r;
	call_it(c, rest);
	return tell(c, TSDB_FAULT_SHEET, r, NULL, NULL);
}

static int by_day(const void *a, const void *b)
{
	int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

	return (x > y) - (x < y);
}

static int check_sheets(struct checking *c)
{
	_cleanup_free_ int32_t *day = sys_alloc_array(c->m.n + 1, sizeof(*day));
	int r = day ? 0 : no_memory();

	if (r == 0 && c->m.n)
		r = check_sheet(c, "");
	for (size_t i = 0; r == 0 && i < c->m.n; i++)
		day[i] = c->m.file[i].day;
	if (r == 0 && c->m.n)
		qsort(day, c->m.n, sizeof(*day), by_day);
	for (size_t i = 0; r == 0 && i < c->m.n; i++) {
		unsigned month, of_month;
		char folder[40];
		struct buf b = BUF_FIXED(folder);
		int year;

		if (i && day[i] == day[i - 1])
			continue;
		folder[0] = 0;
		when_civil(day[i], &year, &month, &of_month);
		buf_addf(&b, "ts/%04d/%02u/%02u", year, month, of_month);
		r = check_sheet(c, folder);
	}
	return r;
}

static int on_unnamed(void *ctx, const char *path, const struct file_info *f)
{
	struct checking *c = ctx;
	struct buf b = BUF_FIXED(c->name);

	/* Numbers from `next` on are being written. */
	if (f->number >= c->m.next)
		return 0;
	buf_clear(&b);
	buf_add(&b, str_starts(path, c->how->data_dir) ? path + str_len(c->how->data_dir) + 1 : path);
	return tell(c, TSDB_FAULT_UNNAMED, err_fail(ERR_EXISTS, "what", "@file", "value", c->name, NULL), NULL, NULL);
}

static void tenant_done(struct checking *c)
{
	manifest_done(&c->m);
	arena_done(&c->names);
	c->adopted = c->paths_read = false;
	c->n_path = 0;
	if (c->known)
		memset(c->known, 0, c->room_known * sizeof(*c->known));
	c->n_known = 0;
}

static int check_tenant(struct checking *c, uint32_t tenant)
{
	struct buf b = BUF_FIXED(c->dir);
	int r;

	buf_clear(&b);
	buf_addf(&b, "%s/tenants/%u", c->how->data_dir, tenant);
	if (b.failed)
		return sys_fail(ENAMETOOLONG, "open", c->how->data_dir);
	c->tenant = tenant;
	c->sum.tenants++;
	arena_init(&c->names, &sys_heap, 0);
	r = check_dictionary(c);
	if (r == 0)
		r = check_manifest(c);
	for (size_t i = 0; r == 0 && i < c->m.n; i++)
		r = check_parts(c, &c->m.file[i]);
	if (r == 0)
		r = check_sheets(c);
	if (r == 0 && !c->adopted)
		r = sweep_unnamed(c->dir, &c->m, FOLDER_DATA, &(struct sweep_to) { on_unnamed, c });
	tenant_done(c);
	return r;
}

/* --- All of it */

struct tenants { struct checking *c; uint32_t *id; size_t n, room; };

static int on_tenant(void *ctx, const char *name)
{
	struct tenants *t = ctx;
	const struct tsdb_check *how = t->c->how;
	struct manifest m = { 0 };
	char path[PATH_MAX], dict[PATH_MAX];
	struct buf b = BUF_FIXED(path), d = BUF_FIXED(dict);
	uint64_t id;
	size_t n = num_parse_u64(name, name + str_len(name), &id);

	if (n == 0 || name[n] || id > UINT32_MAX || (how->tenant && how->tenant != id))
		return 0;
	buf_addf(&b, "%s/tenants/%s/ts/manifest", how->data_dir, name);
	buf_addf(&d, "%s/tenants/%s/series.dict", how->data_dir, name);
	if (b.failed || d.failed || (!file_exists(path) && !file_exists(dict)))
		return 0;               /* a tenant without samples */
	if (t->n == t->room) {
		size_t room = MAX(t->room * 2, (size_t) 8);
		uint32_t *more = sys_resize(t->id, room * sizeof(*more));

		if (!more)
			return no_memory();
		t->id = more;
		t->room = room;
	}
	t->id[t->n++] = (uint32_t) id;
	int r = manifest_read(path, (uint32_t) id, &m);
	if (r == -ERR_NO_MEMORY)
		return r;
	err_clear();
	for (size_t i = 0; i < m.n; i++)
		t->c->total += m.file[i].bytes;
	manifest_done(&m);
	return 0;
}

static int check_log(struct checking *c)
{
	struct wal_look found = { 0 };
	struct buf b = BUF_FIXED(c->name);
	char dir[PATH_MAX];
	int r = path_join(dir, sizeof(dir), c->how->data_dir, "wal") ? wal_look(dir, UINT64_MAX, &found) : sys_fail(ENAMETOOLONG, "open", c->how->data_dir);

	c->tenant = 0;
	buf_clear(&b);
	buf_addf(&b, "wal%s%s", found.bad[0] ? "/" : "", found.bad);
	if (r == -ERR_MISSING || r == -ERR_IO)
		return tell(c, TSDB_FAULT_LOG, r, NULL, NULL);
	if (r == 0 && found.bad[0])
		return tell(c, TSDB_FAULT_LOG, err_fail(ERR_CORRUPT, "what", "@log", "detail", found.bad, NULL), NULL, NULL);
	return r;
}

static int find_second(struct checking *c)
{
	const struct tsdb_check *how = c->how;
	struct buf b = BUF_FIXED(c->second);
	int r;

	buf_clear(&b);
	if (how->second_dir)
		buf_add(&b, how->second_dir);
	r = how->second_dir ? second_is_ours(how->data_dir, how->second_dir) : tsdb_second_find(how->data_dir, &b);
	if (b.failed)
		return sys_fail(ENAMETOOLONG, "open", how->data_dir);
	c->reachable = r == 0 && b.len;
	err_clear();
	return r == -ERR_NO_MEMORY ? r : 0;
}

int tsdb_check(const struct tsdb_check *how, struct tsdb_checked *ret)
{
	struct checking *c = sys_new(struct checking);
	struct tenants t = { .c = c };
	char path[PATH_MAX];
	int r = !c ? no_memory() : path_join(path, sizeof(path), how->data_dir, "tenants") ? 0 : sys_fail(ENAMETOOLONG, "open", how->data_dir);

	if (r == 0) {
		c->how = how;
		r = find_second(c);
	}
	if (r == 0) {
		c->began_ns = clock_mono_ns();
		r = dir_each(path, on_tenant, &t);
	}
	for (size_t i = 0; r == 0 && i < t.n; i++)
		r = check_tenant(c, t.id[i]);
	if (r == 0 && !how->tenant)
		r = check_log(c);
	if (r == 0)
		*ret = c->sum;
	sys_free(t.id);
	if (c)
		sys_free(c->known);
	sys_free(c);
	return r;
}
