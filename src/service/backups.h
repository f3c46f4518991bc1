/*
 * backups.h - backups of the whole platform, made, listed, checked, fetched and deleted while it runs.
 *
 * A backup lies in backups/ of the data folder as tenon-<id>.tar, its id being the moment it began; beside it tenon-<id>.json says what is
 * known of it. One is made or checked at a time, as a job. The newest `keep` stay: when one more is whole, the oldest beyond that go. A
 * twentieth of the disk (at most 4 GB) stays free: the log comes first.
 *
 * A backup holds the records of all tenants, so everything here needs system.backup, which is void outside the first tenant. Making, fetching,
 * checking and deleting are entries of the audit. Restoring is not here: it makes a data folder, and this one is in use (`tenon restore`).
 *
 * Thread: workers. Memory: records live in the scope's arena.
 */
#pragma once

#include "service/service.h"

struct backups;

struct backup_record {
	uint64_t has[2];
	const char *id;                 /* "20260131T080000Z"; a second one of that second: "20260131T080000Z-2" */
	int64_t time;                   /* when it began */
	uint64_t bytes;                 /* of the file */
	const char *version, *sha256;   /* NULL: the platform stopped before it could be noted; a check finds out */
	bool keys;                      /* sealed keys are in it */
	int64_t verified;               /* last check; `has`: there was one */
	bool damaged;                   /* what the last check said */
};
extern const struct rec_type backup_type;

struct backup_in { const char *passphrase; };   /* of the keys; NULL: they stay out. Kept in memory alone, until the job begins */
extern const struct rec_type backup_in_type;

int backups_new(struct backups **ret, struct platform *p, uint32_t keep);      /* makes the folder; what was not finished goes */
struct backups *backups_free(struct backups *b);                                /* after jobs_free() */
uint32_t backups_keep(const struct backups *b);

/* Each begins a job. -ERR_LIMIT: one is being made or checked; -ERR_UNSUPPORTED: records are in PostgreSQL; -ERR_FULL: a twentieth of the disk
 * is left already; -ERR_MISSING. What comes of it: {"backup":"<id>"}. */
int backups_make(struct scope *s, const struct backup_in *in, struct uuid *ret_job);
int backups_verify(struct scope *s, const char *id, struct uuid *ret_job);

/* Newest first. *ret in the arena. */
int backups_list(struct scope *s, struct backup_record **ret, uint32_t *ret_n);
int backups_get(struct scope *s, const char *id, struct backup_record *ret);
/* Where its file lies, for who is about to read it. */
int backups_fetch(struct scope *s, const char *id, struct buf *ret_path);
int backups_delete(struct scope *s, const char *id);
