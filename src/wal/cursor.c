/*
 * cursor.c - how far each reader is, in one small text file, replaced as a whole.
 *
 *   tenon-wal-cursors 1
 *   last 1048601                   a number not below any given: numbers are never used twice, even if all segments are gone
 *   tsdb block 1048590
 *   crc32c 8a9136aa
 *
 * When it cannot be read the readers start at the oldest record there is, and nothing is removed for their absence.
 */
#include "base/num.h"
#include "base/str.h"
#include "wal/impl.h"

enum { CURSORS_MAX = 1024, FILE_MAX_BYTES = 256 << 10 };

#define TITLE "tenon-wal-cursors 1\n"

uint64_t cursor_seq(const struct wal *w, const struct cursor *c)
{
	return MIN(c->want, w->durable);
}

struct cursor *cursor_find(const struct wal *w, const char *name)
{
	for (size_t i = 0; i < w->n_cursor; i++)
		if (str_eq(w->cursor[i]->name, name))
			return w->cursor[i];
	return NULL;
}

int cursor_add(struct wal *w, const char *name, struct cursor **ret)
{
	if (w->n_cursor == CURSORS_MAX)
		return err_fail(ERR_LIMIT, "what", "readers of the log", "max", "1024", NULL);
	if (w->n_cursor == w->cursor_room) {
		size_t room = MAX((size_t) 8, w->cursor_room * 2);
		struct cursor **p = sys_resize(w->cursor, room * sizeof *p);
		if (!p)
			return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
		w->cursor = p;
		w->cursor_room = room;
	}
	struct cursor *c = sys_new(struct cursor);
	if (!c)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	memcpy(c->name, name, str_len(name) + 1);
	w->cursor[w->n_cursor++] = c;
	*ret = c;
	return 0;
}

void cursor_drop(struct wal *w, struct cursor *c)
{
	for (size_t i = 0; i < w->n_cursor; i++)
		if (w->cursor[i] == c)
			w->cursor[i] = w->cursor[--w->n_cursor];
	sys_free(c);
}

/* Loading. */

static bool next_line(const char **at, const char *end, const char **ret, size_t *ret_len)
{
	const char *line = *at, *nl = line;

	while (nl < end && *nl != '\n')
		nl++;
	if (nl == end)
		return false;
	*ret = line;
	*ret_len = (size_t) (nl - line);
	*at = nl + 1;
	return true;
}

static int parse_line(struct wal *w, const char *line, size_t len, uint64_t *max)
{
	struct { const char *p; size_t n; } word[3] = { 0 };
	size_t n = 0;
	char name[64];
	uint64_t seq;
	struct cursor *c;

	for (size_t i = 0; i < len && n < 3; n++) {
		word[n].p = line + i;
		while (i < len && line[i] != ' ')
			i++;
		word[n].n = (size_t) (line + i - word[n].p);
		i++;
	}
	if (n < 2 || word[0].n >= sizeof name || num_parse_u64(word[n - 1].p, line + len, &seq) != word[n - 1].n)
		return err_fail(ERR_CORRUPT, "what", "cursors", "detail", "a line is wrong", NULL);
	*max = MAX(*max, seq);
	if (n == 2)
		return 0;                       /* last */
	memcpy(name, word[0].p, word[0].n);
	name[word[0].n] = 0;
	int r = cursor_add(w, name, &c);
	if (r < 0)
		return r;
	c->policy = word[1].n == 4 && memcmp(word[1].p, "skip", 4) == 0 ? WAL_SKIP : WAL_BLOCK;
	c->want = c->saved = seq;
	return 0;
}

/* Is it ours and whole? Returns the length of what the checksum covers, 0 if not. */
static size_t body_of(const char *data, size_t len)
{
	static const char key[] = "crc32c ";
	const size_t tail = sizeof key - 1 + 8 + 1;
	char want[32];
	struct buf b = BUF_FIXED(want);

	if (len < tail || !str_starts(data, TITLE))
		return 0;
	buf_addf(&b, "%s%08x\n", key, crc32c(0, data, len - tail));
	return memcmp(want, data + len - tail, tail) == 0 ? len - tail : 0;
}

/* Sets w->run_first to the highest number it knows of, for seg_scan_dir(). */
int cursors_load(struct wal *w)
{
	char path[PATH_MAX];
	struct buf file = BUF_INIT(&sys_heap, FILE_MAX_BYTES);
	const char *at, *line;
	uint64_t max = 0;
	size_t len;

	path_join(path, sizeof path, w->config.dir, "cursors");
	int r = file_read(path, FILE_MAX_BYTES - 1, &file);
	if (r == -ERR_MISSING) {
		err_clear();
		r = 0;
	} else if (r == 0) {
		size_t n = body_of(file.data, file.len);
		w->cursors_lost = n == 0;
		at = file.data + sizeof TITLE - 1;
		while (n && r == 0 && next_line(&at, file.data + n, &line, &len))
			r = parse_line(w, line, len, &max);
		if (r == -ERR_CORRUPT) {
			err_clear();
			w->cursors_lost = true;
			r = 0;
		}
	}
	buf_done(&file);
	w->run_first = max;
	return r;
}

/* Saving. */

int cursors_save(struct wal *w)
{
	char path[PATH_MAX];
	struct buf text = BUF_INIT(&sys_heap, FILE_MAX_BYTES);
	mutex_hold(&w->save_lock);

	path_join(path, sizeof path, w->config.dir, "cursors");
	buf_add(&text, TITLE);
	mutex_lock(&w->lock);
	w->cursors_dirty = false;
	buf_addf(&text, "last %llu\n", (unsigned long long) w->appended);
	for (size_t i = 0; i < w->n_cursor; i++) {
		struct cursor *c = w->cursor[i];
		if (c->policy == WAL_VOLATILE)
			continue;
		c->saving = cursor_seq(w, c);
		if (c->saving < c->want)
			w->cursors_dirty = true;        /* counts when it is durable */
		buf_addf(&text, "%s %s %llu\n", c->name, c->policy == WAL_SKIP ? "skip" : "block", (unsigned long long) c->saving);
	}
	mutex_unlock(&w->lock);
	buf_addf(&text, "crc32c %08x\n", crc32c(0, text.data, text.len));
	int r = text.failed ? err_fail(ERR_NO_MEMORY, "what", "the log", NULL) : file_write(path, text.data, text.len, 0600);
	buf_done(&text);

	mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n_cursor && r == 0; i++)
		w->cursor[i]->saved = MAX(w->cursor[i]->saved, w->cursor[i]->saving);
	if (r < 0)
		w->cursors_dirty = true;
	mutex_unlock(&w->lock);
	return r;
}
