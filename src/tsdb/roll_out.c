/* roll_out.c - see roll_out.h. */
#include "tsdb/roll_out.h"

#include <errno.h>
#include <fcntl.h>

#include "base/err.h"

enum { ZSTD = 3, META = 11 };

struct tier_out {
	struct pq_writer *w;
	struct idx_builder idx;
	int fd;
	char temp[PATH_MAX], temp_idx[PATH_MAX];
	const char *meta[META];
};

struct roll_out {
	struct tsdb *t;
	struct tenant *te;
	struct roll_pen *pen;
	struct file_info info;
	char text[3][24];
	struct tier_out tier[ROLL_TIERS];
};

int roll_out_new(struct tsdb *t, struct tenant *te, struct roll_out **ret)
{
	_cleanup_(roll_out_freep) struct roll_out *o = sys_new(struct roll_out);

	if (!o)
		return err_fail(ERR_NO_MEMORY, "what", "roll-ups", NULL);
	o->t = t;
	o->te = te;
	o->tier[ROLL_MINUTE].fd = o->tier[ROLL_HOUR].fd = -1;
	int r = roll_pen_new(&o->pen);
	if (r < 0)
		return r;
	*ret = take(o);
	return 0;
}

static void drop(struct tier_out *k)
{
	if (k->fd >= 0)
		sys.close(k->fd);
	k->fd = -1;
	pq_writer_free(take(k->w));
	idx_builder_done(&k->idx);
	if (k->temp[0])
		sys.unlink(k->temp);
	if (k->temp_idx[0])
		sys.unlink(k->temp_idx);
	k->temp[0] = k->temp_idx[0] = 0;
}

struct roll_out *roll_out_free(struct roll_out *o)
{
	if (!o)
		return NULL;
	for (unsigned i = 0; i < ROLL_TIERS; i++)
		drop(&o->tier[i]);
	sys_free(o->pen);
	return sys_free(o);
}

static const char *number_text(char room[24], uint64_t n)
{
	struct buf b = { .data = room, .room = 24, .max = 24 };

	buf_addf(&b, "%llu", (unsigned long long) n);
	return room;
}

void roll_out_begin(struct roll_out *o, const struct file_info *info)
{
	for (unsigned i = 0; i < ROLL_TIERS; i++)
		drop(&o->tier[i]);
	o->info = *info;
}

static int open_tier(struct roll_out *o, enum roll_tier tier)
{
	struct tier_out *k = &o->tier[tier];
	struct buf b = BUF_FIXED(k->temp), i = BUF_FIXED(k->temp_idx);
	unsigned long long id = o->info.number;
	const char *const meta[META] = { "tenon.layout", "1", "tenon.number", number_text(o->text[0], id), "tenon.rank",
		number_text(o->text[1], o->info.rank), "tenon.level", number_text(o->text[2], (uint64_t) o->info.level), "tenon.roll_up", roll_name(tier), NULL };

	k->temp[0] = k->temp_idx[0] = 0;
	buf_addf(&b, "%s/tmp/tsdb-%u-%llu.%s.parquet", o->t->data, o->te->id, id, roll_name(tier));
	buf_addf(&i, "%s/tmp/tsdb-%u-%llu.%s.idx", o->t->data, o->te->id, id, roll_name(tier));
	if (b.failed || i.failed)
		return sys_fail(ENAMETOOLONG, "make", o->t->data);
	memcpy(k->meta, meta, sizeof(meta));
	int r = file_open(k->temp, O_WRONLY | O_CREAT | O_TRUNC, 0640, &k->fd);
	if (r < 0)
		return r;
	return pq_writer_new(&k->w, &(struct pq_writer_config) { .cols = roll_cols, .n_cols = ROLL_COLS, .n_sorted = 2, .created_by = o->t->created_by,
		.meta = k->meta, .fd = k->fd, .page_rows = ROLL_PAGE_ROWS, .level = ZSTD });
}

int roll_out_rows(struct roll_out *o, enum roll_tier tier, uint32_t series, uint8_t type, const struct roll *row, uint32_t n)
{
	struct tier_out *k = &o->tier[tier];
	struct idx_entry e = { .series = series, .type = type };
	int r = 0;

	if (!n)
		return 0;
	if (!k->w)
		r = open_tier(o, tier);
	if (r == 0)
		r = roll_write(o->pen, k->w, series, type, row, n);
	if (r < 0)
		return r;
	roll_entry(o->pen, row, n, &e);
	return idx_add_rows(&k->idx, &e);
}

int roll_out_put(struct roll_out *o, uint32_t series, uint8_t type, struct roller *r)
{
	int e = 0;

	for (unsigned tier = 0; tier < ROLL_TIERS && e == 0; tier++)
		if (roller_is_worth(r, tier))
			e = roll_out_rows(o, tier, series, type, r->row[tier], r->n[tier]);
	return e;
}

static int close_tier(struct roll_out *o, enum roll_tier tier)
{
	struct tier_out *k = &o->tier[tier];
	char base[PATH_MAX], dir[PATH_MAX], path[PATH_MAX], path_idx[PATH_MAX];
	struct buf b = BUF_FIXED(path), i = BUF_FIXED(path_idx);
	struct pq_layout l;
	int r = pq_writer_finish(k->w);

	if (r == 0 && (!tenant_file_base(o->te, o->info.day, o->info.number, base) || !tenant_day_path(o->te, o->info.day, dir)))
		r = sys_fail(ENAMETOOLONG, "make", o->te->dir);
	if (r == 0 && sys.fsync(k->fd) < 0)
		r = sys_fail(errno, "sync", k->temp);
	if (r == 0)
		r = pq_writer_layout(k->w, &l);
	if (r == 0)
		r = idx_write(k->temp_idx, &k->idx, &l, pq_writer_total_bytes(k->w));
	if (r < 0)
		return r;
	path[0] = path_idx[0] = 0;
	buf_addf(&b, "%s.%s.parquet", base, roll_name(tier));
	buf_addf(&i, "%s.%s.idx", base, roll_name(tier));
	if (b.failed || i.failed)
		return sys_fail(ENAMETOOLONG, "make", base);
	r = dir_make(dir, 0750);
	if (r == 0 && sys.rename(k->temp_idx, path_idx) < 0)
		r = sys_fail(errno, "rename", k->temp_idx);
	return r < 0 ? r : file_rename(k->temp, path);
}

int roll_out_close(struct roll_out *o, uint8_t *ret_parts)
{
	uint8_t parts = 0;
	int r = 0;

	for (unsigned tier = 0; tier < ROLL_TIERS && r == 0; tier++)
		if (o->tier[tier].w) {
			r = close_tier(o, tier);
			parts |= roll_part(tier);
		}
	for (unsigned tier = 0; tier < ROLL_TIERS; tier++)
		drop(&o->tier[tier]);
	if (r == 0)
		*ret_parts = parts;
	return r;
}
