/* sha256_test.c - against the standards' own examples: FIPS 180-4 (NIST, "Examples with Intermediate Values"), RFC 4231. */

#include "tap.h"

#include "base/sha256.h"
#include "base/str.h"

static void is_hex(const uint8_t hash[SHA256_BYTES], const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	char shown[2 * SHA256_BYTES + 1] = "";

	for (int i = 0; i < SHA256_BYTES; i++) {
		shown[2 * i] = digits[hash[i] >> 4];
		shown[2 * i + 1] = digits[hash[i] & 15];
	}
	is_str(shown, hex);
}

static void is_hash(const char *text, size_t times, const char *hex)
{
	uint8_t hash[SHA256_BYTES];
	struct sha256 s;

	sha256_init(&s);
	while (times-- > 0)
		sha256_add(&s, text, str_len(text));
	sha256_end(&s, hash);
	is_hex(hash, hex);
}

/* NIST, "Examples with Intermediate Values", SHA-256; and the million letters of FIPS 180-2, appendix B.3. */
TEST(hashes_are_those_of_the_standard)
{
	is_hash("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	is_hash("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	is_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	is_hash("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The same examples, side by side; and each length around one, two, three blocks against one by one. */
TEST(many_hashes_at_once_are_the_same_as_one_by_one)
{
	static char million[1000000];
	static const char *const examples[][2] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	enum { N = 3 * ELEMENTSOF(examples) + 1, LENGTHS = 201 };
	struct sha256_text texts[LENGTHS];
	uint8_t got[LENGTHS][SHA256_BYTES], one[SHA256_BYTES];

	memset(million, 'a', sizeof(million));
	for (size_t i = 0; i < N; i++)
		texts[i] = i == 4 ? (struct sha256_text) { million, sizeof(million), got[i] }
			: (struct sha256_text) { examples[i % 3][0], str_len(examples[i % 3][0]), got[i] };
	sha256_many(texts, N);
	for (size_t i = 0; i < N; i++)
		is_hex(got[i], i == 4 ? "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" : examples[i % 3][1]);
	for (size_t i = 0; i < LENGTHS; i++)
		texts[i] = (struct sha256_text) { million, i, got[i] };
	sha256_many(texts, LENGTHS);
	for (size_t i = 0; i < LENGTHS; i++) {
		struct sha256 s;

		sha256_init(&s);
		sha256_add(&s, million, i);
		sha256_end(&s, one);
		ok(memcmp(one, got[i], sizeof(one)) == 0);
	}
}

static void is_hmac(const char *key, size_t key_len, const char *text, const char *hex)
{
	uint8_t mac[SHA256_BYTES];

	sha256_hmac(key, key_len, text, str_len(text), mac);
	is_hex(mac, hex);
}

TEST(keyed_hashes_are_those_of_rfc_4231)
{
	char key[131];

	memset(key, 0x0b, 20);
	is_hmac(key, 20, "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	is_hmac("Jefe", 4, "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	is_hmac(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	is_hmac(key, sizeof(key), "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being"
		" used by the HMAC algorithm.", "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}
