/*
 * chain_tls.c - the TLS layer of a chain: OpenSSL between two buffers in memory, bytes of the wire below, the user's above.
 *
 * OpenSSL never sees a socket. What comes from below goes into one buffer, what it wants to say is taken out of the other after every
 * call and sent down at once, so that the cap and the back-pressure of the chain stay those of the bottom.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "io/chain_priv.h"
#include "io/sock.h"
#include "io/tls_priv.h"
#include "sys/sys.h"

enum { HANDSHAKE_MS = 10000, PLAIN_MS = 2000, PIECE = 16 << 10 };

struct end {
	struct chain_layer *layer;
	struct tls *tls;
	char *name;
	const char *plain_answer;
	uint32_t handshake_ms;
	SSL *ssl;
	BIO *in, *out;                          /* owned by ssl */
	struct tls_keeper keeper;
	struct timer limit;
	enum { IDLE, SHAKING, THROUGH, DONE } phase;   /* DONE: what comes is no longer looked at */
	bool seen, lost;
};

static const char *who(const struct end *e) { return chain_peer(e->layer->chain); }

/* What OpenSSL wants to say, to the layer below. */
static int flush(struct end *e)
{
	char *bytes = NULL;
	long n = BIO_get_mem_data(e->out, &bytes);
	int r = n > 0 ? layer_send_below(e->layer, (const uint8_t *) bytes, (size_t) n) : 0;

	(void) BIO_reset(e->out);
	return r;
}

/* Alerts go out, then the user hears. *e may be gone afterwards. */
static void fail(struct end *e, int r)
{
	struct err why = err_take(r);

	if (flush(e) < 0)
		err_clear();
	e->lost = true;
	layer_tell_close(e->layer, &why);
}

static void on_late(void *arg)
{
	struct end *e = arg;
	const struct err none = { .kind = ERR_NONE };
	char ms[24];
	struct buf b = BUF_FIXED(ms);

	if (e->phase == DONE) {
		e->lost = true;
		layer_tell_close(e->layer, &none);
		return;
	}
	buf_addf(&b, "%u", e->handshake_ms);
	fail(e, err_fail(ERR_TIMEOUT, "what", who(e), "ms", ms, NULL));
}

/* Somebody speaks HTTP without TLS: he gets a sentence he can read. */
static bool answer_plain(struct end *e, const uint8_t *bytes, size_t n)
{
	static const char *const methods[] = { "GET ", "HEAD", "POST", "PUT ", "PATC", "DELE", "OPTI" };

	for (size_t i = 0; e->plain_answer && n >= 4 && i < ELEMENTSOF(methods); i++) {
		if (memcmp(bytes, methods[i], 4) != 0)
			continue;
		if (layer_send_below(e->layer, (const uint8_t *) e->plain_answer, strlen(e->plain_answer)) < 0)
			err_clear();
		e->phase = DONE;
		timer_start(chain_loop(e->layer->chain), &e->limit, PLAIN_MS, on_late, e);
		layer_finish_below(e->layer);
		return true;
	}
	return false;
}

static bool set_name(struct end *e)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(e->ssl);
	struct sockaddr_storage address;
	bool is_address = sock_parse(e->name, 0, &address) >= 0;

	err_clear();
	if (is_address)
		return X509_VERIFY_PARAM_set1_ip_asc(p, e->name) == 1;
	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(e->ssl, e->name) == 1 && X509_VERIFY_PARAM_set1_host(p, e->name, 0) == 1;
}

static int tls_open(struct chain_layer *l)
{
	struct end *e = l->state;
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	e->ssl = SSL_new(tls_context(e->tls));
	if (!e->ssl || !in || !out) {
		BIO_free(in);
		BIO_free(out);
		ERR_clear_error();
		return err_fail(ERR_NO_MEMORY, "what", "TLS", NULL);
	}
	BIO_set_mem_eof_return(in, -1);
	BIO_set_mem_eof_return(out, -1);
	SSL_set_bio(e->ssl, e->in = in, e->out = out);
	e->phase = IDLE;
	e->seen = e->lost = false;
	if (tls_is_server(e->tls)) {
		SSL_set_accept_state(e->ssl);
	} else {
		SSL_set_connect_state(e->ssl);
		tls_set_keeper(e->ssl, &e->keeper);
		if ((e->name && !set_name(e)) || (e->keeper.session && SSL_set_session(e->ssl, e->keeper.session) != 1))
			return tls_fail(NULL, e->name ? e->name : who(e));
	}
	return layer_open_below(l);
}

static void tls_close(struct chain_layer *l)
{
	struct end *e = l->state;

	timer_stop(&e->limit);
	if (!e->ssl)
		return;
	if (e->phase == THROUGH && !e->lost) {
		SSL_shutdown(e->ssl);
		if (flush(e) < 0)
			err_clear();
	}
	/* A session stays good whichever way its connection ended. */
	SSL_set_shutdown(e->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(e->ssl);
	e->ssl = NULL;
	e->phase = IDLE;
	ERR_clear_error();
}

/* One step of the handshake; the user hears when it is through. */
static void shake(struct end *e)
{
	int r = SSL_do_handshake(e->ssl), why = r == 1 ? 0 : SSL_get_error(e->ssl, r);

	if (r != 1 && why != SSL_ERROR_WANT_READ) {
		fail(e, tls_fail(e->ssl, who(e)));
		return;
	}
	int sent = flush(e);
	if (sent < 0) {
		fail(e, sent);
		return;
	}
	if (r != 1)
		return;
	timer_stop(&e->limit);
	e->phase = THROUGH;
	layer_tell_open(e->layer);
}

/* What has been decrypted. */
static void drain(struct end *e)
{
	struct chain *c = e->layer->chain;
	unsigned turn = chain_turn(c);
	uint8_t bytes[PIECE];
	const struct err none = { .kind = ERR_NONE };

	for (;;) {
		int n = SSL_read(e->ssl, bytes, sizeof(bytes)), why;

		if (n > 0) {
			layer_tell_data(e->layer, bytes, (size_t) n);
			if (turn != chain_turn(c))
				return;
			continue;
		}
		why = SSL_get_error(e->ssl, n);
		if (why == SSL_ERROR_WANT_READ) {
			int r = flush(e);       /* new keys, tickets */

			if (r < 0)
				fail(e, r);
			return;
		}
		if (why == SSL_ERROR_ZERO_RETURN)
			layer_tell_close(e->layer, &none);      /* closing says goodbye, too */
		else
			fail(e, tls_fail(e->ssl, who(e)));
		return;
	}
}

static void tls_data(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct end *e = l->state;
	struct chain *c = l->chain;
	unsigned turn = chain_turn(c);

	if (e->phase == DONE)
		return;
	chain_hold(c);
	ERR_clear_error();
	if (!e->seen && tls_is_server(e->tls) && answer_plain(e, bytes, n)) {
		chain_release(c);
		return;
	}
	e->seen = true;
	if (BIO_write(e->in, bytes, (int) n) != (int) n)
		fail(e, err_fail(ERR_NO_MEMORY, "what", "TLS", NULL));
	else if (e->phase == SHAKING)
		shake(e);
	if (turn == chain_turn(c) && e->phase == THROUGH)
		drain(e);
	chain_release(c);
}

static void tls_below_open(struct chain_layer *l)
{
	struct end *e = l->state;

	e->phase = SHAKING;
	timer_start(chain_loop(l->chain), &e->limit, e->handshake_ms, on_late, e);
	if (!tls_is_server(e->tls))
		shake(e);
}

static void tls_below_close(struct chain_layer *l, const struct err *why)
{
	struct end *e = l->state;
	struct err own = *why;

	e->lost = true;
	if (why->kind == ERR_NONE && e->phase != DONE)
		own = err_take(err_fail(ERR_PEER, "what", who(e), "detail", e->phase == THROUGH ? "@tls_cut" : "@tls_ended", NULL));
	layer_tell_close(l, &own);
}

static int tls_send(struct chain_layer *l, const uint8_t *bytes, size_t n)
{
	struct end *e = l->state;
	size_t written = 0;

	ERR_clear_error();
	if (e->phase != THROUGH)
		return err_fail(ERR_PEER, "what", who(e), "detail", "@tls_ended", NULL);
	if (SSL_write_ex(e->ssl, bytes, n, &written) != 1 || written != n)
		return tls_fail(e->ssl, who(e));
	return flush(e);
}

static void tls_finish(struct chain_layer *l)
{
	struct end *e = l->state;

	if (e->phase == THROUGH) {
		SSL_shutdown(e->ssl);
		if (flush(e) < 0)
			err_clear();
	}
	layer_finish_below(l);
}

static void tls_done(struct chain_layer *l)
{
	struct end *e = l->state;

	SSL_SESSION_free(e->keeper.session);
	tls_unref(e->tls);
	sys_free(e->name);
}

static const struct layer tls_layer = { .name = "tls", .state_size = sizeof(struct end), .open = tls_open, .close = tls_close, .send = tls_send,
	.on_open = tls_below_open, .on_data = tls_data, .on_close = tls_below_close, .finish = tls_finish, .done = tls_done };

int chain_add_tls(struct chain *c, const struct chain_tls *config)
{
	struct chain_layer *l = NULL;
	char *name = NULL;
	int r;

	if (!config->name && tls_trusts_by_name(config->tls))
		return err_fail(ERR_INVALID, "field", "name", "rule", "@tls_name_needed", "value", "", NULL);
	if (config->name) {
		name = sys_strdup(config->name);
		if (!name)
			return err_fail(ERR_NO_MEMORY, "what", "TLS", NULL);
	}
	r = chain_add(c, &tls_layer, &l);
	if (r < 0) {
		sys_free(name);
		return r;
	}
	struct end *e = l->state;
	e->layer = l;
	e->tls = tls_ref(config->tls);
	e->name = name;
	e->plain_answer = config->plain_answer;
	e->handshake_ms = config->handshake_ms ? config->handshake_ms : HANDSHAKE_MS;
	return 0;
}

/* What was agreed on. */

static void role_of(X509 *cert, char *to, size_t size)
{
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.50316.802.1", 1);
	int at = oid ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
	const ASN1_OCTET_STRING *value = at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(cert, at));
	const uint8_t *p = value ? ASN1_STRING_get0_data(value) : NULL;
	ASN1_UTF8STRING *text = p ? d2i_ASN1_UTF8STRING(NULL, &p, ASN1_STRING_length(value)) : NULL;
	size_t n = text ? (size_t) ASN1_STRING_length(text) : 0;

	/* A role that does not fit, or hides a NUL, is none. */
	if (text && n < size && !memchr(ASN1_STRING_get0_data(text), 0, n)) {
		memcpy(to, ASN1_STRING_get0_data(text), n);
		to[n] = 0;
	}
	ASN1_UTF8STRING_free(text);
	ASN1_OBJECT_free(oid);
	ERR_clear_error();
}

bool chain_tls_peer(const struct chain *c, struct tls_peer *ret)
{
	const struct chain_layer *l = chain_find(c, &tls_layer);
	const struct end *e = l ? l->state : NULL;
	const uint8_t *alpn = NULL;
	unsigned n = 0;
	X509 *cert;

	if (!e || e->phase != THROUGH)
		return false;
	struct tls_peer p = { .resumed = SSL_session_reused(e->ssl) };
	struct buf version = BUF_FIXED(p.version), cipher = BUF_FIXED(p.cipher), protocol = BUF_FIXED(p.alpn);

	buf_add(&version, SSL_get_version(e->ssl));
	buf_add(&cipher, SSL_get_cipher_name(e->ssl));
	SSL_get0_alpn_selected(e->ssl, &alpn, &n);
	buf_addn(&protocol, alpn, n);
	cert = SSL_get0_peer_certificate(e->ssl);
	if (cert) {
		tls_name_of(cert, p.subject, sizeof(p.subject));
		tls_fingerprint(cert, p.fingerprint);
		role_of(cert, p.role, sizeof(p.role));
	}
	*ret = p;
	return true;
}
