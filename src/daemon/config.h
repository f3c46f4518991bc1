/*
 * config.h - tenon.conf: what must be known before the store opens. Everything else is records. Part of the door daemon/daemon.h.
 *
 *   [http]
 *   listen = 0.0.0.0:8443
 *   tls = self-signed
 *
 * A section is a record type (config.c): from its table come checks, sentences, `tenon config show`, the example and the manual page.
 * A value is taken from the first of: option of the command line, environment (TENON_HTTP_LISTEN), file, default. A key nobody knows is
 * refused, wherever it stands. The file is UTF-8, one `key = value` a line; lines that begin with # or ; are comments; sizes are bytes
 * or have KB, MB, GB, TB behind them (1,024 each).
 *
 * Thread: any. Memory: texts live in the arena.
 */
#pragma once

#include "daemon/listen.h"
#include "rec/rec.h"

enum config_profile { CONFIG_PORTABLE, CONFIG_COMPACT };
enum config_tls { CONFIG_TLS_OFF, CONFIG_TLS_SELF_SIGNED, CONFIG_TLS_FILES };
enum config_hsts { CONFIG_HSTS_AUTO, CONFIG_HSTS_ON, CONFIG_HSTS_OFF };

struct config_platform { const char *data, *web, *store, *store_file; };
struct config_http { const char *listen, *certificate, *key, *origin; int32_t tls, hsts; bool insecure; };
struct config_limits { uint64_t log, memory, body, merging, samples; uint32_t connections, address_connections, requests, backups, points, queries; int64_t commands; };
struct config_log { int32_t level; };
struct config_store { const char *folder; int64_t age, samples, minutes, hours; enum config_profile profile; };
struct config_sql { const char *library; uint64_t memory; uint32_t threads, statements; };

struct config {
	struct config_platform platform;
	struct config_http http;
	struct config_limits limits;
	struct config_log log;
	struct config_sql sql;
	struct config_store store;
	struct listen listen;                           /* http.listen, understood */
};

/* A section: its fields' `group` says when a change of the file is taken: "reload" (SIGHUP) or "restart". */
struct config_section { const char *name; const struct rec_type *type; size_t offset; };
extern const struct config_section config_sections[];           /* ended by a row without name */

struct config_set { const char *section, *key, *value; };       /* an option of the command line; NULL value: not given */
struct config_input {
	const char *file;                       /* NULL: TENON_CONFIG, or /etc/tenon/tenon.conf when it is there */
	const struct config_set *set;
	size_t n_set;
	enum lang lang;                         /* of sentences inside sentences */
	bool offline;                           /* `listen` need not be usable: only the data folder is of interest */
};
enum config_from { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENVIRONMENT, CONFIG_OPTION };
/* Where each value came from: by section, by field. */
struct config_origins { const char *file; struct { uint8_t from; uint32_t line; } at[8][16]; };

/* -ERR_CONFIG_VALUE names file and line, or the variable; -ERR_CONFIG_FILE: the file cannot be read; what an option got wrong is the
 * failure of its rule. *ret and *ret_origins (may be NULL) are untouched on failure. */
int config_load(const struct config_input *in, struct arena *a, struct config *ret, struct config_origins *ret_origins);
/* One text as a file; `name` stands in sentences. For config_load() and tests. */
struct config_text { const char *text; size_t len; const char *name; enum lang lang; };
int config_parse(const struct config_text *t, struct arena *a, struct config *c, struct config_origins *o);

void config_show(const struct config *c, const struct config_origins *o, struct buf *out);     /* key = value  # from where */
void config_example(struct buf *out);                           /* a file with every key, its default and what it is for */
void config_manual(struct buf *out);                            /* tenon.conf(5), for man */
/* Calls fn for each key whose value differs. */
void config_compare(const struct config *was, const struct config *is, void (*fn)(void *ctx, const char *section, const struct rec_field *f),
	void *ctx);
