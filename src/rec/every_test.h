/* every_test.h - a stored type with a field of every kind, for the tests of rec and store; and random records of any type. */
#pragma once

#include "base/str.h"
#include "rec/rec.h"

static const struct rec_word every_states[] = {
	{ "stopped", "Stopped", "停机" }, { "running", "Running", "运行" }, { "fault", "Fault", "故障" }, { NULL },
};
static const struct rec_word every_rights[] = { { "read" }, { "write" }, { "admin" }, { NULL } };

struct every_limit { uint64_t has[2]; double value; const char *note; bool active; };
static const struct rec_field every_limit_fields[] = {
	F(struct every_limit, value, .flags = REC_NULLABLE, .min = "-1000", .max = "1000"),
	F(struct every_limit, note, .max = "20"),
	F(struct every_limit, active, .def = "true"),
};
static const struct rec_type every_limit_type = REC_PLAIN_HAS(struct every_limit, "limit", every_limit_fields);

struct every_tcp { const char *host, *password; uint32_t port; };
static const struct rec_field every_tcp_fields[] = {
	F(struct every_tcp, host, .flags = REC_REQUIRED, .min = "1", .max = "64"),
	F(struct every_tcp, password, .flags = REC_SECRET),
	F(struct every_tcp, port, .def = "502", .min = "1", .max = "65535"),
};
static const struct rec_type every_tcp_type = REC_PLAIN(struct every_tcp, "tcp", every_tcp_fields);

struct every_serial { const char *line; uint32_t baud; };
static const struct rec_field every_serial_fields[] = {
	F(struct every_serial, line, .flags = REC_REQUIRED),
	F(struct every_serial, baud, .def = "9600"),
};
static const struct rec_type every_serial_type = REC_PLAIN(struct every_serial, "serial", every_serial_fields);

static const struct rec_word every_ways[] = { { "none" }, { "tcp" }, { "serial" }, { NULL } };
static const struct rec_variant every_variants[] = { { "tcp", &every_tcp_type }, { "serial", &every_serial_type }, { NULL } };

struct every {
	struct rec_head head;
	const char *code, *name, *note, *meta;
	bool enabled, known;
	int32_t small, day, state, way, maybe_small;
	uint32_t count, rights;
	int64_t big, price, at, period, seen;
	uint64_t huge;
	double level, ratio;
	struct rec_bytes key;
	struct uuid other, parent;
	struct rec_list numbers, names, friends, limits, days;
	struct every_limit limit, spare;
	struct rec_map tags;
	void *settings;
	const char *secret, *inner, *made;
};

static const struct rec_field every_fields[] = {
	F(struct every, code, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1", .max = "64", .label = "Code", .label_zh = "编码"),
	F(struct every, name, .flags = REC_SEARCH, .def = "nameless", .label = "Name", .label_zh = "名称", .group = "general"),
	F_KIND(struct every, note, REC_TEXT, .flags = REC_NULLABLE, .doc = "Anything */ at all"),
	F_KIND(struct every, meta, REC_JSON),
	F(struct every, enabled, .def = "true"),
	F(struct every, known, .flags = REC_NULLABLE),
	F(struct every, small, .min = "-5", .max = "5", .flags = REC_INDEX),
	F_KIND(struct every, day, REC_DATE),
	F_ENUM(struct every, state, every_states, .def = "running"),
	F_ENUM(struct every, way, every_ways),
	F(struct every, maybe_small, .flags = REC_NULLABLE | REC_INDEX),
	F(struct every, count, .min = "1", .def = "3"),
	F_KIND(struct every, rights, REC_FLAGS, .words = every_rights, .def = "read,write"),
	F(struct every, big),
	F_KIND(struct every, price, REC_DEC, .scale = 2, .min = "-100.00", .unit = "¥"),
	F_KIND(struct every, at, REC_TIME, .min = "1990-01-01T00:00:00Z", .def = "2020-01-01T00:00:00Z"),
	F_KIND(struct every, period, REC_DURATION, .min = "10ms", .max = "24h", .def = "1s"),
	F_KIND(struct every, seen, REC_TIME, .flags = REC_NULLABLE),
	F(struct every, huge),
	F(struct every, level, .max = "100.5"),
	F(struct every, ratio, .flags = REC_NULLABLE),
	F(struct every, key, .max = "16"),
	F(struct every, other),
	F_REF(struct every, parent, "every"),
	F_KIND(struct every, numbers, REC_LIST, .item = REC_I32, .max = "4"),
	F_KIND(struct every, names, REC_LIST, .item = REC_STR, .pattern = "[a-z]+"),
	F_KIND(struct every, friends, REC_LIST, .item = REC_REF, .ref = "every"),
	F_KIND(struct every, limits, REC_LIST, .item = REC_REC, .type = &every_limit_type),
	F_KIND(struct every, days, REC_LIST, .item = REC_DATE, .flags = REC_NULLABLE),
	F_KIND(struct every, limit, REC_REC, .type = &every_limit_type),
	F_KIND(struct every, spare, REC_REC, .type = &every_limit_type, .flags = REC_NULLABLE),
	F(struct every, tags),
	F_KIND(struct every, settings, REC_VARIANT, .sibling = "way", .variants = every_variants),
	F(struct every, secret, .flags = REC_SECRET),
	F(struct every, inner, .flags = REC_INTERNAL),
	F(struct every, made, .flags = REC_READONLY, .def = "by hand"),
};
static const struct rec_type every_type = REC_TYPE(struct every, "every", "everies", every_fields, .title = "Every", .title_zh = "全部",
	.unique = "name,small;parent,code");

/* test/golden/store-v1.db was made with these dice: what is added draws last, in a function of its own. One throw a statement: C
 * leaves the order within one to the compiler. */

/* --- random records that keep the rules ----------------------------------------------------------------------------------- */

struct dice { uint64_t state; };
static inline uint64_t dice(struct dice *d)     /* splitmix64 */
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}
static inline uint64_t dice_below(struct dice *d, uint64_t n) { return dice(d) % n; }
static inline const char *dice_text(struct dice *d, struct arena *a, size_t most)
{
	static const char *const letters[] = { "a", "b", "z", "7", " ", "é", "温", "𝛑", "\"", "\\", "/", "%", "'", "@", "," };
	size_t n = dice_below(d, most + 1);
	char *text = arena_alloc(a, n * 4 + 1), *p = text;

	while (n--)
		for (const char *c = letters[dice_below(d, ELEMENTSOF(letters))]; *c; c++)
			*p++ = *c;
	return text;
}
static inline struct uuid dice_uuid(struct dice *d)
{
	uint64_t v[2];
	struct uuid u;

	v[0] = dice(d);
	v[1] = dice(d) | 1;
	memcpy(&u, v, 16);
	return u;
}

static inline struct every_limit every_random_limit(struct dice *d, struct arena *a)
{
	struct every_limit l = { .note = dice_below(d, 2) ? dice_text(d, a, 10) : NULL };

	l.active = dice_below(d, 2);
	if (dice_below(d, 2)) {
		l.has[0] = 1;
		l.value = (double) (int64_t) (dice(d) % 2000000) / 1000 - 1000;
	}
	return l;
}

static inline struct rec_list every_random_list(struct dice *d, struct arena *a, enum rec_kind item)
{
	struct rec_list list = { .n = (uint32_t) dice_below(d, 4) };
	static const char *const words[] = { "a", "bc", "xyz" };

	list.items = arena_alloc(a, 64 * 4);
	for (uint32_t i = 0; i < list.n; i++)
		switch (item) {
		case REC_I32: ((int32_t *) list.items)[i] = (int32_t) dice(d); break;
		case REC_DATE: ((int32_t *) list.items)[i] = (int32_t) dice_below(d, 40000); break;
		case REC_STR: ((const char **) list.items)[i] = words[dice_below(d, 3)]; break;
		case REC_REF: ((struct uuid *) list.items)[i] = dice_uuid(d); break;
		case REC_REC: ((struct every_limit *) list.items)[i] = every_random_limit(d, a); break;
		default: break;
		}
	return list;
}

static inline void every_random_rest(struct dice *d, struct arena *a, struct every *e)
{
	e->numbers = every_random_list(d, a, REC_I32);
	e->names = every_random_list(d, a, REC_STR);
	e->friends = every_random_list(d, a, REC_REF);
	e->limits = every_random_list(d, a, REC_REC);
	e->limit = every_random_limit(d, a);
	e->tags.n = (uint32_t) dice_below(d, 4);
	e->tags.items = arena_array(a, struct rec_pair, 4);
	for (uint32_t i = 0; i < e->tags.n; i++)
		e->tags.items[i] = (struct rec_pair) { arena_fmt(a, "k%u", i), dice_text(d, a, 12) };
	e->way = (int32_t) dice_below(d, 3);
	if (e->way == 1) {
		struct every_tcp *tcp = arena_new(a, struct every_tcp);

		tcp->host = "plc-1";
		tcp->password = dice_below(d, 2) ? "geheim" : NULL;
		tcp->port = 1 + (uint32_t) dice_below(d, 65535);
		e->settings = tcp;
	} else if (e->way == 2) {
		struct every_serial *serial = arena_new(a, struct every_serial);

		*serial = (struct every_serial) { "ttyS0", (uint32_t) dice_below(d, 200000) };
		e->settings = serial;
	}
	if (dice_below(d, 2)) {
		e->days = every_random_list(d, a, REC_DATE);
		rec_set_has(&every_type, e, rec_field(&every_type, "days"), true);
	}
	if (dice_below(d, 2)) {
		e->spare = every_random_limit(d, a);
		rec_set_has(&every_type, e, rec_field(&every_type, "spare"), true);
	}
}

#define EVERY_MAYBE(member, value) do { if (dice_below(d, 2)) { e->member = (value);                                           \
	rec_set_has(&every_type, e, rec_field(&every_type, #member), true); } } while (0)

static inline void every_random(struct dice *d, struct arena *a, struct every *e)
{
	*e = (struct every) { 0 };
	e->code = arena_fmt(a, "c-%llx", (unsigned long long) dice(d));
	e->name = dice_text(d, a, 30);
	e->note = dice_below(d, 2) ? dice_text(d, a, 60) : NULL;
	e->meta = dice_below(d, 2) ? "{\"a\":[1,2.5,null,true],\"b\":{\"c\":\"d\"}}" : NULL;
	e->enabled = dice_below(d, 2);
	EVERY_MAYBE(known, dice_below(d, 2));
	e->small = (int32_t) dice_below(d, 11) - 5;
	e->day = (int32_t) dice_below(d, 60000) - 20000;
	e->state = (int32_t) dice_below(d, 3);
	EVERY_MAYBE(maybe_small, (int32_t) dice(d));
	e->count = 1 + (uint32_t) dice_below(d, UINT32_MAX);
	e->rights = (uint32_t) dice_below(d, 8);
	e->big = (int64_t) dice(d);
	e->big >>= dice_below(d, 64);
	e->price = (int64_t) dice_below(d, 1000000000000) - 10000;
	e->at = (int64_t) (dice_below(d, 4000000000) + 700000000) * NS_PER_S;
	e->at += (int64_t) dice_below(d, 1000000000);
	e->period = 10 * NS_PER_MS + (int64_t) dice_below(d, 86000) * NS_PER_S;
	e->period += (int64_t) dice_below(d, 1000000000);
	EVERY_MAYBE(seen, (int64_t) dice(d) >> 2);
	e->huge = dice(d);
	e->huge >>= dice_below(d, 64);
	e->level = 100.5 - (double) dice_below(d, 1000000) / 7;
	EVERY_MAYBE(ratio, (double) (int64_t) dice(d) * 1e-30);
	if (dice_below(d, 2))
		e->key = (struct rec_bytes) { arena_dup(a, "\0\1\2\377abcdefghijkl", 16), dice_below(d, 17) };
	if (dice_below(d, 2))
		e->other = dice_uuid(d);
	e->secret = dice_below(d, 2) ? dice_text(d, a, 9) : NULL;
	e->inner = dice_below(d, 2) ? dice_text(d, a, 9) : NULL;
	e->made = dice_below(d, 2) ? "by dice" : "";
	every_random_rest(d, a, e);
}
