/* demo.c - looking at the demonstration plant's faults, and switching them. */
#include "service/demo.h"

#include "service/internal.h"

static const struct rec_word wheres[] = {
	{ "machine", "In the machine", "设备本体" }, { "measuring", "In the measuring lines", "测量线路" }, { "bus", "On the bus", "通信" }, { 0 },
};

#define R struct demo_fault_record
static const struct rec_field fields[] = {
	F(R, id, .flags = REC_READONLY, .label = "Id", .label_zh = "标识符"),
	F(R, fault, .flags = REC_READONLY, .label = "Fault", .label_zh = "故障"),
	F_ENUM(R, where, wheres, .flags = REC_READONLY, .def = "machine", .label = "Where", .label_zh = "部位"),
	F(R, title, .flags = REC_READONLY, .label = "Title", .label_zh = "英文名称"),
	F(R, title_zh, .flags = REC_READONLY, .label = "Title in Chinese", .label_zh = "中文名称"),
	F(R, look, .flags = REC_READONLY, .label = "What to look for", .label_zh = "现象（英文）"),
	F(R, look_zh, .flags = REC_READONLY, .label = "What to look for, in Chinese", .label_zh = "现象"),
	F(R, machine, .flags = REC_READONLY, .label = "Device", .label_zh = "采集设备编码"),
	F(R, machine_title, .flags = REC_READONLY, .label = "Machine", .label_zh = "设备英文名称"),
	F(R, machine_title_zh, .flags = REC_READONLY, .label = "Machine in Chinese", .label_zh = "设备名称"),
	F(R, connection, .flags = REC_READONLY, .label = "Connection", .label_zh = "通道"),
	F(R, device, .flags = REC_READONLY, .label = "Device's id", .label_zh = "采集设备标识符"),
	F_KIND(R, points, REC_LIST, .item = REC_STR, .flags = REC_READONLY, .max = "3", .label = "Points that show it", .label_zh = "相关点位"),
	F(R, on, .flags = REC_READONLY, .label = "On", .label_zh = "已投入"),
	F_KIND(R, since, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Since", .label_zh = "起始时间"),
};
const struct rec_type demo_fault_type = REC_PLAIN_HAS(R, "demo_fault", fields, .title = "Fault of the demonstration plant", .title_zh = "演示工厂的故障");

bool demo_is_there(const struct scope *s)
{
	return s->platform->demo && s->platform->demo->tenant == s->tenant;
}

static int put_points(const struct demo_fault *f, struct arena *a, struct rec_list *ret)
{
	const char **ids = arena_array(a, const char *, DEMO_POINTS_MAX);
	char text[UUID_TEXT + 1];

	if (!ids)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	*ret = (struct rec_list) { .items = ids };
	for (int i = 0; i < DEMO_POINTS_MAX; i++) {
		if (uuid_is_zero(&f->points[i]))
			continue;
		uuid_format(&f->points[i], text);
		ids[ret->n] = arena_str(a, text);
		if (!ids[ret->n++])
			return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	}
	return 0;
}

static int record_of(const struct demo_fault *f, struct arena *a, struct demo_fault_record *ret)
{
	*ret = (struct demo_fault_record) { .id = f->id, .fault = f->fault, .where = (int32_t) f->where, .title = f->title, .title_zh = f->title_zh,
		.look = f->look, .look_zh = f->look_zh, .machine = f->machine, .machine_title = f->machine_title, .machine_title_zh = f->machine_title_zh,
		.connection = f->connection, .device = f->device, .on = f->on, .since = f->since };
	rec_set_has(&demo_fault_type, ret, rec_field(&demo_fault_type, "since"), f->since != 0);
	return put_points(f, a, &ret->points);
}

struct listed { struct demo_fault_record *items; uint32_t n; };

static int run_list(struct scope *s, const void *in, void *ret)
{
	struct demo_plant *d = s->platform->demo;
	struct listed *l = ret;
	int r = 0;

	l->items = arena_array(s->arena, struct demo_fault_record, d->n);
	if (!l->items)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (l->n = 0; r == 0 && l->n < d->n; l->n++) {
		struct demo_fault f;

		d->get(d, l->n, &f);
		r = record_of(&f, s->arena, &l->items[l->n]);
	}
	return r;
}

int demo_list(struct scope *s, struct demo_fault_record **ret, uint32_t *ret_n)
{
	static const struct deed deed = DEED_READ("demo.list", PERM_POINT_READ, DEED_TENANT, run_list);
	struct listed l = { 0 };
	int r = demo_is_there(s) ? scope_do(s, &deed, NULL, &l) : err_fail(ERR_NO_DEMO, NULL, NULL);

	if (r == 0) {
		*ret = l.items;
		*ret_n = l.n;
	}
	return r;
}

struct switched { const char *id; bool on; };

static int run_set(struct scope *s, const void *in, void *ret)
{
	struct demo_plant *d = s->platform->demo;
	const struct switched *want = in;
	struct demo_fault f;
	uint32_t i = 0;
	int r;

	for (; i < d->n; i++) {
		d->get(d, i, &f);
		if (str_eq(f.id, want->id))
			break;
	}
	if (i == d->n)
		return err_fail(ERR_MISSING, "what", "@fault", "value", want->id, NULL);
	if (f.on != want->on) {
		d->set(d, i, want->on);
		d->get(d, i, &f);
		r = audit_text(s, "fault", arena_fmt(s->arena, "%s %s", want->id, want->on ? "on" : "off"));
	} else
		r = DEED_CHANGED_NOTHING;
	return record_of(&f, s->arena, ret) < 0 ? -ERR_NO_MEMORY : r;
}

int demo_set(struct scope *s, const char *id, bool on, struct demo_fault_record *ret)
{
	static const struct deed deed = DEED("demo.fault", PERM_COMMAND, DEED_TENANT, run_set);
	struct switched want = { id, on };

	return demo_is_there(s) ? scope_do(s, &deed, &want, ret) : err_fail(ERR_NO_DEMO, NULL, NULL);
}
