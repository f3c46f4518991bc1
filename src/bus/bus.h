/*
 * bus.h - live values: the last sample of every series, and who wants to be told.
 *
 * A volatile reader of the log. The owner's loop calls bus_pump() when the log says that something is there; the bus keeps the
 * newest sample (by source time; of equal times the later wins) of each {tenant, series} in paged flat arrays, together with a
 * change number that grows over the whole bus. The series of a tenant are chained in the order of their last change, so a subscriber
 * needs no queue: it remembers the number it has seen and is given every series whose number is higher, once, with its latest
 * value. A slow one loses intermediate values and never a last one, and costs no memory. Change numbers begin at the wall clock,
 * so one from an earlier process means "everything".
 *
 * Thread: the loop's alone, but for bus_last, bus_read, bus_retract, bus_stats and bus_now, which may be called from any. Callbacks run inside
 * bus_pump(); they may subscribe, unsubscribe and resume, but neither pump nor put.
 * Memory: some 60 bytes a series; texts beside that, cut at BUS_TEXT_MAX at the border of a character; series beyond series_max are refused and counted.
 */
#pragma once

#include "model/batch.h"

struct bus;
struct bus_sub;
struct wal;

enum { BUS_TEXT_MAX = 1024, BUS_CHUNK = 512 /* values a call of on_values at most */ };

struct bus_config {
	struct wal *wal;                        /* NULL: fed by bus_put() only */
	uint32_t series_max;                    /* highest number of a series in a tenant; 0: 16 M */
	void (*on_ready)(void *ctx);            /* from any thread: have bus_pump() called soon */
	/* The series of a registered list (batch.h), n of them; NULL: not known, the batch is counted as unknown. */
	const uint32_t *(*list)(void *ctx, uint32_t tenant, uint32_t list, uint32_t n);
	void *ctx;
};

int bus_new(struct bus **ret, const struct bus_config *config);
struct bus *bus_free(struct bus *b);                    /* NULL is fine; ends the subscriptions */
DEFINE_CLEANUP(struct bus *, bus_free)

/* Takes up to `budget` samples from the log, then tells subscribers that are due. Returns when it wants to be called again
 * (monotonic ns): 0 = at once, there is more; INT64_MAX = not before on_ready. -ERR_x of the log is returned as it is: try later. */
int64_t bus_pump(struct bus *b, uint32_t budget);

/* What somebody knows from elsewhere: tsdb after a start, a test. Older than what is there: ignored. */
void bus_put(struct bus *b, uint32_t tenant, const struct sample *samples, size_t n);
void bus_forget(struct bus *b, uint32_t tenant, uint32_t series);       /* the point is gone */
/* From any thread; done with the next bus_pump(): a series whose last sample lies in from <= time < to knows it no more, but what is left of it. For samples
 * that were deleted. Texts are copied. -ERR_NO_MEMORY. */
struct bus_retract { uint32_t series; int64_t from_ns, to_ns; bool is_left; struct sample left; };
int bus_retract(struct bus *b, uint32_t tenant, const struct bus_retract *items, size_t n);

/* Reading. */

struct bus_value {
	struct sample sample;
	int64_t since_ns;                       /* source time of the first sample with this quality, as far back as this process has seen */
	uint64_t change;
};

/* The last sample; a text is copied to text[size] with a NUL, cut when it does not fit, and sample.value points there.
 * false: nothing is known. */
bool bus_last(struct bus *b, uint32_t tenant, uint32_t series, struct bus_value *ret, char *text, size_t size);
/* Many at one instant: fn is called for each that is known, while nothing can change; it must be quick and not call the bus. */
void bus_read(struct bus *b, uint32_t tenant, const uint32_t *series, size_t n, void (*fn)(void *ctx, const struct bus_value *v), void *ctx);
uint64_t bus_now(struct bus *b);                        /* the highest change number */

/* Subscribing. */

struct bus_sub_config {
	uint32_t tenant;
	const uint32_t *series;                 /* copied; duplicates do no harm */
	size_t n;                               /* 0: all series of the tenant, also those to come */
	double max_rate_hz;                     /* calls a second at most; 0: as it comes */
	uint64_t after;                         /* changes after this number; 0: begins with all current values; UINT64_MAX: only new ones */
	/* Values in the order of their last change; texts are borrowed until it returns. Returns how many it took: fewer than n means
	 * that it can take no more now; bus_resume() says when it can. */
	size_t (*on_values)(void *ctx, const struct bus_value *v, size_t n);
	void *ctx;
};

int bus_subscribe(struct bus *b, const struct bus_sub_config *config, struct bus_sub **ret);
struct bus_sub *bus_unsubscribe(struct bus_sub *s);     /* NULL is fine; also inside its own callback */
/* Ready for more after it took less than it was given. The owner's loop pumps soon after: on_ready is called. */
void bus_resume(struct bus_sub *s);
uint64_t bus_sub_seen(const struct bus_sub *s);         /* what it has taken: pass as `after` to go on later */

struct bus_stats {
	uint64_t batches, samples;              /* from the log */
	uint64_t changes;                       /* samples that became the last; of an even group of rows the first and the last are looked at */
	uint64_t late;                          /* older than what was there */
	uint64_t refused;                       /* beyond series_max, or no memory */
	uint64_t unknown;                       /* batches of a list nobody knows */
	uint64_t lost;                          /* batches passed over by the log */
	uint64_t calls, told;                   /* of on_values; values taken in them */
	uint32_t tenants, series, subs, stopped;        /* stopped: subscribers that took less */
};
void bus_stats(struct bus *b, struct bus_stats *ret);
