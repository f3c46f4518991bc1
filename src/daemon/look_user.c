/* look_user.c - as whom the platform works, and what he may. */
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "daemon/look.h"
#include "sys/sys.h"

enum { STATUS_BYTES = 16 << 10 };

/* Who holds LOCK wrote his number into it; a number that is still there after a kill holds nothing. */
uint64_t look_pid(const char *data)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 100);
	_cleanup_close_ int fd = -1;
	char lock[4096];
	uint64_t pid = 0;
	bool held;

	if (!path_join(lock, sizeof(lock), data, "LOCK") || file_read(lock, 60, &b) < 0 || !num_parse_u64(b.data, b.data + b.len, &pid) || pid < 2 || (kill((pid_t) pid, 0) < 0 && errno != EPERM) ||
		file_open(lock, O_RDONLY, 0, &fd) < 0) {
		err_clear();
		return 0;
	}
	held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	return held ? pid : 0;
}

/* "Uid:\t1000\t1000…", "Groups:\t20 24 …" of /proc/PID/status (proc(5)). */
static bool of_process(struct look *l, uint64_t pid)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, STATUS_BYTES + 1);
	struct look_user *u = &l->user;
	const char *path = arena_fmt(l->arena, "/proc/%llu/status", (unsigned long long) pid), *at;
	uint64_t n;

	if (!path || file_read(path, STATUS_BYTES, &b) < 0) {
		err_clear();
		return false;
	}
	at = str_find(b.data, "\nUid:\t");
	if (!at || !num_parse_u64(at + 6, b.data + b.len, &n))
		return false;
	u->uid = (uid_t) n;
	at = str_find(b.data, "\nGid:\t");
	if (at && num_parse_u64(at + 6, b.data + b.len, &n))
		u->groups[u->n_groups++] = (gid_t) n;
	at = str_find(b.data, "\nGroups:\t");
	for (at = at ? at + 9 : ""; u->n_groups < LOOK_GROUPS && *at >= '0' && *at <= '9';) {
		at += num_parse_u64(at, b.data + b.len, &n);
		u->groups[u->n_groups++] = (gid_t) n;
		at += *at == ' ';
	}
	return true;
}

void look_find_user(struct look *l)
{
	struct look_user *u = &l->user;
	const struct passwd *p;
	struct stat st;

	l->pid = look_pid(l->config->platform.data);
	u->uid = geteuid();
	if (!l->pid || !of_process(l, l->pid)) {
		if (stat(l->config->platform.data, &st) == 0)
			u->uid = st.st_uid;
		p = getpwuid(u->uid);
		u->n_groups = LOOK_GROUPS;
		if (!p || getgrouplist(p->pw_name, p->pw_gid, u->groups, &u->n_groups) < 0)
			u->n_groups = p ? LOOK_GROUPS : 0;
	}
	p = getpwuid(u->uid);
	u->name = p ? arena_str(l->arena, p->pw_name) : arena_fmt(l->arena, "%u", (unsigned) u->uid);
}

bool look_may(const struct look *l, const char *path, int want)
{
	unsigned mode;
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (l->user.uid == 0)
		return true;
	mode = st.st_mode & 7;
	for (int i = 0; i < l->user.n_groups; i++)
		if (l->user.groups[i] == st.st_gid)
			mode = st.st_mode >> 3 & 7;
	if (st.st_uid == l->user.uid)
		mode = st.st_mode >> 6 & 7;
	return (mode & (unsigned) want) == (unsigned) want;
}
