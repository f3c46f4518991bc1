/* tsdb.c - the door: open, start, stop; series and lists; figures. */
#include "tsdb/tsdb_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "base/str.h"

enum { WEEK = 7 };
enum { COMPACT_RATE = 8 << 20, FILE_BYTES = 256 << 20, FILES_DAY_MAX = 128, FILES_MAX = 50000, WHOLE_ROWS = 1 << 20 };
/* SHARD_BYTES_MIN: of half of it a generation's first blocks (region.c) are a quarter at most, or there would be a file for each batch. */
enum { HEAD_BYTES_MIN = 1 << 20, SHARD_BYTES_MIN = 256 << 10, HEAD_BYTES = 32 << 20, FLUSH_AGE_MS = 600000 };

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "the store of samples", NULL); }

static int remove_temporary(void *ctx, const char *name)
{
	const struct tsdb *t = ctx;
	char path[PATH_MAX];
	struct buf b = BUF_FIXED(path);

	buf_addf(&b, "%s/tmp/%s", t->data, name);
	return str_starts(name, "tsdb-") && !b.failed ? file_unlink(path) : 0;
}

/* The log may have been lost or taken from another day: then batches of a lower number are to come, and none of them is in files. */
static void check_log(struct tsdb *t)
{
	uint64_t last = t->wal ? wal_appended(t->wal) : UINT64_MAX, highest = 0;

	for (size_t i = 0; i < t->n_tenants; i++) {
		struct tenant *te = t->tenant[i];

		if (te->covered > last)
			te->covered = last;
		highest = MAX(highest, te->covered);
	}
	t->seq_files = t->wal ? highest : 0;
}

static int set_up(struct tsdb *t, const struct tsdb_config *config)
{
	struct buf data = BUF_FIXED(t->data), by = BUF_FIXED(t->created_by);
	char tmp[PATH_MAX];
	int r;

	buf_add(&data, config->data_dir);
	buf_addf(&by, "tenon version %s", config->version ? config->version : "0");
	if (data.failed || by.failed || !path_join(tmp, sizeof(tmp), t->data, "tmp"))
		return sys_fail(ENAMETOOLONG, "open", config->data_dir);
	r = head_new(t->n_shards, &t->head);
	if (r == 0)
		r = file_pool_new(OPEN_FILES_MAX, &t->pool);
	if (r == 0)
		r = dir_make(tmp, 0750);
	if (r == 0)
		r = dir_each(tmp, remove_temporary, t);
	if (r == 0)
		r = second_open(t);
	if (r == 0)
		r = tenants_open(t);
	if (r == 0)
		r = second_take(t);
	if (r == 0)
		check_log(t);
	return r;
}

int tsdb_open(struct tsdb **ret, const struct tsdb_config *config, struct wal *wal)
{
	_cleanup_(tsdb_freep) struct tsdb *t = sys_new(struct tsdb);

	if (!t)
		return no_memory();
	mutex_init(&t->mutex);
	cond_init(&t->cond);
	cond_init(&t->compact_cond);
	mutex_init(&t->compact_lock);
	rwlock_init(&t->tenants_lock);
	kits_init(&t->kits);
	t->config = *config;
	tsdb_retain_all(t, &config->keep);
	t->config.head_bytes = MAX(config->head_bytes ? config->head_bytes : HEAD_BYTES, (uint64_t) HEAD_BYTES_MIN);
	if (t->config.flush_age_ms <= 0)
		t->config.flush_age_ms = FLUSH_AGE_MS;
	t->config.compact_rate = config->compact_rate ?: COMPACT_RATE;
	t->config.file_bytes = config->file_bytes ?: FILE_BYTES;
	t->config.whole_rows = config->whole_rows ?: WHOLE_ROWS;
	t->config.files_day_max = config->files_day_max ?: FILES_DAY_MAX;
	t->config.files_max = config->files_max ?: FILES_MAX;
	t->wal = wal;
	t->n_shards = CLAMP(config->n_shards ? config->n_shards : thread_cores(), 1u, (unsigned) SHARDS_MAX);
	t->config.head_bytes = MAX(t->config.head_bytes, (uint64_t) t->n_shards * SHARD_BYTES_MIN);
	t->shard = sys_alloc_array(t->n_shards, sizeof(*t->shard));
	if (!t->shard)
		return no_memory();
	for (unsigned i = 0; i < t->n_shards; i++) {
		t->shard[i].t = t;
		t->shard[i].number = i;
	}
	int r = set_up(t, config);
	if (r < 0)
		return r;
	*ret = take(t);
	return 0;
}

int tsdb_start(struct tsdb *t)
{
	if (!t->wal)
		return err_fail(ERR_BROKEN, "detail", "a store of samples without a log cannot be started", NULL);
	t->running = true;
	int r = ingest_start(t);
	if (r < 0)
		t->running = false;
	else
		r = compact_start(t);
	if (r == 0)
		r = tier_start(t);
	if (r < 0)
		tsdb_stop(t);
	return r;
}

int tsdb_stop(struct tsdb *t)
{
	tier_stop(t);
	compact_stop(t);
	if (t->running)
		ingest_stop(t);
	t->running = false;
	return 0;
}

struct tsdb *tsdb_free(struct tsdb *t)
{
	if (!t)
		return NULL;
	tsdb_stop(t);
	head_free(t->head);
	tenants_free(t);
	file_pool_free(t->pool);
	kits_done(&t->kits);
	second_done(t);
	rwlock_done(&t->tenants_lock);
	mutex_done(&t->compact_lock);
	cond_done(&t->compact_cond);
	cond_done(&t->cond);
	mutex_done(&t->mutex);
	sys_free(t->shard);
	return sys_free(t);
}

static int stopping(void) { return err_fail(ERR_STOPPING, NULL, NULL); }

int tsdb_wait(struct tsdb *t, uint64_t seq, int64_t timeout_ms)
{
	int64_t deadline = clock_deadline(timeout_ms);
	char text[NUM_TEXT_MAX];
	int r = 0;
	mutex_hold(&t->mutex);

	t->waiters++;
	while (r == 0 && ingest_seq(t) < seq) {
		if (t->stopping || !t->running) {
			r = stopping();
		} else if (!cond_wait_until(&t->cond, &t->mutex, deadline) && ingest_seq(t) < seq) {
			num_format_i64(text, timeout_ms);
			r = err_fail(ERR_TIMEOUT, "what", "the store of samples", "ms", text, NULL);
		}
	}
	t->waiters--;
	return r;
}

int tsdb_flush(struct tsdb *t)
{
	mutex_hold(&t->mutex);
	uint64_t mine = ++t->flush_wanted, attempts = t->attempts;

	cond_broadcast(&t->cond);
	while (t->flush_done < mine) {
		if (t->stopping || !t->running)
			return stopping();
		if (t->attempts != attempts && t->flush_error < 0) {
			err_put(&t->flush_failure);
			return t->flush_error;
		}
		cond_wait(&t->cond, &t->mutex);
	}
	return 0;
}

/* --- Series and lists */

int tsdb_series_many(struct tsdb *t, uint32_t tenant, size_t n, const struct uuid *points, const uint8_t *types, uint32_t *ret)
{
	struct tenant *te;
	int r = tenant_get(t, tenant, &te);

	return r < 0 ? r : names_add(te->names, n, points, types, ret);
}

int tsdb_series(struct tsdb *t, uint32_t tenant, const struct uuid *point, enum vtype type, uint32_t *ret)
{
	uint8_t narrow = (uint8_t) type;

	return tsdb_series_many(t, tenant, 1, point, &narrow, ret);
}

int tsdb_series_get(struct tsdb *t, uint32_t tenant, uint32_t series, struct tsdb_series_info *ret)
{
	struct tenant *te = tenant_find(t, tenant);
	const struct series *s = te ? names_series(te->names, series) : NULL;
	char text[NUM_TEXT_MAX];

	if (!s) {
		num_format_u64(text, series);
		return err_fail(ERR_MISSING, "what", "series", "value", text, NULL);
	}
	*ret = (struct tsdb_series_info) { .point = s->point, .series = series, .type = (enum vtype) s->type };
	return 0;
}

void tsdb_keep(struct tsdb *t, uint32_t tenant, uint32_t series, bool keep)
{
	struct tenant *te = tenant_find(t, tenant);
	struct series *s = te ? names_series(te->names, series) : NULL;

	if (s)
		s->passed_over = !keep;
}

size_t tsdb_series_of(struct tsdb *t, uint32_t tenant, const struct uuid *point, uint32_t *ret, size_t max)
{
	struct tenant *te = tenant_find(t, tenant);
	uint32_t newest = te ? names_newest(te->names, point) : 0;
	size_t n = 0, at;

	for (uint32_t i = newest; i; i = names_series(te->names, i)->older)
		n++;
	at = n;
	for (uint32_t i = newest; i; i = names_series(te->names, i)->older)
		if (--at < max)
			ret[at] = i;
	return n;
}

int tsdb_list(struct tsdb *t, uint32_t tenant, const uint32_t *series, uint32_t k, uint32_t *ret)
{
	struct tenant *te;
	int r = tenant_get(t, tenant, &te);

	return r < 0 ? r : names_list(te->names, series, k, ret);
}

const uint32_t *tsdb_list_get(struct tsdb *t, uint32_t tenant, uint32_t list, uint32_t *ret_k)
{
	struct tenant *te = tenant_find(t, tenant);
	const struct list *l = te ? names_list_get(te->names, list) : NULL;

	if (!l)
		return NULL;
	*ret_k = l->k;
	return l->series;
}

/* --- Figures */

static int by_day(const void *a, const void *b)
{
	int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

	return (x > y) - (x < y);
}

static void count_days(int32_t *day, size_t n, struct tsdb_stats *s)
{
	if (n)
		qsort(day, n, sizeof(*day), by_day);
	for (size_t i = 0, k; i < n; i += k) {
		for (k = 1; i + k < n && day[i + k] == day[i];)
			k++;
		s->days++;
		s->files_of_day = MAX(s->files_of_day, k);
	}
}

static void count_tenant(struct tenant *te, int32_t today, struct tsdb_stats *s)
{
	_cleanup_(catalog_unrefp) struct catalog *c = catalog_ref(te);
	_cleanup_free_ int32_t *day = sys_alloc_array(c->n + 1, sizeof(*day));

	s->n_series += names_count(te->names);
	s->n_lists += names_list_count(te->names);
	for (size_t i = 0; i < c->n; i++) {
		const struct file_info *f = file_info(c->file[i]);
		int32_t level = file_level(c->file[i]);

		s->level[level].files++;
		s->level[level].bytes += f->bytes;
		s->level[level].samples += f->rows;
		s->roll_bytes += file_roll_bytes(c->file[i]);
		if (f->day >= today - WEEK && f->day < today) {
			s->week_bytes += f->bytes;
			s->week_days = MAX(s->week_days, (uint32_t) (today - f->day));
		}
		if (f->day < today && level != LEVEL_DAY) {
			s->backlog_files++;
			s->backlog_bytes += f->bytes;
		}
		s->files_aside += file_is_aside(c->file[i]);
		if (day)
			day[i] = f->day;
	}
	if (day)
		count_days(day, c->n, s);
}

void tsdb_stats(struct tsdb *t, struct tsdb_stats *ret)
{
	struct tsdb_stats s = { .head_bytes = head_bytes(t->head), .head_bytes_max = t->config.head_bytes, .head_samples = head_samples(t->head),
		.seq_head = ingest_seq(t), .seq_files = t->seq_files, .flushes = t->flushes, .flush_failures = t->flush_failures,
		.flush_ms_last = t->flush_ms_last, .ingested = t->taken, .replaced = t->replaced, .refused = t->refused,
		.rows_ignored = t->ignored, .lost = t->lost, .rolled = t->rolled, .compact = t->config.compact };

	int32_t today = (int32_t) (clock_now_ns() / NS_PER_DAY);

	compact_stats(t, &s);
	rwlock_read(&t->tenants_lock);
	s.n_tenants = t->n_tenants;
	tier_stats(t, &s);
	for (size_t i = 0; i < t->n_tenants; i++)
		count_tenant(t->tenant[i], today, &s);
	rwlock_unlock(&t->tenants_lock);
	for (unsigned i = 0; i < LEVELS; i++) {
		s.n_files += s.level[i].files;
		s.file_bytes += s.level[i].bytes;
		s.file_samples += s.level[i].samples;
	}
	s.bytes_per_sample = s.file_samples ? (double) s.file_bytes / (double) s.file_samples : 0;
	*ret = s;
}
