/*
 * ingest_batch.c - batches as they are: the sender's numbers become series, and the block goes to the log.
 *
 * The way of a body: every batch is copied out once and checked whole (batch_check); names are looked up; the types of all columns
 * are held against the points; points that are missing are made; only then the numbers are replaced, in place. Nothing is converted,
 * no row is built anew: that is what makes this the fastest door.
 */
#include "service/ingest.h"

#include <string.h>

#include "base/num.h"
#include "base/str.h"
#include "plant/plant.h"
#include "service/ingest_int.h"
#include "service/intake.h"
#include "service/reach.h"
#include "sys/sys.h"

enum { NAMES_MAX = 200000, TEXT_MAX = 65535 };

struct named {
	struct intake_name name;
	struct intake_series series;    /* type V_NONE: the point is missing, and no sample came for it yet */
	uint32_t in_group;              /* the last GROUP it stood in */
	bool missing;
};

struct job {
	struct intake intake;
	struct named *named;
	uint32_t n, room;
	struct batch **heads;           /* names point into them */
	uint32_t n_heads, heads_room;
	uint32_t groups;
};

static int bad(const char *detail)
{
	return err_fail(ERR_BAD_BODY, "what", "@batch_body", "detail", detail, NULL);
}

/* What a batch of ours would mean damage of the platform is the sender's mistake here. */
static int not_a_batch(uint32_t index)
{
	char detail[200], number[NUM_TEXT_MAX];
	struct buf b = BUF_FIXED(detail);
	const char *why = err_arg(err_peek(), "detail");

	buf_clear(&b);
	buf_add(&b, why ? why : err_code(err_peek()->kind));
	num_format_u64(number, index);
	err_clear();
	return err_at(bad(detail), number);
}

/* ---- names ---- */

static int more(void **p, uint32_t n, uint32_t *room, size_t size)
{
	void *grown;

	if (n < *room)
		return 0;
	grown = sys_resize(*p, MAX(*room * 2, 64u) * size);
	if (!grown)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	*p = grown;
	*room = MAX(*room * 2, 64u);
	return 0;
}

static int too_many_names(uint32_t n)
{
	char text[NUM_TEXT_MAX];

	num_format_u64(text, n);
	return err_fail(ERR_COUNT, "field", "@series_in_request", "min", "1", "max", "200000", "value", text, NULL);
}

static int find_by_id(struct job *j, const struct uuid *id, struct intake_series *ret)
{
	struct scope *s = j->intake.scope;
	struct plant_point p;
	int r = plant_by_id(s->platform->plant, s->tenant, id, s->arena, &p);

	if (r < 0)
		return r;
	*ret = (struct intake_series) { p.series, p.vtype };
	return reach_need_device(s, PERM_SAMPLE_WRITE, &p.device);
}

/* A path is parted at its last "/": in front stands the device. */
static int name_one(struct job *j, struct value text)
{
	const char *slash = memrchr(text.s, '/', text.len);
	struct named *n = &j->named[j->n];
	struct uuid id;
	int r;

	*n = (struct named) { .in_group = 0 };
	if (!slash && uuid_parse(text.s, text.len, &id)) {
		r = find_by_id(j, &id, &n->series);
	} else {
		const char *end = text.s + text.len, *cut = slash ? slash : end;

		n->name = (struct intake_name) { .head = text.s, .head_len = (size_t) (cut - text.s), .key = slash ? slash + 1 : end,
			.key_len = slash ? (size_t) (end - slash) - 1 : 0 };
		r = intake_find(&j->intake, &n->name, &n->series);
		n->missing = r == 1;
	}
	if (r >= 0)
		j->n++;
	return r < 0 ? r : 0;
}

static const struct batch_col *column_named(const struct batch *b, const char *name)
{
	const struct batch_col *names = batch_find(b, BATCH_NAME_NAMES);
	uint32_t k = batch_n_values(b);

	for (uint32_t i = 0; i < k; i++) {
		struct value v = batch_value(b, names, i);

		if (v.len == str_len(name) && memcmp(v.s, name, v.len) == 0)
			return batch_find(b, BATCH_NAME_VALUE + i);
	}
	return NULL;
}

/* Takes the reference. */
static int take_names(struct job *j, struct batch *b)
{
	const struct batch_col *points = column_named(b, "point");
	int r = more((void **) &j->heads, j->n_heads, &j->heads_room, sizeof(*j->heads));

	if (r < 0) {
		batch_unref(b);
		return r;
	}
	j->heads[j->n_heads++] = b;
	if (!points || points->vtype != V_STR)
		return bad("@batch_names");
	if (j->n + b->n_rows > NAMES_MAX)
		return too_many_names(j->n + b->n_rows);
	for (uint32_t i = 0; r == 0 && i < b->n_rows; i++) {
		struct value v = batch_value(b, points, i);

		r = v.type == V_STR && !memchr(v.s, 0, v.len) ? more((void **) &j->named, j->n, &j->room, sizeof(*j->named)) : bad("@batch_names");
		if (r == 0)
			r = name_one(j, v);
		if (r < 0) {
			char number[NUM_TEXT_MAX];

			num_format_u64(number, j->n);
			err_at(err_at(r, number), "points");
		}
	}
	return r;
}

/* ---- samples ---- */

static int wrong_type(const struct named *n, enum vtype type)
{
	char name[128];
	struct buf b = BUF_FIXED(name);

	buf_clear(&b);
	buf_addf(&b, "%.*s/%.*s", (int) MIN(n->name.head_len, (size_t) 60), n->name.head ? n->name.head : "", (int) MIN(n->name.key_len, (size_t) 60),
		n->name.key ? n->name.key : "");
	name[utf8_valid_prefix(name, b.len)] = 0;
	return err_fail(ERR_TYPE_CONFLICT, "field", name, "want", vtype_name(n->series.type), "value", vtype_name(type), NULL);
}

static int check_type(struct job *j, uint32_t number, enum vtype type)
{
	struct named *n = number < j->n ? &j->named[number] : NULL;

	if (!n)
		return bad("@batch_number");
	if (n->series.type == V_NONE && type != V_BYTES && type != V_TIME)
		n->series.type = type;          /* of the point that will be made */
	return n->series.type == type ? 0 : wrong_type(n, type);
}

static int check_tall(struct job *j, const struct batch *b, const uint32_t *numbers, uint32_t n)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++)
		if (i == 0 || numbers[i] != numbers[i - 1])
			r = check_type(j, numbers[i], b->vtype);
	return r;
}

static int check_group(struct job *j, const struct batch *b, const uint32_t *numbers, uint32_t n)
{
	const struct batch_col *values = batch_find(b, BATCH_NAME_VALUE);
	uint32_t stamp = ++j->groups;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = check_type(j, numbers[i], values[i].vtype);
		if (r == 0 && j->named[numbers[i]].in_group == stamp)
			r = bad("@batch_twice");
		if (r == 0)
			j->named[numbers[i]].in_group = stamp;
	}
	return r;
}

static int check_times(const struct job *j, const struct batch *b)
{
	const struct batch_col *time = batch_find(b, BATCH_NAME_TIME);
	uint32_t rows = time->enc & ENC_CONST ? 1 : b->n_rows;
	const int64_t *t = batch_body(b, time);
	int64_t earliest = t[0], latest = t[0];
	int r;

	for (uint32_t i = 1; i < rows; i++) {
		earliest = MIN(earliest, t[i]);
		latest = MAX(latest, t[i]);
	}
	r = intake_time(&j->intake, earliest);
	return r < 0 ? r : intake_time(&j->intake, latest);
}

/* A text may have one byte less here than in a batch: tsdb's limit. */
static int check_texts(const struct batch *b)
{
	for (uint32_t c = 0; c < b->n_cols; c++) {
		const uint32_t *off = (const uint32_t *) ((const char *) b + b->col[c].off);
		uint32_t rows = b->col[c].enc & ENC_CONST ? 1 : b->n_rows;

		for (uint32_t i = 0; b->col[c].vtype == V_STR && i < rows; i++)
			if (off[i + 1] - off[i] > TEXT_MAX)
				return err_fail(ERR_TOO_LARGE, "what", "@text", "max", "65535", NULL);
	}
	return 0;
}

/* Takes the reference. */
static int take_samples(struct job *j, struct batch *b)
{
	uint32_t *numbers, n = batch_series(b, &numbers);
	int r;

	if (!n)
		r = bad(b->list ? "@batch_list" : "@batch_order");
	else
		r = b->shape == SHAPE_TALL ? check_tall(j, b, numbers, n) : check_group(j, b, numbers, n);
	if (r == 0)
		r = check_times(j, b);
	if (r == 0)
		r = check_texts(b);
	if (r == 0)
		return intake_take(&j->intake, b);
	batch_unref(b);
	return r;
}

static int take_one(struct job *j, const char *bytes, size_t len, size_t *ret_size)
{
	struct batch *b;
	uint32_t size;
	int r;

	if (len < sizeof(*b))
		return bad("@batch_cut");
	memcpy(&size, bytes, sizeof(size));
	if (size > len || size < sizeof(*b))
		return bad("@batch_cut");
	r = batch_copy(bytes, size, &b);
	if (r == -ERR_NO_MEMORY)
		return r;
	if (r < 0)
		return not_a_batch(j->n_heads + j->intake.n_batches);
	*ret_size = size;
	if (b->shape != SHAPE_ROWS)
		return take_samples(j, b);
	if (!j->intake.n_batches)
		return take_names(j, b);
	batch_unref(b);
	return bad("@batch_names_first");
}

static int check(struct job *j, const struct batches_in *in)
{
	size_t at = 0, size = 0;
	int r = 0;

	for (; r == 0 && at < in->len; at += size)
		r = take_one(j, (const char *) in->bytes + at, in->len - at, &size);
	return r;
}

/* ---- what is missing ---- */

static bool same_point(const void *item, const void *key)
{
	const struct named *a = item, *b = key;

	if (a->missing || b->missing)
		return a->missing && b->missing && a->name.head_len == b->name.head_len && a->name.key_len == b->name.key_len
			&& memcmp(a->name.head, b->name.head, a->name.head_len) == 0 && memcmp(a->name.key, b->name.key, a->name.key_len) == 0;
	return a->series.number == b->series.number;
}

/* Two numbers for one point would put it into a group twice. */
static int check_twice(struct job *j)
{
	struct map m = MAP_INIT(&sys_heap);
	int r = 0;

	for (uint32_t i = 0; j->groups && r == 0 && i < j->n; i++) {
		struct named *n = &j->named[i];
		uint64_t hash = n->missing ? hash_bytes(n->name.key, n->name.key_len) : n->series.number * UINT64_C(0x9e3779b97f4a7c15);

		if (map_find(&m, hash, same_point, n))
			r = bad("@batch_twice");
		else if (!map_put(&m, hash, n))
			r = err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	}
	map_done(&m);
	return r;
}

static int make(struct job *j)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < j->n; i++)
		if (j->named[i].missing && j->named[i].series.type != V_NONE)
			r = intake_want(&j->intake, &j->named[i].name, j->named[i].series.type);
	if (r == 0)
		r = intake_make(&j->intake);
	for (uint32_t i = 0; r == 0 && i < j->n; i++) {
		struct named *n = &j->named[i];
		enum vtype type = n->series.type;

		if (!n->missing || type == V_NONE)
			continue;
		r = intake_find(&j->intake, &n->name, &n->series);
		if (r == 1)
			r = err_fail(ERR_BUSY, "what", "@point", NULL);         /* deleted meanwhile */
		if (r == 0 && n->series.type != type)                           /* made by somebody else, otherwise */
			r = wrong_type(n, type);
	}
	return r;
}

/* ---- the sender's numbers become ours ---- */

static void settle(struct job *j, struct batch *b)
{
	uint32_t *numbers, n = batch_series(b, &numbers);

	for (uint32_t i = 0; i < n; i++)
		numbers[i] = j->named[numbers[i]].series.number;
	b->tenant = j->intake.scope->tenant;
	b->source = 0;
	b->seq = 0;
	b->acquired_ns = j->intake.now_ns;
	b->flags = batch_is_sorted(b) ? BATCH_SORTED : 0;       /* by our numbers, not by theirs */
}

static void job_done(struct job *j)
{
	intake_done(&j->intake);
	for (uint32_t i = 0; i < j->n_heads; i++)
		batch_unref(j->heads[i]);
	sys_free(j->heads);
	sys_free(j->named);
}

int ingest_batches(struct scope *s, const struct batches_in *in, struct wal_wait *wait, struct ingested *ret)
{
	struct job j = { .intake = intake_of(s) };
	struct ingested done = { 0 };
	int r = scope_need_somewhere(s, PERM_SAMPLE_WRITE);

	if (r < 0)
		return r;
	atomic_fetch_add(&j.intake.ingest->requests, 1);
	r = check(&j, in);
	if (r == 0)
		r = check_twice(&j);
	if (r == 0)
		r = make(&j);
	for (uint32_t i = 0; r == 0 && i < j.intake.n_batches; i++)
		settle(&j, j.intake.batches[i]);
	done = (struct ingested) { .lines = j.intake.n_batches, .samples = j.intake.samples, .created = r < 0 ? 0 : j.intake.missing.n };
	if (r == 0)
		r = intake_append(&j.intake, wait, &done.seq);
	job_done(&j);
	if (r < 0)
		atomic_fetch_add(&s->platform->ingest->refused, 1);
	else
		*ret = done;
	return r;
}
