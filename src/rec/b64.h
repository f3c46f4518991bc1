/* b64.h - base64 as in RFC 4648 §4, padded. Reading also takes the URL-safe letters of §5 and text without padding. */
#pragma once

#include "base/buf.h"

static inline size_t b64_size(size_t text_len) { return text_len / 4 * 3 + 3; }        /* room for the decoded bytes */
void b64_encode(const void *bytes, size_t len, struct buf *out);
void b64_encode_url(const void *bytes, size_t len, struct buf *out);   /* §5, without padding: for cursors and links */
bool b64_decode(const char *text, size_t len, void *to, size_t *ret_len);     /* false: not base64, or bits left over */
