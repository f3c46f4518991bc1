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

struct uuid uuid_new(void)
{
	uint8_t tail[10];

	random_bytes(tail, sizeof(tail));
	return uuid_v7(clock_now_ns() / NS_PER_MS, tail);
}
