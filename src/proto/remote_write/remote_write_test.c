/* Peers: Google's snappy (in pyarrow 26.0.1) packed the blocks, Google's protobuf 7.36.2 for Python worded the messages, by the .proto
 * files of Prometheus; and the examples of snappy's format_description.txt and of protobuf's encoding guide. */
#include "proto/remote_write/remote_write.h"

#include <math.h>

#include "base/err.h"

#include "tap.h"

#define BYTES(s) (s), sizeof(s) - 1

static const char text[] = "a block of snappy, a block of snappy, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and an end";
static const char packed[] = "\x7e\x50\x61\x20\x62\x6c\x6f\x63\x6b\x20\x6f\x66\x20\x73\x6e\x61\x70\x70\x79\x2c\x20\x61\x20\x46\x13\x00\xfe\x01\x00"
	"\x2e\x01\x00\x28\x20\x61\x6e\x64\x20\x61\x6e\x20\x65\x6e\x64";
/* up{job="a"} 1.5 at 1000, -0.0 at 2000; x +Inf at -1 */
static const char v1[] = "\x0a\x36\x0a\x0e\x0a\x08\x5f\x5f\x6e\x61\x6d\x65\x5f\x5f\x12\x02\x75\x70\x0a\x08\x0a\x03\x6a\x6f\x62\x12\x01\x61\x12\x0c"
	"\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x10\xe8\x07\x12\x0c\x09\x00\x00\x00\x00\x00\x00\x00\x80\x10\xd0\x0f\x0a\x25\x0a\x0d\x0a\x08\x5f\x5f\x6e"
	"\x61\x6d\x65\x5f\x5f\x12\x01\x78\x12\x14\x09\x00\x00\x00\x00\x00\x00\xf0\x7f\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
/* up{job="a"} 1.5 at 1000, "Is it up", "seconds" */
static const char v2[] = "\x22\x00\x22\x08\x5f\x5f\x6e\x61\x6d\x65\x5f\x5f\x22\x02\x75\x70\x22\x03\x6a\x6f\x62\x22\x01\x61\x22\x08\x49\x73\x20\x69"
	"\x74\x20\x75\x70\x22\x07\x73\x65\x63\x6f\x6e\x64\x73\x2a\x1a\x0a\x04\x01\x02\x03\x04\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf8\x3f\x10\xe8\x07"
	"\x2a\x04\x18\x05\x20\x06";

static int unpack(const char *in, size_t len, char *out, size_t room)
{
	size_t size;
	int r = snappy_size(in, len, &size);

	return r < 0 ? r : size != room ? 1 : snappy_unpack(in, len, out, room);
}

TEST(a_block_that_snappy_packed_is_the_text_again)
{
	char out[sizeof(text)];

	is_int(unpack(BYTES(packed), out, sizeof(text) - 1), 0);
	is_bytes(out, text, sizeof(text) - 1);
}

/* format_description.txt, section 2.2: a copy that overlaps itself repeats; "xababab" is literal xab, then a copy of 4 from 2 back. */
TEST(the_example_of_the_description_repeats)
{
	char out[7];

	is_int(unpack(BYTES("\x07\x08xab\x01\x02"), out, 7), 0);
	is_bytes(out, "xababab", 7);
}

TEST(a_block_cut_anywhere_is_refused)
{
	char out[sizeof(text)];

	for (size_t n = 0; n < sizeof(packed) - 1; n++)
		is_int(unpack(packed, n, out, sizeof(text) - 1), -ERR_BAD_BODY);
	err_clear();
}

TEST(hostile_blocks_are_refused)
{
	char out[64];

	is_int(unpack(BYTES("\x04\x01\x01"), out, 4), -ERR_BAD_BODY);                   /* a copy before there is anything */
	is_int(unpack(BYTES("\x05\x00""a\x01\x00"), out, 5), -ERR_BAD_BODY);              /* from 0 back */
	is_int(unpack(BYTES("\x05\x00""a\x01\x02"), out, 5), -ERR_BAD_BODY);              /* from in front of the beginning */
	is_int(unpack(BYTES("\x02\x08""abc"), out, 2), -ERR_BAD_BODY);                   /* more than it said */
	is_int(unpack(BYTES("\x04\x04""ab"), out, 4), -ERR_BAD_BODY);                    /* less than it said */
	is_int(unpack(BYTES("\x04\xfc\xff\xff\xff\xff""ab"), out, 4), -ERR_BAD_BODY);     /* a literal of 4 GB */
	is_int(unpack(BYTES("\xff\xff\xff\xff\x7f"), out, 4), -ERR_BAD_BODY);            /* a length of 35 bits */
	is_int(unpack(BYTES("\xff\xff\xff\xff\xff\x01"), out, 4), -ERR_BAD_BODY);
	err_clear();
}

static bool is_text(struct rw_text t, const char *want)
{
	return t.len == strlen(want) && memcmp(t.s, want, t.len) == 0;
}

static void label(struct rw_series *s, const char *name, const char *value)
{
	struct rw_label l;

	is_int(rw_label_next(s, &l), 1);
	ok(is_text(l.name, name));
	ok(is_text(l.value, value));
}

TEST(a_request_of_1_0_reads_as_it_was_worded)
{
	struct rw_request q;
	struct rw_series s;
	struct rw_sample a;
	struct rw_label l;

	is_int(rw_open(&q, RW_V1, BYTES(v1)), 0);
	is_int(q.n_series, 2);
	is_int(rw_series_next(&q, &s), 1);
	is_int(s.n_labels, 2);
	is_int(s.n_samples, 2);
	label(&s, "__name__", "up");
	label(&s, "job", "a");
	is_int(rw_label_next(&s, &l), 0);
	is_int(rw_sample_next(&s, &a), 1);
	ok(a.value == 1.5 && a.time_ms == 1000);
	is_int(rw_sample_next(&s, &a), 1);
	ok(a.value == 0 && signbit(a.value) && a.time_ms == 2000);
	is_int(rw_sample_next(&s, &a), 0);
	is_int(rw_series_next(&q, &s), 1);
	label(&s, "__name__", "x");
	is_int(rw_sample_next(&s, &a), 1);
	ok(isinf(a.value) && a.time_ms == -1);
	is_int(rw_series_next(&q, &s), 0);
}

TEST(a_request_of_2_0_reads_through_its_symbols)
{
	struct rw_text room[7];
	struct rw_request q;
	struct rw_series s;
	struct rw_sample a;

	is_int(rw_open(&q, RW_V2, BYTES(v2)), 0);
	is_int(q.n_symbols, 7);
	is_int(rw_symbols(&q, room), 0);
	is_int(rw_series_next(&q, &s), 1);
	label(&s, "__name__", "up");
	label(&s, "job", "a");
	ok(is_text(s.help, "Is it up") && is_text(s.unit, "seconds"));
	is_int(rw_sample_next(&s, &a), 1);
	ok(a.value == 1.5 && a.time_ms == 1000);
	is_int(rw_series_next(&q, &s), 0);
}

TEST(references_need_not_be_packed)     /* encoding guide, "Packed Repeated Fields": parsers must accept both */
{
	static const char body[] = "\x22\x00\x22\x01n\x22\x01v\x2a\x04\x08\x01\x08\x02";
	struct rw_text room[3];
	struct rw_request q;
	struct rw_series s;

	is_int(rw_open(&q, RW_V2, BYTES(body)), 0);
	is_int(rw_symbols(&q, room), 0);
	is_int(rw_series_next(&q, &s), 1);
	is_int(s.n_labels, 1);
	label(&s, "n", "v");
}

TEST(a_reference_out_of_the_table_is_that_series_fault_alone)
{
	static const char body[] = "\x22\x00\x22\x01n\x2a\x04\x0a\x02\x01\x09\x2a\x04\x0a\x02\x01\x01\x2a\x03\x0a\x01\x01";
	struct rw_text room[2];
	struct rw_request q;
	struct rw_series s;
	struct rw_label l;

	is_int(rw_open(&q, RW_V2, BYTES(body)), 0);
	is_int(rw_symbols(&q, room), 0);
	is_int(rw_series_next(&q, &s), 1);
	is_int(rw_label_next(&s, &l), -ERR_BAD_BODY);
	is_int(rw_series_next(&q, &s), 1);
	label(&s, "n", "n");
	is_int(rw_series_next(&q, &s), -ERR_BAD_BODY);          /* a name without a value */
	is_int(rw_series_next(&q, &s), 0);
	err_clear();
}

/* In 2.0 the fields 1 to 3 are reserved, so that either message read as the other is empty or refused. */
TEST(one_message_read_as_the_other_holds_nothing)
{
	struct rw_request q;

	is_int(rw_open(&q, RW_V2, BYTES(v1)), 0);
	is_int(q.n_series, 0);
	is_int(rw_open(&q, RW_V1, BYTES(v2)), 0);
	is_int(q.n_series, 0);
}

TEST(what_is_not_well_formed_is_refused_before_it_is_used)
{
	static const struct { const char *bytes; size_t n; } bad[] = { { BYTES("\x0a") }, { BYTES("\x0a\x05") }, { BYTES("\x00\x00") }, { BYTES("\x0b") },
		{ BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") }, { BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02") },
		{ BYTES("\x0a\x02\x0a\x05") }, { BYTES("\x08\x01") }, { BYTES("\x0a\x04\x12\x02\x08\x01") }, { BYTES("\x0e\x00") } };
	struct rw_request q;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		is_int(rw_open(&q, RW_V1, bad[i].bytes, bad[i].n), -ERR_BAD_BODY);
	for (size_t n = 0; n < sizeof(v1) - 1; n++)
		if (n != 56)            /* the end of the first series */
			is_int(rw_open(&q, RW_V1, v1, n), n ? -ERR_BAD_BODY : 0);
	is_int(rw_open(&q, RW_V2, BYTES("\x2a\x04\x0a\x02\x01\x80")), -ERR_BAD_BODY);    /* a reference without end */
	err_clear();
}

TEST(unknown_fields_are_passed_over)
{
	static const char body[] = "\x9a\x06\x01x\x0a\x05\x12\x03\x10\x07\x28\x0d\x00\x00\x00\x00";
	struct rw_request q;

	is_int(rw_open(&q, RW_V1, BYTES(body)), -ERR_BAD_BODY);         /* ... but not a known one by another wire (field 1, 32 bits) */
	is_int(rw_open(&q, RW_V1, BYTES("\x9a\x06\x01x\x3d\x00\x00\x00\x00\x41\x00\x00\x00\x00\x00\x00\x00\x00")), 0);
	is_int(q.n_series, 0);
	err_clear();
}
