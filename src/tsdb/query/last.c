/*
 * last.c - the newest sample of a series, and the newest before an instant.
 *
 * The head remembers the newest sample that came in since the start. What files say is asked once a series, the first time it
 * matters, and then remembered the same way.
 */
#include "tsdb/keep/retain_impl.h"

#include "base/err.h"

/* ended_ns: figures say of a sample then that it is not used, and not what it was. */
struct best { struct sample sample; uint64_t rank, seq; struct arena *arena; int64_t ended_ns; };

/* The last sample of the span wins over what was best so far? Texts are copied: the span does not last. */
static int consider(struct best *b, const struct span *s, uint32_t row, uint32_t series, uint64_t rank)
{
	uint64_t seq = s->seq ? s->seq[row] : s->seq_all;
	int64_t t = s->t[row];

	if (b->sample.time_ns != TSDB_NEVER && (t < b->sample.time_ns || (t == b->sample.time_ns && (rank < b->rank ||
			(rank == b->rank && seq < b->seq)))))
		return 0;
	struct sample sample = span_sample(s, row, series);
	if (sample.value.type == V_STR || sample.value.type == V_BYTES) {
		sample.value.s = arena_strn(b->arena, sample.value.s, sample.value.len);
		if (!sample.value.s)
			return err_fail(ERR_NO_MEMORY, "what", "the last sample", NULL);
	}
	b->sample = sample;
	b->rank = rank;
	b->seq = seq;
	return 0;
}

static int from_pieces(struct best *b, const struct pieces *p, const struct series *s, int64_t before)
{
	struct chunk_room *room = sys.malloc(sizeof(*room));
	int r = room ? 0 : err_fail(ERR_NO_MEMORY, "what", "the last sample", NULL);

	for (size_t i = 0; i < p->n && r == 0; i++) {
		struct span span = p->item[i].span;

		if (MIN(p->item[i].t_max, before - 1) < b->sample.time_ns)
			continue;
		if (!p->item[i].copy)
			r = chunk_read(p->item[i].chunk, p->item[i].col, s->type, room, &span);
		uint32_t n = r == 0 ? span_find(&span, 0, before) : 0;
		if (n)
			r = consider(b, &span, n - 1, s->number, UINT64_MAX);
	}
	sys_free(room);
	return r;
}

/* The side index says the last sample itself, texts excepted. */
static int from_entry(struct best *b, const struct idx_entry *e, uint64_t rank)
{
	const uint8_t cell = e->last_kind == IDX_LAST_NONE ? CELL_NONE : CELL_VALUE;

	return consider(b, &(struct span) { .n = 1, .type = e->type, .t = &e->t_max, .v = &e->last_bits, .cell = &cell, .q = &e->last_q }, 0,
		e->series, rank);
}

/* Of the first n rows those up to the last that no tomb means. */
static uint32_t not_deleted(const struct tombs *t, const struct file_info *f, uint32_t series, const struct span *s, uint32_t n)
{
	size_t left;
	const struct tomb *d = tombs_of(t, series, &left);

	while (n && left) {
		int64_t at = s->t[n - 1];

		while (left && (d[left - 1].from_ns > at || !tomb_is_of(&d[left - 1], f)))
			left--;
		if (!left || (d[left - 1].to_ns <= at && d[left - 1].to_ns != INT64_MAX))
			break;
		n = span_find(s, 0, d[left - 1].from_ns);
	}
	return n;
}

/* The last before the instant among rows of a page; they may come in pieces. 1: there is one. */
static int from_page(struct best *b, struct scan *c, const struct idx_entry *e, const uint64_t rows[2], int64_t before, const struct tombs *tombs)
{
	const struct file_info *f = file_info(scan_file(c));
	bool found = false, more = true;
	struct span span;
	int r = 0;

	for (uint64_t row = rows[0]; r == 0 && more && row < rows[1]; row += span.n) {
		r = scan_read(c, e->type, row, rows[1], &span);
		if (r < 0)
			return r;
		uint32_t n = span_find(&span, 0, before);
		more = n == span.n;
		if (n)
			n = not_deleted(tombs, f, e->series, &span, n);
		if (n)
			r = consider(b, &span, n - 1, e->series, f->rank);
		found |= n > 0;
	}
	return r < 0 ? r : found;
}

/* From the entry's end backwards, a page at a time. */
static int from_rows(struct best *b, struct scan *c, const struct idx_entry *e, int64_t before, const struct reader *rd)
{
	bool touched = tombs_touch(rd->catalog->tombs, file_info(scan_file(c)), e->series, e->t_min, e->t_max);
	uint64_t end = e->first_row + e->n;
	int r = scan_attach(c);

	while (r == 0 && end > e->first_row) {
		uint64_t row = MAX(scan_page_start(c, end - 1), e->first_row), from = row, to = end;

		if (scan_skip(c, row, end, INT64_MIN, before) < end)
			r = scan_within(c, &from, &to, INT64_MIN, before);
		else
			to = row;
		/* Of times at equal steps it is known to the microsecond which is the last before: it, or the one in front of it. */
		if (to < end && !touched)
			from = MAX(from, to - MIN(to - row, (uint64_t) 2));
		if (r == 0 && from < to)
			r = from_page(b, c, e, (uint64_t[2]) { from, to }, before, rd->catalog->tombs);
		end = row;
	}
	if (!rd->merge.keep)
		scan_detach(c);
	return MIN(r, 0);
}

/* The minute before says its last sample: no page of samples is needed. */
static int from_minute(struct best *b, struct reader *rd, size_t file, const struct idx_entry *e, int64_t before)
{
	const struct file_info *f = file_info(rd->catalog->file[file]);
	struct sample x;
	int r = roll_has(e->type) && !tombs_touch(rd->catalog->tombs, f, e->series, e->t_min, e->t_max) ? reader_minute(rd, file, e, before, &x) : 0;

	if (r <= 0)
		return r;
	r = consider(b, &(struct span) { .n = 1, .type = e->type, .t = &x.time_ns, .v = &x.value.i }, 0, e->series, f->rank);
	return r < 0 ? r : 1;
}

struct seen { size_t file; uint8_t parts; int64_t before; };

/* The last used sample of the last minute that ended before the instant: its samples are gone. */
static int from_figures(struct best *b, struct reader *rd, const struct series *s, const struct seen *w)
{
	const struct file_info *f = file_info(rd->catalog->file[w->file]);
	_cleanup_free_ struct rolls *rolls = sys_alloc(sizeof(*rolls));
	int r = rolls ? reader_figures(rd, w->file, s, w->parts, rolls) : err_fail(ERR_NO_MEMORY, "what", "the last sample", NULL);

	for (uint32_t i = r > 0 ? rolls->n : 0; i-- > 0;) {
		if (rolls->t_max[i] >= w->before || tombs_touch(rd->catalog->tombs, f, s->number, rolls->t_min[i], rolls->t_max[i]))
			continue;
		bool used = !rolls->used || rolls->used[i];
		int64_t t = used && rolls->last_ns ? rolls->last_ns[i] : rolls->t_max[i];
		if (!used || t < rolls->t_max[i])
			b->ended_ns = MAX(b->ended_ns, rolls->t_max[i]);
		if (!used)
			continue;
		if (b->sample.time_ns == TSDB_NEVER || t > b->sample.time_ns) {
			b->sample = (struct sample) { .series = s->number, .time_ns = t, .value = roll_last(rolls, i) };
			b->rank = f->rank;
			b->seq = 0;
		}
		break;
	}
	return MIN(r, 0);
}

/* Of one file: what it holds before the instant and less what is deleted, if it may be newer than what is known. */
static int from_file(struct best *b, struct reader *rd, const struct series *s, size_t file, int64_t before)
{
	const struct file_info *f = file_info(rd->catalog->file[file]);
	struct idx_entry e;
	struct scan *c;
	uint8_t parts;
	int r = reader_parts(rd, file, s, &parts);

	if (r == 0 && !(parts & PART_RAW))
		return parts && roll_has(s->type) ? from_figures(b, rd, s, &(struct seen) { file, parts, before }) : 0;
	if (r == 0)
		r = reader_scan(rd, file, &c);
	if (r == 0)
		r = scan_find(c, s->number, &e);
	if (r <= 0 || e.t_min >= before || MIN(e.t_max, before - 1) < b->sample.time_ns)
		return r;
	int64_t end = e.t_max < before ? e.t_max + (e.t_max < INT64_MAX) : before, until = tombs_before(rd->catalog->tombs, f, s->number, e.t_min, end);
	if (until <= e.t_min)
		return 0;
	if (e.t_max < before && until == end && e.last_kind != IDX_LAST_IN_FILE)
		return from_entry(b, &e, f->rank);
	r = rd->tiers ? from_minute(b, rd, file, &e, before) : 0;
	return r == 0 ? from_rows(b, c, &e, until, rd) : MIN(r, 0);
}

int last_before(struct reader *rd, const struct series *s, int64_t before, struct arena *a, struct sample *ret)
{
	struct best b = { .sample = { .series = s->number, .time_ns = TSDB_NEVER }, .arena = a, .ended_ns = INT64_MIN };
	int r = 0;

	if (before != INT64_MIN)
		r = reader_pieces(rd, s, INT64_MIN, before);
	else
		pieces_clear(&rd->pieces);
	if (r == 0)
		r = from_pieces(&b, &rd->pieces, s, before);
	if (b.sample.time_ns < retain_from(rd->t, rd->te, s))
		b.sample = (struct sample) { .series = s->number, .time_ns = TSDB_NEVER };
	pieces_clear(&rd->pieces);
	if (r == 0)
		r = reader_refresh(rd);
	/* The newest file most likely has it: then the others are told by their bounds. */
	for (size_t i = before == INT64_MIN ? 0 : rd->n_scans; r >= 0 && i-- > 0;) {
		const struct file_info *f = file_info(rd->catalog->file[i]);

		if (s->number < f->series_min || s->number > f->series_max || f->t_min >= before || MIN(f->t_max, before - 1) < b.sample.time_ns)
			continue;
		r = from_file(&b, rd, s, i, before);
	}
	rd->ended = b.ended_ns > b.sample.time_ns;
	if (r >= 0)
		*ret = b.sample;
	return MIN(r, 0);
}

/* Files have been asked about each of these at most once since the start. */
static int ask_files(struct reader *rd, struct series *s, struct arena *a)
{
	struct sample sample;

	while (!s->files_asked) {
		int r = query_check(rd->q);
		uint64_t covered = rd->te->covered;
		if (r == 0)
			r = last_before(rd, s, INT64_MAX, a, &sample);
		if (r == 0 && sample.time_ns != TSDB_NEVER) {
			/* Of the same time another track may know what was written before: that is in files by now. */
			head_forget(rd->t->head, rd->te->names, s, (struct head_range) { sample.time_ns, sample.time_ns + (sample.time_ns < INT64_MAX) }, covered);
			r = head_remember(rd->t->head, rd->te->names, s, &sample);
		}
		if (r < 0)
			return r;
		s->files_asked = 1;
		/* It may have been deleted meanwhile, and must not be brought back. */
		if (rd->catalog->next_tomb != rd->te->next_tomb)
			head_forget(rd->t->head, rd->te->names, s, (struct head_range) { .from = INT64_MIN, .to = INT64_MAX }, rd->te->covered);
	}
	return 0;
}

static int last_of(struct reader *rd, uint32_t number, struct arena *a, struct sample *ret)
{
	struct series *s = names_series(rd->te->names, number);
	bool no_memory = false;

	*ret = (struct sample) { .series = number, .time_ns = TSDB_NEVER };
	int r = s ? ask_files(rd, s, a) : 0;
	if (s && r == 0 && !head_last(rd->t->head, s, rd->te->names, a, ret, &no_memory) && no_memory)
		r = err_fail(ERR_NO_MEMORY, "what", "the last sample", NULL);
	if (s && ret->time_ns < retain_from(rd->t, rd->te, s))
		*ret = (struct sample) { .series = number, .time_ns = TSDB_NEVER };
	return r;
}

static int find_before(struct reader *rd, uint32_t number, struct arena *a, struct sample *ret)
{
	const struct series *s = names_series(rd->te->names, number);
	struct sample found;
	int r = s ? last_before(rd, s, rd->q->to_ns, a, &found) : 0;

	*ret = (struct sample) { .series = number, .time_ns = TSDB_NEVER };
	if (s && r == 0 && found.time_ns >= rd->q->from_ns)
		*ret = found;
	return r;
}

typedef int (*find_fn)(struct reader *rd, uint32_t number, struct arena *a, struct sample *ret);

static int each(struct tsdb *t, const struct tsdb_query *q, find_fn find, struct arena *a, struct sample *ret)
{
	struct tenant *te = tenant_find(t, q->tenant);
	struct reader rd;
	int r = te ? reader_open(t, te, q, &rd) : 0;

	for (size_t i = 0; i < q->n_series && r == 0; i++) {
		if (te)
			r = find(&rd, q->series[i], a, &ret[i]);
		else
			ret[i] = (struct sample) { .series = q->series[i], .time_ns = TSDB_NEVER };
	}
	if (te)
		reader_close(&rd);
	return r;
}

int tsdb_last(struct tsdb *t, uint32_t tenant, const uint32_t *series, size_t n, struct arena *a, struct sample *ret)
{
	return each(t, &(struct tsdb_query) { .tenant = tenant, .series = series, .n_series = n }, last_of, a, ret);
}

int tsdb_last_before(struct tsdb *t, const struct tsdb_query *q, struct arena *a, struct sample *ret)
{
	return each(t, q, find_before, a, ret);
}
