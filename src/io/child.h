/*
 * child.h - supervised child processes: our own binary in a role, or a foreign program.
 *
 * Parent and child talk over one socket pair: messages with 4 bytes in front (little-endian: 24 bits of length, 8 bits saying how many
 * descriptors come along). A role gets only
 * what its profile says: limits, no new privileges, an allow-list of system calls, a few folders. A child that dies is started again
 * after a pause that doubles; its death is one callback and never ours.
 *
 *   parent: child_new(loop, &(struct child_config) { .role = "script", .profile = &profile, ... }, me, &c);
 *   child:  main() sees --role=script: role_open(&r); role_confine(&profile); for (;;) role_receive(&r, &m) ...
 *
 * Thread: the loop's; in the child: one. Memory: messages are copied.
 */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"

enum { CHILD_FD = 3, CHILD_FDS_MAX = 4, CHILD_MESSAGE_MAX = 1 << 20 };

struct child;

/* What a role may do. Zero means: as little as possible. */
enum child_may {
	CHILD_MAY_THREAD = 1 << 0,      /* make threads, not processes */
	CHILD_MAY_CONNECT = 1 << 1,     /* use internet and local sockets of its own */
	CHILD_MAY_EXEC = 1 << 2,        /* run programs (a foreign program always begins with one) */
	CHILD_MAY_WRITE = 1 << 3,       /* open files for writing, within `writable` */
	CHILD_MAY_READ = 1 << 4,        /* open files for reading, within `readable` */
};
struct child_profile {
	unsigned may;
	const char *const *readable, *const *writable;          /* folders and files, each list ended by NULL; may be NULL */
	uint64_t memory_bytes;                                  /* RLIMIT_AS; 0: no limit */
	uint64_t file_bytes;                                    /* RLIMIT_FSIZE; 0: no limit for who may write, else none may grow */
	uint32_t cpu_s, files, processes;                       /* RLIMIT_CPU, NOFILE, NPROC; 0: no limit, 64, no limit */
	bool kill;                                              /* a forbidden system call ends the child; else it fails with EPERM */
};

struct child_exit { int status, signal; bool restarts; int64_t restart_ms; const char *why; };  /* status -1 when by signal */

struct child_callbacks {
	void (*on_start)(void *ctx, struct child *c, pid_t pid);                                /* may be NULL */
	/* Descriptors are the receiver's to close. */
	void (*on_message)(void *ctx, struct child *c, const uint8_t *bytes, size_t n, const int *fds, size_t n_fds);
	void (*on_exit)(void *ctx, struct child *c, const struct child_exit *e);
	void (*on_output)(void *ctx, struct child *c, const char *line);                        /* its standard error, by lines; may be NULL */
	void (*on_drain)(void *ctx, struct child *c);                                           /* may be NULL */
};

struct child_config {
	const char *name;                               /* for people */
	const char *role;                               /* our own binary with --role=…; or NULL and argv: */
	const char *const *argv;                        /* a foreign program, ended by NULL */
	const char *const *env;                         /* more environment "A=b", ended by NULL; nothing is inherited but PATH, LANG, TZ */
	const char *folder;                             /* working folder; NULL: / */
	/* Foreign programs are confined before exec (NULL: least of all); roles get the limits, then confine themselves (role_confine). */
	const struct child_profile *profile;
	size_t backlog_max;                             /* bytes waiting to go to the child; 0: 4 MB */
	uint32_t restart_min_ms, restart_max_ms;        /* 0: 500 and 60,000; a run of 60 s resets the pause */
	bool once;                                      /* never start again */
};

int child_new(struct loop *l, const struct child_config *config, const struct child_callbacks *callbacks, void *ctx,
	struct child **ret_child);
/* SIGKILL at once, reaped without waiting; no callback comes after it. */
struct child *child_free(struct child *c);
DEFINE_CLEANUP(struct child *, child_free)
/* SIGTERM, SIGKILL after `ms`; on_exit follows, with restarts false. */
void child_stop(struct child *c, int64_t ms);
/* -ERR_TOO_LARGE beyond CHILD_MESSAGE_MAX, -ERR_BUSY beyond the backlog, -ERR_PEER when it does not run. fds are duplicated. */
int child_send(struct child *c, const void *bytes, size_t n, const int *fds, size_t n_fds);
pid_t child_pid(const struct child *c);         /* 0 when it does not run */
size_t child_backlog(const struct child *c);
uint32_t child_starts(const struct child *c);

/* Inside the child. */
struct role_message { const uint8_t *bytes; size_t n; int fds[CHILD_FDS_MAX]; size_t n_fds; };   /* descriptors: the receiver's to close */
struct wire;
struct role { int fd; struct wire *in; };
int role_open(struct role *r);                                  /* the socket at CHILD_FD; -ERR_USAGE when we were not started by a parent */
/* The same talk over another local stream socket, on either side: the descriptor is the role's from now on. */
int role_of(struct role *r, int fd);
int role_confine(const struct child_profile *p);                /* no way back; fails closed: < 0 means end yourself */
int role_receive(struct role *r, struct role_message *ret);     /* blocks; 1 a message, valid until the next call; 0 the parent is gone */
/* The same in two steps, for who waits otherwise: 1 a message that is whole; 0 not yet. Then, when the descriptor is readable: 0 the other is gone. */
int role_pending(struct role *r, struct role_message *ret);
int role_fill(struct role *r);
void role_close(struct role *r);
int role_send(struct role *r, const void *bytes, size_t n, const int *fds, size_t n_fds);
/* Is this kernel able to confine by folders (Landlock)? The version of its interface, 0 = no. */
int role_landlock_version(void);
