/* export.c - samples into a file, as a job: what a request would be too short for. */
#include <errno.h>
#include <fcntl.h>

#include "job/job.h"
#include "rec/tree.h"
#include "service/internal.h"
#include "service/read.h"

enum { PIECE = 256 << 10, LOOK_EVERY = 64 /* pieces */ };

/* The log comes first: a file is not to take the last of the disk from it. */
static int has_room(const char *path)
{
	uint64_t left = 0, all = 0;
	char folder[600];
	size_t n = (size_t) (path_name(path) - path);
	struct buf b = BUF_FIXED(folder);

	buf_clear(&b);
	buf_addn(&b, path, n);
	if (dir_free(folder, &left, &all) < 0 || left >= MIN(all / 20, (uint64_t) 4 << 30))
		return 0;
	return err_fail(ERR_FULL, "what", "@disk", "detail", "@nearly_full", NULL);
}

static void tell(struct job *j, const struct read_rows *rows)
{
	uint64_t n;
	uint32_t points, all;
	char en[80], zh[80];
	struct buf e = BUF_FIXED(en), z = BUF_FIXED(zh);

	read_rows_done(rows, &n, &points, &all);
	buf_addf(&e, "%llu rows", (unsigned long long) n);
	buf_addf(&z, "%llu 行", (unsigned long long) n);
	job_total(j, all, "points");
	job_done(j, points);
	job_say(j, en, zh);
}

static int write_rows(struct job *j, struct scope *s, struct read_rows *rows, const char *path, int fd)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(&sys_heap, 64 << 20);
	int more = 1, r = 0;

	for (unsigned i = 0; r >= 0 && more > 0; i++) {
		if (job_is_cancelled(j))
			return job_cancelled();
		buf_clear(&out);
		r = more = read_rows_next(s, rows, &out, PIECE);
		if (r >= 0 && i % LOOK_EVERY == 0)
			r = has_room(path);
		if (r >= 0)
			r = file_write_all(fd, out.data, out.len);
		tell(j, rows);
	}
	return r;
}

static int run_export(struct job *j, struct scope *s)
{
	_cleanup_(read_rows_freep) struct read_rows *rows = NULL;
	_cleanup_close_ int fd = -1;
	struct tree *input;
	struct query_in *in = arena_new(s->arena, struct query_in);
	const char *path, *format;
	char result[80];
	struct buf b = BUF_FIXED(result);
	uint64_t n;
	uint32_t points, all;
	int r = in ? tree_parse(job_input(j), str_len(job_input(j)), "@body", s->arena, &input) : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);

	if (r >= 0)
		r = rec_from_tree(&query_in_type, in, tree_find(input, "query"), REC_CREATE, s->arena, NULL);
	if (r < 0)
		return r;
	format = tree_str(tree_find(input, "format"));
	r = read_rows_new(s, in, str_eq(format, "ndjson") ? READ_NDJSON : READ_CSV, &rows);
	if (r >= 0)
		r = job_file(j, str_eq(format, "ndjson") ? "samples.ndjson" : "samples.csv", str_eq(format, "ndjson") ? "application/x-ndjson" : "text/csv", &path);
	if (r >= 0)
		r = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd);
	if (r >= 0)
		r = write_rows(j, s, rows, path, fd);
	if (r >= 0 && sys.fsync(fd) < 0)
		r = sys_fail(errno, "fsync", path);
	if (r < 0)
		return r;
	read_rows_done(rows, &n, &points, &all);
	buf_addf(&b, "{\"rows\":%llu}", (unsigned long long) n);
	return job_result(j, result);
}

/* Begun again after a restart: the file is written anew. */
const struct job_kind samples_export_kind = { .name = "samples.export", .title = "Export of history", .title_zh = "导出历史数据",
	.permission = MUST_SAY(PERM_SAMPLE_READ), .resumes = true, .run = run_export };

int export_begin(struct scope *s, const struct query_in *in, const struct export_in *what, struct uuid *ret_job)
{
	_cleanup_(read_rows_freep) struct read_rows *rows = NULL;
	const char *input;
	int r = read_rows_new(s, in, READ_CSV, &rows);  /* what is wrong with it is said at once */

	if (r < 0)
		return r;
	if (what->format && !str_eq(what->format, "csv") && !str_eq(what->format, "ndjson"))
		return err_fail(ERR_BAD_ARGUMENT, "field", "format", "rule", "@rule_rows_format", "value", what->format, NULL);
	input = arena_fmt(s->arena, "{\"format\":\"%s\",\"query\":%.*s}", what->format ? what->format : "csv", (int) what->len, what->query);
	if (!input)
		return err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
	return job_begin(s->platform->jobs, s, &(struct job_in) { .kind = samples_export_kind.name, .input = input }, ret_job);
}
