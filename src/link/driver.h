/*
 * driver.h - what a driver is: ABI 1.
 *
 * A driver turns points into requests, requests into bytes and bytes into values. It is one const struct; it owns no socket,
 * clock, thread or sleep and allocates nothing: the engine hands in memory of the sizes it names, the time, the bytes that
 * came and room for the bytes to go. So a driver runs on a microcontroller, in a test and in a fuzzer as it does in the plant.
 *
 *   connection ─ session (driver memory)    one transport: a socket, a serial bus
 *     device   ─ driver memory              what answers: a PLC, a meter, a unit behind a gateway
 *       request ─ slice of sorted points    what one question on the wire can fetch
 *
 * The way of a read: plan() once, when points change; then for each cycle and request next() writes the question, feed() finds
 * the answer in whatever pieces the stream comes, decode() takes the values out. When the transport breaks: lost(), joined().
 *
 * A driver that comes as a .so is refused unless abi and size are those it was built with. Members are only ever added at the
 * end; a capability not offered is NULL.
 *
 * Thread: parse_address, order and endpoint are pure and may be called from any; all others for one session on one thread.
 * Memory: a session lives as long as its connection, a device as long as it is configured; configs outlive both.
 */
#pragma once

#include "base/buf.h"
#include "base/cur.h"
#include "model/plant.h"

enum { DRIVER_ABI = 1 };

enum driver_cap {
	DRIVER_READ = 1, DRIVER_WRITE = 2, DRIVER_BROWSE = 4, DRIVER_SUBSCRIBE = 8,
	DRIVER_MANY = 16,               /* many devices behind one connection */
	DRIVER_PEEK = 32, DRIVER_SCAN = 64,
};

/* Where the engine connects to and how it is to behave there. Strings are borrowed from the config. */
enum driver_transport { DRIVER_TCP = 1, DRIVER_SERIAL, DRIVER_DIAL_IN };
enum { DRIVER_CALL_MAX = 100 };
struct driver_endpoint {
	enum driver_transport transport;
	const char *host;               /* SERIAL: the device, "/dev/ttyS0"; DIAL_IN: the own address to listen at */
	uint16_t port;
	uint32_t in_flight;             /* questions that may be open at once, at most DRIVER_IN_FLIGHT_MAX */
	uint32_t connect_timeout_ms, timeout_ms;
	uint32_t pause_ms;              /* silence the peer wants after a connect */
	uint32_t gap_ms;                /* ... and between an answer and the next question */
	size_t frame_max;               /* the longest question, bytes */
	uint32_t late_ms;               /* silence kept after a question without answer, so that a late one is not taken for the next */
	bool closes;                    /* the peer ends the connection when it has answered: opened again for the next question */
	uint32_t byte_ns;               /* how long the line takes for a byte; 0: not worth counting */
	uint32_t baud;                  /* SERIAL: as struct chain_serial */
	uint8_t data_bits, stop_bits;
	char parity;
	bool rs485;
	/* TCP: TLS around it; PEM files and a fingerprint as in struct tls_config, NULL or "": none. */
	bool tls, tls_any_name;         /* any_name: the certificate's names are not looked at */
	const char *tls_ca, *tls_cert, *tls_key, *tls_fingerprint;
	uint32_t dialect;               /* how frames are written: for explain() */
	uint16_t usual_port;            /* by which analysers know the protocol in a stream; 0: they do not */
	uint8_t call_len, call[DRIVER_CALL_MAX];        /* DIAL_IN: what the device says first; none: whoever calls is taken */
};
enum { DRIVER_IN_FLIGHT_MAX = 16 };

struct driver_point {
	const void *address;            /* a record of the driver's address type */
	enum point_type type;
};

/* One question. `first` and `count` are a slice of the sorted points; the rest is the driver's. */
struct driver_request {
	uint32_t first, count;
	uint32_t items, holes;          /* registers, bytes: what the wire carries, for people; those that no point asked for */
	uint32_t code;
	uint64_t from, to;
};

/* A write, encoded when it was made so that the engine can order, merge and repeat it. */
struct driver_write {
	struct driver_request request;
	uint16_t len;
	uint8_t data[254];
};

/* One question on its way: a slot of the engine's, 0 … in_flight - 1. */
struct driver_job {
	uint32_t slot;
	void *device;
	const struct driver_request *request;
	const struct driver_write *write;       /* NULL: a read */
};

enum driver_said {
	DRIVER_NOTHING,                 /* all bytes are used up */
	DRIVER_READY,                   /* the handshake is over: questions may be asked */
	DRIVER_SPEAK,                   /* the session itself has something to say: next() without a job */
	DRIVER_ANSWER,                  /* slot: data are for decode(); of a write: it is done */
	DRIVER_REFUSED,                 /* slot: the device answered that it will not; the current failure says why */
	DRIVER_WRONG,                   /* slot: an answer came that is none; the current failure says why */
	DRIVER_STRAY,                   /* an answer to nothing that was asked: dropped and counted */
	DRIVER_ALIVE,                   /* a sign of life (a heartbeat) and nothing else */
};
enum driver_hint {
	DRIVER_HINT_NONE,
	DRIVER_HINT_SPLIT,              /* it might be only a part of what was asked for */
	DRIVER_HINT_ABSENT,             /* a gateway says so: the device behind it is silent */
	DRIVER_HINT_OTHERWISE,          /* it does not know this way of writing; nothing was written: see retreat() */
};
struct driver_event {
	enum driver_said said;
	uint32_t slot;
	uint32_t quality;               /* REFUSED, WRONG: what the points become */
	enum driver_hint hint;
	const uint8_t *data;            /* ANSWER: borrowed until the next feed() */
	size_t len;
};

/* A raw value: V_BOOL, V_I64 for all whole numbers, V_F32, V_F64, V_STR as the point's type says; V_NONE with a bad quality. For a point of
 * the type string the engine sets value.s to room for DRIVER_TEXT_MAX bytes before decode(), which writes UTF-8 there; NULL: no room. */
enum { DRIVER_TEXT_MAX = 512 };
struct driver_value { struct value value; uint32_t quality; };

/* A frame as it was on the wire. */
struct driver_frame { uint32_t dialect; bool is_out; const uint8_t *bytes; size_t len; };

struct driver_node { const char *name, *address, *doc; enum point_type type; bool has_children; };

struct driver {
	uint32_t abi;                   /* DRIVER_ABI, first member for ever */
	uint32_t size;                  /* sizeof(struct driver) as the driver was built */
	const char *name;               /* "modbus-tcp": [a-z][a-z0-9-]* */
	const char *title, *title_zh, *doc, *doc_zh;
	uint32_t caps;                  /* enum driver_cap */
	const struct rec_type *config;  /* of a connection */
	const struct rec_type *device;  /* of a device on it */
	const struct rec_type *address; /* of a parsed address; at most 64 bytes, no pointers */
	const char *hint, *hint_zh;     /* how an address is written */
	const char *const *examples;    /* addresses that parse, NULL at the end */
	size_t session_size, device_size;

	/* p->address as people write it, with what else of the point says where and how its value lies: type, access, bit, byte_order.
	 * -ERR_INVALID names the rule that was broken. */
	int (*parse_address)(const struct point *p, void *ret_address);
	/* Points are sorted by this before plan(): neighbours on the wire are neighbours here. */
	uint64_t (*order)(const void *address);

	void (*endpoint)(const void *config, struct driver_endpoint *ret);
	/* Memory is zeroed; the configs outlive it. */
	int (*open)(void *session, const void *config);
	int (*attach)(void *session, void *device, const void *config);

	/* Sorted points to questions; room for n. Returns how many. Knows what the device refused before (see split). */
	uint32_t (*plan)(const void *device, const struct driver_point *points, uint32_t n, struct driver_request *ret);
	/* After a refusal with DRIVER_HINT_SPLIT: the two halves, and what was learnt is remembered in the device. false: it cannot be
	 * asked for in smaller parts. */
	bool (*split)(void *device, const struct driver_point *points, const struct driver_request *q, struct driver_request ret[2]);

	/* The transport is up: true when questions may be asked at once, false when a handshake comes first (then next() without job). */
	bool (*joined)(void *session, int64_t now_ns);
	/* The bytes of a question; job NULL: of the session itself. -ERR_BUSY: not now. */
	int (*next)(void *session, const struct driver_job *job, int64_t now_ns, struct pen *out);
	/* What arrived. One event a call, until DRIVER_NOTHING. < 0: the stream makes no sense any more, the engine closes it. */
	int (*feed)(void *session, struct cur *in, int64_t now_ns, struct driver_event *ret);
	/* No answer in time. < 0: the stream is in the middle of something, the engine closes it. 1: something came that was no answer; the
	 * current failure says what. */
	int (*expired)(void *session, uint32_t slot);
	/* The transport is gone; nothing is in flight any more. */
	void (*lost)(void *session);
	/* The answer's values, one for each point of the slice; points[0] is the slice's first. */
	void (*decode)(const void *device, const struct driver_point *points, const struct driver_request *q, const uint8_t *data, size_t len,
		struct driver_value *ret);

	/* DRIVER_WRITE: one value to one point. -ERR_OUT_OF_RANGE, -ERR_READ_ONLY, -ERR_WRONG_TYPE. 1: the place is shared and what stands there
	 * must be known first: ret->request is to be read, merge() makes the write of its answer. */
	int (*write)(const void *device, const struct driver_point *p, struct value v, struct driver_write *ret);
	/* DRIVER_BROWSE: the question for what lies below a node ("" is the root), from a cursor on ("" at first); children are taken out of its
	 * answer one at a time: 1, 0 at the end. */
	int (*browse)(const void *device, const char *node, const char *cursor, struct driver_write *ret);
	int (*child)(const void *device, struct cur *answer, struct driver_node *ret);
	/* DRIVER_SUBSCRIBE: the question that makes the device send these points by itself. */
	int (*subscribe)(void *device, const struct driver_point *points, uint32_t n, uint32_t period_ms, struct driver_write *ret);

	/* DRIVER_WRITE: the second half of a write() that returned 1; data is the answer to its request. */
	int (*merge)(const void *device, const struct driver_point *p, struct value v, const uint8_t *data, size_t len, struct driver_write *ret);
	/* DRIVER_WRITE: after a refusal with DRIVER_HINT_OTHERWISE: remembers it. true: write() now does it in another way. */
	bool (*retreat)(void *device, const struct driver_write *w);
	/* DRIVER_PEEK: the question for n items, as they lie, from a point's place on. decode() reads points out of its answer, too.
	 * -ERR_OUT_OF_RANGE: more than there are, or than one question can fetch. */
	int (*peek)(const void *device, const struct driver_point *p, uint32_t n, struct driver_request *ret);
	/* DRIVER_SCAN: the member of the device's settings by which those on one connection differ, and how far it goes. */
	const char *unit;
	uint32_t unit_min, unit_max;
	/* ... Questions to find out who is there: whatever is answered to the first (refusals too) comes from a device; the others ask who it is.
	 * -ERR_MISSING: there are no more. who(): one line for people out of an answer; nothing if it does not say. */
	int (*greet)(const void *device, uint32_t step, struct driver_write *ret);
	void (*who)(const void *device, uint32_t step, const uint8_t *data, size_t len, struct buf *out);
	/* What a question fetches, in the notation of addresses: "HR0-HR124". */
	void (*show)(const struct driver_request *q, struct buf *out);
	/* What the table of the connection's settings cannot say: fails with the pointer of the field. May be NULL. */
	int (*check)(const void *config);
	/* A frame in words, from its bytes alone; asked: questions that went out before it, the newest first. May be NULL. */
	void (*explain)(const struct driver_frame *f, const struct driver_frame *asked, uint32_t n, enum lang lang, struct buf *out);
};

const struct driver *driver_find(const char *name);     /* NULL if there is none */
const struct driver *const *driver_list(void);          /* NULL at the end */
/* The gate, also for built-in ones: ABI, size, names, tables, and that every capability promised is there. */
int driver_check(const struct driver *d);
