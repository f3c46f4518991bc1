/*
 * store_pg.h - what the two files of the PostgreSQL engine share.
 *
 *   store_pg_link.c   libpq loaded at need; connections made, lost and made again; what the server refuses
 *   store_pg.c        transactions and statements
 */
#pragma once

#include <libpq-fe.h>

#include "store/store_int.h"

/* libpq, loaded when the first store on PostgreSQL is opened: who keeps his records in files never carries it. */
#define PQ_CALLS(X) \
	X(connectdbParams) X(finish) X(status) X(errorMessage) X(serverVersion) X(parameterStatus) X(setNoticeProcessor) X(exec) X(execParams) \
	X(prepare) X(describePrepared) X(execPrepared) X(resultStatus) X(resultErrorField) X(clear) X(ntuples) X(nfields) X(fname) X(ftype) \
	X(nparams) X(paramtype) X(getvalue) X(getisnull) X(getlength) X(cmdTuples) X(cmdStatus) X(enterPipelineMode) X(exitPipelineMode) \
	X(pipelineSync) X(sendQueryParams) X(sendQueryPrepared) X(getResult) X(conninfoParse) X(conninfoFree) X(freemem)
struct pq {
#define X(name) __typeof__(PQ##name) *name;
	PQ_CALLS(X)
#undef X
};
int pg_load(struct pq *ret);                    /* -ERR_UNSUPPORTED: libpq is not installed */

struct db {
	struct pq pq;
	const struct store_config *config;
	PGconn *c;                              /* NULL: not connected (yet, or any more) */
	bool writer, in_tx, writes;
	bool plain;                             /* a refusal ends all of it: no savepoints */
	bool stale;                             /* to be made anew before the next transaction */
	uint64_t connection;                    /* which one this is: what was prepared on another is prepared again */
	uint64_t n_statements;                  /* for names */
	int64_t retry_ns, delay_ns, used_ns;    /* monotonic */
	int64_t changed;
	struct buf leave;                       /* DEALLOCATE of statements nobody keeps, sent with the next BEGIN */
	char refused[256];
	char why[200];                          /* what the last attempt to connect ended with */
};

/* Connected, or the sentence why not. After a failure the next attempt is not made before some time has passed. */
int pg_connected(struct db *db);
void pg_disconnect(struct db *db);
bool pg_is_gone(struct db *db);
int64_t pg_key(const struct db *db, const char *what);         /* of an advisory lock of this schema */
/* Why the server refused: a kind, and the sentence. res may be NULL: the connection says why. */
int pg_failed(struct db *db, const PGresult *res, const char *what);
