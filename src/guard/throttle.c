/*
 * throttle.c - guessing passwords is slow. Failures are counted for a name from one address, for a name from anywhere, and for an
 * address whatever the name; beyond what the rules allow each further try waits twice as long as the one before, and a name that
 * many failed for is locked for a while. What waits is the try, not the answer: it is refused before the password is looked at, so it
 * tells nothing about it, nor whether there is such a name.
 *
 * An address is a /64 of IPv6: that is what one customer has. The table has a fixed number of places; of those that are not waiting
 * the one unused for longest gives way, so that an attacker with many names costs memory nothing. Where a name stands follows from a
 * key of this installation: nobody else can choose names that push another one out. An hour without failure forgets.
 */

#include "base/str.h"
#include "guard/internal.h"

enum { FORGET_S = 3600, PROBES = 16 };

/* Groups of hexadecimal digits from `from` up to `to`, each with a colon behind it; *left: so many at most. */
static void add_groups(const char *from, const char *to, unsigned *left, struct buf *out)
{
	while (from < to && *left) {
		while (from < to && *from != ':')
			buf_addc(out, *from++);
		buf_addc(out, ':');
		from += from < to;
		--*left;
	}
}

static unsigned count_groups(const char *from, const char *to)
{
	unsigned n = from < to;

	for (; from < to; from++)
		n += *from == ':';
	return n;
}

/* "2001:db8:1:2:…" → "2001:db8:1:2:", "2001:db8::9:8:7:6" → "2001:db8:0:0:"; IPv4 as it is, also behind "::ffff:". */
static void network_of(const char *peer, struct buf *out)
{
	const char *gap = str_find(peer, "::"), *end = peer + str_len(peer);
	unsigned left = 4, zeros = 0;

	if (!str_find(peer, ":") || str_find(peer, ".")) {
		buf_addf(out, "%.60s", str_starts(peer, "::ffff:") ? peer + 7 : peer);
		return;
	}
	if (gap)
		zeros = 8 - MIN(8u, count_groups(peer, gap) + count_groups(gap + 2, end));
	add_groups(peer, gap ? gap : end, &left, out);
	for (; left && zeros; left--, zeros--)
		buf_add(out, "0:");
	if (gap)
		add_groups(gap + 2, end, &left, out);
}

static uint64_t key_of(const struct guard *g, enum throttle_of of, const char *user, const char *peer)
{
	uint8_t hash[HASH_BYTES];
	char text[480];
	struct buf b = BUF_FIXED(text);
	uint64_t key;

	buf_addf(&b, "%d|%.300s|", (int) of, of == OF_ADDRESS || !user ? "" : user);
	if (of != OF_NAME)
		network_of(peer, &b);
	hmac_sha256(g->print_key, b.data, b.len, hash);
	memcpy(&key, hash, sizeof(key));
	return key ? key : 1;
}

/* Its place, or the one to take over. */
static struct attempt *place_of(struct guard *g, uint64_t key, int64_t now)
{
	struct attempt *oldest = NULL;

	for (unsigned i = 0; i < PROBES; i++) {
		struct attempt *a = &g->attempts[(key + i) % THROTTLE_SLOTS];
		bool waits = a->next_ns > now, oldest_waits = oldest && oldest->next_ns > now;
		if (a->key == key)
			return a;
		if (!oldest || waits < oldest_waits || (waits == oldest_waits && a->last_ns < oldest->last_ns))
			oldest = a;
	}
	return oldest;
}

static bool counts(enum throttle_of of, const char *user, const char *peer)
{
	return of == OF_NAME ? !str_empty(user) : !str_empty(peer);
}

int throttle_check(struct guard *g, const char *user, const char *peer)
{
	int64_t now = clock_mono_ns(), next = 0;
	char wait[40];
	struct buf b = BUF_FIXED(wait);

	mutex_lock(&g->throttle_lock);
	for (enum throttle_of of = 0; of < THROTTLES_; of++) {
		uint64_t key = key_of(g, of, user, peer);
		struct attempt *a = place_of(g, key, now);
		if (a->key == key && counts(of, user, peer))
			next = MAX(next, a->next_ns);
	}
	mutex_unlock(&g->throttle_lock);
	if (now >= next)
		return 0;
	buf_addf(&b, "%lld s", (long long) ((next - now) / NS_PER_S + 1));
	return err_fail(ERR_LIMIT, "what", "@sign_in_failures", "max", b.data, NULL);
}

static void failed(struct guard *g, const struct sign_in_rules *rules, enum throttle_of of, uint64_t key, uint64_t name)
{
	const uint32_t tries[THROTTLES_] = { rules->tries, rules->tries_name, rules->tries_address };
	int64_t now = clock_mono_ns(), wait;
	struct attempt *a = place_of(g, key, now);
	uint32_t over;

	if (a->key != key || now - a->last_ns > FORGET_S * NS_PER_S)
		*a = (struct attempt) { .key = key, .name = of == OF_ADDRESS ? 0 : name };
	a->failures++;
	a->last_ns = now;
	if (a->failures < tries[of])
		return;
	over = a->failures - tries[of];
	wait = over < 20 ? (INT64_C(1) << over) * NS_PER_S : rules->delay_max_ns;
	a->next_ns = now + (of == OF_NAME ? rules->lock_ns : MIN(wait, rules->delay_max_ns));
}

void throttle_result(struct guard *g, const char *user, const char *peer, bool good)
{
	struct sign_in_rules rules;

	guard_rules(g, &rules);
	mutex_hold(&g->throttle_lock);
	for (enum throttle_of of = 0; of < THROTTLES_; of++) {
		uint64_t key = key_of(g, of, user, peer);
		if (!counts(of, user, peer))
			continue;
		if (!good) {
			failed(g, &rules, of, key, key_of(g, OF_NAME, user, ""));
		} else if (of != OF_ADDRESS) {          /* one good password does not excuse guesses at others */
			struct attempt *a = place_of(g, key, clock_mono_ns());
			if (a->key == key)
				*a = (struct attempt) { 0 };
		}
	}
}

/* The name is free again from everywhere; addresses that guessed at many names still wait for themselves. */
void throttle_forget(struct guard *g, const char *user)
{
	uint64_t name = key_of(g, OF_NAME, user, "");

	mutex_hold(&g->throttle_lock);
	for (unsigned i = 0; i < THROTTLE_SLOTS; i++)
		if (g->attempts[i].name == name)
			g->attempts[i] = (struct attempt) { 0 };
}
