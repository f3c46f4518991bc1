/* value.h - the types of a value and the quality of a sample. Numbers on disk and in ABIs: never renumbered. */
#pragma once

#include "base/base.h"

enum vtype { V_NONE = 0, V_BOOL = 1, V_I64, V_F32, V_F64, V_STR, V_BYTES, V_TIME };

const char *vtype_name(enum vtype t);                   /* "bool", "i64", "f32", "f64", "str", "bytes", "time" */
enum vtype vtype_parse(const char *name);               /* V_NONE if there is none */

/* OPC UA StatusCode (OPC 10000-4, 7.39): two top bits are the severity. */
enum quality {
#define QUALITY(name, code, id, en, zh) QUALITY_##name = (int) (code),
#include "model/quality.def"
#undef QUALITY
};

static inline bool quality_is_good(uint32_t q) { return (q >> 30) == 0; }
static inline bool quality_is_uncertain(uint32_t q) { return (q >> 30) == 1; }
static inline bool quality_is_bad(uint32_t q) { return (q >> 30) >= 2; }
const char *quality_id(uint32_t q);                     /* "bad_no_communication"; of its severity when unknown */
const char *quality_text(uint32_t q, bool zh);

struct value {
	enum vtype type;                /* V_NONE: no value */
	uint32_t len;                   /* of str and bytes */
	union { bool b; int64_t i; float f32; double f64; const char *s; };     /* str and bytes are borrowed */
};

struct sample {
	uint32_t series;
	uint32_t quality;
	int64_t time_ns;                /* source time, UTC */
	struct value value;
};
