/*
 * intake_heads.h - inside service: heads of lines (measurement and tags) remembered between requests, with their fields and the series these are, and
 * with the head that came behind them: who sends the same things over and over is understood by comparing bytes from the first line on.
 *
 * It stands for the points as they are now: when points change all is forgotten, and learnt again.
 *
 * Thread: any. A head, once it is there, does not change but for `next`, which is a guess. Memory: at most 64 MB; what was found lives as long as
 * the reference to all of them.
 */
#pragma once

#include <stdatomic.h>

#include "base/id.h"
#include "service/intake.h"

struct head_seen {
	struct intake_known known;
	uint64_t hash;
	uint32_t tenant;
	bool single;                            /* struct row (intake_row.c) */
	struct uuid device;                     /* of all its points */
	_Atomic(struct head_seen *) next;       /* NULL: nobody knows */
};

struct heads;
struct heads *heads_now(struct ingest *i);              /* a reference; NULL: there is no memory, and nothing is remembered */
struct heads *heads_unref(struct heads *h);             /* NULL is fine; returns NULL */

uint64_t heads_hash(uint32_t tenant, const char *head, size_t len);
struct head_seen *heads_find(const struct heads *h, uint64_t hash, uint32_t tenant, const char *head, size_t len);     /* NULL */
/* From now on it is known; texts and fields are copied. NULL: no room, or its points do not hang on one device. */
struct head_seen *heads_add(struct heads *h, struct plant *plant, uint32_t tenant, uint64_t hash, const struct intake_known *k, bool single);
