/* helper.h - inside the confined process: what its files share. */
#pragma once

#include "io/io.h"
#include "sql/duck.h"
#include "sql/wire.h"
#include "sys/sys.h"

struct helper {
	struct duck duck;
	struct role talk;               /* the socket of the one statement */
	struct mutex lock;              /* of the socket: a question and its answer, or a message out */
	void *db, *con;
	atomic_bool source_failed;      /* the platform refused something: it knows better what */
	_Atomic(const char *) wrong;    /* a term: what we refused ourselves, in the middle of DuckDB */
};

/* ---- scan.c: tables and functions, whose rows the platform has ---- */
int scan_register(struct helper *h);

/* ---- render.c: rows of the result ---- */
struct render;
int render_new(struct helper *h, struct duck_result *r, struct render **ret);
struct render *render_free(struct render *r);
DEFINE_CLEANUP(struct render *, render_free)
int render_head(struct render *r, struct buf *out);             /* the message HEAD */
/* Row `row` of a chunk into the block. -ERR_TOO_LARGE, -ERR_UNSUPPORTED. */
int render_row(struct render *r, void *chunk, uint64_t row);
struct sql_block *render_block(struct render *r);

int helper_send(struct helper *h, const struct buf *message);
