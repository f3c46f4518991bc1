/* trace_test.c - the examples of W3C Trace Context (Recommendation of 2021-11-23), sections 3.2.2 and 3.2.3. */
#include "tap.h"

#include "api/internal.h"

TEST(the_standards_examples_are_read_and_written_with_another_parent)
{
	struct trace t;
	char out[TRACE_TEXT];

	ok(trace_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &t));
	is_str(t.id, "4bf92f3577b34da6a3ce929d0e0e4736");
	is_str(t.flags, "01");
	trace_write(&t, out);
	is_int(strlen(out), 55);
	ok(!strncmp(out, "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36) && !strcmp(out + 52, "-01"));
	ok(strncmp(out + 36, "00f067aa0ba902b7", 16) != 0);
	ok(trace_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", &t));
	ok(trace_read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like", &t));
}

TEST(what_is_not_of_the_form_counts_as_absent)
{
	static const char *const bad[] = { "", "00", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", "00-4bf92f3577b34da6a3ce929d0e0e473600f067aa0ba902b7-01-----",
		"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" };
	struct trace t;

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		ok(!trace_read(bad[i], &t));
	ok(!trace_read(NULL, &t));
}
