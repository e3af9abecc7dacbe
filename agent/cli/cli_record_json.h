/*
 * The JSON descriptions that people write, to records and back. Names of members are those of proto/object.proto; kinds
 * by name, durations as ISO 8601, texts as {"sv": "...", ...}.
 */
#ifndef AGENT_CLI_CLI_RECORD_JSON_H
#define AGENT_CLI_CLI_RECORD_JSON_H

#include <jansson.h>

#include "base/arena.h"
#include "base/status.h"
#include "keys/keyfile.h"
#include "proto/record.h"

/* Each: STATUS_MALFORMED with one line on stderr that names the member at fault. Texts are copied to the arena. */

/* {"federation","member","revision","names","units":[{"id":"guidance","names"}],"witness":"agent.example",
 * "identifies_people","contact"}; keys from the bundle. Certificates are left to the caller. */
enum status cli_record_member(const json_t *in, const struct keyfile_bundle *bundle, struct arena *arena,
                              struct member_record *record);

/* {"federation","id","revision","units","kinds","purposes","longest_consent","attesters","self_read_attesters",
 * "recipient_may_attest","legal_note","valid_from","valid_until"}; id in text form, times in Unix seconds. */
enum status cli_record_agreement(const json_t *in, struct arena *arena, struct agreement *agreement);
/* NULL when memory is out. */
json_t *cli_record_agreement_json(const struct agreement *agreement);

/* {"federation","revision","purposes":{CODE:texts},"longest_consent","most_sources","most_pending","cosignatures",
 * "witnesses"}. */
enum status cli_record_rules(const json_t *in, struct arena *arena, struct rules *rules);

#endif
