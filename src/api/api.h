/*
 * api.h - the doors over HTTP: rows.
 *
 * A row says method, path, permission, what comes in, what goes out, where it runs, and the one function that does it; router,
 * sign-in, permission, body check, status codes, OpenAPI and the list printed by `tenon routes` are made from the rows. Nouns of
 * service/nouns.def need no rows: theirs are written by the machine. A row without a permission does not build.
 *
 * The contract with clients stands in README.md beside this file.
 *
 * Thread: everything here on the loop; rows run where their `run_on` says.
 * Memory: a call has an arena; it dies when the answer is sent.
 */
#pragma once

#include "io/io.h"
#include "service/service.h"

struct api;
struct loop;

struct api_config {
	struct platform *platform;      /* with its workers */
	struct loop *loop;
	const char *web;                /* folder of the console's files; NULL: none */
	bool tls;                       /* cookies get Secure */
	bool hsts;                      /* browsers are told to come by HTTPS alone for 30 days */
	const char *origin;             /* "https://plant.example": also accepted as Origin; NULL: the Host header alone */
	size_t body_max;                /* 0: 8 MB */
	unsigned queries;               /* at once, fewer than there are workers; 0: 1 */
	double request_rate;            /* requests a second by one credential, four times as much by one address; 0: 500 */
};
int api_new(struct api **ret, const struct api_config *c);
struct api *api_free(struct api *a);         /* after http_server_free() and with idle workers */
DEFINE_CLEANUP(struct api *, api_free)

/* What an http_server is made with: http_server_new(loop, &config, &api_callbacks, api, &server); several servers may share one api. */
extern const struct http_callbacks api_callbacks;
/* No new calls (503); live sockets are closed with 1001. Before http_server_stop(). */
void api_stop(struct api *a);
/* The time given to calls under way is over: what reads for them gives up. The loop's. */
void api_cut(struct api *a);
void api_set_body_max(struct api *a, size_t bytes);      /* of rows without a limit of their own */
/* Calls that workers or the log have not answered yet: until there are none, nothing they use may go. */
bool api_is_owing(const struct api *a);

/* Every row as JSON: [{method, path, permission, run_on, in, out, doc}]; `tenon routes --json`. */
void api_routes_json(const struct platform *p, struct buf *out);
/* The OpenAPI 3.1 document. */
void api_openapi(const struct platform *p, struct buf *out);
