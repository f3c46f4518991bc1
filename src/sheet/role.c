/* role.c - inside the confined process: one workbook in, its CSV out, the end. */

#include <sys/mman.h>
#include <sys/stat.h>

#include "io/io.h"
#include "sheet/wire.h"
#include "sheet/xlsx.h"
#include "sys/sys.h"

const struct child_profile sheet_profile = {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)     /* these reserve terabytes */
	.memory_bytes = 1024u << 20,
#endif
	.file_bytes = XLSX_OUT_MAX + 4096, .cpu_s = 45, .files = 16,
};

static int answer(struct role *role, int r, const struct sheet_notes *notes)
{
	struct sheet_answer a = { .result = r, .notes = *notes };

	if (r < 0)
		a.err = err_take(r);
	return role_send(role, &a, sizeof(a), NULL, 0);
}

static int convert(int in, int out, struct sheet_notes *notes)
{
	_cleanup_(buf_done) struct buf csv = BUF_INIT(&sys_heap, XLSX_OUT_MAX);
	struct stat st;
	void *bytes;
	int r;

	if (fstat(in, &st) < 0 || st.st_size <= 0)
		return err_fail(ERR_BAD_FILE, "what", "@file", "detail", "@sheet_no_zip", NULL);
	bytes = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, in, 0);
	if (bytes == MAP_FAILED)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	r = xlsx_to_csv(bytes, (size_t) st.st_size, &csv, notes);
	munmap(bytes, (size_t) st.st_size);
	return r < 0 ? r : file_write_all(out, csv.data, csv.len);
}

int sheet_role(void)
{
	struct sheet_notes notes = { .rows = 0 };
	struct role_message m;
	struct role role;

	if (role_open(&role) < 0 || role_confine(&sheet_profile) < 0 || role_receive(&role, &m) != 1 || m.n_fds != 2)
		return 70;
	return answer(&role, convert(m.fds[0], m.fds[1], &notes), &notes) < 0 ? 70 : 0;
}
