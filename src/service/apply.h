/*
 * apply.h - all records of a tenant's plant as one document, and a document made true. Door of service, to api.
 *
 * The document is an object: a member for each noun of the tenant's store, its plural, a list of records with their ids:
 *
 *   {"places": [{"id": "…", "code": "north", …}], "connections": [...], "devices": [...], "groups": [...], "points": [...], "trends": [...]}
 *
 * Left out: what the platform computes, secrets (a record that is there keeps its own), and what lies in the system's store (users, roles,
 * rights, tokens). Applying makes what is missing, changes what differs and, when asked, deletes what a named noun no longer lists; nouns the
 * document does not name are not looked at. One deed: all or nothing.
 *
 * Thread: workers. Memory: the scope's arena.
 */
#pragma once

#include "service/service.h"

/* The rights to read all of it, everywhere. */
int service_export(struct scope *s, struct json *out);

enum apply_op { APPLY_CREATE, APPLY_CHANGE, APPLY_DELETE, APPLY_KEEP /* not listed, and stays */ };
enum { APPLY_ITEMS = 1000 };
struct apply_field { const char *name, *before, *after; };      /* JSON; NULL: absent */
struct apply_item { enum apply_op op; const struct noun *noun; struct uuid id; const char *name; struct apply_field *fields; uint32_t n_fields; };
struct apply_in { const struct tree *document; bool dry_run, remove; struct errs *errs; };
struct applied { uint64_t n[4], unchanged; struct apply_item *items; uint32_t n_items; };       /* items: the first APPLY_ITEMS */
/* errs: pointers into the document. */
int service_apply(struct scope *s, const struct apply_in *in, struct applied *ret);
