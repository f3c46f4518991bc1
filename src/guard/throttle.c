/*
 * throttle.c - guessing passwords is slow: after 5 failures for a user name from one address every further try has to wait twice
 * as long as the one before, from 1 s to 15 min. The table has a fixed number of places; the one unused for longest gives way,
 * so that an attacker with many names costs memory nothing. An hour without failure forgets.
 */

#include "base/str.h"
#include "guard/internal.h"

enum { FORGET_S = 3600, PROBES = 8 };

static uint64_t key_of(const char *user, const char *peer)
{
	uint8_t hash[HASH_BYTES];
	char text[400];
	struct buf b = BUF_FIXED(text);
	uint64_t key;

	buf_addf(&b, "%.300s|%.60s", user ? user : "", peer);
	sha256(b.data, b.len, hash);
	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

/* Its place, or the one to take over. */
static struct attempt *place_of(struct guard *g, uint64_t key)
{
	struct attempt *oldest = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct attempt *a = &g->attempts[(key + i) % THROTTLE_SLOTS];
		if (a->key == key)
			return a;
		if (!oldest || a->last_ns < oldest->last_ns)
			oldest = a;
	}
	return oldest;
}

int throttle_check(struct guard *g, const char *user, const char *peer)
{
	uint64_t key = key_of(user, peer);
	int64_t now = clock_mono_ns();
	char wait[40];
	struct buf b = BUF_FIXED(wait);

	mutex_hold(&g->throttle_lock);
	struct attempt *a = place_of(g, key);
	if (a->key != key || now >= a->next_ns)
		return 0;
	buf_addf(&b, "%lld s", (long long) ((a->next_ns - now) / NS_PER_S + 1));
	return err_fail(ERR_LIMIT, "what", "@sign_in_failures", "max", b.data, NULL);
}

void throttle_result(struct guard *g, const char *user, const char *peer, bool good)
{
	uint64_t key = key_of(user, peer);
	int64_t now = clock_mono_ns(), wait_s;

	mutex_hold(&g->throttle_lock);
	struct attempt *a = place_of(g, key);
	if (good) {
		if (a->key == key)
			*a = (struct attempt) { 0 };
		return;
	}
	if (a->key != key || now - a->last_ns > FORGET_S * NS_PER_S)
		*a = (struct attempt) { .key = key };
	a->failures++;
	a->last_ns = now;
	if (a->failures < THROTTLE_FREE)
		return;
	wait_s = a->failures - THROTTLE_FREE < 10 ? INT64_C(1) << (a->failures - THROTTLE_FREE) : THROTTLE_MAX_S;
	a->next_ns = now + MIN(wait_s, (int64_t) THROTTLE_MAX_S) * NS_PER_S;
}
