/*
 * tls.h - TLS 1.2 and 1.3 (RFC 5246, RFC 8446) as a layer of a chain, and the certificates it takes.
 *
 * A struct tls is who we are and whom we trust; one serves any number of chains. The layer stands above the socket:
 *
 *   tls_new(&(struct tls_config) { .ca = "plant-ca.pem" }, &tls);
 *   chain_add_tcp(c, &(struct chain_tcp) { .host = "plc-1", .port = 802 });
 *   chain_add_tls(c, &(struct chain_tls) { .tls = tls, .name = "plc-1" });
 *
 * on_open comes when the handshake is done and the peer is who it should be; before that nothing of the peer reaches the user. A client's
 * chain keeps its session and resumes it when it is opened again. Renegotiation and compression are off, certificates need 112 bits.
 *
 * Thread: a struct tls may be shared by chains of any loop. Memory: counted references; a layer holds one.
 */
#pragma once

#include "io/chain.h"

struct tls;

struct tls_config {
	bool server;
	const char *cert, *key;         /* PEM files: own certificate with its issuers behind it, private key. A server needs them */
	const char *ca;                 /* PEM file of issuers to trust. Client, NULL: the system's. Server, NULL: clients show nothing */
	/* Client: SHA-256 of the peer's certificate, 64 hexadecimal digits, colons allowed: this one and no other, whoever issued it. */
	const char *fingerprint;
	const char *alpn;               /* "http/1.1": offered by a client, demanded of those who offer any by a server; NULL: none */
};
/* -ERR_CONFIG_FILE: names the file and what is wrong with it. */
int tls_new(const struct tls_config *config, struct tls **ret_tls);
struct tls *tls_ref(struct tls *t);
struct tls *tls_unref(struct tls *t);
DEFINE_CLEANUP(struct tls *, tls_unref)

struct chain_tls {
	struct tls *tls;                /* a reference is taken */
	/* Client: the name or address its certificate must be for, also sent as SNI; NULL: not looked at, which only a client with `ca` or
	 * `fingerprint` may do (certificates of devices often carry none). */
	const char *name;
	uint32_t handshake_ms;          /* 0: 10,000 */
	const char *plain_answer;       /* server: sent as it is to who speaks HTTP without TLS; NULL: nothing; static */
};
int chain_add_tls(struct chain *c, const struct chain_tls *tls);

/* What was agreed on, of an open chain; false when it has no TLS layer. */
struct tls_peer {
	char version[8], cipher[48], alpn[16];          /* "TLSv1.3" */
	char subject[128], fingerprint[65];             /* of the peer's certificate; "" when it showed none */
	/* The role of Modbus/TCP Security (MB-TCP-Security-v21 8.4, 1.3.6.1.4.1.50316.802.1); "" when it has none. */
	char role[64];
	bool resumed;
};
bool chain_tls_peer(const struct chain *c, struct tls_peer *ret);

/* Certificates. */
/* names: host names and addresses it is for, commas between; what does not fit is left out. */
struct tls_cert { char subject[128], fingerprint[65], names[512]; int64_t from_ns, until_ns; bool self_signed; };
int tls_cert_read(const char *file, struct tls_cert *ret);
/* Certificate and key (ECDSA P-256, ten years) written as PEM; names: host names and addresses, NULL at the end. */
int tls_cert_make(const char *cert_file, const char *key_file, const char *const *names);
