/* log.c - one line per event on standard error. */
#include "sys/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/thread.h"

enum { LINE_MAX_BYTES = 2000, BURST = 20 };
static const int64_t WINDOW_NS = 10 * NS_PER_S;

atomic_int log_floor_ = LOG_LEVEL_INFO;

static struct {
	struct mutex lock;
	void (*fn)(void *ctx, enum log_level level, const char *module, const char *text);
	void *ctx;
} sink = { .lock = MUTEX_INIT };

static struct once journal_once = ONCE_INIT;
static bool to_journal;

static const struct { const char *word, *shown; int priority; } levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "ERROR", 3 }, [LOG_LEVEL_WARN] = { "warn", "WARN", 4 },
	[LOG_LEVEL_INFO] = { "info", "INFO", 6 }, [LOG_LEVEL_DEBUG] = { "debug", "DEBUG", 7 },
};

void log_set_level(enum log_level level) { atomic_store(&log_floor_, (int) level); }

bool log_level_parse(const char *word, enum log_level *ret)
{
	for (size_t i = 0; word && i < ELEMENTSOF(levels); i++) {
		if (strcmp(word, levels[i].word) == 0) {
			*ret = (enum log_level) i;
			return true;
		}
	}
	return false;
}

void log_set_sink(void (*fn)(void *ctx, enum log_level level, const char *module, const char *text), void *ctx)
{
	mutex_hold(&sink.lock);
	sink.fn = fn;
	sink.ctx = ctx;
}

/* systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream; it may have been redirected since. */
static void find_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	to_journal = env && sscanf(env, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
		st.st_dev == device && st.st_ino == inode;
}

/* May this place speak now? *ret_kept: what it did not say in the window that just ended. */
static bool may_speak(struct log_site *site, unsigned *ret_kept)
{
	long long now = clock_mono_ns(), start = atomic_load(&site->window_ns);

	*ret_kept = 0;
	if ((!start || now - start >= WINDOW_NS) && atomic_compare_exchange_strong(&site->window_ns, &start, now)) {
		unsigned said = atomic_exchange(&site->n, 1);

		*ret_kept = said > BURST ? said - BURST : 0;
		return true;
	}
	return atomic_fetch_add(&site->n, 1) < BURST;
}

void log_line(struct log_site *site, enum log_level level, const char *module, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	unsigned kept;
	va_list args;

	if (!may_speak(site, &kept))
		return;
	va_start(args, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (n < 0)
		return;
	size_t len = MIN((size_t) n, sizeof(text) - 1);
	if (kept)
		len += (size_t) MAX(snprintf(text + len, sizeof(text) - len, " suppressed=%u", kept), 0);
	len = MIN(len, sizeof(text) - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) text[i] < ' ' || text[i] == 0x7f)
			text[i] = ' ';

	mutex_hold(&sink.lock);
	if (sink.fn) {
		sink.fn(sink.ctx, level, module, text);
		return;
	}
	once_run(&journal_once, find_journal);
	n = to_journal ? snprintf(line, sizeof(line), "<%d>%s: %s\n", levels[level].priority, module, text)
		: snprintf(line, sizeof(line), "%s %s: %s\n", levels[level].shown, module, text);
	if (n > 0 && write(STDERR_FILENO, line, MIN((size_t) n, sizeof(line) - 1)) < 0)
		return;         /* nowhere left to complain */
}
