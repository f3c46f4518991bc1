/*
 * command.h - what is written to devices, and who wrote it.
 *
 * A *command* is one value for one point, kept as a record: who, why, from where, the value before, the value wanted, what became of it.
 * command_send() is the deed: right, limits, steps, confirmation, approval are checked, and the record and its audit entry are durable
 * before anything is sent. Then the link carries it out (link/errand.h); its end is a second entry. What an earlier process left open becomes
 * "unknown". Several commands sent together are an *order*: each has its own end; none undoes another.
 *
 * A point with a ramp walks: its command goes on after command_send() returned, command_get() tells where it is, command_stop() halts it.
 *
 * Thread: workers; on_end on a thread of commands. Memory: records live in the scope's arena, those of on_end during the call.
 */
#pragma once

#include "service/service.h"

struct commands;
struct loop;

enum { COMMANDS_MAX = 100 /* in one order */, ORDERS_MAX = 256 /* under way */ };
enum command_state { COMMAND_WAITING, COMMAND_DONE, COMMAND_UNCHECKED, COMMAND_DIFFERS, COMMAND_REFUSED, COMMAND_UNKNOWN, COMMAND_STOPPED };

struct command_record {
	struct rec_head head;                   /* created: when it was sent */
	struct uuid point, device, order;
	const char *path, *unit;
	const char *value, *before, *after;     /* JSON values: wanted; the live value when it was sent; read back, or where a ramp is */
	int32_t state;                          /* enum command_state */
	double ramp;
	const char *reason, *name, *peer;       /* why; who; from where */
	const char *code, *detail, *detail_zh;  /* why it is not done */
	int64_t ended;
	uint32_t took_us;
};
extern const struct rec_type command_type;

struct command_ask { const char *point; const char *value; };   /* id, path or code; JSON: a number, true, false, a text */
struct command_in {
	const struct command_ask *items;
	uint32_t n;
	const char *reason;
	bool confirmed;
};
struct command_end { struct command_record rec; struct err why; };      /* why: kind ERR_NONE when it is done */
typedef void (*command_end_fn)(void *ctx, const struct command_end *ends, uint32_t n);

/* Every item that is refused says so in its record and does not hinder the others. Returns 0: all have ended already, *ret says how, on_end is
 * not called. 1: on_end comes when the last has ended, soon. 2: a ramp is among them: on_end is not called. < 0: nothing was done:
 * -ERR_MISSING: no such point; -ERR_DENIED; -ERR_LIMIT; -ERR_AWAITS_APPROVAL: asked for (service/approval.h), sent when a second person agrees. */
int command_send(struct scope *s, const struct command_in *in, command_end_fn on_end, void *ctx, struct command_end **ret);
int command_get(struct scope *s, const struct uuid *id, struct command_record *ret);
/* A ramp stops where it is; what is not sent yet is not sent. Audited. -ERR_MISSING; what has ended stays as it is. */
int command_stop(struct scope *s, const struct uuid *id);

int commands_new(struct commands **ret, struct platform *p, struct loop *loop);
int commands_start(struct commands *c);         /* with stores open: what an earlier process left becomes unknown */
struct commands *commands_free(struct commands *c);     /* after link_stop() */
/* Those that ended and were sent longer ago than this go, of all tenants, 200 in a transaction and at most 10,000 of a tenant; each transaction is
 * an entry of the audit, whose entries of the commands themselves stay. 0: they are kept for ever. */
int commands_trim(struct platform *p, int64_t keep_ns);
