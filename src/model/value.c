/* value.c - names of value types and qualities. */
#include "model/value.h"

#include "base/str.h"

static const char *const type_names[] = {
	[V_BOOL] = "bool", [V_I64] = "i64", [V_F32] = "f32", [V_F64] = "f64", [V_STR] = "str", [V_BYTES] = "bytes", [V_TIME] = "time",
};

const char *vtype_name(enum vtype t)
{
	return (unsigned) t < ELEMENTSOF(type_names) && type_names[t] ? type_names[t] : "none";
}

enum vtype vtype_parse(const char *name)
{
	for (unsigned i = V_BOOL; i < ELEMENTSOF(type_names); i++)
		if (str_eq(type_names[i], name))
			return (enum vtype) i;
	return V_NONE;
}

static const struct quality_row { uint32_t code; const char *id, *en, *zh; } qualities[] = {
#define QUALITY(name, code, id, en, zh) { code, id, en, zh },
#include "model/quality.def"
#undef QUALITY
};

/* The low 16 bits tell how a value was made (limit, overflow, historian bits); the reason is in the upper half (OPC 10000-4, 7.39). */
static const struct quality_row *quality_row(uint32_t q)
{
	static const uint32_t of_severity[] = { 0x00000000u, 0x40000000u, 0x80000000u, 0x80000000u };

	for (unsigned i = 0; i < ELEMENTSOF(qualities); i++)
		if (qualities[i].code >> 16 == q >> 16)
			return &qualities[i];
	for (unsigned i = 0; i < ELEMENTSOF(qualities); i++)
		if (qualities[i].code == of_severity[q >> 30])
			return &qualities[i];
	return &qualities[0];
}

const char *quality_id(uint32_t q)
{
	return quality_row(q)->id;
}

const char *quality_text(uint32_t q, bool zh)
{
	const struct quality_row *row = quality_row(q);

	return zh ? row->zh : row->en;
}
