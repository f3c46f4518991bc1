/* merge_impl.h - what merge.c and merge_roll.c share. */
#pragma once

#include "tsdb/merge/merge.h"

int merge_load_raw(struct merge *m, struct source *s);          /* the next span of samples before `stop`: 1; 0: there is none */
int merge_load_tiers(struct merge *m, struct source *s);        /* the same of a source with figures, or the choice of a row of these */
void merge_drop_rolls(struct merge *m, struct source *s);
void merge_break_roll(struct source *s);
void merge_take_rolls(struct merge *m, struct source *s, int64_t bound);       /* into m->figures */
