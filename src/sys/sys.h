/*
 * sys.h - the door of sys: what the operating system gives, in the words of this house.
 *
 *   calls.h    the table of system calls, which a test may replace, and the faults and records made with it
 *   heap.h     memory from the heap
 *   clock.h    wall time, monotonic time, steps of the wall clock
 *   dl.h       libraries loaded at need
 *   log.h      one line per event on standard error
 *   thread.h   threads, mutexes, conditions, once
 *   ntp.h      how well the clock follows a reference
 *   queues.h   the bounded queue between threads
 *   files.h    files and folders that survive a power cut
 *   entropy.h  random bytes, new ids
 *   locale.h   which language somebody wants
 *   zones.h    time zones by name
 *
 * (A header here must not have the name of one of the C library's <sys/...>: ours would be found instead.)
 *
 * This module is the process itself, so it alone keeps process-wide state: the table of calls, where logs go, the list of queues.
 */
#pragma once

#include "sys/calls.h"
#include "sys/clock.h"
#include "sys/dl.h"
#include "sys/entropy.h"
#include "sys/files.h"
#include "sys/heap.h"
#include "sys/locale.h"
#include "sys/log.h"
#include "sys/ntp.h"
#include "sys/queues.h"
#include "sys/thread.h"
#include "sys/zones.h"

/* Once, first thing in main() and before any thread: few malloc arenas, no SIGPIPE, log target and level from the environment
 * (TENON_LOG_LEVEL). Tests need not call it. */
void sys_init(void);

/* From errno to a failure: "what" is the deed ("open"), path the object (may be NULL). ENOENT is MISSING, ENOSPC and EDQUOT are
 * FULL, EEXIST is EXISTS, ENOMEM is NO_MEMORY, EAGAIN is BUSY, everything else is IO. Returns -kind. */
int sys_fail(int error, const char *what, const char *path);
