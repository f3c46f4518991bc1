/*
 * tsdb_files.c - any bytes as each of the store's files: a Parquet file of samples or of figures (parquet.c has what any of Parquet may be), a side index, a
 * dictionary or a manifest. The first byte says which; refused or read, nothing is touched outside.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"
#include "tsdb/file.h"
#include "tsdb/manifest.h"
#include "tsdb/merge/merge.h"
#include "tsdb/roll.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint64_t sink;
static char dir[64];

static void clean_up(void) { dir_remove(dir); }

static bool put(const char *name, const void *data, size_t len, char path[128])
{
	if (!dir[0]) {
		struct buf b = BUF_FIXED(dir);

		buf_addf(&b, "%s/tenon-fuzz-tsdb-%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
		if (dir_make(dir, 0700) < 0)
			return false;
		atexit(clean_up);
	}
	path_join(path, 128, dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	bool good = fd >= 0 && write(fd, data, len) == (ssize_t) len;
	close(fd);
	return good;
}

static void touch(const struct span *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct sample x = span_sample(s, i, 1);

		sink += (uint64_t) x.time_ns + x.quality;
		if (x.value.type == V_STR || x.value.type == V_BYTES)
			for (uint32_t j = 0; j < x.value.len; j++)
				sink += (uint8_t) x.value.s[j];
		else if (x.value.type != V_NONE)
			sink += x.value.type == V_BOOL ? x.value.b : x.value.type == V_F32 ? (x.value.f32 > 0) : (uint64_t) x.value.i;
	}
}

/* Every series of an index as what it claims to be, through scan and merge. */
static void read_series(struct file *f, const struct idx *x)
{
	struct pq_scratch *s = NULL;
	struct scan *c = NULL;
	struct merge m = { 0 };
	struct span span;

	if (pq_scratch_new(&s) < 0 || scan_new(f, s, &c) < 0 || scan_attach(c) < 0) {
		scan_free(c);
		pq_scratch_free(s);
		return;
	}
	scan_want_lag(c, true);
	scan_want_scaled(c, x->n % 2);
	m.keep = true;
	for (uint32_t i = 0; i < x->n && i < 20; i++) {
		merge_begin(&m, i % 3 ? INT64_MIN : x->entry[i].t_min / 2 + x->entry[i].t_max / 2, INT64_MAX - x->n % 2);
		if (merge_add_rows(&m, c, &x->entry[i], x->entry[i].type) < 0)
			break;
		for (int n = 0; n < 1000 && merge_next(&m, &span) > 0; n++)
			touch(&span);
	}
	merge_done(&m);
	scan_free(c);
	pq_scratch_free(s);
}

/* idx NULL: it is to be made. */
static void as_file(const uint8_t *parquet, size_t len, const uint8_t *idx, size_t idx_len)
{
	char path[128], base[128], idx_path[128];
	struct file_info info = { .number = 1, .bytes = len };
	struct names *names = NULL;
	struct file_pool *pool = NULL;
	struct file *f = NULL;
	const struct idx *x;

	if (!put("f.parquet", parquet, len, path) || !put("f.idx", idx, idx_len, idx_path))
		return;
	if (!idx)
		unlink(idx_path);
	path_join(base, sizeof(base), dir, "none.dict");
	if (names_open(base, 1, 0, &names) == 0) {
		path_join(base, sizeof(base), dir, "f");
		if (file_pool_new(4, &pool) == 0 && file_new(pool, names, base, NULL, &info, &f) == 0 && file_use(f, &x) == 0) {
			read_series(f, x);
			file_leave(f);
		}
	}
	file_unref(f);
	file_pool_free(pool);
	names_free(names);
}

/* As figures of minutes, each series of its index; the index is made of it. */
static void as_figures(const uint8_t *parquet, size_t len)
{
	static struct rolls rolls;
	char path[128], base[128], idx_path[128];
	struct file_info info = { .number = 1, .bytes = len, .parts = PART_RAW | PART_MINUTES };
	struct pq_scratch *scratch = NULL;
	struct roll_scan *c = NULL;
	struct names *names = NULL;
	struct file_pool *pool = NULL;
	struct file *f = NULL;
	const struct idx *x;

	if (!put("g.1m.parquet", parquet, len, path))
		return;
	path_join(idx_path, sizeof(idx_path), dir, "g.1m.idx");
	unlink(idx_path);
	path_join(base, sizeof(base), dir, "none.dict");
	if (names_open(base, 1, 0, &names) < 0)
		return;
	path_join(base, sizeof(base), dir, "g");
	if (file_pool_new(4, &pool) == 0 && file_new(pool, names, base, NULL, &info, &f) == 0 && pq_scratch_new(&scratch) == 0 &&
			file_use(file_roll(f, ROLL_MINUTE), &x) == 0) {
		if (roll_scan_new(file_roll(f, ROLL_MINUTE), scratch, &c) == 0)
			for (uint32_t i = 0; i < x->n && i < 20; i++) {
				struct roll row;

				if (roll_read(c, &x->entry[i], i % 2 ? V_I64 : V_F64, false, &rolls) < 0)
					continue;
				for (uint32_t k = 0; k < rolls.n; k++) {
					roll_get(&rolls, k, &row);
					sink += (uint64_t) row.t_min + row.n;
				}
			}
		roll_scan_free(c);
		file_leave(file_roll(f, ROLL_MINUTE));
	}
	pq_scratch_free(scratch);
	file_unref(f);
	file_pool_free(pool);
	names_free(names);
}

/* Checksums stand in the way of a fuzzer: they are set right, so that it gets to what lies behind them. */
static void as_idx(uint8_t *data, size_t len)
{
	static const uint8_t file[4096];
	uint32_t crc;

	if (len < 48)
		return;
	memcpy(data, "TNIX", 4);
	crc = crc32_of(data + 48, len - 48);
	memcpy(data + 8, &crc, 4);
	memcpy(data + 32, &(uint64_t) { sizeof(file) }, 8);
	as_file(file, sizeof(file), data, len);
}

static void as_names(uint8_t *data, size_t len)
{
	char path[128];
	struct names *n = NULL;

	for (size_t at = 16; at + 12 <= len;) {
		uint32_t record[3];

		memcpy(record, data + at, 12);
		record[0] = 0x5345524e;
		record[1] = (uint32_t) MIN((size_t) (record[1] & 0x7c), len - at - 12) & ~3u;
		record[2] = crc32_of(data + at + 12, record[1]);
		memcpy(data + at, record, 12);
		at += 12 + record[1];
	}
	/* Numbers are taken as they are; huge ones would only cost time. */
	if (!put("series.dict", data, len, path) || names_open(path, 1, 0, &n) < 0)
		return;
	struct uuid p = { { 9 } };
	uint8_t type = V_F64;
	uint32_t got;
	if (names_add(n, 1, &p, &type, &got) == 0)
		sink += names_series(n, got)->number;
	for (uint32_t i = 1; i <= names_list_count(n) && i < 100; i++)
		sink += names_list_get(n, i) ? names_list_get(n, i)->k : 0;
	names_free(n);
}

static void as_manifest(uint8_t *data, size_t len)
{
	char path[128];
	struct manifest m = { 0 };
	uint32_t crc;

	if (len >= 40) {
		memcpy(data, "TNMF\1\0\0\0", 8);
		crc = crc32_of(data + 12, len - 12);
		memcpy(data + 8, &crc, 4);
		memcpy(data + 12, "\1\0\0\0", 4);
	}
	if (put("manifest", data, len, path) && manifest_read(path, 1, &m) == 0)
		sink += m.n;
	manifest_done(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t *copy;

	if (len < 2 || !(copy = sys_alloc(len)))
		return 0;
	memcpy(copy, data, len);
	switch (data[0] % 6) {
	case 1:
		as_idx(copy + 1, len - 1);
		break;
	case 2:
		as_names(copy + 1, len - 1);
		break;
	case 3:
		as_manifest(copy + 1, len - 1);
		break;
	case 5:
		as_figures(copy + 1, len - 1);
		break;
	default:
		as_file(copy + 1, len - 1, NULL, 0);
	}
	err_clear();
	sys_free(copy);
	return 0;
}
