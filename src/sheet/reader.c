/* reader.c - the parent's side: a worker asks and waits, the loop starts the process and hears its end. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "io/io.h"
#include "sheet/wire.h"
#include "sheet/xlsx.h"
#include "sys/sys.h"

enum { LIMIT_MS = 60000, LOOK_MS = 250 };

struct sheet_reader { struct loop *loop; };

/* Two hold it: the worker that waits, and the loop while the process may still speak. */
struct reading {
	atomic_int refs;
	struct loop *loop;
	struct post post;
	struct child *child;
	struct timer limit;
	int in, out;
	struct mutex lock;
	struct cond cond;
	bool answered, over, timed_out;
	struct sheet_answer answer;
};

static struct reading *reading_unref(struct reading *d)
{
	if (atomic_fetch_sub(&d->refs, 1) != 1)
		return NULL;
	if (d->in >= 0)
		sys.close(d->in);
	if (d->out >= 0)
		sys.close(d->out);
	mutex_done(&d->lock);
	cond_done(&d->cond);
	return sys_free(d);
}

int sheets_new(struct loop *l, struct sheet_reader **ret)
{
	*ret = sys_new(struct sheet_reader);
	if (!*ret)
		return err_fail(ERR_NO_MEMORY, "what", "@sheet_reader", NULL);
	(*ret)->loop = l;
	return 0;
}

struct sheet_reader *sheets_free(struct sheet_reader *s)
{
	return sys_free(s);
}

/* ---- on the loop ---- */

static void finish(struct reading *d)
{
	timer_stop(&d->limit);
	d->child = child_free(d->child);
	mutex_lock(&d->lock);
	d->over = true;
	cond_broadcast(&d->cond);
	mutex_unlock(&d->lock);
	reading_unref(d);
}

/* Bytes of a process that read a hostile file: sizes and ends are ours. */
static void on_message(void *ctx, struct child *c, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds)
{
	struct reading *d = ctx;
	struct sheet_answer *a = &d->answer;

	for (size_t i = 0; i < n_fds; i++)
		sys.close(fds[i]);
	if (n != sizeof(*a) || d->answered)
		return;
	memcpy(a, bytes, n);
	a->notes.sheet[sizeof(a->notes.sheet) - 1] = 0;
	a->notes.sheet[utf8_valid_prefix(a->notes.sheet, str_len(a->notes.sheet))] = 0;
	a->err.args[sizeof(a->err.args) - 1] = a->err.pointer[0] = a->err.context[0] = 0;
	a->err.args_len = MIN(a->err.args_len, (uint16_t) sizeof(a->err.args));
	if (!utf8_is_valid(a->err.args, sizeof(a->err.args)) || a->err.kind <= ERR_NONE || a->err.kind >= ERR_N_)
		a->err = (struct err) { .kind = ERR_BAD_FILE };
	d->answered = true;
}

static void on_exit_(void *ctx, struct child *c, const struct child_exit *e) { finish(ctx); }

static void on_limit(void *arg)
{
	struct reading *d = arg;

	d->timed_out = true;
	finish(d);
}

static void begin(void *arg)
{
	static const struct child_callbacks callbacks = { .on_message = on_message, .on_exit = on_exit_ };
	struct reading *d = arg;
	const int fds[] = { d->in, d->out };
	struct child_config config = { .name = "sheet", .role = "sheet", .profile = &sheet_profile, .once = true };
	int r = child_new(d->loop, &config, &callbacks, d, &d->child);

	if (r >= 0)
		r = child_send(d->child, "read", 4, fds, 2);
	if (r < 0) {
		d->answer = (struct sheet_answer) { .result = r, .err = err_take(r) };
		d->answered = true;
		finish(d);
		return;
	}
	timer_start(d->loop, &d->limit, LIMIT_MS, on_limit, d);
}

/* ---- on the worker ---- */

static int reading_new(struct sheet_reader *s, const void *bytes, size_t len, struct reading **ret)
{
	struct reading *d = sys_new(struct reading);
	int r;

	if (!d)
		return err_fail(ERR_NO_MEMORY, "what", "@sheet_reader", NULL);
	atomic_init(&d->refs, 1);
	d->loop = s->loop;
	mutex_init(&d->lock);
	cond_init(&d->cond);
	d->in = memfd_create("workbook", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	d->out = memfd_create("csv", MFD_CLOEXEC);
	r = d->in < 0 || d->out < 0 ? sys_fail(errno, "make room for", "a workbook") : file_write_all(d->in, bytes, len);
	if (r >= 0 && fcntl(d->in, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		r = sys_fail(errno, "seal", "a workbook");
	if (r < 0) {
		reading_unref(d);
		return r;
	}
	*ret = d;
	return 0;
}

static int wait_for(struct reading *d, const atomic_bool *ending)
{
	bool over;

	mutex_lock(&d->lock);
	while (!d->over && !(ending && atomic_load_explicit(ending, memory_order_relaxed)))
		cond_wait_until(&d->cond, &d->lock, clock_deadline(LOOK_MS));
	over = d->over;
	mutex_unlock(&d->lock);
	return over ? 0 : err_fail(ERR_STOPPING, NULL, NULL);
}

static int take_csv(const struct reading *d, struct buf *out)
{
	struct stat st;
	size_t n;

	if (fstat(d->out, &st) < 0)
		return sys_fail(errno, "read", "a workbook");
	n = (size_t) MIN(st.st_size, (off_t) XLSX_OUT_MAX);
	if (!buf_reserve(out, n + 1))
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (file_pread_all(d->out, out->data + out->len, n, 0) < 0)
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_packed", NULL);
	out->len += n;
	out->data[out->len] = 0;
	return 0;
}

static int read_book(struct sheet_reader *s, const atomic_bool *ending, const void *bytes, size_t len, struct buf *out, struct sheet_notes *ret)
{
	struct reading *d = NULL;
	int r;

	if (!s)
		return err_fail(ERR_UNSUPPORTED, "what", "@file_format", "value", ".xlsx", "words", "CSV", NULL);
	r = reading_new(s, bytes, len, &d);
	if (r < 0)
		return r;
	atomic_fetch_add(&d->refs, 1);
	loop_send(d->loop, &d->post, begin, d);
	r = wait_for(d, ending);
	if (r >= 0 && d->timed_out)
		r = err_fail(ERR_TIMEOUT, "what", "@sheet_reader", "ms", "60000", NULL);
	else if (r >= 0 && !d->answered)        /* it died of it */
		r = err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_packed", NULL);
	else if (r >= 0 && d->answer.result < 0) {
		err_put(&d->answer.err);
		r = -d->answer.err.kind;
	}
	if (r >= 0) {
		*ret = d->answer.notes;
		r = take_csv(d, out);
	}
	reading_unref(d);
	return r;
}

int sheet_table(struct sheet_reader *s, const atomic_bool *ending, const void *bytes, size_t len, struct buf *room, struct sheet_text *ret)
{
	struct sheet_notes notes;
	int r;

	switch (sheet_kind(bytes, len)) {
	case SHEET_XLS:
		return err_fail(ERR_UNSUPPORTED, "what", "@file_format", "value", "@old_xls", "words", ".xlsx, .csv", NULL);
	case SHEET_TEXT:
		return sheet_decode(bytes, len, room, ret);
	case SHEET_XLSX:
		break;
	}
	r = read_book(s, ending, bytes, len, room, &notes);
	if (r < 0)
		return r;
	*ret = (struct sheet_text) { .text = room->data, .len = room->len, .encoding = "XLSX", .by_row = true, .notes = notes };
	return 0;
}
