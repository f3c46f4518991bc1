/*
 * link.h - the engine that reads devices: connections, scan groups, health, quality.
 *
 *   connection (a socket) ─ device (what answers) ─ group (what is read with one period) ─ point
 *
 * The engine owns what every protocol needs: it connects for ever, keeps periods by deadline, merges points into requests, backs
 * off from what does not answer, and turns answers into batches. Drivers (driver.h) know the bytes.
 *
 * Periods: a group is due at whole multiples of its period (UTC), so groups of one period are read at the same instants
 * and nothing drifts. A cycle that is not over when the next is due lets that one be missed: counted, never queued.
 *
 * Values: one row a cycle and group, its time the moment of the first answer in it (a cycle longer than `row_ms` gives several rows).
 * A series has the type point_vtype() says: bool, i64 for whole numbers, f32, f64, and f64 for whatever is scaled.
 *
 * Quality: a point whose request fails turns bad at once with the reason, and says so again every `remark_ms` at most; it never keeps
 * a stale good value. Disabled connections, devices, groups and points are bad_out_of_service. All heals by itself.
 *
 * Setting is incremental: what is set again unchanged is not touched, a changed group or device leaves its connection as it is.
 *
 * Thread: any; the engine's own threads never wait for a caller. Callbacks run on the engine's threads and must not block.
 * Memory: everything handed in is copied. Reading does not allocate, the batches excepted.
 */
#pragma once

#include "base/err.h"
#include "link/driver.h"
#include "model/batch.h"
#include "model/plant.h"

struct link;

enum link_kind { LINK_CONNECTION = 1, LINK_DEVICE, LINK_GROUP };
enum link_state {
#define STATE(NAME, id, en, zh) LINK_##NAME,
#include "link/states.def"
#undef STATE
	LINK_STATES_
};
const char *link_state_id(enum link_state s);                   /* "up" */
const char *link_state_text(enum link_state s, enum lang lang);

/* How one of them does: a copy, consistent in itself. Counters count since it was set up. */
struct link_status {
	struct uuid id, parent;         /* parent: connection of a device, device of a group */
	uint8_t kind, state;
	int64_t since_ns;               /* of this state, wall time */
	struct err reason;              /* why it is not up; kind ERR_NONE: nothing to say */
	/* connection and device */
	uint64_t requests, answers, timeouts, refused, wrong, strays, connects, bytes_in, bytes_out;
	int64_t next_try_ns;            /* wall time of the next attempt while it is down or silent; 0: none */
	uint32_t at_once;               /* connection: how many requests may be open; 1 again for a device that loses some or answers out of turn */
	/* group: the plan is "n_points points in n_requests requests" */
	uint32_t period_ms, n_points, n_requests, items, n_bad;
	uint64_t planned, done, missed, failed, dropped;        /* cycles; dropped: rows the log had no room for */
	uint64_t samples;
	uint32_t last_us, p50_us, p99_us;       /* how long a cycle takes */
	uint32_t jitter_p99_us;                 /* how late it begins */
	float achieved;                         /* share of the last 64 planned cycles that were done, 0 … 1 */
};

struct link_config {                    /* 0 = the default */
	uint32_t threads;               /* 1 */
	uint32_t source;                /* batch.source of all batches */
	/* Where batches go: takes a reference of its own or fails, never waits. -ERR_BUSY, -ERR_FULL: the row is dropped and counted. */
	int (*append)(void *ctx, struct batch *b);
	void (*on_state)(void *ctx, const struct link_status *s);       /* the state changed; may be NULL */
	void *ctx;
	uint32_t reconnect_min_ms, reconnect_max_ms;    /* 500 … 10,000; with jitter */
	uint32_t probe_min_ms, probe_max_ms;            /* a silent device: 1,000 … 30,000; with jitter */
	uint32_t retry_ms;              /* a refused request is tried again: 60,000 */
	uint32_t remark_ms;             /* a bad quality is said again: 60,000 */
	uint32_t row_ms;                /* the longest time one row may span: 50 */
};

int link_new(const struct link_config *config, struct link **ret);
int link_start(struct link *l);
void link_stop(struct link *l);                 /* closes all connections, joins the threads; no callback comes after it */
struct link *link_free(struct link *l);         /* stops if needed */
DEFINE_CLEANUP(struct link *, link_free)

/* Configuration, as the plant's records say it. Unchanged: nothing happens. Parents come first: -ERR_MISSING. -ERR_STOPPING after link_stop(). */

/* -ERR_MISSING: no such driver; -ERR_IMMUTABLE: it has another driver; errors of its settings. Changed settings connect anew. */
int link_set_connection(struct link *l, uint32_t tenant, const struct connection *c);
/* Returns 1 when it has moved to another connection: its groups must be set again. */
int link_set_device(struct link *l, const struct device *d);

struct link_point { uint32_t series; const struct point *point; };
/* Points that cannot be read as configured become bad_configuration and do not hinder others; they are in errs (may be NULL), the
 * pointer names the place in `points`. Returns how many there are. Points that are only written are left out. */
int link_set_group(struct link *l, const struct group *g, const struct link_point *points, uint32_t n, struct errs *errs);
/* What hangs below goes with it. -ERR_MISSING: there is none. */
int link_remove(struct link *l, const struct uuid *id);

/* All at once: sets everything, removes what is not named. Members are as in the calls above; what fails is in errs and left out, the
 * rest is set. Returns how many failed. */
struct link_group { const struct group *group; const struct link_point *points; uint32_t n_points; };
struct link_plant {
	uint32_t tenant;                /* other tenants' are left alone */
	const struct connection *const *connections;
	const struct device *const *devices;
	const struct link_group *groups;
	uint32_t n_connections, n_devices, n_groups;
};
int link_apply(struct link *l, const struct link_plant *plant, struct errs *errs);

/* Checks for whoever stores the records; nothing is set up. *ret_config (may be NULL): the settings as a record of the driver's table. */
int link_check_connection(const struct connection *c, struct arena *a, struct errs *errs, void **ret_config);
int link_check_device(const struct driver *d, const struct device *dev, struct arena *a, struct errs *errs, void **ret_config);
int link_check_point(const struct driver *d, const struct point *p);

/* Figures, without holding up the engine. Returns how many there are; fills at most max, connections before devices before groups. */
size_t link_status(struct link *l, uint32_t tenant, struct link_status *ret, size_t max);
int link_status_of(struct link *l, const struct uuid *id, struct link_status *ret);    /* -ERR_MISSING */

/* What passes on a connection: its last frames, from a bounded ring (larger from the first asking until nobody has asked for 30 s). */
enum link_frame_kind { LINK_FRAME_OUT = 1, LINK_FRAME_IN, LINK_FRAME_SILENCE /* no answer in time */, LINK_FRAME_OPENED, LINK_FRAME_CLOSED };
struct link_frame {
	uint64_t seq;                   /* from 1, without holes */
	int64_t time_ns;
	enum link_frame_kind kind;
	enum driver_said said;          /* IN: what the driver made of it; DRIVER_NOTHING: it never became anything */
	const uint8_t *bytes;
	size_t len;
};
enum { LINK_FRAMES_BYTES = 256 << 10, LINK_FRAMES_MS = 2000, LINK_FRAMES_BEFORE = 32 };
struct link_frames {
	const struct driver *driver;    /* NULL: the connection went meanwhile */
	struct driver_endpoint end;     /* its strings are the connection's: not to be used */
	uint64_t last;                  /* the newest there is: `after` of the next asking */
	const uint8_t *bytes;
	size_t len;
};
/* Those behind number `after`, and some in front of them: the questions to which they may be answers. Waits for the engine: for workers. -ERR_MISSING, -ERR_BUSY: not within two seconds, -ERR_STOPPING. */
int link_frames(struct link *l, const struct uuid *connection, uint64_t after, struct link_frames **ret);
struct link_frames *link_frames_free(struct link_frames *f);
DEFINE_CLEANUP(struct link_frames *, link_frames_free)
bool link_frames_next(const struct link_frames *f, size_t *at, struct link_frame *ret);       /* *at: 0 at first */
/* As a capture that Wireshark reads (pcap 2.4): sockets as TCP between made-up addresses, serial lines as RTAC Serial (DLT 250), to be decoded
 * as mbrtu. */
void link_frames_pcap(const struct link_frames *f, struct buf *out);

/* Devices that called where connections wait for calls, and that none of them knew; one that said the same again is counted. */
enum { LINK_DIAL_INS = 64 };
struct link_dial_in {
	uint32_t tenant, count;
	uint16_t port;
	uint8_t len, said[DRIVER_CALL_MAX];             /* the beginning of what it said; len 0: nothing */
	char address[64], peer[64];                     /* where it called; from where, the last time */
	int64_t first_ns, last_ns;
};
size_t link_dial_ins(struct link *l, uint32_t tenant, struct link_dial_in *ret, size_t max);
