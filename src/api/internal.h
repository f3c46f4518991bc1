/* internal.h - what the files of api share: routes, calls, answers. */
#pragma once

#include "api/api.h"
#include "api/gate.h"
#include "api/rate.h"
#include "base/str.h"
#include "service/ingest.h"
#include "sys/sys.h"

enum { SEGMENTS_MAX = 8, PARAMS_MAX = 24, FIELDS_MAX = 12, OUT_MAX = 64 << 20, BODY_DEFAULT = 1 << 20, CALL_ARENA_MAX = 256 << 20 };

/* ---- rows ---- */

enum run_on { RUN_WORK, RUN_LOOP };
/* Of the rows that every noun has: its own permissions decide. */
enum noun_right { NOT_OF_A_NOUN, NOUN_READS, NOUN_WRITES, NOUN_RIGHTS_ };
enum { CALL_DONE = 0, CALL_LATER = 1 };

struct call;
struct param_doc { const char *name, *doc; };

struct route {
	const char *method, *path;              /* below /api/v1: "/points/{id}"; of nouns: "/{noun}/{id}" */
	enum permission permission;
	enum noun_right noun;
	enum run_on run_on;
	const char *name;                       /* operationId; "session.create" */
	const struct rec_type *in;              /* JSON body, parsed and checked into c->in; NULL: none, or raw */
	const struct rec_type *out;             /* for OpenAPI; NULL: see doc */
	const struct rec_type *list_of;         /* params_of_noun without a noun: what is listed */
	const char *raw;                        /* content types of a raw body (c->body), e.g. "text/csv, text/plain"; any type: "*" + "/" + "*" */
	const char *const *params;              /* parameters in the query, NULL-terminated; "set.*": all that begin so; NULL: none */
	const char *const *offers;              /* content types of the answer; NULL: JSON alone */
	size_t body_max;                        /* 0: BODY_DEFAULT */
	bool snappy;                            /* the body is a block of snappy, and nothing else */
	uint16_t status;                        /* of success; 0: 200 */
	bool placed;                            /* the permission is needed somewhere only: run() looks at places */
	bool outside;                           /* not below /api/v1, and never counted against a rate */
	bool gated;                             /* a query: gate.h */
	bool reads;                             /* of a POST: changes nothing, so nothing is kept for its Idempotency-Key */
	bool anonymous_ok;                      /* a stale credential counts as none */
	int (*run)(struct call *c);             /* < 0: a failure; CALL_DONE; CALL_LATER: call_finish() comes */
	const char *doc;
};
/* A row without a permission does not build. */
#define ROUTE(method_, path_, permission_, name_, run_, ...) \
	{ .method = (method_), .path = (path_), .permission = MUST_SAY(permission_), .name = (name_), .run = (run_), __VA_ARGS__ }
#define NOUN_ROUTE(method_, path_, right_, name_, run_, ...) \
	{ .method = (method_), .path = (path_), .permission = SIGNED_IN, .name = (name_), .run = (run_), __VA_ARGS__, \
	  .noun = (enum noun_right) ((right_) + 0 * sizeof(char[(right_) > NOT_OF_A_NOUN && (right_) < NOUN_RIGHTS_ ? 1 : -1])) }

struct routes { const struct route *items; size_t n; };
extern const struct routes routes_noun, routes_session, routes_about, routes_system, routes_samples, routes_wire, routes_jobs, routes_metrics, routes_sheets;
extern const struct routes routes_account, routes_approvals;
extern const struct routes routes_commands, routes_commission;
extern const struct routes routes_demo, routes_records, routes_backups, routes_history, routes_sql;
extern const struct routes *const all_routes[];         /* NULL-terminated */
extern const char *const params_of_noun[];               /* marks the list of a noun */

/* ---- whose request it is part of (W3C Trace Context) ---- */

struct trace { char id[33], flags[3]; };
enum { TRACE_TEXT = 56 };
bool trace_read(const char *header, struct trace *ret);         /* false: there is none, or it cannot be read */
void trace_write(const struct trace *t, char out[TRACE_TEXT]);

struct match {
	const struct route *route;
	const struct noun *noun;
	const char *arg;                        /* what stood in place of the last {…}; in the caller's memory */
	char allow[64];                         /* of 405: "GET, PUT" */
	bool path_known;
};
/* path: below /api/v1, decoded. Returns 0; -ERR_MISSING; -ERR_NO_METHOD with allow. Segments are cut inside `path`. */
int router_match(const struct platform *p, const char *method, char *path, struct match *ret);
enum permission route_permission(const struct route *r, const struct noun *n);

/* ---- a call ---- */

struct param { const char *key, *value; };

struct call {
	struct api *api;
	struct http_exchange *x;
	const struct route *route;
	const struct noun *noun;
	struct arena arena;
	struct scope scope;
	struct work work;
	char path[1024];
	const char *arg;
	const char *authorization, *cookie, *csrf, *type, *if_match, *if_none_match, *query, *key, *target;    /* borrowed from the exchange */
	struct trace trace;
	bool traced;
	struct rate_slot *by_who, *by_peer;     /* where it counts as under way */
	uint64_t who_key, peer_key;
	bool gzip;                              /* the body is packed */
	size_t welcome;                         /* bytes of body */
	bool keeps;                             /* its answer is to be kept, see keep.c */
	size_t told_at;                         /* where in `out` a secret begins that is said once; 0: none */
	bool is_get;                            /* GET or HEAD */
	atomic_bool gone;                       /* the client left, or the platform stops: who works for a long time looks at it */
	struct call *before, *after;             /* of those under way; the loop's */
	atomic_int refs;                        /* exchange, body on its way, stream */
	const char *body;
	size_t body_len;
	void *in;                               /* a record of route->in */
	struct param param[PARAMS_MAX];
	unsigned n_params;
	int offer;                              /* index into route->offers */
	struct errs errs;
	/* the answer */
	int status;
	struct buf out;
	const char *content_type;
	struct http_field fields[FIELDS_MAX];
	size_t n_fields;
	struct http_source source;              /* with fill: a stream instead of `out`; its ctx is freed by its done() */
	void (*touch)(struct call *c, void *rec);       /* each record of a list before it is written */
	void (*extra)(struct call *c, struct json *j);  /* more members of a problem */
	void *extra_arg;
	/* finishing later */
	int result;
	atomic_int due;                         /* what must still happen before the answer: work, later */
	struct post post;
	struct wal_wait wait;
	void *later;                            /* the route's own */
	/* waiting for its turn */
	struct gated gated;
	struct timer patience;                  /* the loop's */
	struct post turn;
	struct work in_turn;
};

/* How many samples the log had taken at two moments, some 10 s apart. */
struct pace { struct mutex lock; int64_t at_ns[2]; uint64_t samples[2]; };

/* Refusals outside of deeds that were noted down lately: by whom and what. */
enum { REFUSALS = 256 };
struct refusals { struct mutex lock; struct { uint64_t key; int64_t at_ns; } lately[REFUSALS]; };

/* Answers by row and class of status; how long they took. The loop counts, anybody reads. */
enum { SERVED_ROUTES = 160, SERVED_BOUNDS = 12 };
struct served { atomic_ulong n[SERVED_ROUTES + 1][5], took[SERVED_BOUNDS + 1], ns; };
void served_note(struct served *s, const struct route *r, int status, int64_t ns);

struct api {
	struct served served;
	struct api_config config;
	struct platform *platform;
	struct work_pool *workers;
	struct loop *loop;
	struct live *live;
	bool stopping;
	struct rate *rate;
	struct gate gate;
	char rate_text[24];
	struct call *under_way;                 /* the newest */
	unsigned n_owed;                        /* calls with workers or waiting for the log; the loop's own count */
	int64_t started_mono_ns;
	atomic_int refs;                        /* the doors, and each call: one that waits for the log may outlive them */
	struct pace pace;
	struct refusals refusals;
	atomic_ulong n_calls, n_errors, n_denied, n_open;
};

/* run() announces that call_finish() will come, before it can; then it returns CALL_LATER. */
void call_later(struct call *c);
void call_finish(struct call *c, int result);                   /* any thread, once */
void call_drop_waiting(struct api *a);                          /* the loop: those whose turn has not come hear that the platform stops */
void call_forget(struct call *c);                               /* what was got ready to be said of a success that did not come */
struct call *call_unref(struct call *c);
/* From here on whoever reads samples for it stops when nobody waits any more. */
static inline void call_cancels(struct call *c) { c->scope.cancel = (const bool *) (const void *) &c->gone; }
static inline struct call *call_ref(struct call *c) { atomic_fetch_add(&c->refs, 1); return c; }
struct api *api_unref(struct api *a);
const char *call_param(const struct call *c, const char *key);  /* NULL when absent */
int call_uuid(struct call *c, struct uuid *ret);                /* c->arg; -ERR_MISSING of the noun when it is no id */
void call_field(struct call *c, const char *name, const char *value);
int call_bool(const struct call *c, const char *key, bool *ret);        /* absent: false */

/* ---- parts of a call ---- */

bool keep_is_asked(const struct call *c);
int keep_begin(struct call *c);                                 /* 1: the answer of the first time is in c; 0: go on, then keep_end() */
void keep_end(struct call *c);                                  /* on a worker, when the answer is whole */

void refusal_note(struct call *c, int r);                       /* refusal.c: what run() returned */

/* ---- answers ---- */

struct json answer_json(struct call *c);                        /* sets the content type; writes to c->out */
void answer_problem(struct call *c, int result);                /* the failure as problem+json; takes the thread's current failure */
void answer_awaits(struct call *c);                             /* 202: it waits for a second person; c->scope.awaits */
void answer_send(struct call *c);
enum { SECURITY_FIELDS = 6 };
extern const struct http_field security_fields[SECURITY_FIELDS];
static inline size_t security_count(const struct api *a) { return SECURITY_FIELDS - !a->config.hsts; }     /* the last is HSTS */
void problem_json(struct json *j, const struct err *e, enum lang lang, const char *instance);
void error_entry(struct json *j, const struct err *e, enum lang lang);  /* {pointer, code, args, detail}: members only, no braces */

/* Which of the offers the client likes best; -1: none. accept NULL: the first. */
int accept_pick(const char *accept, const char *const *offers, size_t n);
bool content_type_is(const char *header, const char *want);

/* ---- doors ---- */

/* sheets.c: rows of every noun. */
int sheets_import(struct call *c);
int sheets_template(struct call *c);
int sheets_read_table(struct call *c);
extern const char *const sheets_import_params[], *const sheets_template_params[], *const sheets_template_offers[], *const sheets_read_offers[];

int remote_write(struct call *c);                               /* remote.c: POST /prometheus/write */
int answer_list(struct call *c, const struct noun *noun);
int batch_run(struct call *c);                                  /* POST /{noun}/batch */
extern const char *const batch_params[];
int answer_file(struct call *c, const char *path, const char *name, const char *type);    /* a stream; the file may go meanwhile */
int answer_job(struct call *c, const struct uuid *id);          /* 202, Location, the record: the work goes on */
/* wire.c: what passed on a connection behind number `after`, the newest `limit` of it, as an object: items, last, dropped. Needs link.read. Waits for
 * the engine: workers. */
struct frames_asked { struct uuid connection; uint64_t after, limit; };
struct frames_told { uint64_t last; uint32_t n; };      /* last: the newest there is */
int frames_write(struct scope *s, const struct frames_asked *in, struct json *j, struct frames_told *ret);
int pass_over(void *ctx, const void *rec);                      /* a store_row_fn that does nothing */
void record_json(const struct rec_type *t, const void *rec, const char *const *only, struct json *j);
void openapi_write(const struct platform *p, struct buf *out);
int live_accept(struct api *a, struct call *c);                 /* < 0: nothing was replied */
int live_new(struct api *a, struct live **ret);
struct live *live_free(struct live *l);
void live_stop(struct live *l);
uint32_t live_count(const struct live *l);
