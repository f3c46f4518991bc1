/*
 * tap.h - the test harness, whole. TEST(name) { ... } registers itself through a linker section, so no list of tests is kept by
 * hand; the output is TAP, read by meson and by prove(1) alike. A test's name is a sentence that is true.
 *
 * skip("reason") ends a test as skipped; one argument on the command line runs the test of that name alone.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tap_test { const char *name; void (*run)(void); };
extern const struct tap_test __start_tap_tests[], __stop_tap_tests[];
static int tap_failures;
static const char *tap_skipped;

#define TEST(id)                                                                                                       \
	static void test_##id(void);                                                                                   \
	__attribute__((section("tap_tests"), used, aligned(sizeof(void *))))                                           \
	static const struct tap_test tap_entry_##id = { #id, test_##id };                                              \
	static void test_##id(void)

#define tap_fail_(...) (tap_failures++, printf("# %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), puts(""))
#define ok(cond) do { if (!(cond)) tap_fail_("%s", #cond); } while (0)
#define is_int(got, want) do { long long g_ = (long long) (got), w_ = (long long) (want);                              \
	if (g_ != w_) tap_fail_("%s: got %lld, want %lld", #got, g_, w_); } while (0)
#define is_str(got, want) do { const char *g_ = (got), *w_ = (want);                                                   \
	if (!g_ || !w_ || strcmp(g_, w_)) tap_fail_("%s: got \"%s\", want \"%s\"", #got, g_ ? g_ : "(null)", w_ ? w_ : "(null)"); } while (0)
#define is_bytes(got, want, n) do { if (memcmp((got), (want), (n))) tap_fail_("%s: the %zu bytes differ", #got, (size_t) (n)); } while (0)
/* For what the rest of a test cannot do without. */
#define must(cond) do { if (!(cond)) { tap_fail_("%s", #cond); return; } } while (0)
#define skip(reason) do { tap_skipped = (reason); return; } while (0)

int main(int argc, char *argv[])
{
	int n = 0, bad = 0, all = (int) (__stop_tap_tests - __start_tap_tests);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", argc > 1 ? 1 : all);
	for (const struct tap_test *t = __start_tap_tests; t < __stop_tap_tests; t++) {
		if (argc > 1 && strcmp(argv[1], t->name) != 0)
			continue;
		tap_failures = 0;
		tap_skipped = NULL;
		t->run();
		printf("%sok %d - %s%s%s\n", tap_failures ? "not " : "", ++n, t->name,
			tap_skipped ? " # SKIP " : "", tap_skipped ? tap_skipped : "");
		bad += tap_failures != 0;
	}
	return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
