/* history_export.c - samples into a file for other programs, Parquet or CSV, as a job: of one state of the store, however long it takes. */
#include <errno.h>
#include <fcntl.h>

#include "base/cell.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "job/job.h"
#include "plant/plant.h"
#include "rec/tree.h"
#include "service/history.h"
#include "service/reach.h"
#include "service/read_asked.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"

enum { OLDER_MAX = 8, PIECE = 256 << 10 };

#define R struct history_export_in
static const struct rec_word format_words[] = { { "parquet", "Parquet, values in one column", "Parquet（数值在同一列）" }, { "csv", "CSV", "CSV" }, { 0 } };
static const struct rec_field in_fields[] = {
	F_KIND(R, points, REC_LIST, .item = REC_STR, .max = "10000", .label = "Points", .label_zh = "点位", .doc = "ids, paths or codes; none: all that may be read",
		.doc_zh = "标识、路径或编码；不填为全部可读点位"),
	F(R, from, .max = "64", .label = "From", .label_zh = "开始", .doc = "RFC 3339 or now-1h; none: since ever", .doc_zh = "RFC 3339 或 now-1h；不填为最早"),
	F(R, to, .max = "64", .label = "To", .label_zh = "结束", .doc = "none: until now", .doc_zh = "不填为最新"),
	F_ENUM(R, format, format_words, .def = "parquet", .label = "Format", .label_zh = "格式"),
};
const struct rec_type history_export_in_type = REC_PLAIN(R, "history_export", in_fields, .title = "Export of history", .title_zh = "导出历史数据");

struct exporting {
	struct job *job;
	struct scope *s;
	int fd;
	const char *path;               /* of the file */
	const struct plant_point *point;
	struct friendly *parquet;       /* NULL: CSV */
	struct buf text;
	uint64_t rows;
};

static int keep_text(struct exporting *x, size_t room)
{
	int r;

	if (x->text.failed)
		return err_fail(ERR_NO_MEMORY, "what", "@job", NULL);
	if (x->text.len < room)
		return 0;
	r = file_write_all(x->fd, x->text.data, x->text.len);
	buf_clear(&x->text);
	return r;
}

static int put_csv(struct exporting *x, const struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	char when[WHEN_TEXT_MAX];
	struct sample s;

	while (batch_next(&it, &s)) {
		when_format(when, s.time_ns);
		buf_addf(&x->text, "%s,", when);
		cell_text(&x->text, x->point->path, str_len(x->point->path));
		buf_addc(&x->text, ',');
		if (s.value.type == V_STR)
			cell_text(&x->text, s.value.s, s.value.len);
		else if (s.value.type != V_NONE)
			read_value_text(&x->text, &s.value);
		buf_addf(&x->text, ",%u\r\n", s.quality);
	}
	return keep_text(x, PIECE);
}

static int on_batch(void *ctx, struct batch *b)
{
	struct exporting *x = ctx;

	if (job_is_cancelled(x->job))
		return job_cancelled();
	x->rows += batch_n_samples(b);
	return x->parquet ? friendly_put(x->parquet, x->point->path, b) : put_csv(x, b);
}

/* The log comes first: a file is not to take the last of the disk from it. */
static int has_room(const struct exporting *x)
{
	uint64_t left, all;
	int r = dir_free(x->s->platform->data, &left, &all);

	if (r < 0 || left >= MIN(all / 20, (uint64_t) 4 << 30))
		return r;
	return err_fail(ERR_FULL, "what", "@disk", "detail", "@nearly_full", NULL);
}

static int one_point(struct exporting *x, const struct tsdb_lease *lease, int64_t from, int64_t to)
{
	const struct platform *p = x->s->platform;
	uint32_t series[OLDER_MAX];
	size_t n = tsdb_series_of(p->tsdb, x->s->tenant, &x->point->id, series, OLDER_MAX);
	struct tsdb_query q = { .tenant = x->s->tenant, .series = series, .n_series = MIN(n, (size_t) OLDER_MAX), .from_ns = from, .to_ns = to, .lease = lease };
	int r = has_room(x);

	return r < 0 || !n ? r : tsdb_range(p->tsdb, &q, on_batch, x);
}

static int find_points(struct scope *s, const struct history_export_in *in, struct plant_point **ret, uint32_t *ret_n)
{
	uint32_t n = 0;
	int r;

	if (in->points.n) {
		*ret_n = in->points.n;
		return read_points(s, in->points.items, in->points.n, ret);
	}
	r = scope_need_somewhere(s, PERM_SAMPLE_READ);
	if (r >= 0)
		r = plant_list(s->platform->plant, s->tenant, NULL, "", s->arena, ret);
	for (int i = 0; i < r; i++)
		if (reach_device(s, PERM_SAMPLE_READ, &(*ret)[i].device))
			(*ret)[n++] = (*ret)[i];
	*ret_n = n;
	return MIN(r, 0);
}

static int bounds(const struct history_export_in *in, int64_t *ret_from, int64_t *ret_to)
{
	int64_t now = clock_now_ns();

	*ret_from = INT64_MIN;
	*ret_to = INT64_MAX;
	if (!str_empty(in->from) && !when_parse_relative(in->from, str_len(in->from), now, ret_from))
		return err_fail(ERR_WRONG_TYPE, "field", "from", "want", "@time", "value", in->from, NULL);
	if (!str_empty(in->to) && !when_parse_relative(in->to, str_len(in->to), now, ret_to))
		return err_fail(ERR_WRONG_TYPE, "field", "to", "want", "@time", "value", in->to, NULL);
	return *ret_from < *ret_to ? 0 : err_fail(ERR_INVALID, "field", "to", "rule", "@after_from", "value", in->to ? in->to : "", NULL);
}

static int all_points(struct exporting *x, const struct history_export_in *in)
{
	_cleanup_(tsdb_lease_endp) struct tsdb_lease *lease = NULL;
	struct tsdb *t = x->s->platform->tsdb;
	struct plant_point *points = NULL;
	int64_t from, to;
	uint32_t n = 0;
	int r = find_points(x->s, in, &points, &n);

	if (r == 0)
		r = bounds(in, &from, &to);
	/* One state: all there is goes to files, and these are held. Without any there is nothing to hold. */
	if (r == 0)
		r = tsdb_flush(t);
	if (r == 0)
		r = tsdb_lease(t, x->s->tenant, &lease);
	if (r == -ERR_MISSING && !lease) {
		err_clear();
		n = 0;
		r = 0;
	}
	job_total(x->job, n, "points");
	for (uint32_t i = 0; r >= 0 && i < n; i++) {
		x->point = &points[i];
		r = one_point(x, lease, from, to);
		job_done(x->job, i + 1);
	}
	return MIN(r, 0);
}

static int write_file(struct exporting *x, const struct history_export_in *in)
{
	int r = in->format == 0 ? friendly_new(&x->parquet, x->fd) : 0;

	if (!x->parquet)
		buf_add(&x->text, "time,point,value,quality\r\n");
	if (r == 0)
		r = all_points(x, in);
	if (r == 0)
		r = x->parquet ? friendly_end(x->parquet) : keep_text(x, 1);
	if (r == 0 && sys.fsync(x->fd) < 0)
		r = sys_fail(errno, "fsync", x->path);
	return r;
}

static int read_input(struct job *j, struct scope *s, struct history_export_in *ret)
{
	struct tree *input = NULL;
	int r = tree_parse(job_input(j), str_len(job_input(j)), "@body", s->arena, &input);

	return r < 0 ? r : rec_from_tree(&history_export_in_type, ret, input, REC_CREATE, s->arena, NULL);
}

static int run_export(struct job *j, struct scope *s)
{
	struct exporting x = { .job = j, .s = s, .fd = -1, .text = BUF_INIT(&sys_heap, 64 << 20) };
	struct history_export_in *in = arena_new(s->arena, struct history_export_in);
	char result[80] = "";
	struct buf b = BUF_FIXED(result);
	int r = in ? read_input(j, s, in) : err_fail(ERR_NO_MEMORY, "what", "@job", NULL);

	if (r >= 0)
		r = job_file(j, in->format == 0 ? "history.parquet" : "history.csv", in->format == 0 ? "application/vnd.apache.parquet" : "text/csv", &x.path);
	if (r >= 0)
		r = file_open(x.path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &x.fd);
	if (r >= 0)
		r = write_file(&x, in);
	friendly_free(x.parquet);
	buf_done(&x.text);
	if (x.fd >= 0)
		sys.close(x.fd);
	if (r < 0)
		return r;
	buf_addf(&b, "{\"rows\":%llu}", (unsigned long long) x.rows);
	return job_result(j, result);
}

/* Begun again after a restart: the file is written anew. */
const struct job_kind history_export_kind = { .name = "history.export", .title = "Export of history", .title_zh = "导出历史数据",
	.permission = MUST_SAY(PERM_SAMPLE_READ), .resumes = true, .run = run_export };

int history_export(struct scope *s, const struct history_export_in *in, const char *body, struct uuid *ret_job)
{
	struct plant_point *points;
	int64_t from, to;
	uint32_t n;
	int r = find_points(s, in, &points, &n);        /* what is wrong with it is said at once */

	if (r == 0)
		r = bounds(in, &from, &to);
	return r < 0 ? r : job_begin(s->platform->jobs, s, &(struct job_in) { .kind = history_export_kind.name, .input = body }, ret_job);
}
