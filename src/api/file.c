/* file.c - a file as the answer: read by workers, piece by piece, as fast as the client takes it. */

#include <fcntl.h>

#include "api/internal.h"

struct sent_file { struct call *c; int fd; uint64_t at, end; };

static int fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct sent_file *f = ctx;
	size_t n = (size_t) MIN((uint64_t) room, f->end - f->at);
	int r;

	if (!buf_reserve(out, n))
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	r = file_pread_all(f->fd, out->data + out->len, n, (int64_t) f->at);
	if (r < 0) {
		log_warn("api", "a file cannot be read request=%s error=\"%s\"", f->c->scope.request, err_log_text(err_peek()));
		err_clear();
		return r;
	}
	out->len += n;
	out->data[out->len] = 0;
	f->at += n;
	return f->at < f->end ? HTTP_MORE : HTTP_END;
}

static void sent(void *ctx)
{
	struct sent_file *f = ctx;

	sys.close(f->fd);
	call_unref(f->c);               /* f lies in its arena */
}

/* Names of files are ours, made of what users typed: nothing that could leave the quotes of the header. */
static const char *plain_name(struct call *c, const char *name)
{
	char *text = arena_str(&c->arena, name);

	for (char *p = text; p && *p; p++)
		if (*p == '"' || *p == '\\' || *p == '/' || (unsigned char) *p < 0x20 || (unsigned char) *p >= 0x7f)
			*p = '_';
	return text;
}

int answer_file(struct call *c, const char *path, const char *name, const char *type)
{
	struct sent_file *f = arena_new(&c->arena, struct sent_file);
	int64_t size = 0;
	int r = f ? file_size(path, &size) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);

	if (r >= 0)
		r = file_open(path, O_RDONLY, 0, &f->fd);
	if (r < 0)
		return r;
	f->c = call_ref(c);
	f->end = (uint64_t) size;
	c->content_type = arena_str(&c->arena, type);
	call_field(c, "Content-Disposition", arena_fmt(&c->arena, "attachment; filename=\"%s\"", plain_name(c, name)));
	c->source = (struct http_source) { .fill = fill, .done = sent, .ctx = f, .pool = c->api->workers };
	return 0;
}
