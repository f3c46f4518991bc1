/* calls.c - the table of system calls, and the wrappers that stand in it while a test watches. */
#include "sys/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/thread.h"

/* open and openat are variadic in the C library. */
static int real_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }
static int real_openat(int dir, const char *path, int flags, mode_t mode) { return openat(dir, path, flags, mode); }

#define REAL_CALLS {                                                                                                    \
	.open = real_open, .openat = real_openat, .close = close, .read = read, .pread = pread, .write = write,         \
	.pwrite = pwrite, .writev = writev, .pwritev = pwritev, .fsync = fsync, .fdatasync = fdatasync,                 \
	.ftruncate = ftruncate, .fallocate = fallocate, .rename = rename, .link = link, .unlink = unlink,               \
	.mkdir = mkdir, .rmdir = rmdir, .mmap = mmap, .munmap = munmap, .msync = msync, .malloc = malloc,               \
	.realloc = realloc, .free = free, .clock_gettime = clock_gettime }

static const struct sys_calls real = REAL_CALLS;
struct sys_calls sys = REAL_CALLS;

struct fault { uint64_t at; int error; bool lasting, half; };

/* What the wrappers know. Guarded by `lock`, which is held while a watcher runs; `inside` keeps its own calls out. */
static struct {
	struct mutex lock;
	struct fault fault[SYS_ANY_MEMORY + 1];
	uint64_t count[SYS_ANY_MEMORY + 1];
	bool hit, memory;
	void (*on_call)(void *ctx, const struct sys_event *e);
	void *ctx;
} spy = { .lock = MUTEX_INIT };
static _Thread_local bool inside;

static const char *const names[] = {
	[SYS_OPEN] = "open", [SYS_OPENAT] = "openat", [SYS_CLOSE] = "close", [SYS_READ] = "read", [SYS_PREAD] = "pread",
	[SYS_WRITE] = "write", [SYS_PWRITE] = "pwrite", [SYS_WRITEV] = "writev", [SYS_PWRITEV] = "pwritev",
	[SYS_FSYNC] = "fsync", [SYS_FDATASYNC] = "fdatasync", [SYS_FTRUNCATE] = "ftruncate", [SYS_FALLOCATE] = "fallocate",
	[SYS_RENAME] = "rename", [SYS_LINK] = "link", [SYS_UNLINK] = "unlink", [SYS_MKDIR] = "mkdir", [SYS_RMDIR] = "rmdir",
	[SYS_MMAP] = "mmap", [SYS_MUNMAP] = "munmap", [SYS_MSYNC] = "msync", [SYS_MALLOC] = "malloc",
	[SYS_REALLOC] = "realloc", [SYS_ANY_FILE] = "any file call", [SYS_ANY_MEMORY] = "any memory call", [SYS_MARK] = "mark",
};

const char *sys_call_name(enum sys_call call)
{
	return (size_t) call < ELEMENTSOF(names) && names[call] ? names[call] : "?";
}

static bool is_memory(enum sys_call call) { return call == SYS_MALLOC || call == SYS_REALLOC; }

static bool fires(enum sys_call call, struct fault *ret)
{
	struct fault *f = &spy.fault[call];

	spy.count[call]++;
	if (!f->at || (f->lasting ? spy.count[call] < f->at : spy.count[call] != f->at))
		return false;
	*ret = *f;
	spy.hit = true;
	return true;
}

/* Before a call: the fault that it meets, if any. Takes the lock, which after() gives back. */
static bool before(enum sys_call call, struct fault *ret)
{
	mutex_lock(&spy.lock);
	bool own = fires(call, ret);
	bool any = fires(is_memory(call) ? SYS_ANY_MEMORY : SYS_ANY_FILE, ret);

	return own || any;
}

static void after(enum sys_call call, int fd, int64_t size, int64_t result, const char *path)
{
	int error = errno;
	bool failed = is_memory(call) || call == SYS_MMAP ? result == 0 : result < 0;
	const struct sys_event e = { .call = call, .fd = fd, .size = size, .result = result, .path = path,
		.error = failed ? error : 0 };

	if (spy.on_call && (spy.memory || !is_memory(call))) {
		inside = true;
		spy.on_call(spy.ctx, &e);
		inside = false;
	}
	mutex_unlock(&spy.lock);
	errno = error;
}

/* The lock is held around the call itself, so that the order recorded is the order in which the kernel saw the calls. */
#define SPY(call, fd, size, path, type, bad, real_call, half_call)                                                      \
	struct fault f_ = { 0 };                                                                                        \
	if (inside)                                                                                                     \
		return real_call;                                                                                       \
	type r_;                                                                                                        \
	if (!before(call, &f_)) {                                                                                       \
		r_ = real_call;                                                                                         \
	} else if (f_.half) {                                                                                           \
		r_ = half_call;                                                                                         \
	} else {                                                                                                        \
		r_ = bad;                                                                                               \
		errno = f_.error;                                                                                       \
	}                                                                                                               \
	after(call, fd, size, (int64_t) (intptr_t) r_, path);                                                           \
	return r_
#define SPY_INT(call, fd, size, path, expr) SPY(call, fd, size, path, int, -1, expr, expr)
#define SPY_IO(call, fd, size, expr, half) SPY(call, fd, size, NULL, ssize_t, -1, expr, half)

static int spy_open(const char *p, int flags, mode_t m) { SPY_INT(SYS_OPEN, -1, -1, p, real.open(p, flags, m)); }
static int spy_openat(int d, const char *p, int fl, mode_t m) { SPY_INT(SYS_OPENAT, d, -1, p, real.openat(d, p, fl, m)); }
static int spy_close(int fd)
{
	/* A close that "fails" has closed nevertheless, as on Linux. */
	SPY(SYS_CLOSE, fd, -1, NULL, int, (real.close(fd), -1), real.close(fd), -1);
}
static ssize_t spy_read(int fd, void *to, size_t n)
{
	SPY_IO(SYS_READ, fd, (int64_t) n, real.read(fd, to, n), real.read(fd, to, n / 2));
}
static ssize_t spy_pread(int fd, void *to, size_t n, off_t at)
{
	SPY_IO(SYS_PREAD, fd, (int64_t) n, real.pread(fd, to, n, at), real.pread(fd, to, n / 2, at));
}
static ssize_t spy_write(int fd, const void *from, size_t n)
{
	SPY_IO(SYS_WRITE, fd, (int64_t) n, real.write(fd, from, n), real.write(fd, from, n / 2));
}
static ssize_t spy_pwrite(int fd, const void *from, size_t n, off_t at)
{
	SPY_IO(SYS_PWRITE, fd, (int64_t) n, real.pwrite(fd, from, n, at), real.pwrite(fd, from, n / 2, at));
}

static size_t total(const struct iovec *v, int n)
{
	size_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].iov_len;
	return sum;
}

/* Half of a vector, at (off_t) -1 without a place. */
static ssize_t half_vector(int fd, const struct iovec *v, int n, off_t at)
{
	struct iovec cut[64];
	size_t left = total(v, n) / 2;
	int k = 0;

	for (; k < n && k < (int) ELEMENTSOF(cut) && left; k++) {
		cut[k] = (struct iovec) { v[k].iov_base, MIN(v[k].iov_len, left) };
		left -= cut[k].iov_len;
	}
	return at == (off_t) -1 ? real.writev(fd, cut, k) : real.pwritev(fd, cut, k, at);
}

static ssize_t spy_writev(int fd, const struct iovec *v, int n)
{
	SPY_IO(SYS_WRITEV, fd, (int64_t) total(v, n), real.writev(fd, v, n), half_vector(fd, v, n, (off_t) -1));
}
static ssize_t spy_pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	SPY_IO(SYS_PWRITEV, fd, (int64_t) total(v, n), real.pwritev(fd, v, n, at), half_vector(fd, v, n, at));
}
static int spy_fsync(int fd) { SPY_INT(SYS_FSYNC, fd, -1, NULL, real.fsync(fd)); }
static int spy_fdatasync(int fd) { SPY_INT(SYS_FDATASYNC, fd, -1, NULL, real.fdatasync(fd)); }
static int spy_ftruncate(int fd, off_t n) { SPY_INT(SYS_FTRUNCATE, fd, (int64_t) n, NULL, real.ftruncate(fd, n)); }
static int spy_fallocate(int fd, int mode, off_t at, off_t n)
{
	SPY_INT(SYS_FALLOCATE, fd, (int64_t) n, NULL, real.fallocate(fd, mode, at, n));
}
static int spy_rename(const char *from, const char *to) { SPY_INT(SYS_RENAME, -1, -1, to, real.rename(from, to)); }
static int spy_link(const char *from, const char *to) { SPY_INT(SYS_LINK, -1, -1, to, real.link(from, to)); }
static int spy_unlink(const char *path) { SPY_INT(SYS_UNLINK, -1, -1, path, real.unlink(path)); }
static int spy_mkdir(const char *path, mode_t mode) { SPY_INT(SYS_MKDIR, -1, -1, path, real.mkdir(path, mode)); }
static int spy_rmdir(const char *path) { SPY_INT(SYS_RMDIR, -1, -1, path, real.rmdir(path)); }
static void *map_or_null(void *p) { return p == MAP_FAILED ? NULL : p; }
static void *spied_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	SPY(SYS_MMAP, fd, (int64_t) n, NULL, void *, NULL, map_or_null(real.mmap(at, n, prot, flags, fd, off)), NULL);
}
static void *spy_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	void *p = spied_mmap(at, n, prot, flags, fd, off);

	return p ? p : MAP_FAILED;
}
static int spy_munmap(void *at, size_t n) { SPY_INT(SYS_MUNMAP, -1, (int64_t) n, NULL, real.munmap(at, n)); }
static int spy_msync(void *at, size_t n, int flags) { SPY_INT(SYS_MSYNC, -1, (int64_t) n, NULL, real.msync(at, n, flags)); }
static void *spy_malloc(size_t n) { SPY(SYS_MALLOC, -1, (int64_t) n, NULL, void *, NULL, real.malloc(n), NULL); }
static void *spy_realloc(void *p, size_t n) { SPY(SYS_REALLOC, -1, (int64_t) n, NULL, void *, NULL, real.realloc(p, n), NULL); }

static void spy_install(void)
{
	if (sys.open == spy_open)
		return;
	sys.open = spy_open; sys.openat = spy_openat; sys.close = spy_close; sys.read = spy_read; sys.pread = spy_pread;
	sys.write = spy_write; sys.pwrite = spy_pwrite; sys.writev = spy_writev; sys.pwritev = spy_pwritev;
	sys.fsync = spy_fsync; sys.fdatasync = spy_fdatasync; sys.ftruncate = spy_ftruncate; sys.fallocate = spy_fallocate;
	sys.rename = spy_rename; sys.link = spy_link; sys.unlink = spy_unlink; sys.mkdir = spy_mkdir; sys.rmdir = spy_rmdir;
	sys.mmap = spy_mmap; sys.munmap = spy_munmap; sys.msync = spy_msync; sys.malloc = spy_malloc;
	sys.realloc = spy_realloc;
}

static void fault_set(enum sys_call call, uint64_t n, const struct fault *f)
{
	spy_install();
	mutex_hold(&spy.lock);
	spy.fault[call] = *f;
	spy.fault[call].at = n ? spy.count[call] + n : 0;
	spy.hit = false;
}

void sys_fault_nth(enum sys_call call, uint64_t n, int error) { fault_set(call, n, &(struct fault) { .error = error }); }

void sys_fault_from(enum sys_call call, uint64_t n, int error)
{
	fault_set(call, n, &(struct fault) { .error = error, .lasting = true });
}

void sys_fault_short(enum sys_call call, uint64_t n) { fault_set(call, n, &(struct fault) { .half = true }); }

bool sys_fault_hit(void)
{
	mutex_hold(&spy.lock);
	return spy.hit;
}

uint64_t sys_count(enum sys_call call)
{
	mutex_hold(&spy.lock);
	return spy.count[call];
}

void sys_watch(void (*on_call)(void *ctx, const struct sys_event *e), void *ctx, bool memory)
{
	spy_install();
	mutex_hold(&spy.lock);
	spy.on_call = on_call;
	spy.ctx = ctx;
	spy.memory = memory;
}

static void print_call(void *ctx, const struct sys_event *e)
{
	FILE *to = ctx;

	if (e->call == SYS_MARK) {
		fprintf(to, "-- %s\n", e->path);
		return;
	}
	fputs(sys_call_name(e->call), to);
	if (e->fd >= 0)
		fprintf(to, " fd=%d", e->fd);
	if (e->size >= 0)
		fprintf(to, " size=%lld", (long long) e->size);
	if (e->path)
		fprintf(to, " path=%s", e->path);
	fprintf(to, " = %lld", (long long) e->result);
	if (e->error)
		fprintf(to, " (%s)", strerror(e->error));
	fputc('\n', to);
}

void sys_trace(FILE *to) { sys_watch(to ? print_call : NULL, to, false); }

void sys_mark(const char *text)
{
	const struct sys_event e = { .call = SYS_MARK, .fd = -1, .size = -1, .path = text };

	mutex_hold(&spy.lock);
	if (!spy.on_call)
		return;
	inside = true;
	spy.on_call(spy.ctx, &e);
	inside = false;
}

void sys_restore(void)
{
	sys = real;
	mutex_hold(&spy.lock);
	memset(spy.fault, 0, sizeof(spy.fault));
	memset(spy.count, 0, sizeof(spy.count));
	spy.hit = false;
	spy.on_call = NULL;
}
