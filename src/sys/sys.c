/* sys.c - the process as a whole: its start, its failures. */
#include "sys/sys.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Each malloc arena keeps its own free pages; two are enough for threads that do not allocate on their hot paths. */
enum { MALLOC_ARENAS = 2 };

void sys_init(void)
{
	enum log_level level;

	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	signal(SIGPIPE, SIG_IGN);
	if (log_level_parse(getenv("TENON_LOG_LEVEL"), &level))
		log_set_level(level);
}

int sys_fail(int error, const char *what, const char *path)
{
	char text[128], deed[256];
	struct buf b = BUF_FIXED(deed);
	const char *detail = strerror_r(error, text, sizeof(text));

	buf_addf(&b, "%s%s%.180s", what, path ? " " : "", path ? path : "");
	switch (error) {
	case ENOENT: return err_fail(ERR_MISSING, "what", path ? "@file" : what, "value", path ? path : detail, NULL);
	case EEXIST: return err_fail(ERR_EXISTS, "what", "@file", "field", "path", "value", path ? path : what, NULL);
	case ENOSPC:
	case EDQUOT: return err_fail(ERR_FULL, "what", "@disk", "detail", deed, NULL);
	case ENOMEM: return err_fail(ERR_NO_MEMORY, "what", deed, NULL);
	case EAGAIN: return err_fail(ERR_BUSY, "what", deed, NULL);
	default: return err_fail(ERR_IO, "what", deed, "detail", detail, NULL);
	}
}
