/* No peer: what is written must stay, and what is given back must be used again. */
#include "tsdb/region.h"

#include "tap.h"

#include "sys/sys.h"

static uint64_t state = 3;
static uint32_t dice(uint32_t n) { return (uint32_t) ((state = state * UINT64_C(6364136223846793005) + 1442695040888963407) >> 33) % n; }

TEST(pieces_never_overlap_whatever_was_given_back_before)
{
	enum { N = 3000, ROUNDS = 60000 };
	static struct { uint8_t *p; size_t n; uint8_t mark; } piece[N];
	atomic_size_t total;
	atomic_init(&total, 0);
	struct region *r = region_new(&total);
	int torn = 0;

	must(r);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t k = dice(N);

		for (size_t j = 0; j < piece[k].n; j++)
			torn += piece[k].p[j] != piece[k].mark;
		region_put(r, piece[k].p, piece[k].n);
		piece[k].n = dice(3) ? (size_t) 16 << dice(8) : 1 + dice(3000);
		piece[k].p = region_get(r, piece[k].n);
		piece[k].mark = (uint8_t) i;
		must(piece[k].p && (uintptr_t) piece[k].p % 8 == 0);
		memset(piece[k].p, piece[k].mark, piece[k].n);
	}
	is_int(torn, 0);
	is_int(atomic_load(&total), region_bytes(r));
	region_unref(r);
	is_int(atomic_load(&total), 0);
}

/* A thousand chunks of twelve columns grow from 16 to 256 rows in step, as series do that came at once. */
TEST(columns_that_grow_in_step_take_little_more_than_they_need)
{
	enum { CHUNKS = 1000, COLUMNS = 12, WIDTH = 8 };
	static void *column[CHUNKS][COLUMNS];
	atomic_size_t total;
	atomic_init(&total, 0);
	struct region *r = region_new(&total);

	must(r);
	for (size_t rows = 16; rows <= 256; rows *= 2) {
		for (int i = 0; i < CHUNKS; i++)
			for (int k = 0; k < COLUMNS; k++) {
				void *fresh = region_get(r, rows * WIDTH);

				must(fresh);
				region_put(r, column[i][k], rows / 2 * WIDTH);
				column[i][k] = fresh;
			}
		printf("# %zu rows: %.2f times what is needed\n", rows, (double) region_bytes(r) / (double) (CHUNKS * COLUMNS * rows * WIDTH));
	}
	ok(region_bytes(r) < (size_t) CHUNKS * COLUMNS * 256 * WIDTH * 5 / 4);
	region_unref(r);
}

