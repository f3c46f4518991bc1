/* duck.c - finds DuckDB's functions. */
#include "sql/duck.h"

#include "sys/sys.h"

int duck_load(struct duck *d, const char *file)
{
	static const struct { const char *name; size_t offset; } functions[] = {
#define DUCK(returns, name, ...) { "duckdb_" #name, offsetof(struct duck, name) },
#include "sql/duck.def"
#undef DUCK
	};
	void *library, *address;
	int r = dl_open(file, &library);

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(functions); i++) {
		r = dl_symbol(library, functions[i].name, &address);
		if (r >= 0)
			memcpy((char *) d + functions[i].offset, &address, sizeof(address));
	}
	return r;
}
