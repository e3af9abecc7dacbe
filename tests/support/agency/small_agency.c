/* Agents for tests. Keys are the federation's. */
#include "support/agency/small_agency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/agent_table.h"
#include "agent/mail_take.h"
#include "base/store_lmdb.h"
#include "base/store_memory.h"
#include "keys/keyfile.h"
#include "keys/public.h"
#include "proto/ids.h"
#include "proto/reply.h"

#define OK(call) assert_int_equal((call), STATUS_OK)

static void put_seed(struct keyfile_bundle *bundle, const char *name, const struct sign_private *key) {
    struct secret *seed CLEANUP(secret_free_cleanup) = NULL;
    OK(sign_seed(key, &seed));
    OK(keyfile_bundle_put(bundle, name, KEYFILE_SIGN, seed));
}

static struct keystore *keys_of(struct small_agency *agency) {
    struct keyfile_bundle *bundle CLEANUP(keyfile_bundle_free_cleanup) = keyfile_bundle_new();
    struct federation *federation = agency->core->federation;
    struct keystore *keystore = NULL;
    assert_non_null(bundle);
    put_seed(bundle, "sign", federation->members[agency->member].sign);
    put_seed(bundle, "witness", federation->members[agency->member].witness);
    OK(keyfile_bundle_put(bundle, "pepper-1", KEYFILE_SECRET32, agency->pepper));
    OK(keyfile_bundle_put(bundle, "shred", KEYFILE_SECRET32, agency->shred_kek));
    for (size_t i = 0; i < FEDERATION_UNITS; i++) {
        struct secret *scalar CLEANUP(secret_free_cleanup) = NULL;
        const struct federation_unit_keys *unit = &federation->units[i];
        if (unit->member != agency->member) continue;
        OK(seal_secret(unit->seal, &scalar));
        const char *name = arena_printf(agency->arena, "seal.%s", strchr(unit->id, '/') + 1);
        OK(keyfile_bundle_put(bundle, name, KEYFILE_SEAL, scalar));
    }
    OK(keystore_from(&agency->settings, bundle, &keystore));
    return keystore;
}

static void fill_settings(struct small_agency *agency) {
    struct federation *federation = agency->core->federation;
    struct agent_settings *settings = &agency->settings;
    char error[200] = "";
    size_t count = 0;
    for (size_t i = 0; i < FEDERATION_UNITS; i++) {
        if (federation->units[i].member != agency->member) continue;
        agency->units[count++].name = strchr(federation->units[i].id, '/') + 1;
    }
    const char **authority = ARENA_ARRAY(agency->arena, const char *, 3);
    for (size_t i = 0; i < 3; i++) {
        authority[i] = public_sign_text(agency->arena, &federation->authority_keys[i]);
    }
    *settings = (struct agent_settings){.federation = FEDERATION_NAME,
                                        .member = federation->members[agency->member].id,
                                        .units = {.items = agency->units, .count = count},
                                        .shred = agency->shred,
                                        .store = agency->lmdb,
                                        .keys = "",
                                        .gate = "127.0.0.1:1",
                                        .public_url = "https://portal.example",
                                        .authority = {.items = authority, .count = 3},
                                        .authority_threshold = 2,
                                        .cosignatures = -1,
                                        .pepper_version = 1,
                                        .log_level = "error"};
    OK(agent_settings_check(agency->arena, settings, error, sizeof error));
}

void small_agency_open(struct small_agency *agency) {
    struct store *store = NULL;
    const struct store_lmdb_settings lmdb = {
        .path = agency->lmdb, .federation = FEDERATION_NAME, .map_bytes = 1 << 28, .tables = agent_tables};
    if (agency->kind == SMALL_STORE_LMDB) {
        OK(store_lmdb_open(&lmdb, &store));
    } else {
        OK(store_memory_open(FEDERATION_NAME, agent_tables, &store));
    }
    OK(agent_open_parts(&agency->settings, &agency->core->clock, keys_of(agency), store, small_core_port(&agency->port),
                        &agency->agent));
}

struct small_agency *small_agency_new(struct small_core *core, enum federation_member member, enum small_store kind) {
    struct small_agency *agency = calloc(1, sizeof *agency);
    assert_non_null(agency);
    agency->core = core;
    agency->member = member;
    agency->kind = kind;
    agency->arena = arena_new((size_t)256 << 20);
    assert_non_null(agency->arena);
    agency->shred_kek = secret_random(32);
    agency->pepper = secret_random(32);
    agency->port = (struct small_port){.core = core, .member = core->federation->members[member].id};
    scratch_init(&agency->scratch);
    scratch_path(&agency->scratch, "shred", agency->shred);
    scratch_path(&agency->scratch, "store", agency->lmdb);
    fill_settings(agency);
    small_agency_open(agency);
    OK(dirsync_run(agency->agent));
    return agency;
}

void small_agency_close(struct small_agency *agency) {
    agent_close(agency->agent);
    agency->agent = NULL;
}

void small_agency_reopen(struct small_agency *agency) {
    small_agency_close(agency);
    small_agency_open(agency);
}

void small_agency_free(struct small_agency *agency) {
    if (!agency) return;
    agent_close(agency->agent);
    if (agency->port.core) small_core_settle(agency->port.core);
    secret_free(agency->shred_kek);
    secret_free(agency->pepper);
    scratch_clear(&agency->scratch);
    arena_free(agency->arena);
    free(agency);
}

size_t small_agency_take_mail(struct small_agency *agency) {
    uint64_t place = 0;
    size_t count = 0;
    struct mail_due due = {0};
    OK(mail_take_place(agency->agent, &place));
    for (size_t i = 0; i < agency->core->n_mails; i++) {
        const struct small_mail *mail = &agency->core->mails[i];
        if (mail->event.sequence <= place || strcmp(mail->member, agency->port.member) != 0) continue;
        OK(mail_take(agency->agent, &mail->event, &due));
        count++;
    }
    return count;
}

struct agent_caller small_agency_caller(enum federation_unit unit) {
    static const char *const ids[] = {[UNIT_GUIDANCE] = FEDERATION_GUIDANCE,
                                      [UNIT_EDUCATION] = FEDERATION_EDUCATION,
                                      [UNIT_LABOUR] = FEDERATION_LABOUR,
                                      [UNIT_CAREER] = FEDERATION_CAREER};
    return (struct agent_caller){.unit = ids[unit], .official = "handler-7"};
}

json_t *small_agency_goal(const char *title) {
    json_t *goal =
        json_pack("{s:s,s:s,s:s,s:{s:s,s:s},s:s,s:s,s:s,s:{s:s}}", "schema", "plan-fragment/1", "kind", "goal",
                  "status", "ongoing", "owner", "id", FEDERATION_COUNTY, "name", "The county", "lang", "en", "title",
                  title, "updated", "2026-11-01T10:00:00Z", "detail", "kind", "employment");
    assert_non_null(goal);
    return goal;
}

struct agent_published small_agency_publish(struct small_agency *agency, enum federation_unit unit,
                                            const struct hash *subject, const char *title, enum fragment_place place) {
    json_t *content = small_agency_goal(title);
    struct agent_published published = {0};
    struct fragment_problems problems = {0};
    struct agent_caller caller = small_agency_caller(unit);
    const struct agent_publish ask = {.subject = *subject, .kind = KIND_GOAL, .content = content};
    enum status status = agent_publish(agency->agent, agency->arena, &caller, &ask, &published, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        print_error("%s %s\n", problems.items[i].pointer, problems.items[i].text);
    }
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(published.place, place);
    json_decref(content);
    return published;
}

size_t small_agency_request(struct small_agency *agency, const struct small_ask *ask) {
    static const uint32_t kinds[] = {KIND_GOAL, KIND_ACTIVITY};
    const char *source = small_agency_caller(ask->from).unit;
    struct agent_caller caller = small_agency_caller(ask->to);
    struct id16 request;
    struct bytes receipt;
    const char *reason = "";
    const struct agent_request request_ask = {.subject = ask->subject,
                                              .purpose = FEDERATION_PURPOSE,
                                              .kinds = kinds,
                                              .n_kinds = 2,
                                              .sources = &source,
                                              .n_sources = 1,
                                              .duration_s = ask->duration_s ? ask->duration_s : 86400,
                                              .access = ask->access,
                                              .basis = BASIS_SECRECY_WAIVER,
                                              .expires_ms = agency->core->clock.manual_now_ms + 86400000};
    OK(agent_request_consent(agency->agent, agency->arena, &caller, &request_ask, &request, &receipt, &reason));
    return agency->core->n_requests - 1;
}
