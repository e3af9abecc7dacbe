/* Whose key signed what, and when that key counted. Trusts the verified directory. */
#include "agent/ground.h"

#include "proto/ids.h"

void ground_clear(struct ground *ground) {
    directory_unref(ground->directory);
    *ground = (struct ground){0};
}

const struct directory *ground_at(const struct ground *ground, uint64_t leaf_index) {
    uint64_t sequence = directory_sequence(ground->directory);
    while (sequence > 0 && ground->leaves[sequence - 1] > leaf_index) {
        sequence--;
    }
    return sequence > 0 ? directory_at(ground->directory, sequence) : NULL;
}

static enum status open_with(struct arena *arena, const char *federation, const char *label, struct bytes whole,
                             const struct sign_public *key, struct signed_object *out_object) {
    struct signed_object object;
    TRY(signed_parse(arena, whole, &object));
    TRY(signed_verify(label, federation, &object, key));
    *out_object = object;
    return STATUS_OK;
}

enum status ground_open(struct arena *arena, const struct directory *directory, const char *label, const char *member,
                        struct bytes whole, struct signed_object *out_object) {
    struct signed_object object;
    struct sign_public key;
    TRY(signed_parse(arena, whole, &object));
    enum status status = directory_sign_key(directory, member, object.key_id.b, &key);
    ENSURE(status != STATUS_NOT_FOUND, STATUS_SIGNATURE);
    TRY(status);
    return open_with(arena, directory_federation(directory), label, whole, &key, out_object);
}

enum status ground_open_standing(struct arena *arena, const struct directory *directory, const char *label,
                                 const char *member, struct bytes whole, struct signed_object *out_object) {
    struct signed_object object;
    const char *federation = directory_federation(directory);
    const struct member_record *record = directory_member(directory, member);
    ENSURE(record, STATUS_SIGNATURE);
    TRY(signed_parse(arena, whole, &object));
    for (size_t i = 0; i < record->n_sign_keys; i++) {
        const struct sign_key *key = &record->sign_keys[i];
        struct hash id = sign_key_id(federation, &key->key);
        if (!hash_equal(&id, &object.key_id)) continue;
        ENSURE(key->state == KEY_ACTIVE || key->state == KEY_RETIRED, STATUS_DENIED);
        return open_with(arena, federation, label, whole, &key->key, out_object);
    }
    return STATUS_SIGNATURE;
}

enum status ground_open_status(struct arena *arena, const struct directory *directory, const char *label,
                               struct bytes whole, struct signed_object *out_object) {
    const struct epoch *epoch = directory_epoch(directory);
    ENSURE(epoch, STATUS_NOT_FOUND);
    return open_with(arena, directory_federation(directory), label, whole, &epoch->status_key, out_object);
}
