/*
 * modbus.h - the parts of the Modbus drivers, among themselves.
 *
 * Thread: as link/driver.h says. Memory: none of its own.
 */
#pragma once

#include "link/driver.h"
#include "proto/modbus/modbus.h"

/* The four tables of the data model (V1.1b3, 4.3), and the objects of identification (6.21). */
enum modbus_table { MODBUS_COILS, MODBUS_DISCRETE, MODBUS_HOLDING, MODBUS_INPUT, MODBUS_IDENTITY, MODBUS_TABLES_ };
/* How a value lies in registers when it is not as its type says. */
enum modbus_form { MODBUS_PLAIN, MODBUS_HALF, MODBUS_BCD, MODBUS_UTF8, MODBUS_ASCII, MODBUS_GBK, MODBUS_LATIN1 };
enum { MODBUS_TEXT_REGISTERS = 123 };   /* the longest text: what one write can carry */

struct modbus_address {
	int32_t table;                  /* enum modbus_table */
	uint32_t number;                /* from 0, as on the wire */
	int32_t bit;                    /* of a register; -1: none */
	int32_t order;                  /* enum byte_order */
	uint32_t length;                /* items: 1 bit, or registers */
	int32_t form;                   /* enum modbus_form; of a text never MODBUS_PLAIN */
};

/* Settings of a connection; each driver's table has those that are its own. */
enum modbus_framing { MODBUS_FRAMING_TCP, MODBUS_FRAMING_RTU, MODBUS_FRAMING_ASCII };
struct modbus_config {
	const char *host;               /* dial-in: where to listen */
	uint32_t port, timeout_ms, connect_timeout_ms, pipeline, max_registers, max_bits, gap_registers, gap_bits;
	uint32_t pause_after_connect_ms, pause_between_ms;
	int32_t byte_order;             /* 0 ABCD … 3 DCBA: enum modbus_order */
	int32_t framing;                /* enum modbus_framing */
	bool check_unit, closes;
	const char *device;             /* serial: */
	int32_t mode, parity;           /* 0 RTU, 1 ASCII; 0 none, 1 even, 2 odd */
	uint32_t baud, data_bits, stop_bits;
	bool rs485;
	const char *registration, *heartbeat;   /* dial-in */
	bool tls, tls_any_name;                 /* TCP: as struct driver_endpoint */
	const char *tls_ca, *tls_cert, *tls_key, *tls_fingerprint;
};
/* ... and of a device on it. */
struct modbus_device_config {
	uint32_t unit;
	int32_t byte_order;             /* enum byte_order; ORDER_DEVICE: as the connection says */
	uint32_t max_registers;         /* 0: as the connection says */
	int32_t gap_registers;          /* -1: as the connection says */
	int32_t shift;                  /* added to every address */
	bool write_single, mask_write, write_read;
};

/* A boundary between two points across which the device refused to be read. */
struct modbus_cut { uint8_t table; uint32_t from, to; };
enum { MODBUS_CUTS = 64 };
enum modbus_refuses { MODBUS_NO_SINGLE = 1, MODBUS_NO_MULTIPLE = 2, MODBUS_NO_MASK = 4, MODBUS_NO_READ_WRITE = 8 };

struct modbus_device {
	const struct modbus_config *connection;
	const struct modbus_device_config *config;
	enum modbus_order order;
	uint8_t refuses;                /* ways of writing it does not know: enum modbus_refuses */
	uint32_t n_cuts;                /* ever; the last MODBUS_CUTS are kept */
	struct modbus_cut cut[MODBUS_CUTS];
};

enum { MODBUS_EXPIRED = 32, MODBUS_BEAT_MAX = 100 };
struct modbus_slot { bool busy; uint8_t unit; uint16_t transaction; uint32_t age; struct modbus_request asked; };
struct modbus_beat { uint8_t len, bytes[MODBUS_BEAT_MAX]; };
struct modbus_session {
	const struct modbus_config *config;
	enum modbus_framing framing;
	struct modbus_slot slot[DRIVER_IN_FLIGHT_MAX];
	uint32_t age;
	/* TCP */
	struct modbus_tcp_splitter splitter;
	uint16_t transaction;
	uint32_t n_expired;
	uint16_t expired[MODBUS_EXPIRED];       /* answers to these may still come and are no stranger's */
	/* RTU and ASCII: one question at a time */
	struct modbus_line line;                /* of TCP too when heartbeats are to be found in it */
	size_t used;                            /* of the line: dropped by the next feed() */
	uint16_t sent_len;
	uint8_t sent[MODBUS_ASCII_ADU_MAX];     /* the last question as it went out: what a line echoes */
	uint8_t scratch[MODBUS_RTU_ADU_MAX];    /* ASCII decoded */
	bool echoes, echo_gone;                 /* the line does; it has done so for this question */
	bool is_late;                           /* the answer to a question given up may still come, from: */
	uint8_t late_unit, late_fc;
	/* dial-in */
	struct modbus_beat beat[2];             /* heartbeat, registration */
};

extern const struct rec_type modbus_config_type, modbus_serial_config_type, modbus_dial_in_config_type;
extern const struct rec_type modbus_device_type, modbus_unit_type, modbus_address_type;

/* session.c: transactions in whatever frames */
int modbus_open(void *session, const struct modbus_config *config, enum modbus_framing framing);
int modbus_attach(void *session, void *device, const void *config);
bool modbus_joined(void *session, int64_t now_ns);
void modbus_lost(void *session);
int modbus_next(void *session, const struct driver_job *job, int64_t now_ns, struct pen *out);
int modbus_feed(void *session, struct cur *in, int64_t now_ns, struct driver_event *ret);
int modbus_expired(void *session, uint32_t slot);
/* ... for line.c: what an answer to this slot's question means; DRIVER_WRONG with a sentence (NULL: the current failure) */
int modbus_heard(struct modbus_session *s, uint32_t slot, const uint8_t *pdu, size_t len, struct driver_event *ret);
int modbus_wrong(struct driver_event *e, const char *detail);
void modbus_refusal(uint8_t exception);                 /* as the current failure */
/* explain.c */
void modbus_explain(const struct driver_frame *f, const struct driver_frame *asked, uint32_t n, enum lang lang, struct buf *out);
/* line.c: RTU and ASCII */
int modbus_line_feed(struct modbus_session *s, struct cur *in, struct driver_event *ret);
int modbus_line_expired(struct modbus_session *s, uint32_t slot);
/* beat.c: heartbeats. A packet as settings write it, "text" or "hex:01 02"; -ERR_INVALID. */
int modbus_packet_parse(const char *text, struct modbus_beat *ret);
int modbus_beat_skip(struct modbus_session *s);         /* at a frame's beginning of s->line: 1 one was dropped, -1 it may become one, 0 none */
/* address.c */
int modbus_parse_address(const struct point *p, void *ret_address);
uint64_t modbus_order_of(const void *address);
/* plan.c */
extern const uint8_t modbus_read_code[MODBUS_TABLES_];   /* of each table */
uint32_t modbus_plan(const void *device, const struct driver_point *points, uint32_t n, struct driver_request *ret);
bool modbus_split(void *device, const struct driver_point *points, const struct driver_request *q, struct driver_request ret[2]);
void modbus_show(const struct driver_request *q, struct buf *out);
/* values.c */
void modbus_decode(const void *device, const struct driver_point *points, const struct driver_request *q, const uint8_t *data, size_t len,
	struct driver_value *ret);
int modbus_write(const void *device, const struct driver_point *p, struct value v, struct driver_write *ret);
int modbus_merge(const void *device, const struct driver_point *p, struct value v, const uint8_t *data, size_t len, struct driver_write *ret);
bool modbus_retreat(void *device, const struct driver_write *w);
/* visit.c */
int modbus_peek(const void *device, const struct driver_point *p, uint32_t n, struct driver_request *ret);
int modbus_greet(const void *device, uint32_t step, struct driver_write *ret);
void modbus_who(const void *device, uint32_t step, const uint8_t *data, size_t len, struct buf *out);
