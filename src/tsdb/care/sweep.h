/*
 * sweep.h - the day folders of a tenant as they lie there, against what its manifest says.
 *
 * dir is tenants/<id> of the data folder or of the second one. Only names of ours are looked at: nothing else is touched.
 *
 * Thread: any; who owns the folder where something is removed. Memory: the manifest that is made.
 */
#pragma once

#include "tsdb/tsdb_impl.h"

/* Removes what a flush or a move left that did not come to its end; not figures of numbers below that one: they wait for the folder of their samples. */
int sweep_orphans(const char *dir, const struct manifest *m, uint8_t folder, uint64_t figures_below);
int sweep_adopt_figures(const char *dir, uint64_t below, struct manifest *m);   /* these, when it is back */
int sweep_adopt(const char *dir, uint8_t folder, struct manifest *m);          /* adds the files that are there and not in it yet */
int sweep_list(const char *dir, uint8_t folder, struct manifest *m);           /* so does this, and changes nothing: also those that cannot be read */
/* f: number, day and folder alone. < 0 ends it. */
typedef int (*sweep_fn)(void *ctx, const char *path, const struct file_info *f);
struct sweep_to { sweep_fn on_unnamed; void *ctx; };
int sweep_unnamed(const char *dir, const struct manifest *m, uint8_t folder, const struct sweep_to *to);
