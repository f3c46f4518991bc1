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

static const struct store_noun nouns[] = { { &label_type, 0 }, { &place_type, 0 }, { &connection_type, 0 }, { &device_type, 0 }, { &group_type, 0 }, { &point_type, 0 } };

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

/* ---- labels ---- */

static void make_label(struct place_of_test *t, struct label *l, const char *code, int days)
{
	rec_init(&label_type, l, &t->arena);
	l->code = l->name = code;
	l->keep_days = days;
	rec_set_has(&label_type, l, rec_field(&label_type, "keep_days"), days >= 0);
}

static void wear(struct place_of_test *t, struct point *p, const struct label *const *labels, uint32_t n)
{
	struct uuid *ids = arena_array(&t->arena, struct uuid, n + 1);

	for (uint32_t i = 0; i < n; i++)
		ids[i] = labels[i]->head.id;
	p->labels = (struct rec_list) { ids, n };
}

TEST(points_are_found_by_the_labels_they_wear)
{
	struct place_of_test t;
	struct plant_point *list, found;
	struct plant_label l, *all;
	struct label core, energy;
	struct uuid by = { { 1 } };
	struct store_tx *tx;
	struct point p, q;
	uint32_t own;
	char id[UUID_TEXT + 1];

	must(set_up(&t));
	make_label(&t, &core, "core", -1);
	make_label(&t, &energy, "energy", -1);
	must(put(&t, &label_type, &energy) && put(&t, &label_type, &core));
	make_point(&t, &p, "P", "a/P", 0);
	make_point(&t, &q, "Q", "b/Q", 0);
	wear(&t, &p, (const struct label *const []) { &energy, &core }, 2);
	wear(&t, &q, (const struct label *const []) { &energy }, 1);
	must(put(&t, &point_type, &p) && put(&t, &point_type, &q));
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(t.told[0].what, PLANT_LABEL);
	is_int(plant_label(t.plant, 1, "label", "energy", &t.arena, &l), 0);
	is_int(l.points, 2);
	is_int(plant_labelled(t.plant, 1, &l.id, NULL, &t.arena, &list), 2);
	is_str(list[0].path, "a/P");
	is_str(list[1].path, "b/Q");
	is_int(list[0].n_labels, 2);
	ok(uuid_equal(&list[0].labels[0], &energy.head.id) && uuid_equal(&list[0].labels[1], &core.head.id));
	is_int(plant_labelled(t.plant, 1, &l.id, "b/", &t.arena, &list), 1);
	ok(plant_wears(&list[0], (struct uuid []) { core.head.id, energy.head.id }, 2) && !plant_wears(&list[0], &core.head.id, 1));
	uuid_format(&core.head.id, id);
	is_int(plant_label(t.plant, 1, "label", id, &t.arena, &l), 0);
	is_str(l.code, "core");
	is_int(plant_label(t.plant, 1, "label", "Core", &t.arena, &l), -ERR_NO_SUCH_REF);
	is_int(plant_label(t.plant, 2, "label", "core", &t.arena, &l), -ERR_NO_SUCH_REF);

	/* A rename, a label taken off, one that goes with its last point in one transaction. */
	core.code = "Kern";
	wear(&t, &p, (const struct label *const []) { &core }, 1);
	must(put(&t, &label_type, &core) && put(&t, &point_type, &p));
	must(store_begin(t.store, STORE_WRITE, 0, &tx) == 0);
	must(store_del(tx, &point_type, &q.head.id, 0, &by) == 0 && store_del(tx, &label_type, &energy.head.id, 0, &by) == 0 && store_commit(tx) == 0);
	is_int(plant_sync(t.plant, 1, t.store), 0);
	is_int(plant_labels(t.plant, 1, &t.arena, &all, &own), 1);
	is_str(all[0].code, "Kern");
	is_int(all[0].points, 1);
	is_int(plant_labelled(t.plant, 1, &energy.head.id, NULL, &t.arena, &list), 0);
	must(plant_by_id(t.plant, 1, &p.head.id, &t.arena, &found) == 0);
	is_int(found.n_labels, 1);
	tear_down(&t);
}

/* Against a count by hand: forty points put on and take off seven labels. */
TEST(however_labels_change_hands_everyone_is_in_the_lists_of_his_own)
{
	enum { POINTS = 40, LABELS = 7, CHANGES = 60 };
	struct place_of_test t;
	struct label labels[LABELS];
	struct point p[POINTS];
	unsigned has[POINTS] = { 0 }, wrong = 0;
	uint32_t dice = 11;

	must(set_up(&t));
	for (int i = 0; i < LABELS; i++) {
		make_label(&t, &labels[i], arena_fmt(&t.arena, "l%d", i), -1);
		must(put(&t, &label_type, &labels[i]));
	}
	for (int i = 0; i < POINTS; i++) {
		make_point(&t, &p[i], arena_fmt(&t.arena, "p%d", i), arena_fmt(&t.arena, "d/p%02d", i), 0);
		must(put(&t, &point_type, &p[i]));
	}
	for (int n = 0; n < CHANGES; n++) {
		const struct label *some[LABELS];
		uint32_t n_some = 0;

		dice = dice * 1664525 + 1013904223;
		int i = (int) (dice >> 16) % POINTS;
		has[i] = dice >> 24 & ((1 << LABELS) - 1);
		for (int k = 0; k < LABELS; k++)
			if (has[i] >> k & 1)
				some[n_some++] = &labels[k];
		wear(&t, &p[i], some, n_some);
		must(put(&t, &point_type, &p[i]));
		if (n % 3)
			continue;
		must(plant_sync(t.plant, 1, t.store) == 0);
		for (int k = 0; k < LABELS; k++) {
			struct plant_point *list;
			int found = plant_labelled(t.plant, 1, &labels[k].head.id, NULL, &t.arena, &list), want = 0;

			for (int m = 0; m < POINTS; m++) {
				if (!(has[m] >> k & 1))
					continue;
				wrong += want >= found || !uuid_equal(&list[want].id, &p[m].head.id);
				want++;
			}
			wrong += want != found;
		}
	}
	is_int(wrong, 0);
	tear_down(&t);
}

static int kept_days(struct place_of_test *t, const struct point *p)
{
	struct plant_point found;
	int64_t from;

	if (plant_by_id(t->plant, 1, &p->head.id, &t->arena, &found) < 0)
		return -1;
	from = tsdb_kept_from(t->tsdb, 1, found.series);
	return from == INT64_MIN ? 0 : (int) ((tsdb_kept_from(t->tsdb, 1, 0) - from) / (86400 * NS_PER_S));
}

/* The store of samples counts days back from a day of its own: differences to what all are kept (10 days), for which no series asks for more. */
TEST(samples_stay_as_the_point_says_else_as_the_longest_of_its_labels_else_as_all)
{
	struct place_of_test t;
	struct label three, nine, ever, mute;
	struct plant_label *all;
	struct plant_point found;
	struct point p;
	uint32_t own;

	must(set_up(&t));
	tsdb_retain_all(t.tsdb, &(struct tsdb_retention) { { 10, 0, 0 } });
	make_label(&t, &three, "three", 3);
	make_label(&t, &nine, "nine", 9);
	make_label(&t, &ever, "ever", 0);
	make_label(&t, &mute, "mute", -1);
	must(put(&t, &label_type, &three) && put(&t, &label_type, &nine) && put(&t, &label_type, &ever) && put(&t, &label_type, &mute));
	make_point(&t, &p, "P", "d/P", 0);
	must(put(&t, &point_type, &p) && plant_sync(t.plant, 1, t.store) == 0);
	must(plant_by_id(t.plant, 1, &p.head.id, &t.arena, &found) == 0);
	if (tsdb_kept_from(t.tsdb, 1, 0) == INT64_MIN)  /* the day is set when files are first looked through */
		must(tsdb_compact(t.tsdb, &(struct tsdb_compact) { .is_cancelled = NULL }) == 0);
	must(tsdb_kept_from(t.tsdb, 1, 0) != INT64_MIN);
	is_int(kept_days(&t, &p), 0);
	wear(&t, &p, (const struct label *const []) { &mute }, 1);
	must(put(&t, &point_type, &p) && plant_sync(t.plant, 1, t.store) == 0);
	is_int(kept_days(&t, &p), 0);
	wear(&t, &p, (const struct label *const []) { &three, &mute, &nine }, 3);
	must(put(&t, &point_type, &p) && plant_sync(t.plant, 1, t.store) == 0);
	is_int(kept_days(&t, &p), -1);                  /* nine of ten: a day later */
	is_int(plant_labels(t.plant, 1, &t.arena, &all, &own), 4);
	is_str(all[2].code, "nine");
	is_int(all[2].decides, 1);
	is_int(all[3].decides, 0);
	nine.keep_days = 2;                             /* now three is the longest */
	must(put(&t, &label_type, &nine) && plant_sync(t.plant, 1, t.store) == 0);
	is_int(kept_days(&t, &p), -7);
	p.keep_days = 5;                                /* the point's own word counts before any label's */
	rec_set_has(&point_type, &p, rec_field(&point_type, "keep_days"), true);
	must(put(&t, &point_type, &p) && plant_sync(t.plant, 1, t.store) == 0);
	is_int(kept_days(&t, &p), -5);
	is_int(plant_labels(t.plant, 1, &t.arena, &all, &own), 4);
	is_int(own, 1);
	is_int(all[2].decides + all[3].decides, 0);
	rec_set_has(&point_type, &p, rec_field(&point_type, "keep_days"), false);
	wear(&t, &p, (const struct label *const []) { &three, &ever }, 2);
	must(put(&t, &point_type, &p) && plant_sync(t.plant, 1, t.store) == 0);
	ok(tsdb_kept_from(t.tsdb, 1, found.series) == INT64_MIN);
	tear_down(&t);
}
