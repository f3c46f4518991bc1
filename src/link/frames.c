/* frames.c - the ring behind frames.h, and how it comes to who asks for it. */
#include "link/frames.h"

#include "link/engine.h"

struct tap_entry { uint64_t seq; int64_t time_ns; uint8_t kind, said; uint16_t len; uint32_t size; };

static uint32_t size_of(size_t n) { return (uint32_t) ALIGN_UP(sizeof(struct tap_entry) + n, (size_t) 8); }

static void drop_oldest(struct tap *t, uint32_t bytes)
{
	uint32_t at = 0;

	while (at < t->len && at < bytes)
		at += ((const struct tap_entry *) (const void *) (t->ring + at))->size;
	memmove(t->ring, t->ring + at, t->len - at);
	t->len -= at;
}

static void resize(struct tap *t, uint32_t room)
{
	uint8_t *ring;

	if (t->len > room)
		drop_oldest(t, t->len - room);
	ring = sys_resize(t->ring, room);
	if (!ring)
		return;
	t->ring = ring;
	t->room = room;
}

void tap_note(struct tap *t, enum link_frame_kind kind, enum driver_said said, const uint8_t *bytes, size_t n)
{
	uint32_t size;
	struct tap_entry *e;

	n = MIN(n, (size_t) TAP_PART);
	size = size_of(n);
	if (!t->ring)
		resize(t, t->watched_ns ? TAP_LARGE : TAP_SMALL);
	if (!t->ring)
		return;
	/* a quarter at once, so that moving the rest is rare */
	if (t->room - t->len < size)
		drop_oldest(t, MAX(size, t->room / 4));
	e = (struct tap_entry *) (void *) (t->ring + t->len);
	*e = (struct tap_entry) { .seq = ++t->next, .time_ns = clock_now_ns(), .kind = (uint8_t) kind, .said = (uint8_t) said, .len = (uint16_t) n,
		.size = size };
	if (n)
		memcpy(e + 1, bytes, n);
	t->len += size;
}

void tap_part(struct tap *t, const uint8_t *bytes, size_t n)
{
	if (n > sizeof(t->part) - t->part_len)
		tap_whole(t, DRIVER_NOTHING);
	n = MIN(n, sizeof(t->part));
	if (n)
		memcpy(t->part + t->part_len, bytes, n);
	t->part_len += (uint16_t) n;
}

void tap_whole(struct tap *t, enum driver_said said)
{
	if (t->part_len)
		tap_note(t, LINK_FRAME_IN, said, t->part, t->part_len);
	t->part_len = 0;
}

void tap_watch(struct tap *t, int64_t now)
{
	t->watched_ns = now + TAP_WATCH_MS * NS_PER_MS;
	if (t->ring && t->room < TAP_LARGE)
		resize(t, TAP_LARGE);
}

void tap_tick(struct tap *t, int64_t now)
{
	if (!t->watched_ns || now < t->watched_ns)
		return;
	t->watched_ns = 0;
	if (t->ring)
		resize(t, TAP_SMALL);
}

size_t tap_copy(const struct tap *t, uint64_t after, uint8_t *to, size_t room)
{
	uint32_t at = 0;

	while (at < t->len) {
		const struct tap_entry *e = (const struct tap_entry *) (const void *) (t->ring + at);

		/* a few more in front: the questions whose answers are asked for */
		if (e->seq + LINK_FRAMES_BEFORE > after && t->len - at <= room)
			break;
		at += e->size;
	}
	if (t->len > at)
		memcpy(to, t->ring + at, t->len - at);
	return t->len - at;
}

void tap_done(struct tap *t)
{
	t->ring = sys_free(t->ring);
	t->len = t->room = t->part_len = 0;
}

/* ---- for who asks ---- */

/* One asking: the thread of the connection fills it, the asker waits; whoever is last frees it. */
struct asking {
	struct post post;
	struct link_thread *thread;
	struct conn *conn;
	uint64_t after;
	struct mutex mutex;
	struct cond filled;
	bool is_filled;
	unsigned refs;
	struct link_frames frames;
	uint8_t bytes[LINK_FRAMES_BYTES];
};

static void asking_unref(struct asking *a)
{
	unsigned left;

	mutex_lock(&a->mutex);
	left = --a->refs;
	mutex_unlock(&a->mutex);
	if (left)
		return;
	cond_done(&a->filled);
	mutex_done(&a->mutex);
	sys_free(a);
}

static void on_asked(void *arg)
{
	struct asking *a = arg;
	struct conn *c = a->conn;

	atomic_fetch_sub(&a->thread->n_waiting, 1);
	for (struct conn *k = a->thread->conns; k; k = k->next)
		if (k == c) {
			tap_watch(&c->tap, loop_now_ns(a->thread->loop));
			a->frames.len = tap_copy(&c->tap, a->after, a->bytes, sizeof(a->bytes));
			a->frames.last = c->tap.next;
			a->frames.driver = c->driver;
			a->frames.end = c->end;
		}
	mutex_lock(&a->mutex);
	a->is_filled = true;
	cond_signal(&a->filled);
	mutex_unlock(&a->mutex);
	asking_unref(a);
}

static int ask(struct link *l, const struct uuid *connection, struct asking *a)
{
	struct target t;
	int r;

	mutex_hold(&l->mutex);
	if (!l->started || l->stopped)
		return err_fail(ERR_STOPPING, NULL, NULL);
	r = control_find(l, connection, LINK_CONNECTION, "@connection", &t);
	if (r < 0)
		return r;
	a->thread = t.thread;
	a->conn = t.conn;
	a->refs++;
	atomic_fetch_add(&t.thread->n_waiting, 1);
	loop_send(t.thread->loop, &a->post, on_asked, a);
	return 0;
}

int link_frames(struct link *l, const struct uuid *connection, uint64_t after, struct link_frames **ret)
{
	struct asking *a = sys_new(struct asking);
	int64_t deadline = clock_deadline(LINK_FRAMES_MS);
	int r;

	if (!a)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	a->refs = 1;
	a->after = after;
	mutex_init(&a->mutex);
	cond_init(&a->filled);
	r = ask(l, connection, a);
	mutex_lock(&a->mutex);
	while (r == 0 && !a->is_filled)
		if (!cond_wait_until(&a->filled, &a->mutex, deadline))
			r = err_fail(ERR_BUSY, "what", "@connection", NULL);
	mutex_unlock(&a->mutex);
	if (r < 0) {
		asking_unref(a);
		return r;
	}
	a->frames.bytes = a->bytes;
	*ret = &a->frames;
	return 0;
}

struct link_frames *link_frames_free(struct link_frames *f)
{
	if (f)
		asking_unref(CONTAINER_OF(f, struct asking, frames));
	return NULL;
}

bool link_frames_next(const struct link_frames *f, size_t *at, struct link_frame *ret)
{
	const struct tap_entry *e = (const struct tap_entry *) (const void *) (f->bytes + *at);

	if (*at >= f->len)
		return false;
	*ret = (struct link_frame) { .seq = e->seq, .time_ns = e->time_ns, .kind = (enum link_frame_kind) e->kind, .said = (enum driver_said) e->said,
		.bytes = (const uint8_t *) (e + 1), .len = e->len };
	*at += e->size;
	return true;
}
