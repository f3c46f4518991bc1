/* flush.c - the frozen generation becomes files: one a tenant and day, synced, then named by the manifest. */
#include <stdlib.h>

#include "base/err.h"
#include "tsdb/output.h"

struct days { int32_t *day; size_t n, room; };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "a flush", NULL); }

static int32_t day_of(int64_t t) { return (int32_t) (t / NS_PER_DAY - (t % NS_PER_DAY < 0)); }

/* --- Which days */

static int add_day(struct days *d, int32_t day)
{
	size_t i = d->n;

	while (i && d->day[i - 1] > day)
		i--;
	if (i && d->day[i - 1] == day)
		return 0;
	if (d->n == d->room) {
		size_t room = MAX(d->room * 2, (size_t) 8);
		int32_t *more = sys_resize(d->day, room * sizeof(*more));

		if (!more)
			return no_memory();
		d->day = more;
		d->room = room;
	}
	memmove(d->day + i + 1, d->day + i, (d->n - i) * sizeof(*d->day));
	d->day[i] = day;
	d->n++;
	return 0;
}

static int chunk_days(void *ctx, const struct chunk *c)
{
	struct days *d = ctx;
	int32_t first = day_of(c->t_min), last = day_of(c->t_max);
	int r = add_day(d, first);

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
			r = add_day(d, day_of(s.t[i]));
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
	struct file_info *file;         /* that are whole */
	int32_t *written;               /* their days */
	size_t n_files;
};

static int write_series(struct flush *f, const struct series *s, int64_t from, int64_t to)
{
	struct span span;
	int r = head_pieces(f->t->head, f->te->names, s, (struct head_range) { from, to, true }, &f->pieces);

	merge_begin(&f->merge, from, to);
	if (r == 0)
		r = merge_add_pieces(&f->merge, &f->pieces);
	while (r == 0 && (r = merge_next(&f->merge, &span)) > 0)
		r = output_put(f->out, s->number, &span);
	pieces_clear(&f->pieces);
	return r;
}

static int write_day(struct flush *f, int32_t day, uint64_t number)
{
	int64_t from, to;
	struct output *o = f->out;
	int r;

	/* The first and last day of what int64 ns can say are cut by its range. */
	if (__builtin_mul_overflow((int64_t) day, NS_PER_DAY, &from))
		from = INT64_MIN;
	if (__builtin_add_overflow(from, NS_PER_DAY, &to))
		to = INT64_MAX;
	if (from == INT64_MIN)
		to = ((int64_t) day + 1) * NS_PER_DAY;
	r = output_open(o, &(struct file_info) { .number = number, .rank = number, .day = day });
	for (size_t i = 0; r == 0 && i < f->n_series; i++) {
		const struct series *s = names_series(f->te->names, f->series[i]);

		r = s ? write_series(f, s, from, to) : 0;
	}
	if (r == 0 && o->info.rows) {
		r = output_close(o);
		if (r == 0) {
			f->file[f->n_files] = o->info;
			f->written[f->n_files++] = day;
		}
	}
	output_drop(o);
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

/* Of what is smaller by a tenth two hours long, and takes a third of the time. */
enum { QUICK_ZSTD = -3 };

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
	f->out->quick = true;           /* merged within two hours: see the README, "Why not otherwise" */
	f->out->zstd = QUICK_ZSTD;
	uint64_t number = first_number(f);
	for (size_t i = 0; r == 0 && i < f->days.n; i++)
		r = write_day(f, f->days.day[i], number + i);
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
	sys_free(f.written);
	sys_free(f.file);
	output_free(f.out);
	return err_wrap(r, "tenant %u: ", te->id);
}

int flush_frozen(struct tsdb *t)
{
	int64_t begin = clock_mono_ns();
	int r = 0;

	/* Tenants are only ever added; those added since hold nothing in the frozen generation. */
	for (size_t i = 0; r == 0; i++) {
		struct tenant *te = tenant_at(t, i);
		if (!te)
			break;
		r = flush_tenant(t, te);
	}
	if (r < 0)
		return r;
	head_drop(t->head);
	t->flush_ms_last = (uint64_t) (clock_mono_ns() - begin) / NS_PER_MS;
	return 0;
}
