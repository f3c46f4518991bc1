/* sweep.c - the day folders as they are: files that no manifest names, and a manifest made of files. */
#include "tsdb/care/sweep.h"

#include <errno.h>
#include <fcntl.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "parquet/parquet.h"
#include "tsdb/roll.h"

struct sweep {
	const struct manifest *named;
	sweep_fn on_unnamed;            /* NULL: what no manifest names is removed */
	void *ctx;
	uint8_t folder;                 /* FOLDER_x: which one this is */
	struct manifest *found;
	bool only_look;                 /* what cannot be read is listed, too */
	uint64_t figures_below;         /* figures of such numbers wait for their samples' folder */
	size_t room;
	char path[PATH_MAX];            /* where the walk is */
	unsigned depth;                 /* below ts: 0 year, 1 month, 2 day, 3 file */
	unsigned date[3];
};

static struct file_info *named(const struct manifest *m, uint64_t number)
{
	for (size_t lo = 0, hi = m->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->file[mid].number == number)
			return &m->file[mid];
		if (m->file[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* Samples lie in one folder alone; what is made of them, always in the data folder. */
static bool is_named(const struct sweep *s, uint64_t number, uint8_t part, const char *suffix)
{
	const struct file_info *f = named(s->named, number);

	if (!f || !(f->parts & part) || (!str_eq(suffix, ".parquet") && !str_eq(suffix, ".idx")))
		return false;
	return s->folder == (part == PART_RAW && str_eq(suffix, ".parquet") ? f->folder : FOLDER_DATA);
}

/* "0000000017.parquet", "0000000017.1h.idx": our names alone, nothing else is touched. */
static bool is_ours(const char *name, uint64_t *ret_number, uint8_t *ret_part, const char **ret_suffix)
{
	const char *end = name + str_len(name);
	size_t n = num_parse_u64(name, end, ret_number);

	name += n;
	*ret_part = PART_RAW;
	for (unsigned tier = 0; tier < ROLL_TIERS; tier++)
		if (name[0] == '.' && str_starts(name + 1, roll_name(tier))) {
			*ret_part = roll_part(tier);
			name += 1 + str_len(roll_name(tier));
			break;
		}
	*ret_suffix = name;
	return n >= 10 && (str_eq(name, ".parquet") || str_eq(name, ".idx") || str_eq(name, ".idx.tmp") ||
		str_eq(name, ".part.parquet"));
}

/* The first and last µs are longer than int64 ns goes. */
static int64_t ns_of(int64_t us, int64_t rest)
{
	int64_t ns;

	if (__builtin_mul_overflow(us, 1000, &ns) || __builtin_add_overflow(ns, rest, &ns))
		return us < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static int bounds(const struct pq_layout *l, struct file_info *f)
{
	if (!l->n_groups)
		return 0;
	f->t_min = INT64_MAX;
	f->t_max = INT64_MIN;
	f->series_min = UINT32_MAX;
	for (uint32_t g = 0; g < l->n_groups; g++) {
		const struct pq_chunk *ts = &l->group[g].chunk[COL_TS], *series = &l->group[g].chunk[COL_SERIES];

		for (uint32_t p = 0; p < ts->n_pages; p++) {
			f->t_min = MIN(f->t_min, ns_of(ts->page[p].lo, 0));
			f->t_max = MAX(f->t_max, ns_of(ts->page[p].hi, 999));
		}
		for (uint32_t p = 0; p < series->n_pages; p++) {
			f->series_min = MIN(f->series_min, (uint32_t) series->page[p].lo);
			f->series_max = MAX(f->series_max, (uint32_t) series->page[p].hi);
		}
	}
	return 1;
}

/* What the footer says of its place in the order; a file from before there were merged ones: its number. */
static int place(struct pq_file *p, struct file_info *f)
{
	const char *text = NULL;
	uint64_t rank = f->number, level = LEVEL_FLUSHED;
	int r = pq_read_meta(p->fd, p->size, "tenon.rank", &p->arena, &text);

	if (r == 0 && text)
		num_parse_u64(text, text + str_len(text), &rank);
	text = NULL;
	if (r == 0)
		r = pq_read_meta(p->fd, p->size, "tenon.level", &p->arena, &text);
	if (r == 0 && text)
		num_parse_u64(text, text + str_len(text), &level);
	f->rank = CLAMP(rank, 1u, f->number);
	f->level = (int32_t) MIN(level, (uint64_t) LEVEL_DAY);
	return r;
}

/* 1: *f says what the file is; 0: it is none that can be read. */
static int look(const char *path, uint8_t part, struct file_info *f)
{
	bool raw = part == PART_RAW;
	struct pq_file p;
	int r = pq_open(path, raw ? sample_cols : roll_cols, raw ? (unsigned) SAMPLE_COLS : (unsigned) ROLL_COLS, &p);

	if (r == 0) {
		f->bytes = raw ? p.size : 0;
		r = place(&p, f);
		if (r == 0) {
			f->rows = raw ? p.layout.rows : 0;
			r = bounds(&p.layout, f);
		}
		/* Rows of figures say when their stretch begins. */
		if (!raw && r > 0 && __builtin_add_overflow(f->t_max, roll_ns(ROLL_HOUR), &f->t_max))
			f->t_max = INT64_MAX;
		pq_close(&p);
	}
	if (r == -ERR_CORRUPT) {
		err_clear();
		r = 0;
	}
	return r;
}

/* What cannot be read is not removed with what nobody names: its pages may be whole, and somebody may read them with other tools. */
static int set_aside(const char *path)
{
	char aside[PATH_MAX];
	struct buf b = BUF_FIXED(aside);

	buf_addf(&b, "%s.damaged", path);
	return b.failed ? sys_fail(ENAMETOOLONG, "rename", path) : file_rename(path, aside);
}

static int adopt(struct sweep *s, uint64_t number, uint8_t part)
{
	struct file_info f = { .number = number, .parts = part, .folder = s->folder, .day = when_days((int) s->date[0], s->date[1], s->date[2]) };
	struct manifest *m = s->found;
	int r = look(s->path, part, &f);

	if (r < 0 || (r == 0 && !s->only_look))
		return r < 0 ? r : set_aside(s->path);
	struct file_info *there = named(m, number);
	if (there && part == PART_RAW && there->parts & PART_RAW)
		return 0;               /* in the other folder, too */
	if (there) {
		f.parts |= there->parts;
		if (part == PART_RAW)
			*there = f;
		else
			there->parts = f.parts;
		return 0;
	}
	if (m->n == s->room) {
		size_t room = MAX(s->room * 2, (size_t) 16);
		struct file_info *more = sys_resize(m->file, room * sizeof(*more));

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "manifest", NULL);
		m->file = more;
		s->room = room;
	}
	/* Folders come by date, numbers by time of writing: kept in order by insertion. */
	size_t i = m->n++;
	for (; i && m->file[i - 1].number > number; i--)
		m->file[i] = m->file[i - 1];
	m->file[i] = f;
	return 0;
}

static int found(struct sweep *s, uint64_t number, uint8_t part, const char *suffix)
{
	bool wanted = !s->figures_below || (part != PART_RAW && number < s->figures_below);

	/* A side index may be all that lies here of a file whose folder is away: its number is not given again. */
	s->found->next = MAX(s->found->next, number + 1);
	return wanted && str_eq(suffix, ".parquet") ? adopt(s, number, part) : 0;
}

/* Also what a side index that was being made again left. */
static int unnamed(struct sweep *s, uint64_t number, uint8_t part, const char *suffix)
{
	bool waits = part != PART_RAW && number < s->figures_below && str_eq(suffix, ".parquet") && !named(s->named, number);
	struct file_info f = { .number = number, .folder = s->folder, .day = when_days((int) s->date[0], s->date[1], s->date[2]) };

	if (is_named(s, number, part, suffix) || waits)
		return 0;
	return s->on_unnamed ? s->on_unnamed(s->ctx, s->path, &f) : file_unlink(s->path);
}

static int walk_name(void *ctx, const char *name);

static int walk_folder(struct sweep *s, const char *name)
{
	uint64_t number;
	size_t n = num_parse_u64(name, name + str_len(name), &number);

	if (n != (s->depth ? 2 : 4) || name[n])
		return 0;
	s->date[s->depth++] = (unsigned) number;
	int r = dir_each(s->path, walk_name, s);
	s->depth--;
	return r;
}

static int walk_name(void *ctx, const char *name)
{
	struct sweep *s = ctx;
	size_t len = str_len(s->path);
	const char *suffix;
	uint64_t number;
	uint8_t part;
	struct buf b = { .data = s->path, .len = len, .room = sizeof(s->path), .max = sizeof(s->path) };
	int r = 0;

	buf_addf(&b, "/%s", name);
	if (b.failed)
		r = sys_fail(ENAMETOOLONG, "open", s->path);
	else if (s->depth < 3)
		r = walk_folder(s, name);
	else if (is_ours(name, &number, &part, &suffix))
		r = s->found ? found(s, number, part, suffix) : unnamed(s, number, part, suffix);
	s->path[len] = 0;
	return r;
}

static int walk(struct sweep *s, const char *dir)
{
	if (!path_join(s->path, sizeof(s->path), dir, "ts"))
		return sys_fail(ENAMETOOLONG, "open", dir);
	return dir_each(s->path, walk_name, s);
}

int sweep_orphans(const char *dir, const struct manifest *m, uint8_t folder, uint64_t figures_below)
{
	struct sweep s = { .named = m, .folder = folder, .figures_below = figures_below };

	return walk(&s, dir);
}

int sweep_unnamed(const char *dir, const struct manifest *m, uint8_t folder, const struct sweep_to *to)
{
	struct sweep s = { .named = m, .folder = folder, .on_unnamed = to->on_unnamed, .ctx = to->ctx };

	return walk(&s, dir);
}

int sweep_list(const char *dir, uint8_t folder, struct manifest *m)
{
	struct sweep s = { .found = m, .folder = folder, .room = m->n, .only_look = true };

	return walk(&s, dir);
}

int sweep_adopt(const char *dir, uint8_t folder, struct manifest *m)
{
	struct sweep s = { .found = m, .folder = folder, .room = m->n };

	return walk(&s, dir);
}

int sweep_adopt_figures(const char *dir, uint64_t below, struct manifest *m)
{
	struct sweep s = { .found = m, .folder = FOLDER_DATA, .room = m->n, .figures_below = below };

	return below ? walk(&s, dir) : 0;
}
