/*
 * metrics.c - GET /metrics: what the platform counts, as OpenMetrics 1.0 text (or Prometheus text 0.0.4, when that is asked for).
 *
 * Names are for ever, like fields of records: only new ones come.
 */

#include <time.h>
#include <unistd.h>

#include "api/internal.h"
#include "base/num.h"
#include "bus/bus.h"
#include "job/job.h"
#include "sql/sql.h"
#include "link/link.h"
#include "tsdb/tsdb.h"

struct om { struct buf *out; bool plain; const char *name, *type; };

/* ---- the text ---- */

static bool is_counter(const struct om *m) { return str_eq(m->type, "counter"); }

static void family(struct om *m, const char *name, const char *type, const char *help)
{
	m->name = name;
	m->type = type;
	/* In the older form a counter's family carries the suffix, too. */
	buf_addf(m->out, "# TYPE %s%s %s\n# HELP %s%s %s\n", name, m->plain && is_counter(m) ? "_total" : "", type, name,
		m->plain && is_counter(m) ? "_total" : "", help);
}

static void sample(struct om *m, const char *labels, double v)
{
	char text[NUM_TEXT_MAX];

	text[num_format_f64(text, v)] = 0;
	buf_addf(m->out, "%s%s%s%s%s %s\n", m->name, is_counter(m) ? "_total" : "", *labels ? "{" : "", labels, *labels ? "}" : "", text);
}

static void one(struct om *m, const char *name, const char *type, const char *help, double v)
{
	family(m, name, type, help);
	sample(m, "", v);
}

#define COUNTER(m, name, help, v) one(m, "tenon_" name, "counter", help, (double) (v))
#define GAUGE(m, name, help, v) one(m, "tenon_" name, "gauge", help, (double) (v))

/* ---- requests ---- */

const int64_t served_bounds_us[SERVED_BOUNDS] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000 };

static size_t index_of(const struct route *r)
{
	size_t at = 0;

	for (const struct routes *const *set = all_routes; *set; set++) {
		if (r >= (*set)->items && r < (*set)->items + (*set)->n)
			return at + (size_t) (r - (*set)->items);
		at += (*set)->n;
	}
	return SERVED_ROUTES;
}

void served_note(struct served *s, const struct route *r, int status, int64_t ns)
{
	size_t i = r ? index_of(r) : SERVED_ROUTES, b = 0;

	if (status < 100 || status > 599)
		return;
	atomic_fetch_add_explicit(&s->n[MIN(i, (size_t) SERVED_ROUTES)][status / 100 - 1], 1, memory_order_relaxed);
	while (b < SERVED_BOUNDS && ns > served_bounds_us[b] * NS_PER_US)
		b++;
	atomic_fetch_add_explicit(&s->took[b], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->ns, (unsigned long) MAX(ns, 0), memory_order_relaxed);
}

static void route_samples(struct om *m, const atomic_ulong *n, const char *method, const char *path)
{
	char labels[240];

	for (int class = 0; class < 5; class++) {
		unsigned long v = atomic_load_explicit(&n[class], memory_order_relaxed);
		struct buf b = BUF_FIXED(labels);
		if (!v)
			continue;
		buf_addf(&b, "method=\"%s\",route=\"%s\",status=\"%dxx\"", method, path, class + 1);
		sample(m, labels, (double) v);
	}
}

static void requests(struct om *m, struct api *a)
{
	const struct served *s = &a->served;
	size_t i = 0;
	unsigned long sum = 0;

	family(m, "tenon_http_requests", "counter", "Requests answered, by route");
	for (const struct routes *const *set = all_routes; *set; set++)
		for (size_t k = 0; k < (*set)->n && i < SERVED_ROUTES; k++, i++)
			route_samples(m, s->n[i], (*set)->items[k].method, (*set)->items[k].path);
	route_samples(m, s->n[SERVED_ROUTES], "", "");
	family(m, "tenon_http_request_duration_seconds", "histogram", "From the head of a request to the end of its answer");
	for (i = 0; i <= SERVED_BOUNDS; i++) {
		char bound[NUM_TEXT_MAX] = "+Inf";
		sum += atomic_load_explicit(&s->took[i], memory_order_relaxed);
		if (i < SERVED_BOUNDS)
			bound[num_format_f64(bound, (double) served_bounds_us[i] / 1e6)] = 0;
		if (i < SERVED_BOUNDS && !str_find(bound, "."))
			buf_addf(m->out, "%s_bucket{le=\"%s.0\"} %lu\n", m->name, bound, sum);
		else
			buf_addf(m->out, "%s_bucket{le=\"%s\"} %lu\n", m->name, bound, sum);
	}
	buf_addf(m->out, "%s_count %lu\n%s_sum %.9g\n", m->name, sum, m->name, (double) atomic_load_explicit(&s->ns, memory_order_relaxed) / 1e9);
	GAUGE(m, "http_requests_open", "Requests under way", atomic_load(&a->n_open));
	struct gate_stats gate = gate_stats(&a->gate);
	GAUGE(m, "queries_running", "Queries under way", gate.n_running);
	GAUGE(m, "queries_waiting", "Queries that wait for their turn", gate.n_waiting);
	COUNTER(m, "queries_waited", "Queries that had to wait", gate.n_waited);
	COUNTER(m, "queries_refused", "Queries that waited too long, or found too many waiting", gate.n_refused);
	GAUGE(m, "live_sockets", "Live sockets", live_count(a->live));
}

/* ---- modules ---- */

static void log_part(struct om *m, struct wal *w)
{
	struct wal_metrics v;

	wal_metrics(w, &v);
	COUNTER(m, "wal_batches", "Batches appended to the log", v.batches);
	COUNTER(m, "wal_samples", "Samples appended to the log", v.samples);
	COUNTER(m, "wal_bytes", "Bytes appended to the log", v.bytes);
	COUNTER(m, "wal_syncs", "Syncs of the log", v.syncs);
	COUNTER(m, "wal_sync_seconds", "Time spent in syncs", (double) v.sync_ns / 1e9);
	family(m, "tenon_wal_refused", "counter", "Appends refused");
	sample(m, "reason=\"busy\"", (double) v.refused_busy);
	sample(m, "reason=\"full\"", (double) v.refused_full);
	COUNTER(m, "wal_segments_abandoned", "Segments given up after a failed write or sync", v.abandoned);
	COUNTER(m, "wal_records_damaged", "Records that did not match their checksum", v.damaged);
	GAUGE(m, "wal_queue_bytes", "Bytes waiting to be written", v.queue_bytes);
	GAUGE(m, "wal_disk_bytes", "Bytes of the log on disk", v.disk_bytes);
	GAUGE(m, "wal_pending", "Batches appended and not yet durable", v.appended - MIN(v.durable, v.appended));
	GAUGE(m, "wal_failing", "1 while appends are refused", v.failing != 0);
}

static void merging_part(struct om *m, const struct tsdb_stats *v)
{
	static const char *const labels[] = { "level=\"flushed\"", "level=\"window\"", "level=\"day\"" };

	family(m, "tenon_tsdb_level_files", "gauge", "Files of samples, by level");
	for (unsigned i = 0; i < ELEMENTSOF(labels); i++)
		sample(m, labels[i], (double) v->level[i].files);
	family(m, "tenon_tsdb_level_bytes", "gauge", "Bytes of the files of samples, by level");
	for (unsigned i = 0; i < ELEMENTSOF(labels); i++)
		sample(m, labels[i], (double) v->level[i].bytes);
	GAUGE(m, "tsdb_bytes_per_sample", "Bytes of files a sample", v->bytes_per_sample);
	GAUGE(m, "tsdb_rollup_bytes", "Bytes of figures of minutes and hours", v->roll_bytes);
	GAUGE(m, "tsdb_day_files_max", "The most files that one day has", v->files_of_day);
	GAUGE(m, "tsdb_merge_waiting_files", "Files of days that are over and not merged", v->backlog_files);
	GAUGE(m, "tsdb_merge_waiting_bytes", "Their bytes", v->backlog_bytes);
	GAUGE(m, "tsdb_replaced_files", "Merged files that are still read", v->files_replaced);
	GAUGE(m, "tsdb_unreadable_files", "Files that could not be read and are not merged", v->files_aside);
	GAUGE(m, "tsdb_merging", "1 while files are merged", v->merging_tenant != 0);
	COUNTER(m, "tsdb_merges", "Merges of files", v->merges);
	COUNTER(m, "tsdb_merge_failures", "Merges that failed", v->merge_failures);
	GAUGE(m, "tsdb_merge_last_failure_seconds", "When the last one failed, Unix time; 0: none did", (double) v->merge_error_ns / 1e9);
	COUNTER(m, "tsdb_merged_bytes", "Bytes of files before merging", v->merged_in);
	COUNTER(m, "tsdb_merge_written_bytes", "Bytes of files after merging", v->merged_out);
	COUNTER(m, "tsdb_merged_samples", "Samples merged", v->merged_rows);
	GAUGE(m, "tsdb_held_back", "Tenants whose memory goes to files no more, as too many wait to be merged", v->held_back);
	COUNTER(m, "tsdb_flushes_held_back", "Flushes refused for that", v->held_total);
}

static void second_part(struct om *m, const struct tsdb_stats *v)
{
	const struct tsdb_second *s = &v->second;

	family(m, "tenon_tsdb_folder_files", "gauge", "Files of samples, by folder");
	sample(m, "folder=\"data\"", (double) (v->n_files - s->files));
	sample(m, "folder=\"second\"", (double) s->files);
	family(m, "tenon_tsdb_folder_bytes", "gauge", "Bytes of the files of samples, by folder");
	sample(m, "folder=\"data\"", (double) (v->file_bytes - s->bytes));
	sample(m, "folder=\"second\"", (double) s->bytes);
	GAUGE(m, "tsdb_second_set", "1 when a second folder is configured", s->is_set);
	GAUGE(m, "tsdb_second_reachable", "1 while the second folder is there", s->reachable);
	GAUGE(m, "tsdb_second_full", "1 while its disk has no room for the next file", s->full);
	GAUGE(m, "tsdb_move_waiting_files", "Files that are to be moved to the second folder, or back", s->waiting_files);
	GAUGE(m, "tsdb_move_waiting_bytes", "Their bytes", s->waiting_bytes);
	COUNTER(m, "tsdb_moved_files", "Files moved", s->moved_files);
	COUNTER(m, "tsdb_moved_bytes", "Bytes of files moved", s->moved_bytes);
	COUNTER(m, "tsdb_move_failures", "Moves that failed", s->failures);
}

/* How far samples are behind on their way: log, memory, files. */
static void lag_part(struct om *m, struct wal *w, const struct tsdb_stats *v)
{
	struct wal_metrics log = { 0 };

	if (w)
		wal_metrics(w, &log);
	family(m, "tenon_tsdb_lag_batches", "gauge", "Batches of the log that have not come so far: into memory, where they can be queried; into files");
	sample(m, "to=\"memory\"", (double) (log.appended - MIN(v->seq_head, log.appended)));
	sample(m, "to=\"files\"", (double) (log.appended - MIN(v->seq_files, log.appended)));
	GAUGE(m, "tsdb_head_bytes_max", "Bytes of samples that may be in memory", v->head_bytes_max);
	GAUGE(m, "tsdb_days", "Days that have files, of all tenants", v->days);
	GAUGE(m, "tsdb_day_bytes", "Bytes of files a day, of the last week", v->week_days ? v->week_bytes / v->week_days : 0);
	GAUGE(m, "tsdb_flush_seconds", "How long the last flush took", (double) v->flush_ms_last / 1e3);
}

static void history_part(struct om *m, struct tsdb *t, struct wal *w)
{
	struct tsdb_stats v;

	tsdb_stats(t, &v);
	GAUGE(m, "tsdb_series", "Series", v.n_series);
	GAUGE(m, "tsdb_head_bytes", "Bytes of samples in memory", v.head_bytes);
	GAUGE(m, "tsdb_head_samples", "Samples in memory", v.head_samples);
	GAUGE(m, "tsdb_files", "Files of samples", v.n_files);
	GAUGE(m, "tsdb_file_bytes", "Bytes of the files of samples", v.file_bytes);
	GAUGE(m, "tsdb_file_samples", "Samples in files", v.file_samples);
	merging_part(m, &v);
	second_part(m, &v);
	lag_part(m, w, &v);
	COUNTER(m, "tsdb_samples", "Samples taken in", v.ingested);
	COUNTER(m, "tsdb_refused", "Samples of a series that does not exist or has another type", v.refused);
	COUNTER(m, "tsdb_lost", "Batches that the log could not give any more", v.lost);
	COUNTER(m, "tsdb_flushes", "Flushes of memory into files", v.flushes);
	COUNTER(m, "tsdb_flush_failures", "Flushes that failed", v.flush_failures);
}

static void sent_part(struct om *m, struct ingest *i)
{
	struct ingest_stats v;

	ingest_stats(i, &v);
	COUNTER(m, "ingest_requests", "Requests that send samples", v.requests);
	COUNTER(m, "ingest_samples", "Samples that were sent and went to the log", v.samples);
	COUNTER(m, "ingest_refused", "What was refused of them: lines, samples of remote-write, bodies of batches", v.refused);
	COUNTER(m, "ingest_points_made", "Points made because somebody sent samples for them", v.created);
}

static void bus_part(struct om *m, struct bus *b)
{
	struct bus_stats v;

	bus_stats(b, &v);
	COUNTER(m, "bus_samples", "Samples seen by the bus of live values", v.samples);
	COUNTER(m, "bus_changes", "Samples that became the last of their series", v.changes);
	COUNTER(m, "bus_late", "Samples older than the last of their series", v.late);
	COUNTER(m, "bus_refused", "Samples beyond the number of series kept", v.refused);
	COUNTER(m, "bus_lost", "Batches passed over by the log", v.lost);
	GAUGE(m, "bus_series", "Series with a last value", v.series);
	GAUGE(m, "bus_subscriptions", "Subscriptions", v.subs);
}

/* All tenants together; one tenant's list at a time is in memory. */
struct links { uint64_t connections[2], devices[2], groups, points, bad, missed, failed, dropped, samples, requests, timeouts, refused, wrong, connects, in, out; };

static void add_link(struct links *l, const struct link_status *s)
{
	bool up = str_eq(link_state_id((enum link_state) s->state), "up");

	if (s->kind == LINK_GROUP) {
		l->groups++;
		l->points += s->n_points;
		l->bad += s->n_bad;
		l->missed += s->missed;
		l->failed += s->failed;
		l->dropped += s->dropped;
		l->samples += s->samples;
		return;
	}
	(s->kind == LINK_CONNECTION ? l->connections : l->devices)[up]++;
	if (s->kind != LINK_CONNECTION)         /* a connection counts what its devices do */
		return;
	l->requests += s->requests;
	l->timeouts += s->timeouts;
	l->refused += s->refused;
	l->wrong += s->wrong;
	l->connects += s->connects;
	l->in += s->bytes_in;
	l->out += s->bytes_out;
}

static void gather(struct link *link, uint32_t tenant, struct links *sum)
{
	struct link_status *all = NULL;
	size_t n = 0, found;

	while ((found = link_status(link, tenant, all, n)) > n) {
		sys_free(all);
		n = found + 16;
		all = sys_alloc_array(n, sizeof(*all));
		if (!all)
			return;
	}
	for (size_t i = 0; i < found; i++)
		add_link(sum, &all[i]);
	sys_free(all);
}

static void link_part(struct om *m, struct platform *p)
{
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(p->guard, tenants);
	struct links v = { 0 };

	for (uint32_t i = 0; i < n; i++)
		gather(p->link, tenants[i], &v);
	family(m, "tenon_link_connections", "gauge", "Connections, by state");
	sample(m, "state=\"up\"", (double) v.connections[1]);
	sample(m, "state=\"not_up\"", (double) v.connections[0]);
	family(m, "tenon_link_devices", "gauge", "Devices, by state");
	sample(m, "state=\"up\"", (double) v.devices[1]);
	sample(m, "state=\"not_up\"", (double) v.devices[0]);
	GAUGE(m, "link_groups", "Scan groups", v.groups);
	GAUGE(m, "link_points", "Points that are read", v.points);
	GAUGE(m, "link_points_bad", "Points whose quality is bad", v.bad);
	COUNTER(m, "link_samples", "Samples read", v.samples);
	COUNTER(m, "link_cycles_missed", "Cycles that did not begin in time", v.missed);
	COUNTER(m, "link_cycles_failed", "Cycles that failed", v.failed);
	COUNTER(m, "link_rows_dropped", "Rows the log had no room for", v.dropped);
	COUNTER(m, "link_requests", "Requests to devices", v.requests);
	COUNTER(m, "link_timeouts", "Requests without an answer in time", v.timeouts);
	COUNTER(m, "link_refused", "Requests refused by devices", v.refused);
	COUNTER(m, "link_wrong", "Answers that were wrong", v.wrong);
	COUNTER(m, "link_connects", "Connections made", v.connects);
	COUNTER(m, "link_bytes_in", "Bytes from devices", v.in);
	COUNTER(m, "link_bytes_out", "Bytes to devices", v.out);
}

static void store_part(struct om *m, struct platform *p)
{
	uint32_t tenants[GUARD_TENANTS], n = guard_tenants(p->guard, tenants);
	uint64_t changes = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct store *s = guard_tenant_store(p->guard, tenants[i]);
		changes += s ? store_last_seq(s) : 0;
	}
	err_clear();
	family(m, "tenon_store_changes", "counter", "Changes of records");
	sample(m, "store=\"system\"", (double) store_last_seq(guard_system_store(p->guard)));
	sample(m, "store=\"tenants\"", (double) changes);
	GAUGE(m, "tenants", "Tenants that are enabled", n);
}

static void work_part(struct om *m, struct api *a)
{
	struct work_stats w;
	struct jobs_stats j;

	work_stats(a->workers, &w);
	GAUGE(m, "workers", "Threads of workers", w.threads);
	GAUGE(m, "workers_busy", "Workers at work", w.busy);
	GAUGE(m, "work_queued", "Pieces of work that wait", w.queued);
	COUNTER(m, "work", "Pieces of work done", w.done);
	COUNTER(m, "work_refused", "Pieces of work refused, as too many waited", w.refused);
	COUNTER(m, "work_wait_seconds", "Time that pieces of work waited", (double) w.wait_ns / 1e9);
	COUNTER(m, "work_run_seconds", "Time that pieces of work took", (double) w.run_ns / 1e9);
	if (!a->platform->jobs)
		return;
	jobs_stats(a->platform->jobs, &j);
	GAUGE(m, "jobs_running", "Jobs that run", j.running);
	GAUGE(m, "jobs_waiting", "Jobs that wait", j.waiting);
	family(m, "tenon_jobs_ended", "counter", "Jobs that ended, by how");
	sample(m, "state=\"done\"", (double) j.done);
	sample(m, "state=\"failed\"", (double) j.failed);
	sample(m, "state=\"cancelled\"", (double) j.cancelled);
	sample(m, "state=\"interrupted\"", (double) j.interrupted);
}

static void sql_part(struct om *m, struct platform *p)
{
	struct sql_stats s;

	sql_stats(p->sql, &s);
	GAUGE(m, "sql_running", "Statements in SQL under way", s.running);
	GAUGE(m, "sql_spare", "1 while a process waits for the next statement", s.spare);
	COUNTER(m, "sql_processes", "Processes started for statements", s.starts);
	family(m, "tenon_sql_statements", "counter", "Statements that ended, by how");
	sample(m, "state=\"done\"", (double) s.done);
	sample(m, "state=\"failed\"", (double) s.failed);
	COUNTER(m, "sql_cut", "Statements cut as their time was over", s.killed);
}

static int count_name(void *ctx, const char *name) { ++*(unsigned *) ctx; return 0; }

/* The names that every exporter gives its process. */
static void process_part(struct om *m, struct platform *p)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	struct timespec cpu = { 0 };
	uint64_t pages = 0, skip = 0;
	unsigned fds = 0;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	one(m, "process_cpu_seconds", "counter", "CPU time used", (double) cpu.tv_sec + (double) cpu.tv_nsec / 1e9);
	if (file_read("/proc/self/statm", 4096, &b) == 0) {
		const char *end = b.data + b.len;
		size_t n = num_parse_u64(b.data, end, &skip);
		if (n && b.data + n + 1 < end)
			num_parse_u64(b.data + n + 1, end, &pages);
	}
	one(m, "process_resident_memory_bytes", "gauge", "Memory in use", (double) pages * (double) sysconf(_SC_PAGESIZE));
	if (dir_each("/proc/self/fd", count_name, &fds) == 0)
		one(m, "process_open_fds", "gauge", "Open file descriptors", fds);
	one(m, "process_start_time_seconds", "gauge", "When it began, Unix time", (double) p->started_ns / 1e9);
	err_clear();
	buf_done(&b);
}

static const char *const offers[] = { "application/openmetrics-text", "text/plain", NULL };

static int run_metrics(struct call *c)
{
	struct platform *p = c->api->platform;
	struct om m = { .out = &c->out, .plain = c->offer == 1 };

	if (c->scope.tenant != TENANT_DEFAULT)  /* figures of the whole installation, as those of /status */
		return err_fail(ERR_DENIED, "permission", permission_id(PERM_SYSTEM_WRITE), NULL);
	c->content_type = m.plain ? "text/plain; version=0.0.4; charset=utf-8" : "application/openmetrics-text; version=1.0.0; charset=utf-8";
	family(&m, "tenon_build", m.plain ? "gauge" : "info", "The version that runs");
	buf_addf(&c->out, "tenon_build%s{version=\"%s\"} 1\n", m.plain ? "" : "_info", p->version);
	requests(&m, c->api);
	if (p->wal)
		log_part(&m, p->wal);
	if (p->tsdb)
		history_part(&m, p->tsdb, p->wal);
	if (p->ingest)
		sent_part(&m, p->ingest);
	if (p->bus)
		bus_part(&m, p->bus);
	if (p->link)
		link_part(&m, p);
	store_part(&m, p);
	work_part(&m, c->api);
	if (p->sql)
		sql_part(&m, p);
	process_part(&m, p);
	if (!m.plain)
		buf_add(&c->out, "# EOF\n");
	return 0;
}

static const struct route rows[] = {
	ROUTE("GET", "/metrics", PERM_SYSTEM_READ, "metrics.get", run_metrics, .offers = offers, .outside = true, .doc = "Counters and gauges as OpenMetrics text"),
};
const struct routes routes_metrics = { rows, ELEMENTSOF(rows) };
