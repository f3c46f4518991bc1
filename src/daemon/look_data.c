/* look_data.c - what the data folder holds: log, history, records, audit, serial lines in use, the last backup. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "daemon/daemon.h"
#include "daemon/look.h"
#include "model/plant.h"
#include "rec/tree.h"
#include "service/service.h"
#include "store/store.h"
#include "sys/sys.h"
#include "tsdb/tsdb.h"
#include "wal/wal.h"

enum { DEEP = 6, BACKUP_DAYS = 7, NOTE_BYTES = 4200 };
#define LOG_BYTES (UINT64_C(1) << 30)                   /* read through at most: a few seconds of a disk */
#define HINT_RESTORE look_word(l, "restore it from a backup (tenon restore)", "请由备份恢复（tenon restore）")

/* --- Log and history --------------------------------------------------------------------------------------------------- */

void look_log(struct look *l)
{
	struct wal_look found;
	int r = wal_look(look_under(l, "wal"), LOG_BYTES, &found);

	if (r < 0)
		look_say(l, FINDING_ERROR, "log", look_taken(l, r), NULL);
	else if (found.bad[0])
		look_say(l, FINDING_ERROR, "log", arena_fmt(l->arena, look_word(l, "%s/wal/%s is damaged: some samples that no file has yet are lost",
			"%s/wal/%s 已损坏：部分尚未落盘的样本丢失"), l->config->platform.data, found.bad),
			look_word(l, "look at the disk (smartctl, dmesg); the rest of the log is still used", "请检查磁盘（smartctl、dmesg）；日志其余部分仍可使用"));
	else
		look_say(l, FINDING_OK, "log", arena_fmt(l->arena, look_word(l, "%u segments, %u of them read through: %llu records, whole",
			"%u 个日志段，通读 %u 个：%llu 条记录，完整"), found.segments, found.read, (unsigned long long) found.records), NULL);
}

struct files { struct look *l; const char *dir; unsigned depth; uint64_t *n; const char **bad; };

/* A Parquet file begins and ends with PAR1; before the last four bytes stands how long its footer is. */
static bool is_parquet(const char *path)
{
	_cleanup_close_ int fd = -1;
	uint8_t head[4], tail[8];
	int64_t size = 0;
	uint32_t footer;
	bool good;

	good = file_size(path, &size) == 0 && size >= 12 && file_open(path, O_RDONLY, 0, &fd) == 0 && file_pread_all(fd, head, 4, 0) == 0 &&
		file_pread_all(fd, tail, 8, size - 8) == 0 && memcmp(head, "PAR1", 4) == 0 && memcmp(tail + 4, "PAR1", 4) == 0;
	err_clear();
	footer = good ? (uint32_t) tail[0] | (uint32_t) tail[1] << 8 | (uint32_t) tail[2] << 16 | (uint32_t) tail[3] << 24 : 0;
	return good && footer && (int64_t) footer + 12 <= size;
}

static int on_file(void *ctx, const char *name)
{
	const struct files *f = ctx;
	char path[4096];
	struct stat st;

	if (!path_join(path, sizeof(path), f->dir, name) || lstat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode) && f->depth < DEEP) {
		struct files below = { f->l, path, f->depth + 1, f->n, f->bad };

		return dir_each(path, on_file, &below);
	}
	if (!S_ISREG(st.st_mode) || !str_ends(name, ".parquet"))
		return 0;
	++*f->n;
	if (!*f->bad && !is_parquet(path) && file_exists(path))         /* not one that went meanwhile */
		*f->bad = arena_str(f->l->arena, path);
	return 0;
}

/* Old days on another disk. */
static void look_second(struct look *l)
{
	char path[4096] = "";
	struct buf b = BUF_FIXED(path);
	int r = tsdb_second_find(l->config->platform.data, &b);

	if (r == -ERR_UNAVAILABLE)
		look_say(l, FINDING_ERROR, "history", look_taken(l, r), look_word(l, "mount its disk: until then queries of old days are refused",
			"请挂载其磁盘：在此之前较早日期的查询将被拒绝"));
	else if (r == 0 && b.len)
		look_say(l, FINDING_OK, "history", arena_fmt(l->arena, look_word(l, "the second folder %s is there", "第二文件夹 %s 可访问"), path), NULL);
	err_clear();
}

void look_history(struct look *l)
{
	const char *bad = NULL;
	uint64_t n = 0;
	struct files all = { l, look_under(l, "tenants"), 0, &n, &bad };
	int r = dir_each(all.dir, on_file, &all);

	if (r < 0 && r != -ERR_MISSING) {
		look_say(l, FINDING_ERROR, "history", look_taken(l, r), NULL);
		return;
	}
	err_clear();
	if (bad)
		look_say(l, FINDING_ERROR, "history", arena_fmt(l->arena, look_word(l, "%s has no readable end", "%s 的文件尾无法读取"), bad), HINT_RESTORE);
	else
		look_say(l, FINDING_OK, "history", arena_fmt(l->arena, look_word(l, "%llu files, each with its end", "%llu 个文件，文件尾均完整"),
			(unsigned long long) n), NULL);
	look_second(l);
}

/* --- Records ----------------------------------------------------------------------------------------------------------- */

struct lines { struct look *l; unsigned n; bool bad; };

/* A connection whose settings name a device file. */
static int on_connection(void *ctx, const void *rec)
{
	const struct connection *c = rec;
	struct lines *s = ctx;
	struct look *l = s->l;
	struct tree *t = NULL;
	const char *device;

	if (!c->enabled || str_empty(c->config) || tree_parse(c->config, str_len(c->config), "config", l->arena, &t) < 0) {
		err_clear();
		return 0;
	}
	device = tree_str(tree_find(t, "device"));
	if (!device || *device != '/')
		return 0;
	s->n++;
	if (!file_exists(device)) {
		s->bad = true;
		look_say(l, FINDING_WARNING, "serial", arena_fmt(l->arena, look_word(l, "%s of connection %s is not there", "通道 %2$s 使用的 %1$s 不存在"), device, c->code),
			look_word(l, "plug it in, or correct the connection", "请插入设备，或修改通道"));
	} else if (!look_may(l, device, R_OK | W_OK)) {
		s->bad = true;
		look_say(l, FINDING_WARNING, "serial", arena_fmt(l->arena, look_word(l, "%s may not use %s (connection %s)", "用户 %s 无权使用 %s（通道 %s）"), l->user.name,
			device, c->code), arena_fmt(l->arena, "usermod -aG dialout %s", l->user.name));
	}
	return 0;
}

static void look_serial(struct look *l, struct store *store, struct lines *lines)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	const struct store_list all = { 0 };
	int r = store_begin(store, STORE_READ, clock_deadline(5000), &tx);

	if (r == 0)
		r = store_list(tx, &connection_type, &all, on_connection, lines, NULL);
	if (r < 0)
		look_say(l, FINDING_ERROR, "serial", look_taken(l, r), NULL);
}

static void look_store(struct look *l, struct guard *g, uint32_t tenant, struct lines *lines)
{
	struct store *store = tenant ? guard_tenant_store(g, tenant) : guard_system_store(g);
	const char *name = tenant ? arena_fmt(l->arena, look_word(l, "tenant %u", "租户 %u"), tenant) : look_word(l, "system", "系统");
	struct audit_report report = { 0 };
	int r = store ? store_verify(store) : -err_peek()->kind;

	if (r < 0) {
		look_say(l, FINDING_ERROR, "records", arena_fmt(l->arena, "%s: %s", name, look_taken(l, r)), HINT_RESTORE);
		return;
	}
	look_say(l, FINDING_OK, "records", arena_fmt(l->arena, look_word(l, "%s: the store is whole", "%s：存储完整"), name), NULL);
	r = guard_audit_verify(g, tenant, NULL, &report);
	err_clear();
	if (r < 0)
		look_say(l, FINDING_ERROR, "audit", arena_fmt(l->arena, look_word(l, "%s: broken at entry %llu: %s", "%s：第 %llu 条记录损坏：%s"), name,
			(unsigned long long) report.first_bad, report.detail), look_word(l, "somebody changed it, or a backup is needed; keep a copy as evidence",
			"有人改动，或需由备份恢复；请先留存副本作为证据"));
	else
		look_say(l, FINDING_OK, "audit", arena_fmt(l->arena, look_word(l, "%s: %llu entries, whole", "%s：%llu 条记录，完整"), name,
			(unsigned long long) report.n), NULL);
	if (tenant)
		look_serial(l, store, lines);
}

void look_records(struct look *l)
{
	_cleanup_(offline_closep) struct offline *offline = NULL;
	uint32_t tenants[GUARD_TENANTS], n;
	struct lines lines = { .l = l };
	struct scope *s;
	int r = offline_look(&offline, l->config->platform.data, l->arena, &s);

	if (r == -ERR_CONFIG) {
		look_say(l, FINDING_WARNING, "records", look_taken(l, r), look_word(l, "an older version wrote them: make a backup, then start this one",
			"由较旧的版本写入：请先备份，再启动当前版本"));
		return;
	}
	if (r < 0) {
		look_say(l, FINDING_ERROR, "records", look_taken(l, r), r == -ERR_NEWER ? look_word(l, "install the newer version", "请安装更新的版本")
			: r == -ERR_UNAVAILABLE ? look_word(l, "start PostgreSQL, or correct platform.store", "请启动 PostgreSQL，或更正 platform.store") : HINT_RESTORE);
		return;
	}
	look_store(l, s->guard, 0, &lines);
	n = guard_tenants(s->guard, tenants);
	for (uint32_t i = 0; i < n; i++)
		look_store(l, s->guard, tenants[i], &lines);
	if (!lines.bad)
		look_say(l, FINDING_OK, "serial", lines.n ? arena_fmt(l->arena, look_word(l, "%u serial lines in use, %s may use them",
			"使用 %u 个串口，用户 %s 有权使用"), lines.n, l->user.name) : look_word(l, "no connection uses a serial line", "没有通道使用串口"), NULL);
}

/* --- The last backup ----------------------------------------------------------------------------------------------------- */

/* backup_make() leaves "TIME FILE" there. */
void look_backup(struct look *l)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, NOTE_BYTES + 1);
	const char *hint = look_word(l, "tenon backup FOLDER, each night and onto another disk", "请每晚执行 tenon backup 文件夹，并存到另一磁盘");
	const char *note = look_under(l, "run/last-backup");
	struct stat st;
	int64_t days;

	if (file_exists(look_under(l, "STORE"))) {
		look_say(l, FINDING_WARNING, "backup", look_word(l, "the records are in PostgreSQL: its own tools back them up", "记录存于 PostgreSQL：由其自带工具备份"),
			look_word(l, "pg_dump each night; of samples and keys a copy of the data folder while the platform is stopped",
				"请每晚执行 pg_dump；样本与密钥请在平台停止时复制数据文件夹"));
		return;
	}
	if (stat(note, &st) < 0 || file_read(note, NOTE_BYTES, &b) < 0) {
		err_clear();
		look_say(l, FINDING_WARNING, "backup", look_word(l, "none is known of", "未知有备份"), hint);
		return;
	}
	while (b.len && b.data[b.len - 1] == '\n')
		b.data[--b.len] = 0;
	days = (clock_now_ns() / NS_PER_S - st.st_mtim.tv_sec) / 86400;
	look_say(l, days > BACKUP_DAYS ? FINDING_WARNING : FINDING_OK, "backup", arena_fmt(l->arena, look_word(l, "%lld days ago: %s", "%lld 天前：%s"),
		(long long) days, b.data), days > BACKUP_DAYS ? hint : NULL);
}
