/*
 * http_stream.c - a reply made piece by piece, by a worker, no faster than the client takes it.
 *
 * Two buffers: `ready` is being sent, `next` is being filled. A worker is asked for the next piece when `next` is free; so at most two
 * pieces exist, and while a slow client reads, no worker is held.
 */
#include <string.h>

#include "base/err.h"
#include "io/http_priv.h"
#include "sys/sys.h"

enum { ROOM = 64 << 10, SLACK = 1 << 20, RETRY_MS = 20 };

struct stream {
	struct http_exchange *x;
	struct http_source source;
	struct buf ready, next;
	size_t at;                      /* of ready */
	struct work work;
	struct timer retry;             /* the pool was full */
	struct post post;
	bool busy, ended, failed, over;
	bool waiting, woken;            /* HTTP_WAIT was said; a wake came while it was being said */
	bool told_nothing;              /* the reader was told STREAM_NOTHING and waits */
};

static void refill(struct stream *s);

int stream_new(struct http_exchange *x, const struct http_source *source, struct stream **ret)
{
	struct stream *s = sys_new(struct stream);

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "reply", NULL);
	s->x = x;
	s->source = *source;
	if (!s->source.room)
		s->source.room = ROOM;
	s->ready = BUF_INIT(&sys_heap, s->source.room + SLACK);
	s->next = BUF_INIT(&sys_heap, s->source.room + SLACK);
	*ret = s;
	return 0;
}

static void filled(struct stream *s, int r)
{
	s->busy = false;
	if (s->next.failed)
		s->failed = true;
	switch (r) {
	case HTTP_MORE: break;
	case HTTP_END: s->ended = true; break;
	case HTTP_WAIT: s->waiting = !s->woken; break;
	default: s->failed = true; break;
	}
	s->woken = false;
}

/* `next` is the worker's while it fills it. */
static bool has_next(const struct stream *s) { return !s->busy && s->next.len; }

static void tell(struct stream *s)
{
	if (!s->told_nothing || !(s->at < s->ready.len || has_next(s) || s->ended || s->failed))
		return;
	s->told_nothing = false;
	http_stream_ready(s->x);
}

static int fill_work(struct work *w, void *worker)
{
	struct stream *s = CONTAINER_OF(w, struct stream, work);

	return s->source.fill(s->source.ctx, &s->next, s->source.room, worker);
}

static bool stream_free(struct stream *s)
{
	/* A wake that is on its way still points to us. */
	if (s->busy || atomic_load(&s->post.waiting))
		return false;
	timer_stop(&s->retry);
	if (s->source.done)
		s->source.done(s->source.ctx);
	/* done() is the last moment at which somebody may have woken us. */
	if (atomic_load(&s->post.waiting)) {
		s->source.done = NULL;
		return false;
	}
	buf_done(&s->ready);
	buf_done(&s->next);
	sys_free(s);
	return true;
}

static void end_if_over(struct stream *s)
{
	struct http_exchange *x = s->x;

	if (stream_free(s))
		http_stream_over(x);
}

static void fill_done(struct work *w)
{
	struct stream *s = CONTAINER_OF(w, struct stream, work);

	filled(s, w->result);
	if (s->over) {
		end_if_over(s);
		return;
	}
	refill(s);
	tell(s);
}

static void retry(void *arg)
{
	struct stream *s = arg;

	refill(s);
	tell(s);
}

/* Sees to it that a next piece is there or on its way. */
static void refill(struct stream *s)
{
	if (s->at == s->ready.len && has_next(s)) {
		struct buf drained = s->ready;

		s->ready = s->next;
		s->next = drained;
		buf_clear(&s->next);
		s->at = 0;
	}
	if (s->busy || s->ended || s->failed || s->waiting || s->over || has_next(s))
		return;
	s->busy = true;
	if (!s->source.pool) {
		filled(s, s->source.fill(s->source.ctx, &s->next, s->source.room, NULL));
		return;
	}
	int r = work_submit(s->source.pool, http_loop(s->x), &s->work, fill_work, fill_done);
	if (r == 0)
		return;
	s->busy = false;
	if (r == -ERR_BUSY)
		timer_start(http_loop(s->x), &s->retry, RETRY_MS, retry, s);
	else
		s->failed = true;
}

long stream_read(struct stream *s, char *to, size_t room)
{
	if (s->at == s->ready.len)
		refill(s);
	/* Filled on the loop itself, it is there by now. */
	if (s->at == s->ready.len && has_next(s))
		refill(s);
	size_t n = MIN(room, s->ready.len - s->at);
	if (n && !s->failed) {
		memcpy(to, s->ready.data + s->at, n);
		s->at += n;
		refill(s);
		return (long) n;
	}
	if (s->failed)
		return STREAM_FAILED;
	if (s->ended && !s->busy && !has_next(s))
		return STREAM_END;
	s->told_nothing = true;
	return STREAM_NOTHING;
}

static void cancel(struct stream *s)
{
	work_cancel(&s->work);
	if (s->source.cut)
		s->source.cut(s->source.ctx);
}

void stream_fail(struct stream *s)
{
	s->failed = true;
	if (s->busy)
		cancel(s);
	tell(s);
}

bool stream_end(struct stream *s)
{
	s->over = true;
	timer_stop(&s->retry);
	if (s->busy)
		cancel(s);
	return stream_free(s);
}

static void woken(void *arg)
{
	struct stream *s = arg;

	if (s->over) {
		end_if_over(s);
		return;
	}
	s->woken = s->busy;
	s->waiting = false;
	refill(s);
	tell(s);
}

void stream_wake(struct stream *s) { loop_wake(http_loop(s->x), &s->post, woken, s); }
