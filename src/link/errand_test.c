/* Errands against a device that lies: what is written arrives bit by bit, what goes wrong is told as it is. Registers: liar_test.h. */
#include "link/engine.h"
#include "link/liar_test.h"
#include "tap.h"

enum { LIMIT_MS = 20000, RESULTS = 128 };

/* ---- a plant of one connection (1), one device (2) and one group (3) ---- */

struct end { bool is_there; struct errand_result r; uint8_t data[ERRAND_DATA]; char text[ERRAND_TEXT]; };

static struct box {
	struct mutex mutex;
	struct cond news;
	struct end end[RESULTS];
	unsigned n_ends, n_steps, n_samples;
	struct sample last;
	double step[64];
} box;

struct bench { struct link *link; struct liar liar; };

static int append(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	mutex_hold(&box.mutex);
	while (batch_next(&it, &s))
		if (s.series == 77) {
			box.last = s;
			box.n_samples++;
		}
	cond_broadcast(&box.news);
	return 0;
}

static struct uuid id_of(unsigned n) { return (struct uuid) { .b = { 1, [15] = (uint8_t) n } }; }

static struct link_config quick = { .append = append, .reconnect_min_ms = 20, .reconnect_max_ms = 100, .probe_min_ms = 30, .probe_max_ms = 100,
	.retry_ms = 300 };

static unsigned patience_ms = 200;      /* for an answer */

static const char *config_of_port(uint16_t port)
{
	static char config[120];

	snprintf(config, sizeof(config), "{\"host\":\"127.0.0.1\",\"port\":%u,\"timeout_ms\":%u}", port, patience_ms);
	return config;
}

/* period 0: nothing is read */
static bool start(struct bench *b, uint32_t period_ms, const char *device)
{
	struct connection c = { .head.id = id_of(1), .code = "line", .driver = "modbus-tcp", .enabled = true };
	struct device d = { .head.id = id_of(2), .connection = id_of(1), .code = "plc", .enabled = true, .config = device };
	struct group g = { .head.id = id_of(3), .device = id_of(2), .code = "fast", .period_ms = period_ms, .enabled = true };
	struct point p[40];
	struct link_point lp[40];
	char address[40][16];
	bool good;

	memset(&box, 0, sizeof(box));
	mutex_init(&box.mutex);
	cond_init(&box.news);
	good = liar_start(&b->liar, 0) && link_new(&quick, &b->link) == 0 && link_start(b->link) == 0;
	c.config = config_of_port(b->liar.port);
	good = good && link_set_connection(b->link, 5, &c) == 0 && link_set_device(b->link, &d) == 0;
	/* far apart: forty requests a cycle */
	for (uint32_t i = 0; i < 40; i++) {
		snprintf(address[i], sizeof(address[i]), "HR%u", 1000 + 100 * i);
		p[i] = (struct point) { .address = address[i], .code = "p", .type = POINT_U16, .enabled = true, .scale = 1 };
		lp[i] = (struct link_point) { .series = i, .point = &p[i] };
	}
	return good && (!period_ms || link_set_group(b->link, &g, lp, 40, NULL) == 0);
}

static void stop(struct bench *b)
{
	b->link = link_free(b->link);
	liar_stop(&b->liar);
}

static bool is_up(struct bench *b)
{
	int64_t deadline = clock_deadline(LIMIT_MS);
	struct link_status s = { 0 };
	struct uuid u = id_of(2);

	while (link_status_of(b->link, &u, &s) == 0 && s.state != LINK_UP && clock_mono_ns() < deadline)
		poll(NULL, 0, 2);
	return s.state == LINK_UP;
}

/* ---- errands and what became of them ---- */

static void on_end(void *ctx, const struct errand_result *r)
{
	struct end *e = ctx;

	mutex_hold(&box.mutex);
	e->r = *r;
	if (r->data)
		memcpy(e->data, r->data, r->len);
	if (r->text)
		snprintf(e->text, sizeof(e->text), "%s", r->text);
	e->is_there = true;
	box.n_ends++;
	cond_broadcast(&box.news);
}

static void on_step(void *ctx, const struct errand_result *r)
{
	mutex_hold(&box.mutex);
	if (box.n_steps < ELEMENTSOF(box.step))
		box.step[box.n_steps++] = r->value.f64;
	cond_broadcast(&box.news);
}

static struct end *finish(unsigned i)
{
	int64_t deadline = clock_deadline(LIMIT_MS);

	mutex_hold(&box.mutex);
	while (!box.end[i].is_there)
		if (!cond_wait_until(&box.news, &box.mutex, deadline)) {
			printf("# errand %u never ended\n", i);
			break;
		}
	return &box.end[i];
}

static int begin(struct bench *b, unsigned i, struct errand e, uint64_t *ticket)
{
	static const struct uuid two = { .b = { 1, [15] = 2 } };

	if (!e.guest && !e.connection)
		e.device = &two;
	e.on_end = on_end;
	e.on_step = on_step;
	e.ctx = &box.end[i];
	return link_errand(b->link, &e, ticket);
}

static struct end *carry_out(struct bench *b, struct errand e)
{
	static unsigned i;

	i = (i + 1) % RESULTS;
	box.end[i] = (struct end) { 0 };
	is_int(begin(b, i, e, NULL), 0);
	return finish(i);
}

static struct point point_at(const char *address, enum point_type t)
{
	return (struct point) { .address = address, .code = "p", .type = t, .access = POINT_READ_WRITE, .enabled = true, .scale = 1 };
}

static struct end *write_to(struct bench *b, struct point p, struct value v)
{
	return carry_out(b, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = v, .series = 77, .store = true });
}

static struct value whole(int64_t i) { return (struct value) { .type = V_I64, .i = i }; }
static struct value real(double f) { return (struct value) { .type = V_F64, .f64 = f }; }
static const struct value on = { .type = V_BOOL, .b = true };
static int memory(struct bench *b, unsigned n) { return atomic_load(&b->liar.memory[n]); }

/* ---- writing ---- */

/* The registers are those of IEEE 754 and two's complement; 123456.789f = 0x47F12065, its orders as in proto/modbus. */
TEST(a_value_arrives_bit_by_bit_and_is_read_back)
{
	struct bench b;
	struct end *e;
	struct point scaled = point_at("HR40", POINT_I16);

	must(start(&b, 0, NULL));
	e = write_to(&b, point_at("HR10", POINT_I16), whole(-2));
	is_int(e->r.outcome, ERRAND_DONE);
	is_int(e->r.value.i, -2);
	is_int(memory(&b, 10), 0xFFFE);
	e = write_to(&b, point_at("HR12#CDAB", POINT_F32), real(123456.789));
	is_int(e->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 12), 0x2065);
	is_int(memory(&b, 13), 0x47F1);
	is_int(write_to(&b, point_at("HR20", POINT_I64), whole(-9007199254740993))->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 20), 0xFFDF);
	is_int(memory(&b, 23), 0xFFFF);
	is_int(write_to(&b, point_at("C5", POINT_BOOL), on)->r.outcome, ERRAND_DONE);
	is_int(atomic_load(&b.liar.coil[5]), 1);
	/* 31 = 10 * 3 + 1: register 8 holds 31 = 0x1F, bit 7 is set beside the others */
	is_int(write_to(&b, point_at("HR8.7", POINT_BOOL), on)->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 8), 0x9F);
	/* engineering units: 23.14 at 0.1 a digit is digit 231, and read back as what it is */
	scaled.scale = 0.1;
	scaled.offset = -5;
	e = write_to(&b, scaled, real(23.14));
	is_int(e->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 40), 281);
	ok(e->r.value.f64 > 23.0999 && e->r.value.f64 < 23.1001);
	is_int(box.last.value.type, V_F64);
	ok(box.n_samples == 6);
	stop(&b);
}

TEST(a_bit_is_written_without_mask_write_too)
{
	struct bench b;

	must(start(&b, 0, NULL));
	atomic_store(&b.liar.unknown_fc, MODBUS_MASK_WRITE);
	is_int(write_to(&b, point_at("HR8.7", POINT_BOOL), on)->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 8), 0x9F);
	stop(&b);
	must(start(&b, 0, "{\"mask_write\":false}"));
	is_int(write_to(&b, point_at("HR8.7", POINT_BOOL), on)->r.outcome, ERRAND_DONE);
	is_int(memory(&b, 8), 0x9F);
	is_int(atomic_load(&b.liar.seen[1]), MODBUS_WRITE_REGISTER);
	stop(&b);
}

TEST(what_does_not_fit_is_refused_and_nothing_is_sent)
{
	struct bench b;
	struct end *e;

	must(start(&b, 0, NULL));
	e = write_to(&b, point_at("HR10", POINT_U16), whole(70000));
	is_int(e->r.outcome, ERRAND_REFUSED);
	is_int(e->r.why.kind, ERR_WRONG_TYPE);
	is_int(begin(&b, 99, (struct errand) { .kind = ERRAND_WRITE, .point = &(struct point) { .address = "IR10", .type = POINT_U16,
		.access = POINT_READ_WRITE }, .value = whole(7) }, NULL), -ERR_INVALID);
	err_clear();
	is_int(atomic_load(&b.liar.requests), 0);
	atomic_store(&b.liar.lie, EXCEPTION);
	atomic_store(&b.liar.exception, 4);
	e = write_to(&b, point_at("HR10", POINT_U16), whole(7));
	is_int(e->r.outcome, ERRAND_REFUSED);
	is_int(e->r.why.kind, ERR_PEER);
	stop(&b);
}

TEST(a_device_that_keeps_its_own_value_is_told_of)
{
	struct bench b;
	struct end *e;

	must(start(&b, 0, NULL));
	atomic_store(&b.liar.stuck, 10);
	e = write_to(&b, point_at("HR10", POINT_U16), whole(500));
	is_int(e->r.outcome, ERRAND_DIFFERS);
	is_int(e->r.value.i, 37);
	is_int(e->r.tries, 4);
	stop(&b);
}

TEST(what_is_only_written_is_taken_at_the_devices_word)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);

	must(start(&b, 0, NULL));
	p.access = POINT_WRITE;
	is_int(write_to(&b, p, whole(500))->r.outcome, ERRAND_UNCHECKED);
	is_int(memory(&b, 10), 500);
	is_int(atomic_load(&b.liar.requests), 1);
	stop(&b);
}

TEST(nobody_knows_after_a_reset_or_silence_in_the_middle)
{
	static const enum lie lies[] = { RESET_IN_MIDDLE, HANG_UP, SILENCE, STOP_IN_MIDDLE, FOREIGN };

	for (size_t i = 0; i < ELEMENTSOF(lies); i++) {
		struct bench b;
		struct end *e;

		must(start(&b, 0, NULL));
		atomic_store(&b.liar.lie, lies[i]);
		e = write_to(&b, point_at("HR10", POINT_U16), whole(500));
		printf("# lie %d\n", lies[i]);
		is_int(e->r.outcome, ERRAND_UNKNOWN);
		ok(e->r.why.kind == ERR_PEER || e->r.why.kind == ERR_TIMEOUT);
		is_int(memory(&b, 10), 500);
		/* ... and the next one finds the way again */
		atomic_store(&b.liar.lie, TRUTH);
		is_int(write_to(&b, point_at("HR10", POINT_U16), whole(501))->r.outcome, ERRAND_DONE);
		/* written, but the reading back goes wrong */
		atomic_store(&b.liar.lie, lies[i]);
		atomic_store(&b.liar.lie_at_fc, MODBUS_READ_HOLDING);
		is_int(write_to(&b, point_at("HR10", POINT_U16), whole(502))->r.outcome, ERRAND_UNCHECKED);
		stop(&b);
	}
}

TEST(nothing_waits_for_a_connection_that_is_down)
{
	struct bench b;
	struct end *e;
	uint16_t port;

	must(start(&b, 50, NULL));
	must(is_up(&b));
	liar_stop(&b.liar);
	port = b.liar.port;
	do
		e = write_to(&b, point_at("HR10", POINT_U16), whole(500));
	while (e->r.outcome == ERRAND_UNKNOWN || e->r.outcome == ERRAND_UNCHECKED);      /* it fell together with the connection */
	is_int(e->r.outcome, ERRAND_REFUSED);
	ok(e->r.why.kind == ERR_PEER || e->r.why.kind == ERR_REFUSED);
	must(liar_start(&b.liar, port));
	must(is_up(&b));
	poll(NULL, 0, 50);
	is_int(memory(&b, 10), -1);
	stop(&b);
}

/* ---- the lane ---- */

TEST(a_command_goes_in_front_of_all_polling)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);
	unsigned before, at;

	p.access = POINT_WRITE;
	must(start(&b, 10, NULL));
	must(is_up(&b));
	atomic_store(&b.liar.delay_ms, 1);      /* forty questions take four periods: it is never idle */
	for (int round = 0; round < 20; round++) {
		before = atomic_load(&b.liar.requests);
		is_int(write_to(&b, p, whole(round))->r.outcome, ERRAND_UNCHECKED);
		for (at = before; atomic_load(&b.liar.seen[at % LIAR_SEEN]) != MODBUS_WRITE_REGISTER; at++)
			;
		/* one question under way, one that left while we counted */
		ok(at - before <= 2);
	}
	stop(&b);
}

TEST(commands_of_a_device_keep_their_order_and_the_lane_its_bound)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);
	unsigned refused = 0, last = 0;

	patience_ms = 20000;                    /* a machine that stands still is no silence */
	must(start(&b, 0, NULL));
	patience_ms = 200;
	atomic_store(&b.liar.delay_ms, 1);
	for (unsigned i = 0; i < 100; i++)
		is_int(begin(&b, i, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = whole(1000 + i) }, NULL), 0);
	for (unsigned i = 0; i < 100; i++) {
		struct end *e = finish(i);

		if (e->r.outcome == ERRAND_REFUSED) {
			is_int(e->r.why.kind, ERR_LIMIT);
			refused++;
			continue;
		}
		is_int(e->r.outcome, ERRAND_DONE);
		is_int(e->r.value.i, 1000 + i);
		last = i;
	}
	ok(refused > 0);
	ok(refused <= 100 - ERRANDS_MAX);
	is_int(memory(&b, 10), 1000 + last);
	stop(&b);
}

/* ---- ramps ---- */

TEST(a_ramp_walks_to_its_target)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_F32);
	struct end *e;

	must(start(&b, 0, NULL));
	is_int(write_to(&b, p, real(10))->r.outcome, ERRAND_DONE);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = real(12), .ramp = 2 });
	is_int(e->r.outcome, ERRAND_DONE);
	ok(e->r.value.f32 == 12);
	ok(box.n_steps >= 1);
	for (unsigned i = 0; i < box.n_steps; i++)
		ok(box.step[i] > (i ? box.step[i - 1] : 10) && box.step[i] < 12);
	stop(&b);
}

/* 0x7FC00000 is no number (IEEE 754): there is no way from it to the target, least of all one that begins at 0. */
TEST(a_ramp_does_not_set_out_from_what_is_no_number)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_F32);
	struct end *e;

	must(start(&b, 0, NULL));
	atomic_store(&b.liar.memory[10], 0x7FC0);
	atomic_store(&b.liar.memory[11], 0);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = real(12), .ramp = 2 });
	is_int(e->r.outcome, ERRAND_REFUSED);
	is_int(memory(&b, 10), 0x7FC0);
	is_int(memory(&b, 11), 0);
	is_int(box.n_steps, 0);
	stop(&b);
}

static bool stepped(unsigned n)
{
	int64_t deadline = clock_deadline(LIMIT_MS);

	mutex_hold(&box.mutex);
	while (box.n_steps < n)
		if (!cond_wait_until(&box.news, &box.mutex, deadline))
			return false;
	return true;
}

TEST(a_ramp_stops_where_it_is_when_cancelled_or_cut_off)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);
	uint64_t ticket;
	struct end *e;

	must(start(&b, 0, NULL));
	for (int cut = 0; cut < 2; cut++) {
		box.n_steps = 0;
		is_int(write_to(&b, p, whole(0))->r.outcome, ERRAND_DONE);
		is_int(begin(&b, 100, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = whole(10000), .ramp = 20 }, &ticket), 0);
		must(stepped(2));
		/* meanwhile the point is taken, and others on the device are not */
		is_int(write_to(&b, p, whole(5))->r.outcome, ERRAND_REFUSED);
		is_int(write_to(&b, point_at("HR60", POINT_U16), whole(5))->r.outcome, ERRAND_DONE);
		if (cut)
			liar_stop(&b.liar);
		else
			link_errand_cancel(b.link, ticket);
		e = finish(100);
		is_int(e->r.outcome, ERRAND_STOPPED);
		ok(e->r.value.f64 > 0 && e->r.value.f64 < 10000);
		ok((int) e->r.value.f64 == memory(&b, 10) || (int) e->r.value.f64 + 1 == memory(&b, 10));
		box.end[100].is_there = false;
	}
	link_free(b.link);
}

/* ---- looking ---- */

TEST(raw_registers_and_points_are_read_once)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);
	struct end *e;

	must(start(&b, 0, NULL));
	e = carry_out(&b, (struct errand) { .kind = ERRAND_PEEK, .point = &p, .count = 3 });
	is_int(e->r.outcome, ERRAND_DONE);
	is_int(e->r.len, 6);
	is_bytes(e->data, ((const uint8_t[]) { 0, 37, 0, 40, 0, 43 }), 6);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_READ, .point = &p });
	is_int(e->r.value.i, 37);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_PEEK, .point = &p, .count = 126 });
	is_int(e->r.why.kind, ERR_OUT_OF_RANGE);
	stop(&b);
}

TEST(a_guest_is_heard_and_disturbs_nobody)
{
	struct bench b;
	struct link_guest *g = NULL;
	struct connection c = { .head.id = id_of(9), .code = "try", .driver = "modbus-tcp" };
	struct end *e;

	must(start(&b, 20, NULL));
	must(is_up(&b));
	c.config = config_of_port(b.liar.port);
	is_int(link_guest_open(b.link, 5, &c, &g), 0);
	is_int(carry_out(&b, (struct errand) { .kind = ERRAND_OPEN, .guest = g })->r.outcome, ERRAND_DONE);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_GREET, .guest = g, .config = "{\"unit\":1}" });
	is_int(e->r.outcome, ERRAND_DONE);
	atomic_store(&b.liar.absent_unit, 9);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_GREET, .guest = g, .config = "{\"unit\":9}" });
	is_int(e->r.outcome, ERRAND_REFUSED);
	ok(e->r.is_absent);
	/* who looks for devices hears silence and goes on */
	atomic_store(&b.liar.dead_unit, 8);
	for (int i = 0; i < LINK_MUTE + 1; i++)
		is_int(carry_out(&b, (struct errand) { .kind = ERRAND_GREET, .guest = g, .config = "{\"unit\":8}" })->r.why.kind, ERR_TIMEOUT);
	is_int(atomic_load(&b.liar.accepts), 2);
	link_guest_close(b.link, g, NULL, NULL);
	/* nobody there */
	c.config = config_of_port(1);
	is_int(link_guest_open(b.link, 5, &c, &g), 0);
	e = carry_out(&b, (struct errand) { .kind = ERRAND_OPEN, .guest = g });
	is_int(e->r.outcome, ERRAND_REFUSED);
	is_int(e->r.why.kind, ERR_PEER);
	link_guest_close(b.link, g, NULL, NULL);
	stop(&b);
}

static struct { uint32_t n, holes, points; char range[48]; bool is_there; } plan;

static void on_plan(void *ctx, const struct link_request *q, uint32_t n)
{
	mutex_hold(&box.mutex);
	plan.n = n;
	for (uint32_t i = 0; i < n; i++) {
		plan.holes += q[i].holes;
		plan.points += q[i].points;
	}
	snprintf(plan.range, sizeof(plan.range), "%s", n ? q[0].range : "");
	plan.is_there = true;
	cond_broadcast(&box.news);
}

TEST(the_plan_of_a_group_is_shown_as_it_stands)
{
	struct bench b;
	struct uuid id = id_of(3);
	int64_t deadline = clock_deadline(LIMIT_MS);

	must(start(&b, 50, NULL));
	is_int(link_plan(b.link, &id, on_plan, NULL), 0);
	mutex_lock(&box.mutex);
	while (!plan.is_there && cond_wait_until(&box.news, &box.mutex, deadline))
		;
	mutex_unlock(&box.mutex);
	is_int(plan.n, 40);
	is_int(plan.points, 40);
	is_int(plan.holes, 0);
	is_str(plan.range, "HR1000");
	id = id_of(99);
	is_int(link_plan(b.link, &id, on_plan, NULL), -ERR_MISSING);
	err_clear();
	stop(&b);
}

TEST(errands_under_way_end_when_the_engine_does)
{
	struct bench b;
	struct point p = point_at("HR10", POINT_U16);

	must(start(&b, 0, NULL));
	atomic_store(&b.liar.lie, SILENCE);
	for (unsigned i = 0; i < 5; i++)
		is_int(begin(&b, i, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = whole(1) }, NULL), 0);
	link_stop(b.link);
	for (unsigned i = 0; i < 5; i++)
		ok(box.end[i].is_there && (box.end[i].r.outcome == ERRAND_REFUSED || box.end[i].r.outcome == ERRAND_UNKNOWN));
	is_int(begin(&b, 9, (struct errand) { .kind = ERRAND_WRITE, .point = &p, .value = whole(1) }, NULL), -ERR_STOPPING);
	err_clear();
	stop(&b);
}

