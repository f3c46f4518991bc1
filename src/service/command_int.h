/* command_int.h - what command.c (checks, records) and command_run.c (orders under way) share. */
#pragma once

#include "bus/bus.h"
#include "io/io.h"
#include "link/errand.h"
#include "plant/plant.h"
#include "service/command.h"
#include "service/internal.h"

/* A command on its way from the door to the link. */
struct command_task {
	struct command_end end;
	struct plant_point at;
	struct point point;
	struct uuid device;
	struct value value, value_now;          /* wanted; where a ramp is */
	uint64_t ticket;                        /* 0: not to be stopped */
	bool is_refused;
};

struct order {
	struct order *next;
	struct commands *commands;
	struct arena arena;
	struct command_task *task;
	struct errand_ctx { struct order *order; uint32_t i; } *ctx;
	uint32_t n, left;                       /* left: under commands->lock */
	bool walks;
	uint32_t tenant;
	struct uuid tenant_id;
	struct principal who, approver;
	char request[40], peer[48];
	enum lang lang;
	command_end_fn on_end;
	void *on_end_ctx;
	struct work work;
};

struct commands {
	struct platform *platform;
	struct loop *loop;
	struct work_pool *pool;
	struct mutex lock;                      /* of the list, and of what is told about errands */
	struct order *orders;
	uint32_t n_orders;
};

void command_failed(struct arena *a, struct command_end *e, enum command_state state, const struct err *why);
const char *command_value_json(struct arena *a, struct value v);
int order_start(struct scope *s, struct command_task *tasks, uint32_t n, command_end_fn on_end, void *ctx);
/* -ERR_AWAITS_APPROVAL, when all is well. */
int command_ask_second(struct scope *s, const struct command_in *in, const struct command_task *t);
/* What is known of a command under way: where a ramp is. */
void order_look(struct commands *c, struct command_record *rec, struct arena *a);
