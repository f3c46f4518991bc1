/*
 * behind.h - inside store: what a transaction writes behind its back (store_behind.c). Rows of the feed are gathered, so that one statement
 * writes many, and hashed by a second thread when they become many; new records, when they were announced, are put by a third.
 *
 * Thread: that of the transaction. Memory: a transaction's batches hold copies, given back with its end.
 */
#pragma once

#include "store/store_int.h"

/* The type's name is borrowed. after: what `after` is the hash of; NULL: nothing. */
int change_add(struct store_tx *tx, const struct store_change *c, const struct rec_type *t, const void *after);
int changes_flush(struct store_tx *tx);                 /* before anything that looks at the feed, a savepoint, the commit */
void changes_drop(struct store_tx *tx);                 /* those not written yet */
void changes_end(struct store_tx *tx);                  /* of the transaction */
struct gathered *gathered_free(struct gathered *g);
/* Before anybody but the writer behind uses the connection: what was put behind is written, or the reason why it could not be. */
int behind_wait(struct store_tx *tx);
bool behind_takes(struct store_tx *tx, const struct table *t);          /* a new record of that table */
int behind_put(struct store_tx *tx, const struct table *t, const void *rec, const struct store_change *c);
int behind_note(struct store_tx *tx, const struct rec_type *t, const void *rec);       /* a record is there that may have a new key */
/* It is known without asking the engine that no record has that in these fields. */
bool behind_lacks(struct store_tx *tx, const struct rec_type *t, const struct rec_field *const *fields, size_t n, const void *like);
