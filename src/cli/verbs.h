/* verbs.h - inside cli: the functions and options of the rows in commands.c. */
#pragma once

#include "cli/cli.h"

#define VERB(name) int run_##name(const struct command *c, const void *options, int argc, char *argv[], struct arena *a)
VERB(serve);
VERB(sim);
VERB(demo);
VERB(query);
VERB(sql);
VERB(values);
VERB(status);
VERB(write);
VERB(job);
VERB(links);
VERB(live);
VERB(command);
VERB(link);
VERB(token);
VERB(audit);
VERB(store);
VERB(repair);
VERB(config);
VERB(routes);
VERB(openapi);
VERB(types);
VERB(imports);
VERB(user);
VERB(approval);
#undef VERB
extern const struct rec_type user_option_type, approval_option_type;
extern const char *const user_verbs[];
extern const struct rec_type serve_option_type, sim_option_type, query_option_type, values_option_type, status_option_type, write_option_type, job_option_type, links_option_type, live_option_type,
	token_option_type, data_option_type, import_option_type;
extern const struct rec_type sql_option_type;
extern const struct rec_type demo_option_type, config_option_type, store_option_type, repair_option_type;
extern const struct rec_type command_option_type, link_option_type;
