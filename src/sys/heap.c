/* heap.c - memory from the heap. */
#include "sys/heap.h"

#include <string.h>

static void *heap_resize(void *ctx, void *p, size_t old_size, size_t new_size)
{
	if (new_size)
		return p ? sys.realloc(p, new_size) : sys.malloc(new_size);
	sys.free(p);
	return NULL;
}

const struct mem sys_heap = { .resize = heap_resize };

void *sys_alloc(size_t n)
{
	void *p = n ? sys.malloc(n) : NULL;

	return p ? memset(p, 0, n) : NULL;
}

void *sys_alloc_array(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : sys_alloc(bytes);
}

void *sys_resize(void *p, size_t n) { return heap_resize(NULL, p, 0, n); }

void *sys_free(void *p)
{
	sys.free(p);
	return NULL;
}

char *sys_strndup(const char *text, size_t n)
{
	char *copy = text ? sys.malloc(n + 1) : NULL;

	if (copy) {
		memcpy(copy, text, n);
		copy[n] = 0;
	}
	return copy;
}

char *sys_strdup(const char *text) { return text ? sys_strndup(text, strlen(text)) : NULL; }
