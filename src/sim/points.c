/* points.c - the tables of points in their forms: for people, for the wire, as CSV. */
#include "sim/kind.h"

#include <math.h>

#include "base/num.h"
#include "base/str.h"

static const struct kind *const kinds[] = { [SIM_PUMP] = &kind_pump, [SIM_OVEN] = &kind_oven, [SIM_CNC] = &kind_cnc, [SIM_METER] = &kind_meter };

const struct kind *kind_of(enum sim_kind k) { return kinds[k]; }

const struct sim_point *sim_points(enum sim_kind k, size_t *ret_n)
{
	*ret_n = kinds[k]->n_points;
	return kinds[k]->points;
}

const struct sim_group *sim_groups(enum sim_kind k, size_t *ret_n)
{
	*ret_n = kinds[k]->n_groups;
	return kinds[k]->groups;
}

const char *sim_kind_name(enum sim_kind k) { return kinds[k]->name; }
const char *sim_kind_title(enum sim_kind k, enum lang lang) { return lang == LANG_ZH ? kinds[k]->title_zh : kinds[k]->title; }

int sim_kind_find(const char *name)
{
	for (int k = 0; k < SIM_KINDS_; k++)
		if (str_eq(kinds[k]->name, name))
			return k;
	return -1;
}

int kind_point(const struct kind *k, const char *code)
{
	for (size_t i = 0; i < k->n_points; i++)
		if (str_eq(k->points[i].code, code))
			return (int) i;
	return -1;
}

static enum modbus_type wire_type(enum point_type t)
{
	switch (t) {
	case POINT_BOOL: return MODBUS_BOOL;
	case POINT_I16: return MODBUS_I16;
	case POINT_U16: return MODBUS_U16;
	case POINT_I32: return MODBUS_I32;
	case POINT_U32: return MODBUS_U32;
	case POINT_I64: return MODBUS_I64;
	case POINT_U64: return MODBUS_U64;
	case POINT_F64: return MODBUS_F64;
	default: return MODBUS_F32;
	}
}

/* Modicon's notation: the first digit is the table, the rest counts from 1. */
static struct spot spot_of(const struct sim_point *p)
{
	static const enum area areas[] = { AREA_COILS, AREA_DISCRETE, AREA_HOLDING, AREA_INPUT, AREA_HOLDING };
	uint64_t number = 1;

	num_parse_u64(p->address + 1, p->address + str_len(p->address), &number);
	return (struct spot) {
		.area = p->address[0] == '3' ? AREA_INPUT : areas[p->address[0] - '0'],
		.at = (uint16_t) (number - 1),
		.n = (uint16_t) (p->type == POINT_BOOL ? 1 : modbus_type_registers(wire_type(p->type))),
		.type = wire_type(p->type),
	};
}

void spots_init(struct spots *m, const struct kind *k)
{
	*m = (struct spots) { .kind = k };
	for (size_t i = 0; i < k->n_points; i++) {
		struct spot p = m->spot[i] = spot_of(&k->points[i]);

		for (unsigned j = 0; j < p.n; j++)
			m->used[p.area][p.at + j] = true;
	}
}

bool spots_have(const struct spots *m, enum area area, uint32_t at, uint32_t n)
{
	if (at + n > AREA_SIZE)
		return false;
	for (uint32_t i = at; i < at + n; i++)
		if (!m->used[area][i])
			return false;
	return true;
}

static double held(double v, double low, double high) { return v != v ? 0 : fmin(fmax(v, low), high); }

void image_put_count(struct image *i, const struct spot *p, uint64_t raw)
{
	unsigned bits = 16 * p->n;

	if (p->type == MODBUS_F32) {
		image_put(i, p, (double) raw);
		return;
	}
	if (bits < 64)
		raw &= (UINT64_C(1) << bits) - 1;       /* counters roll over, as counters do */
	modbus_set(i->registers[p->area] + 2 * p->at, p->type, MODBUS_ABCD, (union modbus_value) { .u = raw });
}

void image_put(struct image *i, const struct spot *p, double raw)
{
	static const struct { double low, high; } carry[] = {
		[MODBUS_I16] = { INT16_MIN, INT16_MAX }, [MODBUS_U16] = { 0, UINT16_MAX }, [MODBUS_I32] = { INT32_MIN, INT32_MAX },
		[MODBUS_U32] = { 0, UINT32_MAX }, [MODBUS_I64] = { -0x1p62, 0x1p62 }, [MODBUS_U64] = { 0, 0x1p62 },
	};
	union modbus_value v;

	if (p->type == MODBUS_BOOL) {
		modbus_set_bit(i->bits[p->area], p->at, raw != 0);
		return;
	}
	if (p->type == MODBUS_F32)
		v.f32 = (float) raw;
	else if (p->type == MODBUS_F64)
		v.f64 = raw;
	else
		v.i = llround(held(raw, carry[p->type].low, carry[p->type].high));
	modbus_set(i->registers[p->area] + 2 * p->at, p->type, MODBUS_ABCD, v);
}

double image_get(const struct image *i, const struct spot *p)
{
	union modbus_value v;

	if (p->type == MODBUS_BOOL)
		return modbus_get_bit(i->bits[p->area], p->at);
	v = modbus_get(i->registers[p->area] + 2 * p->at, p->type, MODBUS_ABCD);
	switch (p->type) {
	case MODBUS_F32: return (double) v.f32;
	case MODBUS_F64: return v.f64;
	case MODBUS_U16: case MODBUS_U32: case MODBUS_U64: return (double) v.u;
	default: return (double) v.i;
	}
}

static void add_cell(struct buf *out, const char *text)
{
	bool quote = str_find(text, ",") || str_find(text, "\"") || str_find(text, "\n");

	if (quote)
		buf_addc(out, '"');
	for (; *text; text++) {
		if (*text == '"')
			buf_addc(out, '"');
		buf_addc(out, *text);
	}
	if (quote)
		buf_addc(out, '"');
}

static void add_states(struct buf *out, const char *states)
{
	if (!states)
		return;
	buf_addc(out, '"');
	for (; *states; states++)
		buf_addc(out, *states == ';' ? ',' : *states);
	buf_addc(out, '"');
}

/* The words of the point's record table (model/plant.c): the list can be imported as it is. */
void sim_points_csv(enum sim_kind k, enum lang lang, struct buf *out)
{
	static const char *const types[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "string" };
	static const char *const accesses[] = { "r", "w", "rw" };

	buf_add(out, "group,code,name,address,type,access,byte_order,scale,unit,decimals,state_texts\r\n");
	for (const struct sim_point *p = kinds[k]->points; p < kinds[k]->points + kinds[k]->n_points; p++) {
		buf_addf(out, "%s,%s,", p->group, p->code);
		add_cell(out, lang == LANG_ZH ? p->name_zh : p->name);
		buf_addf(out, ",%s,%s,%s,%s,%g,", p->address, types[p->type], accesses[p->access], p->type == POINT_BOOL ? "device" : "ABCD", p->scale);
		add_cell(out, p->unit);
		buf_addf(out, ",%d,", (int) p->decimals);
		add_states(out, lang == LANG_ZH ? p->states_zh : p->states);
		buf_add(out, "\r\n");
	}
}
