/*
 * postgres.h - for tests of what stands on stores: a database of its own for each data folder, when with-postgres runs the test.
 *
 *   struct guard_config c = { .data = dir, .store = test_database(dir) };        NULL where records lie in files
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs psql without a word; was it done? */
static inline bool test_sql(const char *url, const char *sql)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int nowhere = open("/dev/null", O_WRONLY);

		dup2(nowhere, 1);
		dup2(nowhere, 2);
		execlp("psql", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql, (char *) NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Made when it is asked for the first time: the second attempt to make it is refused, and that is all. Good until the next call. */
static inline const char *test_database(const char *folder)
{
	const char *server = getenv("TENON_TEST_POSTGRES"), *name = strrchr(folder, '/'), *query;
	static char url[512], sql[128];

	if (!server)
		return NULL;
	name = name ? name + 1 : folder;
	query = strchr(server, '?');
	snprintf(url, sizeof(url), "%.*s/%s%s", (int) (strstr(server, "@/") - server) + 1, server, name, query ? query : "");
	snprintf(sql, sizeof(sql), "CREATE DATABASE \"%s\"", name);
	test_sql(server, sql);
	return url;
}
