/* restore.c - what a damaged dictionary has lost, and series.parquet remembers. */
#include "tsdb/tsdb_impl.h"

#include "base/err.h"
#include "base/str.h"
#include "tsdb/names/sheet.h"

struct found { struct names *names; struct names_lost *item; size_t n, room, at; };

static int add(struct found *f, uint32_t number, const char *text, size_t len)
{
	struct names_lost x = { .number = number };

	if (!number || number > NUMBERS_MAX || names_series(f->names, number) || !uuid_parse(text, len, &x.point))
		return 0;
	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 64;
		struct names_lost *more = sys_resize(f->item, room * sizeof(*more));

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "series dictionary", NULL);
		f->item = more;
		f->room = room;
	}
	f->item[f->n++] = x;
	return 0;
}

/* Points come first, then types, each in the order of the rows; of both only the missing ones count. */
static int on_cell(void *ctx, unsigned col, uint32_t series, const char *text, size_t len)
{
	struct found *f = ctx;
	char name[16];
	struct buf b = BUF_FIXED(name);

	if (col == COL_POINT)
		return add(f, series, text, len);
	if (col != COL_TYPE || f->at == f->n || f->item[f->at].number != series)
		return 0;
	buf_addn(&b, text, len);
	f->item[f->at++].type = (uint8_t) (b.failed ? V_NONE : vtype_parse(name));
	return 0;
}

static int find(struct found *f, const char *dir)
{
	char path[PATH_MAX];
	size_t n = 0;

	if (!path_join(path, sizeof(path), dir, "series.parquet"))
		return 0;
	int r = names_sheet_read(path, &(struct names_sheet_reader) { .on_cell = on_cell, .ctx = f });
	/* What could be read of it is good: pages have checksums. */
	if (r == -ERR_CORRUPT || r == -ERR_MISSING || r == -ERR_IO) {
		err_clear();
		r = 0;
	}
	for (size_t i = 0; i < f->at; i++)
		if (f->item[i].type != V_NONE)
			f->item[n++] = f->item[i];
	f->n = n;
	return r;
}

int names_remember(struct tenant *te, const char *dict, uint32_t floor)
{
	struct found f = { .names = te->names };
	char aside[PATH_MAX];
	struct buf b = BUF_FIXED(aside);
	int r = find(&f, te->dir);

	if (r == 0 && f.n) {
		/* Some of what is damaged may be worth a look by a person; nobody else needs it. */
		buf_addf(&b, "%s.damaged", dict);
		if (!b.failed)
			sys.link(dict, aside);
		r = names_restore(te->names, f.item, f.n);
		te->names = names_free(te->names);
		if (r == 0)
			r = names_open(dict, te->id, floor, &te->names);
	}
	sys_free(f.item);
	return r;
}
