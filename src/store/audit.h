#pragma once
/* The audit: what people did, one entry each, append-only and chained by hashes. Part of the contract of store.h, which
 * includes it.
 *
 * WHO WRITES. The store itself, in the commit of what the entry records: an action on a command (every record whose
 * cause is an action), a definition that comes into force or leaves it, a purge. So there is no such act without its
 * entry, and no entry without its act.
 *
 * THE CHAIN. hash = SHA-256(previous hash, number, time, kind, command, rev, action, digest), digest = SHA-256(salt,
 * data); numbers as 8 bytes, big endian; the first entry's previous hash is 32 zero bytes. What people wrote (subject,
 * actor, reason, evidence) is the data. It stands outside: the chain covers its salted hash only, so that a purge can
 * take data and salt away and the chain still verifies. Without the salt (16 random bytes) nobody can try out what the
 * data was.
 *
 * WHAT IT SHOWS. A changed, removed, inserted or exchanged entry does not fit; a missing end is seen as long as the
 * store's counter is not taken back with it. Whoever can write the file can also write it all anew, with new hashes:
 * only a hash that was written down elsewhere (struct rc_audit_pin) shows that.
 *
 * Method: hash chains of logs (Schneier and Kelsey, "Secure Audit Logs to Support Computer Forensics", 1999), with
 * commitments in the place of what may be deleted, as in redactable logs. Certificate Transparency (RFC 6962) uses
 * Merkle trees, for proofs about single entries to others; here the whole log is at hand, and a chain is enough. */
#include "base/clock.h"
#include "base/error.h"
#include "core/words.h"

struct rc_arena;
struct rc_reader;
struct rc_json;

enum { RC_AUDIT_SALT = 16, RC_AUDIT_HASH = 32 };

struct rc_author { /* who did it, and why; texts may be empty */
    struct rc_sv subject, actor, reason;
};
/* Its members in the object that is open; empty ones are left out. */
void rc_audit_put_author(struct rc_json *, const struct rc_author *);

struct rc_audit {      /* what an entry says */
    uint8_t kind;      /* enum rc_audit_kind */
    uint8_t action;    /* RC_AUDIT_ACTION: enum rc_action; else enum rc_deed */
    uint64_t command;  /* seq; 0: about none */
    uint32_t rev;      /* of the command's record; 0: none */
    struct rc_sv data; /* a JSON object; of an action, the body of its record (codec/record.h) */
};

struct rc_audit_entry {
    uint64_t number; /* from 1, without gaps */
    rc_us at;
    struct rc_audit what; /* data.p is NULL where it was purged */
    uint64_t nonce;       /* of the command, for its id; 0: the store does not know it */
    bool purged;          /* its command was purged */
    unsigned char salt[RC_AUDIT_SALT], digest[RC_AUDIT_HASH], hash[RC_AUDIT_HASH];
};

/* As an object for people and programs, with words for codes (spec/openapi.yaml, AuditEntry). */
void rc_audit_put_entry(struct rc_json *, const struct rc_audit_entry *, struct rc_arena *);
struct rc_audit_page {
    uint64_t before; /* newest first, numbers lower than this; 0: from the newest */
    bool ascending;  /* instead: oldest first, numbers higher than `after` */
    uint64_t after;
    uint64_t command; /* newest first only: about this one; 0: any */
};
/* At most `cap` (RC_MAX_PAGE) entries. */
RC_MUST enum rc_status rc_read_audit(struct rc_reader *, const struct rc_audit_page *, struct rc_arena *,
                                     uint32_t cap, struct rc_audit_entry **ret, uint32_t *ret_n,
                                     struct rc_error *);

struct rc_audit_pin { /* an entry's hash as somebody wrote it down */
    uint64_t number;
    unsigned char hash[RC_AUDIT_HASH];
};
struct rc_audit_verdict {
    uint64_t entries, purged;          /* looked at; of these without data */
    uint64_t head;                     /* number of the last one, */
    unsigned char hash[RC_AUDIT_HASH]; /* and its hash: what to pin */
    uint64_t broken;                   /* the first that does not fit; 0: all do */
    const char *why;                   /* one sentence, static; NULL where all fit */
};
/* Walks the whole chain in pages, beside a writer, too. RC_OK also where it does not fit: the verdict says it. `pin` may be
 * NULL. */
RC_MUST enum rc_status rc_audit_verify(struct rc_reader *, const struct rc_audit_pin *pin,
                                       struct rc_audit_verdict *ret, struct rc_error *);
