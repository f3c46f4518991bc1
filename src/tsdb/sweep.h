/*
 * sweep.h - the day folders of a tenant as they lie there, against what its manifest says.
 *
 * dir is DATA/tenants/<id>. Only names of ours are looked at: nothing else is touched.
 *
 * Thread: any; who owns the folder where something is removed. Memory: the manifest that is made.
 */
#pragma once

#include "tsdb/tsdb_impl.h"

int sweep_orphans(const char *dir, const struct manifest *m);          /* removes what a flush left that did not come to its end */
int sweep_adopt(const char *dir, struct manifest *ret);                /* a manifest made from the files that are there */
/* f: number and day alone. < 0 ends it. */
typedef int (*sweep_fn)(void *ctx, const char *path, const struct file_info *f);
int sweep_unnamed(const char *dir, const struct manifest *m, sweep_fn on_unnamed, void *ctx);
