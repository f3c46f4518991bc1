/*
 * remove.h - a page of tsdb.h: samples are deleted, and what is deleted leaves the medium.
 *
 * tsdb_delete() brings what is in memory into files and adds tombs to the manifest (tomb.h): one step, whatever it names. From then on no query sees those
 * samples. They leave the files when these are merged, at the latest a day later, or at once by tsdb_purge(), which says which files it wrote again.
 * What is written afterwards is not meant, not even the same times.
 *
 * Thread: any but a loop. Memory: 48 bytes a stretch.
 */
#pragma once

#include "model/batch.h"

struct tsdb;

struct tsdb_stretch { uint32_t series; int64_t from_ns, to_ns; };       /* from <= time < to; INT64_MAX: all later ones */

/* All of it or nothing; a stretch that holds no samples does no harm, an unknown series neither. -ERR_LIMIT: too many deletes wait to be carried out;
 * -ERR_BUSY: memory cannot go to files now; -ERR_TIMEOUT; -ERR_STOPPING; -ERR_IO … */
int tsdb_delete(struct tsdb *t, uint32_t tenant, const struct tsdb_stretch *what, size_t n, int64_t timeout_ms);

/* "2026/11/22/0000000017": as tsdb_manifest_files() says it. rows: of the file, and of what was written instead; 0: nothing was left of it. */
struct tsdb_rewritten { char file[40]; uint64_t rows, rows_left; };

struct tsdb_purge {
	uint32_t tenant;
	const uint32_t *series;                 /* ascending */
	size_t n_series;
	bool (*is_cancelled)(void *ctx);        /* all may be NULL */
	void (*on_progress)(void *ctx);         /* now and then: tsdb_stats() says how far with the file at hand */
	void (*on_file)(void *ctx, const struct tsdb_rewritten *f);    /* written again without them, and the manifest says so */
	void *ctx;
};
/* Carries out what is deleted of these series, as fast as it can, and returns when no file holds any of it and the files that did are off the disk: somebody
 * may be reading one of them, that is waited for. *ret_left: files that cannot be read and stay as they are. May be called again after any failure. */
int tsdb_purge(struct tsdb *t, const struct tsdb_purge *how, uint64_t *ret_left);

/* What is deleted and still lies in files, of a tenant or (0) of all. */
struct tsdb_waiting { uint64_t stretches, files, bytes; int64_t since_ns; };    /* files they may lie in; wall clock of the oldest, 0: none */
void tsdb_waiting_deletes(struct tsdb *t, uint32_t tenant, struct tsdb_waiting *ret);
