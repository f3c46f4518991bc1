/*
 * modbus.h - the parts of the Modbus drivers, among themselves.
 *
 * Thread: as link/driver.h says. Memory: none of its own.
 */
#pragma once

#include "link/driver.h"
#include "proto/modbus/modbus.h"

/* The four tables of the data model (V1.1b3, 4.3); the words are the prefixes that count from 0. */
enum modbus_table { MODBUS_COILS, MODBUS_DISCRETE, MODBUS_HOLDING, MODBUS_INPUT };

struct modbus_address {
	int32_t table;                  /* enum modbus_table */
	uint32_t number;                /* from 0, as on the wire */
	int32_t bit;                    /* of a register; -1: none */
	int32_t order;                  /* enum byte_order */
	uint32_t length;                /* items: 1 bit, or 1, 2, 4 registers */
};

/* Settings of a connection. */
struct modbus_config {
	const char *host;
	uint32_t port, timeout_ms, connect_timeout_ms, pipeline, max_registers, max_bits, gap_registers, gap_bits;
	uint32_t pause_after_connect_ms, pause_between_ms;
	int32_t byte_order;             /* 0 ABCD … 3 DCBA: enum modbus_order */
	bool check_unit;
};
/* ... and of a device on it. */
struct modbus_device_config {
	uint32_t unit;
	int32_t byte_order;             /* enum byte_order; ORDER_DEVICE: as the connection says */
	uint32_t max_registers;         /* 0: as the connection says */
	int32_t gap_registers;          /* -1: as the connection says */
	bool write_single, mask_write;
};

/* A boundary between two points across which the device refused to be read. */
struct modbus_cut { uint8_t table; uint32_t from, to; };
enum { MODBUS_CUTS = 64 };
enum modbus_refuses { MODBUS_NO_SINGLE = 1, MODBUS_NO_MULTIPLE = 2, MODBUS_NO_MASK = 4 };

struct modbus_device {
	const struct modbus_config *connection;
	const struct modbus_device_config *config;
	enum modbus_order order;
	uint8_t refuses;                /* ways of writing it does not know: enum modbus_refuses */
	uint32_t n_cuts;                /* ever; the last MODBUS_CUTS are kept */
	struct modbus_cut cut[MODBUS_CUTS];
};

enum { MODBUS_EXPIRED = 32 };
struct modbus_session {
	const struct modbus_config *config;
	struct modbus_tcp_splitter splitter;
	uint16_t transaction;
	struct { bool busy; uint8_t unit; uint16_t transaction; uint32_t age; struct modbus_request asked; } slot[DRIVER_IN_FLIGHT_MAX];
	uint32_t age, n_expired;
	uint16_t expired[MODBUS_EXPIRED];       /* answers to these may still come and are no stranger's */
};

extern const struct rec_type modbus_config_type, modbus_device_type, modbus_address_type;

/* address.c */
int modbus_parse_address(const struct point *p, void *ret_address);
uint64_t modbus_order_of(const void *address);
/* plan.c */
extern const uint8_t modbus_read_code[4];                /* of each table */
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
