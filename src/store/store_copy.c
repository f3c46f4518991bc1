/* store_copy.c - the file of a store as it was at one moment, while others go on writing (SQLite's online backup). */
#include <sqlite3.h>

#include "base/err.h"
#include "store/store.h"

enum { PAGES = 256, BUSY_MS = 10000 };

static int failed(const char *path, int code, sqlite3 *h)
{
	const char *text = h ? sqlite3_errmsg(h) : sqlite3_errstr(code);

	switch (code & 0xff) {
	case SQLITE_NOMEM: return err_fail(ERR_NO_MEMORY, "what", path, NULL);
	case SQLITE_FULL: return err_fail(ERR_FULL, "what", "@disk", "detail", text, NULL);
	case SQLITE_CORRUPT: case SQLITE_NOTADB: return err_fail(ERR_CORRUPT, "what", path, "detail", text, NULL);
	case SQLITE_BUSY: case SQLITE_LOCKED: return err_fail(ERR_BUSY, "what", path, NULL);
	default: return err_fail(ERR_IO, "what", path, "detail", text, NULL);
	}
}

int store_copy(const char *from, const char *to)
{
	sqlite3 *in = NULL, *out = NULL;
	sqlite3_backup *b = NULL;
	int code = sqlite3_open_v2(from, &in, SQLITE_OPEN_READWRITE, NULL), r;

	if (code == SQLITE_OK)
		code = sqlite3_open_v2(to, &out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	/* Nobody misses a copy that a power cut leaves half: the backup that asked for it is not there either. Waiting for the disk page by page
	 * only makes a backup last on a slow one. */
	if (code == SQLITE_OK)
		code = sqlite3_exec(out, "PRAGMA synchronous=OFF;", NULL, NULL, NULL);
	if (code == SQLITE_OK) {
		sqlite3_busy_timeout(in, BUSY_MS);
		/* One read transaction around all steps: writers go on, and the copy never starts again. */
		code = sqlite3_exec(in, "BEGIN; SELECT count(*) FROM sqlite_schema;", NULL, NULL, NULL);
	}
	if (code == SQLITE_OK) {
		b = sqlite3_backup_init(out, "main", in, "main");
		do
			code = b ? sqlite3_backup_step(b, PAGES) : sqlite3_errcode(out);
		while (code == SQLITE_OK);
	}
	r = code == SQLITE_DONE ? 0 : failed(from, code, b ? out : in);
	code = sqlite3_backup_finish(b);
	if (r == 0 && code != SQLITE_OK)
		r = failed(to, code, out);
	sqlite3_close(in);
	/* It leaves write-ahead logging, so that one file is all of it; store_open() turns that on again. */
	if (r == 0 && (code = sqlite3_exec(out, "PRAGMA journal_mode=DELETE;", NULL, NULL, NULL)) != SQLITE_OK)
		r = failed(to, code, out);
	sqlite3_close(out);
	return r;
}
