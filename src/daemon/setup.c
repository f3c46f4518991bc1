/* setup.c - what `tenon setup` does, once it is known what is wanted. */
#include "daemon/setup.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/folder.h"
#include "daemon/look.h"
#include "daemon/secure.h"
#include "service/service.h"
#include "sys/sys.h"

enum { FILE_BYTES = 64 << 10, LINK_HOURS = 24, PORT = 8080, TLS_PORT = 8443 };
#define SYSTEM_FILE "/etc/tenon/tenon.conf"
#define SYSTEM_DATA "/var/lib/tenon"
#define SYSTEM_USER "tenon"

/* --- Where it may be reached --------------------------------------------------------------------------------------------- */

static bool describe(const struct ifaddrs *i, struct setup_place *ret)
{
	const struct sockaddr_in6 *v6 = (const void *) i->ifa_addr;
	const struct sockaddr_in *v4 = (const void *) i->ifa_addr;
	const void *bytes = NULL;

	if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || str_len(i->ifa_name) >= sizeof(ret->name))
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		bytes = &v4->sin_addr;
	else if (i->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		bytes = &v6->sin6_addr;
	if (!bytes || !inet_ntop(i->ifa_addr->sa_family, bytes, ret->address, sizeof(ret->address)))
		return false;
	memcpy(ret->name, i->ifa_name, str_len(i->ifa_name) + 1);
	ret->loopback = i->ifa_flags & IFF_LOOPBACK;
	return true;
}

static int order(const void *a, const void *b)
{
	const struct setup_place *x = a, *y = b;
	bool x6 = str_find(x->address, ":"), y6 = str_find(y->address, ":");

	return x->loopback != y->loopback ? y->loopback - x->loopback : x6 - y6;
}

size_t setup_places(struct setup_place *ret, size_t max)
{
	struct ifaddrs *all = NULL;
	size_t n = 0;

	if (getifaddrs(&all) == 0)
		for (const struct ifaddrs *i = all; i && n < max; i = i->ifa_next)
			n += describe(i, &ret[n]);
	freeifaddrs(all);
	if (n > 1)
		qsort(ret, n, sizeof(*ret), order);
	return n;
}

int setup_place_named(const char *text, char ret_address[64])
{
	struct setup_place all[SETUP_PLACES];
	size_t n = setup_places(all, ELEMENTSOF(all));
	const char *found = str_eq(text, "all") || str_eq(text, "0.0.0.0") ? "0.0.0.0" : str_eq(text, "loopback") || str_eq(text, "127.0.0.1") ? "127.0.0.1" :
		str_eq(text, "::") ? "::" : NULL;

	for (size_t i = 0; !found && i < n; i++)
		if (str_eq(all[i].name, text) || str_eq(all[i].address, text))
			found = all[i].address;
	if (!found)
		return err_fail(ERR_MISSING, "what", "@interface", "value", text, NULL);
	memcpy(ret_address, found, str_len(found) + 1);
	return 0;
}

/* Where a browser elsewhere gets to what listens on all addresses. */
static void reachable(struct listen *l)
{
	struct setup_place all[SETUP_PLACES];
	size_t n = setup_places(all, ELEMENTSOF(all));

	if (!str_eq(l->address, "0.0.0.0") && !str_eq(l->address, "::"))
		return;
	memcpy(l->address, "127.0.0.1", 10);
	for (size_t i = 0; i < n; i++)
		if (!all[i].loopback) {
			memcpy(l->address, all[i].address, sizeof(l->address));
			break;
		}
}

/* --- The file -------------------------------------------------------------------------------------------------------------- */

int setup_read(const char *file, enum lang lang, struct arena *a, const char **ret_file, struct config *ret, bool *ret_there)
{
	struct config_input in = { .lang = lang };
	struct config config;
	int r;

	if (str_empty(file))
		file = getenv("TENON_CONFIG");
	if (str_empty(file))
		file = file_exists(SYSTEM_FILE) || geteuid() == 0 ? SYSTEM_FILE : "tenon.conf";
	*ret_there = file_exists(file);
	in.file = *ret_there ? file : "/dev/null";
	r = config_load(&in, a, &config, NULL);
	if (r < 0)
		return r;
	if (!*ret_there && str_eq(file, SYSTEM_FILE) && str_eq(config.platform.data, "data"))
		config.platform.data = SYSTEM_DATA;
	*ret_file = arena_str(a, file);
	*ret = config;
	return *ret_file ? 0 : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
}

/* Folders of a configuration are read by programs that start anywhere. */
static const char *whole_path(const char *path, struct arena *a)
{
	char here[PATH_MAX];

	return *path == '/' || !getcwd(here, sizeof(here)) ? path : arena_fmt(a, "%s/%s", here, path);
}

static int edit(struct buf *text, const char *section, const char *key, const char *value)
{
	struct buf next = BUF_INIT(&sys_heap, 2 * FILE_BYTES);
	int r = config_edit(text->data, &(struct config_set) { section, key, value }, &next);

	buf_done(text);
	*text = next;
	return r;
}

/* The file as it shall be: what differs from `was` is written, of a new file all. */
static int compose(const struct setup_config *c, const struct config *was, bool there, struct arena *a, struct buf *text)
{
	struct listen l = was->listen;
	const char *data = whole_path(c->data ? c->data : was->platform.data, a);
	bool secure = was->http.tls != CONFIG_TLS_OFF || was->http.insecure;
	int r = 0;

	if (c->address)
		memcpy(l.address, c->address, str_len(c->address) + 1);
	secure = secure || listen_parse(listen_text(&l), false, &(struct listen) { 0 }) == 0;
	err_clear();
	l.port = c->port ? (uint16_t) c->port : there ? l.port : secure ? PORT : TLS_PORT;
	if (!data)
		return err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (!there || (c->data && !str_eq(c->data, was->platform.data)))
		r = edit(text, "platform", "data", data);
	if (r == 0 && (!there || !str_eq(l.address, was->listen.address) || l.port != was->listen.port))
		r = edit(text, "http", "listen", listen_text(&l));
	if (r == 0 && !secure)
		r = edit(text, "http", "tls", "self-signed");
	return r;
}

/* Read as it will be read, then put into its place. */
static int put(const char *file, const struct buf *text, enum lang lang, struct arena *a)
{
	struct config_input in = { .file = arena_fmt(a, "%s.new", file), .lang = lang };
	char *folder = arena_strn(a, file, (size_t) (path_name(file) - file));
	struct config config;
	int r = in.file && folder ? 0 : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);

	if (r == 0 && *folder)
		r = dir_make(folder, 0755);
	if (r == 0)
		r = file_write(in.file, text->data, text->len, 0644);
	if (r == 0)
		r = config_load(&in, a, &config, NULL);
	if (r == 0)
		return file_rename(in.file, file);
	if (in.file) {
		struct err e = err_take(r);

		file_unlink(in.file);
		err_put(&e);
	}
	return r;
}

static int write_file(const struct setup_config *c, struct arena *a, bool *ret_changed)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 2 * FILE_BYTES);
	const char *file, *before;
	struct config was;
	bool there;
	int r = setup_read(c->file, c->lang, a, &file, &was, &there);

	if (r == 0 && there)
		r = file_read(file, FILE_BYTES, &text);
	else if (r == 0)
		config_example(&text);
	before = r == 0 ? arena_strn(a, text.data, text.len) : NULL;
	if (r == 0)
		r = before ? compose(c, &was, there, a, &text) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (r < 0)
		return r;
	*ret_changed = !there || !str_eq(before, text.data);
	return *ret_changed ? put(file, &text, c->lang, a) : 0;
}

/* --- The folder ------------------------------------------------------------------------------------------------------------ */

static bool link_path(const char *data, char path[4096]) { return path_join(path, 4096, data, "run/setup-link"); }

bool setup_link_waits(const char *data, char *ret, size_t size)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 4096);
	char path[4096];
	struct stat st;

	if (!link_path(data, path) || stat(path, &st) < 0 || clock_now_ns() / NS_PER_S - st.st_mtim.tv_sec > LINK_HOURS * 3600 || file_read(path, 200, &b) < 0) {
		err_clear();
		return false;
	}
	while (b.len && b.data[b.len - 1] == '\n')
		b.data[--b.len] = 0;
	if (!b.len || b.len >= size)
		return false;
	memcpy(ret, b.data, b.len + 1);
	return true;
}

void setup_link_done(const char *data)
{
	char path[4096];

	if (link_path(data, path))
		file_unlink(path);
	err_clear();
}

/* Made by root, used by the user of the service. */
static void give(const char *data, uid_t uid, gid_t gid)
{
	static const char *const made[] = { "VERSION", "LOCK", "keys", "wal", "system", "tenants", "run", "tmp", "keys/tls.crt", "keys/tls.key", "run/setup-link" };
	char path[4096];

	if (geteuid() != 0 || (uid == 0 && gid == 0))
		return;
	if (lchown(data, uid, gid) < 0)
		log_warn("setup", "the folder could not be given to its user");
	for (size_t i = 0; i < ELEMENTSOF(made); i++)
		if (path_join(path, sizeof(path), data, made[i]) && lchown(path, uid, gid) < 0)
			continue;               /* not all are there */
}

/* Is there a user? In a folder nobody ever served there is none. */
static bool has_user(const char *data, struct arena *a)
{
	_cleanup_(offline_closep) struct offline *o = NULL;
	struct scope *s;
	bool has = offline_look(&o, data, a, &s) == 0 && !guard_needs_setup(s->guard);

	err_clear();
	return has;
}

static int token_there(const char *data, struct arena *a, char token[SECRET_TEXT_MAX])
{
	_cleanup_(offline_closep) struct offline *o = NULL;
	struct scope *s;
	int r = offline_open(&o, data, a, &s);

	return r < 0 ? r : guard_setup_token(s->guard, NULL, token);
}

static int token_for_start(const char *data, char token[SECRET_TEXT_MAX])
{
	char path[4096];

	if (setup_link_waits(data, token, SECRET_TEXT_MAX))
		return 0;                       /* who runs it twice gets the same link */
	guard_setup_secret(token);
	return link_path(data, path) ? file_write(path, token, str_len(token), 0600) : err_fail(ERR_CONFIG, "detail",
		"the path of the data folder is too long", NULL);
}

static int make_folder(const struct config *config, struct setup_result *ret)
{
	struct tls_cert cert = { 0 };
	struct tls *tls = NULL;
	int lock = -1, r = folder_open(config->platform.data, &lock);

	if (r == -ERR_LOCKED && ret->pid)       /* its own business */
		err_clear(), r = 0;
	if (r == 0)
		r = secure_new(config, &tls, &cert);
	tls_unref(tls);
	if (lock >= 0)
		sys.close(lock);
	if (r == 0 && config->http.tls != CONFIG_TLS_OFF) {
		ret->fingerprint[0] = 0;
		secure_print(cert.fingerprint, &BUF_FIXED(ret->fingerprint));
	}
	return r;
}

static int make_link(const struct setup_config *c, const struct config *config, struct arena *a, struct setup_result *ret)
{
	char token[SECRET_TEXT_MAX];
	int r;

	if (has_user(config->platform.data, a))
		return 0;
	r = ret->pid ? token_there(config->platform.data, a, token) : token_for_start(config->platform.data, token);
	if (r < 0)
		return r;
	ret->link = arena_fmt(a, "%s/setup?lang=%s#%s", ret->address, c->lang == LANG_ZH ? "zh" : "en", token);
	return ret->link ? 0 : err_fail(ERR_NO_MEMORY, "what", "@setup_link", NULL);
}

int setup_apply(const struct setup_config *c, struct arena *a, struct setup_result *ret)
{
	struct setup_result result = { 0 };
	struct config config;
	const struct passwd *user;
	struct listen at;
	struct stat st;
	bool there = false, was_there;
	uid_t uid = 0;
	gid_t gid = 0;
	int r = write_file(c, a, &result.changed);

	if (r == 0)
		r = setup_read(c->file, c->lang, a, &(const char *) { NULL }, &config, &there);
	if (r < 0)
		return r;
	was_there = stat(config.platform.data, &st) == 0;
	user = was_there ? NULL : str_eq(config.platform.data, SYSTEM_DATA) ? getpwnam(SYSTEM_USER) : NULL;
	uid = was_there ? st.st_uid : user ? user->pw_uid : 0;
	gid = was_there ? st.st_gid : user ? user->pw_gid : 0;
	result.data = config.platform.data;
	result.pid = look_pid(config.platform.data);
	at = config.listen;
	reachable(&at);
	result.address = !str_empty(config.http.origin) ? config.http.origin : arena_fmt(a, "%s://%s", config.http.tls == CONFIG_TLS_OFF ? "http" : "https",
		listen_text(&at));
	r = result.address ? make_folder(&config, &result) : err_fail(ERR_NO_MEMORY, "what", "@file", NULL);
	if (r == 0)
		r = make_link(c, &config, a, &result);
	give(config.platform.data, uid, gid);
	if (r == 0)
		*ret = result;
	return r;
}
