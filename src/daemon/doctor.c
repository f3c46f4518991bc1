/* doctor.c - the order in which it is looked: what later looks need comes first. */
#include "daemon/doctor.h"

#include "base/str.h"
#include "daemon/folder.h"
#include "daemon/look.h"
#include "sys/sys.h"

const char *look_word(const struct look *l, const char *en, const char *zh) { return l->in->lang == LANG_ZH ? zh : en; }

void look_say(struct look *l, enum finding finding, const char *id, const char *text, const char *hint)
{
	const struct finding_row row = { id, text ? text : "", hint, finding };

	l->worst = MAX(l->worst, finding);
	l->fn(l->ctx, &row);
}

const char *look_taken(struct look *l, int r)
{
	struct buf b = BUF_INIT(&sys_heap, 4096);
	struct err e = err_take(r);
	const char *text;

	err_text(&e, l->in->lang, &b);
	text = arena_str(l->arena, b.data);
	buf_done(&b);
	return text ? text : "";
}

const char *look_under(struct look *l, const char *name)
{
	const char *path = arena_fmt(l->arena, "%s/%s", l->config->platform.data, name);

	return path ? path : "";
}

/* false: nothing below can be looked at. */
static bool look_folder(struct look *l)
{
	const char *data = l->config->platform.data;
	int r = folder_check(data);

	if (r == 0) {
		look_say(l, FINDING_OK, "folder", data, NULL);
		return true;
	}
	if (r == -ERR_MISSING) {                /* not a fault: it has not begun */
		err_clear();
		look_say(l, FINDING_WARNING, "folder", arena_fmt(l->arena, look_word(l, "%s holds no data yet", "%s 中尚无数据"), data),
			look_word(l, "the first start makes it; or say which: --data DIR", "首次启动时建立；或用 --data 指定"));
		return false;
	}
	look_say(l, FINDING_ERROR, "folder", look_taken(l, r), r == -ERR_NEWER ? look_word(l, "install the newer version", "请安装更新的版本") :
		look_word(l, "look at it as the user the platform runs as", "请以平台运行用户的身份检查"));
	return false;
}

enum finding doctor_look(const struct config_input *in, struct arena *a, doctor_fn fn, void *ctx)
{
	struct look l = { .in = in, .arena = a, .fn = fn, .ctx = ctx };
	struct config_origins origins = { 0 };
	struct config config;
	int r = config_load(in, a, &config, &origins);

	look_say(&l, FINDING_OK, "program", "Tenon " TENON_VERSION, NULL);
	if (r < 0) {
		look_say(&l, FINDING_ERROR, "configuration", look_taken(&l, r), look_word(&l, "tenon config example shows every key",
			"tenon config example 列出全部键"));
		return l.worst;
	}
	l.config = &config;
	look_say(&l, FINDING_OK, "configuration", origins.file ? origins.file : look_word(&l, "without a file", "无配置文件"), NULL);
	look_find_user(&l);
	look_limits(&l);
	look_memory(&l);
	look_clock(&l);
	look_zone(&l);
	look_address(&l);
	look_certificate(&l);
	if (!look_folder(&l))
		return l.worst;
	look_rights(&l);
	look_disk(&l);
	look_log(&l);
	look_history(&l);
	look_records(&l);
	look_backup(&l);
	return l.worst;
}
