/*
 * audit_test.h - holds the field table of a const type against the compiler's own layout of its struct (DWARF, read by pahole).
 *
 *   TEST(the_table_of_pump_is_its_struct) { rec_audit(&pump_type); }
 *
 * A member that the table forgot, a field of another size or place or C type than its kind: each fails the test. What gaps cannot
 * tell (a forgotten bool beside a bool) this can. Types inside a type are audited with it.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rec/rec.h"            /* and "tap.h", by the test before this */

static const char *const rec_audit_types[] = {
	[REC_BOOL] = "_Bool", [REC_I32] = "int32_t", [REC_U32] = "uint32_t", [REC_I64] = "int64_t", [REC_U64] = "uint64_t", [REC_F64] = "double",
	[REC_DEC] = "int64_t", [REC_TIME] = "int64_t", [REC_DATE] = "int32_t", [REC_DURATION] = "int64_t", [REC_ENUM] = "int32_t",
	[REC_FLAGS] = "uint32_t", [REC_STR] = "const char *", [REC_TEXT] = "const char *", [REC_BYTES] = "struct rec_bytes",
	[REC_UUID] = "struct uuid", [REC_REF] = "struct uuid", [REC_LIST] = "struct rec_list", [REC_MAP] = "struct rec_map",
	[REC_VARIANT] = "void *", [REC_JSON] = "const char *",
};

/* "	const char  *              code;                 /" "*    88     8 *" "/": type, name, offset, size. */
static bool rec_audit_member(const char *line, char type[64], char name[64], unsigned *at, unsigned *size)
{
	const char *end = strchr(line, ';'), *from, *note = end ? strstr(end, "/*") : NULL;
	size_t n = 0;

	if (line[0] != '\t' || line[1] == '\t' || line[1] == '/' || !note || sscanf(note, "/* %u %u */", at, size) != 2)
		return false;
	for (from = end; from > line && from[-1] != ' ' && from[-1] != '\t'; from--)
		;
	snprintf(name, 64, "%.*s", (int) (end - from), from);
	name[strcspn(name, "[")] = 0;
	for (const char *p = line + 1; p < from && n < 63; p++)         /* runs of blanks are one */
		if (*p != ' ' || (n && type[n - 1] != ' '))
			type[n++] = *p;
	while (n && type[n - 1] == ' ')
		n--;
	type[n] = 0;
	return true;
}

static void rec_audit_field(const struct rec_type *t, const char *type, const char *name, unsigned at, unsigned size)
{
	const struct rec_field *f = rec_field(t, name);
	const char *want;

	if ((t->has_head && strcmp(name, "head") == 0) || (t->has_bits && strcmp(name, "has") == 0))
		return;
	if (!f) {
		tap_fail_("%s.%s stands in the struct and not in the table", t->name, name);
		return;
	}
	want = f->kind == REC_REC ? f->type->c_name : rec_audit_types[f->kind];
	if (f->offset != at || f->size != size)
		tap_fail_("%s.%s is at %u, %u bytes; the table says %u, %u", t->name, name, at, size, f->offset, f->size);
	if (want && strcmp(want, type) != 0)
		tap_fail_("%s.%s is %s and should be %s", t->name, name, type, want);
}

/* pahole's output, NULL when there is no pahole. */
static char *rec_audit_layout(const char *name)
{
	static char text[256 << 10], exe[512];
	ssize_t got = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	size_t n = 0;
	int ends[2], status = -1;
	pid_t pid;

	exe[got > 0 ? got : 0] = 0;
	if (pipe(ends) < 0)
		return NULL;
	pid = fork();

	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		if (freopen("/dev/null", "w", stderr))
			execlp("pahole", "pahole", "-C", name, exe, (char *) NULL);
		_exit(127);
	}
	close(ends[1]);
	while (pid > 0 && n < sizeof(text) - 1 && (got = read(ends[0], text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t) got;
	close(ends[0]);
	text[n] = 0;
	if (pid > 0)
		waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? NULL : text;
}

__attribute__((unused)) static void rec_audit(const struct rec_type *t)
{
	char type[64], name[64], *layout;
	unsigned at, size, n = 0;

	if (rec_type_check(t) < 0)
		tap_fail_("%s", err_log_text(err_peek()));
	layout = rec_audit_layout(t->c_name ? t->c_name + strlen("struct ") : "?");
	if (!layout) {
		tap_skipped = "pahole (package dwarves) is missing";
		return;
	}
	for (char *line = layout, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (!rec_audit_member(line, type, name, &at, &size))
			continue;
		rec_audit_field(t, type, name, at, size);
		n += !(t->has_head && strcmp(name, "head") == 0) && !(t->has_bits && strcmp(name, "has") == 0);
	}
	if (n != t->n_fields)
		tap_fail_("%s: the struct has %u members, the table %u fields", t->name, n, t->n_fields);
	for (const struct rec_field *f = t->fields; f < t->fields + t->n_fields; f++) {
		if (f->type)
			rec_audit(f->type);
		for (const struct rec_variant *v = f->variants; v && v->word; v++)
			rec_audit(v->type);
	}
}
