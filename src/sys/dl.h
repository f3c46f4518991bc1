/*
 * dl.h - libraries that are loaded when they are needed, so that what is optional costs nothing otherwise.
 *
 * Thread: any. Memory: a library stays loaded for the life of the process.
 */
#pragma once

/* file: "libcurl.so.4", looked for where the system keeps libraries. -ERR_UNSUPPORTED with the loader's words. */
int dl_open(const char *file, void **ret_library);
int dl_symbol(void *library, const char *name, void **ret_address);     /* -ERR_UNSUPPORTED */
