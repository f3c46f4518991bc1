/* tar.c - headers of ustar, 512 bytes. */
#include "backup/tar.h"

#include <string.h>

#include "base/err.h"
#include "base/str.h"

enum { AT_NAME = 0, AT_MODE = 100, AT_UID = 108, AT_GID = 116, AT_SIZE = 124, AT_TIME = 136, AT_SUM = 148, AT_TYPE = 156, AT_MAGIC = 257,
	AT_PREFIX = 345, NAME_BYTES = 100, PREFIX_BYTES = 155 };

static void put_octal(uint8_t *to, size_t width, uint64_t value)
{
	for (size_t i = width - 1; i-- > 0; value >>= 3)
		to[i] = (uint8_t) ('0' + (value & 7));
	to[width - 1] = 0;
}

static void put_size(uint8_t *to, uint64_t size)
{
	if (size >> 33 == 0) {
		put_octal(to, 12, size);
		return;
	}
	memset(to, 0, 12);
	to[0] = 0x80;
	for (size_t i = 12; i-- > 4; size >>= 8)
		to[i] = (uint8_t) size;
}

static bool get_octal(const uint8_t *from, size_t width, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < width && from[i] == ' ')
		i++;
	for (; i < width && from[i] >= '0' && from[i] <= '7'; i++)
		value = value << 3 | (uint64_t) (from[i] - '0');
	if (i < width && from[i] != 0 && from[i] != ' ')
		return false;
	*ret = value;
	return true;
}

static bool get_size(const uint8_t *from, uint64_t *ret)
{
	uint64_t value = 0;

	if (!(from[0] & 0x80))
		return get_octal(from, 12, ret);
	for (size_t i = 1; i < 4; i++)
		if (from[i])
			return false;
	for (size_t i = 4; i < 12; i++)
		value = value << 8 | from[i];
	*ret = value;
	return from[0] == 0x80 && value >> 62 == 0;
}

static uint32_t sum(const uint8_t *block)
{
	uint32_t n = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		n += i >= AT_SUM && i < AT_SUM + 8 ? ' ' : block[i];
	return n;
}

static void put_text(uint8_t *to, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t) text[i];
}

bool tar_encode(const struct tar_entry *e, uint8_t ret[TAR_BLOCK])
{
	size_t n, split = 0;

	if (str_empty(e->name))
		return false;
	n = str_len(e->name);
	if (n > NAME_BYTES)
		for (size_t i = 1; i < n && i <= PREFIX_BYTES; i++)
			if (e->name[i] == '/' && n - i - 1 <= NAME_BYTES)
				split = i;
	if (n > NAME_BYTES && !split)
		return false;
	memset(ret, 0, TAR_BLOCK);
	if (split) {
		put_text(ret + AT_PREFIX, e->name, split);
		put_text(ret + AT_NAME, e->name + split + 1, n - split - 1);
	} else
		put_text(ret + AT_NAME, e->name, n);
	put_octal(ret + AT_MODE, 8, e->mode & 07777);
	put_octal(ret + AT_UID, 8, 0);
	put_octal(ret + AT_GID, 8, 0);
	put_size(ret + AT_SIZE, e->size);
	put_octal(ret + AT_TIME, 12, e->time_s > 0 ? (uint64_t) e->time_s : 0);
	ret[AT_TYPE] = '0';
	memcpy(ret + AT_MAGIC, "ustar\0" "00", 8);
	put_octal(ret + AT_SUM, 7, sum(ret));
	ret[AT_SUM + 7] = ' ';
	return true;
}

static int corrupt(const char *detail) { return err_fail(ERR_CORRUPT, "what", "@backup", "detail", detail, NULL); }

int tar_decode(const uint8_t block[TAR_BLOCK], struct tar_entry *ret)
{
	struct tar_entry e = { 0 };
	uint64_t want, mode, time;
	size_t prefix = 0, name = 0;
	bool zero = true;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		zero &= block[i] == 0;
	if (zero) {
		*ret = (struct tar_entry) { .end = true };
		return 0;
	}
	if (!get_octal(block + AT_SUM, 8, &want) || want != sum(block) || memcmp(block + AT_MAGIC, "ustar", 5) != 0)
		return corrupt("@backup_no_tar");
	if ((block[AT_TYPE] != '0' && block[AT_TYPE] != 0) || !get_size(block + AT_SIZE, &e.size) || !get_octal(block + AT_MODE, 8, &mode) ||
		!get_octal(block + AT_TIME, 12, &time))
		return corrupt("@backup_no_file");
	while (prefix < PREFIX_BYTES && block[AT_PREFIX + prefix])
		prefix++;
	while (name < NAME_BYTES && block[AT_NAME + name])
		name++;
	if (!name || prefix + name + 2 > TAR_NAME)
		return corrupt("@backup_no_file");
	if (prefix) {
		memcpy(e.name, block + AT_PREFIX, prefix);
		e.name[prefix++] = '/';
	}
	memcpy(e.name + prefix, block + AT_NAME, name);
	e.mode = (uint32_t) mode & 07777;
	e.time_s = (int64_t) MIN(time, (uint64_t) INT64_MAX);
	*ret = e;
	return 0;
}

bool tar_is_safe(const char *name)
{
	size_t part = 0;
	bool dots = true;

	for (const char *p = name; ; p++) {
		char c = *p;

		if (c == '/' || c == 0) {
			if (!part || (dots && part <= 2))
				return false;
			if (!c)
				return true;
			part = 0;
			dots = true;
			continue;
		}
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
		dots &= c == '.';
		part++;
	}
}
