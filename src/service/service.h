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

#include "guard/guard.h"

struct noun;
struct wal;
struct tsdb;
struct bus;
struct plant;
struct link;
struct workers;

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
	struct workers *workers;
	const struct noun *const *nouns;        /* NULL-terminated; set by service_open() */
	/* Told after the commit that records of a type changed, on the thread that did it: the daemon reads the change feed then. */
	void (*on_change)(void *ctx, uint32_t tenant, const struct rec_type *t);
	void *on_change_ctx;
};

/* ---- nouns ---- */

struct noun_hooks {
	/* May fill computed members of `rec` and add to errs; before is NULL when it is being made. Inside the transaction. */
	int (*check)(struct scope *s, const void *before, void *rec, struct errs *errs);
	/* After it was put or deleted (after NULL), same transaction. */
	int (*after)(struct scope *s, const void *before, const void *after);
	/* Adds to the answer of create what is told once and not stored (the secret of a token). */
	void (*reveal)(struct scope *s, const void *rec, struct json *out);
};

struct noun {
	const struct rec_type *type;
	enum deed_store store;
	enum permission read, write;
	const struct noun_hooks *hooks;         /* NULL: none */
};
#define NOUN_ROW(type_, store_, read_, write_, hooks_) \
	{ .type = &(type_), .store = (store_), .read = MUST_SAY(read_), .write = MUST_SAY(write_), .hooks = (hooks_) }

const struct noun *noun_find(const struct platform *p, const char *plural);    /* by plural or singular name */

struct noun_in {
	const struct noun *noun;
	struct uuid id;                         /* get, replace, patch, delete */
	const uint64_t *if_rev;                 /* NULL: any; else -ERR_PRECONDITION when it is not at this revision (0 = any) */
	const char *body;                       /* JSON */
	size_t len;
	struct errs *errs;                      /* every wrong field; may be NULL */
};
/* Each is one deed. *ret_rec is a record of noun->type in s->arena. */
int noun_create(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_get(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_replace(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_patch(struct scope *s, const struct noun_in *in, void **ret_rec);
int noun_delete(struct scope *s, const struct noun_in *in);

enum { NOUN_FILTERS_MAX = 16, NOUN_SORTS_MAX = 4, NOUN_LIMIT = 100, NOUN_LIMIT_MAX = 1000 };
enum noun_op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_LIKE, OP_N_ };
struct noun_query {
	const struct noun *noun;
	struct { const struct rec_field *field; enum noun_op op; const char *value; } filter[NOUN_FILTERS_MAX];
	struct { const struct rec_field *field; bool down; } sort[NOUN_SORTS_MAX];
	unsigned n_filters, n_sorts;
	const char *q, *cursor;                 /* free text; where the last page ended, opaque */
	uint32_t limit;                         /* 0: all, streamed */
	bool count;
};
struct noun_page { const char *next; uint64_t count; };        /* next NULL: that was the last page */
/* on_record < 0 ends it with that; the record is valid during the call. */
int noun_list(struct scope *s, const struct noun_query *q, int (*on_record)(void *ctx, const void *rec), void *ctx,
	struct noun_page *ret_page);

/* CSV (RFC 4180, UTF-8 with or without BOM): the first row names fields by name or label in either language; references by id, code
 * or path. Rows whose key (id, path or code) exists are changed, others made. All or nothing unless `partial`. */
struct noun_import { const struct noun *noun; const char *text; size_t len; bool dry_run, partial; };
struct import_error { uint32_t line; const char *column; struct err err; };     /* line: of the file, from 1 */
struct noun_imported {
	uint32_t rows, created, updated, unchanged, failed;
	struct import_error *errors;            /* the first ERRS_MAX */
	uint32_t n_errors;
};
int noun_import(struct scope *s, const struct noun_import *in, struct noun_imported *ret);

/* ---- life ---- */

/* Opens guard (and with it the stores) for p->data and sets p->guard, p->nouns. more: further nouns, NULL-terminated, or NULL. */
int service_open(struct platform *p, const struct guard_config *c, const struct noun *const *more);
void service_close(struct platform *p);
