/*
 * calls.h - every system call that can lose data or memory goes through one table.
 *
 * Code that writes files or takes memory calls sys.write(...), not write(...): a test makes the n-th call fail for n = 1, 2, 3 …
 * until a run passes untouched, and asserts the order of calls ("no acknowledgement before its sync"). In production the table holds
 * the C library's own functions; nothing is in between.
 *
 *   sys_fault_nth(SYS_FSYNC, 2, EIO);      the second fsync from here fails
 *   sys_watch(on_call, &log);              every call, in order, with its result; sys_mark("ack 17") puts own events between
 *   sys_restore();                         all as it was
 *
 * Thread: set faults and watchers while no other thread makes calls; the calls themselves may come from any thread, and a watcher
 * is called by one thread at a time. Memory: none.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#include "base/base.h"

struct sys_calls {
	int (*open)(const char *path, int flags, mode_t mode);
	int (*openat)(int dir, const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*read)(int fd, void *to, size_t n);
	ssize_t (*pread)(int fd, void *to, size_t n, off_t at);
	ssize_t (*write)(int fd, const void *from, size_t n);
	ssize_t (*pwrite)(int fd, const void *from, size_t n, off_t at);
	ssize_t (*writev)(int fd, const struct iovec *v, int n);
	ssize_t (*pwritev)(int fd, const struct iovec *v, int n, off_t at);
	int (*fsync)(int fd);
	int (*fdatasync)(int fd);
	int (*ftruncate)(int fd, off_t size);
	int (*fallocate)(int fd, int mode, off_t at, off_t n);
	int (*rename)(const char *from, const char *to);
	int (*link)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rmdir)(const char *path);
	void *(*mmap)(void *at, size_t n, int prot, int flags, int fd, off_t off);
	int (*munmap)(void *at, size_t n);
	int (*msync)(void *at, size_t n, int flags);
	void *(*malloc)(size_t n);
	void *(*realloc)(void *p, size_t n);
	void (*free)(void *p);
	int (*clock_gettime)(clockid_t id, struct timespec *ret);       /* replaced by tests that play with time */
};

extern struct sys_calls sys;

enum sys_call {
	SYS_OPEN, SYS_OPENAT, SYS_CLOSE, SYS_READ, SYS_PREAD, SYS_WRITE, SYS_PWRITE, SYS_WRITEV, SYS_PWRITEV, SYS_FSYNC,
	SYS_FDATASYNC, SYS_FTRUNCATE, SYS_FALLOCATE, SYS_RENAME, SYS_LINK, SYS_UNLINK, SYS_MKDIR, SYS_RMDIR, SYS_MMAP, SYS_MUNMAP,
	SYS_MSYNC, SYS_MALLOC, SYS_REALLOC,
	SYS_CALLS_N_,
	SYS_ANY_FILE = SYS_CALLS_N_,    /* for faults: any of the above but MALLOC and REALLOC, counted together */
	SYS_ANY_MEMORY,                 /* MALLOC and REALLOC together */
	SYS_MARK,                       /* an event: what sys_mark() said */
};

struct sys_event {
	enum sys_call call;
	int fd;                         /* -1 where there is none */
	int error;                      /* errno, 0 = success */
	int64_t size;                   /* bytes asked for; -1 where there are none */
	int64_t result;                 /* what the call returned */
	const char *path;               /* or the mark's text; NULL; valid during the callback */
};

const char *sys_call_name(enum sys_call call);          /* "fsync" */

/* The n-th call from now (1 = the next) fails with this errno; a malloc returns NULL. One fault a call kind; n 0 takes it away. */
void sys_fault_nth(enum sys_call call, uint64_t n, int error);
/* As above, and every later one fails too: the disk went away, the power is cut. */
void sys_fault_from(enum sys_call call, uint64_t n, int error);
/* The n-th write, pwrite, writev or pwritev writes half of what was asked, rounded down, then succeeds short. */
void sys_fault_short(enum sys_call call, uint64_t n);
bool sys_fault_hit(void);                               /* has any fault fired since it was set? */
uint64_t sys_count(enum sys_call call);                 /* calls since the first sys_fault_* or sys_watch after a restore */

/* Called after each call, one at a time. A NULL fn ends it. The memory calls are watched only if `memory`. */
void sys_watch(void (*on_call)(void *ctx, const struct sys_event *e), void *ctx, bool memory);
void sys_trace(FILE *to);                               /* a watcher that prints "fsync fd=5 = 0" */
void sys_mark(const char *text);                        /* an event of the test's own in the order of calls */
void sys_restore(void);
