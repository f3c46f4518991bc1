/* repair.c - damaged files are put aside, and what can be read of them is written anew. Nothing is deleted. */
#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "tsdb/care/check_file.h"
#include "tsdb/names/sheet.h"
#include "tsdb/output.h"
#include "tsdb/roll.h"

enum { FAULTS_MAX = 100000 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a repair of the store of samples", NULL); }

static const char *const mended_ids[] = { "rewritten", "aside", "dropped", "remade", "left" };
const char *tsdb_mended_id(enum tsdb_mended_how how) { return mended_ids[how]; }

struct found { uint32_t tenant; enum tsdb_fault_kind kind; char *file; };

struct repair {
	const struct tsdb_repair *how;
	struct tsdb_repaired sum;
	struct found *item;
	size_t n, room;
	struct arena arena;
	struct tsdb *t;
	struct tenant *te;              /* of the fault at hand */
	struct output *out;
	struct err failed;              /* to write */
	struct buf report;
	char stamp[WHEN_TEXT_MAX];
};

static int on_fault(void *ctx, const struct tsdb_fault *f)
{
	struct repair *p = ctx;
	int r = p->how->on_fault ? p->how->on_fault(p->how->ctx, f) : 0;

	if (r < 0 || p->n == FAULTS_MAX)
		return r;
	if (p->n == p->room) {
		size_t room = MAX(p->room * 2, (size_t) 16);
		struct found *more = sys_resize(p->item, room * sizeof(*more));

		if (!more)
			return no_memory();
		p->item = more;
		p->room = room;
	}
	struct found *to = &p->item[p->n];
	*to = (struct found) { f->tenant, f->kind, arena_str(&p->arena, f->file) };
	p->n += to->file != NULL;
	return to->file ? 0 : no_memory();
}

static void done(struct repair *p, const struct tsdb_mended *m)
{
	p->sum.mended += m->how != TSDB_MENDED_LEFT;
	p->sum.left += m->how == TSDB_MENDED_LEFT;
	p->sum.kept += m->kept;
	p->sum.lost += m->lost;
	buf_addf(&p->report, "%s: %s: %s, %llu samples kept, %llu lost\n", m->file, tsdb_fault_id(m->fault), tsdb_mended_id(m->how),
		(unsigned long long) m->kept, (unsigned long long) m->lost);
	if (p->how->on_mended)
		p->how->on_mended(p->how->ctx, m);
}

/* --- Aside */

/* The same name below ROOT/aside/TIME; a second link, so that whatever happens then it is there. */
static int aside_path(struct repair *p, const char *root, const char *path, char to[PATH_MAX])
{
	char folder[PATH_MAX];
	struct buf b = { .data = to, .room = PATH_MAX, .max = PATH_MAX }, f = BUF_FIXED(folder), a = BUF_FIXED(p->sum.aside);

	folder[0] = 0;
	buf_addf(&b, "%s/aside/%s/%s", root, p->stamp, path + str_len(root) + 1);
	buf_addn(&f, to, (size_t) (path_name(to) - to) - 1);
	buf_clear(&a);
	buf_addf(&a, "%s/aside/%s", p->how->data_dir, p->stamp);
	return b.failed || f.failed || a.failed ? sys_fail(ENAMETOOLONG, "make", path) : dir_make(folder, 0750);
}

static int link_aside(struct repair *p, const char *root, const char *path)
{
	char to[PATH_MAX];
	int r = aside_path(p, root, path, to);

	if (r == 0 && sys.link(path, to) < 0 && errno != EEXIST)
		r = errno == ENOENT ? 0 : sys_fail(errno, "link", to);
	return r == 0 ? dir_sync_parent(to) : r;
}

/* Of a file that is changed in place. */
static int copy_aside(struct repair *p, const char *file)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 30);
	char from[PATH_MAX], to[PATH_MAX];
	int r = path_join(from, sizeof(from), p->how->data_dir, file) ? file_read(from, 1 << 30, &b) : sys_fail(ENAMETOOLONG, "open", file);

	if (r == -ERR_MISSING) {
		err_clear();
		return 0;
	}
	if (r == 0)
		r = aside_path(p, p->how->data_dir, from, to);
	return r < 0 ? r : file_write(to, b.data, b.len, 0640);
}

static int put_aside(struct repair *p, const struct file *f)
{
	char path[PATH_MAX], index[PATH_MAX];
	struct buf b = BUF_FIXED(index);
	bool second = file_info(f)->folder == FOLDER_SECOND;

	index[0] = 0;
	if (!tenant_file_base(p->te, file_info(f)->day, file_info(f)->number, index) || !file_path(f, path))
		return sys_fail(ENAMETOOLONG, "make", p->te->dir);
	b.len = str_len(index);
	buf_add(&b, ".idx");
	int r = link_aside(p, second ? p->t->second.dir : p->how->data_dir, path);
	if (r == 0)
		r = link_aside(p, p->how->data_dir, index);
	/* Figures go with it: they may be all that is left of it. */
	for (unsigned tier = 0; r == 0 && tier < ROLL_TIERS; tier++) {
		b.len -= str_len(".idx");
		size_t base = b.len;

		buf_addf(&b, ".%s.parquet", roll_name(tier));
		r = b.failed ? sys_fail(ENAMETOOLONG, "make", index) : link_aside(p, p->how->data_dir, index);
		b.len = base;
		buf_add(&b, ".idx");
	}
	return r;
}

/* --- A file of samples */

static uint8_t type_of(void *ctx, uint32_t series)
{
	const struct series *s = names_series(((struct repair *) ctx)->te->names, series);

	return s ? s->type : V_F64;
}

static int on_run(void *ctx, uint32_t series, uint64_t row, const struct span *s)
{
	struct repair *p = ctx;
	int r = output_put(p->out, series, s);

	/* What cannot be written is no fault of what is read. */
	if (r < 0) {
		p->failed = err_take(r);
		r = err_fail(ERR_CANCELLED, "what", "a repair of the store of samples", NULL);
	}
	return r;
}

/* What can be read of it; n 0: nothing. */
static int save(struct repair *p, struct check_file *cf, const struct file_info *old, struct file_info *ret, size_t *ret_n)
{
	struct file_info info = { .number = tenant_numbers(p->te, 1), .rank = old->rank, .day = old->day, .level = old->level, .tombs = old->tombs };
	int r;

	p->out = output_new(p->t, p->te);
	if (!p->out)
		return -ERR_NO_MEMORY;
	p->out->covered = p->te->covered;
	r = output_open(p->out, &info);
	if (r == 0)
		r = check_file_rows(cf, &(struct check_rows) { type_of, on_run, p });
	if (r == -ERR_CANCELLED && p->failed.kind != ERR_NONE) {
		err_put(&p->failed);
		r = -(int) p->failed.kind;
	}
	if (r == 0 && p->out->info.rows)
		r = output_close(p->out);
	*ret = p->out->info;
	*ret_n = r == 0 && p->out->info.rows;
	p->out = output_free(p->out);
	return r;
}

static int rewrite(struct repair *p, struct file *f, struct tsdb_mended *m)
{
	struct file_info info = *file_info(f), made;
	struct check_file cf = { 0 };
	char base[PATH_MAX], index[PATH_MAX];
	size_t n = 0;
	bool there = info.folder == FOLDER_SECOND;
	int r = tenant_file_base(p->te, info.day, info.number, index) &&
		(there ? tenant_second_base : tenant_file_base)(p->te, info.day, info.number, base) ? 0 : sys_fail(ENAMETOOLONG, "open", p->te->dir);

	if (r < 0)
		return r;
	info.level = file_level(f);
	r = check_file_open(&cf, base, index, &info);
	bool gone = r == -ERR_MISSING, unknown = r == -ERR_CORRUPT || r == -ERR_IO;
	if (r == 0)
		r = check_file_pages(&cf);
	if (r == 0)
		r = save(p, &cf, &info, &made, &n);
	check_file_close(&cf);
	if (gone || unknown) {
		err_clear();            /* nobody knows where anything lies in it */
		r = 0;
	}
	if (r == 0)
		r = put_aside(p, f);
	if (r == 0)
		r = tenant_change(p->te, &(struct change) { .add = &made, .n_add = n, .remove = &f, .n_remove = 1 });
	m->how = gone ? TSDB_MENDED_DROPPED : n ? TSDB_MENDED_REWRITTEN : TSDB_MENDED_ASIDE;
	m->kept = n ? made.rows : 0;
	m->lost = info.rows - MIN(m->kept, info.rows);
	return r;
}

static int remake_index(struct repair *p, struct file *f, struct tsdb_mended *m)
{
	const struct file_info *info = file_info(f);
	const struct idx *x;
	char index[PATH_MAX];
	struct buf b = BUF_FIXED(index);

	index[0] = 0;
	if (!tenant_file_base(p->te, info->day, info->number, index))
		return sys_fail(ENAMETOOLONG, "open", p->te->dir);
	b.len = str_len(index);
	buf_add(&b, ".idx");
	int r = link_aside(p, p->how->data_dir, index);
	if (r == 0)
		r = file_unlink(index);
	if (r == 0)
		r = file_use(f, &x);
	if (r == 0)
		file_leave(f);
	m->how = TSDB_MENDED_REMADE;
	return r;
}

/* "tenants/1/ts/2026/11/22/0000000017.parquet" */
static struct file *file_named(struct catalog *c, const char *path)
{
	const char *name = path_name(path);
	uint64_t number;

	if (!num_parse_u64(name, name + str_len(name), &number))
		return NULL;
	for (size_t i = 0; i < c->n; i++)
		if (file_info(c->file[i])->number == number)
			return c->file[i];
	return NULL;
}

/* A series nobody knows: its type is not known either, and so what of its values is to be kept. */
static bool has_nameless(const struct repair *p, const char *file)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->item[i].kind == TSDB_FAULT_NAMELESS && str_eq(p->item[i].file, file))
			return true;
	return false;
}

/* --- Sheets */

static int copy_sheet(struct repair *p, const char *from, const char *to)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 1 << 30);
	int r = names_sheet_read(from, &(struct names_sheet_reader) { 0 });

	if (r == 0)
		r = file_read(from, 1 << 30, &b);
	if (r == 0 && file_exists(to))
		r = link_aside(p, p->how->data_dir, to);
	return r < 0 ? r : file_write(to, b.data, b.len, 0640);
}

/* The tenant's own says all there is; it is made of that of the newest day that has one. */
static int remake_sheet(struct repair *p, const char *file, struct tsdb_mended *m)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(p->te);
	char root[PATH_MAX], to[PATH_MAX], day[PATH_MAX], from[PATH_MAX];
	int r = path_join(root, sizeof(root), p->te->dir, "series.parquet") && path_join(to, sizeof(to), p->how->data_dir, file) ? -ERR_MISSING
		: sys_fail(ENAMETOOLONG, "open", file);

	m->how = TSDB_MENDED_REMADE;
	if (r == -ERR_MISSING && !str_eq(root, to))
		r = copy_sheet(p, root, to);
	for (size_t i = c->n; i-- > 0 && (r == -ERR_MISSING || r == -ERR_CORRUPT);) {
		err_clear();
		if (tenant_day_path(p->te, file_info(c->file[i])->day, day) && path_join(from, sizeof(from), day, "series.parquet") && !str_eq(from, to))
			r = copy_sheet(p, from, to);
	}
	if (r == -ERR_MISSING || r == -ERR_CORRUPT) {
		err_clear();            /* the platform writes one with its next file */
		m->how = TSDB_MENDED_LEFT;
		r = 0;
	}
	return r;
}

/* --- All of it */

static int mend_file(struct repair *p, const struct found *f, struct tsdb_mended *m)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(p->te);
	struct file *file = file_named(c, f->file);

	/* Written anew for another fault already; or the manifest was, which names what can be read. */
	if (!file) {
		m->how = TSDB_MENDED_REMADE;
		return 0;
	}
	if (f->kind == TSDB_FAULT_INDEX)
		return remake_index(p, file, m);
	if (has_nameless(p, f->file) || !(file_info(file)->parts & PART_RAW)) {
		m->how = TSDB_MENDED_LEFT;
		return 0;
	}
	return rewrite(p, file, m);
}

static int mend(struct repair *p, const struct found *f)
{
	struct tsdb_mended m = { .file = f->file, .fault = f->kind, .how = TSDB_MENDED_LEFT };
	int r = 0;

	p->te = tenant_find(p->t, f->tenant);
	switch (f->kind) {
	case TSDB_FAULT_MISSING: case TSDB_FAULT_FILE: case TSDB_FAULT_FOOTER: case TSDB_FAULT_PAGE: case TSDB_FAULT_ORDER: case TSDB_FAULT_FIGURES:
	case TSDB_FAULT_INDEX:
		r = p->te ? mend_file(p, f, &m) : 0;
		break;
	case TSDB_FAULT_SHEET:
		r = p->te ? remake_sheet(p, f->file, &m) : 0;
		break;
	case TSDB_FAULT_MANIFEST:
		m.how = TSDB_MENDED_REMADE;     /* when the store was opened */
		break;
	case TSDB_FAULT_UNNAMED:
	case TSDB_FAULT_ROLLUP:
		return 0;               /* mend themselves */
	default:
		break;
	}
	if (r == 0)
		done(p, &m);
	return err_wrap(r, "%s: ", f->file);
}

static int write_report(struct repair *p)
{
	char path[PATH_MAX];

	if (!p->sum.aside[0])
		return 0;
	return path_join(path, sizeof(path), p->sum.aside, "REPORT") ? file_write(path, p->report.data, p->report.len, 0640)
		: sys_fail(ENAMETOOLONG, "make", p->sum.aside);
}

static int run(struct repair *p)
{
	const struct tsdb_repair *how = p->how;
	_cleanup_(buf_done) struct buf second = BUF_INIT(&sys_heap, PATH_MAX);
	struct tsdb_config config = { .data_dir = how->data_dir, .compact_rate = -1, .n_shards = 1 };
	struct tsdb_checked checked;
	int r = tsdb_check(&(struct tsdb_check) { .data_dir = how->data_dir, .second_dir = how->second_dir, .on_fault = on_fault, .ctx = p }, &checked);

	if (r < 0)
		return r;
	p->sum.faults = checked.faults;
	if (!p->n)
		return 0;
	if (how->second_dir)
		buf_add(&second, how->second_dir);
	else if (tsdb_second_find(how->data_dir, &second) < 0)
		err_clear();
	config.second_dir = second.len ? second.data : NULL;
	config.second_age_ns = INT64_MAX;
	/* Opening cuts what it cannot read off the dictionary. */
	for (size_t i = 0; i < p->n && r == 0; i++)
		if (p->item[i].kind == TSDB_FAULT_DICTIONARY)
			r = copy_aside(p, p->item[i].file);
	if (r == 0)
		r = tsdb_open(&p->t, &config, NULL);
	for (size_t i = 0; r == 0 && i < p->n; i++)
		r = mend(p, &p->item[i]);
	return r < 0 ? r : write_report(p);
}

int tsdb_repair(const struct tsdb_repair *how, struct tsdb_repaired *ret)
{
	struct repair *p = sys_new(struct repair);
	int r;

	if (!p)
		return no_memory();
	p->how = how;
	p->report = BUF_INIT(&sys_heap, 64 << 20);
	arena_init(&p->arena, &sys_heap, 0);
	when_format(p->stamp, clock_now_ns() / NS_PER_S * NS_PER_S);
	r = run(p);
	tsdb_free(p->t);
	if (r == 0)
		*ret = p->sum;
	buf_done(&p->report);
	arena_done(&p->arena);
	sys_free(p->item);
	sys_free(p);
	return r;
}
