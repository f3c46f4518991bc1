/* backups.c - backups in a folder of their own: which there are, making, checking and deleting them. */
#include "service/backups.h"

#include <stdlib.h>
#include <string.h>

#include "backup/backup.h"
#include "base/num.h"
#include "base/when.h"
#include "job/job.h"
#include "rec/tree.h"
#include "service/internal.h"

enum { ID_MAX = 24, PATH_BYTES = 700, NOTE_BYTES = 4096, PASSPHRASE_MAX = 200, AGAIN_MAX = 99, LISTED_MAX = 1000, TELL_BYTES = 1 << 20 };

struct backups {
	struct platform *platform;
	uint32_t keep;
	struct mutex lock;
	char folder[600];
	char passphrase[PASSPHRASE_MAX * 4 + 1];        /* for the job that waits; "" : none */
};

#define R struct backup_record
static const struct rec_field fields[] = {
	F(R, id, .flags = REC_READONLY, .label = "Id", .label_zh = "标识符"),
	F_KIND(R, time, REC_TIME, .flags = REC_READONLY, .label = "Time", .label_zh = "时间"),
	F(R, bytes, .flags = REC_READONLY, .unit = "B", .label = "Size", .label_zh = "大小"),
	F(R, version, .flags = REC_READONLY, .max = "64", .label = "Version of the platform", .label_zh = "平台版本"),
	F(R, sha256, .flags = REC_READONLY, .max = "64", .label = "SHA-256", .label_zh = "SHA-256"),
	F(R, keys, .flags = REC_READONLY, .def = "false", .label = "With keys", .label_zh = "含密钥"),
	F_KIND(R, verified, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Last checked", .label_zh = "最近校验"),
	F(R, damaged, .flags = REC_READONLY, .def = "false", .label = "Damaged", .label_zh = "已损坏"),
};
const struct rec_type backup_type = REC_PLAIN_HAS(R, "backup", fields, .title = "Backup", .title_zh = "备份");

static const struct rec_field in_fields[] = {
	F(struct backup_in, passphrase, .flags = REC_SECRET, .min = "8", .max = "200", .label = "Passphrase of the keys", .label_zh = "密钥口令",
		.doc = "without one the keys stay out", .doc_zh = "未给出时备份不含密钥"),
};
const struct rec_type backup_in_type = REC_PLAIN(struct backup_in, "backup_new", in_fields, .title = "New backup", .title_zh = "新备份");

/* ---- names ---- */

static bool are_digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* "20260131T080000Z" or "20260131T080000Z-2": nothing else is an id, so that no id leads out of the folder. */
static bool id_parse(const char *id, int64_t *ret_ns, uint32_t *ret_again)
{
	size_t n = str_len(id);
	uint64_t again = 1;
	char when[24];
	struct buf b = BUF_FIXED(when);

	if (n < 16 || n >= ID_MAX || !are_digits(id, 8) || id[8] != 'T' || !are_digits(id + 9, 6) || id[15] != 'Z')
		return false;
	if (n > 16 && (id[16] != '-' || id[17] < '1' || num_parse_u64(id + 17, id + n, &again) != n - 17 || again < 2 || again > AGAIN_MAX))
		return false;
	buf_clear(&b);
	buf_addf(&b, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", id, id + 4, id + 6, id + 9, id + 11, id + 13);
	*ret_again = (uint32_t) again;
	return when_parse(when, b.len, ret_ns);
}

static void id_format(int64_t ns, uint32_t again, char ret[ID_MAX])
{
	char when[WHEN_TEXT_MAX];
	struct buf b = { .data = ret, .room = ID_MAX, .max = ID_MAX };

	when_format(when, ns / NS_PER_S * NS_PER_S);
	buf_clear(&b);
	for (const char *p = when; *p; p++)
		if (*p != '-' && *p != ':')
			buf_addc(&b, *p);
	if (again > 1)
		buf_addf(&b, "-%u", again);
}

static void path_of(const struct backups *b, const char *id, const char *suffix, char ret[PATH_BYTES])
{
	struct buf p = { .data = ret, .room = PATH_BYTES, .max = PATH_BYTES };

	buf_clear(&p);
	buf_addf(&p, "%s/tenon-%s%s", b->folder, id, suffix);
}

/* "tenon-ID.tar" to ID. */
static bool id_of_file(const char *name, const char *suffix, char ret[ID_MAX])
{
	struct buf b = { .data = ret, .room = ID_MAX, .max = ID_MAX };
	size_t n = str_len(name), more = str_len(suffix);
	uint32_t again;
	int64_t at;

	if (!str_starts(name, "tenon-") || !str_ends(name, suffix) || n - more - 6 >= ID_MAX)
		return false;
	buf_clear(&b);
	buf_addn(&b, name + 6, n - more - 6);
	return id_parse(ret, &at, &again);
}

static int missing(const char *id) { return err_fail(ERR_MISSING, "what", "@a_backup", "value", id, NULL); }

/* ---- what is known of one ---- */

/* What the note beside it cannot say (it is damaged, or was not written any more) a check finds out. */
static void read_note(const struct backups *b, const char *id, struct arena *a, struct backup_record *rec)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, NOTE_BYTES);
	char path[PATH_BYTES];

	path_of(b, id, ".json", path);
	if (file_read(path, NOTE_BYTES / 2, &text) < 0
			|| rec_from_json(&backup_type, rec, (struct rec_json) { text.data, text.len }, REC_CREATE | REC_TRUSTED, a, NULL) < 0)
		err_clear();
}

static int load(const struct backups *b, const char *id, struct arena *a, struct backup_record *ret)
{
	struct backup_record rec = { .keys = false };
	char path[PATH_BYTES];
	int64_t at, bytes;
	uint32_t again;
	int r;

	if (!id_parse(id, &at, &again))
		return missing(id);
	path_of(b, id, ".tar", path);
	if (!file_exists(path))
		return missing(id);
	r = file_size(path, &bytes);
	if (r < 0)
		return r;
	read_note(b, id, a, &rec);
	rec.id = arena_str(a, id);
	rec.time = at;
	rec.bytes = (uint64_t) bytes;
	*ret = rec;
	return rec.id ? 0 : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);
}

static int write_note(const struct backups *b, const struct backup_record *rec)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, NOTE_BYTES);
	struct json j = JSON_TO(&text);
	char path[PATH_BYTES];

	path_of(b, rec->id, ".json", path);
	rec_to_json(&backup_type, rec, 0, NULL, &j);
	return text.failed ? err_fail(ERR_NO_MEMORY, "what", "@backup", NULL) : file_write(path, text.data, text.len, 0600);
}

static int remove_files(const struct backups *b, const char *id)
{
	char path[PATH_BYTES];
	int r;

	path_of(b, id, ".tar", path);
	r = file_unlink(path);
	path_of(b, id, ".json", path);
	if (r == 0)
		r = file_unlink(path);
	return r < 0 ? r : dir_sync(b->folder);
}

/* ---- which there are ---- */

struct ids { char (*id)[ID_MAX]; uint32_t n; };

static int note_id(void *ctx, const char *name)
{
	struct ids *ids = ctx;

	if (ids->n < LISTED_MAX && id_of_file(name, ".tar", ids->id[ids->n]))
		ids->n++;
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	int64_t x = 0, y = 0;
	uint32_t i = 0, k = 0;

	id_parse(a, &x, &i);
	id_parse(b, &y, &k);
	return x != y ? x < y ? 1 : -1 : i < k ? 1 : i > k ? -1 : 0;
}

static int list_ids(const struct backups *b, struct arena *a, struct ids *ret)
{
	int r;

	ret->n = 0;
	ret->id = arena_alloc(a, sizeof(*ret->id) * (LISTED_MAX + 1));
	if (!ret->id)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	r = dir_each(b->folder, note_id, ret);
	if (r == 0 && ret->n)
		qsort(ret->id, ret->n, sizeof(*ret->id), newest_first);
	return r;
}

struct listed { struct backup_record *items; uint32_t n; };

static int run_list(struct scope *s, const void *in, void *ret)
{
	struct backups *b = s->platform->backups;
	struct listed *l = ret;
	struct ids ids;
	int r = list_ids(b, s->arena, &ids);

	l->items = r == 0 ? arena_array(s->arena, struct backup_record, ids.n + 1) : NULL;
	if (r == 0 && !l->items)
		r = err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; r == 0 && i < ids.n; i++) {
		r = load(b, ids.id[i], s->arena, &l->items[l->n]);
		if (r == -ERR_MISSING) {        /* it went meanwhile */
			err_clear();
			r = 0;
		} else if (r == 0)
			l->n++;
	}
	return r;
}

int backups_list(struct scope *s, struct backup_record **ret, uint32_t *ret_n)
{
	static const struct deed deed = DEED_READ("backup.list", PERM_BACKUP, DEED_SYSTEM, run_list);
	struct listed l = { .n = 0 };
	int r = scope_do(s, &deed, NULL, &l);

	if (r == 0) {
		*ret = l.items;
		*ret_n = l.n;
	}
	return r;
}

static int run_get(struct scope *s, const void *in, void *ret) { return load(s->platform->backups, in, s->arena, ret); }

int backups_get(struct scope *s, const char *id, struct backup_record *ret)
{
	static const struct deed deed = DEED_READ("backup.get", PERM_BACKUP, DEED_SYSTEM, run_get);

	return scope_do(s, &deed, id, ret);
}

uint32_t backups_keep(const struct backups *b) { return b->keep; }

/* ---- fetching, deleting ---- */

static int note_it(struct scope *s, const void *in, void *ret)
{
	struct backup_record rec;
	int r = load(s->platform->backups, in, s->arena, &rec);

	return r < 0 ? r : audit_text(s, "backup", in);
}

/* Whoever has the file has everything in it: that it was handed out is an entry before the first byte goes. */
int backups_fetch(struct scope *s, const char *id, struct buf *ret_path)
{
	static const struct deed deed = DEED("backup.download", PERM_BACKUP, DEED_SYSTEM, note_it);
	char path[PATH_BYTES];
	int r = scope_do(s, &deed, id, NULL);

	if (r < 0)
		return r;
	path_of(s->platform->backups, id, ".tar", path);
	buf_add(ret_path, path);
	return ret_path->failed ? err_fail(ERR_NO_MEMORY, "what", "@file", NULL) : 0;
}

int backups_delete(struct scope *s, const char *id)
{
	static const struct deed deed = DEED("backup.delete", PERM_BACKUP, DEED_SYSTEM, note_it);
	struct backups *b = s->platform->backups;
	int r = scope_do(s, &deed, id, NULL);

	if (r < 0)
		return r;
	mutex_hold(&b->lock);
	return remove_files(b, id);
}

/* ---- making one ---- */

struct progress { struct job *job; uint64_t told; };

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;

	if (done != total && done - p->told < TELL_BYTES)
		return;
	p->told = done;
	job_total(p->job, total, "bytes");
	job_done(p->job, done);
}

static bool is_cancelled(void *ctx) { return job_is_cancelled(((const struct progress *) ctx)->job); }

/* Given once; the memory it lay in knows it no more. */
static bool take_passphrase(struct backups *b, char ret[sizeof(b->passphrase)])
{
	mutex_hold(&b->lock);
	memcpy(ret, b->passphrase, sizeof(b->passphrase));
	explicit_bzero(b->passphrase, sizeof(b->passphrase));
	return ret[0] != 0;
}

static uint64_t reserve_of(const struct backups *b)
{
	uint64_t left, all;

	if (dir_free(b->folder, &left, &all) < 0) {
		err_clear();
		return 0;
	}
	return MIN(all / 20, (uint64_t) 4 << 30);
}

struct made { const struct backup_record *rec; const struct ids *ids; };

static int note_made(struct scope *s, const void *in, void *ret)
{
	const struct made *m = in;
	int r = audit_text(s, "backup", m->rec->id);

	if (r == 0)
		r = audit_text(s, "sha256", m->rec->sha256);
	if (r == 0)
		r = audit_text(s, "keys", m->rec->keys ? "with" : "without");
	for (uint32_t i = s->platform->backups->keep; r == 0 && i < m->ids->n; i++)
		r = audit_text(s, "removed", m->ids->id[i]);
	return r;
}

/* It is in the list, and in the audit, or not there at all. The oldest go when the new one is whole. */
static int settle(struct scope *s, const struct backup_record *rec)
{
	static const struct deed deed = DEED("backup.create", PERM_BACKUP, DEED_SYSTEM, note_made);
	struct backups *b = s->platform->backups;
	struct ids ids;
	struct made m = { rec, &ids };
	int r = write_note(b, rec);

	if (r == 0)
		r = list_ids(b, s->arena, &ids);
	if (r == 0)
		r = scope_do(s, &deed, &m, NULL);
	if (r < 0) {
		struct err e = err_take(r);

		if (remove_files(b, rec->id) < 0)
			err_clear();
		err_put(&e);
		return r;
	}
	for (uint32_t i = b->keep; r == 0 && i < ids.n; i++) {
		mutex_hold(&b->lock);
		r = remove_files(b, ids.id[i]);
	}
	return r;
}

static int tell(struct job *j, const char *id)
{
	char text[80];
	struct buf b = BUF_FIXED(text);

	buf_clear(&b);
	buf_addf(&b, "{\"backup\":\"%s\"}", id);
	return job_result(j, text);
}

static int make(struct backups *b, struct job *j, struct scope *s, const char *passphrase)
{
	struct progress progress = { .job = j };
	char id[ID_MAX], path[PATH_BYTES];
	struct backup_config c = { .data = b->platform->data, .to = path, .passphrase = passphrase, .version = b->platform->version,
		.reserve = reserve_of(b), .progress = { on_progress, is_cancelled, &progress } };
	struct backup_report *report = arena_new(s->arena, struct backup_report);
	struct backup_record rec = { .id = id };
	uint32_t again = 1;
	int64_t size = 0;
	int r = report ? 0 : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);

	rec.time = clock_now_ns() / NS_PER_S * NS_PER_S;
	do {
		id_format(rec.time, again, id);
		path_of(b, id, ".tar", path);
	} while (file_exists(path) && again++ < AGAIN_MAX);
	if (r == 0)
		r = backup_make(&c, report);
	if (r == 0)
		r = file_size(path, &size);
	if (r < 0)
		return r;
	rec.bytes = (uint64_t) size;
	rec.version = report->version;
	rec.sha256 = report->sha256;
	rec.keys = report->keys;
	r = settle(s, &rec);
	return r < 0 ? r : tell(j, id);
}

static int run_make(struct job *j, struct scope *s)
{
	struct backups *b = s->platform->backups;
	char passphrase[sizeof(b->passphrase)];
	bool given = take_passphrase(b, passphrase);
	int r = 0;

	if (!given && str_find(job_input(j), "true"))   /* the platform was started anew while it waited */
		r = err_fail(ERR_REQUIRED, "field", "passphrase", NULL);
	if (r == 0)
		r = make(b, j, s, given ? passphrase : NULL);
	explicit_bzero(passphrase, sizeof(passphrase));
	return r;
}

const struct job_kind backup_make_kind = { .name = "backup.make", .title = "Backup", .title_zh = "备份", .permission = MUST_SAY(PERM_BACKUP),
	.run = run_make };

/* ---- checking one ---- */

static int note_check(struct scope *s, const void *in, void *ret)
{
	const struct backup_record *rec = in;
	int r = audit_text(s, "backup", rec->id);

	return r < 0 ? r : audit_text(s, "found", rec->damaged ? "damaged" : "whole");
}

/* One that was deleted meanwhile gets no note. */
static int keep_check(struct scope *s, const struct backup_record *rec)
{
	static const struct deed deed = DEED("backup.verify", PERM_BACKUP, DEED_SYSTEM, note_check);
	struct backups *b = s->platform->backups;
	char path[PATH_BYTES];
	int r = scope_do(s, &deed, rec, NULL);

	if (r < 0)
		return r;
	path_of(b, rec->id, ".tar", path);
	mutex_hold(&b->lock);
	return file_exists(path) ? write_note(b, rec) : missing(rec->id);
}

static int check(struct job *j, struct scope *s, struct backup_record *rec)
{
	struct backups *b = s->platform->backups;
	struct progress progress = { .job = j };
	const struct backup_progress on = { on_progress, is_cancelled, &progress };
	struct backup_report *report = arena_new(s->arena, struct backup_report);
	char path[PATH_BYTES];
	struct err e;
	int r = report ? 0 : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL), kept;

	path_of(b, rec->id, ".tar", path);
	if (r == 0)
		r = backup_verify(path, &on, report);
	if (r == 0 && rec->sha256 && !str_eq(rec->sha256, report->sha256))
		r = err_fail(ERR_CORRUPT, "what", "@backup", "detail", "@backup_sum", NULL);
	if (r < 0 && r != -ERR_CORRUPT)
		return r;
	e = r < 0 ? err_take(r) : (struct err) { 0 };
	rec->damaged = r < 0;
	rec->verified = clock_now_ns();
	rec_set_has(&backup_type, rec, rec_field(&backup_type, "verified"), true);
	if (r == 0) {
		rec->version = report->version;
		rec->sha256 = report->sha256;
		rec->keys = report->keys;
	}
	kept = keep_check(s, rec);
	if (r < 0)
		err_put(&e);
	return r < 0 ? r : kept;
}

static int run_verify(struct job *j, struct scope *s)
{
	struct backup_record rec;
	struct tree *input;
	int r = tree_parse(job_input(j), str_len(job_input(j)), "@job", s->arena, &input);

	if (r >= 0)
		r = load(s->platform->backups, tree_str(tree_find(input, "backup")) ?: "", s->arena, &rec);
	if (r >= 0)
		r = check(j, s, &rec);
	return r < 0 ? r : tell(j, rec.id);
}

/* Begun again after a restart: it reads all of it anew. */
const struct job_kind backup_verify_kind = { .name = "backup.verify", .title = "Check of a backup", .title_zh = "校验备份",
	.permission = MUST_SAY(PERM_BACKUP), .resumes = true, .run = run_verify };

/* ---- asking for it ---- */

static void look(void *ctx, const struct job_view *v)
{
	if (!job_has_ended(v->state) && (str_eq(v->kind, backup_make_kind.name) || str_eq(v->kind, backup_verify_kind.name)))
		*(bool *) ctx = true;
}

/* Under the lock: the disk has work for one. */
static int one_at_a_time(struct scope *s)
{
	bool there = false;

	jobs_changed(s->platform->jobs, s->tenant, NULL, 0, look, &there);
	return there ? err_fail(ERR_LIMIT, "what", "@backups_at_once", "max", "1", NULL) : 0;
}

static int disk_has_room(const struct backups *b)
{
	uint64_t left, all;
	int r = dir_free(b->folder, &left, &all);

	return r < 0 || left >= reserve_of(b) ? r : err_fail(ERR_FULL, "what", "@disk", "detail", "@nearly_full", NULL);
}

int backups_make(struct scope *s, const struct backup_in *in, struct uuid *ret_job)
{
	struct backups *b = s->platform->backups;
	const bool keys = !str_empty(in->passphrase);
	struct buf secret = { .data = b->passphrase, .room = sizeof(b->passphrase), .max = sizeof(b->passphrase) };
	int r = scope_need(s, PERM_BACKUP);

	if (r == 0)
		r = backup_possible(b->platform->data);
	if (r == 0)
		r = disk_has_room(b);
	if (r < 0)
		return r;
	mutex_hold(&b->lock);
	r = one_at_a_time(s);
	if (r < 0)
		return r;
	explicit_bzero(b->passphrase, sizeof(b->passphrase));
	if (keys)
		buf_add(&secret, in->passphrase);
	r = job_begin(s->platform->jobs, s, &(struct job_in) { .kind = backup_make_kind.name, .input = keys ? "{\"keys\":true}" : "{\"keys\":false}" }, ret_job);
	if (r < 0)
		explicit_bzero(b->passphrase, sizeof(b->passphrase));
	return r;
}

int backups_verify(struct scope *s, const char *id, struct uuid *ret_job)
{
	struct backups *b = s->platform->backups;
	struct backup_record rec;
	const char *input;
	int r = backups_get(s, id, &rec);

	if (r < 0)
		return r;
	input = arena_fmt(s->arena, "{\"backup\":\"%s\"}", rec.id);
	if (!input)
		return err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
	mutex_hold(&b->lock);
	r = one_at_a_time(s);
	return r < 0 ? r : job_begin(s->platform->jobs, s, &(struct job_in) { .kind = backup_verify_kind.name, .input = input }, ret_job);
}

/* ---- life ---- */

/* Written by a process that died, or the note of a backup that somebody took away by hand. */
static int sweep(void *ctx, const char *name)
{
	const struct backups *b = ctx;
	char path[PATH_BYTES], id[ID_MAX];
	bool left = str_starts(name, "tenon-") && str_ends(name, ".part");

	if (id_of_file(name, ".json", id)) {
		path_of(b, id, ".tar", path);
		left = !file_exists(path);
	}
	if (left && path_join(path, sizeof(path), b->folder, name) && file_unlink(path) < 0)
		err_clear();
	return 0;
}

int backups_new(struct backups **ret, struct platform *p, uint32_t keep)
{
	struct backups *b = sys_new(struct backups);
	int r = b ? 0 : err_fail(ERR_NO_MEMORY, "what", "@backup", NULL);

	if (r < 0)
		return r;
	b->platform = p;
	b->keep = MAX(keep, 1u);
	mutex_init(&b->lock);
	if (!path_join(b->folder, sizeof(b->folder), p->data, "backups"))
		r = err_fail(ERR_CONFIG, "detail", "a path is too long", NULL);
	if (r == 0)
		r = dir_make(b->folder, 0700);
	if (r == 0)
		r = dir_each(b->folder, sweep, b);
	if (r < 0) {
		backups_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

struct backups *backups_free(struct backups *b)
{
	if (b) {
		explicit_bzero(b->passphrase, sizeof(b->passphrase));
		mutex_done(&b->lock);
	}
	return sys_free(b);
}
