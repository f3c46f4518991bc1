/*
 * store.h - records on disk: a database file or a schema of PostgreSQL, one door.
 *
 * A store holds the record types it was opened with: a table each, made from the field table, kept in shape when fields are added.
 * Everything happens inside a transaction. A commit returns when the change is durable; every put and del leaves one row in the
 * change feed of the same transaction. SQL stands in here and in the rows of queries.def, nowhere else. SQLite and PostgreSQL
 * answer alike: the same order of lists, the same refusals. A PostgreSQL that is gone is -ERR_UNAVAILABLE until it is back.
 *
 *   _cleanup_(store_rollbackp) struct store_tx *tx = NULL;
 *   r = store_begin(s, STORE_WRITE, deadline_ns, &tx);  if (r < 0) return r;
 *   r = store_put(tx, &device_type, &d, &principal);    if (r < 0) return r;
 *   return store_commit(take(tx));
 *
 * Thread: a store may be used from any thread that may block; a transaction belongs to the thread that began it. There is one
 * writer at a time; readers neither wait for it nor make it wait. Memory: what a record points to lives in the arena handed in;
 * rows given to a callback are borrowed until it returns (rec_dup() keeps one).
 */
#pragma once

#include "rec/rec.h"

struct store;
struct store_tx;

/* --- Opening ------------------------------------------------------------------------------------------------------------- */

enum store_noun_flag {
	STORE_QUIET = 1,                /* no rows in the change feed: sessions, keys of idempotency */
};
struct store_noun { const struct rec_type *type; unsigned flags; };

/* A row of a module's queries.def. Parameters are written :name and are fields of `in`; the result's columns are fields of
 * `out`. Prepared at the start on every connection, so that a broken one stops the start. The row's address is its name. */
struct store_query {
	const char *name, *sql;
	const struct rec_type *in, *out;        /* NULL: no parameters, no rows */
	bool write;
};
struct store_queries { const struct store_query *items; size_t n; };

/* What adding a field cannot do (rename, split, delete, change of kind): a numbered step, one transaction each. It runs on the
 * old shape, before the tables are brought to the new one, and never on a fresh database. Numbers ascend and are never re-used. */
struct store_migration { uint32_t number; const char *name; int (*run)(struct store_tx *tx); };

/* Seals the value of SECRET fields on its way to disk and opens it again; comes from guard. Appends to `out`. */
struct store_seal {
	int (*seal)(void *ctx, const void *bytes, size_t len, struct buf *out);
	int (*unseal)(void *ctx, const void *bytes, size_t len, struct buf *out);
	void *ctx;
};

struct store_config {
	const char *path;                       /* of the .db file; its folder exists */
	const char *url;                        /* postgresql://...: the records are kept there, in `schema`; NULL: in the file */
	const char *schema;                     /* made if absent; [a-z][a-z0-9_]* */
	bool sole;                              /* PostgreSQL: nobody else opens it so while it is open: -ERR_LOCKED */
	bool look;                              /* nothing is made or brought to shape: -ERR_CONFIG when this version would have to; no writing */
	const char *name;                       /* for sentences: "the store of tenant acme"; NULL: the path */
	const struct store_noun *nouns; size_t n_nouns;
	const struct store_migration *migrations; size_t n_migrations;
	const struct store_queries *queries; size_t n_queries;
	const struct store_seal *seal;          /* NULL: a type with a SECRET field is refused (what is hashed is INTERNAL) */
	uint32_t readers;                       /* read transactions at a time; 0 = 4 */
	uint32_t cache_kb;                      /* page cache of the writer, a quarter of it for each reader; 0: 16 MB while much is written, 256 KB */
};

/* What a URL says. -ERR_CONFIG: it cannot be read (its text is not repeated: there may be a password in it); -ERR_UNSUPPORTED: libpq
 * is not installed. */
struct store_url { bool has_password; char place[300]; };       /* place: "host:port/database", to show and to compare */
int store_url_read(const char *url, struct store_url *ret);

/* -ERR_NEWER: written by a newer version. -ERR_BROKEN: a query or type is wrong, named. -ERR_CORRUPT, -ERR_IO, -ERR_FULL,
 * -ERR_UNAVAILABLE: PostgreSQL cannot be reached.
 * Types, migrations, queries and the seal are borrowed for the life of the store (run-time types are referenced), texts copied. */
int store_open(struct store **ret, const struct store_config *config);
struct store *store_close(struct store *s);             /* no transaction may be open */
DEFINE_CLEANUP(struct store *, store_close)

/* A type made while running: its table is made or brought up to shape. Needs no other writer: waits like store_begin(). */
int store_add_noun(struct store *s, const struct store_noun *noun, int64_t deadline_ns);
/* The file of a store as it is at one moment, in use or not, as the new file `to`. Those that write go on. SQLite alone. */
int store_copy(const char *from, const char *to);
/* Reads the whole of it and checks it: 0, or -ERR_CORRUPT with the first damage. */
int store_verify(struct store *s);
/* What was deleted before leaves the medium: SQLite writes zeros over it when it goes and, here, empties its journal. -ERR_BUSY: somebody reads an old state;
 * again a moment later. Of PostgreSQL nothing is known here: its vacuum and archives are its administrator's. */
int store_scour(struct store *s, int64_t deadline_ns);
/* Lets go of connections to PostgreSQL that nobody used for a minute; the next who needs one makes it. Of SQLite, of the pages that nobody needs
 * now. For the tick of a minute. */
void store_rest(struct store *s);

/* --- Transactions -------------------------------------------------------------------------------------------------------- */

enum store_mode { STORE_READ = 1, STORE_WRITE };
/* A read transaction sees one state throughout. deadline_ns: on the monotonic clock, 0 = wait without limit.
 * -ERR_BUSY: no connection, or the writer did not get free, by the deadline. -ERR_UNAVAILABLE: PostgreSQL is gone. */
int store_begin(struct store *s, enum store_mode mode, int64_t deadline_ns, struct store_tx **ret);
/* Durable when it returns 0; tx is gone either way. With -ERR_UNAVAILABLE the answer was lost: it is there whole, or not at all. */
int store_commit(struct store_tx *tx);
struct store_tx *store_rollback(struct store_tx *tx);   /* NULL is fine; returns NULL */
DEFINE_CLEANUP(struct store_tx *, store_rollback)

/* A step inside a write transaction that may fail alone (rows of a batch with atomic=false). 0 deep or 1 deep. */
int store_savepoint(struct store_tx *tx);
int store_release(struct store_tx *tx, bool keep);
/* Records put and deleted in it so far. A put or del that was refused has changed nothing and does not count: whoever does one of them at a time
 * needs no step to go back. */
uint64_t store_writes(const struct store_tx *tx);

/* Called after a commit that changed records, on the committing thread, with the feed's newest seq; must not block. Also after one whose
 * answer was lost: whoever follows the feed looks whether it happened. At most 16, registered before the first transaction. */
typedef void (*store_commit_fn)(void *ctx, uint64_t seq);
void store_on_commit(struct store *s, store_commit_fn fn, void *ctx);

/* --- Records ------------------------------------------------------------------------------------------------------------- */

/* Inserts when head.rev is 0 (a zero id is made), else updates the revision head.rev names. Sets id, rev, created, updated and
 * their principals in *rec. The record is checked by rec_check() first. -ERR_PRECONDITION: another revision is there now;
 * -ERR_MISSING: it is gone; -ERR_EXISTS names the unique field and its value; -ERR_NO_SUCH_REF names the field. */
int store_put(struct store_tx *tx, const struct rec_type *t, void *rec, const struct uuid *by);
int store_get(struct store_tx *tx, const struct rec_type *t, const struct uuid *id, void *ret_rec, struct arena *a);    /* -ERR_MISSING */
/* rev 0 = whatever is there. -ERR_IN_USE says how many of what still refer to it. */
int store_del(struct store_tx *tx, const struct rec_type *t, const struct uuid *id, uint64_t rev, const struct uuid *by);

/* About `expected` new records of that type are going to be put, and before each it is asked with store_find_like() for these fields (texts and
 * references). From here to the end of the transaction store_put() may return as soon as a new record is checked; its row is written behind,
 * by other threads, and what is asked for is known without the engine. Whatever else looks at the store waits until all is written. Does
 * nothing where it would not pay. Not inside a step. */
int store_put_behind(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, uint64_t expected);
int store_settle(struct store_tx *tx);                  /* waits until all is written that was put behind; says why not */
/* What was put behind could not be written; it is not known whose put it was. Every call says why: roll back, and do it again without. */
bool store_refused_behind(const struct store_tx *tx);

enum store_op { STORE_EQ, STORE_NE, STORE_LT, STORE_LE, STORE_GT, STORE_GE,
		STORE_IN,       /* values between commas; "\," is a comma inside a value */
		STORE_LIKE };   /* texts: * any characters, ? one; case does not count for A-Z */
struct store_filter {
	const char *field;              /* also id, rev, created, updated, created_by, updated_by; a list of REF: contains (IN: one of them; "": there is none) */
	enum store_op op;
	const char *value;              /* text, read by the field's kind; "" = none, for EQ and NE */
};

/* The one record that meets all filters: -ERR_MISSING when none, -ERR_INVALID when several. */
int store_find(struct store_tx *tx, const struct rec_type *t, const struct store_filter *filters, size_t n, void *ret_rec, struct arena *a);
/* The one that has in these fields what `like` has there, absent like absent: 1 and its id; 0: none; -ERR_INVALID: several. */
int store_find_like(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, const void *like, struct uuid *ret);
/* The same as store_find() with one EQ. */
int store_find_by(struct store_tx *tx, const struct rec_type *t, const char *field, const char *value, void *ret_rec, struct arena *a);

struct store_list {
	const struct store_filter *filters; size_t n_filters;   /* all must hold */
	const char *q;                  /* every word of it is part of some SEARCH field */
	const char *sort;               /* "-updated,path"; NULL: by id, that is by age. The id is always the last key */
	const char *cursor;             /* `next` of the page before; NULL: from the start */
	uint32_t limit;                 /* 0 = all */
	bool count;                     /* also count all that match, without paging */
	const char *const *fields;      /* only these, the id and the revision are read, all else of a record is absent; needs sort NULL. NULL: all */
	size_t n_fields;
	struct arena *arena;            /* for `next`; NULL: no cursor is made */
};
struct store_page { const char *next; uint64_t total; uint32_t n; };    /* next: NULL at the end; in the arena */
/* > 0 ends the list early (the page is then as if the limit was there), < 0 is handed on. */
typedef int (*store_row_fn)(void *ctx, const void *rec);
/* -ERR_BAD_PARAMETER: no such field; -ERR_BAD_VALUE, -ERR_BAD_ARGUMENT: a value or a cursor that cannot be read. ret_page may be NULL. */
int store_list(struct store_tx *tx, const struct rec_type *t, const struct store_list *spec, store_row_fn on_row, void *ctx,
	struct store_page *ret_page);

/* A row of queries.def. Rows of `out` are handed to on_row; returns the rows handed out, or rows changed. */
int store_query(struct store_tx *tx, const struct store_query *q, const void *in, store_row_fn on_row, void *ctx);

/* --- The change feed ----------------------------------------------------------------------------------------------------- */

enum store_change_op { STORE_CREATED = 1, STORE_UPDATED, STORE_DELETED };
enum { STORE_HASH = 32 };               /* SHA-256 of the record's JSON, SECRET fields left out; zero: there was none */
struct store_change {
	uint64_t seq, rev;
	const char *type;               /* the noun */
	enum store_change_op op;
	struct uuid id, by;
	int64_t at;
	uint8_t before[STORE_HASH], after[STORE_HASH];
};
typedef int (*store_change_fn)(void *ctx, const struct store_change *c);
int store_changes(struct store_tx *tx, uint64_t after_seq, uint32_t limit, store_change_fn on_change, void *ctx);
uint64_t store_last_seq(struct store *s);               /* of the newest commit; cheap */
int store_changes_trim(struct store_tx *tx, uint64_t up_to_seq);        /* what the audit has taken over */
int store_hash(const struct rec_type *t, const void *rec, uint8_t ret[STORE_HASH]);    /* -ERR_NO_MEMORY */

/* --- Moving from one engine to the other ---------------------------------------------------------------------------------- */

/* Opened for reading alone, as it is, and handed to fn in a transaction. -ERR_CONFIG: it has not the shape of this version, so one that
 * may change it must open it first; -ERR_MISSING: there is none. */
int store_peek(const struct store_config *c, int (*fn)(void *ctx, struct store_tx *tx), void *ctx);

/* Copies stores whole: records, lists, feed, how far migrations have come; secrets as they are sealed. All sources lie in one place, and so
 * do all targets. Nothing in the sources is changed. What was copied is read back and compared by number and SHA-256 before it is
 * committed: with PostgreSQL in one transaction for all stores, with files by names that appear at the end. -ERR_EXISTS: a target is
 * there; -ERR_CORRUPT: what was read back is not what was written. on_table: rows of a table that are through; name as in `from`. */
struct store_move { struct store_config from, to; };    /* `to` has the nouns of `from` */
typedef void (*store_moved_fn)(void *ctx, const char *store, const char *table, uint64_t rows);
int store_move(const struct store_move *moves, size_t n, store_moved_fn on_table, void *ctx);

/* --- For migrations only: -ERR_BROKEN anywhere else ---------------------------------------------------------------------- */

int store_step_sql(struct store_tx *tx, const char *sql);                       /* one constant statement */
int store_step_rename(struct store_tx *tx, const char *table, const char *from, const char *to);
int store_step_drop(struct store_tx *tx, const char *table, const char *field);
int store_step_add(struct store_tx *tx, const struct rec_type *t, const char *field);  /* now, not after the migrations */
/* The table made anew in today's shape with what fits of its rows: for a change of kind, or a field that becomes NULLABLE. */
int store_step_rebuild(struct store_tx *tx, const struct rec_type *t);
