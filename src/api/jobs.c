/* jobs.c - long work: what runs, how far it is, what came of it. */

#include "api/internal.h"
#include "job/job.h"

/* Everybody sees his own: the list adds who asks as a filter. */
static const struct noun jobs_noun = NOUN_ROW(job_type, DEED_TENANT, SIGNED_IN, SIGNED_IN, NULL);

static void refresh(struct call *c, void *rec)
{
	job_refresh(c->api->platform->jobs, c->scope.tenant, rec, c->scope.arena);
}

static int run_list(struct call *c)
{
	char *id = arena_alloc(&c->arena, UUID_TEXT + 1);

	if (!id)
		return err_fail(ERR_NO_MEMORY, "what", "@jobs", NULL);
	if (!call_param(c, "sort") && c->n_params < PARAMS_MAX)
		c->param[c->n_params++] = (struct param) { "sort", "-created" };
	if (!scope_may(&c->scope, PERM_SYSTEM_READ)) {
		if (c->n_params == PARAMS_MAX)
			return err_fail(ERR_LIMIT, "what", "@parameters", "max", "24", NULL);
		uuid_format(&c->scope.who.id, id);
		c->param[c->n_params++] = (struct param) { "principal", id };
	}
	c->touch = refresh;
	return answer_list(c, &jobs_noun);
}

static int which(struct call *c, struct uuid *ret)
{
	if (uuid_parse(c->arg, str_len(c->arg), ret))
		return 0;
	return err_fail(ERR_MISSING, "what", "@job", "value", c->arg, NULL);
}

static int answer_one(struct call *c, const struct uuid *id)
{
	struct job_record rec;
	struct json j = answer_json(c);
	int r = job_get(c->api->platform->jobs, &c->scope, id, &rec);

	if (r >= 0)
		record_json(&job_type, &rec, NULL, &j);
	return r;
}

int answer_job(struct call *c, const struct uuid *id)
{
	char text[UUID_TEXT + 1];

	uuid_format(id, text);
	c->status = 202;
	call_field(c, "Location", arena_fmt(&c->arena, "/api/v1/jobs/%s", text));
	return answer_one(c, id);
}

static int run_get(struct call *c)
{
	struct uuid id;
	int r = which(c, &id);

	return r < 0 ? r : answer_one(c, &id);
}

static int run_cancel(struct call *c)
{
	struct uuid id;
	int r = which(c, &id);

	if (r >= 0)
		r = job_cancel(c->api->platform->jobs, &c->scope, &id);
	return r < 0 ? r : answer_job(c, &id);
}

static int run_delete(struct call *c)
{
	struct uuid id;
	int r = which(c, &id);

	return r < 0 ? r : job_delete(c->api->platform->jobs, &c->scope, &id);
}

/* ---- the file ---- */

static int run_file(struct call *c)
{
	_cleanup_(buf_done) struct buf path = BUF_INIT(&sys_heap, 4096);
	struct job_record rec;
	struct uuid id;
	int r = which(c, &id);

	if (r >= 0)
		r = job_get(c->api->platform->jobs, &c->scope, &id, &rec);
	if (r >= 0)
		r = job_file_path(c->api->platform->jobs, &c->scope, &rec, &path);
	return r < 0 ? r : answer_file(c, path.data, rec.file, rec.file_type);
}

static const char *const offers[] = { "application/json", "text/csv", "application/x-ndjson", NULL };
/* It goes out as what it is; a client that takes none of these could do nothing with it. */
static const char *const any_file[] = { "application/octet-stream", "application/json", "text/csv", "application/x-ndjson", "application/gzip",
	"application/zip", "application/x-tar", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", NULL };

static const struct route rows[] = {
	ROUTE("GET", "/jobs", SIGNED_IN, "job.list", run_list, .params = params_of_noun, .list_of = &job_type, .offers = offers,
		.doc = "Long work, newest first: one's own, with system.read everybody's"),
	ROUTE("GET", "/jobs/{id}", SIGNED_IN, "job.get", run_get, .out = &job_type, .doc = "How one of them does"),
	ROUTE("POST", "/jobs/{id}/cancel", SIGNED_IN, "job.cancel", run_cancel, .out = &job_type, .status = 202, .doc = "Ask it to end"),
	ROUTE("DELETE", "/jobs/{id}", SIGNED_IN, "job.delete", run_delete, .status = 204, .doc = "What has ended goes, with its file; what has not is cancelled"),
	ROUTE("GET", "/jobs/{id}/file", SIGNED_IN, "job.file", run_file, .offers = any_file, .doc = "The file that came of it"),
};
const struct routes routes_jobs = { rows, ELEMENTSOF(rows) };
