/* ops.h - inside cli: verbs of whoever runs the platform. */
#pragma once

#include "cli/cli.h"

int run_backup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_restore(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_export(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_apply(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_setup(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
int run_doctor(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
extern const struct rec_type backup_option_type, apply_option_type, doctor_option_type, setup_option_type;
