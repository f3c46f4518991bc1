/*
 * friendly.h - a page of tsdb.h: samples as a Parquet file for people: their points by name, values in one column of DOUBLE.
 *
 *   point STRING, time TIMESTAMP(MICROS, UTC), value DOUBLE?, text STRING?, quality INT32?
 *
 * It is made for looking at, not for keeping: whole numbers beyond 2^53 are rounded, times cut to the microsecond, bytes that are no text left out. The
 * store's own files are exact, and open too. quality: null = Good. Rows are as they were put.
 *
 * Thread: one. Memory: 1.5 MB and a row group of 16 MB at most.
 */
#pragma once

#include "model/batch.h"

struct friendly;
int friendly_new(struct friendly **ret, int fd);        /* borrowed, at offset 0 of an empty file */
struct friendly *friendly_free(struct friendly *f);
DEFINE_CLEANUP(struct friendly *, friendly_free)
int friendly_put(struct friendly *f, const char *point, const struct batch *b);        /* TALL, as queries hand it over: all rows are of that point */
int friendly_end(struct friendly *f);                   /* the footer; does not sync */
