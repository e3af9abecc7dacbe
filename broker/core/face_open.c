/*
 * Peers are users of this host, by name or number; core's own user may always connect, as in a run under one user.
 */
#include "broker/core/face_open.h"

#include <pwd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "broker/core/core_settings.h"
#include "proto/limits.h"

enum { FACE_UIDS_MAX = 16 };

static enum status find_uid(const char *name, uid_t *out_uid) {
    uint64_t number = 0;
    if (text_to_u64(bytes_text(name), &number) == STATUS_OK && number < UINT32_MAX) {
        *out_uid = (uid_t)number;
        return STATUS_OK;
    }
    const struct passwd *user = getpwnam(name);
    if (!user) {
        log_line(LOG_LEVEL_ERROR, "peer_unknown", "user=%s", name);
        return STATUS_SETTINGS;
    }
    *out_uid = user->pw_uid;
    return STATUS_OK;
}

enum status face_open(struct core *core, const struct face_listen *listen, struct link_server **out_server) {
    uid_t uids[FACE_UIDS_MAX] = {geteuid()};
    size_t count = 1;
    for (size_t i = 0; i < listen->peers->count; i++) {
        ENSURE(count < FACE_UIDS_MAX, STATUS_SETTINGS);
        TRY(find_uid(listen->peers->items[i], &uids[count]));
        count++;
    }
    const struct link_server_options options = {.path = listen->path,
                                                .mode = (mode_t)core->settings->socket_mode,
                                                .contexts = listen->contexts,
                                                .max_bytes = LIMIT_FRAME_BYTES,
                                                .uids = uids,
                                                .n_uids = count,
                                                .on_request = listen->on_request,
                                                .on_opened = listen->on_opened,
                                                .on_closed = listen->on_closed,
                                                .arg = listen->arg};
    return link_server_open(&options, out_server);
}
