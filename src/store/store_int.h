/*
 * store_int.h - what the files of store share.
 *
 *   store.c         opening, connections, transactions
 *   store_schema.c  migrations; tables brought to the shape of their types
 *   store_value.c   one field ↔ one column
 *   store_record.c  put, get, del, and the sentences of what the engine refused
 *   store_list.c    lists, filters, cursors
 *   store_search.c  the column for free words, where it is new
 *   store_query.c   rows of queries.def
 *   store_change.c  the feed
 *   store_behind.c  what a transaction writes behind its back: rows of the feed, gathered and hashed; new records, when they are many
 *   store_move.c    stores copied whole
 *   store_sqlite.c  an engine: nothing else knows SQLite
 *   store_pg.c      the other: nothing else but store_pg_link.c knows libpq
 *
 * SQL is made of quoted identifiers that rec_type_check() has seen, and of ?N; values are always bound.
 */
#pragma once

#include <stdatomic.h>

#include "base/sha256.h"
#include "base/str.h"
#include "store/store.h"
#include "sys/sys.h"

/* --- the engine ----------------------------------------------------------------------------------------------------------- */

struct db;                              /* a connection */
struct stmt;

/* One value on its way to or from a column. Texts and bytes are borrowed. */
enum cell_kind { CELL_NULL, CELL_INT, CELL_REAL, CELL_TEXT, CELL_BLOB };
struct cell { enum cell_kind kind; union { int64_t i; double d; const char *p; }; size_t len; };

typedef int (*db_row_fn)(void *ctx, const struct cell *cells, size_t n);

struct engine {
	enum rec_sql dialect;
	const char *like;                       /* the operator that takes A for a */
	const char *schema_table, *change_table;
	size_t name_max;                        /* bytes of a table's name; 0: any */
	/* What the configuration holds is borrowed for the life of the connection. */
	int (*open)(struct db **ret, const struct store_config *c, bool writer, uint32_t cache_kb);
	struct db *(*close)(struct db *db);
	int (*begin)(struct db *db, bool writes, int64_t deadline_ns);  /* makes the connection anew when it is gone */
	int (*end)(struct db *db, bool commit);
	void (*rest)(struct db *db, int64_t unused_since_ns);
	/* The transaction under way is large: the next commit, not this one, does what can be done later. false: no longer. */
	void (*large)(struct db *db, bool on);
	/* Statements that are not kept; several between semicolons; rows are passed over. */
	int (*run)(struct db *db, const char *sql);
	int (*each)(struct db *db, const char *sql, db_row_fn fn, void *ctx);
	int (*prepare)(struct db *db, const char *sql, struct stmt **ret);
	struct stmt *(*done)(struct stmt *st);
	void (*bind)(struct stmt *st, unsigned nth, const struct cell *c);      /* from 1 */
	void (*many)(struct stmt *st);                          /* before the first step: rows without end, taken in portions */
	/* 1: a row; 0: no more; -ERR_EXISTS, -ERR_NO_SUCH_REF: see refused(). A refusal undoes this statement alone. */
	int (*step)(struct stmt *st);
	void (*reset)(struct stmt *st);
	struct cell (*column)(struct stmt *st, unsigned nth);   /* from 0; until the next step */
	unsigned (*n_columns)(struct stmt *st);
	const char *(*column_name)(struct stmt *st, unsigned nth);
	unsigned (*n_params)(struct stmt *st);
	const char *(*param_name)(struct stmt *st, unsigned nth);       /* from 1, without the colon; NULL: it has none */
	int64_t (*changed)(struct db *db);                      /* rows the last statement changed */
	const char *(*refused)(struct db *db);                  /* "table.a, table.b": the unique columns; "" */
	int (*tables)(struct db *db, db_row_fn fn, void *ctx);
	/* PostgreSQL, in a transaction: from here on it is about that schema, which is made. -ERR_EXISTS: there is something in it. */
	int (*settle)(struct db *db, const char *schema);
	/* name, first word of the declared type */
	int (*columns)(struct db *db, const char *table, db_row_fn fn, void *ctx);
	int (*indexes)(struct db *db, const char *table, db_row_fn fn, void *ctx);
	int (*references)(struct db *db, bool on);              /* outside of transactions: enforce them or not */
	int (*check_references)(struct db *db);
	int (*verify)(struct db *db);
	int (*scour)(struct db *db);                            /* outside of transactions: store_scour() */
};
extern const struct engine store_sqlite, store_pg;

/* --- the store ------------------------------------------------------------------------------------------------------------ */

/* Where free words are looked for: rec_search_text() of the row. No field can be called so. */
#define STORE_SEARCH "_search"

enum { READERS_MAX = 64, STATEMENTS_MAX = 64, CHANGES_GATHERED = 32, TABLES_MAX = 512, ON_COMMIT_MAX = 16 };

struct table {
	const struct rec_type *type;
	unsigned flags;
	uint32_t n_columns, n_joins;            /* head fields come first */
	const struct rec_field **columns, **joins;
	const char *select, *get, *insert, *update, *del;       /* select: without WHERE; behind the columns each list as one text */
	const char *columns_alone;                              /* select without the lists */
	bool is_searched;                       /* it has the column STORE_SEARCH, the last parameter of insert and update */
	const char *copy, *fill;                /* insert without that column; and that column alone, by id */
	const char **join_put, **join_del;
};

/* A kept statement. Fixed texts live as long as the store and are known by their address; others are copied and compared. */
struct kept { struct stmt *st; const char *sql; uint64_t key; uint64_t used; bool fixed, busy; };

/* A record that was read in the transaction under way, so that the next who wants it (the group of the next point) need not ask the engine. */
struct recent { const struct table *t; struct uuid id; void *rec; struct arena arena; };
enum { RECENT_WAYS = 8, RECENT = 64, RECENT_MAX = 64 << 10 /* bytes of one */ };

struct conn {
	struct db *db;
	struct recent recent[RECENT];           /* of the writer: an id has eight places next to each other */
	unsigned recent_next;                   /* which of the eight gives way */
	struct kept kept[STATEMENTS_MAX];
	uint64_t clock;
	struct gathered *gathered;              /* rows of the feed on their way (store_behind.c); NULL: none were yet */
	bool lent, borrowed;                    /* borrowed: the db is another's */
	struct store_tx *tx;
};

struct store_tx {
	struct store *store;
	struct conn *conn;
	const struct engine *e;
	enum store_mode mode;
	bool migrating, refill;                 /* refill: a column STORE_SEARCH is new to its rows */
	uint64_t seq;                           /* of the newest change in here; 0: none */
	unsigned savepoints, busy;              /* busy: statements in use */
	uint64_t seq_before;                    /* the step under way */
	uint64_t writes;                        /* records put and deleted */
	struct arena scratch;                   /* reset by every deed */
};

struct store {
	const struct engine *e;
	struct store_config config;
	const char *name, *change_sql;          /* the latter: as many rows of the feed as are gathered */
	struct arena arena;                     /* SQL, tables: grows only */
	struct mutex lock;                      /* what stands below */
	struct cond freed;
	struct conn *writer, *readers[READERS_MAX];
	uint32_t n_readers, readers_max;
	atomic_uint n_tables;
	struct table *tables[TABLES_MAX];
	struct { store_commit_fn fn; void *ctx; } on_commit[ON_COMMIT_MAX];
	uint32_t n_on_commit;
	atomic_ullong seq;
};

const struct table *store_table(const struct store *s, const struct rec_type *t);       /* NULL if it does not hold it */
const struct table *store_table_of(const struct store *s, const char *noun);
int store_need_table(struct store_tx *tx, const struct rec_type *t, const struct table **ret);
int store_no_memory(const struct store *s);
int store_term(char out[64], const char *noun);                         /* "@point" */

/* A store of which nothing is opened yet; then a connection, and the transaction to be used on it. db: another's, shared; NULL: its own. */
int store_shell(struct store **ret, const struct store_config *config);
int store_connect(struct store *s, bool writes, struct db *db, struct store_tx **ret);

/* A statement of this connection, ready to be bound; give it back when done. fixed: sql lives as long as the store. */
int stmt_get(struct store_tx *tx, const char *sql, bool fixed, struct kept **ret);
void stmt_put(struct store_tx *tx, struct kept *k);
#define STMT(tx_, k) __attribute__((cleanup(stmt_put_))) struct stmt_use k = { .tx = (tx_) }
struct stmt_use { struct store_tx *tx; struct kept *k; };
static inline void stmt_put_(struct stmt_use *u) { if (u->k) stmt_put(u->tx, u->k); }

/* One statement without rows. */
int stmt_run(struct store_tx *tx, const char *sql, bool fixed, const struct cell *cells, unsigned n);

/* --- schema --------------------------------------------------------------------------------------------------------------- */

int store_table_make(struct store *s, const struct store_noun *noun, struct table **ret);
int store_schema_open(struct store *s, struct store_tx *tx);
/* later: statements for when all tables are there. */
int store_schema_sync(struct store_tx *tx, const struct table *t, struct buf *later);
void store_join_column(const struct store *s, const struct rec_type *t, const struct rec_field *f, struct buf *out);     /* a list of references as one text */
int store_schema_run(struct store_tx *tx, struct buf *sql);             /* and empties it */
const char *store_sql(struct store *s, struct buf *b);                  /* moves the text into the store's arena; NULL: no memory */

int store_schema_make(struct store *s, struct store_tx *tx, struct buf *later);       /* all tables, inside a transaction */
int store_schema_note(struct store *s, struct store_tx *tx);
int store_schema_is_todays(struct store *s, struct store_tx *tx);                     /* -ERR_CONFIG: not of this version's shape */

int store_schema_fill(struct store *s, struct store_tx *tx);                           /* STORE_SEARCH of every row */

int store_queries_check(struct store_tx *tx);

/* --- values --------------------------------------------------------------------------------------------------------------- */

#define CELL_OF_INT(v) ((struct cell) { .kind = CELL_INT, .i = (int64_t) (v) })
#define CELL_OF_TEXT(s) ((struct cell) { .kind = CELL_TEXT, .p = (s), .len = str_len(s) })
#define CELL_OF_ID(u) ((struct cell) { .kind = uuid_is_zero(u) ? CELL_NULL : CELL_BLOB, .p = (const char *) (u), .len = 16 })
/* What the column holds for this field. Memory from the scratch. */
int cell_of(struct store_tx *tx, const struct rec_type *t, const void *rec, const struct rec_field *f, struct cell *ret);
int cell_to(struct store_tx *tx, const struct rec_type *t, void *rec, const struct rec_field *f, struct cell c, struct arena *a);
/* Fills a record from a row whose columns are those of the table. */
int row_to(struct store_tx *tx, const struct table *t, struct stmt *st, void *rec, struct arena *a);
bool store_is_head(const struct rec_field *f);

/* --- records, changes ----------------------------------------------------------------------------------------------------- */

int record_read(struct store_tx *tx, const struct table *t, const struct uuid *id, void *rec, struct arena *a);         /* 1: it is there */
int record_row(struct store_tx *tx, const struct table *t, struct stmt *st, void *rec, struct arena *a);  /* with its lists of references */
void recent_forget(struct conn *c, const struct table *t);             /* t NULL: all */
/* A new record's row alone; what was made by record_search(), or nothing where the table is not searched. */
int record_insert(struct store_tx *tx, const struct table *t, const void *rec, const struct cell *search);
int record_search(const struct table *t, const void *rec, struct arena *a, struct cell *ret);
struct hash_of { const struct rec_type *t; const void *rec; uint8_t *ret; };
int store_hash_many(struct hash_of *of, size_t n);
int change_insert(struct store_tx *tx, const struct store_change *c, unsigned n);
void change_sql(struct buf *out);
uint64_t change_last(struct store_tx *tx);               /* 0: none, or it cannot be read */

