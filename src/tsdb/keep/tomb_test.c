/* tomb_test.c - deletes beside the files, held against a table of every instant of a few series. */
#include "tap.h"

#include "base/err.h"
#include "tsdb/manifest.h"
#include "tsdb/tsdb_fixture.h"

enum { SERIES = 4, TIMES = 48 };

/* Serial of the delete that means the instant, the newest one; 0: none. */
struct table { uint64_t serial[SERIES][TIMES]; };

static size_t random_more(uint64_t *seed, struct tomb *more, uint64_t serial, struct table *table)
{
	size_t n = 0;

	for (uint32_t s = 0; s < SERIES; s++)
		for (int64_t at = (int64_t) (random_next(seed) % TIMES); at < TIMES && random_next(seed) % 3; at += 1 + (int64_t) (random_next(seed) % 9)) {
			int64_t to = MIN(at + 1 + (int64_t) (random_next(seed) % 12), (int64_t) TIMES);

			more[n++] = (struct tomb) { .series = s + 1, .from_ns = at, .to_ns = to, .rank = serial, .serial = serial };
			for (; at < to; at++)
				table->serial[s][at] = serial;
		}
	return n;
}

static bool equals(const struct tombs *t, const struct table *table, uint64_t newest)
{
	if (!tombs_are_right(t))
		return false;
	for (uint64_t rank = 1; rank <= newest; rank++) {
		struct file_info f = { .number = rank, .rank = rank, .tombs = rank / 2, .series_min = 1, .series_max = SERIES, .t_max = TIMES };

		for (uint32_t s = 0; s < SERIES; s++)
			for (int64_t i = 0; i < TIMES; i++) {
				uint64_t is = table->serial[s][i];

				if (tombs_touch(t, &f, s + 1, i, i) != (is && is >= rank && is > f.tombs))
					return false;
				int64_t left = i;
				while (left > 0 && tombs_touch(t, &f, s + 1, left - 1, left - 1))
					left--;
				if (tombs_before(t, &f, s + 1, 0, i) != left)
					return false;
			}
	}
	return true;
}

TEST(tombs_of_a_series_never_overlap_and_the_newest_means_what_the_older_meant)
{
	bool good = true;

	for (uint64_t seed = 1; seed < 300 && good; seed++) {
		uint64_t x = seed * 1000;
		struct table table = { 0 };
		struct tombs *t = NULL, *next;
		struct tomb more[SERIES * TIMES];

		for (uint64_t serial = 1; serial < 7; serial++) {
			size_t n = random_more(&x, more, serial, &table);

			must(tombs_add(t, more, n, &next) == 0);
			tombs_unref(t);
			t = next;
		}
		good = equals(t, &table, 6);
		if (!good)
			printf("# seed %llu\n", (unsigned long long) seed);
		tombs_unref(t);
	}
	ok(good);
}

TEST(a_tomb_without_a_file_it_touches_goes_and_one_of_a_newer_file_is_not_needed)
{
	const struct tomb more[] = { { .series = 2, .from_ns = 10, .to_ns = 20, .rank = 5, .serial = 3 },
		{ .series = 7, .from_ns = 10, .to_ns = INT64_MAX, .rank = 5, .serial = 3 } };
	struct file_info f[] = { { .number = 5, .rank = 5, .t_min = 0, .t_max = 100, .series_min = 3, .series_max = 9 },
		{ .number = 8, .rank = 6, .t_min = 0, .t_max = 100, .series_min = 1, .series_max = 9 },
		{ .number = 9, .rank = 4, .tombs = 3, .t_min = 0, .t_max = 100, .series_min = 1, .series_max = 9 } };
	struct tombs *t, *left;

	is_int(tombs_add(NULL, more, 2, &t), 0);
	is_int(tombs_needed(t, f, 3, &left), 0);
	must(left && left->n == 1);
	is_int(left->tomb[0].series, 7);
	ok(tombs_touch_file(t, &f[0]));
	ok(!tombs_touch_file(t, &f[1]));
	ok(!tombs_touch_file(t, &f[2]));
	ok(!tombs_touch(t, &f[0], 7, 0, 9));
	ok(tombs_touch(t, &f[0], 7, 0, 10));
	ok(tombs_touch(t, &f[0], 7, INT64_MAX, INT64_MAX));
	tombs_unref(left);
	is_int(tombs_needed(t, f + 1, 2, &left), 0);
	ok(!left);
	tombs_unref(t);
}

TEST(more_tombs_than_there_is_room_for_are_refused)
{
	_cleanup_free_ struct tomb *more = sys_alloc_array(TOMBS_MAX + 1, sizeof(*more));
	struct tombs *t = NULL, *next = NULL;

	must(more);
	for (uint32_t i = 0; i <= TOMBS_MAX; i++)
		more[i] = (struct tomb) { .series = i + 1, .to_ns = 1, .rank = 1, .serial = 1 };
	is_int(tombs_add(NULL, more, TOMBS_MAX, &t), 0);
	is_int(tombs_add(t, more + TOMBS_MAX, 1, &next), -ERR_LIMIT);
	ok(!next);
	tombs_unref(t);
}

static bool same(const struct manifest *a, const struct manifest *b)
{
	if (a->n != b->n || a->covered != b->covered || a->next != b->next || a->next_tomb != b->next_tomb || a->tombs->n != b->tombs->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct file_info *x = &a->file[i], *y = &b->file[i];

		if (x->number != y->number || x->rank != y->rank || x->folder != y->folder || x->parts != y->parts || x->tombs != y->tombs ||
				x->t_min != y->t_min || x->series_max != y->series_max || x->written_ns != y->written_ns)
			return false;
	}
	return memcmp(a->tombs->tomb, b->tombs->tomb, a->tombs->n * sizeof(struct tomb)) == 0;
}

/* Where it lies: thousands of times, so without a sync and never shorter. */
static bool flip(const char *path, struct buf *b, size_t bit)
{
	FILE *f = fopen(path, "r+");

	b->data[bit / 8] = (char) (b->data[bit / 8] ^ 1 << bit % 8);
	bool good = f && fwrite(b->data, 1, b->len, f) == b->len;
	return f && fclose(f) == 0 && good;
}

TEST(a_manifest_comes_back_with_folders_parts_and_tombs_and_no_flipped_bit_passes)
{
	char dir[] = "/tmp/tenon-manifest-XXXXXX", path[64];
	struct file_info f[] = { { .number = 3, .rank = 2, .t_min = -5, .t_max = 9, .series_min = 1, .series_max = 4, .rows = 8, .parts = PARTS_ALL,
		.written_ns = 77 }, { .number = 6, .rank = 6, .day = 3, .level = LEVEL_DAY, .folder = FOLDER_SECOND, .parts = PART_HOURS, .tombs = 4 } };
	struct manifest m = { .covered = 12, .next = 7, .file = f, .n = 2, .next_tomb = 9, .tombs = tombs_new(2) }, back = { 0 };
	struct buf bytes = BUF_INIT(&sys_heap, 1 << 18);

	must(m.tombs && mkdtemp(dir));
	m.tombs->tomb[m.tombs->n++] = (struct tomb) { .series = 2, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .rank = 6, .serial = 8, .made_ns = 5 };
	m.tombs->tomb[m.tombs->n++] = (struct tomb) { .series = 4, .from_ns = -3, .to_ns = 2, .rank = 2, .serial = 4, .made_ns = 6 };
	snprintf(path, sizeof(path), "%s/manifest", dir);
	is_int(manifest_write(path, 1, &m), 0);
	is_int(manifest_read(path, 1, &back), 0);
	ok(same(&m, &back));
	manifest_done(&back);
	is_int(manifest_read(path, 2, &back), -ERR_CORRUPT);
	must(file_read(path, 1 << 16, &bytes) == 0);
	unsigned passed = 0;
	for (size_t i = 0; i < bytes.len * 8; i++) {
		must(flip(path, &bytes, i));
		passed += manifest_read(path, 1, &back) >= 0;
		must(flip(path, &bytes, i));
	}
	is_int(passed, 0);
	buf_done(&bytes);
	tombs_unref(m.tombs);
	file_unlink(path);
	rmdir(dir);
}
