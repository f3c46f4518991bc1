/*
 * server.h - inside sim alone: a port on which units answer. Answers go out in the order of the requests, each when it is due; WAITING_MAX of a
 * connection may be waiting, who asks for more is cut off.
 */
#pragma once

#include "sim/sim.h"

struct server;
struct pen;
/* The answer's PDU to `out`. Returns the ms it takes, or < 0: nobody answers. */
typedef int unit_answer(void *ctx, uint8_t unit, const uint8_t *pdu, size_t len, struct pen *out);
int server_new(struct loop *l, const char *address, uint16_t port, unit_answer *answer, void *ctx, struct server **ret);
struct server *server_free(struct server *s);
uint16_t server_port(const struct server *s);
void server_stats(const struct server *s, struct sim_stats *add);       /* bad_frames, clients */
