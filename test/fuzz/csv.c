/* csv.c - any bytes as a table: it ends, within the memory given, and cells hold no NUL. */

#include <assert.h>

#include "sheet/sheet.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct csv_row row;
	struct arena a;
	struct csv csv;
	uint32_t line = 0;

	arena_init(&a, &sys_heap, 4 << 20);
	if (csv_open(&csv, (const char *) data, len) == 0)
		while (csv_next(&csv, &a, &row) > 0) {
			assert(row.n > 0 && row.n <= CSV_COLUMNS_MAX && row.line > line);
			line = row.line;
			for (uint32_t i = 0; i < row.n; i++)
				for (const char *p = row.cells[i]; *p; p++)
					;
		}
	err_clear();
	arena_done(&a);
	return 0;
}
