/*
 * What an operator may ask and do, besides the directory and exports.
 */
#include <jansson.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "broker/core/clock_guard.h"
#include "broker/core/core_settings.h"
#include "broker/core/handle_engine.h"
#include "broker/core/keyd_client.h"
#include "broker/core/ledger.h"
#include "broker/core/mailroom.h"
#include "broker/core/metrics.h"
#include "broker/core/witnesses.h"

static void set_count(json_t *object, const char *name, uint64_t value) {
    (void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

static void set_text(json_t *object, const char *name, const char *value) {
    (void)json_object_set_new(object, name, json_string(value));
}

static enum status answer_json(struct call *call, const json_t *object) {
    const char *text = json_compact(call->arena, object);
    ENSURE(text, STATUS_MEMORY);
    call->answer_body = bytes_text(text);
    return STATUS_OK;
}

static void add_metrics(json_t *object, struct metrics *metrics) {
#define X(name) set_count(object, #name, atomic_load_explicit(&metrics->name, memory_order_relaxed));
    METRICS(X)
#undef X
}

enum status handle_operator_status(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct core *core = call->core;
    json_t *object CLEANUP(json_cleanup) = json_object();
    ENSURE(object, STATUS_MEMORY);
    set_text(object, "federation", core->federation);
    set_count(object, "epoch", core->epoch);
    set_count(object, "signed_size", ledger_signed_size(core->ledger));
    set_count(object, "directory", directory_sequence(call->directory));
    set_count(object, "members", directory_member_count(call->directory));
    set_count(object, "parked", mailroom_parked(core->mailroom));
    set_text(object, "clock", clock_guard_check(core->clock_guard) ? "believed" : "doubted");
    set_text(object, "witnesses", witnesses_passed(core->witnesses) ? "passed" : "awaited");
    set_text(object, "disk", atomic_load(&core->disk_low) ? "low" : "fine");
    add_metrics(object, core->metrics);
    return answer_json(call, object);
}

static enum status add_authority(json_t *object, const struct core_settings *settings) {
    struct sign_public keys[CORE_AUTHORITY_MAX];
    size_t count = 0;
    TRY(core_settings_authority(settings, keys, &count));
    json_t *list = json_array();
    ENSURE(list && json_object_set_new(object, "authority", list) == 0, STATUS_MEMORY);
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(4096);
    ENSURE(arena, STATUS_MEMORY);
    for (size_t i = 0; i < count; i++) {
        const char *text = text_base64url(arena, BYTES_ARRAY(keys[i].b));
        ENSURE(text && json_array_append_new(list, json_string(text)) == 0, STATUS_MEMORY);
    }
    set_count(object, "threshold", (uint64_t)settings->authority_threshold);
    return STATUS_OK;
}

/* What an exported directory names (docs/protocol.md section 14), and what the authority needs for an EPOCH entry. */
enum status handle_operator_identity(struct call *call, struct store_txn *txn) {
    (void)txn;
    struct keyd_identity identity;
    TRY(keyd_client_identity(call->keyd, call->arena, &identity));
    json_t *object CLEANUP(json_cleanup) = json_object();
    ENSURE(object, STATUS_MEMORY);
    set_text(object, "federation", call->core->federation);
    set_count(object, "epoch", identity.epoch);
    set_text(object, "log_vkey", identity.log_vkey);
    TRY(add_authority(object, call->core->settings));
    TRY(json_set_bytes(object, "status_key", BYTES_ARRAY(identity.status_key.b)));
    set_count(object, "pseudonym_version", identity.pseudonym_version);
    TRY(json_set_bytes(object, "pseudonym_key", BYTES_ARRAY(identity.pseudonym_key.b)));
    return answer_json(call, object);
}

enum status handle_operator_confirm_clock(struct call *call, struct store_txn *txn) {
    (void)txn;
    clock_guard_confirm(call->core->clock_guard);
    return STATUS_OK;
}

enum status handle_operator_go_on(struct call *call, struct store_txn *txn) {
    (void)txn;
    witnesses_go_on(call->core->witnesses);
    return STATUS_OK;
}
