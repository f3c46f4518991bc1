/* trace.c - W3C Trace Context: whose request this is part of. */

#include "api/internal.h"

static bool is_hex(const char *p, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f')))
			return false;
		any |= p[i] != '0';
	}
	return any;
}

/* "00-<32 hex>-<16 hex>-<2 hex>"; a later version may say more behind it. What cannot be read counts as absent (section 3.2). */
bool trace_read(const char *header, struct trace *ret)
{
	size_t n = str_len(header);
	struct trace t = { 0 };

	if (n < 55 || header[2] != '-' || header[35] != '-' || header[52] != '-' || (n > 55 && header[55] != '-'))
		return false;
	if (str_starts(header, "ff") || (str_starts(header, "00") && n != 55) || !is_hex(header + 3, 32) || !is_hex(header + 36, 16))
		return false;
	for (size_t i = 0; i < 2; i++)
		if (!is_hex(header + i, 1) && header[i] != '0')
			return false;
	for (size_t i = 53; i < 55; i++)
		if (!is_hex(header + i, 1) && header[i] != '0')
			return false;
	memcpy(t.id, header + 3, 32);
	memcpy(t.flags, header + 53, 2);
	*ret = t;
	return true;
}

/* Our part of it has an id of its own. */
void trace_write(const struct trace *t, char out[TRACE_TEXT])
{
	struct buf b = { .data = out, .room = TRACE_TEXT, .max = TRACE_TEXT };

	buf_clear(&b);
	buf_addf(&b, "00-%s-%016llx-%s", t->id, (unsigned long long) (random_u64() | 1), t->flags);
}
