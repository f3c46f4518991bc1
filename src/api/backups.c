/* backups.c - backups of the whole platform. The deeds are those of service/backups.h. */

#include "api/internal.h"
#include "job/job.h"
#include "service/backups.h"

struct all { struct rec_list items; uint32_t keep; };
static const struct rec_field all_fields[] = {
	F_KIND(struct all, items, REC_LIST, .item = REC_REC, .type = &backup_type, .max = "1000", .label = "Backups", .label_zh = "备份"),
	F(struct all, keep, .flags = REC_READONLY, .label = "Kept", .label_zh = "保留份数", .doc = "When one more is whole, the oldest goes",
		.doc_zh = "新备份完成后删除最旧的"),
};
static const struct rec_type all_type = REC_PLAIN(struct all, "backups", all_fields, .title = "Backups", .title_zh = "备份");

static int run_list(struct call *c)
{
	struct backup_record *items;
	struct all all = { .keep = backups_keep(c->api->platform->backups) };
	int r = backups_list(&c->scope, &items, &all.items.n);
	struct json j;

	if (r < 0)
		return r;
	all.items.items = items;
	j = answer_json(c);
	record_json(&all_type, &all, NULL, &j);
	return 0;
}

static int run_get(struct call *c)
{
	struct backup_record rec;
	int r = backups_get(&c->scope, c->arg, &rec);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&backup_type, &rec, NULL, &j);
	return 0;
}

static int run_make(struct call *c)
{
	struct uuid job;
	int r = backups_make(&c->scope, c->in, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static int run_verify(struct call *c)
{
	struct uuid job;
	int r = backups_verify(&c->scope, c->arg, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static int run_delete(struct call *c) { return backups_delete(&c->scope, c->arg); }

static int run_file(struct call *c)
{
	_cleanup_(buf_done) struct buf path = BUF_INIT(&sys_heap, 4096);
	int r = backups_fetch(&c->scope, c->arg, &path);

	return r < 0 ? r : answer_file(c, path.data, path_name(path.data), "application/x-tar");
}

static const char *const file_offers[] = { "application/x-tar", "application/octet-stream", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/backups", PERM_BACKUP, "backup.list", run_list, .out = &all_type, .doc = "Backups of the whole platform, newest first"),
	ROUTE("POST", "/backups", PERM_BACKUP, "backup.create", run_make, .in = &backup_in_type, .out = &job_type, .status = 202,
		.doc = "Make one, as a job; with a passphrase the keys are in it, sealed"),
	ROUTE("GET", "/backups/{id}", PERM_BACKUP, "backup.get", run_get, .out = &backup_type, .doc = "One of them"),
	ROUTE("DELETE", "/backups/{id}", PERM_BACKUP, "backup.delete", run_delete, .status = 204, .doc = "Delete one"),
	ROUTE("GET", "/backups/{id}/file", PERM_BACKUP, "backup.download", run_file, .offers = file_offers, .doc = "The file, for `tenon restore`"),
	ROUTE("POST", "/backups/{id}/verify", PERM_BACKUP, "backup.verify", run_verify, .out = &job_type, .status = 202,
		.doc = "Read all of it and hold every file in it against its sum, as a job"),
};
const struct routes routes_backups = { rows, ELEMENTSOF(rows) };
