/* intake.c - series by name, remembered; points that are made; samples into batches; batches into the log. */
#include "service/intake.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "plant/plant.h"
#include "service/ingest_int.h"
#include "service/lines.h"
#include "service/reach.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

enum { CACHE_MAX = 200000, PATH_MAX_BYTES = INTAKE_NAME_MAX + 2, FUTURE_MAX_H = 1 };

struct known {
	uint32_t tenant, series;
	struct uuid device;
	uint8_t vtype;
	bool escaped;
	uint16_t head_len, key_len;
	char text[];                    /* head, key */
};

struct asked { uint32_t tenant; const struct intake_name *name; };

struct intake intake_of(struct scope *s)
{
	return (struct intake) { .ingest = s->platform->ingest, .scope = s, .now_ns = clock_now_ns(),
		.kept_from_ns = tsdb_kept_from(s->platform->tsdb, s->tenant, 0) };
}

void intake_reset(struct intake *t)
{
	for (uint32_t i = 0; i < t->n_batches; i++)
		batch_unref(t->batches[i]);
	for (enum vtype v = V_BOOL; v <= V_TIME; v++)
		t->builder[v] = batch_builder_free(t->builder[v]);
	intake_rows_done(t);
	intake_frames_done(t);
	t->n_batches = t->samples = 0;
}

void intake_done(struct intake *t)
{
	intake_reset(t);
	pushed_done(&t->missing);
	sys_free(t->batches);
}

/* --- Which series ------------------------------------------------------------------------------------------------------ */

static bool same_key(const void *item, const void *key)
{
	const struct known *k = item;
	const struct asked *a = key;

	return k->tenant == a->tenant && k->escaped == a->name->escaped && k->head_len == a->name->head_len && k->key_len == a->name->key_len
		&& memcmp(k->text, a->name->head, k->head_len) == 0
		&& memcmp(k->text + k->head_len, a->name->key, k->key_len) == 0;
}

static uint64_t hash_key(const struct asked *a)
{
	return hash_bytes(a->name->head, a->name->head_len) * 31 + hash_bytes(a->name->key, a->name->key_len) + a->tenant;
}

static bool known_find(struct ingest *i, const struct asked *a, struct intake_series *ret, struct uuid *ret_device)
{
	const struct known *k = NULL;

	rwlock_read(&i->lock);
	if (i->generation == plant_generation(i->platform->plant))
		k = map_find(&i->known, hash_key(a), same_key, a);
	if (k) {
		*ret = (struct intake_series) { k->series, (enum vtype) k->vtype };
		*ret_device = k->device;
	}
	rwlock_unlock(&i->lock);
	return k != NULL;
}

void ingest_forget(struct ingest *i)
{
	struct known *k;
	size_t at = 0;

	while ((k = map_next(&i->known, &at)))
		sys_free(k);
	map_done(&i->known);
}

static void known_put(struct ingest *i, const struct asked *a, const struct plant_point *p, uint64_t generation)
{
	struct known *k = sys_alloc(sizeof(*k) + a->name->head_len + a->name->key_len);

	if (!k)
		return;                 /* slower, not wrong */
	*k = (struct known) { .tenant = a->tenant, .series = p->series, .device = p->device, .vtype = (uint8_t) p->vtype,
		.escaped = a->name->escaped, .head_len = (uint16_t) a->name->head_len, .key_len = (uint16_t) a->name->key_len };
	memcpy(k->text, a->name->head, a->name->head_len);
	memcpy(k->text + a->name->head_len, a->name->key, a->name->key_len);
	rwlock_write(&i->lock);
	if (i->generation != generation || i->known.n >= CACHE_MAX) {
		ingest_forget(i);
		i->generation = generation;
	}
	if (map_find(&i->known, hash_key(a), same_key, a) || !map_put(&i->known, hash_key(a), k))
		sys_free(k);
	rwlock_unlock(&i->lock);
}

static size_t put_part(const struct intake_name *name, const char *s, size_t len, char *out)
{
	if (name->escaped)
		return line_unescape(s, len, false, out);
	memcpy(out, s, len);
	return len;
}

/* Head and key as the point's path; both together at most 400 bytes. */
static int path_of(const struct intake_name *name, char path[PATH_MAX_BYTES], size_t *ret_head)
{
	size_t n;

	if (name->head_len + name->key_len > INTAKE_NAME_MAX) {
		char text[NUM_TEXT_MAX];

		num_format_u64(text, name->head_len + name->key_len);
		return err_fail(ERR_LENGTH, "field", "measurement", "min", "1", "max", "400", "value", text, NULL);
	}
	n = put_part(name, name->head, name->head_len, path);
	*ret_head = n;
	path[n++] = '/';
	n += put_part(name, name->key, name->key_len, path + n);
	path[n] = 0;
	if (!utf8_is_valid(path, n))
		return err_fail(ERR_BAD_UTF8, "what", "@line_protocol", "value", "1", NULL);
	if (memchr(path, 0, n))         /* to all others the name would end there */
		return err_fail(ERR_INVALID, "field", "measurement", "rule", "@holds_zero", "value", path, NULL);
	return 0;
}

int intake_find(struct intake *t, const struct intake_name *name, struct intake_series *ret)
{
	struct asked a = { t->scope->tenant, name };
	struct plant *plant = t->ingest->platform->plant;
	uint64_t generation = plant_generation(plant);
	struct plant_point p;
	char path[PATH_MAX_BYTES];
	size_t head = 0;
	int r;

	if (known_find(t->ingest, &a, ret, &p.device))
		return reach_need_device(t->scope, PERM_SAMPLE_WRITE, &p.device);
	r = path_of(name, path, &head);
	if (r < 0)
		return r;
	r = plant_by_path(plant, t->scope->tenant, path, t->scope->arena, &p);
	if (r == -ERR_MISSING) {
		err_clear();
		return 1;
	}
	if (r < 0)
		return r;
	known_put(t->ingest, &a, &p, generation);
	*ret = (struct intake_series) { p.series, p.vtype };
	return reach_need_device(t->scope, PERM_SAMPLE_WRITE, &p.device);
}

/* --- Points that are not there ----------------------------------------------------------------------------------------- */

static int code_fits(const char *field, const char *code, size_t len)
{
	size_t n = utf8_count(code, len);
	char text[NUM_TEXT_MAX];

	if (n >= 1 && n <= INTAKE_CODE_MAX)
		return 0;
	num_format_u64(text, n);
	return err_fail(ERR_LENGTH, "field", field, "min", "1", "max", "200", "value", text, NULL);
}

static int quota(const struct intake *t)
{
	char max[NUM_TEXT_MAX], now[NUM_TEXT_MAX];
	uint64_t n = plant_count(t->ingest->platform->plant, t->scope->tenant) + t->missing.n;

	if (n < t->ingest->points_max)
		return 0;
	num_format_u64(max, t->ingest->points_max);
	num_format_u64(now, n);
	return err_fail(ERR_QUOTA, "what", "@points_of_senders", "max", max, "value", now, NULL);
}

int intake_want(struct intake *t, const struct intake_name *name, enum vtype type)
{
	struct pushed_point like = { .type = type, .unit = name->unit, .description = name->description };
	struct scope *s = t->scope;
	char path[PATH_MAX_BYTES];
	size_t head = 0;
	int r = path_of(name, path, &head);

	if (r < 0)
		return r;
	if (!scope_may(s, PERM_SAMPLE_WRITE))   /* the same as for a point that is there and out of reach */
		return scope_need(s, PERM_SAMPLE_WRITE);
	if (memchr(path, '/', head))            /* inside a place: nothing is made there by a typing error */
		return err_fail(ERR_INVALID, "field", "measurement", "rule", "@inside_plant", "value", path, NULL);
	r = code_fits("measurement", path, head);
	if (r == 0)
		r = code_fits("field", path + head + 1, str_len(path + head + 1));
	if (r == 0)
		r = quota(t);
	return r < 0 ? r : pushed_want(s, &t->missing, path, head, &like);
}

/* Several requests that looked at the same time may have room each, and not together. */
static bool others_were_faster(const struct intake *t)
{
	const struct platform *p = t->ingest->platform;
	uint64_t n = plant_count(p->plant, t->scope->tenant);
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	for (const struct pushed_point *m = t->missing.first; m; m = m->next) {
		struct plant_point there;

		if (plant_by_path(p->plant, t->scope->tenant, m->path, &a, &there) < 0) {
			err_clear();
			n++;
		}
		arena_reset(&a);
	}
	arena_done(&a);
	return n > t->ingest->points_max;
}

int intake_make(struct intake *t)
{
	int r;

	if (!t->missing.n)
		return 0;
	mutex_hold(&t->ingest->making[t->scope->tenant % MAKERS]);
	if (others_were_faster(t))              /* sent again, it is refused by name */
		return err_fail(ERR_BUSY, "what", "@point", NULL);
	r = pushed_make(t->scope, &t->missing);
	if (r == 0)
		atomic_fetch_add(&t->ingest->created, t->missing.n);
	return r;
}

/* --- Samples ----------------------------------------------------------------------------------------------------------- */

int intake_time(const struct intake *t, int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	if (ns <= t->now_ns + FUTURE_MAX_H * 3600 * NS_PER_S && ns >= t->kept_from_ns && ns != TSDB_NEVER)
		return 0;
	when_format(text, ns);
	if (ns == TSDB_NEVER)           /* what a series without samples has */
		return err_fail(ERR_TOO_SMALL, "field", "timestamp", "min", "1677-09-21T00:12:43.145224193Z", "value", text, NULL);
	return err_fail(ERR_INVALID, "field", "timestamp", "rule", ns < t->kept_from_ns ? "@not_kept" : "@not_future", "value", text, NULL);
}

/* What one request brings must fit into the log's queue, or it would be told to come again for ever. */
int intake_count(struct intake *t, uint32_t n)
{
	char text[NUM_TEXT_MAX];

	t->samples += n;
	if (t->samples <= INTAKE_SAMPLES_MAX)
		return 0;
	num_format_u64(text, t->samples);
	return err_fail(ERR_COUNT, "field", "@samples_in_request", "min", "0", "max", "500000", "value", text, NULL);
}

static int keep(struct intake *t, struct batch *b)
{
	if (t->n_batches == t->room) {
		uint32_t room = MAX(t->room * 2, 16u);
		struct batch **grown = sys_resize(t->batches, room * sizeof(*grown));

		if (!grown) {
			batch_unref(b);
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
		}
		t->batches = grown;
		t->room = room;
	}
	t->batches[t->n_batches++] = b;
	return 0;
}

int intake_take(struct intake *t, struct batch *b)
{
	int r = intake_count(t, batch_n_samples(b));

	if (r == 0)
		return keep(t, b);
	batch_unref(b);
	return r;
}

int intake_seal_one(struct intake *t, struct batch_builder *w)
{
	struct batch *b;
	int r;

	if (!w || !batch_builder_rows(w))
		return 0;
	r = batch_seal(w, t->now_ns, 0, &b);
	return r < 0 ? r : keep(t, b);
}

int intake_add(struct intake *t, enum vtype type, const struct sample *sample)
{
	struct batch_builder **w = &t->builder[type];
	int r = intake_count(t, 1);

	if (r == 0 && !*w)
		r = batch_builder_new(w, BATCH_ROWS_MAX);
	if (r == 0 && !batch_builder_rows(*w))
		r = batch_tall(*w, t->scope->tenant, 0, type);
	if (r == 0)
		r = batch_tall_add(*w, sample);
	if (r != -ERR_FULL)
		return r;
	err_clear();
	r = intake_seal_one(t, *w);
	if (r == 0)
		r = batch_tall(*w, t->scope->tenant, 0, type);
	return r < 0 ? r : batch_tall_add(*w, sample);
}

int intake_seal(struct intake *t)
{
	int r = intake_rows_scatter(t);

	for (enum vtype v = V_BOOL; r == 0 && v <= V_TIME; v++)
		r = intake_seal_one(t, t->builder[v]);
	if (r == 0)
		r = intake_rows_seal(t);
	return r == 0 ? intake_frames_seal(t) : r;
}

int intake_append(struct intake *t, struct wal_wait *wait, uint64_t *ret_seq)
{
	struct wal *w = t->ingest->platform->wal;
	int64_t deadline = t->scope->deadline_ns ? t->scope->deadline_ns : clock_deadline(10000);
	uint32_t samples = t->samples;
	int r = 0;

	if (!t->n_batches)
		return 1;
	for (uint32_t i = 0; r == 0 && i < t->n_batches; i++) {
		bool is_last = i + 1 == t->n_batches;

		r = is_last && !wait ? wal_append_sync(w, t->batches[i], deadline) : wal_append(w, t->batches[i], is_last ? wait : NULL);
		*ret_seq = t->batches[i]->seq;
	}
	if (r == 0)
		atomic_fetch_add(&t->ingest->samples, samples);
	return r;
}
