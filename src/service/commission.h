/*
 * commission.h - aids for who sets up devices: test of a connection, raw reads, scan of a bus, the plan of requests.
 *
 * All of it works on connections that are set up and on settings that are not saved yet. A connection that is up is used as it is, in front of
 * its polling; any other is tried as a guest of its own (link/errand.h), so that nothing that runs is disturbed.
 *
 * Thread: workers; a call takes as long as the device, bounded by the settings' own timeouts. VISITS_MAX at a time. Memory: the scope's arena.
 */
#pragma once

#include "model/plant.h"
#include "service/service.h"

struct visit;
enum { VISITS_MAX = 2 };

/* Whom to visit. Texts as in records; settings beat what is saved. */
struct visit_in {
	const char *connection, *device;        /* ids or codes of saved ones; NULL or "": none */
	const char *driver, *config;            /* settings of a connection that is not saved */
	const char *device_config;              /* ... of a device; NULL: the device's, or the driver's defaults */
};
/* Needs link.write; noted in the audit. -ERR_LIMIT: too many at a time. */
int visit_open(struct scope *s, const struct visit_in *in, struct visit **ret);
struct visit *visit_close(struct visit *v);
DEFINE_CLEANUP(struct visit *, visit_close)

/* ---- the test ---- */

enum step {
#define STEP(name, id, en, zh) STEP_##name,
#include "service/commission.def"
	STEPS_
};
const char *step_id(enum step s);
const char *step_title(enum step s, enum lang lang);

struct step_result {
	enum step step;
	enum { STEP_OK, STEP_FAILED, STEP_SKIPPED } state;
	struct err why;                         /* FAILED */
	const char *detail;                     /* OK: what was found; may be NULL. In the scope's arena */
	const char *hint, *hint_zh;             /* FAILED; NULL: none */
	int64_t ms;
};
/* The next step: 1, 0 when there is no more (a failed one is the last). address, type: what to read in the end; NULL: a point of the device. */
int visit_step(struct visit *v, const char *address, enum point_type type, struct step_result *ret);

/* ---- raw reads ---- */

/* As it lies from `address` on, under every reading: {"address","count","unit","took_us","registers":["1F40",…],"bits":[…],"readings":[{"type","byte_order",
 * "values":[…]}],"texts":[{"encoding","byte_order","text"}],"bcd":[…]}. Values stand at the register where they would begin. */
int visit_peek(struct visit *v, const char *address, uint32_t count, struct buf *out);

/* ---- scan ---- */

struct job_kind;
extern const struct job_kind scan_kind;         /* input: struct scan_in as JSON; result: {"found":[{"unit":n,"who":"…"}],"asked":n} */
struct scan_in { const char *connection, *driver, *config; uint32_t from, to; };
extern const struct rec_type scan_in_type;
int scan_check(struct scope *s, const struct scan_in *in);      /* before the job is begun: what is wrong with it can be told at once */

/* ---- the plan ---- */

/* Of a group, device or connection, or of all (zero id): {"items":[{"group","code","device","connection","period_ms","points","requests","items","holes",
 * "asked_hz","achieved_hz","achieved","last_us","p50_us","list":[{"range","points","items","holes","last_us","worst_us","asked","failed","retry"}]}]}. */
int plan_json(struct scope *s, const struct uuid *id, struct buf *out);
