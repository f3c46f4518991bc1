/* look.c - is the log readable? Asked by who does not own it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "wal/impl.h"

/* UNFINISHED: as the newest segment may be after a kill, and no other. */
enum looks { WHOLE, DAMAGED, UNFINISHED, GONE };
struct looking { const char *dir; uint64_t bytes; struct wal_look *to; bool unfinished; char last[64]; uint64_t end; };

/* prev is what the segment says of the one before: that one lacks what lies between its end and this. */
static enum looks look_inside(struct looking *l, int fd, uint64_t size, uint64_t *ret_prev)
{
	uint8_t head[SEG_HEAD];
	struct seg_scan scan;
	struct seg_head h;

	l->end = 0;
	if (file_pread_all(fd, head, sizeof head, 0) < 0 || !seg_head_decode(head, &h) || h.packed)
		return UNFINISHED;
	*ret_prev = h.prev;
	if (size > l->bytes)
		return WHOLE;
	l->bytes -= size;
	if (seg_scan_file(fd, h.first, &scan) < 0)
		return DAMAGED;
	l->to->read++;
	l->to->records += scan.n;
	l->end = scan.last;
	return scan.damaged || (scan.n && scan.first != h.first) ? DAMAGED : WHOLE;
}

static enum looks look_at(struct looking *l, const char *path, bool packed, uint64_t *ret_prev)
{
	_cleanup_close_ int fd = -1;
	struct seg_head h;
	struct stat st;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r == -ERR_MISSING)
		return GONE;
	l->to->segments++;
	if (r < 0 || fstat(fd, &st) < 0)
		return DAMAGED;
	if (!packed)
		return look_inside(l, fd, (uint64_t) st.st_size, ret_prev);
	l->end = 0;
	return pack_head_read(fd, &h) == 0 && h.first ? WHOLE : DAMAGED;
}

static void blame(struct looking *l, const char *name)
{
	if (!l->to->bad[0])
		memcpy(l->to->bad, name, str_len(name) + 1);
}

static int on_name(void *ctx, const char *name)
{
	struct looking *l = ctx;
	uint64_t prev = 0, end = l->end;
	char path[PATH_MAX];
	bool packed = str_ends(name, ".walz");
	enum looks looks;

	if (str_len(name) >= sizeof(l->last) || !(packed || str_ends(name, ".wal")) || !path_join(path, sizeof path, l->dir, name))
		return 0;
	looks = look_at(l, path, packed, &prev);
	err_clear();
	if (looks == GONE)
		return 0;
	if (l->unfinished || (end && prev > end))
		blame(l, l->last);
	if (looks == DAMAGED)
		blame(l, name);
	l->unfinished = looks == UNFINISHED;
	memcpy(l->last, name, str_len(name) + 1);
	return 0;
}

int wal_look(const char *dir, uint64_t bytes, struct wal_look *ret)
{
	struct wal_look found = { 0 };
	struct looking l = { .dir = dir, .bytes = bytes, .to = &found };
	int r = dir_each(dir, on_name, &l);

	if (r == 0)
		*ret = found;
	return r;
}
