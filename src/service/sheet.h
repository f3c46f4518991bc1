/*
 * sheet.h - a table as it comes from outside: the bytes of a file that somebody saved in a spreadsheet.
 *
 * Text comes as UTF-8 with or without byte order mark, UTF-16 with one, or GB18030 (GBK, GB2312: what Chinese Excel calls CSV).
 * Which it is, is found out: what is well-formed UTF-8 is UTF-8; what is damaged UTF-8 is refused, and not read as Chinese.
 *
 * Thread: any that may block. Memory: the buffer of the caller.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define SHEET_TYPE_XLSX "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

enum { SHEET_TEXT_MAX = 128 << 20 };

enum sheet_kind { SHEET_TEXT, SHEET_XLSX /* a ZIP */, SHEET_XLS /* the binary format before 2007 */ };
enum sheet_kind sheet_kind(const char *bytes, size_t len);

/* The text as UTF-8 without mark: in *out, or, when it is that already, inside the bytes. *ret_encoding is a constant: "UTF-8",
 * "UTF-16", "GB18030". -ERR_BAD_UTF8 names the byte where it ceases to be UTF-8; -ERR_UNSUPPORTED: none of these. */
struct sheet_text { const char *text; size_t len; const char *encoding; };
int sheet_decode(const char *bytes, size_t len, struct buf *out, struct sheet_text *ret);
