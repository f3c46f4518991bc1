/* import_test.c - a file as a whole against the same file row by row; rows that fail late; what was imported, undone. */

#include "postgres.h"
#include "tap.h"

#include "base/num.h"
#include "rec/every_test.h"
#include "service/world_test.h"

/* ---- the world ---- */

static bool begin(struct world *w) { return begin_with(w, NULL); }

static int import(struct world *w, const char *noun, const char *text, bool partial, struct noun_imported *ret)
{
	struct noun_import in = { .noun = noun_find(&w->p, noun), .text = text, .len = str_len(text), .partial = partial };

	return noun_import(&w->s, &in, ret);
}

static bool build(struct world *w)
{
	struct noun_imported out;

	return import(w, "place", "code\nacme\n", false, &out) >= 0
		&& import(w, "connection", "code,driver,config\nbus,modbus-tcp,\"{\"\"host\"\":\"\"127.0.0.1\"\"}\"\n", false, &out) >= 0
		&& import(w, "device", "code,connection,place\nplc1,bus,acme\nplc2,bus,acme\n", false, &out) >= 0
		&& import(w, "group", "code,device\nfast,plc1\nslow,plc1\nfast,plc2\n", false, &out) >= 0;
}

struct lines { struct world *w; const struct rec_type *t; struct buf text; bool heads; };

static int note(void *ctx, const void *rec)
{
	struct lines *l = ctx;
	struct json j = JSON_TO(&l->text);
	char rev[24];

	rec_to_json(l->t, rec, 0, NULL, &j);
	if (l->heads)
		buf_addn(&l->text, rev, num_format_u64(rev, ((const struct rec_head *) rec)->rev));
	buf_addc(&l->text, '\n');
	return 0;
}

/* All records of a noun as they are, by `sort`; references apart, which differ from world to world. */
static const char *all_of(struct world *w, const char *noun, const char *sort, bool heads)
{
	struct noun_query q = { .noun = noun_find(&w->p, noun), .sort = sort };
	struct lines l = { .w = w, .t = q.noun->type, .text = BUF_INIT(&sys_heap, 64 << 20), .heads = heads };
	const char *text;

	is_int(noun_list(&w->s, &q, note, &l, NULL), 0);
	text = arena_strn(&w->a, l.text.data, l.text.len);
	buf_done(&l.text);
	return text;
}

static int drop_ids(void *ctx, const void *rec)
{
	struct lines *l = ctx;
	const struct point *p = rec;

	buf_addf(&l->text, "%s|%s|%s|%d|%g|%llu\n", p->path, p->name ? p->name : "-", p->address, (int) p->type, p->scale,
		(unsigned long long) p->head.rev);
	return 0;
}

static const char *points_of(struct world *w)
{
	struct noun_query q = { .noun = noun_find(&w->p, "point"), .sort = "path" };
	struct lines l = { .w = w, .text = BUF_INIT(&sys_heap, 64 << 20) };
	const char *text;

	is_int(noun_list(&w->s, &q, drop_ids, &l, NULL), 0);
	text = arena_strn(&w->a, l.text.data, l.text.len);
	buf_done(&l.text);
	return text;
}

/* ---- rows ---- */

#define HEAD "code,device,group,address,type,name,scale,delete\n"

/* Every code once; some rows wrong: a group, an address, a type, a number, a text too long, a record that is not there. */
static void random_row(struct dice *d, unsigned code, struct buf *out)
{
	static const char *const groups[] = { "fast", "fast", "slow", "fast", "none" }, *const types[] = { "f32", "f32", "u16", "位", "bool", "f33" };
	const char *group = groups[dice_below(d, 5)], *type = types[dice_below(d, 6)];
	unsigned device = dice_below(d, 9) ? 1 + (unsigned) dice_below(d, 2) : 3, name = (unsigned) dice_below(d, 9), address = (unsigned) dice_below(d, 60);
	bool gone = !dice_below(d, 6);

	buf_addf(out, "p%u,plc%u,%s,%s%u,%s,", code, device, group, address > 56 ? "4zz" : "HR", address, type);
	for (unsigned i = 0; i < (name == 8 ? 140 : name); i++)
		buf_add(out, "名");
	buf_addf(out, ",%s,%s\n", name == 7 ? "x" : "0.5", gone ? "yes" : "");
}

/* The same file row by row, each in a file of its own: what it says and what it leaves must be what the file says and leaves. */
TEST(a_file_does_what_its_rows_do_one_by_one)
{
	struct world whole, single;
	struct dice d = { 3 };

	must(begin(&whole) && build(&whole) && begin(&single) && build(&single));
	for (int round = 0; round < 4; round++) {
		_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 20);
		struct noun_imported out, one, sum = { .rows = 0 };
		uint32_t nth = 0, n = 180;
		int r;

		buf_add(&text, HEAD);
		for (unsigned i = 0; i < n; i++)
			random_row(&d, (i * 7) % n, &text);
		is_int(import(&whole, "point", text.data, true, &out), 0);
		for (const char *at = str_find(text.data, "\n") + 1, *to; *at; at = to) {
			to = str_find(at, "\n") + 1;
			r = import(&single, "point", arena_fmt(&single.a, HEAD "%.*s", (int) (to - at), at), true, &one);
			is_int(r, 0);
			sum.rows += one.rows;
			sum.created += one.created;
			sum.updated += one.updated;
			sum.deleted += one.deleted;
			sum.unchanged += one.unchanged;
			sum.failed += one.failed;
			for (uint32_t i = 0; i < one.n_errors && nth < out.n_errors; i++, nth++) {
				is_int(out.errors[nth].line, sum.rows + 1);
				is_str(out.errors[nth].column, one.errors[i].column);
				is_str(err_log_text(&out.errors[nth].err), err_log_text(&one.errors[i].err));
			}
		}
		is_int(nth, out.n_errors);
		is_int(out.rows, sum.rows);
		is_int(out.created, sum.created);
		is_int(out.updated, sum.updated);
		is_int(out.deleted, sum.deleted);
		is_int(out.unchanged, sum.unchanged);
		is_int(out.failed, sum.failed);
		ok(out.failed > 20 && out.created > 10 && (!round || (out.updated > 5 && out.deleted > 2)));
		is_str(points_of(&whole), points_of(&single));
	}
	end(&whole);
	end(&single);
}

static int id_of(void *ctx, const void *rec)
{
	*(struct uuid *) ctx = ((const struct rec_head *) rec)->id;
	return 0;
}

static const char *id_text(struct world *w, const char *noun, const char *code)
{
	struct store_filter f = { "code", STORE_EQ, code };
	struct noun_query q = { .noun = noun_find(&w->p, noun), .filters = &f, .n_filters = 1 };
	char *text = arena_alloc(&w->a, UUID_TEXT + 1);
	struct uuid id = { { 0 } };

	is_int(noun_list(&w->s, &q, id_of, &id, NULL), 0);
	uuid_format(&id, text);
	return text;
}

/* A device's row writes the device, then renames its points: where that fails the device, too, is as it was. */
TEST(a_row_that_fails_after_it_wrote_is_taken_back_alone)
{
	char x[181], y[181];
	const char *before, *deep;
	struct noun_imported out;
	struct world w;

	memset(x, 'x', 180);
	memset(y, 'y', 180);
	x[180] = y[180] = 0;
	must(begin(&w) && build(&w));
	must(import(&w, "place", arena_fmt(&w.a, "code,parent\n%s,\n", x), false, &out) == 0);
	must(import(&w, "place", arena_fmt(&w.a, "code,parent\n%s,%s\n", y, x), false, &out) == 0);
	must(import(&w, "point", "code,device,group,address\nt,plc1,fast,HR1\nt,plc2,fast,HR1\n", false, &out) == 0);
	before = points_of(&w);
	deep = id_text(&w, "place", y);
	/* three times 180 characters: a point's path has at most 500 */
	is_int(import(&w, "device", arena_fmt(&w.a, "id,code,place,name\n%s,plc1,acme,one\n%s,%s,%s,two\n,plc3,acme,three\n",
		id_text(&w, "device", "plc1"), id_text(&w, "device", "plc2"), x, deep), true, &out), 0);
	is_int(out.updated, 1);
	is_int(out.failed, 2);          /* a new device needs a connection; it had none */
	must(out.n_errors >= 1);
	is_int(out.errors[0].line, 3);
	is_str(points_of(&w), before);
	ok(str_find(all_of(&w, "device", "code", true), "\"code\":\"plc2\""));
	ok(!str_find(all_of(&w, "device", "code", true), x));
	ok(str_find(all_of(&w, "device", "code", true), "\"name\":\"one\""));
	end(&w);
}

TEST(an_import_is_undone_as_one_step)
{
	const char *before, *after = HEAD "p1,plc1,fast,HR9,u16,new name,2,\np2,plc1,slow,HR2,f32,,,yes\n";
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 20);
	struct noun_imported out;
	struct noun_undone undone;
	struct world w;

	must(begin(&w) && build(&w));
	must(import(&w, "point", HEAD "p1,plc1,fast,HR1,f32,old,1,\np2,plc1,slow,HR2,f32,,,\np3,plc2,fast,HR3,f32,,,\n", false, &out) == 0);
	before = all_of(&w, "point", "id", false);
	buf_add(&text, after);
	for (unsigned i = 0; i < 500; i++)
		buf_addf(&text, "n%u,plc%u,fast,HR%u,f32,,,\n", i, 1 + i % 2, i);
	is_int(import(&w, "point", text.data, false, &out), 0);
	is_int(out.created, 500);
	is_int(out.updated, 1);
	is_int(out.deleted, 1);
	must(import(&w, "point", HEAD "n7,plc2,fast,HR1,f32,changed since,,\n", false, &(struct noun_imported) { 0 }) == 0);
	is_int(noun_undo(&w.s, &out.id, true, &undone), 0);
	is_int(undone.deleted, 499);
	is_int(noun_undo(&w.s, &out.id, false, &undone), 0);
	is_int(undone.deleted, 499);
	is_int(undone.restored, 1);
	is_int(undone.brought_back, 1);
	is_int(undone.kept, 1);
	is_str(undone.items[0].code, "n7");
	must(import(&w, "point", HEAD "n7,plc2,fast,HR1,f32,,,yes\n", false, &(struct noun_imported) { 0 }) == 0);
	is_str(all_of(&w, "point", "id", false), before);
	end(&w);
}

#define SHORT_HEAD "code,device,group,address,type,name,scale\n"
enum { PART = 500, LONG = 3000 };

/* Long files are written behind: what they say and leave is what their parts, which are too short for that, say and leave. */
TEST(a_long_file_does_what_its_parts_do)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 20), part = BUF_INIT(&sys_heap, 1 << 20);
	struct noun_imported out, one, sum = { .rows = 0 };
	struct world whole, parts;
	struct dice d = { 11 };
	uint32_t nth = 0;
	const char *at;

	must(begin(&whole) && build(&whole) && begin(&parts) && build(&parts));
	buf_add(&text, SHORT_HEAD);
	for (unsigned i = 0; i < LONG; i++) {                  /* each 700th twice within its part, each 900th wrong */
		unsigned code = i % 700 == 1 ? i - 1 : i;

		buf_addf(&text, "p%u,plc%u,%s,%s%u,f32,点%u,0.5\n", code, 1 + code % 2, code % 4 ? "fast" : code % 2 ? "fast" : "slow", i % 900 == 899 ? "4zz" : "HR",
			(unsigned) dice_below(&d, 60), i);
	}
	for (int round = 0; round < 2; round++) {              /* then each is there */
		is_int(import(&whole, "point", text.data, true, &out), 0);
		at = str_find(text.data, "\n") + 1;
		sum = (struct noun_imported) { .rows = 0 };
		nth = 0;
		while (*at) {
			buf_clear(&part);
			buf_add(&part, SHORT_HEAD);
			for (unsigned i = 0; i < PART && *at; i++) {
				const char *to = str_find(at, "\n") + 1;

				buf_addn(&part, at, (size_t) (to - at));
				at = to;
			}
			is_int(import(&parts, "point", part.data, true, &one), 0);
			for (uint32_t i = 0; i < one.n_errors && nth < out.n_errors; i++, nth++) {
				is_int(out.errors[nth].line, sum.rows + one.errors[i].line);
				is_str(out.errors[nth].column, one.errors[i].column);
				is_int(out.errors[nth].err.kind, one.errors[i].err.kind);
			}
			sum.rows += one.rows;
			sum.created += one.created;
			sum.unchanged += one.unchanged;
			sum.failed += one.failed;
		}
		is_int(nth, out.n_errors);
		is_int(out.rows, sum.rows);
		is_int(out.created, sum.created);
		is_int(out.unchanged, sum.unchanged);
		is_int(out.failed, sum.failed);
		ok(out.failed > 5 && (round ? out.unchanged : out.created) > 2900);
		is_str(points_of(&whole), points_of(&parts));
	}
	end(&whole);
	end(&parts);
}

/* A path that only the store knows of: the row whose point would have it is named all the same, and the others are there. */
TEST(a_row_of_a_long_file_that_the_store_refuses_is_named)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 1 << 20);
	struct store_filter f = { "path", STORE_EQ, "acme/plc1/p0" };
	struct noun_query q = { .filters = &f, .n_filters = 1 };
	struct noun_imported out;
	struct store_tx *tx;
	struct store *store;
	struct point p;
	struct uuid id;
	struct world w;

	must(begin(&w) && build(&w));
	must(import(&w, "point", SHORT_HEAD "p0,plc1,fast,HR1,f32,,\n", false, &out) == 0);
	q.noun = noun_find(&w.p, "point");
	is_int(noun_list(&w.s, &q, id_of, &id, NULL), 0);
	must(guard_store_of(&w.s, DEED_TENANT, &store) == 0 && store_begin(store, STORE_WRITE, 0, &tx) == 0);
	must(store_get(tx, &point_type, &id, &p, &w.a) == 0);
	p.path = "acme/plc1/p1500";
	must(store_put(tx, &point_type, &p, NULL) == 0 && store_commit(tx) == 0);
	buf_add(&text, SHORT_HEAD);
	for (unsigned i = 1; i < LONG; i++)
		buf_addf(&text, "p%u,plc1,fast,HR1,f32,,\n", i);
	is_int(import(&w, "point", text.data, false, &out), -ERR_INVALID);      /* all or nothing */
	is_int(out.failed, 1);
	is_int(out.errors[0].line, 1501);
	is_str(out.errors[0].column, "path");
	is_int(import(&w, "point", text.data, true, &out), 0);
	is_int(out.created, LONG - 2);
	is_int(out.failed, 1);
	is_int(out.errors[0].err.kind, ERR_EXISTS);
	end(&w);
}
