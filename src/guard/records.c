/* records.c - what guard keeps: tenants, roles, users, tokens, sessions, the audit. */

#include "base/str.h"
#include "guard/internal.h"

static const struct rec_word langs[] = { { "en", "English", "English" }, { "zh", "Chinese", "中文" }, { NULL } };

static const struct rec_field tenant_fields[] = {
	F(struct tenant, code, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1", .max = "64", .label = "Code", .label_zh = "编码"),
	F(struct tenant, name, .flags = REC_SEARCH, .max = "200", .label = "Name", .label_zh = "名称"),
	F(struct tenant, number, .flags = REC_READONLY | REC_UNIQUE, .label = "Number", .label_zh = "序号",
		.doc = "Its number in batches and series, never used again", .doc_zh = "在批次和序列中的编号，永不重用"),
	F(struct tenant, enabled, .def = "true", .label = "Enabled", .label_zh = "启用"),
	F(struct tenant, separated, .flags = REC_READONLY, .def = "false", .label = "Separated administrators", .label_zh = "三员分立",
		.doc = "System, security and audit administrators are different people", .doc_zh = "系统、安全、审计管理员由不同的人担任"),
};
const struct rec_type tenant_type = REC_TYPE(struct tenant, "tenant", "tenants", tenant_fields, .title = "Tenant", .title_zh = "租户");

static const struct rec_field role_fields[] = {
	F_REF(struct access_role, tenant, "tenant", .flags = REC_INTERNAL | REC_INDEX),
	F(struct access_role, name, .flags = REC_REQUIRED | REC_SEARCH, .min = "1", .max = "64", .pattern = "[a-z][a-z0-9_]*", .label = "Name", .label_zh = "名称"),
	F(struct access_role, title, .flags = REC_SEARCH, .max = "100", .label = "Title", .label_zh = "英文标题"),
	F(struct access_role, title_zh, .flags = REC_SEARCH, .max = "100", .label = "Title in Chinese", .label_zh = "中文标题"),
	F_KIND(struct access_role, permissions, REC_FLAGS, .words = permission_words, .label = "Permissions", .label_zh = "权限"),
	F(struct access_role, builtin, .flags = REC_READONLY, .def = "false", .label = "Built in", .label_zh = "内置"),
};
const struct rec_type role_type = REC_TYPE(struct access_role, "role", "roles", role_fields, .title = "Role", .title_zh = "角色",
	.unique = "tenant,name");

static const struct rec_field user_fields[] = {
	F_REF(struct user, tenant, "tenant", .flags = REC_INTERNAL | REC_INDEX),
	F(struct user, name, .flags = REC_REQUIRED | REC_UNIQUE | REC_SEARCH, .min = "1", .max = "64", .label = "User name", .label_zh = "用户名",
		.doc = "For signing in; unique in the platform", .doc_zh = "用于登录，平台内唯一"),
	F(struct user, full_name, .flags = REC_SEARCH, .max = "100", .label = "Full name", .label_zh = "姓名"),
	F(struct user, password, .flags = REC_SECRET, .min = "10", .max = "200", .widget = "password", .label = "Password", .label_zh = "密码",
		.doc = "10 to 200 characters; kept as Argon2id hash only", .doc_zh = "10 至 200 个字符；仅保存 Argon2id 散列"),
	F(struct user, hash, .flags = REC_INTERNAL, .max = "200"),
	F_KIND(struct user, past, REC_TEXT, .flags = REC_INTERNAL, .max = "6000"),
	F_REF(struct user, role, "role", .flags = REC_REQUIRED, .label = "Role", .label_zh = "角色"),
	F_ENUM(struct user, lang, langs, .def = "zh", .label = "Language", .label_zh = "语言"),
	F(struct user, enabled, .def = "true", .label = "Enabled", .label_zh = "启用"),
	F_KIND(struct user, last_sign_in, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Last sign-in", .label_zh = "最近登录"),
	F(struct user, password_due, .flags = REC_READONLY, .def = "false", .label = "New password due", .label_zh = "须改密码",
		.doc = "Somebody else chose the password: it must be changed at the next sign-in", .doc_zh = "密码由他人设置，下次登录时须修改"),
	F_KIND(struct user, password_set, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Password of", .label_zh = "密码设置时间"),
};
const struct rec_type user_type = REC_TYPE(struct user, "user", "users", user_fields, .title = "User", .title_zh = "用户");

static const struct rec_word weekdays[] = {
	{ "mon", "Monday", "星期一" }, { "tue", "Tuesday", "星期二" }, { "wed", "Wednesday", "星期三" }, { "thu", "Thursday", "星期四" },
	{ "fri", "Friday", "星期五" }, { "sat", "Saturday", "星期六" }, { "sun", "Sunday", "星期日" }, { NULL },
};

static const struct rec_field grant_fields[] = {
	F_REF(struct access_grant, tenant, "tenant", .flags = REC_INTERNAL | REC_INDEX),
	F_REF(struct access_grant, user, "user", .flags = REC_NULLABLE | REC_INDEX | REC_IMMUTABLE, .label = "User", .label_zh = "用户"),
	F_REF(struct access_grant, token, "token", .flags = REC_NULLABLE | REC_INDEX | REC_IMMUTABLE, .label = "API token", .label_zh = "接口令牌"),
	F_REF(struct access_grant, role, "role", .flags = REC_REQUIRED | REC_INDEX, .label = "Role", .label_zh = "角色"),
	F_REF(struct access_grant, place, "place", .flags = REC_NULLABLE | REC_INDEX, .label = "Place", .label_zh = "位置",
		.doc = "The place and all below it; empty: everywhere", .doc_zh = "该位置及其下级；空表示全部位置"),
	F_KIND(struct access_grant, from, REC_TIME, .flags = REC_NULLABLE, .label = "From", .label_zh = "开始时间"),
	F_KIND(struct access_grant, until, REC_TIME, .flags = REC_NULLABLE, .label = "Until", .label_zh = "结束时间"),
	F_KIND(struct access_grant, days, REC_FLAGS, .words = weekdays, .label = "Days", .label_zh = "星期",
		.doc = "None: every day", .doc_zh = "不选表示每天"),
	F(struct access_grant, hour_from, .max = "5", .pattern = "[0-2][0-9]:[0-5][0-9]", .label = "From hour", .label_zh = "开始时刻",
		.doc = "Local time of the platform, 08:00", .doc_zh = "平台所在地时间，如 08:00"),
	F(struct access_grant, hour_until, .max = "5", .pattern = "[0-2][0-9]:[0-5][0-9]", .label = "Until hour", .label_zh = "结束时刻",
		.doc = "06:00 after 22:00 is the next morning", .doc_zh = "22:00 至 06:00 表示到次日早晨"),
	F(struct access_grant, note, .flags = REC_SEARCH, .max = "200", .label = "Note", .label_zh = "备注"),
};
const struct rec_type grant_type = REC_TYPE(struct access_grant, "grant", "grants", grant_fields, .title = "Grant", .title_zh = "授权",
	.doc = "A role for a user or token: in a place, for a time, at hours of the week",
	.doc_zh = "授予用户或令牌的角色：可限定位置、期限和每周时段");

static const struct rec_field rules_fields[] = {
	F(struct sign_in_rules, tries, .def = "5", .min = "1", .max = "20", .label = "Tries", .label_zh = "尝试次数", .group = "lock",
		.doc = "Failures for a name from one address before each next one has to wait", .doc_zh = "同一地址对同一用户名失败多少次后开始延时"),
	F(struct sign_in_rules, tries_name, .def = "10", .min = "1", .max = "100", .label = "Tries for a name", .label_zh = "单用户尝试次数",
		.group = "lock", .doc = "Failures for a name from anywhere before it is locked", .doc_zh = "同一用户名累计失败多少次后锁定"),
	F(struct sign_in_rules, tries_address, .def = "30", .min = "1", .max = "10000", .label = "Tries from an address", .label_zh = "单地址尝试次数",
		.group = "lock", .doc = "Failures from one address, whatever the name, before it has to wait", .doc_zh = "同一地址累计失败多少次后开始延时"),
	F_KIND(struct sign_in_rules, delay_max_ns, REC_DURATION, .def = "15m", .min = "1s", .max = "1d", .label = "Longest delay", .label_zh = "最长延时", .group = "lock"),
	F_KIND(struct sign_in_rules, lock_ns, REC_DURATION, .def = "15m", .min = "1s", .max = "7d", .label = "Lock for", .label_zh = "锁定时长", .group = "lock"),
	F_KIND(struct sign_in_rules, session_idle_ns, REC_DURATION, .def = "8h", .min = "1m", .max = "30d", .label = "Session ends when idle for",
		.label_zh = "会话空闲时限", .group = "session"),
	F_KIND(struct sign_in_rules, session_max_ns, REC_DURATION, .def = "7d", .min = "5m", .max = "90d", .label = "Session ends after",
		.label_zh = "会话最长时限", .group = "session"),
	F(struct sign_in_rules, password_min, .def = "10", .min = "8", .max = "64", .label = "Shortest password", .label_zh = "密码最短长度", .group = "password"),
	F(struct sign_in_rules, password_history, .def = "5", .min = "0", .max = "24", .label = "Older passwords refused", .label_zh = "禁止重复的旧密码数",
		.group = "password"),
	F_KIND(struct sign_in_rules, password_max_ns, REC_DURATION, .def = "0s", .min = "0s", .max = "3650d", .label = "Password is due after",
		.label_zh = "密码有效期", .group = "password", .doc = "0: never", .doc_zh = "0 表示不限"),
};
const struct rec_type sign_in_rules_type = REC_TYPE(struct sign_in_rules, "sign_in_rule", "sign_in_rules", rules_fields,
	.title = "Sign-in rules", .title_zh = "登录规则");

static const struct rec_field token_fields[] = {
	F_REF(struct token, tenant, "tenant", .flags = REC_INTERNAL | REC_INDEX),
	F(struct token, name, .flags = REC_REQUIRED | REC_SEARCH, .min = "1", .max = "64", .label = "Name", .label_zh = "名称"),
	F_REF(struct token, role, "role", .flags = REC_REQUIRED, .label = "Role", .label_zh = "角色"),
	F(struct token, hint, .flags = REC_READONLY, .max = "16", .label = "Begins with", .label_zh = "开头字符"),
	F(struct token, hash, .flags = REC_INTERNAL | REC_UNIQUE, .max = "64"),
	F_KIND(struct token, expires, REC_TIME, .flags = REC_NULLABLE, .label = "Expires", .label_zh = "到期时间",
		.doc = "Empty: never", .doc_zh = "空表示永不过期"),
	F_KIND(struct token, last_used, REC_TIME, .flags = REC_READONLY | REC_NULLABLE, .label = "Last used", .label_zh = "最近使用"),
};
const struct rec_type token_type = REC_TYPE(struct token, "token", "tokens", token_fields, .title = "API token", .title_zh = "接口令牌",
	.unique = "tenant,name");

static const struct rec_field session_fields[] = {
	F_REF(struct session, user, "user", .flags = REC_REQUIRED | REC_INDEX),
	F(struct session, hash, .flags = REC_INTERNAL | REC_UNIQUE, .max = "64"),
	F(struct session, peer, .max = "64"),
	F(struct session, agent, .max = "200"),
	F_KIND(struct session, expires, REC_TIME),
	F_KIND(struct session, last_used, REC_TIME),
};
const struct rec_type session_type = REC_TYPE(struct session, "session", "sessions", session_fields, .title = "Session", .title_zh = "会话");

static const struct rec_field one_time_fields[] = {
	F(struct one_time, purpose, .flags = REC_REQUIRED | REC_UNIQUE, .max = "64"),
	F(struct one_time, hash, .flags = REC_INTERNAL, .max = "64"),
	F_KIND(struct one_time, expires, REC_TIME),
};
const struct rec_type one_time_type = REC_TYPE(struct one_time, "one_time_secret", "one_time_secrets", one_time_fields,
	.title = "One-time secret", .title_zh = "一次性密钥");

static const struct rec_field audit_fields[] = {
	F(struct audit, seq, .flags = REC_UNIQUE, .label = "Number", .label_zh = "序号"),
	F_KIND(struct audit, time, REC_TIME, .flags = REC_INDEX, .label = "Time", .label_zh = "时间"),
	F(struct audit, tenant, .flags = REC_INTERNAL),
	F(struct audit, principal, .label = "Principal", .label_zh = "主体标识"),
	F(struct audit, kind, .max = "16", .label = "Kind", .label_zh = "主体类型"),
	F(struct audit, name, .flags = REC_SEARCH, .max = "256", .label = "Who", .label_zh = "操作者"),
	F(struct audit, deed, .flags = REC_SEARCH, .max = "128", .label = "Deed", .label_zh = "操作"),
	F(struct audit, outcome, .max = "64", .label = "Outcome", .label_zh = "结果"),
	F(struct audit, request, .max = "64", .label = "Request", .label_zh = "请求标识"),
	F(struct audit, trace, .flags = REC_INDEX, .max = "32", .label = "Trace", .label_zh = "追踪标识"),
	F(struct audit, peer, .max = "64", .label = "Address", .label_zh = "来源地址"),
	F(struct audit, noun, .max = "64", .label = "Record type", .label_zh = "记录类型"),
	F(struct audit, record, .flags = REC_INDEX, .label = "Record", .label_zh = "记录"),
	F_KIND(struct audit, changes, REC_JSON, .label = "Changes", .label_zh = "变更"),
	F(struct audit, previous, .max = "64", .label = "Hash before", .label_zh = "前一散列"),
	F(struct audit, hash, .max = "64", .label = "Hash", .label_zh = "散列"),
};
const struct rec_type audit_type = REC_TYPE(struct audit, "audit", "audit", audit_fields, .title = "Audit entry", .title_zh = "审计记录");

static const struct rec_field setup_fields[] = {
	F(struct setup_in, token, .flags = REC_REQUIRED | REC_SECRET, .max = "64"),
	F(struct setup_in, name, .flags = REC_REQUIRED, .min = "1", .max = "64", .label = "User name", .label_zh = "用户名"),
	F(struct setup_in, password, .flags = REC_REQUIRED | REC_SECRET, .min = "10", .max = "200", .label = "Password", .label_zh = "密码"),
	F(struct setup_in, full_name, .max = "100", .label = "Full name", .label_zh = "姓名"),
	F_ENUM(struct setup_in, lang, langs, .def = "zh", .label = "Language", .label_zh = "语言"),
};
const struct rec_type setup_in_type = REC_PLAIN(struct setup_in, "setup", setup_fields, .title = "First administrator", .title_zh = "首个管理员");

static const struct rec_field sign_in_fields[] = {
	F(struct sign_in, name, .flags = REC_REQUIRED, .max = "64", .label = "User name", .label_zh = "用户名"),
	F(struct sign_in, password, .flags = REC_REQUIRED | REC_SECRET, .max = "200", .label = "Password", .label_zh = "密码"),
};
const struct rec_type sign_in_type = REC_PLAIN(struct sign_in, "sign_in", sign_in_fields, .title = "Sign in", .title_zh = "登录");

#define NEW_PASSWORD .flags = REC_REQUIRED | REC_SECRET, .min = "1", .max = "200", .widget = "password", .label = "New password", .label_zh = "新密码"
static const struct rec_field password_fields[] = {
	F(struct password_in, old, .flags = REC_REQUIRED | REC_SECRET, .max = "200", .label = "Password until now", .label_zh = "原密码"),
	F(struct password_in, password, NEW_PASSWORD),
};
const struct rec_type password_in_type = REC_PLAIN(struct password_in, "password_change", password_fields, .title = "New password", .title_zh = "修改密码");

static const struct rec_field reset_fields[] = {
	F(struct reset_in, token, .flags = REC_REQUIRED | REC_SECRET, .max = "64"),
	F(struct reset_in, password, NEW_PASSWORD),
};
const struct rec_type reset_in_type = REC_PLAIN(struct reset_in, "password_reset", reset_fields, .title = "Password by link", .title_zh = "通过链接设置密码");

static const struct rec_field separation_fields[] = {
	F(struct separation_in, on, .flags = REC_REQUIRED, .label = "On", .label_zh = "启用"),
	F(struct separation_in, system, .max = "64", .label = "System administrator", .label_zh = "系统管理员"),
	F(struct separation_in, security, .max = "64", .label = "Security administrator", .label_zh = "安全管理员"),
	F(struct separation_in, audit, .max = "64", .label = "Audit administrator", .label_zh = "审计管理员"),
	F(struct separation_in, administrator, .max = "64", .label = "Administrator", .label_zh = "管理员"),
};
const struct rec_type separation_in_type = REC_PLAIN(struct separation_in, "separation", separation_fields, .title = "Separated administrators",
	.title_zh = "三员分立");

static const struct rec_field tenant_user_fields[] = {
	F(struct tenant_user_in, name, .flags = REC_REQUIRED, .min = "1", .max = "64", .label = "User name", .label_zh = "用户名"),
	F(struct tenant_user_in, password, .flags = REC_REQUIRED | REC_SECRET, .min = "10", .max = "200", .label = "Password", .label_zh = "密码"),
	F(struct tenant_user_in, full_name, .max = "100", .label = "Full name", .label_zh = "姓名"),
	F(struct tenant_user_in, role, .def = "administrator", .max = "64", .label = "Role", .label_zh = "角色"),
};
const struct rec_type tenant_user_in_type = REC_PLAIN(struct tenant_user_in, "tenant_user", tenant_user_fields, .title = "User of a tenant",
	.title_zh = "租户用户");

/* ---- the first start, and new versions ---- */

#define MAY(p) (UINT32_C(1) << (PERM_##p - PERM_FIRST_))
static const struct { const char *name, *title, *title_zh; uint32_t permissions; } builtin[] = {
	{ "administrator", "Administrator", "管理员", UINT32_MAX >> (32 - (PERM_N_ - PERM_FIRST_)) },
	{ "engineer", "Engineer", "工程师", MAY(POINT_READ) | MAY(POINT_WRITE) | MAY(LINK_READ) | MAY(LINK_WRITE) | MAY(SAMPLE_READ)
		| MAY(SAMPLE_WRITE) | MAY(TREND_WRITE) | MAY(COMMAND) | MAY(SYSTEM_READ) | MAY(SQL) | MAY(HISTORY_CORRECT) },
	{ "operator", "Operator", "操作员", MAY(POINT_READ) | MAY(LINK_READ) | MAY(SAMPLE_READ) | MAY(TREND_WRITE) | MAY(COMMAND) },
	{ "viewer", "Viewer", "浏览者", MAY(POINT_READ) | MAY(LINK_READ) | MAY(SAMPLE_READ) },
	{ "system_administrator", "System administrator", "系统管理员", MAY(POINT_READ) | MAY(POINT_WRITE) | MAY(LINK_READ) | MAY(LINK_WRITE)
		| MAY(USER_READ) | MAY(USER_WRITE) | MAY(TENANT_READ) | MAY(TENANT_WRITE) | MAY(SYSTEM_READ) | MAY(SYSTEM_WRITE)
		| MAY(BACKUP) },
	{ "security_administrator", "Security administrator", "安全管理员", MAY(USER_READ) | MAY(ROLE_WRITE) | MAY(TOKEN_READ) | MAY(TOKEN_WRITE)
		| MAY(POINT_READ) | MAY(SYSTEM_READ) },
	{ "audit_administrator", "Audit administrator", "审计管理员", MAY(USER_READ) | MAY(AUDIT_READ) | MAY(SYSTEM_READ) },
	{ "none", "Only what is granted", "仅凭授权", 0 },
};

int records_add_roles(struct store_tx *tx, const struct uuid *tenant)
{
	char id[UUID_TEXT + 1];
	struct arena a;
	int r = 0;

	arena_init(&a, &sys_heap, 1 << 20);
	uuid_format(tenant, id);
	for (size_t i = 0; i < ELEMENTSOF(builtin) && r >= 0; i++) {
		struct store_filter f[] = { { "tenant", STORE_EQ, id }, { "name", STORE_EQ, builtin[i].name } };
		struct access_role role;

		r = store_find(tx, &role_type, f, ELEMENTSOF(f), &role, &a);
		if (r == -ERR_MISSING) {
			err_clear();
			r = rec_init(&role_type, &role, &a);
			role.tenant = *tenant;
			role.name = builtin[i].name;
		} else if (r >= 0 && role.builtin && role.permissions == builtin[i].permissions && str_eq(role.title_zh, builtin[i].title_zh)) {
			continue;
		}
		if (r < 0)
			break;
		role.title = builtin[i].title;
		role.title_zh = builtin[i].title_zh;
		role.permissions = builtin[i].permissions;
		role.builtin = true;
		r = store_put(tx, &role_type, &role, NULL);
	}
	arena_done(&a);
	return r;
}

static int one_is_there(void *ctx, const void *rec)
{
	*(bool *) ctx = true;
	return 1;
}

int records_add_rules(struct store_tx *tx)
{
	struct store_list any = { .limit = 1 };
	struct sign_in_rules rules;
	bool found = false;
	struct arena a;
	int r = store_list(tx, &sign_in_rules_type, &any, one_is_there, &found, NULL);

	if (r < 0 || found)
		return r < 0 ? r : 0;
	arena_init(&a, &sys_heap, 1 << 16);
	r = rec_init(&sign_in_rules_type, &rules, &a);
	if (r >= 0)
		r = store_put(tx, &sign_in_rules_type, &rules, NULL);
	arena_done(&a);
	return r;
}

struct each_tenant { struct store_tx *tx; unsigned n; };

static int add_roles(void *ctx, const void *rec)
{
	struct each_tenant *e = ctx;

	e->n++;
	return records_add_roles(e->tx, &((const struct tenant *) rec)->head.id);
}

int records_first_start(struct guard *g)
{
	_cleanup_(store_rollbackp) struct store_tx *tx = NULL;
	struct each_tenant e = { 0 };
	struct store_list all = { 0 };
	struct tenant t;
	struct arena a;
	int r = store_begin(g->system, STORE_WRITE, 0, &tx);

	if (r < 0)
		return r;
	e.tx = tx;
	r = store_list(tx, &tenant_type, &all, add_roles, &e, NULL);
	if (r >= 0 && e.n == 0) {
		arena_init(&a, &sys_heap, 1 << 16);
		r = rec_init(&tenant_type, &t, &a);
		t.code = "default";
		t.name = "Default";
		t.number = TENANT_DEFAULT;
		if (r >= 0)
			r = store_put(tx, &tenant_type, &t, NULL);
		if (r >= 0)
			r = records_add_roles(tx, &t.head.id);
		arena_done(&a);
	}
	if (r >= 0)
		r = records_add_rules(tx);
	return r < 0 ? r : store_commit(take(tx));
}
