/*
 * merge_roll.c - a source that has figures beside its samples: which of the two comes next.
 *
 * Rows of figures and samples say the same, row after row: the hour is its minutes, the minute its samples. So the source stands at a sample, and
 * where a row begins with it there is a choice: the hour, the minute, or the samples of the minute.
 */
#include "tsdb/merge/merge_impl.h"

#include "base/err.h"
#include "sys/sys.h"

struct rolls *merge_room_for_rolls(struct merge *m)
{
	for (unsigned i = 0; i < ELEMENTSOF(m->spare_rolls); i++)
		if (m->spare_rolls[i])
			return take(m->spare_rolls[i]);
	return sys.malloc(sizeof(struct rolls));
}

void merge_give_rolls(struct merge *m, struct rolls *r)
{
	for (unsigned i = 0; r && i < ELEMENTSOF(m->spare_rolls); i++)
		if (!m->spare_rolls[i])
			m->spare_rolls[i] = take(r);
	sys_free(r);
}

void merge_know_rolls(struct merge *m, const struct known_rolls *k)
{
	merge_give_rolls(m, m->known.r);
	m->known = *k;
}

void merge_drop_rolls(struct merge *m, struct source *s)
{
	for (unsigned t = 0; t < ROLL_TIERS; t++)
		merge_give_rolls(m, take(s->rolls[t]));
}

static int read_tier(struct merge *m, struct source *s, unsigned t)
{
	bool lean = m->lean && s->bare == NULL;
	int r = 0;

	if (m->known.r && m->known.scan == s->roll[t] && m->known.series == s->roll_entry[t].series && m->known.lean == lean) {
		s->rolls[t] = take(m->known.r);
	} else {
		s->rolls[t] = merge_room_for_rolls(m);
		if (!s->rolls[t])
			return err_fail(ERR_NO_MEMORY, "what", "merging samples", NULL);
		r = roll_read(s->roll[t], &s->roll_entry[t], s->type, lean, s->rolls[t]);
	}
	if (r == 0 && !s->bare && s->rolls[t]->row[s->rolls[t]->n] != s->entry.n)
		r = err_fail(ERR_CORRUPT, "what", "roll-ups", "detail", "they count other samples than there are", NULL);
	return r;
}

/* The tier whose rows the others are cut to: minutes where there are some. */
static unsigned finest(const struct source *s) { return s->rolls[ROLL_MINUTE] ? ROLL_MINUTE : ROLL_HOUR; }

/* Figures that cannot be read are passed over while there are samples. */
static int open_tiers(struct merge *m, struct source *s)
{
	for (unsigned t = 0; t < ROLL_TIERS; t++) {
		int r = s->roll[t] ? read_tier(m, s, t) : 0;

		if (r == -ERR_NO_MEMORY || (r < 0 && s->bare))
			return r;
		if (r < 0) {
			roll_set_aside(s->roll[t]);
			err_clear();
			merge_drop_rolls(m, s);
			s->roll[ROLL_MINUTE] = s->roll[ROLL_HOUR] = NULL;
			s->stop = s->end;
			return 0;
		}
	}
	unsigned t = finest(s);
	uint32_t k = rolls_until(s->rolls[t], 0, s->rolls[t]->n, m->from);
	s->k[t] = k;
	s->row = s->stop = s->entry.first_row + s->rolls[t]->row[k];
	return 0;
}

static void align(struct source *s, unsigned t)
{
	const struct rolls *r = s->rolls[t];

	while (r && s->k[t] < r->n && r->row[s->k[t]] + s->entry.first_row < s->row)
		s->k[t]++;
}

static bool begins_here(const struct source *s, unsigned t)
{
	const struct rolls *r = s->rolls[t];

	return r && s->k[t] < r->n && r->row[s->k[t]] + s->entry.first_row == s->row;
}

static void choose(struct source *s, unsigned t)
{
	s->is_roll = true;
	s->tier = (uint8_t) t;
	s->at = 0;
	s->span = (struct span) { .n = 1, .type = s->type, .t = &s->rolls[t]->t_min[s->k[t]], .seq_all = s->rank };
}

/* Of samples that are gone a delete takes all of their minute along. */
static bool is_deleted(const struct merge *m, const struct source *s, const struct rolls *r, uint32_t k)
{
	return s->bare && tombs_touch(m->tombs, s->bare, s->entry.series, r->t_min[k], r->t_max[k]);
}

int merge_load_tiers(struct merge *m, struct source *s)
{
	if (!s->rolls[ROLL_MINUTE] && !s->rolls[ROLL_HOUR]) {
		int r = open_tiers(m, s);

		if (r < 0)
			return r;
	}
	for (;;) {
		if (s->row < s->stop) {
			int r = merge_load_raw(m, s);

			if (r != 0)
				return r;
			s->row = s->stop;
		}
		if (!s->rolls[ROLL_MINUTE] && !s->rolls[ROLL_HOUR])
			return 0;
		align(s, ROLL_MINUTE);
		align(s, ROLL_HOUR);
		unsigned fine = finest(s);
		const struct rolls *r = s->rolls[fine];
		while (s->k[fine] < r->n && is_deleted(m, s, r, s->k[fine]))
			s->row = s->stop = r->row[++s->k[fine]];
		align(s, ROLL_HOUR);
		if (s->k[fine] >= r->n || (r->t_min[s->k[fine]] >= m->to && m->to != INT64_MAX))
			return 0;
		for (unsigned t = ROLL_TIERS; t-- > 0;) {
			uint32_t k = s->k[t];

			r = s->rolls[t];
			if (begins_here(s, t) && r->t_min[k] >= m->from && r->t_max[k] < m->to && !is_deleted(m, s, r, k) && m->rows(m->whole_ctx, r, k, k + 1)) {
				choose(s, t);
				return 1;
			}
		}
		if (s->bare) {
			choose(s, fine);
			return 1;
		}
		s->stop = s->entry.first_row + s->rolls[fine]->row[s->k[fine] + 1];
	}
}

/* Somebody else has samples among those of the row: its own are needed, or its minutes. */
void merge_break_roll(struct source *s)
{
	s->is_roll = false;
	s->span.n = s->at = 0;
	if (s->tier == finest(s))
		s->stop = s->entry.first_row + s->rolls[s->tier]->row[s->k[s->tier] + 1];
	else
		s->k[s->tier]++;
}

/* Row k and those behind it that end before `bound` and will do together with it. */
void merge_take_rolls(struct merge *m, struct source *s, int64_t bound)
{
	const struct rolls *r = s->rolls[s->tier], *other = s->tier == ROLL_MINUTE ? s->rolls[ROLL_HOUR] : NULL;
	uint32_t k = s->k[s->tier], end = k + 1;

	align(s, ROLL_HOUR);
	/* Where an hour begins that may stand for its minutes, there is a choice again. */
	uint64_t stop = UINT64_MAX;
	if (other && s->k[ROLL_HOUR] < other->n) {
		uint32_t h = s->k[ROLL_HOUR] + (other->row[s->k[ROLL_HOUR]] <= r->row[k]);

		stop = h < other->n ? other->row[h] : UINT64_MAX;
	}
	bound = MIN(bound, m->to);
	if (stop == UINT64_MAX && !s->bare && r->t_max[r->n - 1] < bound)
		end = r->n;
	while (end < r->n && r->t_max[end] < bound && r->row[end] < stop && !is_deleted(m, s, r, end))
		end++;
	uint32_t n = r->t_min[k] >= m->from && r->t_max[k] < m->to ? m->rows(m->whole_ctx, r, k, end) : 0;
	m->figures = (struct merged_rolls) { .r = r, .k = k, .n = MAX(n, 1u), .forced = n == 0 };
	s->is_roll = false;
	s->span.n = s->at = 0;
	s->k[s->tier] = k + m->figures.n;
	s->row = s->stop = s->entry.first_row + r->row[s->k[s->tier]];
}

void merge_add_rolls(struct merge *m, enum roll_tier tier, struct roll_scan *c, const struct idx_entry *e)
{
	struct source *s = &m->source[m->n - 1];

	s->roll[tier] = c;
	s->roll_entry[tier] = *e;
	s->stop = s->row;
}
