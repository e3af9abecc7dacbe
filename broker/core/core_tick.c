/*
 * What the main thread does while others work: deadlines of polls, space, clock, offers that nobody took.
 */
#include <sys/statvfs.h>

#include "base/log.h"
#include "broker/core/clock_guard.h"
#include "broker/core/core_settings.h"
#include "broker/core/core_start.h"
#include "broker/core/daily.h"
#include "broker/core/ledger.h"
#include "broker/core/mailroom.h"
#include "broker/core/store.h"
#include "broker/core/witnesses.h"
#include "broker/core/worker.h"

enum { TICK_SLOW_MS = 1000, TICK_LEAST_TENTH = 10 };

static void wake_due(struct core *core) {
    struct call *list = mailroom_take_due(core->mailroom, clock_boot_ms(core->clock));
    for (struct call *call = list; call; call = call->next)
        call->park.over = true;
    workers_push_list(core->workers, list, CALL_CHECK);
}

static bool disk_is_low(const struct core *core) {
    struct statvfs disk;
    uint64_t reserve = (uint64_t)core->settings->disk_reserve_mib << 20;
    if (statvfs(core->settings->store_dir, &disk) != 0) return false;
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return free_bytes < reserve || disk.f_bavail < disk.f_blocks / TICK_LEAST_TENTH;
}

static bool map_is_low(const struct core *core) {
    struct store_space space;
    if (store_space(core->store, &space) != STATUS_OK || space.map_bytes == 0) return false;
    return space.map_bytes - space.used_bytes < space.map_bytes / TICK_LEAST_TENTH;
}

static void look_at_space(struct core *core) {
    bool low = disk_is_low(core) || map_is_low(core);
    bool before = atomic_exchange(&core->disk_low, low);
    if (low != before) log_line(low ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, low ? "disk_low" : "disk_fine", "");
}

/* An offer that was not taken up goes to others. */
static void offer_again(struct core *core) {
    struct directory *directory CLEANUP(directory_unref_cleanup) = core_directory(core);
    uint64_t size = ledger_signed_size(core->ledger);
    size_t wanted = witnesses_wanted(core->witnesses, directory, size);
    workers_push_list(core->workers, mailroom_take_witnesses(core->mailroom, size, wanted), CALL_CHECK);
}

void core_tick(struct core *core) {
    uint64_t now_ms = clock_boot_ms(core->clock);
    wake_due(core);
    if (now_ms - core->ticked_ms < TICK_SLOW_MS && core->ticked_ms) return;
    core->ticked_ms = now_ms;
    look_at_space(core);
    (void)clock_guard_check(core->clock_guard);
    offer_again(core);
    daily_tick(core);
}
