/*
 * err.h - how a failure travels.
 *
 * A function that can fail returns int: 0 is success, < 0 is -ERR_x; > 0 only where its header says so. The number says what
 * the caller can do about it. The sentence for people is a row of err.def with named slots in both languages; it is filled
 * where the failure happened, kept per thread until taken, and each caller on the way up may put its own words in front
 * (for the log). Nobody below daemon, api and cli logs a failure.
 *
 *   return err_fail(ERR_OUT_OF_RANGE, "field", "period_ms", "min", "1", "max", "86400000", "value", "0", NULL);
 *   return err_fail(ERR_MISSING, "what", "point", "value", text, NULL);
 *   return err_wrap(r, "device %s", code);
 *
 * A failure crosses threads only as a value: err_take() there, err_put() here.
 *
 * Thread: the current failure is thread-local. Memory: values of fixed size, nothing is allocated.
 */
#pragma once

#include "base/buf.h"

enum err_kind {
	ERR_NONE,
#define ERR(name, code, http, exit, en, zh) ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_N_,
};

enum lang { LANG_EN, LANG_ZH, LANG_N_ };

struct err {
	int32_t kind;                   /* enum err_kind; ERR_NONE: nothing was set */
	uint16_t args_len;
	bool cut;                       /* an argument was shortened to fit */
	char pointer[110];              /* RFC 6901, where in the input; "" = the whole */
	char args[400];                 /* name \0 value \0 ... */
	char context[160];              /* "device press-3: read 40001: ", for the log */
};

/* Pairs of name and value, ended by NULL. Returns -kind, so that a failure is one line. */
int err_fail(enum err_kind kind, const char *name, ...) NULL_TERMINATED;
/* One slot called "detail", formatted. */
int err_failf(enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(2, 3);
int err_wrap(int r, const char *fmt, ...) PRINTF_LIKE(2, 3);    /* words in front; returns r */
int err_at(int r, const char *segment);                         /* puts "/segment" in front of the pointer; returns r */
int err_at_index(int r, size_t index);

struct err err_take(int r);             /* the current failure, cleared; kind from r when nobody set a sentence */
void err_put(const struct err *e);      /* make it the current one again */
void err_clear(void);
const struct err *err_peek(void);       /* borrowed, until the next call on this thread */

/* The sentence, slots filled; a slot without value stays out. */
void err_text(const struct err *e, enum lang lang, struct buf *out);
/* context + English sentence, for logs and tests. Borrowed: a thread-local buffer, until the next call. */
const char *err_log_text(const struct err *e);

const char *err_arg(const struct err *e, const char *name);     /* NULL if absent */
const char *err_code(int kind);         /* "out_of_range": the last part of /errors/<code> */
const char *err_title(int kind, enum lang lang);                /* of the kind: few words, no slots (titles.def) */
const char *err_sentence(int kind, enum lang lang);             /* the row's sentence, slots unfilled */
int err_http(int kind);
int err_exit(int kind);                 /* sysexits.h */

/* Many failures (rows of a file, fields of a form): the first 100 are kept, all are counted. */
enum { ERRS_MAX = 100 };
struct arena;
struct errs {
	struct arena *arena;
	struct err **item;
	size_t n, total;
};
void errs_add(struct errs *list, int r);        /* takes the thread's current failure */
