/*
 * flush.c - the frozen generation becomes files: one a tenant and day, synced, then named by the manifest.
 *
 * What comes in today is written quickly, and again when two hours and the day are whole. Much of a day that is over, which is how history is brought
 * in, is written once: as small as a day file, with its roll-ups, and called one.
 */
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/output.h"
#include "tsdb/roll_out.h"

enum { QUICK_ZSTD = -3 /* what is smaller by a tenth two hours long, and takes a third of the time */ };

struct days { int32_t *day; uint64_t *rows; size_t n, room; };         /* rows: about */

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a flush", NULL); }

static int32_t day_of(int64_t t) { return (int32_t) (t / NS_PER_DAY - (t % NS_PER_DAY < 0)); }

/* --- Which days */

static int more_days(struct days *d)
{
	size_t room = MAX(d->room * 2, (size_t) 8);
	int32_t *day = sys_resize(d->day, room * sizeof(*day));

	if (day)
		d->day = day;
	uint64_t *rows = day ? sys_resize(d->rows, room * sizeof(*rows)) : NULL;
	if (!rows)
		return no_memory();
	d->rows = rows;
	d->room = room;
	return 0;
}

static int add_day(struct days *d, int32_t day, uint64_t rows)
{
	size_t i = d->n;

	while (i && d->day[i - 1] > day)
		i--;
	if (i && d->day[i - 1] == day) {
		d->rows[i - 1] += rows;
		return 0;
	}
	int r = d->n == d->room ? more_days(d) : 0;
	if (r < 0)
		return r;
	memmove(d->day + i + 1, d->day + i, (d->n - i) * sizeof(*d->day));
	memmove(d->rows + i + 1, d->rows + i, (d->n - i) * sizeof(*d->rows));
	d->day[i] = day;
	d->rows[i] = rows;
	d->n++;
	return 0;
}

static int chunk_days(void *ctx, const struct chunk *c)
{
	struct days *d = ctx;
	int32_t first = day_of(c->t_min), last = day_of(c->t_max);
	int r = add_day(d, first, (uint64_t) c->n * c->k);

	if (r < 0 || first == last)
		return r;
	/* Seldom: a chunk over a midnight, or samples from far apart. Only the days that have rows count. */
	struct chunk_room *room = sys.malloc(sizeof(*room));
	struct span s;
	if (!room)
		return no_memory();
	r = chunk_times(c, room, &s);
	for (uint32_t i = 0; r == 0 && i < s.n; i++)
		if (i == 0 || s.t[i] / NS_PER_DAY != s.t[i - 1] / NS_PER_DAY || s.t[i] < 0)
			r = add_day(d, day_of(s.t[i]), 0);
	sys_free(room);
	return r;
}

struct flush {
	struct tsdb *t;
	struct tenant *te;
	uint32_t *series;
	size_t n_series;
	struct days days;
	struct pieces pieces;
	struct merge merge;
	struct output *out;
	struct roll_out *rolls;
	struct roller *roller;
	struct file_info *file;         /* that are whole */
	int32_t *written;               /* their days */
	size_t n_files;
};

static int write_series(struct flush *f, const struct series *s, int64_t from, int64_t to)
{
	bool whole = f->out->info.level == LEVEL_DAY;
	struct span span;
	int r = head_pieces(f->t->head, f->te->names, s, (struct head_range) { from, to, true }, &f->pieces);

	merge_begin(&f->merge, from, to);
	if (r == 0)
		r = merge_add_pieces(&f->merge, &f->pieces);
	if (whole)
		roller_begin(f->roller);
	while (r == 0 && (r = merge_next(&f->merge, &span)) > 0) {
		r = output_put(f->out, s->number, &span);
		if (whole)
			roller_add(f->roller, &span);
	}
	pieces_clear(&f->pieces);
	if (r < 0 || !whole)
		return r;
	roller_end(f->roller, s->type);
	return roll_out_put(f->rolls, s->number, s->type, f->roller);
}

/* Nothing of it is to come but what is late, and it is enough for full pages. */
static bool is_over(const struct flush *f, int32_t day, uint64_t rows)
{
	int64_t end;

	return rows >= f->t->config.whole_rows && !__builtin_mul_overflow((int64_t) day + 1, NS_PER_DAY, &end) && end <= clock_now_ns();
}

static int open_day(struct flush *f, int32_t day, bool whole, uint64_t number)
{
	struct output *o = f->out;

	if (whole && !f->rolls) {
		int r = roll_out_new(f->t, f->te, &f->rolls);

		f->roller = sys_alloc(sizeof(*f->roller));
		if (r < 0 || !f->roller)
			return r < 0 ? r : no_memory();
	}
	output_pack(o, whole);
	o->quick = !whole;
	o->zstd = whole ? o->zstd : QUICK_ZSTD;
	int r = output_open(o, &(struct file_info) { .number = number, .rank = number, .day = day, .level = whole ? LEVEL_DAY : LEVEL_FLUSHED });
	if (r == 0 && whole)
		roll_out_begin(f->rolls, &o->info);
	return r;
}

static int close_day(struct flush *f)
{
	struct output *o = f->out;
	uint8_t parts = 0;
	int r = o->info.level == LEVEL_DAY ? roll_out_close(f->rolls, &parts) : 0;

	if (r == 0)
		r = output_close(o);
	o->info.parts |= parts;
	if (r < 0)
		return r;
	f->file[f->n_files] = o->info;
	f->written[f->n_files++] = o->info.day;
	return 0;
}

static int write_day(struct flush *f, size_t i, uint64_t number)
{
	int32_t day = f->days.day[i];
	int64_t from, to;

	/* The first and last day of what int64 ns can say are cut by its range. */
	if (__builtin_mul_overflow((int64_t) day, NS_PER_DAY, &from))
		from = INT64_MIN;
	if (__builtin_add_overflow(from, NS_PER_DAY, &to))
		to = INT64_MAX;
	if (from == INT64_MIN)
		to = ((int64_t) day + 1) * NS_PER_DAY;
	int r = open_day(f, day, is_over(f, day, f->days.rows[i]), number);
	for (size_t k = 0; r == 0 && k < f->n_series; k++) {
		const struct series *s = names_series(f->te->names, f->series[k]);

		r = s ? write_series(f, s, from, to) : 0;
	}
	if (r == 0 && f->out->info.rows)
		r = close_day(f);
	output_drop(f->out);
	return r;
}

/* The same generation has the same numbers whenever it is tried: what an earlier attempt left is replaced by the same. */
static uint64_t first_number(struct flush *f)
{
	struct tenant *te = f->te;

	if (te->flush_seq != f->t->frozen_seq) {
		te->flush_first = tenant_numbers(te, f->days.n);
		te->flush_seq = f->t->frozen_seq;
	}
	return te->flush_first;
}

static int flush_days(struct flush *f)
{
	int r = head_frozen_chunks(f->t->head, f->te->names, chunk_days, &f->days);

	if (r == 0)
		r = compact_admit(f->t, f->te, f->days.day, f->days.n);
	if (r < 0)
		return r;
	f->out = output_new(f->t, f->te);
	f->written = sys_alloc_array(f->days.n + 1, sizeof(*f->written));
	f->file = sys_alloc_array(f->days.n + 1, sizeof(*f->file));
	if (!f->out || !f->written || !f->file)
		return no_memory();
	f->out->covered = f->t->frozen_seq;
	uint64_t number = first_number(f);
	for (size_t i = 0; r == 0 && i < f->days.n; i++)
		r = write_day(f, i, number + i);
	if (r == 0)
		r = sheets_write(f->t, f->te, f->written, f->n_files);
	return r < 0 ? r : tenant_change(f->te, &(struct change) { .add = f->file, .n_add = f->n_files, .covered = f->t->frozen_seq, .again = true });
}

static int flush_tenant(struct tsdb *t, struct tenant *te)
{
	struct flush f = { .t = t, .te = te };
	int r = head_frozen_series(t->head, te->names, &f.series, &f.n_series);

	/* Done in an earlier attempt, which failed at another tenant. */
	if (r == 0 && f.n_series && te->covered < t->frozen_seq)
		r = flush_days(&f);
	merge_done(&f.merge);
	pieces_done(&f.pieces);
	sys_free(f.series);
	sys_free(f.days.day);
	sys_free(f.days.rows);
	sys_free(f.written);
	sys_free(f.file);
	output_free(f.out);
	roll_out_free(f.rolls);
	sys_free(f.roller);
	return err_wrap(r, "tenant %u: ", te->id);
}

int flush_frozen(struct tsdb *t)
{
	int64_t begin = clock_mono_ns();
	struct err first;
	int r = 0;

	/* Tenants are only ever added; those added since hold nothing in the frozen generation. One that fails keeps the generation, not the others' samples
	 * from their files. */
	for (size_t i = 0;; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		int failed = flush_tenant(t, te);
		if (failed < 0 && r == 0) {
			first = err_take(failed);
			r = failed;
		}
	}
	if (r < 0) {
		err_put(&first);
		return r;
	}
	head_drop(t->head);
	t->flush_ms_last = (uint64_t) (clock_mono_ns() - begin) / NS_PER_MS;
	return 0;
}
