/* The PLC: registers hold what the instruments say, commands act, requests are answered as the specification says. */
#include "sim/plc.h"
#include "sim/pump_map.h"

#include <math.h>

#include "base/num.h"
#include "base/str.h"
#include "sys/sys.h"
#include "tap.h"

enum { SCAN_MS = 10 };
static const int64_t noon_ns = INT64_C(1767240000) * NS_PER_S;          /* 2026-01-01T04:00:00Z, noon in the station's zone */

struct setup { struct spots spots; struct plc plc; };

static void begin(struct setup *t, uint64_t seed)
{
	spots_init(&t->spots, &kind_pump);
	plc_init(&t->plc, &t->spots, seed, SCAN_MS, noon_ns);
	plc_scan(&t->plc);
}

static void run(struct setup *t, double seconds)
{
	for (long n = lround(seconds * 1000 / SCAN_MS); n > 0; n--)
		plc_scan(&t->plc);
}

static double value(const struct setup *t, const char *code)
{
	int point = kind_point(&kind_pump, code);

	if (point < 0) {
		tap_fail_("no point %s", code);
		return NAN;
	}
	return plc_value(&t->plc, (size_t) point);
}

static bool set(struct setup *t, const char *code, double v) { return plc_command(&t->plc, (size_t) kind_point(&kind_pump, code), v); }

static struct modbus_response ask(struct setup *t, struct modbus_request q)
{
	static uint8_t scratch[MODBUS_PDU_MAX];
	struct modbus_response a;

	plc_answer(&t->plc, &q, scratch, &a);
	return a;
}

TEST(no_two_points_share_an_address_and_each_stands_where_it_says)
{
	size_t n, taken[AREA_N_] = {}, used[AREA_N_] = {};
	const struct sim_point *p = sim_points(SIM_PUMP, &n);
	struct spots m;

	spots_init(&m, &kind_pump);
	is_int(n, kind_pump.n_points);
	for (size_t i = 0; i < n; i++) {
		struct spot s = m.spot[i];

		must(s.at + s.n <= AREA_SIZE);
		ok(kind_point(&kind_pump, p[i].code) == (int) i);
		taken[s.area] += s.n;
		ok((s.area == AREA_COILS || s.area == AREA_DISCRETE) == (p[i].type == POINT_BOOL));
		ok((p[i].access == POINT_READ) == (s.area == AREA_DISCRETE || s.area == AREA_INPUT));
		ok(p[i].low < p[i].high && p[i].scale > 0);
	}
	for (int a = 0; a < AREA_N_; a++) {
		for (int i = 0; i < AREA_SIZE; i++)
			used[a] += m.used[a][i];
		is_int(used[a], taken[a]);
	}
	is_int(m.spot[kind_point(&kind_pump, "PT-101")].at, 8);       /* 30009 counts from 1 */
	is_int(m.spot[kind_point(&kind_pump, "FAULT-LEAK")].at, 100);
}

TEST(the_ranges_in_the_list_are_those_of_the_instruments)
{
	static const struct { double low, high; } instruments[] = {
#define ANALOG(id, low, high, noise, lag, steps, truth) { low, high },
#include "sim/pump_signals.def"
#undef ANALOG
	};
	size_t n;
	const struct sim_point *p = sim_points(SIM_PUMP, &n);

	for (size_t i = 0; i < n; i++)
		if (kind_pump.sources[i].what == 'A') {
			ok(p[i].low == instruments[kind_pump.sources[i].index].low);
			ok(p[i].high == instruments[kind_pump.sources[i].index].high);
		}
}

TEST(the_same_seed_gives_the_same_registers_and_another_seed_others)
{
	static struct setup a, b, c;

	begin(&a, 42);
	begin(&b, 42);
	begin(&c, 43);
	run(&a, 30);
	run(&b, 30);
	run(&c, 30);
	is_bytes(&a.plc.image, &b.plc.image, sizeof(a.plc.image));
	ok(memcmp(&a.plc.image, &c.plc.image, sizeof(a.plc.image)) != 0);
}

TEST(a_scan_is_counted_and_stamped)
{
	static struct setup t;

	begin(&t, 1);
	run(&t, 5);
	is_int(value(&t, "SCAN"), 501);
	ok(value(&t, "STAMP") == (double) (noon_ns / 1000) + 501 * 10e3);
}

TEST(in_automatic_the_tank_stays_between_its_levels)
{
	static struct setup t;
	double low = 9, high = 0, starts;

	begin(&t, 7);
	for (int i = 0; i < 3600; i++) {
		double level;

		run(&t, 1);
		level = value(&t, "LT-102");
		low = fmin(low, level);
		high = fmax(high, level);
	}
	starts = value(&t, "KQ-102");
	ok(low > 1.2 && high < 3.4);
	ok(starts >= 2 && starts < 12);
	ok(value(&t, "FQ-101") > 20 && value(&t, "JQ-101") > 2);
	ok(value(&t, "KQ-101") > 600);
	printf("# an hour: level %.2f to %.2f m, %.0f starts, %.1f m3, %.2f kWh\n", low, high, starts, value(&t, "FQ-101"), value(&t, "JQ-101"));
}

TEST(an_instrument_agrees_with_the_physics_within_its_noise)
{
	static struct setup t;
	struct station_now n;
	double sum = 0;

	begin(&t, 3);
	set(&t, "HS-102", 0);
	set(&t, "HS-101", 1);
	run(&t, 60);
	for (int i = 0; i < 1000; i++) {
		plc_scan(&t.plc);
		station_now(&t.plc.station, &n);
		sum += value(&t, "PT-102") - n.discharge_pressure / 1e3;
	}
	ok(fabs(sum / 1000) < 0.1);             /* 0.24 kPa of noise, thousand of them */
	ok(fabs(value(&t, "LT-102.R") - value(&t, "LT-102")) <= 0.00051);
	ok(fabs(value(&t, "TT-105") - n.ambient) < 0.5);
}

TEST(manual_starts_stops_and_the_valve_strokes)
{
	static struct setup t;

	begin(&t, 1);
	ok(set(&t, "HS-102", 0));
	ok(set(&t, "HS-101", 1));
	run(&t, 15);
	ok(value(&t, "XS-101") == 1 && value(&t, "FT-101") > 50);
	ok(set(&t, "ZIC-101", 0));
	run(&t, 40);
	ok(value(&t, "ZSL-101") == 1 && value(&t, "FT-101") < 3);
	ok(set(&t, "HS-101", 0));
	run(&t, 60);
	ok(value(&t, "XS-101") == 0 && value(&t, "ST-101") < 60);
}

TEST(the_dry_sump_trips_and_the_reset_button_springs_back)
{
	static struct setup t;

	begin(&t, 1);
	set(&t, "HS-102", 0);
	set(&t, "HS-101", 1);
	set(&t, "FAULT-SUPPLY", 100);
	run(&t, 900);
	is_int(value(&t, "XA-100"), 1);
	is_int(value(&t, "XA-101"), 1);
	is_int(value(&t, "XS-101"), 0);
	set(&t, "FAULT-SUPPLY", 0);
	run(&t, 120);
	is_int(value(&t, "XA-100"), 1);         /* it holds */
	set(&t, "HS-103", 1);
	run(&t, 1);
	is_int(value(&t, "XA-100"), 0);
	is_int(value(&t, "HS-103"), 0);
	is_int(value(&t, "XS-101"), 1);
}

TEST(a_set_point_out_of_range_is_refused)
{
	static struct setup t;

	begin(&t, 1);
	ok(!set(&t, "SIC-101", 101));
	ok(!set(&t, "SIC-101", NAN));
	ok(!set(&t, "PT-101", 5));
	ok(value(&t, "SIC-101") == 90);
	ok(!set(&t, "FAULT-LEAK", -1));
}

TEST(a_request_reads_what_the_image_holds)
{
	static struct setup t;
	struct modbus_response a;

	begin(&t, 1);
	a = ask(&t, (struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 8, .n = 2 });
	is_int(a.exception, 0);
	is_int(a.len, 4);
	ok((double) modbus_get(a.data, MODBUS_F32, MODBUS_ABCD).f32 == value(&t, "PT-101"));
	a = ask(&t, (struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 4 });
	is_int(modbus_get(a.data, MODBUS_U64, MODBUS_ABCD).u, 1);
	a = ask(&t, (struct modbus_request) { .fc = MODBUS_READ_DISCRETE, .addr = 0, .n = 7 });
	is_int(a.len, 1);
	is_int(modbus_get_bit(a.data, 1), value(&t, "XS-102"));
}

TEST(an_address_that_is_not_there_is_exception_two)
{
	static struct setup t;

	begin(&t, 1);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 51, .n = 2 }).exception, MODBUS_ILLEGAL_ADDRESS);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_READ_HOLDING, .addr = 7, .n = 2 }).exception, MODBUS_ILLEGAL_ADDRESS);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_READ_COILS, .addr = 65535, .n = 1 }).exception, MODBUS_ILLEGAL_ADDRESS);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_REGISTER, .addr = 50, .value = 1, .n = 1 }).exception, MODBUS_ILLEGAL_ADDRESS);
	is_int(ask(&t, (struct modbus_request) { .fc = 99 }).exception, MODBUS_ILLEGAL_FUNCTION);
}

TEST(what_is_written_acts_and_what_is_out_of_range_is_exception_three)
{
	static struct setup t;
	uint8_t bytes[4];

	begin(&t, 1);
	modbus_set(bytes, MODBUS_F32, MODBUS_ABCD, (union modbus_value) { .f32 = 75.5f });
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_REGISTERS, .addr = 0, .n = 2, .data = bytes, .len = 4 }).exception, 0);
	plc_scan(&t.plc);
	ok(value(&t, "SIC-101") == 75.5 && t.plc.station.in.speed == 0.755);
	modbus_set(bytes, MODBUS_F32, MODBUS_ABCD, (union modbus_value) { .f32 = 19 });
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_REGISTERS, .addr = 0, .n = 2, .data = bytes, .len = 4 }).exception,
		MODBUS_ILLEGAL_VALUE);
	ok(value(&t, "SIC-101") == 75.5);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_REGISTER, .addr = 100, .n = 1, .value = 500 }).exception, 0);
	plc_scan(&t.plc);
	ok(t.plc.station.fault[FAULT_LEAK] == 0.5);
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_COIL, .addr = 1, .n = 1, .value = MODBUS_COIL_OFF }).exception, 0);
	ok(value(&t, "HS-102") == 0);
	bytes[0] = 3;
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_COILS, .addr = 0, .n = 2, .data = bytes, .len = 1 }).exception, 0);
	ok(value(&t, "HS-101") == 1 && value(&t, "HS-102") == 1);
}

/* V1.1b3 section 6.16: the register 0x0012 under AND 0x00F2, OR 0x0025 becomes 0x0017. */
TEST(the_mask_write_is_that_of_the_specification)
{
	static struct setup t;

	begin(&t, 1);
	ask(&t, (struct modbus_request) { .fc = MODBUS_WRITE_REGISTER, .addr = 101, .n = 1, .value = 0x12 });
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_MASK_WRITE, .addr = 101, .n = 1, .and_mask = 0xF2, .or_mask = 0x25 }).exception, 0);
	ok(fabs(value(&t, "FAULT-WEAR") - 0x17 * 0.1) < 1e-9);
}

TEST(it_says_who_it_is)
{
	static struct setup t;
	struct modbus_response a;
	struct modbus_object o;
	struct cur list;

	begin(&t, 1);
	a = ask(&t, (struct modbus_request) { .fc = MODBUS_ENCAPSULATED, .id_code = 1 });
	is_int(a.n_objects, 3);
	list = cur_of(a.data, a.len);
	ok(modbus_object_next(&list, &o) && o.id == 0 && o.len == 5 && !memcmp(o.text, "Tenon", 5));
	is_int(ask(&t, (struct modbus_request) { .fc = MODBUS_ENCAPSULATED, .id_code = 4, .object = 9 }).exception, MODBUS_ILLEGAL_ADDRESS);
}

TEST(the_point_list_is_csv_with_a_row_a_point)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20);
	size_t lines = 0, n;

	sim_points(SIM_PUMP, &n);
	sim_points_csv(SIM_PUMP, LANG_ZH, &b);
	ok(!b.failed);
	for (const char *s = b.data; *s; s++)
		lines += *s == '\n';
	is_int(lines, n + 1);
	ok(str_starts(b.data, "group,code,name,address,"));
	ok(str_find(b.data, "fast,PT-101,泵入口压力,30009,f32,r,ABCD,1,kPa,2,\r\n") != NULL);
	ok(str_find(b.data, "slow,XA-100,跳闸原因,30052,u16,r,ABCD,1,,0,\"0=无,1=集水池抽空,") != NULL);
	buf_clear(&b);
	sim_points_csv(SIM_PUMP, LANG_EN, &b);
	ok(str_find(b.data, "slow,LT-102.R,\"Tank level, 16 bits\",30040,u16,r,ABCD,0.001,m,3,") != NULL);
	buf_done(&b);
}

/* PCG32 as published: the first outputs of pcg32-demo, seed 42, stream 54. */
TEST(the_noise_is_pcg32)
{
	static const uint32_t want[] = { 0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e };
	double sum = 0, squares = 0;
	struct chance c;

	chance_init(&c, 42, 54);
	for (size_t i = 0; i < ELEMENTSOF(want); i++)
		is_int(chance_u32(&c), want[i]);
	for (int i = 0; i < 100000; i++) {
		double x = chance_normal(&c);

		sum += x;
		squares += x * x;
	}
	ok(fabs(sum / 1e5) < 0.015 && fabs(squares / 1e5 - 1) < 0.02);
}
