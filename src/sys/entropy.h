/* entropy.h - random bytes from the kernel, and ids made of them. Thread: any. */
#pragma once

#include "base/id.h"

void random_bytes(void *to, size_t n);          /* getrandom(2); ends the process if the kernel has none, which it never says */
uint64_t random_u64(void);
struct uuid uuid_new(void);                     /* version 7: now to a quarter of a microsecond, random */
