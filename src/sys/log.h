/*
 * log.h - one line per event on standard error: `WARN wal: fsync failed segment=12 error="..."`.
 *
 *   log_info("wal", "opened segments=%u bytes=%zu", n, bytes);
 *
 * Text first, then key=value pairs, by hand. When journald reads us, its priority prefix stands in front instead of a level word it
 * would repeat. A line holds no control characters and at most 2,000 bytes. Each place in the code says at most 20 lines in 10 s;
 * then it is silent and says later how many it kept to itself.
 * Only daemon, api, cli and link log failures (base/err.h); nothing is formatted or evaluated below the floor.
 *
 * Thread: any; a line is one write. Memory: none.
 */
#pragma once

#include <stdatomic.h>

#include "base/base.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_site { atomic_llong window_ns; atomic_uint n; };

extern atomic_int log_floor_;           /* enum log_level; what lies beyond is not said */

void log_set_level(enum log_level level);
bool log_level_parse(const char *word, enum log_level *ret);    /* error warn info debug */
/* Where lines go instead of standard error (a test, the console's log page); NULL fn: back. `text` is without newline. */
void log_set_sink(void (*fn)(void *ctx, enum log_level level, const char *module, const char *text), void *ctx);

void log_line(struct log_site *site, enum log_level level, const char *module, const char *fmt, ...) PRINTF_LIKE(4, 5);

#define log_at(level, module, ...) do {                                                                                 \
		static struct log_site site_;                                                                           \
		if ((int) (level) <= atomic_load_explicit(&log_floor_, memory_order_relaxed))                           \
			log_line(&site_, level, module, __VA_ARGS__);                                                   \
	} while (0)
#define log_error(module, ...) log_at(LOG_LEVEL_ERROR, module, __VA_ARGS__)
#define log_warn(module, ...) log_at(LOG_LEVEL_WARN, module, __VA_ARGS__)
#define log_info(module, ...) log_at(LOG_LEVEL_INFO, module, __VA_ARGS__)
#define log_debug(module, ...) log_at(LOG_LEVEL_DEBUG, module, __VA_ARGS__)
