/*
 * sheet_reader.h - workbooks read where they can do no harm.
 *
 * Every file gets a process of its own: our binary in the role "sheet", which may open nothing, connect to nothing and start
 * nothing (io/child.h), with limits on memory and time. It is given two descriptors, the file and an empty one for the CSV, and ends
 * with one message. What it says is not trusted either: the CSV is read like anybody's.
 *
 * Thread: sheets_read() on a worker, which waits; the rest on the loop. Memory: nothing is kept between files.
 */
#pragma once

#include <stdatomic.h>

#include "service/sheet.h"
#include "service/xlsx.h"

struct loop;
struct sheet_reader;

int sheets_new(struct loop *l, struct sheet_reader **ret);
struct sheet_reader *sheets_free(struct sheet_reader *s);       /* nobody reads any more */

/* The CSV of the first shown worksheet, appended to *out (xlsx.h). ending: gives up when it becomes true; may be NULL. r NULL (there is
 * no loop: tools, tests): -ERR_UNSUPPORTED. -ERR_TIMEOUT after a minute; -ERR_BAD_FILE also when the process died of it. */
int sheets_read(struct sheet_reader *s, const void *bytes, size_t len, const atomic_bool *ending, struct buf *out, struct xlsx_notes *ret);

/* Whatever kind of file it is, as text; *room holds it where it had to be made. A workbook leaves its worksheet's name (never "") in
 * *notes. -ERR_UNSUPPORTED: the old binary format. */
struct platform;
int sheet_table(struct platform *p, const void *bytes, size_t len, struct buf *room, struct sheet_text *ret, struct xlsx_notes *notes);

/* What `tenon --role=sheet` runs. Returns the exit code. */
int sheet_role(void);
