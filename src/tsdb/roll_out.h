/*
 * roll_out.h - the files of figures beside one file of samples being written: begun when a series is worth it, in their place before it is.
 *
 * Thread: one. Memory: a writer's of Parquet and roll.h's for each of the two, from the first row on.
 */
#pragma once

#include "tsdb/roll.h"
#include "tsdb/tsdb_impl.h"

struct roll_out;
int roll_out_new(struct tsdb *t, struct tenant *te, struct roll_out **ret);
struct roll_out *roll_out_free(struct roll_out *o);     /* what has no name yet goes */
DEFINE_CLEANUP(struct roll_out *, roll_out_free)

void roll_out_begin(struct roll_out *o, const struct file_info *info);  /* of the file of samples: number, rank, day, level */
/* The minutes and hours of a series, where they are worth it; ascending by series. */
int roll_out_put(struct roll_out *o, uint32_t series, uint8_t type, struct roller *r);
/* Rows that were made before, of samples that are not there any more. */
int roll_out_rows(struct roll_out *o, enum roll_tier tier, uint32_t series, uint8_t type, const struct roll *row, uint32_t n);
/* Synced and in their place; *ret_parts: which there are. */
int roll_out_close(struct roll_out *o, uint8_t *ret_parts);
