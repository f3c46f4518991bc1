/* plant_test.c - the picture against what the store was told, in a folder of its own with a real store, log and dictionary. */
#include "plant/plant.h"

#include "base/str.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

#include "postgres.h"
#include "tap.h"

struct told { enum plant_what what; struct uuid id, group; bool gone; };

struct place_of_test {
	struct buf dir;
	char db[4096];                  /* the store borrows its path */
	struct store *store;
	struct wal *wal;
	struct tsdb *tsdb;
	struct plant *plant;
	struct arena arena;
	struct told told[100];
	int n_told;
	struct connection connection;
	struct device device;
	struct group group[2];
};

static const struct store_noun nouns[] = { { &place_type, 0 }, { &connection_type, 0 }, { &device_type, 0 }, { &group_type, 0 }, { &point_type, 0 } };

static void on_event(void *ctx, const struct plant_event *e)
{
	struct place_of_test *t = ctx;

	if (t->n_told < 100)
		t->told[t->n_told++] = (struct told) { e->what, e->id, e->point ? e->point->group : (struct uuid) { { 0 } }, !e->rec };
}

static bool put(struct place_of_test *t, const struct rec_type *type, void *rec)
{
	struct store_tx *tx;
	struct uuid by = { { 1 } };

	if (store_begin(t->store, STORE_WRITE, 0, &tx) < 0)
		return false;
	if (store_put(tx, type, rec, &by) < 0) {
		printf("# %s\n", err_log_text(err_peek()));
		store_rollback(tx);
		return false;
	}
	return store_commit(tx) == 0;
}

static void make_point(struct place_of_test *t, struct point *p, const char *code, const char *path, int group)
{
	rec_init(&point_type, p, &t->arena);
	p->code = p->name = p->address = code;
	p->path = path;
	p->group = t->group[group].head.id;
	p->device = t->device.head.id;
}

static bool set_up(struct place_of_test *t)
{
	char path[4096];
	struct store_config c = { .path = t->db, .schema = "plant", .nouns = nouns, .n_nouns = ELEMENTSOF(nouns) };
	struct wal_config w = { .dir = path };
	struct tsdb_config s = { 0 };

	*t = (struct place_of_test) { .dir = BUF_INIT(&sys_heap, 4096) };
	arena_init(&t->arena, &sys_heap, 0);
	if (dir_temp("/tmp", "tenon-plant-", &t->dir) < 0 || !path_join(t->db, sizeof(t->db), t->dir.data, "store.db"))
		return false;
	c.url = test_database(t->dir.data);
	if (store_open(&t->store, &c) < 0)
		return false;
	path_join(path, sizeof(path), t->dir.data, "wal");
	s.data_dir = t->dir.data;
	if (wal_open(&w, &t->wal) < 0 || !path_join(path, sizeof(path), t->dir.data, "tenants") || dir_make(path, 0700) < 0)
		return false;
	if (tsdb_open(&t->tsdb, &s, t->wal) < 0 || plant_new(&t->plant, t->tsdb, on_event, t) < 0)
		return false;
	rec_init(&connection_type, &t->connection, &t->arena);
	t->connection.code = "c";
	t->connection.driver = "modbus-tcp";
	if (!put(t, &connection_type, &t->connection))
		return false;
	rec_init(&device_type, &t->device, &t->arena);
	t->device.code = "d";
	t->device.connection = t->connection.head.id;
	if (!put(t, &device_type, &t->device))
		return false;
	for (int i = 0; i < 2; i++) {
		rec_init(&group_type, &t->group[i], &t->arena);
		t->group[i].code = i ? "slow" : "fast";
		t->group[i].device = t->device.head.id;
		if (!put(t, &group_type, &t->group[i]))
			return false;
	}
	return true;
}

static void tear_down(struct place_of_test *t)
{
	plant_free(t->plant);
	tsdb_free(t->tsdb);
	wal_close(t->wal);
	store_close(t->store);
	arena_done(&t->arena);
	dir_remove(t->dir.data);
	buf_done(&t->dir);
}

TEST(a_point_is_found_by_id_path_code_and_series)
{
	struct place_of_test t;
	struct plant_point found;
	struct point p;
	char id[UUID_TEXT + 1];

	must(set_up(&t));
	make_point(&t, &p, "TIC-101", "site/d/TIC-101", 0);
	p.unit = "℃";
	must(put(&t, &point_type, &p));
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(t.n_told, 5);
	is_int(t.told[0].what, PLANT_CONNECTION);
	is_int(t.told[1].what, PLANT_DEVICE);
	is_int(t.told[4].what, PLANT_POINT);
	is_int(plant_by_id(t.plant, 1, &p.head.id, &t.arena, &found), 0);
	is_str(found.path, "site/d/TIC-101");
	is_str(found.unit, "℃");
	is_int(found.vtype, V_F32);
	is_int(found.decimals, -1);
	is_int(plant_by_series(t.plant, 1, found.series, &t.arena, &found), 0);
	is_int(plant_by_path(t.plant, 1, "site/d/TIC-101", &t.arena, &found), 0);
	is_int(plant_resolve(t.plant, 1, "TIC-101", &t.arena, &found), 0);
	uuid_format(&p.head.id, id);
	is_int(plant_resolve(t.plant, 1, id, &t.arena, &found), 0);
	is_int(plant_resolve(t.plant, 1, "TIC-102", &t.arena, &found), -ERR_MISSING);
	is_int(plant_by_id(t.plant, 2, &p.head.id, &t.arena, &found), -ERR_MISSING);    /* another tenant's does not exist */
	tear_down(&t);
}

TEST(a_code_that_two_points_have_names_neither)
{
	struct place_of_test t;
	struct plant_point found, *list;
	struct device other;
	struct point p;

	must(set_up(&t));
	make_point(&t, &p, "T", "d/T", 0);
	must(put(&t, &point_type, &p));
	rec_init(&device_type, &other, &t.arena);
	other.code = "e";
	other.connection = t.connection.head.id;
	must(put(&t, &device_type, &other));
	make_point(&t, &p, "T", "e/T", 0);
	p.device = other.head.id;
	must(put(&t, &point_type, &p));
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(plant_resolve(t.plant, 1, "T", &t.arena, &found), -ERR_INVALID);
	is_int(plant_resolve(t.plant, 1, "e/T", &t.arena, &found), 0);
	is_int(plant_list(t.plant, 1, NULL, "e/", &t.arena, &list), 1);
	is_int(plant_list(t.plant, 1, NULL, NULL, &t.arena, &list), 2);
	is_str(list[0].path, "d/T");
	is_int(plant_list(t.plant, 1, &other.head.id, NULL, &t.arena, &list), 1);
	tear_down(&t);
}

/* Against a count by hand: six points change between three codes, as many may have the same as will. */
TEST(codes_shared_by_many_are_told_from_those_of_one)
{
	enum { POINTS = 6, CODES = 3, CHANGES = 120 };
	static const char *const codes[CODES] = { "A", "B", "C" };
	struct place_of_test t;
	struct point p[POINTS];
	struct plant_point found;
	int has[POINTS] = { 0 };
	uint32_t dice = 7;

	must(set_up(&t));
	for (int i = 0; i < POINTS; i++) {
		struct device d;

		rec_init(&device_type, &d, &t.arena);
		d.code = arena_fmt(&t.arena, "d%d", i);
		d.connection = t.connection.head.id;
		must(put(&t, &device_type, &d));
		make_point(&t, &p[i], codes[0], arena_fmt(&t.arena, "d%d/A", i), 0);
		p[i].device = d.head.id;
		must(put(&t, &point_type, &p[i]));
	}
	for (int n = 0; n < CHANGES; n++) {
		dice = dice * 1664525 + 1013904223;
		int i = (int) (dice >> 16) % POINTS;
		has[i] = (int) (dice >> 24) % CODES;
		p[i].code = codes[has[i]];
		p[i].path = arena_fmt(&t.arena, "d%d/%s", i, p[i].code);
		must(put(&t, &point_type, &p[i]) && plant_sync(t.plant, 1, t.store) == 0);
		for (int c = 0; c < CODES; c++) {
			int count = 0, last = 0;

			for (int k = 0; k < POINTS; k++)
				if (has[k] == c) {
					count++;
					last = k;
				}
			is_int(plant_resolve(t.plant, 1, codes[c], &t.arena, &found), count > 1 ? -ERR_INVALID : count ? 0 : -ERR_MISSING);
			if (count == 1)
				is_str(found.path, p[last].path);
		}
	}
	is_int(plant_count(t.plant, 1), POINTS);
	tear_down(&t);
}

TEST(a_rename_moves_the_path_and_keeps_the_series)
{
	struct place_of_test t;
	struct plant_point before, after;
	struct point p;
	uint64_t generation;

	must(set_up(&t));
	make_point(&t, &p, "T", "d/T", 0);
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	must(plant_by_path(t.plant, 1, "d/T", &t.arena, &before) == 0);
	generation = plant_generation(t.plant);
	p.path = "renamed/T";
	must(put(&t, &point_type, &p));
	is_int(plant_sync(t.plant, 1, t.store), 0);
	ok(plant_generation(t.plant) > generation);
	is_int(plant_by_path(t.plant, 1, "d/T", &t.arena, &after), -ERR_MISSING);
	must(plant_by_path(t.plant, 1, "renamed/T", &t.arena, &after) == 0);
	is_int(after.series, before.series);
	is_int(plant_count(t.plant, 1), 1);
	generation = plant_generation(t.plant);
	is_int(plant_sync(t.plant, 1, t.store), 0);     /* nothing changed: nothing happens */
	ok(plant_generation(t.plant) == generation);
	tear_down(&t);
}

TEST(another_type_is_another_series)
{
	struct place_of_test t;
	struct plant_point before, after;
	struct point p;
	uint32_t series[4];

	must(set_up(&t));
	make_point(&t, &p, "T", "d/T", 0);
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	must(plant_by_path(t.plant, 1, "d/T", &t.arena, &before) == 0);
	p.type = POINT_I16;
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	must(plant_by_path(t.plant, 1, "d/T", &t.arena, &after) == 0);
	ok(after.series != before.series);
	is_int(after.vtype, V_I64);
	is_int(tsdb_series_of(t.tsdb, 1, &p.head.id, series, 4), 2);
	is_int(plant_by_series(t.plant, 1, before.series, &t.arena, &after), -ERR_MISSING);
	tear_down(&t);
}

TEST(a_move_to_another_group_is_told_to_both)
{
	struct place_of_test t;
	struct point p;

	must(set_up(&t));
	make_point(&t, &p, "T", "d/T", 0);
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	t.n_told = 0;
	p.group = t.group[1].head.id;
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	is_int(t.n_told, 2);
	ok(t.told[0].gone && uuid_equal(&t.told[0].group, &t.group[0].head.id));
	ok(!t.told[1].gone && uuid_equal(&t.told[1].group, &t.group[1].head.id));
	tear_down(&t);
}

TEST(what_is_deleted_goes_children_first)
{
	struct place_of_test t;
	struct uuid by = { { 1 } };
	struct plant_point found;
	struct store_tx *tx;
	struct point p;

	must(set_up(&t));
	make_point(&t, &p, "T", "d/T", 0);
	must(put(&t, &point_type, &p));
	plant_sync(t.plant, 1, t.store);
	t.n_told = 0;
	must(store_begin(t.store, STORE_WRITE, 0, &tx) == 0);
	is_int(store_del(tx, &point_type, &p.head.id, 0, &by), 0);
	is_int(store_del(tx, &group_type, &t.group[0].head.id, 0, &by), 0);
	is_int(store_del(tx, &group_type, &t.group[1].head.id, 0, &by), 0);
	is_int(store_del(tx, &device_type, &t.device.head.id, 0, &by), 0);
	must(store_commit(tx) == 0);
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(t.n_told, 4);
	is_int(t.told[0].what, PLANT_POINT);
	ok(t.told[0].gone);
	is_int(t.told[3].what, PLANT_DEVICE);
	is_int(plant_by_id(t.plant, 1, &p.head.id, &t.arena, &found), -ERR_MISSING);
	is_int(plant_count(t.plant, 1), 0);
	tear_down(&t);
}

TEST(what_came_and_went_between_two_syncs_is_told_as_it_is)
{
	struct place_of_test t;
	struct uuid by = { { 1 } };
	struct plant_point found;
	struct store_tx *tx;
	struct point p, q, brief;

	must(set_up(&t));
	make_point(&t, &p, "P", "d/P", 0);
	make_point(&t, &q, "Q", "d/Q", 0);
	make_point(&t, &brief, "B", "d/B", 0);
	must(put(&t, &point_type, &p) && put(&t, &point_type, &q));
	plant_sync(t.plant, 1, t.store);
	t.n_told = 0;
	must(store_begin(t.store, STORE_WRITE, 0, &tx) == 0);
	must(store_put(tx, &point_type, &brief, &by) == 0 && store_del(tx, &point_type, &brief.head.id, 0, &by) == 0);
	must(store_del(tx, &point_type, &q.head.id, 0, &by) == 0);
	must(store_del(tx, &point_type, &p.head.id, 0, &by) == 0);
	p.head.rev = 0;                         /* as an undo brings it back: with its id */
	p.unit = "bar";
	must(store_put(tx, &point_type, &p, &by) == 0);
	p.unit = "kPa";
	must(store_put(tx, &point_type, &p, &by) == 0);
	must(store_commit(tx) == 0);
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(plant_count(t.plant, 1), 1);
	is_int(plant_by_id(t.plant, 1, &p.head.id, &t.arena, &found), 0);
	is_str(found.unit, "kPa");
	is_int(plant_by_path(t.plant, 1, "d/Q", &t.arena, &found), -ERR_MISSING);
	is_int(plant_by_path(t.plant, 1, "d/B", &t.arena, &found), -ERR_MISSING);
	is_int(t.n_told, 2);
	ok(t.told[0].gone && uuid_equal(&t.told[0].id, &q.head.id));
	ok(!t.told[1].gone && uuid_equal(&t.told[1].id, &p.head.id));
	tear_down(&t);
}
