/*
 * removal.h - samples deleted by people: quickly, or for good and with proof.
 *
 * Deleting takes samples out of every answer at once (tsdb/remove.h); what they leave behind in files goes within a day. *Erasing* takes all there ever was of
 * a point off the medium as a job: history's files are written again without it, the log is written on in a new segment until the old ones are gone,
 * exported files, kept corrections and (when asked) backups that may hold it go, and what was done is kept: who, why, which files, how many samples.
 *
 * Each is a record (removals) from the moment it begins, and two entries of the audit. A deletion that the platform did not outlive stays "under way" and is
 * asked for again; an erasure goes on by itself after the next start.
 *
 * Thread: workers. Memory: records live in the scope's arena.
 */
#pragma once

#include "service/service.h"

struct job_kind;

enum { REMOVAL_POINTS = 1000 /* named in one request */, REMOVAL_POINTS_UNDER = 100000 };
enum removal_kind { REMOVAL_DELETED, REMOVAL_ERASED };
enum removal_state { REMOVAL_UNDER_WAY, REMOVAL_DONE, REMOVAL_FAILED };

struct removal_record {
	struct rec_head head;                   /* created: when it began */
	int32_t kind, state;
	struct rec_list points;                 /* const char *: paths as they were then */
	const char *under;                      /* all points below; NULL: those named */
	uint32_t n_points;
	int64_t from, to;                       /* `has`; without: since ever, for ever */
	const char *reason, *name;              /* name: of who */
	uint64_t samples;                       /* that there were */
	int64_t ended;
	const char *code, *detail, *detail_zh;  /* why it failed */
	const char *report;                     /* of an erasure, JSON; src/api/history.md */
};
extern const struct rec_type removal_type;
extern const struct noun removal_noun;          /* read only: list and get */

struct removal_in {
	struct rec_list points;                 /* const char *: ids, paths, codes */
	const char *under;                      /* or: everything below a path */
	const char *from, *to;                  /* as in a query; NULL: since ever, for ever. Of a deletion */
	const char *reason;
	bool backups;                           /* of an erasure: those that may hold it go, too. Needs system.backup */
	bool dry_run;                           /* of a deletion: only counted */
};
extern const struct rec_type delete_in_type, erase_in_type;

/* Needs history.delete for each point. -ERR_MISSING, -ERR_DENIED, -ERR_LIMIT, -ERR_BUSY. dry_run: *ret has n_points and samples, nothing was kept. */
int removal_delete(struct scope *s, const struct removal_in *in, struct removal_record *ret);
/* Needs history.erase everywhere. Also points that were deleted, by their id. */
int removal_erase(struct scope *s, const struct removal_in *in, struct uuid *ret_job);
extern const struct job_kind history_erase_kind;

/* removal_point.c, private to these files: what a request names */
struct removal_what {
	struct uuid *points;
	const char **paths;
	uint32_t n;
	uint32_t *series;                       /* ascending */
	uint32_t n_series;
	int64_t from_ns, to_ns;
};
int removal_resolve(struct scope *s, const struct removal_in *in, bool erase, struct removal_what *ret);
int removal_series(struct scope *s, const struct uuid *points, uint32_t n, uint32_t **ret, uint32_t *ret_n);
int removal_count(struct scope *s, const struct removal_what *w, uint64_t *ret);
int removal_take(struct scope *s, const struct removal_what *w);        /* out of history and out of the live values */
/* removal.c */
int removal_end(struct scope *s, const struct uuid *id, const struct removal_record *like, const struct err *why);
