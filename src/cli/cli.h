/*
 * cli.h - the program's face in a terminal: `tenon VERB …`.
 *
 * Verbs are rows; a noun's verbs (list, get, create, set, delete, import) are made from service's nouns. Options are records: their
 * table gives parsing, defaults, --help and the sentence for a wrong one. Exit codes are those of sysexits.h (base/err.def).
 *
 * Thread: main.
 */
#pragma once

#include "rec/rec.h"

struct command {
	const char *name, *usage, *title, *title_zh;
	const struct rec_type *options;                 /* NULL: none */
	/* argv: what is no option, argv[0] being the verb. */
	int (*run)(const struct command *c, const void *options, int argc, char *argv[], struct arena *a);
	const struct noun *noun;                        /* of noun verbs */
	const char *const *only;                        /* a noun has this name, too: the words that are not the noun's; NULL: all */
};

/* The whole program. Returns the exit code. */
int cli_main(int argc, char *argv[]);
