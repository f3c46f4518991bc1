/*
 * setup.h - tenon.conf, data folder, certificate and one-time link of a platform that is to start. Part of the door daemon/daemon.h.
 *
 * What is there stays, but for what is asked: other keys, comments and order of an existing file, the certificate, the users. The link waits in
 * run/setup-link of the data folder, readable by its owner alone, until the next start takes it over.
 *
 * Thread: main. Memory: texts in the arena.
 */
#pragma once

#include "base/err.h"
#include "daemon/config.h"

/* Addresses of interfaces that are up, this computer's own first, then IPv4, then IPv6 (none that holds for one link only). Returns how many. */
enum { SETUP_PLACES = 64 };
struct setup_place { char name[32], address[64]; bool loopback; };
size_t setup_places(struct setup_place *ret, size_t max);
/* "eth0", "loopback", "all", "192.0.2.9". -ERR_MISSING: no such interface or address here. */
int setup_place_named(const char *text, char ret_address[64]);

/* Which file, and what is in force by it (by defaults when there is none; *ret_there). -ERR_CONFIG…: it is wrong, and has to be mended first. */
int setup_read(const char *file, enum lang lang, struct arena *a, const char **ret_file, struct config *ret, bool *ret_there);

struct setup_config {
	const char *file;               /* of setup_read() */
	const char *data, *address;     /* NULL: as it is */
	uint32_t port;                  /* 0: as it is; of a new file 8080, beyond this computer 8443 */
	enum lang lang;                 /* of sentences, and of the page the link leads to */
};
struct setup_result {
	const char *data, *address;     /* "https://192.0.2.9:8443": where a browser gets to it */
	const char *link;               /* NULL: there is a user already */
	char fingerprint[100];          /* "AB:CD:…"; "": no TLS */
	bool changed;                   /* the file */
	uint64_t pid;                   /* of the platform that runs on the folder; 0: none */
};
/* Beyond this computer TLS is turned on, with a certificate of our own, unless the file says something else. What fails leaves the old file. */
int setup_apply(const struct setup_config *c, struct arena *a, struct setup_result *ret);

/* One key of a configuration's text, written where it stands, where its example stands, or at the end of its section. */
int config_edit(const char *text, const struct config_set *set, struct buf *out);

/* For the start: the secret that waits, younger than a day, or false. */
bool setup_link_waits(const char *data, char *ret, size_t size);
void setup_link_done(const char *data);
