/* golden_test.c - folders of released layouts (test/golden/tsdb-v*) open for ever and hold what they held. */
#include <sys/stat.h>

#include "tap.h"

#include "base/str.h"
#include "tsdb/tsdb_fixture.h"

struct copy { char from[512], to[512]; };

static int copy_name(void *ctx, const char *name)
{
	struct copy *c = ctx, next;
	struct buf bytes = BUF_INIT(&sys_heap, 1 << 20);
	struct stat st;
	int r;

	if (!path_join(next.from, sizeof(next.from), c->from, name) || !path_join(next.to, sizeof(next.to), c->to, name) ||
			stat(next.from, &st) < 0)
		return -ERR_IO;
	if (S_ISDIR(st.st_mode)) {
		r = dir_make(next.to, 0700);
		return r < 0 ? r : dir_each(next.from, copy_name, &next);
	}
	r = file_read(next.from, 1 << 20, &bytes);
	if (r == 0)
		r = file_write(next.to, bytes.data, bytes.len, 0600);
	buf_done(&bytes);
	return r;
}

static unsigned nibble(char c) { return (unsigned) (c <= '9' ? c - '0' : c - 'a' + 10); }

/* "=…" as tsdb_writer prints it; texts go into `room`. */
static struct value parse_value(enum vtype type, const char *text, uint8_t *room)
{
	struct value v = { .type = *text == '=' ? type : V_NONE };
	size_t n = strlen(text);

	if (v.type == V_NONE)
		return v;
	if (type == V_BOOL || type == V_I64 || type == V_TIME) {
		num_parse_i64(text + 1, text + n, &v.i);
		if (type == V_BOOL)
			v.b = text[1] == '1';
		return v;
	}
	for (size_t i = 1; i + 1 < n; i += 2)
		room[i / 2] = (uint8_t) (nibble(text[i]) << 4 | nibble(text[i + 1]));
	if (type == V_STR || type == V_BYTES) {
		v.s = (const char *) room;
		v.len = (uint32_t) (n - 1) / 2;
	} else {
		memcpy(&v.f64, room, type == V_F32 ? 4 : 8);
	}
	return v;
}

static bool read_expected(const char *path, struct record *ret)
{
	static char line[70000];
	static uint8_t room[35000];
	FILE *f = fopen(path, "r");
	char type[8], value[40000];
	struct sample s;
	long long t;

	while (f && fgets(line, sizeof(line), f)) {
		memset(&s, 0, sizeof(s));
		if (sscanf(line, "%u %lld %7s %u %39999s", &s.series, &t, type, &s.quality, value) != 5)
			return false;
		s.time_ns = t;
		s.value = parse_value(vtype_parse(type), value, room);
		record_add(ret, &s);
	}
	if (f)
		fclose(f);
	record_settle(ret);
	return ret->n > 0;
}

static void opens(const char *name)
{
	struct fixture f = { 0 };
	struct record want = { 0 };
	struct copy c;
	char expected[600];
	uint32_t series[64];
	const char *top = getenv("TENON_SOURCE");

	must(fixture_folder("tsdb", f.dir, sizeof(f.dir)));
	snprintf(c.from, sizeof(c.from), "%s/test/golden/%s", top ? top : ".", name);
	snprintf(c.to, sizeof(c.to), "%s", f.dir);
	snprintf(expected, sizeof(expected), "%s/expected.txt", c.from);
	is_int(dir_each(c.from, copy_name, &c), 0);
	must(read_expected(expected, &want));
	for (uint32_t i = 0; i < 64; i++)
		series[i] = i + 1;
	const struct tsdb_query q = { .tenant = 1, .series = series, .n_series = 64, .from_ns = INT64_MIN, .to_ns = INT64_MAX };

	/* Without a log, for reading alone. */
	f.config.data_dir = f.dir;
	is_int(tsdb_open(&f.t, &f.config, NULL), 0);
	ok(f.t && store_equals(f.t, &q, &want));
	f.t = tsdb_free(f.t);

	/* And to go on with: with other series beside the old ones. */
	must(fixture_start(&f) == 0);
	struct uuid fresh = uuid_new();
	uint32_t number = 0;
	is_int(tsdb_series(f.t, 1, &fresh, V_F64, &number), 0);
	ok(number == 22);
	struct batch_builder *w = NULL;
	struct batch *b = NULL;
	must(batch_builder_new(&w, 0) == 0 && batch_tall(w, 1, 0, V_F64) == 0);
	struct sample s = { .series = number, .time_ns = 1767225600 * NS_PER_S, .value = { .type = V_F64, .f64 = 1 } };
	must(batch_tall_add(w, &s) == 0 && batch_seal(w, 0, 0, &b) == 0);
	is_int(fixture_append(&f, b), 0);
	batch_unref(b);
	batch_builder_free(w);
	record_add(&want, &s);
	is_int(fixture_settle(&f), 0);
	is_int(tsdb_flush(f.t), 0);
	ok(store_equals(f.t, &q, &want));
	fixture_end(&f);
	record_done(&want);
}

TEST(layout_1_opens_reads_bit_for_bit_and_goes_on) { opens("tsdb-v1"); }
TEST(a_manifest_of_version_2_with_merged_files_opens_and_goes_on) { opens("tsdb-v2"); }
