/* accept_test.c - content negotiation by the examples of RFC 9110, 12.5.1. */

#include "tap.h"

#include "api/internal.h"

static const char *const text[] = { "text/plain;format=flowed", "text/html", "text/plain" };
static const char *const three[] = { "application/json", "text/csv", "application/x-ndjson" };

static int pick(const char *accept) { return accept_pick(accept, three, 3); }

TEST(nothing_said_takes_the_first)
{
	is_int(pick(NULL), 0);
	is_int(pick(""), 0);
	is_int(pick("*/*"), 0);
}

TEST(the_most_exact_range_decides_a_types_weight)
{
	is_int(accept_pick("text/*;q=0.3, text/html;q=0.7, */*;q=0.5", text + 1, 2), 0);
	is_int(accept_pick("text/*;q=0.3, text/html;q=0.2", text + 1, 2), 1);
	is_int(pick("text/csv;q=0.1, */*;q=0.5"), 0);
	is_int(pick("text/csv, */*;q=0.1"), 1);
}

TEST(a_weight_of_zero_refuses)
{
	is_int(pick("application/json;q=0, text/*"), 1);
	is_int(pick("application/json;q=0"), -1);
	is_int(pick("*/*;q=0"), -1);
}

TEST(a_range_of_one_family_and_case_do_not_matter)
{
	is_int(pick("APPLICATION/*"), 0);
	is_int(pick("application/x-ndjson"), 2);
	is_int(pick("image/png, Text/CSV ;q=0.4"), 1);
	is_int(pick("image/png"), -1);
}

TEST(garbage_is_no_range)
{
	is_int(pick(";;;,,q=1"), -1);
	is_int(pick("text"), -1);
	is_int(pick("text/csvx, text/cs"), -1);
	is_int(pick("text/csv;q=abc"), 1);
}

TEST(a_content_type_is_compared_without_its_parameters)
{
	ok(content_type_is("application/json; charset=utf-8", "application/json"));
	ok(content_type_is("Application/JSON", "application/json"));
	ok(!content_type_is("application/jsonx", "application/json"));
	ok(!content_type_is(NULL, "application/json"));
}
