/*
 * json.h - a streaming JSON writer: commas, escapes and numbers right, nesting checked.
 *
 *   struct json j = JSON_TO(&b);
 *   json_object(&j);  json_key(&j, "id");  json_str(&j, id);  json_end(&j);
 *
 * RFC 8259. Invalid UTF-8 becomes U+FFFD. Integers beyond 2^53 and NaN/±Inf are written as strings (so that JavaScript reads
 * them exactly); json_i64/json_u64/json_f64 do that by themselves.
 */
#pragma once

#include "base/buf.h"

enum { JSON_DEPTH_MAX = 32 };

struct json {
	struct buf *out;
	uint8_t depth;
	bool after_key;
	uint32_t is_array, has_item;    /* a bit per level */
};

#define JSON_TO(buf_) ((struct json) { .out = (buf_) })

void json_object(struct json *j);
void json_array(struct json *j);
void json_end(struct json *j);                          /* closes what was opened last */
void json_key(struct json *j, const char *key);
void json_null(struct json *j);
void json_bool(struct json *j, bool v);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
void json_f64(struct json *j, double v);                /* shortest text that reads back equal */
void json_f32(struct json *j, float v);
void json_str(struct json *j, const char *text);        /* NULL writes null */
void json_strn(struct json *j, const char *text, size_t n);
void json_raw(struct json *j, const char *text);        /* already JSON */
void json_escape(struct buf *out, const char *text, size_t n);  /* with quotes */

#define json_kv_str(j, k, v) (json_key(j, k), json_str(j, v))
#define json_kv_i64(j, k, v) (json_key(j, k), json_i64(j, v))
#define json_kv_u64(j, k, v) (json_key(j, k), json_u64(j, v))
#define json_kv_bool(j, k, v) (json_key(j, k), json_bool(j, v))
#define json_kv_f64(j, k, v) (json_key(j, k), json_f64(j, v))
