/*
 * output.h - one file of samples being written, by a flush or a compaction.
 *
 * Spans go in by (series, time); what comes out is the Parquet file, its side index, and what the manifest is to say of it. It is
 * synced under a temporary name before it gets its own: a name in a day's folder is a whole file, and only the manifest makes it count.
 *
 * Thread: one. Memory: the writer's of Parquet, and 128 bytes a series for the index.
 */
#pragma once

#include "parquet/parquet.h"
#include "tsdb/tsdb_impl.h"

/* Its levels for what stays, also of two hours: a file of these that is alone becomes the day as it is. Numbers packed tightly have little that comes again:
 * looking harder for it takes pages of more than 6 KB twice the time and makes them no smaller. COMPACT: of day files, where the store is to be
 * small (docs/design/011). */
enum { MERGED_ZSTD = 4, LARGE_ZSTD = 2, COMPACT_ZSTD = 15, COMPACT_PAGE_ROWS = 2 * PQ_PAGE_ROWS };

struct output {
	struct tsdb *t;
	struct tenant *te;
	uint64_t covered;               /* of the log: for the footer */
	int zstd;                       /* its level; 0: 1 */
	bool compact;
	bool quick;                     /* as struct pq_writer_config says; of what is merged within two hours: README.md, "Why not otherwise" */
	bool gentle;                    /* synced as it grows, so that its last sync keeps nobody waiting */
	/* Its own: */
	struct file_info info;
	struct pq_writer *w;
	struct idx_builder idx;
	int fd;
	uint64_t synced;
	char temp[PATH_MAX], temp_idx[PATH_MAX], base[PATH_MAX];
	char text[4][24];
	const char *meta[13];
	uint8_t hint;                   /* exponent of the series' last run */
	uint32_t hint_series;
	uint64_t bits[PQ_PAGE_ROWS];
	int64_t m[PQ_PAGE_ROWS];
	uint8_t e[PQ_PAGE_ROWS], is_m[PQ_PAGE_ROWS], is_bits[PQ_PAGE_ROWS];
};

struct output *output_new(struct tsdb *t, struct tenant *te);
struct output *output_free(struct output *o);
DEFINE_CLEANUP(struct output *, output_free)

/* What becomes a day file is packed as the store's profile says, what does not as what stays. */
void output_pack(struct output *o, bool day);
uint32_t output_page_rows(const struct output *o);
/* info: number, rank, day, level; the rest is found out. One file at a time. */
int output_open(struct output *o, const struct file_info *info);
int output_put(struct output *o, uint32_t series, const struct span *s);
/* In its place, o->info says what it is. A sync that fails is the end of this file: the next attempt writes a new one. */
int output_close(struct output *o);
void output_drop(struct output *o);     /* whatever is left under temporary names goes; after output_close() nothing is */
