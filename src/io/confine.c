/*
 * confine.c - limits, Landlock (landlock(7)), seccomp (seccomp(2)): which system calls and which files a profile leaves.
 *
 * The lists say what each permission needs; all else fails with EPERM (or ends the process). Where only some uses of a call are harmless its
 * arguments are looked at. clone3 keeps its arguments in memory, where a filter cannot see them: it "does not exist", and the C library
 * takes clone instead.
 */
#include "io/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/sys.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv)
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "which architecture is this to seccomp?"
#endif

/* Always: computing, waiting, and talking over descriptors that were given. */
static const int base[] = {
	SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_recvmsg, SYS_sendmsg, SYS_recvfrom, SYS_sendto, SYS_close, SYS_futex, SYS_mmap,
	SYS_munmap, SYS_mremap, SYS_madvise, SYS_mprotect, SYS_brk, SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep,
	SYS_nanosleep, SYS_gettimeofday, SYS_ppoll, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_timerfd_create,
	SYS_timerfd_settime, SYS_timerfd_gettime, SYS_pipe2, SYS_dup, SYS_dup3, SYS_fcntl, SYS_fstat, SYS_lseek, SYS_getrandom,
	SYS_getpid, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_rt_sigaction, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_exit, SYS_exit_group, SYS_restart_syscall, SYS_sched_yield,
	SYS_sched_getaffinity, SYS_set_robust_list, SYS_rseq, SYS_getrusage, SYS_sysinfo, SYS_uname, SYS_membarrier, SYS_shutdown,
	SYS_getsockopt, SYS_setsockopt, SYS_memfd_create, SYS_ftruncate, SYS_tgkill, SYS_pread64, SYS_pwrite64, SYS_times,
#ifdef SYS_poll
	SYS_poll, SYS_epoll_wait, SYS_dup2, SYS_pipe, SYS_time,
#endif
};
/* READ, and what the start of any program needs. */
static const int reading[] = {
	SYS_readlinkat, SYS_getdents64, SYS_faccessat, SYS_faccessat2, SYS_statx, SYS_newfstatat, SYS_preadv, SYS_getcwd, SYS_statfs,
	SYS_fstatfs, SYS_flock, SYS_chdir, SYS_fchdir, SYS_umask,
#ifdef SYS_open
	SYS_readlink, SYS_access, SYS_stat, SYS_lstat,
#endif
};
static const int writing[] = {
	SYS_pwritev, SYS_fallocate, SYS_fsync, SYS_fdatasync, SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_fchmod, SYS_fchmodat,
	SYS_utimensat, SYS_linkat, SYS_symlinkat, SYS_truncate, SYS_copy_file_range, SYS_sendfile, SYS_sync_file_range, SYS_msync,
	SYS_openat,
#ifdef SYS_open
	SYS_open, SYS_creat, SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_chmod, SYS_link, SYS_symlink,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
};
static const int threads[] = { SYS_set_tid_address, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_get_robust_list };
static const int connecting[] = {
	SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_socketpair,
	SYS_sendmmsg, SYS_recvmmsg,
};
static const int starting[] = {                 /* a program that begins: its loader */
	SYS_execve, SYS_set_tid_address,
#ifdef SYS_arch_prctl
	SYS_arch_prctl,
#endif
};
static const int executing[] = {
	SYS_execve, SYS_execveat, SYS_clone, SYS_wait4, SYS_waitid, SYS_kill, SYS_setpgid, SYS_getpgid, SYS_setsid, SYS_getsid,
	SYS_ioctl, SYS_pidfd_open, SYS_getgroups, SYS_getresuid, SYS_getresgid, SYS_close_range,
#ifdef SYS_fork
	SYS_fork, SYS_vfork, SYS_getpgrp,
#endif
};

/* A program is built in two passes: counted, then written. */
struct program { struct sock_filter *at; unsigned n; };

static void put(struct program *p, struct sock_filter f)
{
	if (p->at)
		p->at[p->n] = f;
	p->n++;
}

#define LOAD(field) ((struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field)))
#define RETURN(what) ((struct sock_filter) BPF_STMT(BPF_RET | BPF_K, (what)))
#define SKIP_UNLESS_EQUAL(value, n) ((struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (value), 0, (n)))
#define SKIP_IF_EQUAL(value, n) ((struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) (value), (n), 0))
#define SKIP_UNLESS_ANY(bits, n) ((struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t) (bits), 0, (n)))
#define SKIP_IF_ANY(bits, n) ((struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t) (bits), (n), 0))

static void allow(struct program *p, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		put(p, SKIP_UNLESS_EQUAL(calls[i], 1));
		put(p, RETURN(SECCOMP_RET_ALLOW));
	}
}

/* Arguments are 64 bits; the low half is loaded (little-endian), the flags looked at lie there. */
static void allow_if_arg_has(struct program *p, int call, unsigned arg, uint32_t bits)
{
	put(p, SKIP_UNLESS_EQUAL(call, 4));
	put(p, LOAD(args[arg]));
	put(p, SKIP_UNLESS_ANY(bits, 1));
	put(p, RETURN(SECCOMP_RET_ALLOW));
	put(p, LOAD(nr));
}

static void allow_if_arg_lacks(struct program *p, int call, unsigned arg, uint32_t bits)
{
	put(p, SKIP_UNLESS_EQUAL(call, 4));
	put(p, LOAD(args[arg]));
	put(p, SKIP_IF_ANY(bits, 1));
	put(p, RETURN(SECCOMP_RET_ALLOW));
	put(p, LOAD(nr));
}

static void build(struct program *p, const struct child_profile *profile, bool starts)
{
	unsigned may = profile->may;
	uint32_t otherwise = profile->kill ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM;

	put(p, LOAD(arch));
	put(p, SKIP_IF_EQUAL(ARCH, 1));
	put(p, RETURN(SECCOMP_RET_KILL_PROCESS));
	put(p, LOAD(nr));
	allow(p, base, ELEMENTSOF(base));
	if (starts) {
		allow(p, starting, ELEMENTSOF(starting));
		may |= CHILD_MAY_READ;
	}
	if (may & CHILD_MAY_WRITE)
		allow(p, writing, ELEMENTSOF(writing));
	if (may & (CHILD_MAY_READ | CHILD_MAY_WRITE)) {
		allow(p, reading, ELEMENTSOF(reading));
		allow_if_arg_lacks(p, SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
#ifdef SYS_open
		allow_if_arg_lacks(p, SYS_open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
#endif
	}
	if (may & CHILD_MAY_CONNECT)
		allow(p, connecting, ELEMENTSOF(connecting));
	if (may & CHILD_MAY_EXEC)
		allow(p, executing, ELEMENTSOF(executing));
	if (may & (CHILD_MAY_THREAD | CHILD_MAY_EXEC)) {
		allow(p, threads, ELEMENTSOF(threads));
		allow_if_arg_has(p, SYS_clone, 0, CLONE_THREAD);
	}
	put(p, SKIP_UNLESS_EQUAL(SYS_prctl, 4));
	put(p, LOAD(args[0]));
	put(p, SKIP_UNLESS_EQUAL(PR_SET_NAME, 1));
	put(p, RETURN(SECCOMP_RET_ALLOW));
	put(p, LOAD(nr));
	/* fstat() of older C libraries; nothing but the descriptor's own data (AT_EMPTY_PATH). */
	allow_if_arg_has(p, SYS_newfstatat, 3, AT_EMPTY_PATH);
	/* Limits may be read, not set: the new ones are a null pointer. Both halves of it. */
	put(p, SKIP_UNLESS_EQUAL(SYS_prlimit64, 6));
	put(p, LOAD(args[2]));
	put(p, SKIP_UNLESS_EQUAL(0, 3));
	put(p, ((struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]) + 4)));
	put(p, SKIP_UNLESS_EQUAL(0, 1));
	put(p, RETURN(SECCOMP_RET_ALLOW));
	put(p, LOAD(nr));
	put(p, SKIP_UNLESS_EQUAL(SYS_clone3, 1));
	put(p, RETURN(SECCOMP_RET_ERRNO | ENOSYS));
	put(p, RETURN(otherwise));
}

/* Landlock. The numbers of later interfaces are the kernel's (include/uapi/linux/landlock.h of 6.12); this header may be older. */
struct ruleset { uint64_t handled_access_fs, handled_access_net, scoped; };
enum {
	FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14, FS_IOCTL_DEV = 1 << 15,
	NET_BIND = 1 << 0, NET_CONNECT = 1 << 1, SCOPE_ABSTRACT = 1 << 0, SCOPE_SIGNAL = 1 << 1,
	FS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	FS_OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE | FS_IOCTL_DEV,
};

int role_landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return v > 0 ? (int) v : 0;
}

static int add_rule(int ruleset, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access };
	struct stat st;
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	/* What is not there needs no leave. */
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : sys_fail(errno, "open", path);
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_OF_FILES;
	rule.parent_fd = fd;
	if (rule.allowed_access && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return sys_fail(errno, "confine to", path);
	return 0;
}

static int add_rules(int ruleset, const char *const *paths, uint64_t access)
{
	int r = 0;

	for (; paths && *paths && r == 0; paths++)
		r = add_rule(ruleset, *paths, access);
	return r;
}

static int make_ruleset(const struct child_profile *p, const char *program, int *ret_ruleset)
{
	/* A program needs its loader and its libraries, wherever the distribution keeps them. */
	static const char *const loader[] = { "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache", NULL };
	int version = role_landlock_version();
	bool files = program || (p->may & (CHILD_MAY_READ | CHILD_MAY_WRITE | CHILD_MAY_EXEC));
	struct ruleset set = { .handled_access_fs = (1 << 13) - 1 };

	if (!version) {
		/* Without it the filter still keeps those from files who may open none. */
		if (files)
			return err_failf(ERR_CONFIG, "this kernel has no Landlock: %s cannot be confined", program ? program : "a role");
		*ret_ruleset = -1;
		return 0;
	}
	set.handled_access_fs |= (version >= 2 ? FS_REFER : 0) | (version >= 3 ? FS_TRUNCATE : 0) | (version >= 5 ? FS_IOCTL_DEV : 0);
	if (!(p->may & CHILD_MAY_CONNECT)) {
		set.handled_access_net = version >= 4 ? NET_BIND | NET_CONNECT : 0;
		set.scoped = version >= 6 ? SCOPE_ABSTRACT : 0;
	}
	set.scoped |= version >= 6 ? SCOPE_SIGNAL : 0;
	size_t size = version >= 6 ? sizeof(set) : version >= 4 ? offsetof(struct ruleset, scoped) : sizeof(set.handled_access_fs);
	_cleanup_close_ int fd = (int) syscall(SYS_landlock_create_ruleset, &set, size, 0);
	if (fd < 0)
		return sys_fail(errno, "make a Landlock rule set", NULL);
	uint64_t execute = (p->may & CHILD_MAY_EXEC) ? LANDLOCK_ACCESS_FS_EXECUTE : 0;
	int r = 0;
	if (p->may & CHILD_MAY_READ)
		r = add_rules(fd, p->readable, FS_READ | execute);
	if (r == 0 && (p->may & CHILD_MAY_WRITE))
		r = add_rules(fd, p->writable, set.handled_access_fs & ~(uint64_t) (LANDLOCK_ACCESS_FS_EXECUTE | FS_IOCTL_DEV));
	if (r == 0 && program)
		r = add_rules(fd, loader, FS_READ | LANDLOCK_ACCESS_FS_EXECUTE);
	if (r == 0 && program)
		r = add_rule(fd, program, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE);
	if (r < 0)
		return r;
	*ret_ruleset = take_fd(fd);
	return 0;
}

int confine_prepare(struct confine *c, const struct child_profile *p, const char *program)
{
	struct program count = { 0 };
	struct confine made = { .profile = p, .ruleset = -1 };

	build(&count, p, program != NULL);
	made.filter = sys_alloc_array(count.n, sizeof(*made.filter));
	if (!made.filter)
		return err_fail(ERR_NO_MEMORY, "what", "filter", NULL);
	made.n = (unsigned short) count.n;
	count = (struct program) { .at = made.filter };
	build(&count, p, program != NULL);
	int r = make_ruleset(p, program, &made.ruleset);
	if (r < 0) {
		sys_free(made.filter);
		return r;
	}
	*c = made;
	return 0;
}

void confine_done(struct confine *c)
{
	if (!c->filter)
		return;
	c->filter = sys_free(c->filter);
	if (c->ruleset >= 0)
		sys.close(c->ruleset);
	c->ruleset = -1;
}

static int limit(int what, uint64_t value)
{
	struct rlimit old, now = { value, value };

	if (getrlimit((__rlimit_resource_t) what, &old) < 0)
		return -1;
	/* Never more than we have ourselves. */
	if (old.rlim_max != RLIM_INFINITY && value > old.rlim_max)
		now.rlim_cur = now.rlim_max = old.rlim_max;
	return setrlimit((__rlimit_resource_t) what, &now);
}

int confine_limits(const struct child_profile *p)
{
	if (limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_NOFILE, p->files ? p->files : 64) < 0)
		return -1;
	if ((p->file_bytes || !(p->may & CHILD_MAY_WRITE)) && limit(RLIMIT_FSIZE, p->file_bytes) < 0)
		return -1;
	if (p->memory_bytes && limit(RLIMIT_AS, p->memory_bytes) < 0)
		return -1;
	if (p->cpu_s && limit(RLIMIT_CPU, p->cpu_s) < 0)
		return -1;
	return p->processes ? limit(RLIMIT_NPROC, p->processes) : 0;
}

int confine_enter(const struct confine *c)
{
	const struct sock_fprog program = { .len = c->n, .filter = c->filter };

	if (confine_limits(c->profile) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (c->ruleset >= 0 && syscall(SYS_landlock_restrict_self, c->ruleset, 0) < 0)
		return -1;
	/* > 0 names a thread that could not be brought along. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0 ? 0 : -1;
}
