/* Peer: the C library's strtod, strtof and printf (glibc), which round correctly. */
#include "base/num.h"
#include "base/wide.h"

#include <math.h>

#include "tap.h"

static uint64_t rng = 0x9e3779b97f4a7c15;

static uint64_t next(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static int n_digits(const char *text)
{
	char digits[64];
	int n = 0;

	for (; *text && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9' && (n || *text != '0'))
			digits[n++] = *text;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	return n;
}

static void check_f64(double v)
{
	char ours[NUM_TEXT_MAX], theirs[64];
	double back = 0;
	int precision = 0;
	size_t n = num_format_f64(ours, v);

	must(n == strlen(ours) && n < NUM_TEXT_MAX);
	if (strtod(ours, NULL) != v || signbit(strtod(ours, NULL)) != signbit(v))
		tap_fail_("%a printed as %s", v, ours);
	do
		snprintf(theirs, sizeof(theirs), "%.*e", precision, v);
	while (precision++ < 17 && strtod(theirs, NULL) != v);
	if (n_digits(ours) > n_digits(theirs))
		tap_fail_("%s is longer than %s", ours, theirs);
	must(num_parse_f64(ours, ours + n, &back) == n);
	if (memcmp(&back, &v, 8))
		tap_fail_("%s read back as %a", ours, back);
}

TEST(a_double_prints_shortest_and_reads_back)
{
	static const double special[] = { 0.0, -0.0, 1, 0.1, 0.3, 1e21, 1e22, 1e23, 123456789012345680.0, 5e-324, 2.2250738585072014e-308,
		2.225073858507201e-308, 1.7976931348623157e308, 9007199254740993.0, 23.1, 1e-7, 4.35, 0.000001, 1.5e-5 };

	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		check_f64(special[i]);
	for (int i = 0; i < 20000 && !tap_failures; i++) {
		uint64_t bits = next();
		double v;

		memcpy(&v, &bits, 8);
		if (isfinite(v))
			check_f64(v);
		check_f64((double) (int64_t) (next() >> 20) / 1000);
	}
}

TEST(a_float_prints_shortest_and_reads_back)
{
	for (int i = 0; i < 50000 && !tap_failures; i++) {
		uint32_t bits = (uint32_t) next();
		float v, back;
		char ours[NUM_TEXT_MAX], theirs[64];
		int precision = 0;
		size_t n;

		memcpy(&v, &bits, 4);
		if (!isfinite(v))
			continue;
		n = num_format_f32(ours, v);
		if (strtof(ours, NULL) != v)
			tap_fail_("%a printed as %s", (double) v, ours);
		do
			snprintf(theirs, sizeof(theirs), "%.*e", precision, (double) v);
		while (precision++ < 9 && strtof(theirs, NULL) != v);
		if (n_digits(ours) > n_digits(theirs))
			tap_fail_("%s is longer than %s", ours, theirs);
		must(num_parse_f32(ours, ours + n, &back) == n);
		if (memcmp(&back, &v, 4))
			tap_fail_("%s read back as %a", ours, (double) back);
	}
	char text[NUM_TEXT_MAX];

	num_format_f32(text, 23.1f);
	is_str(text, "23.1");
}

static void same_as_libc(const char *text)
{
	double ours = 0, theirs = strtod(text, NULL);
	float ours32 = 0, theirs32 = strtof(text, NULL);
	const char *end = text + strlen(text);

	if (num_parse_f64(text, end, &ours) != strlen(text) || memcmp(&ours, &theirs, 8))
		tap_fail_("%s read as %a, libc says %a", text, ours, theirs);
	if (num_parse_f32(text, end, &ours32) != strlen(text) || memcmp(&ours32, &theirs32, 4))
		tap_fail_("%s read as float %a, libc says %a", text, (double) ours32, (double) theirs32);
}

TEST(any_decimal_reads_as_the_nearest_number)
{
	static const char *const hard[] = { "9007199254740993", "9007199254740992.999999999999999999999", "0.1e-400", "1e400", "-1e-330",
		"2.4703282292062327e-324", "2.4703282292062328e-324", "4.9406564584124654e-324", "7.4109846876186981626485318930233205854758970392148714663837852375101326090531312779794975454245398856969484704316857659638998506553390969459816219401617281718945106978546710679176872575177347315553307795408549809608457500958111373034747658096871009590975442271004757307809711118935784838675653998783503015228055934046593739791790738723868299395818481660169122019456499931289798411362062484498678713572180352209017023903285791732520220528974020802906854021606612375549983402671300035812486479041385743401875520901590172592547146296175134159774938718574737870961645638908718119841271673056017045493004705269590165763776884908267986972573366521765567941072508764337560846003984904972149117463085539556354188641513168478436313080237596295773983001708984375e-324",
		"1.00000011920928955078125", "1.000000059604644775390625", "1.0000000596046447753906250000000000000000000000000000001",
		"0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13", "62.5364939768271845828",
		"179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
		"6.5e4", "+12", "-0", "-0.0e5", "1e23", "8.589934592e9", "0.00000000000000000000000000000000000001401298464324817070923729583289916131280", "7.0064923216240853e-46" };

	for (size_t i = 0; i < sizeof(hard) / sizeof(*hard); i++)
		same_as_libc(hard[i]);
	for (int i = 0; i < 60000 && !tap_failures; i++) {
		char text[128];
		uint64_t a = next(), b = next();

		snprintf(text, sizeof(text), i % 3 ? "%llu.%llue%d" : "%llu%018lluE%d", (unsigned long long) (a >> (b & 63)),
			(unsigned long long) (b >> 4), (int) (next() % 700) - 360);
		same_as_libc(text);
	}
}

/* Points half-way between two neighbours, printed exactly: the hardest decimals there are. */
TEST(half_way_points_round_to_even)
{
	for (int i = 0; i < 20000 && !tap_failures; i++) {
		char text[1200];
		uint32_t bits = (uint32_t) next() & 0x7fffffff;
		uint64_t wide = next() & 0x7fffffffffffffff;
		float v, up;
		double w;

		memcpy(&v, &bits, 4);
		up = nextafterf(v, INFINITY);
		if (!isfinite(v) || !isfinite(up))
			continue;
		snprintf(text, sizeof(text), "%.170g", ((double) v + (double) up) / 2);
		same_as_libc(text);
		memcpy(&w, &wide, 8);
		if (!isfinite(w) || w > 1e300)
			continue;
		snprintf(text, sizeof(text), "%.800Lg", ((long double) w + (long double) nextafter(w, INFINITY)) / 2);
		same_as_libc(text);
	}
}

TEST(whole_numbers_refuse_what_does_not_fit)
{
	uint64_t u = 7;
	int64_t i = 7;
	const char *letter = "x", *minus = "-", *beyond = "9223372036854775808", *text = "18446744073709551615,", *big = "18446744073709551616", *low = "-9223372036854775808";

	is_int(num_parse_u64(text, text + 21, &u), 20);
	ok(u == UINT64_MAX);
	is_int(num_parse_u64(big, big + 20, &u), 0);
	is_int(num_parse_i64(low, low + 20, &i), 20);
	ok(i == INT64_MIN);
	is_int(num_parse_i64(beyond, beyond + 19, &i), 0);
	is_int(num_parse_u64(letter, letter + 1, &u), 0);
	is_int(num_parse_i64(minus, minus + 1, &i), 0);
}

TEST(garbage_is_no_number)
{
	static const char *const bad[] = { "", ".", "-", "e5", "+.e1", "--1", "x1" };
	const char *half = "1e", *two = "1.5.5";
	double v;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		is_int(num_parse_f64(bad[i], bad[i] + strlen(bad[i]), &v), 0);
	is_int(num_parse_f64(half, half + 2, &v), 1);
	is_int(num_parse_f64(two, two + 5, &v), 3);
}

TEST(a_product_by_halves_is_the_compilers_128_bit_product)
{
	uint64_t a = 1, b = UINT64_MAX;

	for (int i = 0; i < 1000000; i++) {
		unsigned __int128 want = (unsigned __int128) a * b;
		struct wide got = wide_mul_halves(a, b);

		must(got.hi == (uint64_t) (want >> 64) && got.lo == (uint64_t) want);
		a = a * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		b = b * UINT64_C(2862933555777941757) + UINT64_C(3037000493) * (uint64_t) (i % 3 == 0);
	}
	must(wide_mul_halves(UINT64_MAX, UINT64_MAX).hi == UINT64_MAX - 1);
}
