/*
 * Any bytes as the body of a request of the person's page, under a good proof of an enrolled device: the first byte
 * chooses the request. Whatever comes: no leaf is appended, since nothing of it is signed by the person.
 */
#include <stdlib.h>

#include "proto/limits.h"
#include "support/core/scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum portal_op ops[] = {PORTAL_DECISION, PORTAL_CONSENT_REVOKE, PORTAL_DEVICES_POST, PORTAL_DEVICES_DELETE,
                                     PORTAL_READ_REQUEST};

/* One person with one request, made once. */
static struct scene *the_scene(void) {
    static struct scene scene;
    static bool made;
    if (!made) scene_begin(&scene, CORE_PARTS_MEMORY, ACCESS_REPEATED);
    made = true;
    return &scene;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    struct scene *scene = the_scene();
    struct arena *kept = scene->rig.arena;
    struct arena *arena CLEANUP(arena_free_cleanup) = arena_new(16 << 20);
    if (!arena) return 0;
    scene->rig.arena = arena;
    const enum portal_op op = ops[data[0] % (sizeof ops / sizeof ops[0])];
    const struct portal_ask ask = {
        .op = op,
        .method = "POST",
        .url = RIG_URL "/x",
        .proof = rig_proof(&scene->rig, &scene->person, "POST", "/x"),
        .id = bytes_text(op == PORTAL_DEVICES_DELETE ? scene->person.kid
                                                     : ids_text(arena, &scene->request.request.request)),
        .body = BYTES(data + 1, size - 1),
    };
    uint64_t before = rig_leaves(&scene->rig);
    if (ask.body.len <= LIMIT_PORTAL_BODY_BYTES) (void)rig_ask_as_is(&scene->rig, &ask);
    if (rig_leaves(&scene->rig) != before) abort();
    /* Proofs are remembered by step: the next input has a step of its own now and then. */
    clock_advance(&scene->rig.parts.clock, 50);
    scene->rig.arena = kept;
    return 0;
}
