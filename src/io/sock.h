/* sock.h - inside io alone: sockets as the rest of io needs them: never blocking, closed on exec, errors as failures. */
#pragma once

#include "base/base.h"

struct sockaddr;
struct sockaddr_storage;

struct sock_name { char host[64]; uint16_t port; bool loopback; };

/* From text to an address; its size, or -ERR_BAD_ARGUMENT when it is neither IPv4 nor IPv6 nor a path beginning with /. */
int sock_parse(const char *address, uint16_t port, struct sockaddr_storage *ret);
/* address: numeric IPv4 or IPv6, or a path of a local socket ("/…", replaced when nobody listens there); NULL: 127.0.0.1. */
int sock_listen(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port);
void sock_peer(int fd, struct sock_name *ret);
void sock_name_of(const struct sockaddr *addr, struct sock_name *ret);
void sock_nodelay(int fd);              /* no effect on local sockets */
void sock_keepalive(int fd, uint32_t seconds);
int sock_dup(int fd);                   /* -1 on failure */
