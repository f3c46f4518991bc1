/*
 * errand.h - what is asked of a device once, in front of all polling: writes with read-back, raw reads, "who is there?".
 *
 * An errand goes to the lane of its connection: it waits for the questions that are under way and for the errands that came before it,
 * and for nothing else. The lane is bounded; the errands of one device are done one after another, in the order they came. Nothing waits
 * for a connection that is down: it is refused with the reason. A connection from which nothing is read is opened for the errand.
 *
 * A write is encoded by the driver, sent, acknowledged, and read back (three times at most, for devices that take their time). A ramp is a
 * write that walks: the present value is read, then a step is written every RAMP_MS until the target is there.
 *
 * A guest is a connection of its own for trying settings that are not (yet) set up: it reads nothing by itself, disturbs no other, and is
 * opened by its first errand.
 *
 * Thread: any. Callbacks run on the engine's threads and must not block. Memory: everything handed in is copied.
 */
#pragma once

#include "link/link.h"

enum { ERRANDS_MAX = 64 /* waiting on one connection */, ERRAND_DATA = 256, ERRAND_TEXT = 120, RAMP_MS = 500 };

enum errand_kind {
	ERRAND_OPEN = 1,                /* nothing: that the connection is up and the driver's handshake over */
	ERRAND_WRITE,
	ERRAND_READ,                    /* one point */
	ERRAND_PEEK,                    /* `count` items as they lie from the point's address on: data */
	ERRAND_GREET,                   /* is it there, and who is it: text */
};

enum errand_outcome {
	ERRAND_DONE,                    /* written and read back; read; answered */
	ERRAND_UNCHECKED,               /* written, and the device said so, but not read back; why: if reading failed */
	ERRAND_DIFFERS,                 /* written, but another value was read back: value */
	ERRAND_REFUSED,                 /* nothing was written, nothing read: why */
	ERRAND_UNKNOWN,                 /* it was sent and no answer came: nobody knows */
	ERRAND_STOPPED,                 /* a ramp on its way: value is where */
	ERRAND_OUTCOMES_
};
const char *errand_outcome_id(enum errand_outcome o);           /* "done", "unchecked", "differs", "refused", "unknown", "stopped" */

struct errand_result {
	enum errand_outcome outcome;
	struct err why;
	struct value value;             /* engineering units: read back, read, or where a ramp is; V_NONE: none. Texts valid during the call */
	uint32_t quality;
	uint32_t tries;                 /* questions it took */
	int64_t took_us;                /* from the first question on */
	const uint8_t *data;            /* PEEK; valid during the call */
	size_t len;
	const char *text;               /* GREET: "" when it did not say */
	bool was_heard;                 /* REFUSED, UNKNOWN: the device, or a gateway for it, did answer something */
	bool is_absent;                 /* ... a gateway said that nobody is there */
};

struct link_guest;

struct errand {
	enum errand_kind kind;
	const struct uuid *connection;  /* OPEN alone; else: */
	const struct uuid *device;      /* one that is set up, or: */
	struct link_guest *guest;       /* with */
	const char *config;             /* ... the settings of a device on it, JSON; also with `connection`: a device that is not set up there */
	const struct point *point;      /* WRITE, READ, PEEK */
	uint32_t series;
	bool store;                     /* append the value read back as a sample of the series */
	struct value value;             /* WRITE: engineering units */
	double ramp;                    /* engineering units a second; 0: at once */
	uint32_t count;
	uint32_t within_ms;             /* 0: 5,000; of a ramp: for each of its steps */
	bool patient;                   /* lets a poll go between its questions */
	void (*on_step)(void *ctx, const struct errand_result *r);      /* a ramp has come to value; may be NULL */
	void (*on_end)(void *ctx, const struct errand_result *r);       /* exactly once, unless link_errand() failed */
	void *ctx;
};

/* -ERR_MISSING: it is not set up; -ERR_STOPPING; -ERR_UNSUPPORTED: the driver cannot; errors of address and settings. */
int link_errand(struct link *l, const struct errand *e, uint64_t *ret_ticket);
/* A ramp stops where it is; what is not sent yet is refused; what is sent is waited for. on_end comes. Unknown tickets are nothing. */
void link_errand_cancel(struct link *l, uint64_t ticket);

int link_guest_open(struct link *l, uint32_t tenant, const struct connection *c, struct link_guest **ret);
/* Errands still there are refused; on_end of each comes before `on_closed` (may be NULL). NULL guest: nothing. */
void link_guest_close(struct link *l, struct link_guest *g, void (*on_closed)(void *ctx), void *ctx);

/* ---- the plan, as it stands ---- */

struct link_request {
	uint32_t points, items, holes;  /* holes: items that no point asked for */
	char range[48];                 /* as the driver writes it: "HR0-HR124" */
	uint32_t last_us, worst_us;     /* from question to answer; 0: not asked yet */
	uint64_t asked, failed;
	bool is_failing;
	int64_t retry_ns;               /* wall time at which what was refused is asked again; 0: each cycle */
};
enum { LINK_PLAN_MAX = 4096 };
/* The requests of a group, from its thread. on_plan is called once; n is cut at LINK_PLAN_MAX. */
int link_plan(struct link *l, const struct uuid *group, void (*on_plan)(void *ctx, const struct link_request *requests, uint32_t n), void *ctx);
