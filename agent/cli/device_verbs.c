/* The table of the person's verbs. */
#include "agent/cli/device.h"

#define CHOICE "[--without KIND...] [--from UNIT...] [--for DURATION] [--once] [--lang LANG] "

const struct cli_verb device_verbs[] = {
    {"device enrol", device_enrol_run, "CODE|LINK --portal URL " DEVICE_USAGE,
     "Makes this file a device of yours.\nThe keys are made here; the one-time code comes from an agency that has "
     "identified you. Run it again when the agency was slow.",
     "device enrol --portal https://portal.example --file ~/.sluss 'https://portal.example/#CODE'"},
    {"device requests", device_requests_run, DEVICE_USAGE, "Who asks you for consent.",
     "device requests --file ~/.sluss"},
    {"device read", device_read_run, "REQUEST " CHOICE DEVICE_USAGE,
     "Shows a request in full, exactly as it would be signed with the same options.",
     "device read REQUEST --file ~/.sluss --lang sv --without decision"},
    {"device sign", device_sign_run, "REQUEST " CHOICE DEVICE_USAGE,
     "Says yes: shows the text, signs it, and writes the revocation code, once.\nKinds and sources can be left out, "
     "the "
     "time shortened.",
     "device sign REQUEST --file ~/.sluss --for P7D --from 0007:2021000001/guidance"},
    {"device refuse", device_refuse_run, "REQUEST [--tell] " DEVICE_USAGE,
     "Says no.\nThe one who asked is not told, unless with --tell.", "device refuse REQUEST --file ~/.sluss"},
    {"device consents", device_consents_run, DEVICE_USAGE, "What you have consented to, and its state.",
     "device consents --file ~/.sluss"},
    {"device revoke", device_revoke_run, "CONSENT " DEVICE_USAGE, "Ends a consent, at once and for good.",
     "device revoke CONSENT --file ~/.sluss"},
    {"device suspend", device_suspend_run, "CONSENT " DEVICE_USAGE, "Stops sharing until you resume.",
     "device suspend CONSENT --file ~/.sluss"},
    {"device resume", device_resume_run, "CONSENT " DEVICE_USAGE, "Goes on with a suspended consent.",
     "device resume CONSENT --file ~/.sluss"},
    {"device plan", device_plan_run, "[--ask UNIT...] " DEVICE_USAGE,
     "Your own plan, opened here.\n--ask asks a source to grant it to this device; ask once, read when it has "
     "answered.",
     "device plan --file ~/.sluss --ask 0007:2021000001/guidance"},
    {"device accesses", device_accesses_run, DEVICE_USAGE,
     "Every release, refusal and publication about you, with its place in the log.", "device accesses --file ~/.sluss"},
    {"device devices", device_devices_run, DEVICE_USAGE, "Your devices.", "device devices --file ~/.sluss"},
    {"device countersign", device_countersign_run, "KID " DEVICE_USAGE,
     "Vouches for a new device of yours, so that it need not wait 72 hours.", "device countersign KID --file ~/.sluss"},
    {"device remove", device_remove_run, "KID [--since TIME] " DEVICE_USAGE,
     "Removes a device.\nWith --since it was lost or stolen then: what it signed from that time on is suspended.",
     "device remove KID --since 2026-11-22T08:00:00Z --file ~/.sluss"},
    {NULL, NULL, NULL, NULL, NULL},
};
