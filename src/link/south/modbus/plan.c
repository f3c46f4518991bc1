/*
 * plan.c - from points to requests: neighbours are merged, holes are read along up to a limit, values are never torn.
 *
 * What the device refuses is learnt as a cut: a place between two points across which no request reaches any more.
 */
#include "link/south/modbus/modbus.h"

const uint8_t modbus_read_code[MODBUS_TABLES_] = {
	[MODBUS_COILS] = MODBUS_READ_COILS, [MODBUS_DISCRETE] = MODBUS_READ_DISCRETE,
	[MODBUS_HOLDING] = MODBUS_READ_HOLDING, [MODBUS_INPUT] = MODBUS_READ_INPUT,
	[MODBUS_IDENTITY] = MODBUS_ENCAPSULATED,
};

static const struct modbus_address *at(const struct driver_point *p) { return p->address; }
static uint32_t end_of(const struct driver_point *p) { return at(p)->number + at(p)->length; }

/* Did the device refuse something between an item that ends at `to` and one that begins at `next`? */
static bool is_cut(const struct modbus_device *d, int32_t table, uint32_t to, uint32_t next)
{
	for (uint32_t i = 0; i < MIN(d->n_cuts, (uint32_t) MODBUS_CUTS); i++) {
		const struct modbus_cut *c = &d->cut[i];

		if (c->table == table && (c->from < c->to ? c->from < next && c->to > to : to <= c->from && c->from <= next))
			return true;
	}
	return false;
}

static void close_request(const struct driver_point *points, uint32_t first, uint32_t last, uint32_t to, struct driver_request *q)
{
	uint32_t reach = at(&points[first])->number, holes = 0;

	for (uint32_t i = first; i < last; i++) {
		if (at(&points[i])->number > reach)
			holes += at(&points[i])->number - reach;
		reach = MAX(reach, end_of(&points[i]));
	}
	*q = (struct driver_request) { .first = first, .count = last - first, .code = modbus_read_code[at(&points[first])->table],
		.from = at(&points[first])->number, .to = to, .items = to - at(&points[first])->number, .holes = holes };
}

uint32_t modbus_plan(const void *device, const struct driver_point *points, uint32_t n, struct driver_request *ret)
{
	const struct modbus_device *d = device;
	uint32_t max_registers = d->config->max_registers ? d->config->max_registers : d->connection->max_registers;
	uint32_t gap_registers = d->config->gap_registers >= 0 ? (uint32_t) d->config->gap_registers : d->connection->gap_registers;
	uint32_t n_requests = 0, first = 0, to;

	if (n == 0)
		return 0;
	to = end_of(&points[0]);
	for (uint32_t i = 1; i < n; i++) {
		const struct modbus_address *a = at(&points[i]), *f = at(&points[first]);
		bool bits = a->table == MODBUS_COILS || a->table == MODBUS_DISCRETE;
		uint32_t max = bits ? d->connection->max_bits : max_registers, gap = bits ? d->connection->gap_bits : gap_registers;
		uint32_t end = MAX(to, end_of(&points[i]));

		if (a->table == f->table && (a->table != MODBUS_IDENTITY || a->number == f->number) && a->number <= to + gap && end - f->number <= max && !(a->number >= to && is_cut(d, a->table, to, a->number))) {
			to = end;
			continue;
		}
		close_request(points, first, i, to, &ret[n_requests++]);
		first = i;
		to = end_of(&points[i]);
	}
	close_request(points, first, n, to, &ret[n_requests++]);
	return n_requests;
}

/* Where to split: at the widest hole, for what nobody asked for is refused most often; without one between the two different
 * points nearest to the middle. 0: there is no such place. */
static uint32_t where(const struct driver_point *points, const struct driver_request *q)
{
	uint32_t to = end_of(&points[q->first]), best = 0, widest = 0, middle = 0, off = UINT32_MAX;

	for (uint32_t i = q->first + 1; i < q->first + q->count; i++) {
		const struct modbus_address *a = at(&points[i]), *b = at(&points[i - 1]);
		uint32_t half = q->first + q->count / 2, away = i > half ? i - half : half - i;

		if (a->number > to && a->number - to > widest) {
			widest = a->number - to;
			best = i;
		}
		if ((a->number != b->number || a->length != b->length) && away < off) {
			off = away;
			middle = i;
		}
		to = MAX(to, end_of(&points[i]));
	}
	return best ? best : middle;
}

static uint32_t reach(const struct driver_point *points, uint32_t first, uint32_t last)
{
	uint32_t to = 0;

	for (uint32_t i = first; i < last; i++)
		to = MAX(to, end_of(&points[i]));
	return to;
}

bool modbus_split(void *device, const struct driver_point *points, const struct driver_request *q, struct driver_request ret[2])
{
	struct modbus_device *d = device;
	uint32_t i = where(points, q), to;

	if (i == 0)
		return false;
	to = reach(points, q->first, i);
	close_request(points, q->first, i, to, &ret[0]);
	close_request(points, i, q->first + q->count, reach(points, i, q->first + q->count), &ret[1]);
	d->cut[d->n_cuts++ % MODBUS_CUTS] = (struct modbus_cut) { .table = (uint8_t) at(&points[i])->table,
		.from = MIN(to, at(&points[i])->number), .to = at(&points[i])->number };
	return true;
}

void modbus_show(const struct driver_request *q, struct buf *out)
{
	static const char *const tables[] = { [MODBUS_COILS] = "C", [MODBUS_DISCRETE] = "DI", [MODBUS_HOLDING] = "HR", [MODBUS_INPUT] = "IR",
		[MODBUS_IDENTITY] = "ID" };
	const char *table = "";

	for (size_t i = 0; i < ELEMENTSOF(tables); i++)
		if (modbus_read_code[i] == q->code)
			table = tables[i];
	buf_addf(out, "%s%llu", table, (unsigned long long) q->from);
	if (q->to > q->from + 1)
		buf_addf(out, "-%s%llu", table, (unsigned long long) q->to - 1);
}
