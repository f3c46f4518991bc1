/* reload.h - inside daemon: the configuration as it was at the start, and as it was read last. */
#pragma once

#include "daemon/secure.h"

struct reload {
	const struct config_input *input;
	struct config first, now;               /* `first` rules what needs a restart */
	struct arena first_texts, now_texts;
	struct tls *tls;                        /* of `now`; NULL: none */
	struct tls_cert cert;
};

int reload_start(struct reload *r, const struct config_input *input);
/* Again, after SIGHUP: what may change has changed in `now`, `tls` and `cert`; what waits for a restart is logged. On failure nothing has. */
int reload_again(struct reload *r);
int reload_tls(struct reload *r);               /* once the data folder is there */
void reload_done(struct reload *r);
