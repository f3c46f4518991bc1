/* zones.c - files of the time zone database. */
#include "sys/zones.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/sys.h"

static int read_zone(const char *path, struct arena *a, struct zone *ret)
{
	struct buf file = BUF_INIT(&sys_heap, ZONE_FILE_MAX);
	int r = file_read(path, ZONE_FILE_MAX, &file);

	if (r == 0)
		r = zone_parse(file.data, file.len, a, ret);
	buf_done(&file);
	return r;
}

/* What may stand in a name of the database: nothing that leads out of its folder. */
static bool is_name(const char *name)
{
	size_t n = str_len(name);

	if (!n || n > ZONE_TEXT_MAX || *name == '/' || *name == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '+' || c == '/'))
			return false;
	}
	return true;
}

static int by_name(const char *name, struct arena *a, struct zone *ret)
{
	const char *folder = getenv("TZDIR");
	char path[512];
	int r = -ERR_MISSING;

	if (is_name(name) && path_join(path, sizeof(path), str_empty(folder) ? "/usr/share/zoneinfo" : folder, name))
		r = read_zone(path, a, ret);
	if (r < 0 && r != -ERR_NO_MEMORY) {
		err_clear();
		r = err_fail(ERR_MISSING, "what", "@time_zone", "value", name, NULL);
	}
	return r;
}

int zone_open(const char *name, struct arena *a, struct zone *ret)
{
	const char *tz = getenv("TZ");

	if (zone_fixed(name, str_len(name), ret))
		return 0;
	if (!str_eq(name, "local"))
		return by_name(name, a, ret);
	if (!str_empty(tz) && *tz == ':')
		tz++;
	if (!str_empty(tz) && (zone_fixed(tz, str_len(tz), ret) || by_name(tz, a, ret) == 0))
		return 0;
	err_clear();
	if (read_zone("/etc/localtime", a, ret) == 0)
		return 0;
	err_clear();
	zone_fixed("UTC", 3, ret);
	return 0;
}
