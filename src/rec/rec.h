/*
 * rec.h - a record described once.
 *
 * A record is a plain struct plus a table of its fields. From that one table come: defaults, equality, checking, JSON both ways
 * with the wrong field named in two languages, SQL, OpenAPI 3.1 schema, the CLI's table, CSV, the TypeScript type and the
 * console's form. Types written in C are const tables; types made at run time use the same constructor (rec_type_new) and the
 * same code everywhere after it.
 *
 *   static const struct rec_field fields[] = {
 *           F(struct pump, code, .flags = REC_REQUIRED, .min = "1", .max = "64", .label = "Code", .label_zh = "编码"),
 *           F_ENUM(struct pump, state, states, .def = "stopped", ...),
 *   };
 *   const struct rec_type pump_type = REC_TYPE(struct pump, "pump", "pumps", fields, .title = "Pump", .title_zh = "泵");
 *
 * Thread: types are immutable once made; records belong to whoever holds them.
 * Memory: everything a record points to lives in the arena it was filled from; nothing is freed singly. rec_dup() moves a record
 * to another arena.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "rec/tree.h"

enum rec_kind {
	REC_BOOL = 1, REC_I32, REC_U32, REC_I64, REC_U64, REC_F64,
	REC_DEC,                /* int64_t, value × 10^scale */
	REC_TIME,               /* int64_t, ns UTC since 1970; RFC 3339 in JSON; 0 with has-bit off = none */
	REC_DATE,               /* int32_t, days since 1970-01-01 */
	REC_DURATION,           /* int64_t, ns; "1h30m", "500ms" in JSON */
	REC_ENUM,               /* int32_t, index into words */
	REC_FLAGS,              /* uint32_t, a bit a word; list of words in JSON */
	REC_STR, REC_TEXT,      /* const char *; text may have lines */
	REC_BYTES,              /* struct rec_bytes; base64 in JSON */
	REC_UUID, REC_REF,      /* struct uuid; all zero = none; REF names a noun */
	REC_LIST,               /* struct rec_list of `item` (a kind, or REC_REC with `type`); list of REF = join table */
	REC_REC,                /* the struct itself, of `type` */
	REC_MAP,                /* struct rec_map, text → text, order kept */
	REC_VARIANT,            /* void * to a record whose type follows from a sibling field */
	REC_JSON,               /* const char *, canonical JSON text, ≤ 64 KB */
};

enum rec_flag {
	REC_KEY = 1 << 0, REC_REQUIRED = 1 << 1, REC_READONLY = 1 << 2, REC_NULLABLE = 1 << 3, REC_UNIQUE = 1 << 4,
	REC_INDEX = 1 << 5, REC_IMMUTABLE = 1 << 6, REC_SECRET = 1 << 7 /* write-only, stored encrypted or hashed */,
	REC_INTERNAL = 1 << 8 /* stored, never shown */, REC_SEARCH = 1 << 9 /* found by ?q= */,
};

struct rec_bytes { const void *data; size_t len; };
struct rec_list { void *items; uint32_t n; };
struct rec_pair { const char *key, *value; };
struct rec_map { struct rec_pair *items; uint32_t n; };

struct rec_word { const char *word, *label, *label_zh; };       /* a NULL word ends the list */

struct rec_type;
struct rec_variant { const char *word; const struct rec_type *type; };  /* a NULL word ends the list */

struct rec_field {
	const char *name;                       /* [a-z][a-z0-9_]{0,40} */
	uint8_t kind, item, scale;              /* item: kind of a list's entries; scale: digits of REC_DEC */
	uint16_t flags;
	uint32_t offset, size;
	const char *def, *min, *max, *pattern;  /* as text, parsed by kind; for texts and lists min and max count characters, entries */
	const struct rec_word *words;
	const struct rec_type *type;            /* REC_REC, and REC_LIST of REC_REC */
	const char *ref;                        /* REC_REF, list of REC_REF: the noun */
	const char *sibling;                    /* REC_VARIANT: the field that decides: an enum, or a text */
	const struct rec_type *(*variant)(const char *word);    /* its word → the type; NULL: nothing belongs here */
	const struct rec_variant *variants;     /* the same as a table; asked first */
	const char *unit, *label, *label_zh, *doc, *doc_zh;
	const char *group, *widget, *since;     /* form section, form control, first version */
};

struct rec_type {
	const char *name, *plural;              /* "point", "points": JSON noun, SQL table, URL */
	size_t size;
	uint32_t n_fields;
	const struct rec_field *fields;
	const char *title, *title_zh, *doc, *doc_zh;
	const char *unique;                     /* "device,code;place,name": combinations that must be unique */
	bool has_head;                          /* begins with struct rec_head: may be stored */
	bool has_bits;                          /* without head: begins with uint64_t has[2] */
	const char *c_name;                     /* "struct pump": for the audit against the compiler's layout */
	void *owner;                            /* run-time types: their memory and count; NULL for const tables */
};
/* The second line: bounds where a field says none; characters of a text, bytes, entries. */
enum { REC_FIELDS_MAX = 128, REC_NAME_MAX = 41, REC_JSON_MAX = 64 << 10,
	REC_STR_MAX = 1000, REC_TEXT_MAX = 64 << 10, REC_BYTES_MAX = 1 << 20, REC_ENTRIES_MAX = 10000, REC_PAIRS_MAX = 1000 };

/*
 * Every stored record starts with this. What is absent: a text, bytes or variant that is NULL, an id that is zero; of all other
 * kinds only a NULLABLE field can be absent, and `has`, a bit per field, says so. A field that is not NULLABLE always has its
 * value, so code that fills a struct need not touch `has`. A REQUIRED field that is NULLABLE must be given, if only as null.
 */
struct rec_head {
	struct uuid id;
	uint64_t rev;
	int64_t created, updated;
	struct uuid created_by, updated_by;
	uint64_t has[2];
};

#define REC_KIND_OF(m) _Generic((m), bool: REC_BOOL, int32_t: REC_I32, uint32_t: REC_U32, int64_t: REC_I64,            \
	uint64_t: REC_U64, double: REC_F64, const char *: REC_STR, struct uuid: REC_UUID, struct rec_bytes: REC_BYTES, \
	struct rec_map: REC_MAP)
#define REC_AT(t, member) .name = #member, .offset = offsetof(t, member), .size = sizeof(((t *) 0)->member)
#define F(t, member, ...) { REC_AT(t, member), .kind = REC_KIND_OF(((t *) 0)->member), __VA_ARGS__ }
#define F_KIND(t, member, k, ...) { REC_AT(t, member), .kind = (k), __VA_ARGS__ }
#define F_ENUM(t, member, words_, ...) { REC_AT(t, member), .kind = REC_ENUM, .words = (words_), __VA_ARGS__ }
#define F_REF(t, member, noun, ...) { REC_AT(t, member), .kind = REC_REF, .ref = (noun), __VA_ARGS__ }
#define REC_TYPE(t, name_, plural_, table, ...)                                                                        \
	{ .name = (name_), .plural = (plural_), .size = sizeof(t), .n_fields = ELEMENTSOF(table), .fields = (table),   \
	  .has_head = _Generic(&((t *) 0)->head, struct rec_head *: true), .c_name = #t, __VA_ARGS__ }
/* A type without head: bodies of requests, settings of a driver. */
#define REC_PLAIN(t, name_, table, ...)                                                                                \
	{ .name = (name_), .plural = (name_), .size = sizeof(t), .n_fields = ELEMENTSOF(table), .fields = (table),     \
	  .c_name = #t, __VA_ARGS__ }
/* The same, beginning with `uint64_t has[2]`, so that numbers in it may be NULLABLE. */
#define REC_PLAIN_HAS(t, name_, table, ...)                                                                            \
	{ .name = (name_), .plural = (name_), .size = sizeof(t), .n_fields = ELEMENTSOF(table), .fields = (table),     \
	  .has_bits = _Generic(&((t *) 0)->has, uint64_t (*)[2]: true), .c_name = #t, __VA_ARGS__ }

enum { REC_HEAD_FIELDS = 6 };           /* the members of the head as fields; they are not in a type's own table */
extern const struct rec_field rec_head_fields[REC_HEAD_FIELDS];
const struct rec_field *rec_head_field(const char *name);                              /* NULL if it is none */

/* Fields and their presence. */
const struct rec_field *rec_field(const struct rec_type *t, const char *name);         /* NULL if absent */
static inline void *rec_at(const void *rec, const struct rec_field *f) { return (char *) (uintptr_t) rec + f->offset; }
bool rec_has(const struct rec_type *t, const void *rec, const struct rec_field *f);
void rec_set_has(const struct rec_type *t, void *rec, const struct rec_field *f, bool has);    /* false: also zeroes the value */
const char *rec_word(const struct rec_field *f, int32_t index);                        /* NULL when out of range */
int32_t rec_word_index(const struct rec_field *f, const char *word, size_t len);       /* -1 when there is none */
const char *rec_kind_name(enum rec_kind k);                                            /* "i32"; NULL when there is none */
/* The type of a variant as its sibling stands in `rec`; NULL when nothing belongs there. */
const struct rec_type *rec_variant(const struct rec_type *t, const void *rec, const struct rec_field *f);

/* Values as a whole. */
int rec_init(const struct rec_type *t, void *rec, struct arena *a);                    /* zero + defaults */
int rec_dup(const struct rec_type *t, void *to, const void *from, struct arena *a);
bool rec_equal(const struct rec_type *t, const void *a, const void *b);                /* head's id, rev, times not compared */
bool rec_field_equal(const struct rec_type *t, const struct rec_field *f, const void *a, const void *b);
int rec_check(const struct rec_type *t, const void *rec, struct errs *ret_errs);       /* all rules; first error returned, all in errs (may be NULL) */

/* JSON. How a body is applied: */
enum rec_mode { REC_CREATE,    /* defaults first, REQUIRED enforced */
		REC_REPLACE,   /* PUT: as create, IMMUTABLE compared */
		REC_MERGE,     /* PATCH, RFC 7396: null clears (back to the default, if there is one), absent stays */
		REC_TRUSTED = 16 };     /* or-ed: from our own store; takes READONLY, IMMUTABLE, INTERNAL, head; no rules */
enum rec_show { REC_SHOW_HEAD = 1, REC_SHOW_INTERNAL = 2 /* for stores and audits: SECRET and INTERNAL too */,
		REC_HIDE_SECRET = 4 /* with the former: INTERNAL only */ };
/* On failure *rec keeps what it had; every wrong field is in errs (may be NULL), the first is returned. CREATE does not read
 * *rec; it takes an id from the text and passes over the rest of a head. REPLACE keeps what is absent and READONLY, IMMUTABLE,
 * SECRET or INTERNAL. A READONLY field (and the head's) may be there if it is equal. Of absent fields, those not NULLABLE are
 * left out of the JSON, NULLABLE ones are null. */
struct rec_json { const char *text; size_t len; };
int rec_from_json(const struct rec_type *t, void *rec, struct rec_json json, enum rec_mode mode, struct arena *a, struct errs *errs);
int rec_from_tree(const struct rec_type *t, void *rec, const struct tree *body, enum rec_mode mode, struct arena *a, struct errs *errs);
void rec_to_json(const struct rec_type *t, const void *rec, unsigned show, const char *const *only /* NULL = all */, struct json *out);
/* One field from and to text (CSV cells, query parameters, CLI options). Empty text: absent. Words also by their label; lists also
 * as a,b and maps as k=v,k=v. Rules are not checked: rec_check(). On failure *rec keeps what it had. */
int rec_field_parse(const struct rec_type *t, const struct rec_field *f, void *rec, const char *text, size_t len, struct arena *a);
/* The JSON of one field as the store kept it: as REC_TRUSTED. */
int rec_field_load(const struct rec_type *t, const struct rec_field *f, void *rec, const char *json, size_t len, struct arena *a);
/* The value alone, as in rec_to_json(); null when absent. */
void rec_field_json(const struct rec_type *t, const struct rec_field *f, const void *rec, unsigned show, struct json *out);
void rec_field_format(const struct rec_type *t, const struct rec_field *f, const void *rec, struct buf *out);

/* Descriptions made from the table. */
void rec_openapi(const struct rec_type *t, struct json *out);          /* OpenAPI 3.1 / JSON Schema 2020-12 schema object */
void rec_typescript(const struct rec_type *t, struct buf *out);        /* export interface Point { ... } */
void rec_form(const struct rec_type *t, struct json *out);             /* groups, labels (en, zh), widgets, rules: the console's form */
void rec_describe(const struct rec_type *t, enum lang lang, struct buf *out);          /* plain text for --help */

/* Rows of records for people. */
void rec_table_head(const struct rec_type *t, const char *const *only, struct buf *out);
void rec_table_row(const struct rec_type *t, const void *rec, const char *const *only, struct buf *out);
/* CSV: texts are guarded against being run as formulas (base/cell.h). */
void rec_csv_head(const struct rec_type *t, const char *const *only, struct buf *out);
void rec_csv_row(const struct rec_type *t, const void *rec, const char *const *only, struct buf *out);

/* Where free words are looked for: the SEARCH fields in small letters, and the initials of their Chinese characters (rec_search.c). A word is
 * folded alike before it is looked for. */
enum { REC_SEARCH_EDITION = 1 };        /* rises when the text of the same record becomes another one */
bool rec_is_searched(const struct rec_field *f);
void rec_search_text(const struct rec_type *t, const void *rec, struct buf *out);
void rec_search_fold(const char *text, size_t len, struct buf *out);

/* SQL (SQLite and PostgreSQL); used by store alone. A stored type is a table named `plural`; each list of REF is a table
 * plural__field {owner, pos, ref}; lists, maps, records, variants and json are JSON text; indexes are called ix__plural__fields. */
enum rec_sql { REC_SQLITE, REC_POSTGRES };
enum { REC_SQL_NAME_MAX = 63 };         /* bytes of a name in PostgreSQL; longer ones of indexes end with a hash */
/* The table of a noun, or NULL when it is not in this database (then the reference is not enforced). */
typedef const char *(*rec_table_fn)(void *ctx, const char *noun);
void rec_sql_create(const struct rec_type *t, enum rec_sql dialect, rec_table_fn table_of, void *ctx, struct buf *out);
void rec_sql_column(const struct rec_field *f, enum rec_sql dialect, rec_table_fn table_of, void *ctx, struct buf *out);       /* its definition */
void rec_sql_add_column(const struct rec_type *t, const struct rec_field *f, enum rec_sql dialect, rec_table_fn table_of, void *ctx, struct buf *out);
/* PostgreSQL alone, when all tables are there (in a circle none can be first): the reference of a REF or a list of REF. */
void rec_sql_reference(const struct rec_type *t, const struct rec_field *f, rec_table_fn table_of, void *ctx, struct buf *out);
bool rec_sql_is_join(const struct rec_field *f);                        /* a list of REF: no column */
uint64_t rec_fingerprint(const struct rec_type *t);                     /* of all that the schema depends on */

/* Types at run time, from JSON of the form rec_form() writes; same rules, same audit. */
int rec_type_new(const char *json, size_t len, const struct rec_type **ret);
const struct rec_type *rec_type_ref(const struct rec_type *t);          /* const tables: no effect */
const struct rec_type *rec_type_unref(const struct rec_type *t);
int rec_type_check(const struct rec_type *t);                          /* names, kinds, offsets, bounds parse; for tests and rec_type_new */
DEFINE_CLEANUP(const struct rec_type *, rec_type_unref)
