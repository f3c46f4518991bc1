/* gunzip_test.c - expected bytes: GNU gzip 1.12 (`printf … | gzip -n9 | xxd -i`). */
#include "tap.h"

#include "base/err.h"
#include "io/gunzip.h"
#include "sys/sys.h"

/* "hello, hello, hello\n" */
static const unsigned char hello[] = { 0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0xc8, 0x40, 0xa2, 0xb8, 0x00,
	0xe7, 0x42, 0x6e, 0x52, 0x14, 0, 0, 0 };

TEST(what_gzip_packed_is_unpacked_also_in_two_members)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20), twice = BUF_INIT(&sys_heap, 1000);

	is_int(gunzip(hello, sizeof(hello), 1000, &b), 0);
	is_str(b.data, "hello, hello, hello\n");
	buf_addn(&twice, hello, sizeof(hello));
	buf_addn(&twice, hello, sizeof(hello));
	buf_clear(&b);
	is_int(gunzip(twice.data, twice.len, 1000, &b), 0);
	is_int(b.len, 40);
	buf_done(&b);
	buf_done(&twice);
}

TEST(the_bound_is_exact_and_nothing_beyond_it_is_made)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	is_int(gunzip(hello, sizeof(hello), 20, &b), 0);
	buf_clear(&b);
	is_int(gunzip(hello, sizeof(hello), 19, &b), -ERR_TOO_LARGE);
	is_int(b.len, 20);
	buf_done(&b);
}

TEST(every_cut_and_every_flipped_byte_of_the_sum_is_refused)
{
	unsigned char bad[sizeof(hello)];
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);

	for (size_t n = 0; n < sizeof(hello); n++) {
		buf_clear(&b);
		is_int(gunzip(hello, n, 1000, &b), -ERR_BAD_ARGUMENT);
	}
	for (size_t i = sizeof(hello) - 8; i < sizeof(hello); i++) {
		memcpy(bad, hello, sizeof(bad));
		bad[i] ^= 1;
		buf_clear(&b);
		is_int(gunzip(bad, sizeof(bad), 1000, &b), -ERR_BAD_ARGUMENT);
	}
	is_int(gunzip("plain text", 10, 1000, &b), -ERR_BAD_ARGUMENT);
	buf_done(&b);
	err_clear();
}
