/* retain_purge.c - files whose samples are gone, of which something is deleted: written again without the minutes that are meant. */
#include "tsdb/keep/retain_impl.h"

#include "base/err.h"
#include "tsdb/roll_out.h"

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "roll-ups", NULL); }

/* --- Figures of one file into another */

/* The rows of one tier that nothing deleted lies in. */
static int read_rows(struct again *g, unsigned tier, uint32_t series, uint8_t type)
{
	struct idx_entry e;
	int r = g->in[tier] ? roll_find(g->in[tier], series, &e) : 0;

	g->roller->n[tier] = 0;
	if (r > 0)
		r = roll_read(g->in[tier], &e, type, false, g->rolls);
	else
		return r;
	for (uint32_t i = 0; r == 0 && i < g->rolls->n; i++) {
		struct roll *row = &g->roller->row[tier][g->roller->n[tier]];

		if (tombs_touch(g->tombs, file_info(g->file), series, g->rolls->t_min[i], g->rolls->t_max[i]))
			continue;
		roll_get(g->rolls, i, row);
		g->roller->n[tier]++;
	}
	return r;
}

int again_series(struct again *g, uint32_t series, uint8_t type, uint8_t parts)
{
	int r = read_rows(g, ROLL_HOUR, series, type);

	if (r >= 0)
		r = read_rows(g, ROLL_MINUTE, series, type);
	/* Hours are those of the minutes that are left. */
	if (r >= 0 && g->roller->n[ROLL_MINUTE]) {
		g->roller->n[ROLL_HOUR] = 0;
		roller_end(g->roller, type);
	}
	for (unsigned t = 0; t < ROLL_TIERS && r >= 0; t++)
		if (parts & roll_part(t))
			r = roll_out_rows(g->out, t, series, type, g->roller->row[t], g->roller->n[t]);
	return MIN(r, 0);
}

int again_open(struct again *g, struct tsdb *t, struct tenant *te, struct file *f, const struct tombs *tombs)
{
	*g = (struct again) { .te = te, .file = f, .tombs = tombs };
	g->rolls = sys_alloc(sizeof(*g->rolls));
	g->roller = sys_alloc(sizeof(*g->roller));
	int r = g->rolls && g->roller ? pq_scratch_new(&g->scratch) : no_memory();

	for (unsigned tier = 0; tier < ROLL_TIERS && r == 0; tier++)
		if (file_roll(f, tier))
			r = roll_scan_new(file_roll(f, tier), g->scratch, &g->in[tier]);
	if (r == 0)
		r = roll_out_new(t, te, &g->out);
	if (r == 0) {
		g->info = *file_info(f);
		g->info.number = tenant_numbers(te, 1);
		g->info.rows = g->info.bytes = 0;
		g->info.folder = FOLDER_DATA;
		g->info.parts = 0;
		roll_out_begin(g->out, &g->info);
	}
	return r;
}

void again_close(struct again *g)
{
	for (unsigned tier = 0; tier < ROLL_TIERS; tier++)
		roll_scan_free(g->in[tier]);
	roll_out_free(g->out);
	pq_scratch_free(g->scratch);
	sys_free(g->rolls);
	sys_free(g->roller);
	*g = (struct again) { 0 };
}

/* --- A file of figures alone */

static int all_series(struct again *g)
{
	const struct file_info *f = file_info(g->file);
	int r = 0;

	for (uint32_t i = f->series_min; i <= f->series_max && r >= 0; i++) {
		const struct series *s = names_series(g->te->names, i);

		if (s && roll_has(s->type))
			r = again_series(g, i, s->type, PARTS_ALL);
	}
	return r;
}

static int again(struct tsdb *t, struct tenant *te, const struct catalog *c, struct file *f)
{
	struct again g = { 0 };
	int r = again_open(&g, t, te, f, c->tombs);

	if (r == 0)
		r = all_series(&g);
	if (r == 0)
		r = roll_out_close(g.out, &g.info.parts);
	g.info.tombs = c->next_tomb - 1;
	if (r == 0)
		r = tenant_change(te, &(struct change) { .add = &g.info, .n_add = g.info.parts != 0, .remove = &f, .n_remove = 1 });
	else if (g.te)
		tenant_file_drop(te, &g.info);
	again_close(&g);
	return r;
}

int retain_purge(struct tsdb *t, struct tenant *te, const struct catalog *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *f = file_info(c->file[i]);

		if (f->parts & PART_RAW || f->tombs >= c->next_tomb - 1 || !tombs_touch_file(c->tombs, f) || file_is_aside(c->file[i]))
			continue;
		int r = again(t, te, c, c->file[i]);
		if (r < 0)
			file_set_aside(c->file[i], INT64_MAX);
		return r < 0 ? r : 1;
	}
	return 0;
}
