/*
 * daemon.c - one table of modules: started from the top down, stopped from the bottom up.
 *
 * The points are loaded before the doors say that they are ready, so that no point is missing for a moment; the links follow on a
 * worker.
 */
#include "daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "api/api.h"
#include "base/num.h"
#include "base/str.h"
#include "bus/bus.h"
#include "daemon/demo.h"
#include "daemon/folder.h"
#include "daemon/follow.h"
#include "daemon/listen.h"
#include "daemon/notify.h"
#include "daemon/place.h"
#include "daemon/reload.h"
#include "job/job.h"
#include "link/link.h"
#include "plant/plant.h"
#include "service/backups.h"
#include "service/command.h"
#include "service/ingest.h"
#include "service/witness.h"
#include "sheet/sheet.h"
#include "sql/sql.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { STOP_MS = 5000, TICK_MS = 60000, WITNESS_TICKS = 60, DRAIN_MS = 10, BUS_BUDGET = 20000 /* samples: well below 1 ms */, BUS_RETRY_MS = 1000,
	RING_BYTES = 2 << 20 /* most of a second of a plant of 100,000 points; who is further behind reads the segments */ };

struct daemon {
	const struct daemon_config *start;
	struct config *config;          /* as at the start */
	struct reload reload;
	struct heart heart;
	struct platform platform;
	int lock;
	struct loop *loop;
	struct work_pool *pool;
	struct follow *follow;
	struct api *api;
	struct demo *demo;
	struct http_server *http;
	struct post bus_post;
	struct timer tick, cut, bus_due;
	struct work tick_work;
	bool ticking, stopping;
	unsigned ticks;                 /* minutes, counted by whoever does the housekeeping */
};

static void stop(struct daemon *d);

/* --- Between the modules ----------------------------------------------------------------------------------------------- */

static void pump_bus(void *arg)
{
	struct daemon *d = arg;
	int64_t next = d->platform.bus ? bus_pump(d->platform.bus, BUS_BUDGET) : INT64_MAX;

	if (next < 0) {                         /* the log cannot be read just now */
		struct err e = err_take((int) next);

		log_warn("bus", "%s", err_log_text(&e));
		timer_start(d->loop, &d->bus_due, BUS_RETRY_MS, pump_bus, d);
	} else if (next == 0)                   /* more: let the loop breathe in between */
		loop_wake(d->loop, &d->bus_post, pump_bus, d);
	else if (next != INT64_MAX)
		timer_start_at(d->loop, &d->bus_due, next, pump_bus, d);
	else
		timer_stop(&d->bus_due);
}

static const uint32_t *list_of(void *ctx, uint32_t tenant, uint32_t list, uint32_t n)
{
	struct daemon *d = ctx;
	uint32_t k = 0;
	const uint32_t *series = tsdb_list_get(d->platform.tsdb, tenant, list, &k);

	return k == n ? series : NULL;
}

static void on_bus_ready(void *ctx)
{
	struct daemon *d = ctx;

	loop_wake(d->loop, &d->bus_post, pump_bus, d);
}

static int append(void *ctx, struct batch *b)
{
	struct daemon *d = ctx;

	return wal_append(d->platform.wal, b, NULL);
}

static void on_commit(void *ctx, uint64_t seq)
{
	struct daemon *d = ctx;

	if (d->follow)                          /* records come first and go last */
		follow_kick(d->follow);
}

static void describe(void *ctx, uint32_t tenant, const struct uuid *point, struct tsdb_name *ret)
{
	struct daemon *d = ctx;
	struct plant_point p;
	struct arena a;

	arena_init(&a, &sys_heap, 0);
	if (d->platform.plant && plant_by_id(d->platform.plant, tenant, point, &a, &p) == 0) {
		struct buf path = BUF_FIXED(ret->path), unit = BUF_FIXED(ret->unit);

		ret->path[0] = ret->unit[0] = 0;
		buf_add(&path, p.path);
		buf_add(&unit, p.unit);
	} else
		err_clear();            /* deleted: its history stays, without a name */
	arena_done(&a);
}

/* Once a minute: last-used times of tokens, expired sessions. Once an hour: the audit's mark, and a minute after the start and then once an hour
 * commands whose time is over. */
static int run_tick(struct work *w, void *worker)
{
	struct daemon *d = CONTAINER_OF(w, struct daemon, tick_work);
	int r = guard_tick(d->platform.guard);

	d->ticks++;
	if (r >= 0 && d->ticks % WITNESS_TICKS == 0)
		r = witness_write(&d->platform);
	if (r >= 0 && d->ticks % WITNESS_TICKS == 1)
		r = commands_trim(&d->platform, d->config->limits.commands);
	if (r < 0) {
		struct err e = err_take(r);

		log_warn("daemon", "the minute's housekeeping failed: %s", err_log_text(&e));
	}
	return 0;
}

static void on_ticked(struct work *w)
{
	CONTAINER_OF(w, struct daemon, tick_work)->ticking = false;
}

static void on_tick(void *arg)
{
	struct daemon *d = arg;

	timer_start(d->loop, &d->tick, TICK_MS, on_tick, d);
	if (d->ticking)
		return;
	d->tick_work = (struct work) { 0 };
	d->ticking = work_submit(d->pool, d->loop, &d->tick_work, run_tick, on_ticked) == 0;
	err_clear();
}

/* --- The modules, in order --------------------------------------------------------------------------------------------- */

static int start_folder(struct daemon *d)
{
	d->lock = -1;
	return folder_open(d->config->platform.data, &d->lock);
}

static void stop_folder(struct daemon *d)
{
	if (d->lock >= 0)
		sys.close(d->lock);
}

/* Before anything is written: records of a newer version stop the start with the folder as it was. */
static int start_records(struct daemon *d)
{
	_cleanup_(buf_done) struct buf store = BUF_INIT(&sys_heap, 1 << 16);
	const struct config_platform *p = &d->config->platform;
	struct guard_config c = { .data = p->data, .sole = true, .on_tenant_commit = on_commit, .ctx = d };
	uint32_t tenants[GUARD_TENANTS], n;
	int r = place_find(p->data, &(struct store_choice) { p->store, p->store_file }, &store);

	c.store = store.len ? store.data : NULL;
	if (r == 0)
		r = service_open(&d->platform, &c, NULL);
	if (r < 0)
		return r;
	n = guard_tenants(d->platform.guard, tenants);
	for (uint32_t i = 0; i < n; i++)
		if (!guard_tenant_store(d->platform.guard, tenants[i]))
			return -err_peek()->kind;
	return store.len ? place_keep(p->data, store.data) : 0;
}

static void stop_records(struct daemon *d)
{
	if (d->platform.guard)
		service_close(&d->platform);
}

static int start_loop(struct daemon *d)
{
	unsigned queries = d->config->limits.queries ? d->config->limits.queries : MAX(4u, thread_cores());
	struct work_config work = { .name = "work", .threads = queries + MAX(4u, thread_cores()) };     /* these never run queries: api/gate.h */
	int r = loop_new("main", &d->loop);

	if (r == 0)
		r = work_pool_new(&work, &d->pool);
	d->platform.workers = d->pool;
	d->platform.query_samples = d->config->limits.samples;
	return r;
}

/* From here on nobody hears signals: one that comes late must not kill what is being closed. Other threads never take any. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void stop_loop(struct daemon *d)
{
	work_pool_free(d->pool);
	if (d->loop)
		loop_step(d->loop, 0);          /* what the workers still had to say */
	block_signals();
	loop_free(d->loop);
}

static int start_wal(struct daemon *d)
{
	char dir[4096];
	struct wal_config c = { .dir = dir, .keep_bytes = d->config->limits.log, .ring_bytes = RING_BYTES };
	int r = path_join(dir, sizeof(dir), d->config->platform.data, "wal") ? wal_open(&c, &d->platform.wal) : -ERR_CONFIG;

	return r < 0 ? r : wal_start(d->platform.wal);
}

static void stop_wal(struct daemon *d)
{
	if (d->platform.wal && wal_stop(d->platform.wal, clock_deadline(STOP_MS)) < 0)
		log_warn("daemon", "the disk is slow; waiting for the log");
	wal_close(d->platform.wal);
}

static void on_history(void *ctx, enum tsdb_event event, uint32_t tenant, const struct err *why)
{
	switch (event) {
	case TSDB_MERGE_FAILED:
		log_warn("history", "files of samples could not be merged tenant=%u error=\"%s\"", tenant, err_log_text(why));
		break;
	case TSDB_HELD_BACK:
		log_warn("history", "too many files of samples wait to be merged: memory goes to files no more tenant=%u", tenant);
		break;
	case TSDB_HELD_NO_MORE:
		log_info("history", "files of samples are few enough again tenant=%u", tenant);
		break;
	case TSDB_OLD_GONE:
		log_info("history", "files went whose samples or figures are kept no longer tenant=%u", tenant);
		break;
	case TSDB_SECOND_LOST:
		log_warn("history", "the second folder is out of reach, queries that need its files are refused error=\"%s\"", err_log_text(why));
		break;
	case TSDB_SECOND_BACK:
		log_info("history", "the second folder is there again");
		break;
	case TSDB_SECOND_FULL:
		log_warn("history", "files of samples are not moved, there is no room tenant=%u error=\"%s\"", tenant, err_log_text(why));
		break;
	case TSDB_MOVE_FAILED:
		log_warn("history", "a file of samples could not be moved tenant=%u error=\"%s\"", tenant, err_log_text(why));
		break;
	}
}

/* Whole days, rounded up: nothing goes sooner than it was said. */
static uint32_t days_of(int64_t ns) { return (uint32_t) (ns / (86400 * NS_PER_S) + (ns % (86400 * NS_PER_S) != 0)); }

static int start_tsdb(struct daemon *d)
{
	struct tsdb_config c = { .data_dir = d->config->platform.data, .head_bytes = d->config->limits.memory, .version = TENON_VERSION,
		.compact_rate = (int64_t) d->config->limits.merging, .second_dir = d->config->store.folder, .second_age_ns = d->config->store.age,
		.compact = d->config->store.profile == CONFIG_COMPACT,
		.keep = { { days_of(d->config->store.samples), days_of(d->config->store.minutes), days_of(d->config->store.hours) } },
		.describe = describe, .on_event = on_history, .ctx = d };
	struct tsdb_stats v;
	int r = tsdb_open(&d->platform.tsdb, &c, d->platform.wal);

	if (r < 0)
		return r;
	/* Out of reach for a while is one thing; left out of the configuration is a mistake that would hide years of history. */
	tsdb_stats(d->platform.tsdb, &v);
	return !v.second.is_set && v.second.files ? err_fail(ERR_CONFIG, "detail", "@second_needed", NULL) : 0;
}

static void stop_tsdb(struct daemon *d)
{
	if (d->platform.tsdb)
		tsdb_stop(d->platform.tsdb);
	tsdb_free(d->platform.tsdb);
}

static int start_bus(struct daemon *d)
{
	struct bus_config c = { .wal = d->platform.wal, .on_ready = on_bus_ready, .list = list_of, .ctx = d };

	return bus_new(&d->platform.bus, &c);
}

static void stop_bus(struct daemon *d)
{
	timer_stop(&d->bus_due);
	d->platform.bus = bus_free(d->platform.bus);    /* a call that still waits on the loop finds none */
}

static int start_link(struct daemon *d)
{
	struct link_config c = { .append = append, .ctx = d, .source = 1 };
	int r = link_new(&c, &d->platform.link);

	return r < 0 ? r : link_start(d->platform.link);
}

static void stop_link(struct daemon *d)
{
	link_free(d->platform.link);
}

static int start_plant(struct daemon *d)
{
	int r = follow_new(&d->follow, &d->platform, d->loop, d->pool);

	return r < 0 ? r : plant_new(&d->platform.plant, d->platform.tsdb, follow_on_event, d->follow);
}

static void stop_plant(struct daemon *d)
{
	d->platform.plant = plant_free(d->platform.plant);
	d->follow = follow_free(d->follow);
}

static int start_service(struct daemon *d)
{
	int r = commands_new(&d->platform.commands, &d->platform, d->loop);

	return r < 0 ? r : ingest_new(&d->platform.ingest, &d->platform, d->config->limits.points);
}

static void stop_service(struct daemon *d)
{
	int r;

	d->platform.ingest = ingest_free(d->platform.ingest);
	d->platform.commands = commands_free(d->platform.commands);
	r = witness_write(&d->platform);
	if (r < 0) {
		struct err e = err_take(r);

		log_warn("daemon", "the end of the audit log was not marked: %s", err_log_text(&e));
	}
}

static int start_jobs(struct daemon *d)
{
	struct jobs_config c = { .platform = &d->platform, .guard = d->platform.guard, .loop = d->loop, .data = d->config->platform.data };
	int r = backups_new(&d->platform.backups, &d->platform, d->config->limits.backups);

	if (r == 0)
		r = jobs_new(&d->platform.jobs, &c);

	for (const struct job_kind *const *k = service_job_kinds(); r == 0 && *k; k++)
		r = jobs_add(d->platform.jobs, *k);
	return r;
}

static void stop_jobs(struct daemon *d)
{
	d->platform.jobs = jobs_free(d->platform.jobs);
	d->platform.backups = backups_free(d->platform.backups);
}

static int start_sheets(struct daemon *d)
{
	return sheets_new(d->loop, &d->platform.sheets);
}

static void stop_sheets(struct daemon *d)
{
	d->platform.sheets = sheets_free(d->platform.sheets);
}

static int start_sql(struct daemon *d)
{
	const struct config_sql *cf = &d->config->sql;
	struct sql_config c = { .loop = d->loop, .library = cf->library, .memory = cf->memory, .threads = cf->threads, .queries = cf->statements };
	int r = sql_new(&c, &d->platform.sql);

	if (r >= 0 && !sql_library(d->platform.sql))
		log_info("daemon", "no SQL: libduckdb.so was not found");
	return r;
}

static void stop_sql(struct daemon *d)
{
	d->platform.sql = sql_engine_free(d->platform.sql);
}

static int start_api(struct daemon *d)
{
	const struct config *cf = d->config;
	struct api_config c = { .platform = &d->platform, .loop = d->loop, .web = listen_web(&d->config->listen, cf->platform.web),
		.queries = cf->limits.queries ? cf->limits.queries : MAX(4u, thread_cores()),
		.body_max = cf->limits.body, .request_rate = cf->limits.requests, .tls = cf->http.tls != CONFIG_TLS_OFF, .origin = cf->http.origin };
	int r = reload_tls(&d->reload);

	c.hsts = secure_hsts(cf, &d->reload.cert);
	return r < 0 ? r : api_new(&d->api, &c);
}

static void stop_api(struct daemon *d)
{
	d->api = api_free(d->api);
}

static int start_http(struct daemon *d)
{
	struct listen *l = &d->config->listen;
	struct http_config c = { .address = l->address, .port = l->port, .tls = d->reload.tls, .max_connections = d->config->limits.connections,
		.max_per_peer = d->config->limits.address_connections };
	int r = http_server_new(d->loop, &c, &api_callbacks, d->api, &d->http);

	if (r == 0)
		l->port = http_server_port(d->http);
	return r;
}

static void stop_http(struct daemon *d)
{
	http_server_free(d->http);
	d->pool = work_pool_free(d->pool);      /* what it still did was for streams that are cut now */
	loop_step(d->loop, 0);
	d->demo = demo_free(d->demo);
}

static int start_nothing(struct daemon *d)
{
	return 0;
}

/* Workers use every module: what they do ends, and is answered, before the first of these goes. */
static void finish_work(struct daemon *d)
{
	struct work_stats s;

	do {
		loop_step(d->loop, DRAIN_MS);
		work_stats(d->pool, &s);
	} while (s.busy || s.queued || (d->api && api_is_owing(d->api)));
	loop_step(d->loop, 0);
}

static const struct module {
	const char *name;
	int (*start)(struct daemon *d);
	void (*stop)(struct daemon *d);
} modules[] = {
	{ "data folder", start_folder, stop_folder },
	{ "records", start_records, stop_records },
	{ "loop", start_loop, stop_loop },
	{ "log", start_wal, stop_wal },
	{ "samples", start_tsdb, stop_tsdb },
	{ "live values", start_bus, stop_bus },
	{ "links", start_link, stop_link },
	{ "points", start_plant, stop_plant },
	{ "deeds", start_service, stop_service },
	{ "jobs", start_jobs, stop_jobs },
	{ "spreadsheets", start_sheets, stop_sheets },
	{ "statements", start_sql, stop_sql },
	{ "doors", start_api, stop_api },
	{ "listener", start_http, stop_http },
	{ "work", start_nothing, finish_work },
};

/* --- Running ----------------------------------------------------------------------------------------------------------- */

static void on_cut(void *arg)
{
	struct daemon *d = arg;

	atomic_store(&d->platform.ending, true);
	if (d->api)                             /* else this is the second to call, and nobody is left */
		api_cut(d->api);
	loop_stop(d->loop);
}

/* New requests are refused, those under way may finish; then the loop ends and main() stops the modules. */
static void stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	log_info("daemon", "stopping");
	notify_send("STOPPING=1");
	timer_stop(&d->tick);
	heart_stop(&d->heart);
	follow_stop(d->follow);
	link_stop(d->platform.link);
	jobs_stop(d->platform.jobs);
	api_stop(d->api);
	timer_start(d->loop, &d->cut, STOP_MS, on_cut, d);
	http_server_stop(d->http, STOP_MS, on_cut, d);
}

static void on_signal(void *arg, int signum)
{
	stop(arg);
}

/* The file and the certificate again. */
static int reload(struct daemon *d)
{
	int r = reload_again(&d->reload);

	if (r < 0)
		return r;
	if (d->reload.tls)
		http_server_set_tls(d->http, d->reload.tls);
	log_set_level((enum log_level) d->reload.now.log.level);
	api_set_body_max(d->api, d->reload.now.limits.body);
	return 0;
}

static void on_reload(void *arg, int signum)
{
	struct daemon *d = arg;
	int r;

	if (d->stopping)
		return;
	notify_reloading();
	r = reload(d);
	if (r < 0) {
		struct err e = err_take(r);

		log_error("daemon", "the configuration stays as it was: %s", err_log_text(&e));
	} else
		log_info("daemon", "the configuration was read again");
	notify_send("READY=1");
}

static int announce(struct daemon *d)
{
	const char *scheme = d->reload.tls ? "https" : "http", *address = listen_text(&d->config->listen);
	char token[SECRET_TEXT_MAX], given[SECRET_TEXT_MAX], print[100];
	const char *data = d->config->platform.data;
	struct buf b = BUF_FIXED(print);
	bool first = guard_needs_setup(d->platform.guard);
	int r = first ? guard_setup_token(d->platform.guard, setup_link_waits(data, given, sizeof(given)) ? given : NULL, token) : 0;

	if (r < 0)
		return r;
	printf("ready %s://%s\n", scheme, address);
	if (d->config->http.tls == CONFIG_TLS_SELF_SIGNED) {
		secure_print(d->reload.cert.fingerprint, &b);
		printf("fingerprint %s\n", print);
	}
	if (first)
		printf("setup %s://%s/setup#%s\n", scheme, address, token);
	else
		setup_link_done(data);
	fflush(stdout);
	return 0;
}

static int load_points(struct daemon *d)
{
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(d->platform.guard, tenants);
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		struct store *store = guard_tenant_store(d->platform.guard, tenants[i]);

		r = store ? plant_sync(d->platform.plant, tenants[i], store) : 0;
	}
	return r;
}

static int run(struct daemon *d)
{
	int r = d->start->demo ? demo_start(&d->demo, d->loop, &d->platform) : 0;

	if (r == 0)
		r = load_points(d);
	if (r == 0)
		r = tsdb_start(d->platform.tsdb);       /* the points have said which of them are kept */
	if (r == 0)
		r = commands_start(d->platform.commands);
	if (r == 0)
		r = jobs_start(d->platform.jobs);
	if (r == 0)
		r = loop_on_signal(d->loop, SIGTERM, on_signal, d);
	if (r == 0)
		r = loop_on_signal(d->loop, SIGINT, on_signal, d);
	if (r == 0)
		r = loop_on_signal(d->loop, SIGHUP, on_reload, d);
	if (r == 0)
		r = announce(d);
	if (r < 0)
		return r;
	notify_send("READY=1");
	heart_start(&d->heart, d->loop);
	follow_kick(d->follow);
	on_bus_ready(d);                        /* the log tells of what follows the first look */
	timer_start(d->loop, &d->tick, TICK_MS, on_tick, d);
	return loop_run(d->loop);
}

/* Whatever a worker is at uses the modules: it ends, and says so, before the first of them is stopped. */
static void quiesce(struct daemon *d)
{
	work_pool_stop(d->pool);
	if (d->loop)
		loop_step(d->loop, 0);
}

int daemon_run(const struct daemon_config *c)
{
	struct daemon d = { .start = c, .lock = -1, .platform = { .version = TENON_VERSION, .started_ns = clock_now_ns() } };
	size_t n = 0;
	int r = reload_start(&d.reload, &c->input);

	d.config = &d.reload.first;
	d.platform.data = d.config->platform.data;
	log_set_level((enum log_level) d.config->log.level);
	while (r == 0 && n < ELEMENTSOF(modules)) {
		r = modules[n].start(&d);
		err_wrap(r, "%s", modules[n].name);
		n++;                            /* a half-started one is stopped, too */
	}
	if (r == 0)
		r = run(&d);
	{
		struct err e = r < 0 ? err_take(r) : (struct err) { 0 };        /* stopping may fail in its own way */

		d.stopping = true;              /* a signal has nothing to stop any more */
		quiesce(&d);
		while (n-- > 0)
			modules[n].stop(&d);
		reload_done(&d.reload);
		err_put(&e);
	}
	return r;
}
