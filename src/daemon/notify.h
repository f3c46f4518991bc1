/* notify.h - inside daemon: what the service manager is told (sd_notify(3)): a datagram to the socket named by NOTIFY_SOCKET. */
#pragma once

#include "io/io.h"

void notify_send(const char *text);             /* "READY=1\nSTATUS=…"; nothing when nobody listens */
void notify_reloading(void);                    /* RELOADING=1 with the monotonic time; READY=1 follows when it is done */

/* Beats while the loop turns, at half of the period systemd asked for (WATCHDOG_USEC); nothing when it did not. */
struct heart { struct loop *loop; struct timer timer; int64_t ms; };
void heart_start(struct heart *h, struct loop *l);
void heart_stop(struct heart *h);
