/*
 * live.h - what the files of the live socket share (private to api).
 *
 * A client is a WebSocket with a principal and subscriptions. The loop owns it; who it is and which points it may see is found out
 * by workers (they may read the disk). Values come from the bus, which keeps the last of each series and needs no queue: when too
 * much waits to be sent, a subscription takes nothing, and gets the newest of each point once there is room. So a slow client costs
 * its backlog and no more.
 *
 * Thread: the loop's, jobs excepted. Memory: a client lives until its socket is closed and no job of it is under way.
 */
#pragma once

#include "api/internal.h"
#include "bus/bus.h"
#include "model/batch.h"

enum {
	LIVE_CLIENTS_MAX = 500,
	LIVE_STRANGERS_MAX = 8,         /* of one address, before their hello: more would keep places from others */
	LIVE_POINTS_MAX = 10000,        /* a socket, all subscriptions together */
	LIVE_SUBS_MAX = 100,
	LIVE_ID_MAX = 64,
	LIVE_TICK_MS = 250,
	LIVE_BACKLOG = 64 << 10,        /* above it nothing is added: values are conflated */
	LIVE_BACKLOG_MAX = 1 << 20,
	LIVE_PATIENCE_MS = 30000,       /* for a client that takes nothing; then 1013 */
	LIVE_HELLO_MS = 10000,
	LIVE_CHECK_MS = 60000,          /* how often it is asked again whether the principal still may; at once when rights change */
	LIVE_RENEW_MS = 2000,           /* after points changed */
	LIVE_FRAMES_SUBS = 4,           /* of frames, of a socket */
	LIVE_FRAMES_ALL = 32,           /* of all sockets: each costs a worker a moment, four times a second */
	LIVE_FRAMES_FIRST = 100,        /* frames told at the beginning */
	LIVE_FRAMES_MORE = 50,          /* and then a tick, so 200 a second; beyond it the oldest are passed over, and counted */
	LIVE_REFUSED = 4401,
};

struct live_point { struct uuid id; uint32_t series; };
struct live_index { uint32_t series, index; };

struct live_sub {
	struct live_sub *next;
	struct live_client *client;
	char id[LIVE_ID_MAX + 1];
	uint32_t serial;                /* tells a subscription from an earlier one of the same id */
	char *path;                     /* prefix; NULL: points by id */
	struct uuid *wanted; uint32_t n_wanted;
	bool batch;                     /* binary frames */
	bool jobs;                      /* not of points: of long work */
	bool frames;                    /* not of points: of what passes on a connection */
	struct uuid connection;
	enum lang lang;                 /* of frames */
	uint64_t after;                 /* of points: what the client has seen already; of jobs and frames: what it was told */
	bool resumed;                   /* it gets what changed since `after`, not everything */
	double max_hz;
	struct live_point *point; uint32_t n;
	struct live_index *index;       /* by series */
	struct bus_sub *bus;
	bool full;                      /* took less than it was given: resume when there is room */
	uint64_t generation;            /* of the plant, when points were resolved */
	int64_t resolved_ns;
	bool resolving, told;           /* told: the client knows the points; of frames: it had the first */
	bool stale;                     /* rights changed since it was last resolved: at once again */
};

struct live_client {
	struct live_client *next, **link;
	struct live *live;
	struct ws *ws;                  /* NULL: gone */
	unsigned jobs;
	bool known, checking;           /* known: hello was right */
	int ending;                     /* code of the close that follows when everything has gone out; 0: none */
	const char *why;
	char bearer[SECRET_TEXT_MAX], cookie[SECRET_TEXT_MAX];
	char peer[48];
	enum lang lang;
	int64_t born_ns, checked_ns, stuck_ns;  /* stuck: since when the backlog is too long; 0 = it is not */
	struct live_sub *subs;
	uint32_t n_points, n_subs, serial;
	uint32_t tenant;
	struct uuid who;
	bool sees_all;                  /* jobs of others, too */
	int64_t rights_until_ns;        /* wall clock: a grant begins or ends */
	uint64_t rights;                /* guard_generation() when it was asked last */
};

struct live {
	struct api *api;
	struct timer timer;
	struct live_client *clients;
	uint32_t n, n_frames;           /* clients; subscriptions of frames */
	uint64_t first;                 /* changes up to this one are an earlier process's */
	struct batch_builder *builder;
	struct buf out;                 /* of the frame under construction; reused */
};

/* live_job.c: what workers do. Each starts one job of the client; < 0: refused, nothing started. */
int live_job_hello(struct live_client *c, const char *csrf);
int live_job_check(struct live_client *c);
int live_job_resolve(struct live_client *c, struct live_sub *s);
int live_job_frames(struct live_client *c, struct live_sub *s);

/* live.c: where jobs end, on the loop. */
struct live_known { int result; const struct err *err; uint32_t tenant; int64_t rights_until_ns; struct uuid who; bool sees_all; const char *name; };
void live_on_hello(struct live_client *c, const struct live_known *k);
struct live_resolved { uint32_t serial; int result; const struct err *err; struct live_point *points; uint32_t n; uint64_t generation; };
void live_on_resolved(struct live_client *c, const struct live_resolved *r);   /* takes r->points */
struct live_frames { uint32_t serial; int result; const struct err *err; const char *json; uint64_t last; uint32_t n; };
void live_on_frames(struct live_client *c, const struct live_frames *f);
void live_job_over(struct live_client *c);
void live_fail(struct live_client *c, const char *id, const struct err *e);

/* live_send.c: values on their way, beginning with all that are known. */
int live_listen(struct live_sub *s);
void live_resume(struct live_client *c);
void live_tell_jobs(struct live_client *c);             /* what changed of the jobs it may see */
