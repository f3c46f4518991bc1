/* ops.h - inside cli: verbs of whoever runs the platform. */
#pragma once

#include "cli/cli.h"

int run_backup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_history(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_store_export(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_amend(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_backups(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_restore(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_export(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_apply(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_setup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_doctor(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
/* The first line of the file, or TENON_PASSPHRASE when no file is given; NULL: neither. In the arena. */
int backup_passphrase(const char *file, struct arena *a, const char **ret);
extern const char *const backups_verbs[], *const history_verbs[], *const amend_verbs[], *const store_verbs[], *const repair_verbs[], *const store_export_verbs[];
extern const struct rec_type store_export_option_type, amend_option_type, history_option_type, backups_option_type, backup_option_type, apply_option_type, doctor_option_type, setup_option_type;
