/* look.h - inside daemon: what the files of the doctor share. */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "daemon/doctor.h"

enum { LOOK_GROUPS = 64 };

/* As whom the platform works: the process that runs; without one the owner of the folder. */
struct look_user { uid_t uid; gid_t groups[LOOK_GROUPS]; int n_groups; const char *name; };

struct look {
	const struct config_input *in;
	const struct config *config;
	struct arena *arena;
	doctor_fn fn;
	void *ctx;
	enum finding worst;
	uint64_t pid;                   /* of the platform that runs on the folder; 0: none */
	struct look_user user;
};

/* The reader's of two. */
const char *look_word(const struct look *l, const char *en, const char *zh) __attribute__((format_arg(2), format_arg(3)));
void look_say(struct look *l, enum finding finding, const char *id, const char *text, const char *hint);
const char *look_taken(struct look *l, int r);                  /* the sentence of the failure */
const char *look_under(struct look *l, const char *name);       /* a path in the data folder */

/* look_user.c */
uint64_t look_pid(const char *data);     /* of the platform that runs on the folder; 0: none */
void look_find_user(struct look *l);
bool look_may(const struct look *l, const char *path, int want /* R_OK | W_OK | X_OK */);

/* look_machine.c */
void look_limits(struct look *l);
void look_memory(struct look *l);
void look_clock(struct look *l);
void look_zone(struct look *l);
void look_rights(struct look *l);
void look_disk(struct look *l);
void look_address(struct look *l);
void look_certificate(struct look *l);

/* look_data.c */
void look_log(struct look *l);
void look_history(struct look *l);
void look_records(struct look *l);      /* audit and serial lines with them */
void look_backup(struct look *l);
