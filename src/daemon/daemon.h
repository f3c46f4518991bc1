/*
 * daemon.h - the platform as one process: puts the modules together, starts them in order, stops them in reverse.
 *
 * `tenon serve` is daemon_run(): it returns when SIGTERM or SIGINT came and everything is stopped.
 *
 * Thread: main. Memory: the platform's.
 */
#pragma once

#include "base/err.h"
#include "daemon/config.h"
#include "daemon/doctor.h"
#include "daemon/setup.h"
#include "store/store.h"

struct arena;

/* Where records lie; all NULL or "": as the data folder says (its file STORE), else in files of its own. place.h */
struct store_choice {
	const char *url;                /* postgresql://..., without a password: command lines and configurations are read by others */
	const char *file;               /* a file with nothing but the URL, which may have a password in it */
};

struct daemon_config {
	struct config_input input;      /* read again on SIGHUP */
	bool demo;                      /* with a simulated plant and its records */
};

/* Prints on standard output, a line each: `ready http://ADDR:PORT` (or https), `fingerprint AB:CD:…` of a certificate of our own and, while
 * there is no user, `setup http://ADDR:PORT/setup#TOKEN`.
 * -ERR_LOCKED: another process uses the folder; -ERR_NEWER: a newer version wrote it; -ERR_CONFIG…, -ERR_IO. */
int daemon_run(const struct daemon_config *c);

/* A scope with all rights on a data folder nobody serves, or beside a running server (the store serialises): for `tenon token
 * create --data`, `tenon audit verify --data`. Whoever may read the folder may do this. -ERR_MISSING: no platform ever used it; nothing
 * is made then. */
struct scope;
struct offline;
int offline_open(struct offline **ret, const char *data, struct arena *a, struct scope **ret_scope);
/* The same for reading alone, of a folder this version has worked on before: nothing is made, nothing brought to shape, and what is missing
 * is a failure. -ERR_CONFIG: an older version wrote the records. */
int offline_look(struct offline **ret, const char *data, struct arena *a, struct scope **ret_scope);
/* The samples, too, when nobody serves the folder: 0. 1: somebody does, they are his. Makes the scope's platform complete for
 * service/witness.h. */
int offline_samples(struct offline *o);
struct offline *offline_close(struct offline *o);

/* A data folder nobody serves is the caller's until he closes *ret_lock. -ERR_LOCKED, -ERR_MISSING, -ERR_NEWER. */
int daemon_lock(const char *data, int *ret_lock);

/* The records of a data folder nobody serves, copied to another place and compared; from then on they are there. What they were copied
 * from stays as it is. to: all NULL: files of the folder. -ERR_LOCKED: somebody works on it; -ERR_EXISTS: something is there already. */
int daemon_move(const char *data, const struct store_choice *to, store_moved_fn on_table, void *ctx);
DEFINE_CLEANUP(struct offline *, offline_close)
