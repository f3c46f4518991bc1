/* visit.h - inside service: a visit, for the files that make one. */
#pragma once

#include "link/errand.h"
#include "service/commission.h"
#include "service/internal.h"

struct visit {
	struct scope *scope;
	struct link *link;
	const struct driver *driver;
	struct connection connection;
	struct device device;
	struct point first;                     /* of the saved device, to be read in the end */
	bool has_device, has_first, runs;       /* runs: the connection is up, and is used as it is */
	bool is_counted, was_opened;
	struct driver_endpoint end;
	struct err open_why;
	int64_t open_ms;
	const char *device_config;
	struct link_guest *guest;
	struct uuid id;
	enum step next;
	bool over;
	struct mutex mutex;
	struct cond news;
	bool is_there;
	struct errand_result result;
	uint8_t data[ERRAND_DATA];
	char text[ERRAND_TEXT];
};

/* Sends it and waits for its end. config NULL: of the visit. */
int visit_ask(struct visit *v, struct errand *e, const char *config);
int visit_enter(struct scope *s, const struct visit_in *in, bool counted, struct visit **ret);
