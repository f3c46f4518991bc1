/* The simulated plant on a loop, read by a client of its own over a real socket. */
#include "sim/sim.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/modbus/modbus.h"
#include "sys/sys.h"
#include "tap.h"

enum { PATIENCE_MS = 10000 };

/* A loop in a thread of its own, with a plant on it. */
struct served { struct loop *loop; struct sim *sim; struct thread thread; };

static void run_loop(void *arg) { loop_run(arg); }

static bool serve(struct served *s, const struct sim_config *c)
{
	*s = (struct served) {};
	if (loop_new("sim", &s->loop) < 0 || sim_new(s->loop, c, &s->sim) < 0 || sim_start(s->sim) < 0) {
		tap_fail_("%s", err_log_text(err_peek()));
		return false;
	}
	return thread_start(&s->thread, "sim", run_loop, s->loop) == 0;
}

static void stop(struct served *s, struct sim_stats *ret)
{
	loop_stop(s->loop);
	thread_join(&s->thread);
	if (ret)
		sim_stats(s->sim, ret);
	sim_free(s->sim);
	loop_free(s->loop);
}

static int dial(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool readable(int fd) { return poll(&(struct pollfd) { .fd = fd, .events = POLLIN }, 1, PATIENCE_MS) == 1; }

/* Sends a request in pieces of `piece` bytes and takes the answer. False when there is none. */
static bool ask(int fd, const struct modbus_request *q, size_t piece, struct modbus_response *ret)
{
	static struct modbus_tcp_splitter splitter;
	static uint8_t in[MODBUS_TCP_ADU_MAX];
	uint8_t pdu[MODBUS_PDU_MAX], adu[MODBUS_TCP_ADU_MAX];
	struct pen body = pen_of(pdu, sizeof(pdu)), out = pen_of(adu, sizeof(adu));
	struct modbus_tcp frame;

	splitter.len = 0;
	if (modbus_request_encode(q, &body) < 0)
		return false;
	modbus_tcp_header(&out, 7, 1, (size_t) (body.at - pdu));
	pen_bytes(&out, pdu, (size_t) (body.at - pdu));
	for (size_t at = 0, n = (size_t) (out.at - adu); at < n; at += piece)
		if (send(fd, adu + at, MIN(piece, n - at), MSG_NOSIGNAL) < 0)
			return false;
	for (;;) {
		ssize_t n = readable(fd) ? recv(fd, in, sizeof(in), 0) : 0;
		struct cur c = cur_of(in, n > 0 ? (size_t) n : 0);

		if (n <= 0)
			return false;
		if (modbus_tcp_split(&splitter, &c, &frame) == 1)
			return frame.transaction == 7 && modbus_response_decode(frame.pdu, frame.len, q, ret) == 0;
	}
}

static uint64_t scans(int fd)
{
	struct modbus_response a;

	if (!ask(fd, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 8 }, 99, &a) || a.exception)
		return 0;
	return modbus_get(a.data, MODBUS_U64, MODBUS_ABCD).u;
}

TEST(time_runs_and_a_client_sees_it)
{
	struct sim_stats stats;
	struct served s;
	uint64_t first, now;
	int fd;

	must(serve(&s, &(struct sim_config) { .seed = 1, .scan_ms = 10, .speed = 20 }));
	fd = dial(sim_port(s.sim, 0));
	must(fd >= 0);
	first = scans(fd);
	ok(first > 0);
	for (int64_t end = clock_deadline(PATIENCE_MS); (now = scans(fd)) < first + 50 && clock_mono_ns() < end;)
		;
	ok(now >= first + 50);
	close(fd);
	stop(&s, &stats);
	ok(stats.requests >= 2 && stats.exceptions == 0 && stats.bad_frames == 0);
}

TEST(a_request_in_single_bytes_is_answered)
{
	struct modbus_response a;
	struct served s;
	int fd;

	must(serve(&s, &(struct sim_config) { .seed = 1 }));
	fd = dial(sim_port(s.sim, 0));
	must(fd >= 0);
	ok(ask(fd, &(struct modbus_request) { .fc = MODBUS_READ_COILS, .addr = 0, .n = 3 }, 1, &a) && a.exception == 0 && a.len == 1);
	ok(ask(fd, &(struct modbus_request) { .fc = MODBUS_READ_COILS, .addr = 3, .n = 1 }, 1, &a) && a.exception == MODBUS_ILLEGAL_ADDRESS);
	close(fd);
	stop(&s, NULL);
}

TEST(what_is_no_modbus_ends_the_connection_and_nothing_else)
{
	struct sim_stats stats;
	struct served s;
	char byte;
	int good, bad;

	must(serve(&s, &(struct sim_config) { .seed = 1 }));
	good = dial(sim_port(s.sim, 0));
	bad = dial(sim_port(s.sim, 0));
	must(good >= 0 && bad >= 0);
	ok(scans(good) > 0);
	ok(send(bad, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
	ok(readable(bad) && recv(bad, &byte, 1, 0) <= 0);
	ok(scans(good) > 0);
	close(good);
	close(bad);
	stop(&s, &stats);
	is_int(stats.bad_frames, 1);
}

TEST(stations_have_ports_and_fates_of_their_own)
{
	struct modbus_response a;
	struct served s;
	uint8_t half[2] = { 0x01, 0xF4 };
	double leak[2];
	int fd[2];

	must(serve(&s, &(struct sim_config) { .seed = 1, .stations = 2 }));
	is_int(sim_machines(s.sim), 2);
	ok(sim_port(s.sim, 0) != sim_port(s.sim, 1));
	is_int(sim_port(s.sim, 2), 0);
	for (int i = 0; i < 2; i++)
		must((fd[i] = dial(sim_port(s.sim, (uint32_t) i))) >= 0);
	ok(ask(fd[1], &(struct modbus_request) { .fc = MODBUS_WRITE_REGISTERS, .addr = 100, .n = 1, .data = half, .len = 2 }, 99, &a) &&
		a.exception == 0);
	close(fd[0]);
	close(fd[1]);
	loop_stop(s.loop);
	thread_join(&s.thread);
	for (uint32_t i = 0; i < 2; i++)
		is_int(sim_value(s.sim, i, "FAULT-LEAK", &leak[i]), 0);
	ok(leak[0] == 0 && fabs(leak[1] - 50) < 1e-9);
	sim_free(s.sim);
	loop_free(s.loop);
}

TEST(it_stops_and_goes_on_where_it_stopped)
{
	struct loop *l;
	struct sim *s;
	double before, after;

	must(loop_new("sim", &l) == 0);
	must(sim_new(l, &(struct sim_config) { .seed = 9, .start_ns = NS_PER_S }, &s) == 0);
	is_int(sim_port(s, 0), 0);
	sim_advance(s, 99);
	must(sim_start(s) == 0);
	ok(sim_port(s, 0) != 0);
	sim_stop(s);
	is_int(sim_port(s, 0), 0);
	is_int(sim_value(s, 0, "SCAN", &before), 0);
	is_int(before, 100);
	must(sim_start(s) == 0);
	for (int i = 0; i < 1000 && (sim_value(s, 0, "SCAN", &after), after <= before); i++)
		must(loop_step(l, 100) >= 0);
	ok(after > before);
	sim_free(s);
	loop_free(l);
}

TEST(wrong_settings_and_names_are_refused_with_a_sentence)
{
	struct loop *l;
	struct sim *s = NULL;
	double v;

	must(loop_new("sim", &l) == 0);
	ok(sim_new(l, &(struct sim_config) { .stations = 65 }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .speed = 1000 }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .speed = NAN }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .scan_ms = 3 }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .port = 65535, .stations = 2 }, &s) < 0);
	ok(s == NULL);
	must(sim_new(l, &(struct sim_config) { .seed = 1 }, &s) == 0);
	is_int(sim_value(s, 0, "NO-SUCH", &v), -ERR_MISSING);
	is_int(sim_value(s, 1, "PT-101", &v), -ERR_USAGE);
	is_int(sim_write(s, 0, "PT-101", 1), -ERR_USAGE);
	is_int(sim_write(s, 0, "SIC-101", 200), -ERR_OUT_OF_RANGE);
	is_str(err_log_text(err_peek()), "SIC-101 must be between 20 and 100, is 200");
	is_int(sim_set_fault(s, 0, "gremlins", 1), -ERR_MISSING);
	is_int(sim_set_fault(s, 0, "wear", 0.25), 0);
	is_int(sim_value(s, 0, "FAULT-WEAR", &v), 0);
	ok(fabs(v - 25) < 1e-9);
	err_clear();
	sim_free(s);
	loop_free(l);
}

TEST(a_port_that_is_taken_is_said_and_nothing_stays_open)
{
	struct sim *a, *b;
	struct loop *l;

	must(loop_new("sim", &l) == 0);
	must(sim_new(l, &(struct sim_config) { .seed = 1 }, &a) == 0 && sim_start(a) == 0);
	must(sim_new(l, &(struct sim_config) { .seed = 1, .port = sim_port(a, 0) }, &b) == 0);
	ok(sim_start(b) < 0);
	ok(strstr(err_log_text(err_peek()), "simulated machine 1") != NULL);
	is_int(sim_port(b, 0), 0);
	err_clear();
	sim_free(b);
	sim_free(a);
	loop_free(l);
}

/* --- Units and their faults -------------------------------------------------------------------------------------------- */

TEST(units_behind_one_port_answer_for_themselves)
{
	struct modbus_response a;
	struct sim_machine m;
	struct served s;
	int fd;

	must(serve(&s, &(struct sim_config) { .seed = 1, .machines = "oven,meters" }));
	is_int(sim_machines(s.sim), 3);
	sim_machine(s.sim, 2, &m);
	ok(m.kind == SIM_METER && m.unit == 2 && m.metered == 0 && m.port == sim_port(s.sim, 1));
	fd = dial(m.port);
	must(fd >= 0);
	ok(ask(fd, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 8 }, 99, &a) && a.exception == 0);
	ok(ask(fd, &(struct modbus_request) { .fc = MODBUS_READ_HOLDING, .addr = 0, .n = 2 }, 99, &a) && a.exception == MODBUS_ILLEGAL_ADDRESS);
	close(fd);
	stop(&s, NULL);
}

TEST(a_dead_unit_says_nothing_and_a_confused_one_something_else)
{
	static const uint8_t to_the_dead[] = { 0, 9, 0, 0, 0, 6, 2, 4, 0, 0, 0, 8 };    /* transaction 9, unit 2 */
	struct modbus_response a;
	struct sim_stats stats;
	struct served s;
	int cnc, meters;

	must(loop_new("sim", &s.loop) == 0);
	must(sim_new(s.loop, &(struct sim_config) { .seed = 1, .machines = "cnc,meters" }, &s.sim) == 0);
	is_int(sim_set_faults(s.sim, "cnc.wrong=0.5,3.dead"), 0);
	must(sim_start(s.sim) == 0);
	must((cnc = dial(sim_port(s.sim, 0))) >= 0);
	must((meters = dial(sim_port(s.sim, 1))) >= 0);
	must(thread_start(&s.thread, "sim", run_loop, s.loop) == 0);
	/* Sixteen registers less eight: no client takes that for an answer. */
	ok(!ask(cnc, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 16 }, 99, &a));
	err_clear();
	ok(ask(cnc, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 8, .n = 1 }, 99, &a) && a.exception == MODBUS_DEVICE_FAILURE);
	/* What comes first is the answer of unit 1, which was asked later. */
	ok(send(meters, to_the_dead, sizeof(to_the_dead), MSG_NOSIGNAL) == sizeof(to_the_dead));
	ok(ask(meters, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 8 }, 99, &a) && a.exception == 0);
	close(cnc);
	close(meters);
	stop(&s, &stats);
	is_int(stats.unanswered, 1);
	is_int(stats.bad_frames, 0);
}

/* More requests than may wait: who does not wait for a slow unit is cut off; another is answered, in order. */
TEST(a_slow_unit_keeps_the_order_and_cuts_off_who_does_not_wait)
{
	static const uint8_t request[] = { 0, 7, 0, 0, 0, 6, 1, 4, 0, 0, 0, 4 };
	struct modbus_response a;
	struct sim_stats stats;
	struct served s;
	int patient, hasty;
	char byte[64];

	must(serve(&s, &(struct sim_config) { .seed = 1, .machines = "oven" }));
	loop_stop(s.loop);
	thread_join(&s.thread);
	is_int(sim_set_fault(s.sim, 0, "slow", 1), 0);
	patient = dial(sim_port(s.sim, 0));
	hasty = dial(sim_port(s.sim, 0));
	must(patient >= 0 && hasty >= 0);
	must(thread_start(&s.thread, "sim", run_loop, s.loop) == 0);
	for (int i = 0; i < 33; i++)
		ok(send(hasty, request, sizeof(request), MSG_NOSIGNAL) == sizeof(request));
	ok(readable(hasty) && recv(hasty, byte, sizeof(byte), 0) <= 0);
	ok(ask(patient, &(struct modbus_request) { .fc = MODBUS_READ_INPUT, .addr = 0, .n = 4 }, 99, &a) && a.exception == 0);
	close(patient);
	close(hasty);
	stop(&s, &stats);
	is_int(stats.bad_frames, 1);
}

TEST(faults_are_set_and_told_by_name_and_wrong_names_are_said)
{
	static const char *const wrong[] = { "oven", "oven.gremlins", "3.dead", "0.dead", "oven.leak=2", "oven.leak=x", "oven.leak=", "boiler.leak", ".dead" };
	struct loop *l;
	struct sim *s;
	double v = -1;

	must(loop_new("sim", &l) == 0);
	must(sim_new(l, &(struct sim_config) { .seed = 1, .machines = "oven,cnc" }, &s) == 0);
	is_int(sim_set_faults(s, "oven.leak=0.25,cnc.noise"), 0);
	is_int(sim_fault(s, 0, "leak", &v), 0);
	ok(fabs(v - 0.25) < 1e-9);
	is_int(sim_fault(s, 1, "noise", &v), 0);
	ok(v == 1);
	is_int(sim_fault(s, 1, "dead", &v), 0);
	ok(v == 0);
	for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
		ok(sim_set_faults(s, wrong[i]) < 0);
	is_int(sim_fault(s, 0, "gremlins", &v), -ERR_MISSING);
	is_int(sim_set_fault(s, 0, "slow", NAN), -ERR_INVALID);
	err_clear();
	sim_free(s);
	ok(sim_new(l, &(struct sim_config) { .machines = "meters" }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .machines = "oven,meters,cnc" }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .machines = "" }, &s) < 0);
	ok(sim_new(l, &(struct sim_config) { .machines = "oven,,cnc" }, &s) < 0);
	err_clear();
	loop_free(l);
}
