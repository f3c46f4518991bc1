/* zip.c - directory and parts of a ZIP file; zlib inflates. */

#include <string.h>
#include <zlib.h>

#include "base/cur.h"
#include "base/str.h"
#include "sheet/zip.h"

enum { END_SIZE = 22, COMMENT_MAX = 65535, ENTRY_SIGN = 0x02014b50, END_SIGN = 0x06054b50, LOCAL_SIGN = 0x04034b50, PIECE = 32 << 10,
	STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };

static int damaged(const char *detail) { return err_fail(ERR_BAD_FILE, "what", "@file", "detail", detail, NULL); }

int zip_open(struct zip *z, const void *bytes, size_t len, uint64_t max)
{
	const uint8_t *p = bytes;
	size_t from = len > END_SIZE + COMMENT_MAX ? len - END_SIZE - COMMENT_MAX : 0;
	uint32_t sign, size, at;

	for (size_t end = len >= END_SIZE ? len - END_SIZE + 1 : 0; end > from; end--) {
		struct cur c = cur_of(p + end - 1, len - end + 1);
		uint16_t n;
		sign = cur_le32(&c);
		if (sign != END_SIGN)
			continue;
		cur_take(&c, 6);
		n = cur_le16(&c);
		size = cur_le32(&c);
		at = cur_le32(&c);
		if (c.bad || at > len || size > len - at)
			break;
		if (n > ZIP_PARTS_MAX)
			return err_fail(ERR_LIMIT, "what", "@sheet_parts", "max", "4096", NULL);
		*z = (struct zip) { .bytes = p, .len = len, .directory = p + at, .directory_len = size, .n = n, .max = max };
		return 0;
	}
	return damaged("@sheet_no_zip");
}

static bool same_name(const uint8_t *a, size_t n, const char *b)
{
	size_t i;

	for (i = 0; i < n && b[i]; i++) {
		char x = (char) a[i] == '\\' ? '/' : (char) a[i], y = b[i];
		x = x >= 'A' && x <= 'Z' ? (char) (x + 32) : x;
		y = y >= 'A' && y <= 'Z' ? (char) (y + 32) : y;
		if (x != y)
			return false;
	}
	return i == n && !b[i];
}

bool zip_find(const struct zip *z, const char *name, struct zip_part *ret)
{
	struct cur c = cur_of(z->directory, z->directory_len);

	for (uint32_t i = 0; i < z->n; i++) {
		struct zip_part p;
		uint16_t flags, n, more, comment;
		const uint8_t *at;
		if (cur_le32(&c) != ENTRY_SIGN)
			return false;
		cur_take(&c, 4);
		flags = cur_le16(&c);
		p.method = cur_le16(&c);
		cur_take(&c, 8);
		p.packed = cur_le32(&c);
		p.size = cur_le32(&c);
		n = cur_le16(&c);
		more = cur_le16(&c);
		comment = cur_le16(&c);
		cur_take(&c, 8);
		p.at = cur_le32(&c);
		at = cur_take(&c, n);
		cur_take(&c, (size_t) more + comment);
		if (c.bad)
			return false;
		if (flags & ENCRYPTED || !same_name(at, n, name))
			continue;
		*ret = p;
		return true;
	}
	return false;
}

/* Counts what came out; a bomb ends here. */
static int count(struct zip *z, const struct zip_part *p, uint64_t *out, size_t n)
{
	*out += n;
	z->unpacked += n;
	if (z->unpacked > z->max || (*out > ZIP_RATIO_FREE && *out > (uint64_t) p->packed * ZIP_RATIO))
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_bomb", NULL);
	return 0;
}

static int inflate_part(struct zip *z, const struct zip_part *p, struct cur in, int (*on_bytes)(void *, const char *, size_t), void *ctx)
{
	char piece[PIECE];
	z_stream s = { .next_in = (Bytef *) (uintptr_t) in.at, .avail_in = p->packed };
	uint64_t out = 0;
	int r = 0, e = Z_OK;

	if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	while (r == 0 && e == Z_OK) {
		s.next_out = (Bytef *) piece;
		s.avail_out = sizeof(piece);
		e = inflate(&s, Z_NO_FLUSH);
		if ((e != Z_OK && e != Z_STREAM_END) || (e == Z_OK && s.avail_out == sizeof(piece)))
			r = damaged("@sheet_packed");
		if (r == 0)
			r = count(z, p, &out, sizeof(piece) - s.avail_out);
		if (r == 0 && s.avail_out < sizeof(piece))
			r = on_bytes(ctx, piece, sizeof(piece) - s.avail_out);
	}
	inflateEnd(&s);
	return r < 0 ? r : 0;
}

int zip_read(struct zip *z, const struct zip_part *p, int (*on_bytes)(void *ctx, const char *bytes, size_t n), void *ctx)
{
	struct cur c = cur_of(z->bytes, z->len);
	uint16_t n, more;
	uint64_t out = 0;
	int r;

	cur_take(&c, p->at);
	if (cur_le32(&c) != LOCAL_SIGN)
		return damaged("@sheet_packed");
	cur_take(&c, 22);
	n = cur_le16(&c);
	more = cur_le16(&c);
	cur_take(&c, (size_t) n + more);
	if (c.bad || cur_left(&c) < p->packed)
		return damaged("@sheet_packed");
	if (p->method == DEFLATED)
		return inflate_part(z, p, c, on_bytes, ctx);
	if (p->method != STORED)
		return damaged("@sheet_packed");
	r = count(z, p, &out, p->packed);
	if (r == 0 && p->packed)
		r = on_bytes(ctx, (const char *) c.at, p->packed);
	return r < 0 ? r : 0;
}
