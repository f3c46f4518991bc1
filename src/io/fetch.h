/*
 * fetch.h - one HTTP request and its answer, for a program that may wait: the CLI.
 *
 * libcurl does the work; it is loaded at the first fetch, so a server never carries it.
 *
 * Thread: blocks; one at a time for a struct fetch. Memory: the answer is the caller's buffer.
 */
#pragma once

#include "base/buf.h"

/* Whom to trust besides, or instead of, the issuers the system knows. */
struct fetch_trust {
	const char *ca;                 /* PEM file of issuers, instead of the system's; NULL or "": the system's */
	const char *fingerprint;        /* SHA-256 of the server's certificate, colons allowed: this one and no other. Without `ca` whoever issued it, to
					 * whatever name. NULL or "": any that is vouched for */
	char seen[65];                  /* out: of the certificate it showed, 64 hexadecimal digits; "": none was seen */
	bool refused;                   /* out: that certificate is why it failed */
	char pin[65];                   /* out: `fingerprint` in the form of `seen` */
};

struct fetch_request {
	const char *method, *url;
	const char *const *fields;      /* "Accept: text/csv", NULL at the end; NULL: none */
	const char *body;               /* NULL: none */
	size_t len;
	uint32_t timeout_ms;            /* 0: 30,000 */
	struct fetch_trust *trust;      /* NULL: whom the system trusts */
	const char *file;               /* a body of a 2xx goes there, as it comes; NULL: into the answer */
};
struct fetch_answer { int status; char content_type[80]; struct buf body; };

/* -ERR_PEER: not reached, or not trusted (then trust->seen says whose it is), in libcurl's words; -ERR_INVALID: no fingerprint; -ERR_UNSUPPORTED: there is no libcurl. Any HTTP status is success. */
int fetch(const struct fetch_request *q, struct fetch_answer *ret);
