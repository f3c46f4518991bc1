/* impl.h - live values from inside. Only the loop changes anything, under `lock`; so the loop itself reads without it. */
#pragma once

#include "bus/bus.h"
#include "sys/sys.h"

enum {
	PAGE = 256,                     /* slots: 14 KB */
	LOCKED_MAX = 512,               /* samples taken under one lock: a reader waits some 20 µs at most */
};

struct text { uint32_t room; char s[]; };

/* The series of a tenant form a chain from the one changed last to the one changed first; series 0 ends it. */
struct slot {
	int64_t time_ns, since_ns;
	union { uint64_t bits; struct text *text; };
	uint64_t change;                /* 0: nothing is known */
	uint32_t newer, older;
	uint32_t quality, len;
	uint8_t type;
};

struct tenant {
	uint32_t id, n_pages, newest;
	uint64_t change;                /* the last one in it */
	struct slot **page;
};

struct bus_sub {
	struct bus *b;
	uint32_t tenant;
	size_t n;
	uint32_t *series;
	struct changed { uint64_t change; uint32_t series; } *found;    /* n of them: what has changed, put in order */
	int64_t interval_ns, due_ns;
	uint64_t seen;
	bool stopped, dead;
	size_t (*on_values)(void *ctx, const struct bus_value *v, size_t n);
	void *ctx;
};

struct wal_reader;
struct bus {
	struct bus_config config;
	struct wal_reader *reader;
	struct batch *batch;            /* being taken */
	struct batch_iter iter;
	struct mutex lock;
	struct tenant **tenant;         /* by id */
	uint32_t n_tenants, tenant_room;
	uint64_t change;
	struct bus_stats stats;
	struct retraction *retract, **retract_end;

	/* The loop's own. */
	struct bus_sub **sub;
	uint32_t n_subs, sub_room;
	bool telling;
	struct bus_value values[BUS_CHUNK];
};

struct tenant *bus_tenant(const struct bus *b, uint32_t id);                    /* NULL: none */
struct slot *bus_slot(const struct tenant *t, uint32_t series);                 /* NULL: none; t may be NULL */
void bus_value_of(const struct slot *s, uint32_t series, struct bus_value *ret);

/* retract.c: those that were asked for; doing false: they are only given up */
void retract_all(struct bus *b, bool doing);

/* subs.c */
int64_t subs_tell(struct bus *b);                                               /* when again: as bus_pump() */
void subs_free(struct bus *b);
