/* gunzip.c - zlib's inflate, piece by piece into a buffer with a bound. */
#include "io/gunzip.h"

#include <zlib.h>

#include "base/err.h"
#include "base/num.h"

enum { PIECE = 64 << 10, GZIP_ONLY = 16 + MAX_WBITS };

static int wrong(void)
{
	return err_fail(ERR_BAD_ARGUMENT, "field", "Content-Encoding", "rule", "@rule_gzip", "value", "gzip", NULL);
}

/* One member after the other (RFC 1952, 2.2). */
static int unpack(z_stream *z, size_t max, struct buf *out)
{
	size_t before = out->len;

	for (;;) {
		size_t room = MIN((size_t) PIECE, max + 1 - (out->len - before));
		int r;

		if (!buf_reserve(out, room))
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
		z->next_out = (Bytef *) out->data + out->len;
		z->avail_out = (uInt) room;
		r = inflate(z, Z_NO_FLUSH);
		out->len += room - z->avail_out;
		out->data[out->len] = 0;
		if (out->len - before > max) {
			char text[NUM_TEXT_MAX];
			num_format_u64(text, max);
			return err_fail(ERR_TOO_LARGE, "what", "@body", "max", text, NULL);
		}
		if (r == Z_STREAM_END && z->avail_in == 0)
			return 0;
		if (r == Z_STREAM_END)
			r = inflateReset(z);
		if (r == Z_MEM_ERROR)
			return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
		if (r != Z_OK || (z->avail_in == 0 && z->avail_out))
			return wrong();
	}
}

int gunzip(const void *packed, size_t len, size_t max, struct buf *out)
{
	z_stream z = { .next_in = (Bytef *) (uintptr_t) packed, .avail_in = (uInt) len };
	int r;

	if (len > UINT32_MAX || inflateInit2(&z, GZIP_ONLY) != Z_OK)
		return err_fail(ERR_NO_MEMORY, "what", "@body", NULL);
	r = unpack(&z, max, out);
	inflateEnd(&z);
	return r;
}
