/* Tests of config.h: which value wins, and the sentence for each mistake. */
#include "daemon/config.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "sys/sys.h"
#include "tap.h"

static struct arena arena;
static struct config c;
static struct config_origins o;
static char text[500];

static int load_text(const char *conf, enum lang lang)
{
	struct config_input in = { .file = "config-test.conf", .lang = lang };
	int r = file_write(in.file, conf, str_len(conf), 0600);

	if (r == 0)
		r = config_load(&in, &arena, &c, &o);
	file_unlink(in.file);
	return r;
}

/* What a person reads. */
static const char *sentence(const char *conf, enum lang lang)
{
	struct buf b = BUF_FIXED(text);
	struct err e = err_take(load_text(conf, lang));

	text[0] = 0;
	err_text(&e, lang, &b);
	return text;
}

static char folder[] = "/tmp/tenon-config-XXXXXX";

static void leave(void) { rmdir(folder); }

static void begin(void)
{
	if (!arena.mem) {
		must(mkdtemp(folder) && chdir(folder) == 0);
		atexit(leave);
	}
	for (const struct config_section *s = config_sections; s->name; s++)
		is_int(rec_type_check(s->type), 0);
	if (!arena.mem)
		arena_init(&arena, &sys_heap, 0);
	arena_reset(&arena);
}

TEST(a_file_sets_what_it_names_and_leaves_the_rest)
{
	begin();
	is_int(load_text("\xef\xbb\xbf# a comment\r\n; another\r\n\r\n[http]\r\n  listen = 0.0.0.0:8443 \r\ntls=self-signed\r\n[limits]\nmemory = 64 MB\n"
		"body= 1g\nlog =123\n[log]\nlevel = debug", LANG_EN), 0);
	is_str(c.http.listen, "0.0.0.0:8443");
	is_str(c.listen.address, "0.0.0.0");
	is_int(c.listen.port, 8443);
	is_int(c.http.tls, CONFIG_TLS_SELF_SIGNED);
	is_int(c.limits.memory, 64 << 20);
	is_int(c.limits.body, 1 << 30);
	is_int(c.limits.log, 123);
	is_int(c.log.level, LOG_LEVEL_DEBUG);
	is_str(c.platform.data, "data");
	is_int(c.limits.connections, 1000);
	ok(!c.http.insecure);
}

TEST(an_option_beats_the_environment_and_that_the_file)
{
	struct config_set set[] = { { "limits", "body", "1 MB" }, { "http", "listen", NULL } };
	struct config_input in = { .file = "config-test.conf", .set = set, .n_set = 2 };

	begin();
	must(file_write(in.file, "[limits]\nbody = 3MB\nconnections = 30\n[log]\nlevel = warn\n", 55, 0600) == 0);
	setenv("TENON_LIMITS_BODY", "2 MB", 1);
	setenv("TENON_LIMITS_CONNECTIONS", "20", 1);
	is_int(config_load(&in, &arena, &c, &o), 0);
	is_int(c.limits.body, 1 << 20);
	is_int(c.limits.connections, 20);
	is_int(c.log.level, LOG_LEVEL_WARN);
	setenv("TENON_LIMITS_CONNECTIONS", "many", 1);
	is_int(config_load(&in, &arena, &c, &o), -ERR_CONFIG_VALUE);
	is_str(err_arg(err_peek(), "what"), "TENON_LIMITS_CONNECTIONS");
	unsetenv("TENON_LIMITS_CONNECTIONS");
	set[0].value = "12 parsecs";
	is_int(config_load(&in, &arena, &c, &o), -ERR_WRONG_TYPE);      /* the option's own failure */
	unsetenv("TENON_LIMITS_BODY");
	err_clear();
	file_unlink(in.file);
}

TEST(every_mistake_is_one_sentence_with_file_and_line)
{
	static const struct { const char *conf, *en, *zh; } rows[] = {
		{ "[http]\nlistn = x\n", "config-test.conf, line 2: there is no key or section listn; the nearest is listen",
			"config-test.conf 第 2 行：没有键或节 listn；最接近的是 listen" },
		{ "[htp]\n", "config-test.conf, line 1: there is no key or section htp; the nearest is http", NULL },
		{ "\n[http]\nlevel = info\n", "line 3: there is no key or section level; the nearest is level ([log])", NULL },
		{ "[http]\nzzzzzzzz = 1\n", "line 2: there is no key or section zzzzzzzz", NULL },
		{ "listen = x\n", "line 1: listen must stand below a [section], is x", "第 1 行：listen 应位于某个 [节] 之下，现为 x" },
		{ "[log]\nlevel = loud\n", "line 2: level must be one of error, warn, info, debug, is loud", NULL },
		{ "[log]\nlevel\n", "line 2: a line must be [section] or key = value, is level", "第 2 行：一行应为 [节] 或 键 = 值，现为 level" },
		{ "[log]\nlevel = info\nlevel = warn\n", "line 3: level is given twice", NULL },
		{ "[limits]\nconnections = 3\n", "line 2: connections must be between 10 and 100000, is 3", NULL },
		{ "[limits]\nbody = 1 KB\n", "line 2: body must be between", NULL },
		{ "[limits]\nmemory = 5\n", "line 2: memory must be at least 1 MB (or 0: 32 MB), is 5", "第 2 行：memory 不得小于 1 MB" },
		{ "[http]\nlisten = 0.0.0.0:80\n", "line 2: listen reaches beyond this computer without TLS", "第 2 行：listen 在没有 TLS 的情况下对外开放" },
		{ "[http]\nlisten = 80\n", "line 2: listen must be ADDRESS:PORT, is 80", NULL },
		{ "[http]\ntls = files\n", "line 2: tls needs a certificate", "第 2 行：tls 需要证书" },
		{ "[http]\ncertificate = x.pem\n", "line 2: certificate goes with tls = files", NULL },
		{ "[http]\norigin = \xff\xfe\n", "line 2: a line must be UTF-8 text", NULL },
	};

	begin();
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		ok(str_find(sentence(rows[i].conf, LANG_EN), rows[i].en));
		if (!str_find(text, rows[i].en))
			printf("# %s\n", text);
		if (rows[i].zh && !str_find(sentence(rows[i].conf, LANG_ZH), rows[i].zh))
			tap_fail_("%s", text);
	}
	is_int(err_exit(-load_text("[http]\nlistn = x\n", LANG_EN)), 78);
	err_clear();
}

TEST(a_file_that_was_named_must_be_there_and_readable)
{
	struct config_input in = { .file = "no-such.conf" };

	begin();
	is_int(config_load(&in, &arena, &c, &o), -ERR_CONFIG_FILE);
	is_str(err_arg(err_peek(), "what"), "no-such.conf");
	in.file = "build";
	is_int(config_load(&in, &arena, &c, &o), -ERR_CONFIG_FILE);
	err_clear();
}

static unsigned changes;
static void count(void *ctx, const char *section, const struct rec_field *f) { changes++; }

TEST(the_example_says_the_defaults_and_what_is_shown_reads_back)
{
	struct buf b = BUF_INIT(&sys_heap, 1 << 20), bare = BUF_INIT(&sys_heap, 1 << 20);
	struct config plain, shown;

	begin();
	is_int(load_text("", LANG_EN), 0);
	plain = c;
	config_example(&b);
	is_int(load_text(b.data, LANG_EN), 0);
	changes = 0;
	config_compare(&plain, &c, count, NULL);
	is_int(changes, 0);
	/* And without the # in front of the keys that have a default. */
	for (const char *p = b.data; *p; p++)
		if (!(*p == '#' && (p == b.data || p[-1] == '\n') && p[1] >= 'a' && p[1] <= 'z'))
			buf_addc(&bare, *p);
	is_int(load_text(bare.data, LANG_EN), 0);
	config_compare(&plain, &c, count, NULL);
	is_int(changes, 0);
	is_int(load_text("[limits]\nbody = 9 MB\n[log]\nlevel = warn\n", LANG_EN), 0);
	shown = c;
	buf_clear(&b);
	config_show(&c, &o, &b);
	ok(str_find(b.data, "config-test.conf:2") && str_find(b.data, "# default"));
	config_compare(&plain, &shown, count, NULL);
	is_int(changes, 2);
	buf_done(&b);
	buf_done(&bare);
	arena_done(&arena);
}
