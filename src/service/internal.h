/* internal.h - what the files of service share among themselves. */
#pragma once

#include "base/str.h"
#include "model/plant.h"
#include "model/trend.h"
#include "service/service.h"
#include "sys/sys.h"

extern const struct rec_type import_part_type;
extern const struct noun_hooks place_hooks, connection_hooks, device_hooks, group_hooks, point_hooks;
extern const struct noun_hooks user_hooks, role_hooks, grant_hooks, token_hooks, tenant_hooks;

/* The field that says to which tenant a record of the system's store belongs; NULL: the store says it. */
const struct rec_field *noun_tenant_field(const struct noun *n);

/* Inside a deed. `before` NULL: made. Runs the hooks, puts, notes the change down. */
int noun_put(struct scope *s, const struct noun *n, const void *before, void *rec, struct errs *errs);
int noun_remove(struct scope *s, const struct noun *n, const void *rec, struct errs *errs);
int noun_fetch(struct scope *s, const struct noun *n, const struct uuid *id, void *ret_rec);
/* -ERR_MISSING unless the record belongs to the scope's tenant. */
int noun_owned(struct scope *s, const struct noun *n, const void *rec);
/* The tenant's filter, when the noun needs one; text is room for an id. Returns how many filters were written: 0 or 1. */
size_t noun_tenant_filter(struct scope *s, const struct noun *n, char text[UUID_TEXT + 1], struct store_filter *ret);
int noun_told(struct scope *s, const struct noun *n, int r);   /* after the deed ended with r; returns r */
/* Instead of the deed: looks whether it could be done, and asks for it. -ERR_AWAITS_APPROVAL. */
int noun_ask(struct scope *s, const struct noun_in *in, const char *verb, void **ret_rec);
/* A put or removal of it writes one record and nothing beside it: where it is refused, nothing is there to be taken back. */
static inline bool noun_writes_once(const struct noun *n) { return !n->hooks || !n->hooks->after; }
/* fn in each tenant that is enabled, for the platform itself under that name, with memory of its own. The first failure ends it. */
int each_tenant(struct platform *p, const char *as, int (*fn)(struct scope *s, void *ctx), void *ctx);
int noun_missing(const struct noun *n, const struct uuid *id);
void *noun_alloc(struct scope *s, const struct noun *n);

/* Adds the failure r (and takes it) to errs with "/segment" in front; returns r with the failure still current. */
int errs_put(struct errs *errs, int r);

extern const struct job_kind samples_export_kind, import_job_kind, backup_make_kind, backup_verify_kind;
extern const struct rec_type kept_answer_type;

/* path.c: what points are called. */
int point_path(struct scope *s, const struct device *d, const struct point *p, const char **ret_path);
/* Every point below has its path again after a place or device got another code or parent. */
int paths_renew_device(struct scope *s, const struct uuid *device);
int paths_renew_place(struct scope *s, const struct uuid *place);
