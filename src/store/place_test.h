/*
 * place_test.h - where the stores of a test lie: in files, or, when TENON_TEST_POSTGRES names a server, in schemas of it.
 *
 * A store is known by its path in both cases: the schema's name is made from the file's.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"
#include "sys/sys.h"

static inline bool on_postgres(void)
{
	return getenv("TENON_TEST_POSTGRES");
}

static inline int open_place(struct store **ret, const struct store_config *config)
{
	struct store_config c = *config;
	char schema[64];

	snprintf(schema, sizeof(schema), "t%ld", strtol(path_name(c.path), NULL, 10));
	c.url = getenv("TENON_TEST_POSTGRES");
	c.schema = schema;
	return store_open(ret, &c);
}
