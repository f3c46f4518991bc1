/* history.c - the files of samples, deletes, erasure, corrections. The deeds are those of service/history.h, removal.h, correction.h. */

#include "api/internal.h"
#include "base/num.h"
#include "base/str.h"
#include "job/job.h"
#include "service/correction.h"
#include "service/history.h"
#include "service/removal.h"

static int run_stats(struct call *c)
{
	struct history_stats v;
	int r = history_stats(&c->scope, &v);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&history_stats_type, &v, NULL, &j);
	return 0;
}

static int run_compact(struct call *c)
{
	struct uuid job;
	int r = history_compact(&c->scope, &job);

	return r < 0 ? r : answer_job(c, &job);
}

/* ---- deletes and erasure ---- */

static int run_delete(struct call *c)
{
	struct removal_in *in = c->in;
	struct removal_record rec;
	struct json j;
	int r = call_bool(c, "dry_run", &in->dry_run);

	call_cancels(c);
	if (r >= 0)
		r = removal_delete(&c->scope, in, &rec);
	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&removal_type, &rec, NULL, &j);
	return 0;
}

static int run_erase(struct call *c)
{
	struct uuid job;
	int r = removal_erase(&c->scope, c->in, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static int newest_first(struct call *c, const struct noun *noun)
{
	if (!call_param(c, "sort") && c->n_params < PARAMS_MAX)
		c->param[c->n_params++] = (struct param) { "sort", "-created" };
	return answer_list(c, noun);
}

static int run_removals(struct call *c) { return newest_first(c, &removal_noun); }

/* ---- corrections ---- */

static int run_corrections(struct call *c) { return newest_first(c, &correction_noun); }

static int run_correct(struct call *c)
{
	const struct correction_in *in = c->in;
	struct correction_record *recs;
	int r = correction_make(&c->scope, in, &recs);
	struct json j;

	if (r < 0)
		return r;
	j = answer_json(c);
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	for (uint32_t i = 0; i < in->corrections.n; i++)
		record_json(&correction_type, &recs[i], NULL, &j);
	json_end(&j);
	json_end(&j);
	return 0;
}

static int run_undo(struct call *c)
{
	struct correction_record rec;
	struct uuid id;
	struct json j;
	int r = 0;

	if (!uuid_parse(c->arg, str_len(c->arg), &id))
		r = err_fail(ERR_MISSING, "what", "@correction", "value", c->arg, NULL);
	if (r == 0)
		r = correction_undo(&c->scope, &id, c->in, &rec);
	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&correction_type, &rec, NULL, &j);
	return 0;
}

static const char *const delete_params[] = { "dry_run", NULL };
static const char *const list_offers[] = { "application/json", "text/csv", "application/x-ndjson", NULL };

static int run_check(struct call *c)
{
	struct uuid job;
	int r = history_check(&c->scope, &job);

	return r < 0 ? r : answer_job(c, &job);
}

static int run_export(struct call *c)
{
	const char *body = arena_strn(&c->arena, c->body, c->body_len);
	struct uuid job;
	int r = body ? history_export(&c->scope, c->in, body, &job) : err_fail(ERR_NO_MEMORY, "what", "@body", NULL);

	return r < 0 ? r : answer_job(c, &job);
}

static const char *const retention_params[] = { "samples", "minutes", "hours", "label", "days", NULL };

static int days(struct call *c, const char *key, uint32_t *days)
{
	const char *text = call_param(c, key);
	uint64_t n = 0;

	if (!text)
		return 0;
	if (num_parse_u64(text, text + str_len(text), &n) != str_len(text) || n > 36500)
		return err_at(err_fail(ERR_OUT_OF_RANGE, "field", key, "min", "0", "max", "36500", "value", text, NULL), key);
	*days = (uint32_t) n;
	return 1;
}

static int run_retention(struct call *c)
{
	struct history_retention v;
	int any = 0, r = history_retention(&c->scope, NULL, &v);
	struct history_what_if asked = { .label = call_param(c, "label"), .days = -1 };
	uint32_t days_of_label = 0;
	struct json j;

	if (r < 0)
		return r;
	asked.keep = v.keep;
	uint32_t *const at[] = { &asked.keep.samples, &asked.keep.minutes, &asked.keep.hours };
	for (unsigned i = 0; i < ELEMENTSOF(at); i++) {
		r = days(c, retention_params[i], at[i]);
		if (r < 0)
			return r;
		any |= r;
	}
	r = days(c, "days", &days_of_label);
	if (r > 0)
		asked.days = (int32_t) days_of_label;
	if (r > 0 && !asked.label)
		r = err_at(err_fail(ERR_REQUIRED, "field", "label", NULL), "label");
	if (r < 0)
		return r;
	r = any || asked.label ? history_retention(&c->scope, &asked, &v) : 0;
	if (r < 0)
		return r;
	j = answer_json(c);
	record_json(&history_retention_type, &v, NULL, &j);
	return 0;
}

static const struct route rows[] = {
	ROUTE("GET", "/history/retention", PERM_SYSTEM_READ, "history.retention", run_retention, .params = retention_params, .out = &history_retention_type,
		.doc = "How many days samples and their figures are kept, and what would go if it were so many"),
	ROUTE("GET", "/history/stats", PERM_SYSTEM_READ, "history.stats", run_stats, .out = &history_stats_type,
		.doc = "The files of samples: how many, how large, what waits to be merged"),
	ROUTE("POST", "/history/compact", PERM_SYSTEM_WRITE, "history.compact", run_compact, .out = &job_type, .status = 202,
		.doc = "Merge all files of samples into day files now, as a job"),
	ROUTE("POST", "/history/delete", PERM_HISTORY_DELETE, "history.delete", run_delete, .in = &delete_in_type, .placed = true, .params = delete_params,
		.out = &removal_type, .doc = "Delete samples of points, in a range of time or all; dry_run counts them"),
	ROUTE("POST", "/history/erase", PERM_HISTORY_ERASE, "history.erase", run_erase, .in = &erase_in_type, .out = &job_type, .status = 202,
		.doc = "Erase all samples of points from files, log and backups, as a job"),
	ROUTE("GET", "/removals", PERM_SAMPLE_READ, "removal.list", run_removals, .params = params_of_noun, .list_of = &removal_type, .offers = list_offers,
		.doc = "What was deleted and erased, the newest first, with reports"),
	ROUTE("POST", "/corrections", PERM_HISTORY_CORRECT, "history.correct", run_correct, .in = &correction_in_type, .placed = true,
		.doc = "Correct samples, or add missing ones: all or nothing"),
	ROUTE("GET", "/corrections", PERM_SAMPLE_READ, "correction.list", run_corrections, .params = params_of_noun, .list_of = &correction_type,
		.offers = list_offers, .doc = "Corrections, the newest first; point=, time= … narrow it"),
	ROUTE("POST", "/corrections/{id}/undo", PERM_HISTORY_CORRECT, "history.correct_undo", run_undo, .in = &correction_undo_in_type, .placed = true,
		.out = &correction_type, .doc = "Write back what was there before a correction"),
	ROUTE("POST", "/history/export", PERM_SAMPLE_READ, "history.export", run_export, .placed = true, .in = &history_export_in_type, .out = &job_type, .status = 202,
		.doc = "Samples of points, or of all, into a Parquet or CSV file, as a job"),
	ROUTE("POST", "/history/check", PERM_SYSTEM_WRITE, "history.check", run_check, .out = &job_type, .status = 202,
		.doc = "Read every file of samples and hold it against its checksums, as a job; nothing is changed"),
};
const struct routes routes_history = { rows, ELEMENTSOF(rows) };
