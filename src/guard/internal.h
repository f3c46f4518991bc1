/* internal.h - what the files of guard share among themselves. */
#pragma once

#include <stdatomic.h>

#include "guard/guard.h"
#include "guard/secret.h"
#include "store/store.h"
#include "sys/sys.h"

enum {
	TENANTS_MAX = 4096,
	CACHE_SLOTS = 1024,             /* principals remembered; direct mapped */
	CACHE_MS = 5000,                /* after that the store is asked again: another process may have changed it */
	NAME_MAX_BYTES = 64 * 4 + 1,
	THROTTLE_SLOTS = 8192,
	LINK_HOURS = 1,
	PAST_MAX = 24,                  /* older password hashes kept of a user */
	AUDIT_TEXT_MAX = 48 << 10,      /* of the changes in one entry */
};

struct session {
	struct rec_head head;
	struct uuid user;
	const char *hash, *peer, *agent;
	int64_t expires, last_used;
};
/* A secret that works once: the setup link. */
struct one_time {
	struct rec_head head;
	const char *purpose, *hash;
	int64_t expires;
};
extern const struct rec_type session_type, one_time_type;

/* The end of an audit chain, kept beside the store. */
struct audit_head {
	struct mutex lock;
	char store_path[512], path[520];        /* the store keeps a pointer to the former */
	uint64_t seq;
};

struct tenant_slot {
	uint32_t number;
	bool enabled, separated;
	struct uuid id;
	struct store *store;            /* NULL until used */
	struct audit_head head;
};

struct cached {
	uint8_t hash[HASH_BYTES];
	enum principal_kind kind;       /* PRINCIPAL_NOBODY: an empty slot */
	struct uuid id, tenant_id, session;
	uint32_t tenant;
	struct grants grants;
	struct placed placed[GRANTS_MAX];       /* ascending by place, each once */
	uint32_t n_placed;
	int64_t rights_until_ns;        /* wall clock: a grant begins or ends */
	bool password_due;
	enum lang lang;
	bool dirty;                     /* last_used is newer than the store's: */
	int64_t kept_ns;                /* when it was used last, as the store knows */
	int64_t fresh_until_ns;         /* monotonic */
	int64_t expires_ns, last_used_ns, idle_ns;
	char name[NAME_MAX_BYTES], role[NAME_MAX_BYTES];
};

struct attempt { uint64_t key, name; uint32_t failures; int64_t next_ns, last_ns; };

enum throttle_of { OF_NAME_AND_ADDRESS, OF_NAME, OF_ADDRESS, THROTTLES_ };

struct guard {
	char data[400];
	char *store;                    /* URL; NULL: files in the folder */
	bool sole, look;
	struct argon_cost cost;
	struct mutex rules_lock;
	struct sign_in_rules rules;
	uint8_t head_key[HASH_BYTES], csrf_key[HASH_BYTES], print_key[HASH_BYTES], seal_key[HASH_BYTES];
	struct store_seal seal;
	struct store *system;
	struct audit_head system_head;
	struct store_noun *tenant_nouns, *system_nouns;
	size_t n_tenant_nouns, n_system_nouns;
	const struct store_queries *tenant_queries;
	size_t n_tenant_queries;
	void (*on_tenant_commit)(void *ctx, uint64_t seq);
	void *ctx;
	atomic_uint tenants_due, tenants_seen;          /* commits of the system's store; those the list of tenants has taken in */
	struct mutex tenants_lock;      /* of the list, and of opening a store */
	struct uuid default_tenant;
	struct tenant_slot **tenants;
	uint32_t n_tenants;
	struct mutex cache_lock;
	uint64_t cache_generation;      /* counts how often all was forgotten */
	struct cached *cache;
	struct mutex throttle_lock;
	struct attempt *attempts;
	char *dummy_hash;               /* checked when there is no such user, so that both take the same time */
};

struct audit_notes {
	struct buf items;               /* JSON objects between commas */
	uint32_t n, cut;
	const char *noun;
	struct uuid record;
};

/* keys.c */
int keys_open(struct guard *g);

/* records.c */
int records_first_start(struct guard *g);       /* default tenant; built-in roles of every tenant as this version has them */
int records_add_roles(struct store_tx *tx, const struct uuid *tenant);
int records_add_rules(struct store_tx *tx);

/* permission.c */
struct grants grants_of_tenant(struct grants g);         /* without those over the platform */
struct grants grants_for_place(struct grants g);        /* those that can be given in a place */

/* grant.c: the rights of a user or token beyond its role, as they are now. */
int grants_load(struct store_tx *tx, enum principal_kind kind, struct arena *a, struct cached *ret);

/* password.c */
int rules_load(struct guard *g);

/* guard.c */
extern const struct store_noun guard_system_nouns[], guard_tenant_nouns[];     /* what guard brings itself */
extern const size_t guard_n_system_nouns, guard_n_tenant_nouns;
int tenants_load(struct guard *g);
void tenants_refresh(struct guard *g);
void tenants_rest(struct guard *g);
struct tenant_slot *tenant_slot(struct guard *g, uint32_t number);
struct tenant_slot *tenant_slot_by_id(struct guard *g, const struct uuid *id);
struct audit_head *audit_head_of(struct scope *s, enum deed_store which);

#define TOKEN_PREFIX "tnn_"
#define SESSION_PREFIX "tns_"
#define SETUP_PREFIX "tnu_"
#define RESET_PREFIX "tnr_"

/* auth.c */
extern const struct store_queries guard_queries;
void scope_nobody(struct scope *s);
int sessions_end(struct store_tx *tx, const struct uuid *user, const struct uuid *but);
int refuse_sign_in(struct scope *s, const char *deed, const char *name, enum err_kind kind);
int user_signed_in(struct store_tx *tx, const struct uuid *user, int64_t at);
void scope_become(struct scope *s, const struct cached *c);
int cached_user(struct guard *g, struct store_tx *tx, const struct user *u, struct arena *a, struct cached *ret);
void cache_forget(struct guard *g);
void cache_flush(struct guard *g);

/* throttle.c */
int throttle_check(struct guard *g, const char *user, const char *peer);
void throttle_result(struct guard *g, const char *user, const char *peer, bool good);
void throttle_forget(struct guard *g, const char *user);

/* audit.c */
const char *audit_changes_text(struct scope *s);        /* what the running deed noted down; NULL: nothing */
int audit_append(struct scope *s, struct store_tx *tx, const char *deed, const char *outcome);
void audit_seal_head(struct guard *g, struct audit_head *h, struct store *store);
void audit_head_init(struct audit_head *h, const char *store_path);
int audit_head_open(struct guard *g, struct audit_head *h, struct store *store);         /* once the store is open */
