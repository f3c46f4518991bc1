/* store_bench.c - records a second and milliseconds a page, as lines "name value unit". bench/store.py runs it beside its peer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rec/every_test.h"
#include "store/store.h"
#include "sys/sys.h"

struct thing {
	struct rec_head head;
	const char *code, *name, *note;
	int32_t size, state;
	double weight;
	int64_t at, period;
	bool enabled;
	struct rec_map tags;
};
static const struct rec_field thing_fields[] = {
	F(struct thing, code, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .max = "64"),
	F(struct thing, name, .flags = REC_SEARCH),
	F_KIND(struct thing, note, REC_TEXT),
	F(struct thing, size, .flags = REC_INDEX, .min = "0"),
	F_ENUM(struct thing, state, every_states),
	F(struct thing, weight, .flags = REC_NULLABLE),
	F_KIND(struct thing, at, REC_TIME),
	F_KIND(struct thing, period, REC_DURATION, .def = "1s"),
	F(struct thing, enabled, .def = "true"),
	F(struct thing, tags),
};
static const struct rec_type thing_type = REC_TYPE(struct thing, "thing", "things", thing_fields);

static struct arena arena;

static void say(const char *name, double value, const char *unit)
{
	printf("%s %.6g %s\n", name, value, unit);
	fflush(stdout);
}

static void check(int r)
{
	if (r < 0) {
		fprintf(stderr, "%s\n", err_log_text(err_peek()));
		exit(1);
	}
}

static double seconds(int64_t since)
{
	return (double) (clock_mono_ns() - since) / 1e9;
}

static struct thing thing(int i)
{
	return (struct thing) { .code = arena_fmt(&arena, "thing-%07d", i), .name = "Vorlauftemperatur Kessel 温度", .note = "a line of text",
		.size = i % 1000, .state = i % 3, .at = i * NS_PER_S, .period = NS_PER_S, .enabled = true };
}

static void put_many(struct store *s, int from, int n)
{
	struct store_tx *tx;
	int64_t t0 = clock_mono_ns();

	check(store_begin(s, STORE_WRITE, 0, &tx));
	for (int i = from; i < from + n; i++) {
		struct thing t = thing(i);

		check(store_put(tx, &thing_type, &t, NULL));
		arena_reset(&arena);
	}
	check(store_commit(tx));
	if (from == 0)
		say("put_in_one_transaction", n / seconds(t0), "records/s");
}

static int pass_over(void *ctx, const void *rec)
{
	(void) ctx;
	(void) rec;
	return 0;
}

/* Pages of 100 from the middle: by cursor, a thousand of them. */
static void pages(struct store *s, const char *sort, const char *name)
{
	struct store_tx *tx;
	struct store_list spec = { .sort = sort, .limit = 100, .arena = &arena };
	struct store_page page;
	int64_t t0;
	int n = 0;

	check(store_begin(s, STORE_READ, 0, &tx));
	for (t0 = clock_mono_ns(); n < 1000; n++) {
		check(store_list(tx, &thing_type, &spec, pass_over, NULL, &page));
		spec.cursor = page.next;
		if (!page.next)
			break;
	}
	say(name, seconds(t0) * 1000 / n, "ms");
	store_rollback(tx);
}

static void json(void)
{
	const char *body = "{\"code\":\"thing-1\",\"name\":\"Vorlauftemperatur Kessel\",\"note\":\"a line of text\",\"size\":77,\"state\":\"running\","
		"\"weight\":12.5,\"at\":\"2026-01-31T08:00:00Z\",\"period\":\"500ms\",\"enabled\":true,\"tags\":{\"line\":\"2\",\"kind\":\"pump\"}}";
	struct buf b = BUF_INIT(&sys_heap, 1 << 16);
	size_t len = strlen(body);
	struct thing t;
	int64_t t0 = clock_cpu_ns();
	enum { N = 200000 };

	for (int i = 0; i < N; i++) {
		struct json out;

		arena_reset(&arena);
		check(rec_from_json(&thing_type, &t, (struct rec_json) { body, len }, REC_CREATE, &arena, NULL));
		buf_clear(&b);
		out = JSON_TO(&b);
		rec_to_json(&thing_type, &t, REC_SHOW_HEAD, NULL, &out);
	}
	say("json_in_check_json_out", N / ((double) (clock_cpu_ns() - t0) / 1e9), "records/s");
	buf_done(&b);
}

int main(int argc, char *argv[])
{
	const struct store_noun noun = { &thing_type, 0 };
	char path[256];
	struct store_config c = { .path = path, .nouns = &noun, .n_nouns = 1 };
	int n = argc > 2 ? (int) strtol(argv[2], NULL, 10) : 1000000;
	struct store *s;
	struct store_tx *tx;
	int64_t t0;

	if (argc < 2) {
		puts("1..0 # SKIP needs a folder; see bench/store.py");
		return 0;
	}
	snprintf(path, sizeof(path), "%s/bench.db", argv[1]);
	c.url = getenv("TENON_TEST_POSTGRES");
	c.schema = "bench";
	arena_init(&arena, &sys_heap, 0);
	if (!c.url)
		json();
	check(store_open(&s, &c));
	put_many(s, 0, 50000);
	t0 = clock_mono_ns();
	for (int i = 0; i < 200; i++) {
		struct thing t = thing(10000000 + i);

		check(store_begin(s, STORE_WRITE, 0, &tx));
		check(store_put(tx, &thing_type, &t, NULL));
		check(store_commit(tx));
	}
	say("put_and_commit", 200 / seconds(t0), "records/s");
	put_many(s, 50000, n - 50000);
	t0 = clock_mono_ns();
	check(store_begin(s, STORE_READ, 0, &tx));
	for (int i = 0; i < 20000; i++) {
		struct thing t;
		char code[32];

		snprintf(code, sizeof(code), "thing-%07d", (int) ((unsigned) i * 2654435761u % (unsigned) n));
		arena_reset(&arena);
		check(store_find_by(tx, &thing_type, "code", code, &t, &arena));
	}
	say("find_by_code", 20000 / seconds(t0), "records/s");
	store_rollback(tx);
	pages(s, NULL, "page_of_100_by_id");
	pages(s, "size", "page_of_100_by_index");
	pages(s, "-size", "page_of_100_by_index_down");
	check(store_begin(s, STORE_READ, 0, &tx));
	t0 = clock_mono_ns();
	check(store_list(tx, &thing_type, &(struct store_list) { .limit = 1, .count = true }, pass_over, NULL, NULL));
	say("count_all", seconds(t0) * 1000, "ms");
	store_rollback(tx);
	store_close(s);
	return 0;
}
