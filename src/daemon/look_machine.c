/* look_machine.c - what is around the data: limits, memory, clock, disk, rights, address, certificate. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "daemon/look.h"
#include "io/io.h"
#include "sys/sys.h"

enum { DISK_WARN = 10, DISK_BAD = 2 /* percent */, FILES_WANTED = 4096, CERT_DAYS = 30, MEMORY_WANTED = 256, MEMORY_BAD = 64 /* MB */, TEXT_BYTES = 16 << 10 };
#define PROGRAM_MADE_S INT64_C(1767225600)              /* 2026-01-01: before this program was */

/* The number behind `key` in a text of /proc; false: it does not say. */
static bool proc_number(const char *path, const char *key, uint64_t *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, TEXT_BYTES + 1);
	const char *at = NULL;

	if (file_read(path, TEXT_BYTES, &b) < 0)
		err_clear();
	else
		at = str_find(b.data, key);
	for (at = at ? at + str_len(key) : ""; *at == ' ' || *at == '\t'; at++)
		;
	return *at && num_parse_u64(at, b.data + b.len, ret) > 0;
}

void look_limits(struct look *l)
{
	struct rlimit here = { 0 };
	const char *path = arena_fmt(l->arena, "/proc/%llu/limits", (unsigned long long) l->pid);
	uint64_t files;

	getrlimit(RLIMIT_NOFILE, &here);
	files = here.rlim_cur;
	if (l->pid && path)
		proc_number(path, "Max open files", &files);
	if (files < MAX((uint64_t) FILES_WANTED, (uint64_t) l->config->limits.connections * 2))
		look_say(l, FINDING_WARNING, "files", arena_fmt(l->arena, look_word(l, "the platform may open %llu files; %u connections may need more",
			"平台最多打开 %llu 个文件；%u 个连接可能不够"), (unsigned long long) files, l->config->limits.connections),
			look_word(l, "LimitNOFILE=65536 in the unit, or ulimit -n 65536", "在单元中设 LimitNOFILE=65536，或 ulimit -n 65536"));
	else
		look_say(l, FINDING_OK, "files", arena_fmt(l->arena, look_word(l, "the platform may open %llu files", "平台最多打开 %llu 个文件"),
			(unsigned long long) files), NULL);
}

void look_memory(struct look *l)
{
	uint64_t kb = 0;
	enum finding f;

	if (!proc_number("/proc/meminfo", "MemAvailable:", &kb)) {
		look_say(l, FINDING_WARNING, "memory", look_word(l, "the system does not say how much memory is free", "系统未给出可用内存"), NULL);
		return;
	}
	f = kb >> 10 < MEMORY_BAD ? FINDING_ERROR : kb >> 10 < MEMORY_WANTED ? FINDING_WARNING : FINDING_OK;
	look_say(l, f, "memory", arena_fmt(l->arena, look_word(l, "%llu MB are available", "可用内存 %llu MB"), (unsigned long long) kb >> 10),
		f == FINDING_OK ? NULL : look_word(l, "end other programs, or give the machine more memory", "请结束其他程序，或增加内存"));
}

void look_clock(struct look *l)
{
	const char *hint = look_word(l, "let systemd-timesyncd, chrony or ntpd keep it", "请用 systemd-timesyncd、chrony 或 ntpd 同步");
	struct clock_state state = { 0 };
	int r = clock_state(&state);
	char now[WHEN_TEXT_MAX];

	err_clear();
	when_format(now, clock_now_ns() / NS_PER_S * NS_PER_S);
	if (clock_now_ns() < PROGRAM_MADE_S * NS_PER_S)
		look_say(l, FINDING_ERROR, "clock", arena_fmt(l->arena, look_word(l, "%s: older than this program", "%s：早于本程序的日期"), now),
			look_word(l, "set it: every sample is kept under its time", "请校时：样本按时间保存"));
	else if (r < 0 || !state.synchronized)
		look_say(l, FINDING_WARNING, "clock", arena_fmt(l->arena, look_word(l, "%s; the kernel does not know of anybody who keeps it right",
			"%s；内核未得知有程序在同步时钟"), now), hint);
	else
		look_say(l, FINDING_OK, "clock", arena_fmt(l->arena, look_word(l, "%s, kept right, off by at most %lld ms", "%s，已同步，偏差不超过 %lld 毫秒"), now,
			(long long) (state.error_max_ns / NS_PER_MS)), NULL);
}

void look_zone(struct look *l)
{
	time_t now = time(NULL);
	char zone[40] = "", offset[10] = "";
	struct tm tm = { 0 };

	localtime_r(&now, &tm);
	strftime(zone, sizeof(zone), "%Z", &tm);
	strftime(offset, sizeof(offset), "%z", &tm);
	look_say(l, FINDING_OK, "timezone", arena_fmt(l->arena, look_word(l, "%s, UTC%s (hours of rights and of days)", "%s，UTC%s（用于权限时段和日界）"), zone, offset),
		NULL);
}

void look_rights(struct look *l)
{
	static const char *const secret[] = { "keys", "keys/guard.key", "keys/tls.key" };
	const char *data = l->config->platform.data;
	struct stat st;

	if (!look_may(l, data, R_OK | W_OK | X_OK)) {
		look_say(l, FINDING_ERROR, "rights", arena_fmt(l->arena, look_word(l, "%s may not read and write %s", "用户 %s 无权读写 %s"), l->user.name, data),
			arena_fmt(l->arena, "chown -R %s %s", l->user.name, data));
		return;
	}
	for (size_t i = 0; i < ELEMENTSOF(secret); i++) {
		const char *path = look_under(l, secret[i]);

		if (stat(path, &st) == 0 && (st.st_mode & 077)) {
			look_say(l, FINDING_ERROR, "rights", arena_fmt(l->arena, look_word(l, "others than their owner may use %s", "属主以外的用户可以使用 %s"), path),
				arena_fmt(l->arena, "chmod %s %s", S_ISDIR(st.st_mode) ? "700" : "600", path));
			return;
		}
	}
	if (stat(data, &st) == 0 && (st.st_mode & 07))
		look_say(l, FINDING_WARNING, "rights", arena_fmt(l->arena, look_word(l, "every user of this computer may look into %s", "本机所有用户都可以查看 %s"),
			data), arena_fmt(l->arena, "chmod o= %s", data));
	else
		look_say(l, FINDING_OK, "rights", arena_fmt(l->arena, look_word(l, "data and keys are for %s alone", "数据和密钥仅供 %s 使用"), l->user.name), NULL);
}

void look_disk(struct look *l)
{
	const char *data = l->config->platform.data;
	unsigned percent, nodes;
	struct statvfs st;
	enum finding f;

	if (statvfs(data, &st) < 0 || !st.f_blocks) {
		look_say(l, FINDING_WARNING, "disk", look_word(l, "the file system does not say how much room it has", "文件系统未给出剩余空间"), NULL);
		return;
	}
	if (st.f_flag & ST_RDONLY) {
		look_say(l, FINDING_ERROR, "disk", arena_fmt(l->arena, look_word(l, "the file system of %s is mounted read-only", "%s 所在的文件系统为只读挂载"), data),
			look_word(l, "look why (dmesg), then mount -o remount,rw", "请查明原因（dmesg），然后 mount -o remount,rw"));
		return;
	}
	percent = (unsigned) ((uint64_t) st.f_bavail * 100 / st.f_blocks);
	nodes = st.f_files ? (unsigned) ((uint64_t) st.f_favail * 100 / st.f_files) : 100;     /* btrfs has no such number */
	f = MIN(percent, nodes) < DISK_BAD ? FINDING_ERROR : MIN(percent, nodes) < DISK_WARN ? FINDING_WARNING : FINDING_OK;
	look_say(l, f, "disk", arena_fmt(l->arena, look_word(l, "%u %% is free (%llu MB), %u %% of the inodes", "空闲 %u %%（%llu MB），inode 空闲 %u %%"), percent,
		(unsigned long long) st.f_bavail * st.f_frsize >> 20, nodes),
		f == FINDING_OK ? NULL : look_word(l, "make room, or move the data folder to a larger disk", "请清理空间，或把数据文件夹移到更大的磁盘"));
}

static void on_nobody(void *ctx, struct chain *c) { chain_free(c); }

void look_address(struct look *l)
{
	struct listen copy = l->config->listen;
	struct listener *listener = NULL;
	struct loop *loop = NULL;
	int r;

	if (l->pid) {
		look_say(l, FINDING_OK, "address", arena_fmt(l->arena, look_word(l, "the platform runs (process %llu)", "平台正在运行（进程 %llu）"),
			(unsigned long long) l->pid), NULL);
		return;
	}
	r = loop_new("doctor", &loop);
	if (r == 0)
		r = listener_new(loop, &(struct listener_config) { .address = copy.address, .port = copy.port, .on_accept = on_nobody }, &listener);
	listener_free(listener);
	loop_free(loop);
	if (r == 0)
		look_say(l, FINDING_OK, "address", arena_fmt(l->arena, look_word(l, "%s is free; the platform does not run", "%s 空闲；平台未运行"),
			listen_text(&copy)), NULL);
	else
		look_say(l, FINDING_ERROR, "address", look_taken(l, r), look_word(l, "end what uses it (ss -ltnp), or give another http.listen",
			"请结束占用者（ss -ltnp），或更改 http.listen"));
}

static const char *day_of(struct look *l, int64_t ns)
{
	char text[WHEN_TEXT_MAX];

	when_format(text, ns);
	return arena_fmt(l->arena, "%.10s", text);
}

void look_certificate(struct look *l)
{
	const struct config_http *h = &l->config->http;
	bool own = h->tls == CONFIG_TLS_SELF_SIGNED;
	const char *file = own ? look_under(l, "keys/tls.crt") : h->certificate;
	int64_t now = clock_now_ns(), left;
	struct tls_cert c;
	enum finding f;
	int r;

	if (h->tls == CONFIG_TLS_OFF || (own && !file_exists(file))) {
		look_say(l, FINDING_OK, "certificate", own ? look_word(l, "the first start makes it", "首次启动时生成") : look_word(l, "no TLS is asked for", "未启用 TLS"), NULL);
		return;
	}
	r = tls_cert_read(file, &c);
	if (r < 0) {
		look_say(l, FINDING_ERROR, "certificate", look_taken(l, r), NULL);
		return;
	}
	left = (c.until_ns - now) / NS_PER_S / 86400;
	f = c.until_ns < now || c.from_ns > now ? FINDING_ERROR : left < CERT_DAYS ? FINDING_WARNING : FINDING_OK;
	look_say(l, f, "certificate", arena_fmt(l->arena, look_word(l, "%s, valid from %s to %s, for %s", "%s，有效期 %s 至 %s，用于 %s"), file, day_of(l, c.from_ns),
		day_of(l, c.until_ns), *c.names ? c.names : c.subject), f == FINDING_OK ? NULL : own ? look_word(l, "a restart makes a new one once it has ended",
		"到期后重启即生成新证书") : look_word(l, "put a new one there, then systemctl reload tenon", "请放入新证书，然后 systemctl reload tenon"));
}
