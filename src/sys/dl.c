/* dl.c - dlopen(3), the only place. */
#include "sys/dl.h"

#include <dlfcn.h>

#include "base/err.h"

int dl_open(const char *file, void **ret_library)
{
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return err_fail(ERR_UNSUPPORTED, "what", "library", "value", file, "words", dlerror(), NULL);
	*ret_library = library;
	return 0;
}

int dl_symbol(void *library, const char *name, void **ret_address)
{
	void *address = dlsym(library, name);

	if (!address)
		return err_fail(ERR_UNSUPPORTED, "what", "function", "value", name, "words", dlerror(), NULL);
	*ret_address = address;
	return 0;
}
