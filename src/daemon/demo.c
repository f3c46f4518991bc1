/*
 * demo.c - the simulated plant on the platform's loop, and its faults as switches.
 *
 * The plant belongs to the loop's thread, the switches to everybody: a switch is noted under a lock and handed to the plant by the loop; once a second
 * the loop looks whether a fault was switched in the machine itself.
 */
#include "daemon/demo.h"

#include "base/str.h"
#include "model/plant.h"
#include "sim/sim.h"
#include "store/store.h"
#include "sys/sys.h"

#define DEMO_START_LEVEL 2.0            /* m; above the tank's first level, so that the pump runs when the visitor comes */
enum { FAULTS_MAX = 64, MIRROR_MS = 1000 };

static const struct shown { int kind; const char *fault; double severity; const char *points, *look, *look_zh; } shown[] = {
#define SHOWS(kind, fault, severity, points, look, look_zh) { SIM_##kind, fault, severity, points, look, look_zh },
#define BUS(fault, look, look_zh) { -1, fault, 1, "", look, look_zh },
#include "daemon/demo_faults.def"
#undef SHOWS
#undef BUS
};

struct wired { struct demo_fault fault; char id[48]; uint32_t machine; double severity; bool waits; };

struct demo {
	struct demo_plant plant;                /* first: what the platform sees */
	struct platform *platform;
	struct loop *loop;
	struct sim *sim;
	struct mutex lock;
	struct wired faults[FAULTS_MAX];
	struct post post;
	struct timer mirror;
};

/* --- The switches ------------------------------------------------------------------------------------------------------ */

static void hand_over(void *arg)
{
	struct demo *d = arg;

	mutex_hold(&d->lock);
	for (uint32_t i = 0; i < d->plant.n; i++) {
		struct wired *w = &d->faults[i];

		if (w->waits && sim_set_fault(d->sim, w->machine, w->fault.fault, w->fault.on ? w->severity : 0) < 0)
			err_clear();            /* the tables name no fault that is not there; the test holds them to it */
		w->waits = false;
	}
}

static void get(struct demo_plant *plant, uint32_t i, struct demo_fault *ret)
{
	struct demo *d = (struct demo *) plant;

	mutex_hold(&d->lock);
	*ret = d->faults[i].fault;
}

static void set(struct demo_plant *plant, uint32_t i, bool on)
{
	struct demo *d = (struct demo *) plant;

	mutex_hold(&d->lock);
	d->faults[i].fault.on = on;
	d->faults[i].fault.since = clock_now_ns();
	d->faults[i].waits = true;
	loop_wake(d->loop, &d->post, hand_over, d);
}

static void mirror(void *arg)
{
	struct demo *d = arg;

	timer_start(d->loop, &d->mirror, MIRROR_MS, mirror, d);
	mutex_hold(&d->lock);
	for (uint32_t i = 0; i < d->plant.n; i++) {
		struct wired *w = &d->faults[i];
		double severity = 0;

		if (w->waits || sim_fault(d->sim, w->machine, w->fault.fault, &severity) < 0 || (severity > 0) == w->fault.on)
			continue;
		w->fault.on = severity > 0;
		w->fault.since = clock_now_ns();
	}
}

/* --- What there is to switch ------------------------------------------------------------------------------------------- */

static const struct shown *find_shown(enum sim_kind kind, const char *fault)
{
	for (size_t i = 0; i < ELEMENTSOF(shown); i++)
		if ((shown[i].kind == (int) kind || shown[i].kind < 0) && str_eq(shown[i].fault, fault))
			return &shown[i];
	return NULL;
}

/* Where a fault shows: its device, connection and points, as far as they are still there. */
static int find_records(struct scope *s, const char *device, const char *points, struct demo_fault *ret)
{
	struct device d;
	char id[UUID_TEXT + 1], code[32];
	int r = store_find_by(s->tx, &device_type, "code", device, &d, s->arena);

	for (int n = 0; r == 0 && *points && n < DEMO_POINTS_MAX; n++) {
		const char *end = str_find(points, ",");
		size_t len = end ? (size_t) (end - points) : str_len(points);
		struct store_filter f[] = { { "device", STORE_EQ, id }, { "code", STORE_EQ, code } };
		struct point p;

		uuid_format(&d.head.id, id);
		memcpy(code, points, MIN(len, sizeof(code) - 1));
		code[MIN(len, sizeof(code) - 1)] = 0;
		if (store_find(s->tx, &point_type, f, ELEMENTSOF(f), &p, s->arena) == 0)
			ret->points[n] = p.head.id;
		points += len + (end != NULL);
	}
	if (r == 0) {
		ret->device = d.head.id;
		ret->connection = d.connection;
	}
	err_clear();
	return r == -ERR_MISSING ? 0 : r;
}

static int add_faults(struct scope *s, struct demo *d, uint32_t machine, const struct sim_fault *list, size_t n, enum demo_where where)
{
	const struct demo_machine *m = &demo_machines[machine];
	struct sim_machine kind;
	int r = 0;

	sim_machine(d->sim, machine, &kind);
	for (size_t i = 0; r == 0 && i < n && d->plant.n < FAULTS_MAX; i++) {
		const struct shown *how = find_shown(kind.kind, list[i].name);
		struct wired *w = &d->faults[d->plant.n];
		struct buf id = BUF_FIXED(w->id);

		if (!how)
			continue;               /* the machine has more ways to break than the panel shows */
		buf_addf(&id, "%s.%s", m->code, list[i].name);
		w->machine = machine;
		w->severity = how->severity;
		w->fault = (struct demo_fault) { .id = w->id, .fault = list[i].name, .where = where == DEMO_BUS && str_eq(list[i].name, "noise") ?
			DEMO_MEASURING : where, .title = list[i].text, .title_zh = list[i].text_zh,
			.look = how->look, .look_zh = how->look_zh, .machine = m->code, .machine_title = m->name, .machine_title_zh = m->name_zh };
		r = find_records(s, m->code, how->points, &w->fault);
		d->plant.n++;
	}
	return r;
}

static int make(struct scope *s, const void *in, void *ret)
{
	struct demo *d = ret;
	int r = demo_make_records(s, d->sim);

	for (uint32_t i = 0; r == 0 && i < sim_machines(d->sim); i++) {
		struct sim_machine m;
		size_t n;
		const struct sim_fault *own;

		sim_machine(d->sim, i, &m);
		own = sim_faults(m.kind, &n);
		r = add_faults(s, d, i, own, n, DEMO_MACHINE);
		own = sim_common_faults(&n);
		r = r < 0 ? r : add_faults(s, d, i, own, n, DEMO_BUS);
	}
	return r;
}

static const struct deed deed_demo = DEED("demo.create", PERM_LINK_WRITE, DEED_TENANT, make);

int demo_start(struct demo **ret, struct loop *l, struct platform *p)
{
	struct sim_config config = { .seed = 42, .machines = demo_machine_list, .attended = true };
	struct demo *d = sys_new(struct demo);
	struct scope s = { 0 };
	struct arena a;
	int r;

	if (!d)
		return err_fail(ERR_NO_MEMORY, "what", "demo", NULL);
	d->loop = l;
	d->platform = p;
	mutex_init(&d->lock);
	r = sim_new(l, &config, &d->sim);
	if (r == 0)
		r = sim_write(d->sim, 0, "LIC-102.L", DEMO_START_LEVEL);
	if (r == 0)
		r = sim_start(d->sim);
	if (r == 0) {
		arena_init(&a, &sys_heap, 0);
		scope_system(&s, p->guard, p, &a, "demo");
		s.lang = lang_of_env();               /* names are stored once, in the language of this computer */
		r = scope_do(&s, &deed_demo, NULL, d);
		d->plant.tenant = s.tenant;
		arena_done(&a);
	}
	if (r < 0) {
		demo_free(d);
		return err_wrap(r, "the simulated plant");
	}
	d->plant.get = get;
	d->plant.set = set;
	p->demo = &d->plant;
	mirror(d);
	*ret = d;
	return 0;
}

struct demo *demo_free(struct demo *d)
{
	if (d) {
		d->platform->demo = NULL;
		timer_stop(&d->mirror);
		sim_free(d->sim);
		mutex_done(&d->lock);
		sys_free(d);
	}
	return NULL;
}
