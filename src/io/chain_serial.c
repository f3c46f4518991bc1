/* chain_serial.c - the bottom of a chain: a serial line (termios(3), RS-485 by TIOCSRS485). */
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "io/chain_priv.h"
#include "sys/sys.h"

struct serial { struct fd_end end; struct chain_serial config; char device[96]; };

static speed_t speed_of(uint32_t baud)
{
	static const struct { uint32_t baud; speed_t speed; } speeds[] = {
		{ 300, B300 }, { 600, B600 }, { 1200, B1200 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 }, { 19200, B19200 },
		{ 38400, B38400 }, { 57600, B57600 }, { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 },
		{ 500000, B500000 }, { 576000, B576000 }, { 921600, B921600 }, { 1000000, B1000000 }, { 1152000, B1152000 },
		{ 1500000, B1500000 }, { 2000000, B2000000 }, { 2500000, B2500000 }, { 3000000, B3000000 }, { 3500000, B3500000 },
		{ 4000000, B4000000 },
	};

	for (size_t i = 0; i < ELEMENTSOF(speeds); i++)
		if (speeds[i].baud == baud)
			return speeds[i].speed;
	return B0;
}

static int check(const struct chain_serial *s)
{
	char text[24];
	struct buf b = BUF_FIXED(text);

	if (speed_of(s->baud) == B0) {
		buf_addf(&b, "%u", s->baud);
		return err_fail(ERR_BAD_ARGUMENT, "field", "baud", "rule", "must be a standard rate", "value", text, NULL);
	}
	if (s->data_bits && (s->data_bits < 5 || s->data_bits > 8))
		return err_fail(ERR_BAD_ARGUMENT, "field", "data_bits", "rule", "must be 5 to 8", "value", "another", NULL);
	if (s->stop_bits > 2)
		return err_fail(ERR_BAD_ARGUMENT, "field", "stop_bits", "rule", "must be 1 or 2", "value", "more", NULL);
	if (s->parity && !memchr("NEO", s->parity, 3))
		return err_fail(ERR_BAD_ARGUMENT, "field", "parity", "rule", "must be N, E or O", "value", "another", NULL);
	return 0;
}

/* Sets up the line; an errno. */
static int set_up(int fd, const struct chain_serial *s)
{
	static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return errno;
	/* Two masters on one line hear each other's answers; TIOCEXCL alone does not keep root out. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return EBUSY;
	cfmakeraw(&t);
	t.c_cflag &= ~(tcflag_t) (CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS);
	t.c_cflag |= CLOCAL | CREAD | sizes[(s->data_bits ? s->data_bits : 8) - 5];
	if (s->stop_bits == 2)
		t.c_cflag |= CSTOPB;
	if (s->parity == 'E' || s->parity == 'O') {
		t.c_cflag |= PARENB | (s->parity == 'O' ? PARODD : 0);
		/* A byte of wrong parity is dropped: the frame's check then fails, as it should. */
		t.c_iflag |= INPCK | IGNPAR;
	}
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	cfsetispeed(&t, speed_of(s->baud));
	cfsetospeed(&t, speed_of(s->baud));
	if (tcsetattr(fd, TCSANOW, &t) < 0)
		return errno;
	if (s->rs485) {
		struct serial_rs485 rs = { .flags = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND };

		if (ioctl(fd, TIOCSRS485, &rs) < 0)
			return errno;
	}
	ioctl(fd, TIOCEXCL);
	tcflush(fd, TCIOFLUSH);
	return 0;
}

static int serial_open(struct chain_layer *l)
{
	struct serial *s = l->state;
	int fd = open(s->device, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	int error = fd < 0 ? errno : set_up(fd, &s->config);

	if (error) {
		if (fd >= 0)
			sys.close(fd);
		return error == ENOENT ? sys_fail(error, "open", s->device) : fd_end_fail(&s->end, error);
	}
	return fd_end_start(&s->end, l, fd, false);
}

static void serial_close(struct chain_layer *l) { fd_end_stop(&((struct serial *) l->state)->end); }
static int serial_send(struct chain_layer *l, const uint8_t *b, size_t n) { return fd_end_send(&((struct serial *) l->state)->end, b, n); }
static size_t serial_backlog(const struct chain_layer *l) { return fd_end_backlog(&((struct serial *) l->state)->end); }
static void serial_pause(struct chain_layer *l, bool pause) { fd_end_pause(&((struct serial *) l->state)->end, pause); }
static void serial_finish(struct chain_layer *l) { fd_end_finish(&((struct serial *) l->state)->end); }
static const char *serial_peer(const struct chain_layer *l) { return ((struct serial *) l->state)->device; }

static const struct layer serial_layer = { .name = "serial", .state_size = sizeof(struct serial), .open = serial_open,
	.close = serial_close, .send = serial_send, .backlog = serial_backlog, .pause = serial_pause, .finish = serial_finish,
	.peer = serial_peer };

int chain_add_serial(struct chain *c, const struct chain_serial *serial)
{
	struct chain_layer *l = NULL;
	int r = check(serial);

	if (r == 0)
		r = chain_add(c, &serial_layer, &l);
	if (r < 0)
		return r;
	struct serial *s = l->state;
	struct buf b = BUF_FIXED(s->device);
	s->config = *serial;
	s->config.device = s->device;
	s->end.fd = -1;
	buf_add(&b, serial->device);
	if (b.failed)
		return err_fail(ERR_BAD_ARGUMENT, "field", "device", "rule", "is too long", "value", "a path", NULL);
	memcpy(s->end.peer, s->device, sizeof(s->device));
	return 0;
}
