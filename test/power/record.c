/*
 * record.c - every call of a program that changes files, in order, with its bytes; and one call of them that fails.
 *
 * A library to be loaded before the C library's (LD_PRELOAD). What is called goes on, and is written down when it has come back: a
 * write that ended before a sync began is covered by that sync. An acknowledgement (an HTTP status of 2xx on a socket) is written
 * down before it is sent. From this test/power/disk.py says what a disk may hold after a power cut at any instant.
 *
 *   TENON_RECORD=FILE      the record; events are appended whole, by all processes that inherit it
 *   TENON_RECORD_UNDER=DIR only what lies under this folder
 *   TENON_FAULT=KIND:N:E   the N-th call of this kind (open write sync rename memory) fails with errno E; N- : and every later one
 *   TENON_FAULT_COUNT=FILE how many calls of that kind there were, written when the program ends by itself
 *
 * Thread: any. Memory: none but the stack; it must work where malloc fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* disk.py reads this; all little-endian, followed by path, second path, bytes. */
struct event {
	uint32_t magic, op, pid;
	int32_t fd;
	int64_t at, size;               /* where, how much; a port and a status for OP_ANSWER */
	uint32_t path, other, bytes;    /* lengths of what follows */
	uint32_t flags;                 /* 1: the file was made; 2: cut to nothing */
};

enum { MAGIC = 0x31435250 };
enum op { OP_OPEN = 1, OP_WRITE, OP_SYNC_BEGIN, OP_SYNC, OP_TRUNCATE, OP_ALLOCATE, OP_RENAME, OP_LINK, OP_UNLINK, OP_MKDIR, OP_RMDIR,
	OP_ANSWER };
enum kind { KIND_OPEN, KIND_WRITE, KIND_SYNC, KIND_RENAME, KIND_MEMORY, KINDS_N_ };
enum { CREATED = 1, CUT = 2, FDS_MAX = 4096 };

static const char *const kind_names[KINDS_N_] = { "open", "write", "sync", "rename", "memory" };
static int record_fd = -1, fault_kind = -1, fault_errno;
static bool fault_on;
static unsigned long fault_n;
static atomic_ulong calls_seen;
static char under[PATH_MAX];
static atomic_uchar of_interest[FDS_MAX];       /* 1: a file of ours, 2: a folder of ours */

#define REAL(ret, name, ...) \
	static ret (*real)(__VA_ARGS__); \
	if (!real) \
		*(void **) &real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("TENON_RECORD"), *dir = getenv("TENON_RECORD_UNDER"), *fault = getenv("TENON_FAULT");
	char kind[16], later[2] = "";

	snprintf(under, sizeof(under), "%s", dir ? dir : "/nowhere");
	if (file)
		record_fd = fcntl(open(file, O_WRONLY | O_APPEND | O_CLOEXEC), F_DUPFD_CLOEXEC, 900);
	if (fault && sscanf(fault, "%15[a-z]:%lu%1[-]:%d", kind, &fault_n, later, &fault_errno) < 4 &&
	    sscanf(fault, "%15[a-z]:%lu:%d", kind, &fault_n, &fault_errno) < 3)
		return;
	for (int i = 0; fault && i < KINDS_N_; i++)
		if (!strcmp(kind, kind_names[i]))
			fault_kind = i;
	fault_on = *later;
}

__attribute__((destructor)) static void end(void)
{
	const char *file = getenv("TENON_FAULT_COUNT");
	char text[32];
	int n = snprintf(text, sizeof(text), "%lu\n", (unsigned long) calls_seen), fd;

	if (file && (fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600)) >= 0) {
		if (write(fd, text, (size_t) n) != n)
			_exit(99);
		close(fd);
	}
}

/* True when this call is the one that fails; errno is set. */
static bool fails(enum kind kind)
{
	if ((int) kind != fault_kind)
		return false;
	unsigned long n = atomic_fetch_add(&calls_seen, 1) + 1;
	if (n != fault_n && !(fault_on && n > fault_n && fault_n))
		return false;
	errno = fault_errno;
	return true;
}

static bool is_under(const char *path)
{
	size_t n = strlen(under);

	return !strncmp(path, under, n) && (!path[n] || path[n] == '/');
}

static bool is_ours(int fd, int what) { return fd >= 0 && fd < FDS_MAX && (atomic_load(&of_interest[fd]) & what); }

static void put(struct event *e, const char *path, const char *other, const struct iovec *v, int n, size_t bytes)
{
	struct iovec out[3 + 16] = { { e, sizeof(*e) } };
	static ssize_t (*real)(int, const struct iovec *, int);
	int saved = errno, k = 1;
	size_t left = bytes;

	if (record_fd < 0)
		return;
	if (!real)
		*(void **) &real = dlsym(RTLD_NEXT, "writev");
	e->magic = MAGIC;
	e->pid = (uint32_t) getpid();
	e->path = path ? (uint32_t) strlen(path) : 0;
	e->other = other ? (uint32_t) strlen(other) : 0;
	e->bytes = (uint32_t) bytes;
	out[k++] = (struct iovec) { (void *) (uintptr_t) path, e->path };
	out[k++] = (struct iovec) { (void *) (uintptr_t) other, e->other };
	for (int i = 0; i < n && left; i++) {
		size_t take = v[i].iov_len < left ? v[i].iov_len : left;
		if (k == 3 + 16)
			_exit(98);              /* more pieces than any of ours has: see to it */
		out[k++] = (struct iovec) { v[i].iov_base, take };
		left -= take;
	}
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&lock);
	if (real(record_fd, out, k) < (ssize_t) sizeof(*e))
		_exit(97);
	pthread_mutex_unlock(&lock);
	errno = saved;
}

/* The path as the kernel sees it, of a file that is open. */
static bool path_of(int fd, char *ret, size_t cap)
{
	char link[48];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, ret, cap - 1);
	if (n < 0)
		return false;
	ret[n] = 0;
	return true;
}

/* A path as it was given, made absolute. */
static const char *whole(int dir, const char *path, char *buf)
{
	char base[PATH_MAX];

	if (*path == '/')
		return path;
	if (dir == AT_FDCWD ? !getcwd(base, sizeof(base)) : !path_of(dir, base, sizeof(base)))
		return path;
	if (snprintf(buf, PATH_MAX, "%s/%s", base, path) >= PATH_MAX)
		return path;
	return buf;
}

static int opened(int fd, int flags, bool was_there)
{
	char path[PATH_MAX];
	struct stat st;

	if (fd < 0 || fd >= FDS_MAX)
		return fd;
	int saved = errno;
	atomic_store(&of_interest[fd], 0);
	if (path_of(fd, path, sizeof(path)) && is_under(path) && fstat(fd, &st) == 0) {
		atomic_store(&of_interest[fd], S_ISDIR(st.st_mode) ? 2 : 1);
		struct event e = { .op = OP_OPEN, .fd = fd, .flags = (!was_there ? CREATED : 0) | (flags & O_TRUNC ? CUT : 0) };
		put(&e, path, NULL, NULL, 0, 0);
	}
	errno = saved;
	return fd;
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	REAL(int, openat, int, const char *, int, ...);
	struct stat st;

	if (flags & (O_CREAT | O_WRONLY | O_RDWR) && fails(KIND_OPEN))
		return -1;
	bool was_there = !(flags & O_CREAT) || fstatat(dir, path, &st, 0) == 0;
	return opened(real(dir, path, flags, mode), flags, was_there);
}

#define MODE_OF(flags, mode) \
	mode_t mode = 0; \
	if (flags & (O_CREAT | O_TMPFILE)) { \
		va_list args; \
		va_start(args, flags); \
		mode = va_arg(args, mode_t); \
		va_end(args); \
	}

int open(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE_OF(flags, mode) return open_at(dir, path, flags, mode); }
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return open_at(dir, path, flags, 0); }

/* An answer's first line on a socket: "HTTP/1.1 204". Only its status, and who asked. */
static void answered(int fd, const void *data, size_t n)
{
	struct sockaddr_in6 peer;
	socklen_t len = sizeof(peer);
	int saved = errno;

	if (record_fd >= 0 && n >= 12 && !memcmp(data, "HTTP/1.1 ", 9) && !getpeername(fd, (struct sockaddr *) &peer, &len)) {
		char status[4] = { ((const char *) data)[9], ((const char *) data)[10], ((const char *) data)[11], 0 };
		struct event e = { .op = OP_ANSWER, .fd = fd, .at = ntohs(peer.sin6_port), .size = atoi(status) };
		put(&e, NULL, NULL, NULL, 0, 0);
	}
	errno = saved;
}

/* at < 0: where the file stands, found out afterwards. */
static ssize_t written(int fd, const struct iovec *v, int n, int64_t at, ssize_t done)
{
	if (done > 0 && is_ours(fd, 1)) {
		struct event e = { .op = OP_WRITE, .fd = fd, .at = at >= 0 ? at : (int64_t) lseek(fd, 0, SEEK_CUR) - done, .size = done };
		put(&e, NULL, NULL, v, n, (size_t) done);
	}
	return done;
}

ssize_t write(int fd, const void *data, size_t n)
{
	REAL(ssize_t, write, int, const void *, size_t);
	struct iovec v = { (void *) (uintptr_t) data, n };

	if (is_ours(fd, 1) ? fails(KIND_WRITE) : (answered(fd, data, n), false))
		return -1;
	return written(fd, &v, 1, -1, real(fd, data, n));
}

ssize_t send(int fd, const void *data, size_t n, int flags)
{
	REAL(ssize_t, send, int, const void *, size_t, int);

	answered(fd, data, n);
	return real(fd, data, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
	REAL(ssize_t, sendmsg, int, const struct msghdr *, int);

	if (m->msg_iovlen)
		answered(fd, m->msg_iov[0].iov_base, m->msg_iov[0].iov_len);
	return real(fd, m, flags);
}

static ssize_t write_at(int fd, const void *data, size_t n, off_t at)
{
	REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
	struct iovec v = { (void *) (uintptr_t) data, n };

	if (is_ours(fd, 1) && fails(KIND_WRITE))
		return -1;
	return written(fd, &v, 1, at, real(fd, data, n, at));
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return write_at(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off_t at) { return write_at(fd, data, n, at); }

ssize_t writev(int fd, const struct iovec *v, int n)
{
	REAL(ssize_t, writev, int, const struct iovec *, int);

	if (is_ours(fd, 1) && fails(KIND_WRITE))
		return -1;
	if (!is_ours(fd, 1) && n)
		answered(fd, v[0].iov_base, v[0].iov_len);
	return written(fd, v, n, -1, real(fd, v, n));
}

static ssize_t write_v_at(int fd, const struct iovec *v, int n, off_t at)
{
	REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);

	if (is_ours(fd, 1) && fails(KIND_WRITE))
		return -1;
	return written(fd, v, n, at, real(fd, v, n, at));
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at) { return write_v_at(fd, v, n, at); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off_t at) { return write_v_at(fd, v, n, at); }

static int synced(int fd, int (*real)(int))
{
	struct event e = { .op = OP_SYNC_BEGIN, .fd = fd };

	if (!is_ours(fd, 3))
		return real(fd);
	if (fails(KIND_SYNC))
		return -1;
	put(&e, NULL, NULL, NULL, 0, 0);
	int r = real(fd);
	if (r == 0) {
		e.op = OP_SYNC;
		put(&e, NULL, NULL, NULL, 0, 0);
	}
	return r;
}

int fsync(int fd)
{
	REAL(int, fsync, int);
	return synced(fd, real);
}

int fdatasync(int fd)
{
	REAL(int, fdatasync, int);
	return synced(fd, real);
}

static int sized(enum op op, int fd, int64_t at, int64_t size, int r)
{
	if (r == 0 && is_ours(fd, 1)) {
		struct event e = { .op = op, .fd = fd, .at = at, .size = size };
		put(&e, NULL, NULL, NULL, 0, 0);
	}
	return r;
}

static int cut(int fd, off_t size)
{
	REAL(int, ftruncate, int, off_t);
	return is_ours(fd, 1) && fails(KIND_WRITE) ? -1 : sized(OP_TRUNCATE, fd, 0, size, real(fd, size));
}

static int reserve(int fd, int mode, off_t at, off_t n)
{
	REAL(int, fallocate, int, int, off_t, off_t);
	return is_ours(fd, 1) && fails(KIND_WRITE) ? -1 : sized(OP_ALLOCATE, fd, at, mode & 1 ? 0 : n, real(fd, mode, at, n));
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off_t size) { return cut(fd, size); }
int fallocate(int fd, int mode, off_t at, off_t n) { return reserve(fd, mode, at, n); }
int fallocate64(int fd, int mode, off_t at, off_t n) { return reserve(fd, mode, at, n); }

static int named(enum op op, int r, const char *path, const char *other)
{
	if (r == 0 && is_under(path)) {
		struct event e = { .op = op, .fd = -1 };
		put(&e, path, other, NULL, 0, 0);
	}
	return r;
}

static int rename_at(int a, const char *from, int b, const char *to)
{
	REAL(int, renameat, int, const char *, int, const char *);
	char x[PATH_MAX], y[PATH_MAX];

	return fails(KIND_RENAME) ? -1 : named(OP_RENAME, real(a, from, b, to), whole(a, from, x), whole(b, to, y));
}

int rename(const char *from, const char *to) { return rename_at(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int a, const char *from, int b, const char *to) { return rename_at(a, from, b, to); }

static int link_at(int a, const char *from, int b, const char *to, int flags)
{
	REAL(int, linkat, int, const char *, int, const char *, int);
	char x[PATH_MAX], y[PATH_MAX];

	return fails(KIND_RENAME) ? -1 : named(OP_LINK, real(a, from, b, to, flags), whole(a, from, x), whole(b, to, y));
}

int link(const char *from, const char *to) { return link_at(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) { return link_at(a, from, b, to, flags); }

static int unlink_at(int dir, const char *path, int flags)
{
	REAL(int, unlinkat, int, const char *, int);
	char x[PATH_MAX];

	return fails(KIND_RENAME) ? -1 : named(flags & AT_REMOVEDIR ? OP_RMDIR : OP_UNLINK, real(dir, path, flags), whole(dir, path, x), NULL);
}

int unlink(const char *path) { return unlink_at(AT_FDCWD, path, 0); }
int unlinkat(int dir, const char *path, int flags) { return unlink_at(dir, path, flags); }
int rmdir(const char *path) { return unlink_at(AT_FDCWD, path, AT_REMOVEDIR); }

static int mkdir_at(int dir, const char *path, mode_t mode)
{
	REAL(int, mkdirat, int, const char *, mode_t);
	char x[PATH_MAX];

	return fails(KIND_OPEN) ? -1 : named(OP_MKDIR, real(dir, path, mode), whole(dir, path, x), NULL);
}

int mkdir(const char *path, mode_t mode) { return mkdir_at(AT_FDCWD, path, mode); }
int mkdirat(int dir, const char *path, mode_t mode) { return mkdir_at(dir, path, mode); }

/* --- Memory: the C library's own entry points, so that nothing is needed before dlsym() can be asked. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n) { return fails(KIND_MEMORY) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails(KIND_MEMORY) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails(KIND_MEMORY) ? NULL : __libc_realloc(p, n); }
