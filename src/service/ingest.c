/*
 * ingest.c - line protocol into batches.
 *
 * Two passes: the first reads and checks every line and finds every series, so that one wrong line changes nothing; the second
 * fills batches, one builder a type. Which series "measurement,tags" + field means is remembered until points change.
 */
#include "service/ingest.h"

#include <stdatomic.h>
#include <string.h>

#include "base/map.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "plant/plant.h"
#include "service/lines.h"
#include "service/pushed.h"
#include "service/reach.h"
#include "sys/sys.h"

enum { CACHE_MAX = 200000, KEY_MAX = 1024, FUTURE_MAX_H = 1 };

struct known {
	uint32_t tenant, series;
	struct uuid device;
	uint8_t vtype;
	uint16_t head_len, key_len;
	char text[];                    /* head, key */
};

struct ingest {
	struct platform *platform;
	struct rwlock lock;
	struct map known;
	uint64_t generation;            /* of the plant, when the first of `known` was looked up */
	_Atomic uint64_t requests, samples, refused, created;
};

struct asked { uint32_t tenant; const struct line_field *field; };

struct job {
	struct ingest *ingest;
	struct scope *scope;
	const struct ingest_in *in;
	int64_t now_ns;
	uint32_t samples, lines;
	struct err first_error;
	struct pushed_point *missing;   /* list of points to make */
	uint32_t n_missing;
	struct batch_builder *builder[V_TIME + 1];
	struct batch **batches;
	uint32_t n_batches, batches_room;
};

int ingest_new(struct ingest **ret, struct platform *p)
{
	struct ingest *i = sys_new(struct ingest);

	if (!i)
		return err_fail(ERR_NO_MEMORY, "what", "ingest", NULL);
	i->platform = p;
	i->known = MAP_INIT(&sys_heap);
	rwlock_init(&i->lock);
	*ret = i;
	return 0;
}

static void forget(struct ingest *i)
{
	struct known *k;
	size_t at = 0;

	while ((k = map_next(&i->known, &at)))
		sys_free(k);
	map_done(&i->known);
}

struct ingest *ingest_free(struct ingest *i)
{
	if (!i)
		return NULL;
	forget(i);
	rwlock_done(&i->lock);
	sys_free(i);
	return NULL;
}

int ingest_unit(const char *precision, int64_t *ret_ns)
{
	static const struct { const char *word; int64_t ns; } units[] = { { "ns", 1 }, { "n", 1 }, { "us", NS_PER_US }, { "u", NS_PER_US },
		{ "ms", NS_PER_MS }, { "s", NS_PER_S } };

	if (str_empty(precision)) {
		*ret_ns = 1;
		return 0;
	}
	for (size_t i = 0; i < ELEMENTSOF(units); i++)
		if (str_eq(units[i].word, precision)) {
			*ret_ns = units[i].ns;
			return 0;
		}
	return err_fail(ERR_BAD_ARGUMENT, "field", "precision", "rule", "@precision", "value", precision, NULL);
}

/* --- Which series ------------------------------------------------------------------------------------------------------ */

static bool same_key(const void *item, const void *key)
{
	const struct known *k = item;
	const struct asked *a = key;

	return k->tenant == a->tenant && k->head_len == a->field->head_len && k->key_len == a->field->key_len
		&& memcmp(k->text, a->field->head, k->head_len) == 0
		&& memcmp(k->text + k->head_len, a->field->key, k->key_len) == 0;
}

static uint64_t hash_key(const struct asked *a)
{
	return hash_bytes(a->field->head, a->field->head_len) * 31 + hash_bytes(a->field->key, a->field->key_len) + a->tenant;
}

static bool known_find(struct ingest *i, const struct asked *a, uint32_t *ret_series, enum vtype *ret_type,
	struct uuid *ret_device)
{
	const struct known *k = NULL;

	rwlock_read(&i->lock);
	if (i->generation == plant_generation(i->platform->plant))
		k = map_find(&i->known, hash_key(a), same_key, a);
	if (k) {
		*ret_series = k->series;
		*ret_type = (enum vtype) k->vtype;
		*ret_device = k->device;
	}
	rwlock_unlock(&i->lock);
	return k != NULL;
}

static void known_put(struct ingest *i, const struct asked *a, const struct plant_point *p, uint64_t generation)
{
	struct known *k = sys_alloc(sizeof(*k) + a->field->head_len + a->field->key_len);

	if (!k)
		return;                 /* slower, not wrong */
	*k = (struct known) { .tenant = a->tenant, .series = p->series, .device = p->device, .vtype = (uint8_t) p->vtype,
		.head_len = (uint16_t) a->field->head_len, .key_len = (uint16_t) a->field->key_len };
	memcpy(k->text, a->field->head, a->field->head_len);
	memcpy(k->text + a->field->head_len, a->field->key, a->field->key_len);
	rwlock_write(&i->lock);
	if (i->generation != generation || i->known.n >= CACHE_MAX) {
		forget(i);
		i->generation = generation;
	}
	if (map_find(&i->known, hash_key(a), same_key, a) || !map_put(&i->known, hash_key(a), k))
		sys_free(k);
	rwlock_unlock(&i->lock);
}

static int too_long(const struct line_field *f)
{
	char n[NUM_TEXT_MAX];

	num_format_u64(n, f->head_len + f->key_len);
	return err_fail(ERR_LENGTH, "field", "measurement", "min", "1", "max", "400", "value", n, NULL);
}

static int path_of(const struct line_field *f, char path[KEY_MAX], size_t *ret_head)
{
	size_t n;

	if (f->head_len + f->key_len > 400)
		return too_long(f);
	n = line_unescape(f->head, f->head_len, false, path);
	*ret_head = n;
	path[n++] = '/';
	n += line_unescape(f->key, f->key_len, false, path + n);
	path[n] = 0;
	if (!utf8_is_valid(path, n))
		return err_fail(ERR_BAD_UTF8, "what", "@line_protocol", "value", "1", NULL);
	return 0;
}

/* 0 found, 1 must be made first. */
static int series_of(struct job *j, const struct line_field *f, uint32_t *ret_series, enum vtype *ret_type)
{
	struct asked a = { j->scope->tenant, f };
	struct plant *plant = j->ingest->platform->plant;
	uint64_t generation = plant_generation(plant);
	struct plant_point p;
	char path[KEY_MAX];
	size_t head = 0;
	int r;

	if (known_find(j->ingest, &a, ret_series, ret_type, &p.device))
		return reach_need_device(j->scope, PERM_SAMPLE_WRITE, &p.device);
	r = path_of(f, path, &head);
	if (r < 0)
		return r;
	r = plant_by_path(plant, j->scope->tenant, path, j->scope->arena, &p);
	if (r == 0) {
		known_put(j->ingest, &a, &p, generation);
		*ret_series = p.series;
		*ret_type = p.vtype;
		return reach_need_device(j->scope, PERM_SAMPLE_WRITE, &p.device);
	}
	if (r != -ERR_MISSING)
		return r;
	if (!scope_may(j->scope, PERM_SAMPLE_WRITE))    /* the same as for a point that is there and out of reach */
		return scope_need(j->scope, PERM_SAMPLE_WRITE);
	if (memchr(path, '/', head))    /* inside a place: nothing is made there by a typing error */
		return err_fail(ERR_INVALID, "field", "measurement", "rule", "@inside_plant", "value", path, NULL);
	err_clear();
	r = pushed_want(j->scope, &j->missing, path, head, f->value.type);
	if (r == 1)
		j->n_missing++;
	return r < 0 ? r : 1;
}

/* --- Values ------------------------------------------------------------------------------------------------------------ */

static int convert(const struct line_field *f, enum vtype want, struct scope *s, struct value *ret)
{
	struct value v = f->value;
	char name[128];
	struct buf b = BUF_FIXED(name);

	if (v.type == V_STR && want == V_STR) {
		char *text = arena_alloc(s->arena, v.len + 1);

		if (!text)
			return err_fail(ERR_NO_MEMORY, "what", "@text", NULL);
		v.len = (uint32_t) line_unescape(v.s, v.len, true, text);
		v.s = text;
		if (!utf8_is_valid(text, v.len))
			return err_fail(ERR_BAD_UTF8, "what", "@line_protocol", "value", "1", NULL);
		if (v.len > 65535)
			return err_fail(ERR_TOO_LARGE, "what", "@text", "max", "65535", NULL);
		*ret = v;
		return 0;
	}
	if (f->is_float && want == V_F32) {
		v.type = V_F32;
		num_parse_f32(f->number, f->number + f->number_len, &v.f32);
		*ret = v;
		if (v.f32 - v.f32 == 0)
			return 0;
	} else if (v.type == V_I64 && want == V_F64 && (int64_t) (double) v.i == v.i && (double) v.i < 9.3e18) {
		*ret = (struct value) { .type = V_F64, .f64 = (double) v.i };
		return 0;
	} else if (v.type == V_I64 && want == V_F32 && v.i >= -(1 << 24) && v.i <= 1 << 24) {
		*ret = (struct value) { .type = V_F32, .f32 = (float) v.i };
		return 0;
	} else if (v.type == want) {
		*ret = v;
		return 0;
	}
	name[0] = 0;
	buf_addn(&b, f->head, MIN(f->head_len, (size_t) 60));
	buf_addc(&b, '/');
	buf_addn(&b, f->key, MIN(f->key_len, (size_t) 60));
	return err_fail(ERR_TYPE_CONFLICT, "field", name, "want", vtype_name(want), "value", vtype_name(v.type), NULL);
}

static int time_of(struct job *j, const struct lines *l, int64_t *ret_ns)
{
	int64_t ns = j->now_ns;

	if (l->has_time && __builtin_mul_overflow(l->time, j->in->unit_ns, &ns)) {
		char text[NUM_TEXT_MAX];

		num_format_i64(text, l->time);
		return err_fail(ERR_TOO_BIG, "field", "timestamp", "max", "2262-04-11T23:47:16Z", "value", text, NULL);
	}
	if (ns > j->now_ns + FUTURE_MAX_H * 3600 * NS_PER_S) {
		char text[WHEN_TEXT_MAX];

		when_format(text, ns);
		return err_fail(ERR_INVALID, "field", "timestamp", "rule", "@not_future", "value", text, NULL);
	}
	*ret_ns = ns;
	return 0;
}

static void line_failed(struct job *j, const struct lines *l, int r)
{
	char line[NUM_TEXT_MAX];

	num_format_u64(line, l->line);
	if (!err_peek()->pointer[0])
		err_at(r, line);
	if (j->first_error.kind == ERR_NONE)
		j->first_error = *err_peek();
	atomic_fetch_add(&j->ingest->refused, 1);
	if (j->in->errs)
		errs_add(j->in->errs, r);
}

static int check_line(struct job *j, struct lines *l)
{
	struct line_field f;
	struct value v;
	uint32_t series;
	enum vtype type;
	int64_t ns;
	int r = time_of(j, l, &ns);

	while (r == 0 && (r = lines_field(l, &f)) == 1) {
		r = series_of(j, &f, &series, &type);
		if (r == 0)
			r = convert(&f, type, j->scope, &v);
		r = r > 0 ? 0 : r;
		j->samples++;
	}
	return r;
}

/* Every line read; 0, or the first failure when at least one was wrong. */
static int check(struct job *j)
{
	struct lines l = lines_of(j->in->text, j->in->len);
	int r;

	while ((r = lines_next(&l))) {
		if (r == 1) {
			j->lines++;
			r = check_line(j, &l);
		}
		if (r < 0) {
			line_failed(j, &l, r);
			if (r == -ERR_NO_MEMORY || r == -ERR_IO)
				break;
		}
	}
	if (j->first_error.kind == ERR_NONE)
		return 0;
	err_put(&j->first_error);
	return -(int) j->first_error.kind;
}

/* --- Batches ----------------------------------------------------------------------------------------------------------- */

static int seal(struct job *j, enum vtype t)
{
	struct batch *b;
	int r;

	if (!j->builder[t] || !batch_builder_rows(j->builder[t]))
		return 0;
	if (j->n_batches == j->batches_room) {
		uint32_t room = MAX(j->batches_room * 2, 16u);
		struct batch **grown = sys_resize(j->batches, room * sizeof(*grown));

		if (!grown)
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
		j->batches = grown;
		j->batches_room = room;
	}
	r = batch_seal(j->builder[t], j->now_ns, 0, &b);
	if (r == 0)
		j->batches[j->n_batches++] = b;
	return r;
}

static int add(struct job *j, const struct sample *sample)
{
	enum vtype t = sample->value.type;
	int r;

	if (!j->builder[t]) {
		r = batch_builder_new(&j->builder[t], BATCH_ROWS_MAX);
		if (r < 0)
			return r;
	}
	if (!batch_builder_rows(j->builder[t])) {
		r = batch_tall(j->builder[t], j->scope->tenant, 0, t);
		if (r < 0)
			return r;
	}
	r = batch_tall_add(j->builder[t], sample);
	if (r != -ERR_FULL)
		return r;
	err_clear();
	r = seal(j, t);
	if (r == 0)
		r = batch_tall(j->builder[t], j->scope->tenant, 0, t);
	return r < 0 ? r : batch_tall_add(j->builder[t], sample);
}

static int fill(struct job *j)
{
	struct lines l = lines_of(j->in->text, j->in->len);
	int r = 0;

	while (r >= 0 && lines_next(&l) == 1) {
		struct line_field f;
		struct sample sample = { 0 };

		r = time_of(j, &l, &sample.time_ns);
		while (r >= 0 && lines_field(&l, &f) == 1) {
			enum vtype type;

			r = series_of(j, &f, &sample.series, &type);
			if (r == 1)
				r = err_fail(ERR_BUSY, "what", "@point", NULL);         /* deleted meanwhile */
			if (r == 0)
				r = convert(&f, type, j->scope, &sample.value);
			if (r == 0)
				r = add(j, &sample);
		}
	}
	for (enum vtype t = V_BOOL; r >= 0 && t <= V_TIME; t++)
		r = seal(j, t);
	return r < 0 ? r : 0;
}

static int append(struct job *j, struct wal_wait *wait, uint64_t *ret_seq)
{
	struct wal *w = j->ingest->platform->wal;
	int64_t deadline = j->scope->deadline_ns ? j->scope->deadline_ns : clock_deadline(10000);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < j->n_batches; i++) {
		bool is_last = i + 1 == j->n_batches;

		r = is_last && !wait ? wal_append_sync(w, j->batches[i], deadline) : wal_append(w, j->batches[i], is_last ? wait : NULL);
		*ret_seq = j->batches[i]->seq;
	}
	return r;
}

static void job_done(struct job *j)
{
	for (uint32_t i = 0; i < j->n_batches; i++)
		batch_unref(j->batches[i]);
	sys_free(j->batches);
	for (enum vtype t = V_BOOL; t <= V_TIME; t++)
		batch_builder_free(j->builder[t]);
}

int ingest_lines(struct scope *s, const struct ingest_in *in, struct wal_wait *wait, struct ingested *ret)
{
	struct ingest *i = s->platform->ingest;
	struct job j = { .ingest = i, .scope = s, .in = in, .now_ns = clock_now_ns() };
	struct ingested done = { 0 };
	int r = scope_need_somewhere(s, PERM_SAMPLE_WRITE);

	if (r < 0)
		return r;
	atomic_fetch_add(&i->requests, 1);
	r = check(&j);
	if (r == 0 && j.n_missing) {
		r = pushed_make(s, j.missing, j.n_missing);
		done.created = r < 0 ? 0 : j.n_missing;
		atomic_fetch_add(&i->created, done.created);
	}
	if (r == 0)
		r = fill(&j);
	done.lines = j.lines;
	done.samples = j.samples;
	if (r == 0 && !j.n_batches)
		r = 1;
	else if (r == 0)
		r = append(&j, wait, &done.seq);
	job_done(&j);
	if (r < 0)
		return r;
	atomic_fetch_add(&i->samples, done.samples);
	*ret = done;
	return r;
}

void ingest_stats(struct ingest *i, struct ingest_stats *ret)
{
	*ret = (struct ingest_stats) { .requests = i->requests, .samples = i->samples, .refused_lines = i->refused, .created = i->created };
}
