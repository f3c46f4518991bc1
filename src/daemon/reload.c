/* reload.c - what a change of the configuration means while the platform runs. */
#include "daemon/reload.h"

#include "base/str.h"
#include "sys/sys.h"

int reload_start(struct reload *r, const struct config_input *input)
{
	int e;

	r->input = input;
	arena_init(&r->first_texts, &sys_heap, 0);
	arena_init(&r->now_texts, &sys_heap, 0);
	e = config_load(input, &r->first_texts, &r->first, NULL);
	r->now = r->first;
	return e;
}

int reload_tls(struct reload *r)
{
	return secure_new(&r->first, &r->tls, &r->cert);
}

static void tell(void *ctx, const char *section, const struct rec_field *f)
{
	if (str_eq(f->group, "restart"))
		log_warn("daemon", "the configuration changed; this waits for a restart key=%s.%s", section, f->name);
	else
		log_info("daemon", "the configuration changed key=%s.%s", section, f->name);
}

int reload_again(struct reload *r)
{
	struct config c, served = r->first;
	struct tls *tls = NULL;
	struct tls_cert cert = r->cert;
	struct arena texts;
	int e;

	arena_init(&texts, &sys_heap, 0);
	e = config_load(r->input, &texts, &c, NULL);
	if (e == 0) {
		served.http.certificate = c.http.certificate;
		served.http.key = c.http.key;
		e = secure_new(&served, &tls, &cert);
	}
	if (e < 0) {
		arena_done(&texts);
		return e;
	}
	config_compare(&r->now, &c, tell, NULL);
	r->now = c;
	arena_done(&r->now_texts);
	r->now_texts = texts;
	tls_unref(r->tls);
	r->tls = tls;
	r->cert = cert;
	return 0;
}

void reload_done(struct reload *r)
{
	r->tls = tls_unref(r->tls);
	arena_done(&r->now_texts);
	arena_done(&r->first_texts);
}
