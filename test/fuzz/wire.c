/* Fuzzes what a child sends: the frames of io/child.h, as the parent reads them. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "io/io.h"
#include "io/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct wire w = { 0 };
	struct role_message m;
	int fds[2], r = 0, some[2] = { 0, 1 };

	if (!n || n > 100000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	/* The first byte says how many descriptors come along with the second half. */
	size_t half = n / 2, n_fds = data[0] % 3;
	if (half)
		wire_send(fds[0], data + 1, half, NULL, 0, MSG_DONTWAIT);
	if (n - 1 > half)
		wire_send(fds[0], data + 1 + half, n - 1 - half, some, n_fds, MSG_DONTWAIT);
	close(fds[0]);
	while (r >= 0 && wire_receive(&w, fds[1], MSG_DONTWAIT) > 0) {
		while ((r = wire_next(&w, &m)) == 1) {
			uint8_t sum = 0;
			for (size_t i = 0; i < m.n; i++)
				sum ^= m.bytes[i];
			if (m.n > CHILD_MESSAGE_MAX || m.n_fds > CHILD_FDS_MAX || (sum == 77 && m.n_fds == 77))
				abort();
			for (size_t i = 0; i < m.n_fds; i++)
				close(m.fds[i]);
		}
	}
	wire_done(&w);
	close(fds[1]);
	err_clear();
	return 0;
}
