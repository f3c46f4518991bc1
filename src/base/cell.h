/*
 * cell.h - one cell of a CSV table (RFC 4180), written so that nobody's spreadsheet runs it.
 *
 * Programs that open CSV take a text that begins with = + - @ tab or carriage return for a formula. Such a text goes out with an
 * apostrophe in front (OWASP, CSV Injection), and so does one that is apostrophes and then one of these; reading takes one apostrophe
 * off such a cell, so that what is read is what was written. Numbers are no texts: -5 stays -5.
 */
#pragma once

#include "base/buf.h"

/* With its quotes when it needs some, without a comma. */
void cell_text(struct buf *out, const char *text, size_t n);            /* a text: guarded */
void cell_plain(struct buf *out, const char *text, size_t n);           /* a number, a time, a word of ours */
/* How many bytes to pass over at the beginning of a cell that was read: 1 when it was guarded, else 0. */
size_t cell_guard(const char *text, size_t n);
