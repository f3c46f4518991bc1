/*
 * io.h - the door of io: everything that waits for the world outside.
 *
 *   loop.h     one thread that waits: timers, descriptors, signals, calls from other threads
 *   work.h     a pool of threads for what may block
 *   chain.h    a byte stream made of layers: tcp, serial, tls, trace, fault
 *   tls.h      TLS as a layer of a chain; certificates
 *   http.h     HTTP/1.1 server
 *   ws.h       WebSocket on an HTTP exchange
 *   child.h    supervised child processes
 *
 * A loop and everything that was made with it belong to the thread that runs it; what may be called from elsewhere says so.
 * libuv, libmicrohttpd, OpenSSL and wslay stay behind these names.
 */
#pragma once

#include "io/chain.h"
#include "io/child.h"
#include "io/fetch.h"
#include "io/gunzip.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/work.h"
#include "io/ws.h"
#include "io/ws_dial.h"
