/*
 * engine.h - the inside of link: live objects, each of one engine thread.
 *
 *   link.c      threads
 *   control.c   the records as last set, messages to the threads        (any thread)
 *   change.c    what a message does when it arrives
 *   build.c     points checked, sorted, their scaling prepared           (any thread)
 *   conn.c      a connection: connects for ever, asks, listens; transport.c how it gets there,
 *               dial.c devices that call
 *   device.c    who answers, who is silent, when to try again
 *   cycle.c     when a group is due, what it asks next
 *   row.c       answers into rows, failures into qualities
 *   lane.c      what is asked once, in front of all polling; ramp.c the writes that walk
 *   errand.c    errands on their way to the lane                  (any thread)
 *   status.c    figures that any thread reads without holding up the engine
 */
#pragma once

#include <stdatomic.h>

#include "io/io.h"
#include "link/errand.h"
#include "link/link.h"
#include "link/frames.h"
#include "sys/sys.h"

enum { LINK_NAME = 65, LINK_HIST = 124, LINK_ROW_POINTS = 4000, LINK_MUTE = 3, LINK_WRONG = 3, LINK_PIECE_MS = 50,
	LINK_ROW_TEXT = 512 << 10 };
static const uint32_t QUALITY_UNSAID = 0xFFFFFFFFu;             /* nothing was said of this point yet */

/* ---- status ---- */

struct cell;                                                    /* one link_status, written by one thread, read by any */
int cell_new(struct cell **ret, const struct link_status *first);
struct cell *cell_ref(struct cell *c);
struct cell *cell_unref(struct cell *c);
void cell_write(struct cell *c, const struct link_status *s);
void cell_read(struct cell *c, struct link_status *ret);

struct hist { uint32_t total; uint16_t n[LINK_HIST]; };         /* microseconds, quarter octaves; old ones fade */
void hist_add(struct hist *h, uint32_t us);
uint32_t hist_quantile(const struct hist *h, double q);         /* upper bound of the bucket */

/* ---- live objects ---- */

struct conv {                                                   /* raw → engineering */
	bool scaled, ranged, clamp, rounded;
	double gain, shift;             /* of the range; then: */
	double scale, offset, lo, hi, pow10;
};

enum request_state { REQUEST_IDLE, REQUEST_TODO, REQUEST_SENT, REQUEST_DONE, REQUEST_FAILED };
struct request {
	struct driver_request q;
	uint8_t state, fails;
	int64_t retry_ns;               /* not before this, monotonic; 0: any time */
	uint32_t last_us, worst_us;     /* from question to answer */
	uint64_t asked, failed;
};

struct group_rt {
	struct dev *dev;
	struct group_rt *next;          /* of the device */
	struct group_rt *active_next, *active_prev;     /* of the connection: cycles with something to ask */
	struct uuid id;
	char name[LINK_NAME];
	bool enabled, is_active, running, kicked, cycle_failed;
	uint32_t period_ms;
	/* Points: first those that are read, sorted by address; then those that only have a quality to say. */
	uint32_t n, n_read, n_requests, n_bad, n_misconfigured;
	uint32_t *series, *said, *fixed;
	uint8_t *vtype, *fresh;
	struct driver_point *point;
	struct conv *conv;              /* NULL: none is scaled */
	struct driver_value *value;
	char **text;                    /* room for what a text point holds; NULL: it is none, or there is none */
	struct request *request;        /* the plan; not of the arena: group_room() */
	size_t room;                    /* bytes there */
	uint32_t n_fresh;
	int64_t row_ns, row_mono_ns;    /* of the first answer in the row that is being filled: wall, monotonic */
	int64_t marked_ns;              /* when bad qualities were last said, monotonic */
	/* The cycle. */
	struct timer due;
	int64_t due_wall_ns, due_ns;    /* the next one */
	int64_t wanted_ns, deadline_ns, begun_ns;       /* of the one that runs: when it was due, must be over, began */
	uint32_t todo, open, cursor;
	uint32_t turn;                  /* of the connection, when its last cycle ended: who waits longest is first among equals */
	bool first_sent;
	uint64_t history;
	struct hist took, late;
	struct link_status status;
	struct cell *cell;
	struct arena arena;             /* holds all arrays and addresses */
};

struct dev {
	struct conn *conn;
	struct dev *next;
	struct group_rt *groups;
	struct uuid id;
	char name[LINK_NAME];
	bool enabled, probing;
	void *driver, *config;
	struct arena arena;             /* config */
	struct timer probe;
	bool wants_probe;
	uint32_t turn;                  /* of the connection, when it was asked last; 0: never */
	uint32_t backoff_ms, probe_cursor;
	int64_t state_ns, heard_ns;     /* monotonic: of the state; of the last answer */
	struct link_status status;
	struct cell *cell;
};

struct slot {
	bool busy, probe;
	uint32_t turn;                  /* the order of asking */
	struct dev *dev;                /* NULL: removed meanwhile */
	struct group_rt *group;
	uint32_t request;
	struct errand_rt *errand;       /* asked for this one; dev and group are NULL then */
	int64_t sent_ns, deadline_ns;
};

/* What an errand is at. */
enum phase { PHASE_BEGIN, PHASE_START /* where a ramp begins */, PHASE_MERGE /* what stands there */, PHASE_WRITE, PHASE_CHECK, PHASE_ASK };

struct errand_rt {
	struct errand_rt *next;         /* of the lane */
	struct post post;
	struct link_thread *thread;
	struct conn *conn;
	struct dev *dev, *own;          /* own: not set up, for this errand alone */
	uint64_t ticket;
	enum errand_kind kind;
	enum phase phase;
	bool busy, parked, cancelled, patient, store, is_read, is_doubtful, retreated;
	struct driver_point point;
	uint64_t address[8];
	struct conv conv;
	uint32_t series, count, within_ms, step, checks, n_written;
	uint8_t vtype;
	char text[ERRAND_DATA];         /* of a value that is one */
	char heard[DRIVER_TEXT_MAX];    /* ... and of one that is read */
	struct value value, raw;        /* wanted: engineering, and as the wire carries it */
	double ramp, at, going;         /* a second; where it is, and to where its step goes */
	int64_t walked_ns;
	struct driver_request question;
	struct driver_write write;
	struct timer deadline, park;
	int64_t began_ns;
	struct errand_result result;
	char who[ERRAND_TEXT];
	void (*on_step)(void *ctx, const struct errand_result *r);
	void (*on_end)(void *ctx, const struct errand_result *r);
	void *ctx;
};

struct conn {
	struct link_thread *thread;
	struct conn *next;
	struct dev *devices;
	struct group_rt *active;
	struct uuid id;
	uint32_t tenant;
	char name[LINK_NAME];
	bool enabled, is_opening, is_up, is_ready, was_useful;
	bool is_guest;                  /* nothing is read from it, nothing is said of it */
	bool is_polls_turn;             /* a patient errand was asked last */
	bool is_silents_turn;           /* the last probe was for one that is not known to be silent */
	struct errand_rt *lane;
	uint32_t n_lane;
	const struct driver *driver;
	struct driver_endpoint end;
	void *session, *config;
	struct arena arena;             /* config */
	struct chain *chain;
	struct tap tap;
	struct dial *dial;              /* where its device calls; NULL: it does not wait for one */
	bool is_resting;                /* closed between two questions because the peer wants it so: as good as up */
	struct slot slot[DRIVER_IN_FLIGHT_MAX];
	uint32_t in_flight, mute, wrong_row, turn;
	struct timer timeout, retry, later, idle;
	int64_t not_before_ns;          /* a pause the peer wants */
	int64_t probe_not_before_ns;    /* what silent devices may cost the others */
	uint32_t backoff_ms;
	uint8_t *frame;
	struct link_status status;
	struct cell *cell;
};

struct link_guest {
	struct post post, leave;
	struct link_thread *thread;
	const struct driver *driver;
	struct conn *conn;
	void (*on_closed)(void *ctx);
	void *ctx;
};

struct link_thread {
	struct link *link;
	struct loop *loop;
	struct thread thread;
	struct conn *conns;
	struct dial *dials;             /* listeners */
	struct timer tick;
	int64_t wall_ahead_ns;          /* of the monotonic clock, the same for all groups */
	atomic_uint n_waiting;          /* messages on their way here */
	uint64_t dice;
	struct batch_builder *builder;
	uint32_t row_series[LINK_ROW_POINTS], row_index[LINK_ROW_POINTS];
	uint8_t row_types[LINK_ROW_POINTS];
	char name[16];
};

struct entry;
struct link {
	struct link_config config;
	struct link_thread *threads;
	bool started, stopped;
	struct mutex mutex;             /* of what follows */
	struct entry **entries;         /* sorted by id */
	uint32_t n_entries, entries_room, next_thread;
	uint64_t next_ticket;
	struct mutex dial_mutex;        /* of: */
	struct link_dial_in dial_in[LINK_DIAL_INS];
};

static inline const struct link_config *config_of(const struct conn *c) { return &c->thread->link->config; }
static inline struct loop *loop_of(const struct conn *c) { return c->thread->loop; }
/* ms give or take a quarter, so that many do not act at once. */
uint32_t jitter(struct link_thread *t, uint32_t ms);

/* build.c: everything of a group that needs no engine thread. What is wrong with points goes to errs. */
int group_build(const struct driver *d, const struct group *g, const struct link_point *points, uint32_t n, struct errs *errs,
	struct group_rt **ret);
struct group_rt *group_free(struct group_rt *g);

/* conn.c */
int conn_build(uint32_t tenant, const struct connection *c, const struct driver *d, struct conn **ret);
struct conn *conn_free(struct conn *c);
void conn_open(struct conn *c);                 /* if there is something to read */
void conn_close(struct conn *c);                /* nothing is in flight afterwards; says nothing */
void conn_replan(struct conn *c);
void conn_review(struct conn *c);               /* after something changed: open or closed, as it should be */
void conn_drop(struct conn *c, uint32_t quality, const struct err *why);
void conn_pump(struct conn *c);
void conn_state(struct conn *c, enum link_state s, const struct err *why);
bool conn_wants_open(const struct conn *c);
bool conn_reads(const struct conn *c);          /* a device on it is read */
/* transport.c */
int conn_chain(struct conn *c);                 /* makes c->chain */
extern const struct chain_events conn_events;   /* conn.c */
void conn_called(struct conn *c, struct chain *chain, const uint8_t *rest, size_t n);  /* its device has called; rest came behind the packet */
/* dial.c */
int dial_wait(struct conn *c);                  /* from now on its device may call */
void dial_leave(struct conn *c);

/* device.c */
int dev_build(const struct driver *d, const struct device *device, struct dev **ret);
struct dev *dev_free(struct dev *d);
void dev_attach(struct dev *d);                 /* to its connection's session: also after either was set anew */
void dev_state(struct dev *d, enum link_state s, const struct err *why);
void dev_joined(struct dev *d);                 /* the connection is up */
void dev_lost(struct dev *d);                   /* ... and gone */
void dev_heard(struct dev *d);                  /* it answered, whatever it said */
void dev_missed(struct dev *d, bool probe, const struct err *why);     /* it did not */
void dev_say(struct dev *d, uint32_t quality);  /* of all its points, at once */
void dev_tick(struct dev *d, int64_t now_ns);
void dev_review(struct dev *d);                 /* after something changed */
bool dev_is_read(const struct dev *d);          /* enabled, its connection too, and something to read */
struct group_rt *dev_probe_pick(struct dev *d, int64_t now_ns, uint32_t *ret_request);

/* cycle.c */
/* Bytes a point may need while a plan is made: a request each is the worst case, which hardly any device is. */
#define REQUEST_ROOM (sizeof(struct request) + sizeof(struct driver_request))
bool group_room(struct group_rt *g, size_t bytes);              /* for its requests; false: it has what it had */
void group_plan(struct group_rt *g);                            /* without memory the plan stays as it was */
void group_start(struct group_rt *g);           /* arms its timer */
void group_stop(struct group_rt *g);
void cycle_begin(struct group_rt *g, int64_t now_ns);
void cycle_abort(struct group_rt *g);           /* what was not asked yet will not be */
void cycle_sent(struct group_rt *g, uint32_t request, int64_t now_ns);
void cycle_settled(struct group_rt *g, uint32_t request, bool good);
bool cycle_next(struct conn *c, int64_t now_ns, struct group_rt **ret, uint32_t *ret_request);
bool cycle_split(struct group_rt *g, uint32_t request, const struct driver_request half[2]);
void group_publish(struct group_rt *g);

/* change.c: messages. What they carry is theirs; what is replaced is freed on arrival. */
enum change_kind { CHANGE_CONN, CHANGE_CONN_LIGHT, CHANGE_CONN_GONE, CHANGE_DEV, CHANGE_DEV_LIGHT, CHANGE_DEV_GONE, CHANGE_GROUP, CHANGE_GROUP_GONE };
struct change {
	struct post post;
	enum change_kind kind;
	struct link_thread *thread;
	struct conn *conn, *new_conn;   /* new_conn alone: it is new; with conn: conn gets its settings */
	struct dev *dev, *new_dev;
	struct group_rt *group, *new_group;
	bool enabled;
	char name[LINK_NAME];
};
void change_run(void *arg);             /* frees it */
void conn_remove(struct conn *c);
void control_done(struct link *l);
/* What is set up under an id, for a message to its thread; mutex held until it is sent. */
struct target { struct link_thread *thread; const struct driver *driver; uint32_t tenant; void *live; struct conn *conn; };
int control_runs(const struct link *l);         /* mutex held; -ERR_STOPPING once link_stop() was called */
int control_find(struct link *l, const struct uuid *id, enum link_kind kind, const char *what, struct target *ret);
void link_name_cut(char *to, const char *name);

/* lane.c */
void lane_add(struct errand_rt *e);             /* on the engine's thread */
struct errand_rt *lane_next(struct conn *c);    /* NULL: none may be asked now */
int lane_question(struct errand_rt *e, struct driver_job *ret);         /* 1: it has ended instead */
void lane_heard(struct errand_rt *e, const struct driver_event *ev, const struct err *why);     /* why: unless it is an answer */
void lane_silent(struct errand_rt *e, const struct err *why);
void lane_lost(struct conn *c, const struct err *why);          /* the connection is gone: all end */
void lane_orphan(struct conn *c, const struct dev *d);          /* this device is gone, or another now */
void lane_cancel(struct errand_rt *e);
void lane_end(struct errand_rt *e, enum errand_outcome o, const struct err *why);       /* tells, and frees it */
void errand_free(struct errand_rt *e);
int lane_write(struct errand_rt *e, struct value v);            /* engineering units; makes the next question. < 0: it has ended */
void lane_park(struct errand_rt *e, int64_t ms);
void lane_again(struct errand_rt *e);           /* its time begins anew */
/* ramp.c */
int ramp_walk(struct errand_rt *e);             /* a step further; as lane_write() */
bool ramp_stepped(struct errand_rt *e);         /* the step is acknowledged: true when there is another to come */

/* build.c */
struct conv conv_of(const struct point *p);
struct value conv_back(const struct conv *c, enum point_type t, struct value v);       /* engineering → raw */
struct driver_value conv_out(const struct conv *c, struct driver_value raw);           /* raw → engineering */

/* row.c */
void row_one(struct conn *c, uint32_t series, uint8_t vtype, const struct driver_value *v);    /* a sample by itself, now */
void row_answer(struct group_rt *g, uint32_t request, const uint8_t *data, size_t len);
void row_say(struct group_rt *g, uint32_t first, uint32_t count, uint32_t quality);    /* only what changes; flushed by the caller */
void row_say_again(struct group_rt *g);         /* all that is bad */
void row_flush(struct group_rt *g);
bool group_is_on(const struct group_rt *g);
