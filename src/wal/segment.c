/* segment.c - the files of the log: found and repaired at open, made, ended and given up by the writer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "wal/impl.h"

void seg_path(const struct wal *w, uint64_t no, bool packed, char out[PATH_MAX])
{
	struct buf b = { .data = out, .room = PATH_MAX, .max = PATH_MAX };

	buf_addf(&b, "%s/%016llx.wal%s", w->config.dir, (unsigned long long) no, packed ? "z" : "");
}

struct segment *seg_find(const struct wal *w, uint64_t seq)
{
	size_t lo = 0, hi = w->n_seg;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (w->seg[mid]->last < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->n_seg ? w->seg[lo] : NULL;
}

/* Room for one more; lock held, or nobody else there yet. */
static int list_room(struct wal *w)
{
	if (w->n_seg < w->seg_room)
		return 0;
	size_t room = MAX((size_t) 16, w->seg_room * 2);
	struct segment **p = sys_resize(w->seg, room * sizeof *p);
	if (!p)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	w->seg = p;
	w->seg_room = room;
	return 0;
}

/* Reading a file for what is whole in it. */

static bool is_start(const uint8_t *p)
{
	return memcmp(p, "WLR1", 4) == 0;
}

/* Takes the records of buf[*at … n) and leaves *at where more bytes are needed; `end`: there are none. */
static void scan_buffer(const uint8_t *buf, size_t n, size_t *at, uint64_t file_at, bool end, struct seg_scan *s)
{
	while (*at + 32 <= n) {
		struct rec_view v;
		enum rec_found found = is_start(buf + *at) ? rec_decode(buf + *at, n - *at, &v) : REC_NONE;
		if (found == REC_SHORT && !end)
			return;
		if (found != REC_WHOLE || v.seq <= s->last) {
			*at += 32;
			continue;
		}
		if (s->n && file_at + *at != s->end)
			s->damaged++;
		if (s->n++ == 0)
			s->first = v.seq;
		s->last = v.seq;
		*at += REC_HEAD + v.len;
		s->end = file_at + *at;
	}
}

int seg_scan_file(int fd, uint64_t from_seq, struct seg_scan *ret)
{
	const size_t room = 2 * REC_MAX;
	_cleanup_free_ uint8_t *buf = sys_resize(NULL, room);
	struct seg_scan s = { .end = SEG_HEAD, .last = from_seq ? from_seq - 1 : 0 };
	uint64_t file_at = SEG_HEAD;            /* of buf[0] */
	size_t n = 0, at = 0;

	if (!buf)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	for (bool end = false; !end;) {
		ssize_t got = sys.pread(fd, buf + n, room - n, (off_t) (file_at + n));
		if (got < 0)
			return sys_fail(errno, "read", "a segment of the log");
		end = got == 0;
		n += (size_t) got;
		scan_buffer(buf, n, &at, file_at, end, &s);
		memmove(buf, buf + at, n - at);
		file_at += at;
		n -= at;
		at = 0;
	}
	*ret = s;
	return 0;
}

/* Opening. */

struct found { struct wal *w; uint64_t last_no; bool last_packed; int r; };

static bool parse_name(const char *name, uint64_t *ret_no, bool *ret_packed)
{
	uint64_t no = 0;

	for (int i = 0; i < 16; i++) {
		char c = name[i];
		if (c >= '0' && c <= '9')
			no = no << 4 | (uint64_t) (c - '0');
		else if (c >= 'a' && c <= 'f')
			no = no << 4 | (uint64_t) (c - 'a' + 10);
		else
			return false;
	}
	*ret_no = no;
	*ret_packed = str_eq(name + 16, ".walz");
	return *ret_packed || str_eq(name + 16, ".wal");
}

/* How far a plain segment really goes. */
static int scan_segment(struct wal *w, struct segment *s, int flags, int *ret_fd, struct seg_scan *ret)
{
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;

	seg_path(w, s->no, false, path);
	int r = file_open(path, flags, 0, &fd);
	if (r == 0)
		r = seg_scan_file(fd, s->first, ret);
	if (r < 0)
		return r;
	s->last = ret->n ? ret->last : s->prev;
	w->m.damaged += ret->damaged;
	if (ret_fd)
		*ret_fd = take_fd(fd);
	return 0;
}

/* The head of a plain segment; when it is damaged the records tell what it said. first 0: there is nothing in it. */
static int plain_head_read(struct wal *w, int fd, struct segment *before, struct seg_head *ret)
{
	uint8_t head[SEG_HEAD];
	struct seg_scan scan;
	int r = file_pread_all(fd, head, sizeof head, 0);

	if (r == 0 && seg_head_decode(head, ret) && !ret->packed)
		return 0;
	if (r < 0 && r != -ERR_CORRUPT)
		return r;
	err_clear();
	w->m.damaged++;
	if (before && !before->packed) {
		r = scan_segment(w, before, O_RDONLY, NULL, &scan);
		if (r < 0)
			return r;
	}
	uint64_t prev = before ? before->last : 0;
	r = seg_scan_file(fd, prev + 1, &scan);
	if (r < 0)
		return r;
	*ret = (struct seg_head) { .first = scan.first, .prev = before ? prev : scan.first - 1, .last = scan.last };
	return 0;
}

static int seg_load(struct wal *w, uint64_t no, bool packed)
{
	struct segment *before = w->n_seg ? w->seg[w->n_seg - 1] : NULL;
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	struct seg_head h;
	struct stat st;

	seg_path(w, no, packed, path);
	int r = file_open(path, O_RDONLY, 0, &fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return sys_fail(errno, "look at", path);
	r = packed ? pack_head_read(fd, &h) : plain_head_read(w, fd, before, &h);
	if (r < 0)
		return r;
	if (h.first == 0)
		return file_unlink(path);
	if (before && before->packed && before->last < h.prev)
		h.prev = before->last;          /* made up from packs, which do not tell */
	r = list_room(w);
	if (r < 0)
		return r;
	struct segment *s = sys_new(struct segment);
	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	*s = (struct segment) { .no = no, .first = h.first, .prev = h.prev, .last = h.last, .packed = packed,
		.bytes = (uint64_t) st.st_size, .disk_bytes = (uint64_t) st.st_size, .sealed_ns = clock_mono_ns() };
	s->durable_bytes = s->bytes;
	if (before && !before->packed)
		before->last = s->prev;
	w->seg[w->n_seg++] = s;
	return 0;
}

static int on_name(void *ctx, const char *name)
{
	struct found *f = ctx;
	struct wal *w = f->w;
	char path[PATH_MAX];
	uint64_t no;
	bool packed;

	if (str_ends(name, ".tmp"))
		return path_join(path, sizeof path, w->config.dir, name) ? file_unlink(path) : 0;
	if (str_len(name) < 20 || !parse_name(name, &no, &packed))
		return 0;
	w->next_no = no + 1;
	/* Names come in order: x.wal, then x.walz. The packed one is complete when it has its name; the other is what it was made of. */
	if (packed && w->n_seg && w->seg[w->n_seg - 1]->no == no) {
		seg_path(w, no, false, path);
		int r = file_unlink(path);
		if (r < 0)
			return r;
		w->n_seg--;
		sys_free(w->seg[w->n_seg]);
	}
	return seg_load(w, no, packed);
}

/* The last segment is as the end of the last run left it: records behind the last sync may be half there, room is left over. */
static int repair_last(struct wal *w, struct segment *s)
{
	_cleanup_close_ int fd = -1;
	struct seg_scan scan;
	int r = scan_segment(w, s, O_RDWR, &fd, &scan);

	if (r < 0)
		return r;
	s->bytes = s->durable_bytes = scan.end;
	if (scan.end < s->disk_bytes && sys.ftruncate(fd, (off_t) scan.end) == 0)
		s->disk_bytes = scan.end;
	/* What is read from here on counts as durable. */
	if (sys.fdatasync(fd) < 0)
		return sys_fail(errno, "sync", "the log");
	return 0;
}

int seg_scan_dir(struct wal *w, uint64_t cursors_max)
{
	struct found f = { .w = w };

	w->next_no = 1;
	int r = dir_each(w->config.dir, on_name, &f);
	if (r < 0)
		return r;
	struct segment *last = w->n_seg ? w->seg[w->n_seg - 1] : NULL;
	if (last && !last->packed) {
		r = repair_last(w, last);
		if (r < 0)
			return r;
	}
	r = dir_sync(w->config.dir);
	if (r < 0)
		return r;
	w->run_prev = last ? last->last : 0;
	uint64_t top = MAX(w->run_prev, cursors_max);
	if (last)
		top = MAX(top, last->first);
	w->appended = top ? ALIGN_UP(top + RING_SLOTS + 1, RUN_STRIDE) : 0;
	w->written = w->durable = w->appended;
	w->run_first = w->tail = w->appended + 1;
	return 0;
}

/* Making, ending, giving up: the writer. */

static int allocate(int fd, uint64_t bytes, const char *path)
{
	if (sys.fallocate(fd, 0, 0, (off_t) bytes) == 0 || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
		return 0;
	return sys_fail(errno, "make room for", path);
}

static int create_file(struct wal *w, const struct segment *s, const char *path, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	uint8_t head[SEG_HEAD];

	int r = file_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &fd);
	if (r < 0)
		return r;
	seg_head_encode(&(struct seg_head) { .no = s->no, .first = s->first, .prev = s->prev }, head);
	r = allocate(fd, w->config.segment_bytes, path);
	if (r == 0)
		r = file_pwrite_all(fd, head, sizeof head, 0);
	if (r == 0)
		r = dir_sync(w->config.dir);
	if (r < 0) {
		sys.unlink(path);
		return r;
	}
	*ret_fd = take_fd(fd);
	return 0;
}

int seg_create(struct wal *w)
{
	char path[PATH_MAX];
	int fd = -1;
	_cleanup_free_ struct segment *s = sys_new(struct segment);

	if (!s)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	*s = (struct segment) { .no = w->next_no++, .first = w->written + 1, .active = true,
		.prev = w->written >= w->run_first ? w->written : w->run_prev,
		.bytes = SEG_HEAD, .durable_bytes = SEG_HEAD, .disk_bytes = w->config.segment_bytes };
	s->last = s->prev;
	seg_path(w, s->no, false, path);
	int r = create_file(w, s, path, &fd);
	if (r < 0)
		return r;
	mutex_lock(&w->lock);
	r = list_room(w);
	if (r == 0) {
		w->fd = take_fd(fd);
		w->active = w->seg[w->n_seg++] = take(s);
	}
	keeper_kick(w);
	mutex_unlock(&w->lock);
	if (r < 0) {
		sys.close(fd);
		sys.unlink(path);
	}
	return r;
}

/* Readers have descriptors of their own. Lock held. */
static void end_active(struct wal *w)
{
	struct segment *s = w->active;

	if (sys.ftruncate(w->fd, (off_t) s->bytes) == 0)
		s->disk_bytes = s->bytes;
	sys.close(w->fd);
	s->active = false;
	s->sealed_ns = clock_mono_ns();
	w->fd = -1;
	w->active = NULL;
	keeper_kick(w);
}

int seg_seal(struct wal *w)
{
	if (!w->active)
		return 0;
	mutex_hold(&w->lock);
	end_active(w);
	return 0;
}

void seg_abandon(struct wal *w)
{
	struct segment *s = w->active;
	char path[PATH_MAX];
	bool empty;

	if (!s)
		return;
	mutex_lock(&w->lock);
	w->m.abandoned++;
	w->written = w->durable;
	w->written_bytes = w->durable_bytes;
	s->bytes = s->durable_bytes;
	empty = s->bytes <= SEG_HEAD;
	s->last = empty ? s->prev : w->durable;
	end_active(w);
	if (empty) {
		w->n_seg--;                     /* the active one is the last */
		seg_path(w, s->no, false, path);
		sys_free(s);
	}
	mutex_unlock(&w->lock);
	if (empty)
		sys.unlink(path);
}
