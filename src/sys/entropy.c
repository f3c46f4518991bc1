/* entropy.c - random bytes from the kernel, and ids made of them. */
#include "sys/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "sys/clock.h"

void random_bytes(void *to, size_t n)
{
	uint8_t *p = to;

	while (n) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		p += got;
		n -= (size_t) got;
	}
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

/* RFC 9562, section 6.2, method 3: the twelve bits behind the milliseconds are the fraction, so that ids ascend in between too. */
struct uuid uuid_new(void)
{
	int64_t now = clock_now_ns();
	uint64_t fraction = (uint64_t) (now % NS_PER_MS) * 4096 / NS_PER_MS;
	uint8_t tail[10];

	random_bytes(tail, sizeof(tail));
	tail[0] = (uint8_t) (fraction >> 8);
	tail[1] = (uint8_t) fraction;
	return uuid_v7(now / NS_PER_MS, tail);
}
