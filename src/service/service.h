/*
 * service.h - the deeds of the nouns the platform owns.
 *
 * A *noun* is a record type with a store, two permissions and hooks: one row of nouns.def. The generic deeds below (create, get,
 * replace, patch, delete, list, import) serve every noun; what is special about one stands in its hooks. Doors (REST, CLI,
 * import) call these and nothing else. Samples and rows leave only through service/read.h, come in through service/ingest.h.
 *
 * Thread: workers (everything here may read the disk). Memory: records live in the scope's arena.
 */
#pragma once

#include <stdatomic.h>

#include "guard/guard.h"

struct noun;
struct wal;
struct tsdb;
struct bus;
struct plant;
struct link;
struct ingest;
struct commands;
struct jobs;
struct work_pool;
struct sheet_reader;
struct demo_plant;
struct backups;
struct sql_engine;

/* What the daemon put together; deeds reach it through their scope. Members a process does not have are NULL. */
struct platform {
	const char *data, *version;
	int64_t started_ns;             /* wall clock */
	struct guard *guard;
	struct wal *wal;
	struct tsdb *tsdb;
	struct bus *bus;
	struct plant *plant;
	struct link *link;
	struct ingest *ingest;
	struct commands *commands;      /* service/command.h */
	struct jobs *jobs;              /* job/job.h */
	struct work_pool *workers;
	struct sheet_reader *sheets;
	struct sql_engine *sql;         /* sql/sql.h */
	struct backups *backups;        /* service/backups.h */
	struct demo_plant *demo;        /* service/demo.h; NULL: no plant is simulated */
	const struct noun *const *nouns;        /* NULL-terminated; set by service_open() */
	uint64_t query_samples;         /* that one query may look at; 0: READ_SAMPLES_MAX (service/read.h) */
	atomic_int visits;              /* service/commission.h: under way */
	atomic_bool merging_asked;      /* service/history.h: somebody looks whether he may begin */
	atomic_bool ending;             /* the time given to what was under way is over: long deeds give up */
};

/* ---- nouns ---- */

struct noun_hooks {
	/* Before it is put (before NULL: made) or deleted (rec NULL), inside the transaction. May fill computed members and set s->told;
	 * more than one failure goes to errs (may be NULL), the first is returned. */
	int (*check)(struct scope *s, const void *before, void *rec, struct errs *errs);
	/* After it was put or deleted (after NULL), same transaction. */
	int (*after)(struct scope *s, const void *before, const void *after);
};

struct noun {
	const struct rec_type *type;
	enum deed_store store;
	enum permission read, write;
	const struct noun_hooks *hooks;         /* NULL: none */
};
#define NOUN_ROW(type_, store_, read_, write_, hooks_) \
	{ .type = &(type_), .store = (store_), .read = MUST_SAY(read_), .write = MUST_SAY(write_), .hooks = (hooks_) }

/* Those of nouns.def, also where nothing is open (help, lists of routes). NULL-terminated. */
const struct noun *const *service_nouns(void);
const struct noun *noun_find(const struct platform *p, const char *plural);    /* by plural or singular name */

struct noun_in {
	const struct noun *noun;
	struct uuid id;                         /* get, replace, patch, delete */
	const uint64_t *if_rev;                 /* NULL: any; else -ERR_PRECONDITION when it is not at this revision (0 = any) */
	const char *body;                       /* JSON */
	size_t len;
	struct errs *errs;                      /* every wrong field; may be NULL */
};
/* Each is one deed. *ret_rec is a record of noun->type in s->arena; with -ERR_PRECONDITION it is the one that is there now. */
int noun_create(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_get(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_replace(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_patch(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_delete(struct scope *s, const struct noun_in *in, void **ret_rec);

enum { NOUN_LIMIT = 100, NOUN_LIMIT_MAX = 1000 };
struct noun_query {
	const struct noun *noun;
	const struct store_filter *filters;     /* of fields that are shown: -ERR_BAD_PARAMETER for others */
	size_t n_filters;
	const char *q, *sort, *cursor;          /* as in store_list */
	uint32_t limit;                         /* 0: all */
	bool count;
};
int noun_list(struct scope *s, const struct noun_query *q, store_row_fn on_record, void *ctx, struct store_page *ret_page);

/* ---- many from a table ---- */

/* Text in UTF-8, cells as in csv.h. One of the first lines names fields, by name, label or synonym (headings.def); references by
 * id, code or path. Rows whose key (id, path or code) exists are changed, others made, those with yes under "delete" deleted.
 * All or nothing unless `partial`. */
struct noun_settled { const char *field, *text; };
struct noun_import {
	const struct noun *noun;
	const char *text;
	size_t len;
	bool dry_run, partial;
	bool match;                             /* a column "rev" must be the record's revision */
	bool by_row;                            /* of a spreadsheet: lines are counted as its rows */
	const char *file;                       /* its name, for the list of imports; NULL: none */
	const struct noun_settled *settled;     /* for columns the file lacks, and for empty cells */
	size_t n_settled;
	int (*on_rows)(void *ctx, uint32_t rows);       /* after each row; < 0 ends the import with that failure; NULL: nobody asks */
	void *ctx;
};
struct import_error { uint32_t line; const char *column; struct err err; };     /* line: of the file, from 1 */
struct noun_imported {
	uint32_t rows, created, updated, deleted, unchanged, failed;
	struct import_error *errors;            /* the first ERRS_MAX */
	uint32_t n_errors;
	uint32_t head_line, n_head;             /* where the headings stand; 0: none was found */
	const char **head;                      /* the field, or "id", "rev", "delete", "" (passed over), NULL (unknown), of each column */
	struct uuid id;                         /* of the import, for undoing it; zero: nothing was changed, or none is kept */
};
int noun_import(struct scope *s, const struct noun_import *in, struct noun_imported *ret);
/* The same as a job (records.import): text is the file as it came, a workbook too; what noun_import() says is the job's result. */
int import_begin(struct scope *s, const struct noun_import *in, struct uuid *ret_job);

/* ---- many at once ---- */

/* {"create":[{…}],"update":[{"id","rev"?,…}],"delete":["<id>" | {"id","rev"?}]}: one deed, rows in this order. atomic: with a wrong row
 * nothing is kept and -ERR_INVALID returned; else each row stands for itself. *ret says how every row went, also then. */
enum { NOUN_BATCH_MAX = 1000 };
struct noun_batch { const struct noun *noun; const char *body; size_t len; bool atomic; };
struct batch_row { const char *op; uint32_t index; int result; void *rec; struct err err; struct errs errs; };
struct noun_batched { struct batch_row *rows; uint32_t n, failed; };
int noun_batch(struct scope *s, const struct noun_batch *in, struct noun_batched *ret);

/* ---- long work ---- */

struct job_kind;
/* What of this module's deeds runs as a job (job/job.h). NULL-terminated. */
const struct job_kind *const *service_job_kinds(void);
/* What the last IMPORTS_KEPT imports of a tenant did can be undone as one step: what they made is deleted, what they changed or
 * deleted is as it was. What was changed since stays and is named. */
enum { IMPORTS_KEPT = 50 };
extern const struct rec_type import_type;
extern const struct noun import_noun;           /* read only: list and get */
struct noun_undone {
	uint32_t deleted, restored, brought_back, kept;
	struct import_kept { struct uuid id; const char *code; struct err err; } *items;        /* the first ERRS_MAX of those kept */
	uint32_t n_items;
};
int noun_undo(struct scope *s, const struct uuid *import, bool dry_run, struct noun_undone *ret);

/* ---- life ---- */

/* Opens guard (and with it the stores) for p->data and sets p->guard, p->nouns. more: further nouns, NULL-terminated, or NULL. */
int service_open(struct platform *p, const struct guard_config *c, const struct noun *const *more);
void service_close(struct platform *p);
/* guard_move() with the nouns of this program. */
int service_move(const struct guard_config *c, const char *to, store_moved_fn on_table, void *ctx);
