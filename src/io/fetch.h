/*
 * fetch.h - one HTTP request and its answer, for a program that may wait: the CLI.
 *
 * libcurl does the work; it is loaded at the first fetch, so a server never carries it.
 *
 * Thread: blocks; one at a time for a struct fetch. Memory: the answer is the caller's buffer.
 */
#pragma once

#include "base/buf.h"

struct fetch_request {
	const char *method, *url;
	const char *const *fields;      /* "Accept: text/csv", NULL at the end; NULL: none */
	const char *body;               /* NULL: none */
	size_t len;
	uint32_t timeout_ms;            /* 0: 30,000 */
	const char *file;               /* a body of a 2xx goes there, as it comes; NULL: into the answer */
};
struct fetch_answer { int status; char content_type[80]; struct buf body; };

/* -ERR_PEER: not reached, in libcurl's words; -ERR_UNSUPPORTED: there is no libcurl. Any HTTP status is success. */
int fetch(const struct fetch_request *q, struct fetch_answer *ret);
