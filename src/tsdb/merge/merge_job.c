/*
 * merge_job.c - files become one: every series of every input, merged, into as many outputs as their size asks for.
 *
 * It streams: of each input the pages it is at are in memory, of the output a row group and the index. Budget: 1 MB an input that is open
 * (24 at most, and one part of a day that has several), 16 MB the row group at worst (texts; 2 MB of numbers), 256 MB of output have
 * 16 MB of page table. Inputs are held by the caller's catalog; nothing of theirs is touched before the manifest names the outputs.
 */
#include "tsdb/merge/compact.h"

#include <errno.h>

#include "base/err.h"
#include "base/num.h"
#include "tsdb/keep/retain_impl.h"
#include "tsdb/output.h"

enum { OUTPUT_SERIES = 1 << 17, ROOM_SPARE = 16 << 20 };

struct input { struct scan *scan; uint32_t at; };

struct merging {
	struct merge_job *job;
	struct pq_scratch *scratch;
	struct input *in;
	struct merge merge;
	struct output *out;
	struct roll_out *rolls;
	struct roller *roller;          /* of the series under way */
	bool open;                      /* out has a file */
	bool split, left;               /* what is kept no more leaves its figures in `again`; left: these are among `made` */
	struct again again;
	struct file_info *made;
	size_t n_made, room;
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "merging files of samples", NULL); }

/* --- Inputs */

static int open_inputs(struct merging *m)
{
	struct merge_job *j = m->job;
	int r = pq_scratch_new(&m->scratch);

	m->in = sys_alloc_array(j->n + 1, sizeof(*m->in));
	if (r == 0 && !m->in)
		r = no_memory();
	for (size_t i = 0; i < j->n && r == 0; i++) {
		r = scan_new(j->in[i].file, m->scratch, &m->in[i].scan);
		if (r < 0)
			break;
		scan_want_lag(m->in[i].scan, true);
		r = scan_attach(m->in[i].scan);
		if (r < 0)
			j->failed = j->in[i].file;
	}
	return r;
}

static const struct idx_entry *entry_at(const struct input *in)
{
	if (!in->scan)
		return NULL;
	const struct idx *x = scan_idx(in->scan);
	return in->at < x->n ? &x->entry[in->at] : NULL;
}

/* The least series that is still to come; 0: none. */
static uint32_t next_series(const struct merging *m)
{
	uint32_t least = 0;

	for (size_t i = 0; i < m->job->n; i++) {
		const struct idx_entry *e = entry_at(&m->in[i]);

		if (e && (!least || e->series < least))
			least = e->series;
	}
	return least;
}

/* Of a number that the dictionary lost nobody knows the type: such a file is left as it is, and so are its values. */
static int lost(struct merging *m, size_t input)
{
	m->job->failed = m->job->in[input].file;
	return err_fail(ERR_CORRUPT, "what", "file of samples", "detail", "the dictionary does not know one of its series", NULL);
}

static int add_sources(struct merging *m, uint32_t series)
{
	const struct series *s = names_series(m->job->te->names, series);
	int r = 0;

	merge_begin(&m->merge, INT64_MIN, INT64_MAX);
	m->merge.keep = true;
	m->merge.tombs = m->job->tombs;
	for (size_t i = 0; i < m->job->n && r == 0; i++) {
		const struct idx_entry *e = entry_at(&m->in[i]);

		if (!e || e->series != series)
			continue;
		r = s ? merge_add_rows(&m->merge, m->in[i].scan, e, s->type) : lost(m, i);
		m->in[i].at++;
	}
	return r;
}

/* Files that are read to their end give back their pages. */
static void let_go(struct merging *m)
{
	for (size_t i = 0; i < m->job->n; i++)
		if (m->in[i].scan && !entry_at(&m->in[i]))
			m->in[i].scan = scan_free(m->in[i].scan);
}

/* --- Outputs */

static int room_for(struct merging *m)
{
	if (m->n_made == m->room) {
		size_t room = MAX(m->room * 2, (size_t) 4);
		struct file_info *more = sys_resize(m->made, room * sizeof(*more));

		if (!more)
			return no_memory();
		m->made = more;
		m->room = room;
	}
	return 0;
}

static int open_output(struct merging *m)
{
	struct merge_job *j = m->job;
	struct file_info info = { .number = tenant_numbers(j->te, 1), .rank = j->in[j->n - 1].info.rank, .day = j->in[0].info.day, .level = j->level,
		.tombs = j->next_tomb - 1 };

	int r = room_for(m);

	if (r == 0)
		r = output_open(m->out, &info);
	m->open = r == 0;
	roll_out_begin(m->rolls, &info);
	return r;
}

static int close_output(struct merging *m)
{
	uint8_t parts = 0;

	m->open = false;
	/* All of it was deleted. */
	if (!m->out->info.rows) {
		output_drop(m->out);
		return 0;
	}
	int r = roll_out_close(m->rolls, &parts);
	if (r == 0)
		r = output_close(m->out);
	m->out->info.parts |= parts;
	m->made[m->n_made++] = m->out->info;            /* also when it failed: it may have its name already */
	return r;
}

/* What is written, what waits for the end of the row group, and the page at hand as if it were like the inputs. */
static bool is_large(const struct merging *m)
{
	const struct pq_writer *w = m->out->w;
	double page = (double) (output_page_rows(m->out) - pq_writer_room(w)) * (double) m->job->bytes / (double) m->job->rows;

	return pq_writer_total_bytes(w) + pq_writer_held_bytes(w) + (uint64_t) page >= m->job->t->config.file_bytes || m->out->idx.n >= OUTPUT_SERIES;
}

/* --- All of it */

static int one_series(struct merging *m, uint32_t series)
{
	struct merge_job *j = m->job;
	struct span span;
	uint8_t type = V_STR;
	int r = add_sources(m, series);

	roller_begin(m->roller);
	while (r == 0 && (r = merge_next(&m->merge, &span)) > 0) {
		r = output_put(m->out, series, &span);
		j->rows_out += span.n;
		type = span.type;
		roller_add(m->roller, &span);
		if (r == 0)
			r = j->on_rows(j, span.n);
	}
	if (r == 0) {
		roller_end(m->roller, type);
		r = roll_out_put(m->rolls, series, type, m->roller);
	}
	if (r < 0 && m->merge.failed)
		j->failed = scan_file(m->merge.failed);
	return r;
}

/* 1: the samples of the series are kept no more, and its figures have left. */
static int leaves(struct merging *m, uint32_t series)
{
	struct merge_job *j = m->job;
	const struct series *s = names_series(j->te->names, series);
	uint8_t may = s ? retain_parts(j->t, j->te, s, j->in[0].info.day) : PARTS_ALL, has = 0;
	const struct idx_entry *e = entry_at(&m->in[0]);
	struct idx_entry rows;
	int r = 0;

	if (may & PART_RAW)
		return 0;
	for (unsigned tier = 0; tier < ROLL_TIERS && r >= 0; tier++) {
		r = m->again.in[tier] ? roll_find(m->again.in[tier], series, &rows) : 0;
		has |= r > 0 ? roll_part(tier) : 0;
	}
	if (r < 0 || retain_raw(may, has, s))
		return MIN(r, 0);
	j->rows_old += e ? e->n : 0;
	if (roll_has(s->type))
		r = again_series(&m->again, series, s->type, may);
	m->in[0].at++;
	return r < 0 ? r : 1;
}

static int close_again(struct merging *m)
{
	int r = m->split ? roll_out_close(m->again.out, &m->again.info.parts) : 0;

	if (r < 0 || !m->again.info.parts)
		return r;
	r = room_for(m);
	if (r < 0)
		return r;
	m->again.info.tombs = m->job->next_tomb - 1;
	m->made[m->n_made++] = m->again.info;
	m->left = true;
	return 0;
}

static int all_series(struct merging *m)
{
	uint32_t series;
	int r = 0;

	while (r == 0 && (series = next_series(m)) != 0) {
		if (m->split && (r = leaves(m, series)) != 0) {
			r = MIN(r, 0);
			let_go(m);
			continue;
		}
		if (!m->open)
			r = open_output(m);
		if (r == 0)
			r = one_series(m, series);
		/* Sources point at scans: they go before the scans do. */
		merge_begin(&m->merge, INT64_MIN, INT64_MAX);
		let_go(m);
		if (r == 0 && is_large(m))
			r = close_output(m);
	}
	if (r == 0 && m->open)
		r = close_output(m);
	return r == 0 ? close_again(m) : r;
}

static int room_on_disk(const struct merge_job *j)
{
	uint64_t left, all, want = j->bytes + j->bytes / 16 + ROOM_SPARE;
	char text[2][NUM_TEXT_MAX];
	int r = dir_free(j->te->dir, &left, &all);

	if (r < 0 || left >= want)
		return r;
	num_format_u64(text[0], want);
	num_format_u64(text[1], left);
	return err_fail(ERR_NO_ROOM, "what", "merging files of samples", "want", text[0], "value", text[1], NULL);
}

/* What is kept no more goes only where the day is one file: retain_mixed(). */
static int may_split(struct merging *m)
{
	const struct merge_job *j = m->job;
	struct mixed_days mixed;

	m->split = j->n == 1 && j->level == LEVEL_DAY && retain_is_on(j->t, j->te);
	if (!m->split)
		return 0;
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(j->te);
	int r = retain_mixed(c, &mixed);
	if (r < 0)
		return r;
	m->split = !retain_is_mixed(&mixed, j->in[0].info.day);
	sys_free(mixed.day);
	return 0;
}

static int run(struct merging *m)
{
	struct merge_job *j = m->job;
	int r = room_on_disk(j);

	if (r == 0)
		r = open_inputs(m);
	if (r < 0)
		return r;
	m->out = output_new(j->t, j->te);
	m->roller = sys_alloc(sizeof(*m->roller));
	r = roll_out_new(j->t, j->te, &m->rolls);
	struct file **old = sys_alloc_array(j->n + 1, sizeof(struct file *));
	if (r < 0 || !m->out || !old || !m->roller) {
		sys_free(old);
		return r < 0 ? r : no_memory();
	}
	for (size_t i = 0; i < j->n; i++)
		old[i] = j->in[i].file;
	m->out->covered = j->te->covered;
	m->out->gentle = true;
	output_pack(m->out, j->level == LEVEL_DAY);
	r = may_split(m);
	if (r == 0 && m->split)
		r = again_open(&m->again, j->t, j->te, j->in[0].file, j->tombs);
	if (r == 0)
		r = all_series(m);
	if (r == 0) {
		r = tenant_change(j->te, &(struct change) { .add = m->made, .n_add = m->n_made, .remove = old, .n_remove = j->n });
		for (size_t i = 0; i < m->n_made; i++)
			j->bytes_out += m->made[i].bytes;
		m->n_made = 0;          /* the change has seen to them, however it went */
	}
	sys_free(old);
	return r;
}

int merge_job_run(struct merge_job *j)
{
	struct merging m = { .job = j };
	int r;

	if (j->relabel)
		return tenant_change(j->te, &(struct change) { .relabel = j->in, .n_relabel = j->n });
	r = run(&m);
	merge_done(&m.merge);
	for (size_t i = 0; m.in && i < j->n; i++)
		scan_free(m.in[i].scan);
	sys_free(m.in);
	pq_scratch_free(m.scratch);
	output_free(m.out);
	roll_out_free(m.rolls);
	if (m.split && !m.left && m.again.info.number)
		tenant_file_drop(j->te, &m.again.info);
	again_close(&m.again);
	sys_free(m.roller);
	/* No manifest was to name these yet. */
	for (size_t i = 0; i < m.n_made; i++)
		tenant_file_drop(j->te, &m.made[i]);
	sys_free(m.made);
	return r;
}
