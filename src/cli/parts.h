/* parts.h - inside cli: what its files share. */
#pragma once

#include "base/err.h"
#include "cli/cli.h"
#include "rec/tree.h"

extern const struct command commands[];                 /* ended by a row without name */
enum lang cli_lang(void);                               /* LC_ALL, LC_MESSAGES, LANG */
/* The one the reader wants. */
const char *cli_text(const char *en, const char *zh) __attribute__((format_arg(1), format_arg(2)));

/* Options --name value, --name=value, --flag into a record of `t`; what is no option is moved to the front of argv. Returns how many. */
int options_parse(const struct rec_type *t, void *options, int argc, char *argv[], struct arena *a);
void options_help(const struct command *c, struct buf *out);

/* Who talks to a server has these members and fields in its options. */
#define REMOTE_MEMBERS const char *server, *token, *ca, *fingerprint; int32_t output
extern const struct rec_word output_words[];            /* table, json, csv, ndjson */
#define REMOTE_FIELDS(t) REMOTE_FIELDS_AS(t, output_words, "table, json, csv or ndjson", "table、json、csv 或 ndjson")
#define REMOTE_FIELDS_AS(t, words, en, zh)                                                                             \
	F(t, server, .label = "Address of the platform", .label_zh = "平台地址", .doc = "TENON_SERVER, or http://127.0.0.1:8080", \
		.doc_zh = "默认取 TENON_SERVER，或 http://127.0.0.1:8080"),                                            \
	F(t, token, .label = "API token", .label_zh = "接口令牌", .doc = "TENON_TOKEN", .doc_zh = "默认取 TENON_TOKEN"),  \
	F(t, ca, .label = "Certificates of issuers to trust, PEM", .label_zh = "受信任的签发者证书（PEM）", .doc = "TENON_CA; of a self-signed server its own", \
		.doc_zh = "默认取 TENON_CA；自签名时为其自身证书"),                                                   \
	F(t, fingerprint, .label = "SHA-256 fingerprint of the server's certificate", .label_zh = "服务器证书的 SHA-256 指纹", .doc = "TENON_FINGERPRINT", \
		.doc_zh = "默认取 TENON_FINGERPRINT"),                                                             \
	F_ENUM(t, output, words, .def = "table", .label = en, .label_zh = zh)
struct remote { const char *server, *token, *output, *ca, *fingerprint; };
#define REMOTE_OF(o) (&(struct remote) { (o)->server, (o)->token, output_words[(o)->output].word, (o)->ca, (o)->fingerprint })

/* One request; a problem (RFC 9457) becomes a failure with the server's sentence. *ret_body in the arena, may be NULL. */
/* ret_problem (may be NULL): the whole of it, in the arena. */
struct remote_request { const char *method, *path, *type, *accept, *body; size_t len; struct tree **ret_problem; const char *file; /* the answer goes there; NULL: to memory */ };
int remote_call(const struct remote *r, const struct remote_request *q, struct arena *a, const char **ret_body);
/* The same for bytes that may hold NUL. */
int remote_bytes(const struct remote *r, const struct remote_request *q, struct arena *a, const char **ret_body, size_t *ret_len);
/* Where a path of the platform is; in the arena, NULL when there is no memory. */
const char *remote_url(const struct remote *r, const char *path, struct arena *a);
/* Whom it trusts, by options and environment; and the sentence when that is why the call failed: r, or the better failure. url: of the server. */
struct fetch_trust;
void remote_trust(const struct remote *r, struct fetch_trust *ret);
int remote_distrusted(const struct fetch_trust *t, const char *url, int r, struct arena *a);
int remote_tree(const struct remote *r, const struct remote_request *q, struct arena *a, struct tree **ret);
void remote_escape(struct buf *out, const char *text);  /* for a path or query */

/* Records for people: a table, JSON, CSV or NDJSON. */
void show_items(const struct rec_type *t, const struct tree *items, const char *output, struct buf *out);
void show_one(const struct rec_type *t, const struct tree *item, const char *output, struct buf *out);
/* The same with columns named here: "reason.detail" is a member of a member. NULL-terminated. */
void show_columns(const char *const *columns, const struct tree *items, const char *output, struct buf *out);
/* {"name"} a column, a list of values a row. */
void show_rows(const struct tree *columns, const struct tree *rows, struct buf *out);
void show_print(struct buf *b);                         /* to standard output; empties it */

/* What goes into this file: what --output says, and where it says table, what the file's name ends with; else csv. */
const char *file_form(const char *file, const char *output);

/* Waits for a job to end, with a line of progress where a person looks on; its record. A failed one is a failure with its sentence. */
int job_wait(const struct remote *r, const char *id, struct arena *a, struct tree **ret);

/* The file that came of it, into `path`. */
int job_fetch(const struct remote *r, const char *id, const char *path, struct arena *a);

int noun_run(const struct command *c, int argc, char *argv[], struct arena *a);
void noun_help(const struct noun *n, struct buf *out);

/* wire.c */
struct wire_options { uint32_t limit; bool follow; const char *pcap; };
int wire_frames(const struct remote *r, const struct wire_options *o, const char *id, struct arena *a);
int wire_dial_ins(const struct remote *r, struct arena *a);
