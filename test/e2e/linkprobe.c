/*
 * linkprobe.c - the engine alone, for tests and figures: reads Modbus devices and prints what comes.
 *
 *   linkprobe [--json] [--threads N] [--period MS] [--seconds S] [--settings JSON] HOST:PORT[/UNIT] POINT... [HOST:PORT POINT...]
 *
 * A point is ADDRESS:TYPE ("40001:f32", "C0:bool") or ADDRESS:TYPE*N for N of them in a row. Each HOST:PORT begins a connection with one
 * device and one group. --json prints a line per sample {"s":series,"t":ns,"q":quality,"v":value}; at the end, always, one line of
 * figures per group and the CPU time of the engine. Series count from 0 in the order given.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "link/link.h"
#include "sys/sys.h"

enum { DEVICES = 1000, POINTS = 200000 };

static struct connection connections[DEVICES];
static struct device devices[DEVICES];
static struct group groups[DEVICES];
static struct link_group members[DEVICES];
static struct link_point *points;
static struct point *records;
static uint32_t n_devices, n_points;
static bool json;
static _Atomic uint64_t n_batches, n_bytes, n_samples;

static const char *keep(const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return strdup(text);
}

static int take_batch(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	n_batches++;
	n_bytes += b->size;
	n_samples += batch_n_samples(b);
	if (!json)
		return 0;
	flockfile(stdout);
	while (batch_next(&it, &s)) {
		printf("{\"s\":%u,\"t\":%" PRId64 ",\"q\":\"%s\",\"v\":", s.series, s.time_ns, quality_id(s.quality));
		switch (s.value.type) {
		case V_BOOL: printf("%s}\n", s.value.b ? "true" : "false"); break;
		case V_I64: printf("%" PRId64 "}\n", s.value.i); break;
		case V_F32: printf("%.9g}\n", (double) s.value.f32); break;
		case V_F64: printf("%.17g}\n", s.value.f64); break;
		default: printf("null}\n");
		}
	}
	fflush(stdout);
	funlockfile(stdout);
	return 0;
}

static struct uuid id_of(uint32_t kind, uint32_t n) { return (struct uuid) { .b = { (uint8_t) kind, [12] = (uint8_t) (n >> 16), [13] = (uint8_t) (n >> 8), [14] = (uint8_t) n } }; }

static void begin_device(const char *where, const char *settings, uint32_t period_ms)
{
	char host[200];
	unsigned port = 502, unit = 1;
	uint32_t i = n_devices++;

	if (sscanf(where, "%199[^:]:%u/%u", host, &port, &unit) < 2)
		exit(2);
	connections[i] = (struct connection) { .head.id = id_of(1, i), .code = keep("line%u", i), .driver = "modbus-tcp", .enabled = true,
		.config = keep("{\"host\":\"%s\",\"port\":%u%s%s}", host, port, *settings ? "," : "", settings) };
	devices[i] = (struct device) { .head.id = id_of(2, i), .connection = id_of(1, i), .code = keep("plc%u", i), .enabled = true,
		.config = keep("{\"unit\":%u}", unit) };
	groups[i] = (struct group) { .head.id = id_of(3, i), .device = id_of(2, i), .code = "g", .period_ms = period_ms, .enabled = true };
	members[i] = (struct link_group) { &groups[i], points + n_points, 0 };
}

static void add_points(const char *text)
{
	static const char *const types[] = { "bool", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64" };
	static const unsigned sizes[] = { 1, 1, 1, 2, 2, 4, 4, 2, 4 };
	char prefix[20], address[40], type[10];
	unsigned first, n = 1;

	if (n_devices == 0 || sscanf(text, "%39[^:]:%9[a-z0-9]*%u", address, type, &n) < 2)
		exit(2);
	for (unsigned t = 0; t < ELEMENTSOF(types); t++)
		for (unsigned k = 0; strcmp(types[t], type) == 0 && k < n && n_points < POINTS; k++) {
			struct point *p = &records[n_points];

			/* in a row: only notations that count from 0 */
			*p = (struct point) { .code = "p", .type = (int32_t) t, .enabled = true, .scale = 1, .address = keep("%s", address) };
			if (n > 1 && sscanf(address, "%19[A-Z]%u", prefix, &first) == 2)
				p->address = keep("%s%u", prefix, first + k * sizes[t]);
			points[n_points] = (struct link_point) { n_points, p };
			n_points++;
			members[n_devices - 1].n_points++;
		}
}

static void report(struct link *l, double wall, double cpu)
{
	static struct link_status s[3 * DEVICES];
	size_t n = link_status(l, 1, s, ELEMENTSOF(s));
	struct rusage use;

	for (size_t i = 0; i < n; i++)
		if (s[i].kind == LINK_GROUP)
			printf("{\"state\":\"%s\",\"points\":%u,\"requests\":%u,\"planned\":%" PRIu64 ",\"done\":%" PRIu64 ",\"missed\":%" PRIu64
				",\"failed\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"p50_us\":%u,\"p99_us\":%u,\"jitter_p99_us\":%u}\n", link_state_id(s[i].state),
				s[i].n_points, s[i].n_requests, s[i].planned, s[i].done, s[i].missed, s[i].failed, s[i].samples, s[i].p50_us, s[i].p99_us,
				s[i].jitter_p99_us);
	getrusage(RUSAGE_SELF, &use);
	printf("{\"batches\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"seconds\":%.2f,\"cpu_share\":%.4f,\"rss_kb\":%ld}\n", n_batches,
		n_samples, n_bytes, wall, cpu / wall, use.ru_maxrss);
}

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

int main(int argc, char *argv[])
{
	struct link_config config = { .append = take_batch };
	struct link_plant plant = { .tenant = 1 };
	const struct connection *c[DEVICES];
	const struct device *d[DEVICES];
	const char *settings = "";
	uint32_t period_ms = 1000;
	double seconds = 10, cpu;
	struct link *l;
	int64_t began;
	int i = 1;

	sys_init();
	points = calloc(POINTS, sizeof(*points));
	records = calloc(POINTS, sizeof(*records));
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (strcmp(argv[i], "--threads") == 0)
			config.threads = (uint32_t) strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--period") == 0)
			period_ms = (uint32_t) strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = strtod(argv[++i], NULL);
		else if (strcmp(argv[i], "--settings") == 0)
			settings = argv[++i];
		else
			return 2;
	}
	for (; i < argc && n_devices < DEVICES; i++)
		if (strchr(argv[i], '.') && strchr(argv[i], ':') && strspn(argv[i], "0123456789.") > 6)
			begin_device(argv[i], settings, period_ms);
		else
			add_points(argv[i]);
	for (uint32_t k = 0; k < n_devices; k++) {
		c[k] = &connections[k];
		d[k] = &devices[k];
	}
	plant.connections = c;
	plant.devices = d;
	plant.groups = members;
	plant.n_connections = plant.n_devices = plant.n_groups = n_devices;
	if (link_new(&config, &l) < 0 || link_start(l) < 0)
		return 1;
	i = link_apply(l, &plant, NULL);
	if (i)
		fprintf(stderr, "%d records are wrong\n", i);
	cpu = cpu_s();
	began = clock_mono_ns();
	nanosleep(&(struct timespec) { .tv_sec = (time_t) seconds, .tv_nsec = (long) (fmod(seconds, 1) * 1e9) }, NULL);
	report(l, (double) (clock_mono_ns() - began) / 1e9, cpu_s() - cpu);
	link_free(l);
	return 0;
}
