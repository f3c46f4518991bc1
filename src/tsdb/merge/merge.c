/* merge.c - many sorted sources into one. */
#include "tsdb/merge/merge_impl.h"

#include <stdlib.h>

#include "base/err.h"
#include "sys/sys.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "merging samples", NULL); }

void merge_begin(struct merge *m, int64_t from, int64_t to)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!m->spare)
			m->spare = take(m->source[i].room);
		sys_free(m->source[i].room);
		merge_drop_rolls(m, &m->source[i]);
	}
	m->n = m->next = m->n_open = 0;
	m->begun = false;
	m->failed = NULL;
	m->tombs = NULL;
	m->from = from;
	m->to = to;
}

void merge_done(struct merge *m)
{
	merge_begin(m, 0, 0);
	sys_free(m->spare);
	sys_free(m->source);
	sys_free(m->open);
	for (unsigned i = 0; i < ELEMENTSOF(m->spare_rolls); i++)
		sys_free(m->spare_rolls[i]);
	sys_free(m->known.r);
	*m = (struct merge) { 0 };
}

static struct source *add(struct merge *m)
{
	if (m->n == m->room) {
		size_t room = MAX(m->room * 2, (size_t) 16);
		struct source *s = sys_resize(m->source, room * sizeof(*s));

		if (!s)
			return NULL;
		m->source = s;
		m->room = room;
	}
	struct source *s = &m->source[m->n];
	*s = (struct source) { .order = (uint32_t) m->n };
	m->n++;
	return s;
}

int merge_add_pieces(struct merge *m, const struct pieces *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct source *s = add(m);

		if (!s)
			return no_memory();
		s->t_min = MAX(p->item[i].t_min, m->from);
		s->rank = UINT64_MAX;
		s->piece = &p->item[i];
	}
	return 0;
}

/* Then no page of it is read. */
static bool is_all_deleted(const struct merge *m, const struct file_info *f, const struct idx_entry *e)
{
	int64_t from = MAX(e->t_min, m->from), end = m->to != INT64_MAX && e->t_max >= m->to ? m->to : e->t_max + (e->t_max < INT64_MAX);

	return tombs_before(m->tombs, f, e->series, from, end) <= from;
}

int merge_add_rows(struct merge *m, struct scan *c, const struct idx_entry *e, uint8_t type)
{
	const struct file_info *f = file_info(scan_file(c));
	bool touched;

	if (e->t_max < m->from || (e->t_min >= m->to && m->to != INT64_MAX))
		return 0;
	touched = tombs_touch(m->tombs, f, e->series, e->t_min, e->t_max);
	if (touched && is_all_deleted(m, f, e))
		return 0;
	struct source *s = add(m);
	if (!s)
		return no_memory();
	s->t_min = MAX(e->t_min, m->from);
	s->rank = f->rank;
	s->scan = c;
	s->row = e->first_row;
	s->end = s->stop = e->first_row + e->n;
	s->type = type;
	s->entry = *e;
	if (touched) {
		size_t n;

		s->tomb = tombs_of(m->tombs, e->series, &n);
		s->tomb_end = s->tomb + n;
	}
	return 0;
}

int merge_add_bare(struct merge *m, const struct file_info *f, const struct idx_entry *e, uint8_t type)
{
	struct source *s = add(m);

	if (!s)
		return no_memory();
	s->t_min = MAX(e->t_min, m->from);
	s->rank = f->rank;
	s->type = type;
	s->bare = f;
	s->entry.series = e->series;
	return 0;
}

static int by_time(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	if (x->t_min != y->t_min)
		return x->t_min < y->t_min ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* --- Open sources */

/* Keeps what lies in [from, to). */
static void clip(struct merge *m, struct source *s)
{
	uint32_t end = m->to == INT64_MAX ? s->span.n : span_find(&s->span, 0, m->to);

	s->at = s->span.n && s->span.t[0] < m->from ? span_find(&s->span, 0, m->from) : 0;
	s->span.n = MAX(end, s->at);
}

/* The first tomb that means rows of this file at t or behind. */
static const struct tomb *tomb_behind(struct source *s, int64_t t)
{
	const struct file_info *f = file_info(scan_file(s->scan));

	while (s->tomb < s->tomb_end && (!tomb_is_of(s->tomb, f) || (s->tomb->to_ns <= t && s->tomb->to_ns != INT64_MAX)))
		s->tomb++;
	return s->tomb < s->tomb_end ? s->tomb : NULL;
}

/* Of the rows that are read the next that no tomb means. */
static bool stretch(struct source *s)
{
	while (s->rest.n) {
		const struct tomb *d = tomb_behind(s, s->rest.t[0]);
		bool meant = d && d->from_ns <= s->rest.t[0];
		int64_t end = !d ? INT64_MAX : meant ? d->to_ns : d->from_ns;
		uint32_t n = end == INT64_MAX ? s->rest.n : span_find(&s->rest, 0, end);

		s->span = span_part(&s->rest, 0, meant ? 0 : n);
		s->at = 0;
		s->rest = span_part(&s->rest, n, s->rest.n - n);
		if (s->span.n)
			return true;
	}
	return false;
}

/* What was read, less what lies outside or is deleted. */
static bool any_left(struct merge *m, struct source *s)
{
	clip(m, s);
	if (s->tomb == s->tomb_end)
		return s->at < s->span.n;
	s->rest = span_part(&s->span, s->at, s->span.n - s->at);
	return stretch(s);
}

/* The next span with something in it: 1; 0: the source has ended. */
static int load(struct merge *m, struct source *s)
{
	if (s->rest.n && stretch(s))
		return 1;
	if (s->piece) {
		if (s->room || s->span.n)
			return 0;
		if (s->piece->copy) {
			s->span = s->piece->span;
		} else {
			s->room = m->spare ? take(m->spare) : sys.malloc(sizeof(*s->room));
			int r = s->room ? chunk_read(s->piece->chunk, s->piece->col, s->piece->type, s->room, &s->span) : no_memory();
			if (r < 0)
				return r;
		}
		clip(m, s);
		return s->at < s->span.n;
	}
	return s->roll[ROLL_MINUTE] || s->roll[ROLL_HOUR] ? merge_load_tiers(m, s) : merge_load_raw(m, s);
}

int merge_load_raw(struct merge *m, struct source *s)
{
	int r = scan_attach(s->scan);
	if (r < 0)
		m->failed = s->scan;
	for (;;) {
		if (r < 0)
			return r;
		s->row = scan_skip(s->scan, s->row, s->stop, m->from, m->to);
		if (s->row >= s->stop)
			return 0;
		uint64_t stop = s->stop;
		r = scan_within(s->scan, &s->row, &stop, m->from, m->to);
		if (r == 0 && s->row >= stop) {         /* all of the run is before, or what follows is behind */
			s->row = stop < s->stop ? s->stop : s->row;
			continue;
		}
		if (r == 0)
			r = scan_read(s->scan, s->type, s->row, stop, &s->span);
		if (r < 0) {
			m->failed = s->scan;
			return r;
		}
		s->row += s->span.n;
		if (any_left(m, s))
			return 1;
	}
}

static int64_t now_at(const struct merge *m, size_t open)
{
	const struct source *s = &m->source[m->open[open]];

	return s->span.t[s->at];
}

static void ended(struct merge *m, struct source *s)
{
	if (!m->spare)
		m->spare = take(s->room);
	if (s->scan && !m->keep)
		scan_detach(s->scan);
	for (unsigned i = 0; i < ROLL_TIERS && !m->keep; i++)
		if (s->roll[i])
			roll_detach(s->roll[i]);
	merge_drop_rolls(m, s);
}

static int open_next(struct merge *m)
{
	if (m->n_open == m->open_room) {
		size_t room = MAX(m->open_room * 2, (size_t) 8);
		uint32_t *open = sys_resize(m->open, room * sizeof(*open));

		if (!open)
			return no_memory();
		m->open = open;
		m->open_room = room;
	}
	struct source *s = &m->source[m->next];
	int r = load(m, s);
	if (r > 0)
		m->open[m->n_open++] = (uint32_t) m->next;
	else if (r == 0)
		ended(m, s);
	m->next++;
	return r < 0 ? r : 0;
}

/* Sources whose span is used up go on or end. */
static int refill(struct merge *m)
{
	for (size_t i = 0; i < m->n_open;) {
		struct source *s = &m->source[m->open[i]];

		if (s->at < s->span.n) {
			i++;
			continue;
		}
		int r = load(m, s);
		if (r < 0)
			return r;
		if (r > 0) {
			i++;
			continue;
		}
		ended(m, s);
		m->open[i] = m->open[--m->n_open];
	}
	return 0;
}

/* Opens all that may hold the next time; *ret is the open one that has it. False: nothing is left. */
static int earliest(struct merge *m, size_t *ret)
{
	for (;;) {
		int64_t least = INT64_MAX;
		size_t best = SIZE_MAX;

		for (size_t i = 0; i < m->n_open; i++)
			if (best == SIZE_MAX || now_at(m, i) < least) {
				least = now_at(m, i);
				best = i;
			}
		if (m->next < m->n && (best == SIZE_MAX || m->source[m->next].t_min <= least)) {
			int r = open_next(m);

			if (r < 0)
				return r;
			continue;
		}
		*ret = best;
		return best != SIZE_MAX;
	}
}

static bool wins(const struct source *a, const struct source *b)
{
	uint64_t a_seq = a->span.seq ? a->span.seq[a->at] : a->span.seq_all, b_seq = b->span.seq ? b->span.seq[b->at] : b->span.seq_all;

	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (a_seq != b_seq)
		return a_seq > b_seq;
	return a->order > b->order;
}

/* Several have a sample at t: the winner's goes out, the others' are passed over. */
static void pick(struct merge *m, int64_t t, struct span *ret)
{
	struct source *best = NULL;

	for (size_t i = 0; i < m->n_open; i++) {
		struct source *s = &m->source[m->open[i]];

		if (now_at(m, i) == t && !s->is_roll && (!best || wins(s, best)))
			best = s;
	}
	*ret = span_part(&best->span, best->at, 1);
	for (size_t i = 0; i < m->n_open; i++)
		if (now_at(m, i) == t && !m->source[m->open[i]].is_roll)
			m->source[m->open[i]].at++;
}

/* Nothing is open, and the next source ends before the one after it begins? */
static bool next_is_whole(const struct merge *m)
{
	const struct source *s = &m->source[m->next];
	const struct idx_entry *e = &s->entry;

	return s->scan && s->tomb == s->tomb_end && e->type == s->type && e->t_min >= m->from && e->t_max < m->to && (m->next + 1 == m->n || s[1].t_min > e->t_max) &&
		m->whole(m->whole_ctx, e);
}

/* Rows of figures that begin before `bound` and end behind it, of sources that have samples, too. */
static bool break_rolls(struct merge *m, int64_t t)
{
	bool any = false;

	for (size_t i = 0; i < m->n_open; i++) {
		struct source *s = &m->source[m->open[i]];

		if (s->is_roll && !s->bare && now_at(m, i) == t) {
			merge_break_roll(s);
			any = true;
		}
	}
	return any;
}

/* Where the next source begins, and whether there is any but this one. */
static int64_t bound_of(const struct merge *m, size_t first, bool *ret_alone)
{
	int64_t bound = m->next < m->n ? m->source[m->next].t_min : INT64_MAX;

	*ret_alone = m->next == m->n;
	for (size_t i = 0; i < m->n_open; i++)
		if (i != first) {
			bound = MIN(bound, now_at(m, i));
			*ret_alone = false;
		}
	return bound;
}

static void hand_out(struct source *s, bool alone, int64_t bound, struct span *ret)
{
	uint32_t end = alone || s->span.t[s->span.n - 1] < bound ? s->span.n : span_find(&s->span, s->at, bound);

	*ret = span_part(&s->span, s->at, end - s->at);
	s->at = end;
}

int merge_next(struct merge *m, struct span *ret)
{
	size_t first;

	if (!m->begun) {
		if (m->n)
			qsort(m->source, m->n, sizeof(*m->source), by_time);
		m->begun = true;
	}
	for (;;) {
		int r = refill(m);

		if (r == 0 && m->whole && m->n_open == 0 && m->next < m->n && next_is_whole(m)) {
			m->entry = &m->source[m->next++].entry;
			return 2;
		}
		if (r == 0)
			r = earliest(m, &first);
		if (r <= 0)
			return r;
		struct source *s = &m->source[m->open[first]];
		bool alone;
		int64_t t = now_at(m, first), bound = bound_of(m, first, &alone);
		if (s->is_roll && (s->bare || alone || s->rolls[s->tier]->t_max[s->k[s->tier]] < bound)) {
			merge_take_rolls(m, s, alone ? INT64_MAX : bound);
			return 3;
		}
		if ((s->is_roll || (!alone && bound == t)) && break_rolls(m, t))
			continue;
		if (!alone && bound == t)
			pick(m, t, ret);
		else
			hand_out(s, alone, bound, ret);
		return 1;
	}
}
