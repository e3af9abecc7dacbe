#!/usr/bin/env bash
# P11 at the agent's local API, the portal and the gate: what is wrong gets a documented error, and changes nothing.
set -u
. "$(dirname "$0")/../support/flow.sh"
flow_start

size_of_log() { world_broker status | jq .signed_size; }
before=$(size_of_log)

# expect CODE AGENCY METHOD PATH [JSON]
expect() {
    local want=$1
    shift
    api "$@"
    [ "$code" = "$want" ] || { echo "    got $code: $answer"; return 1; }
}
goal=$(jq -c . "$root"/docs/examples/02-*.json)
check "no JSON" expect 400 service POST /v1/subjects '{"national_id":'
check "a member twice" expect 400 service POST /v1/subjects "{\"national_id\":\"$PERSON\",\"national_id\":\"$PERSON\"}"
check "not an object" expect 400 service POST /v1/subjects '[]'
check "a wrong check digit" expect 422 service POST /v1/subjects '{"national_id":"199001012386"}'
check "an unknown path" expect 404 service GET /v1/nothing
check "a wrong method" expect 405 service DELETE /v1/subjects
check "an unknown kind" expect 422 service POST /v1/fragments "{\"subject\":\"$SUBJECT\",\"kind\":\"novel\",\"content\":$goal}"
check "content of another kind" expect 422 service POST /v1/fragments "{\"subject\":\"$SUBJECT\",\"kind\":\"event\",\"content\":$goal}"
check "content without a title" expect 422 service POST /v1/fragments "{\"subject\":\"$SUBJECT\",\"kind\":\"goal\",\"content\":$(jq -c 'del(.title)' <<<"$goal")}"
check "a subject that is none" expect 422 service POST /v1/fragments "{\"subject\":\"x\",\"kind\":\"goal\",\"content\":$goal}"
check "a fragment that is not there" expect 404 service GET /v1/fragments/AAAAAAAAAAAAAAAAAAAAAA
check "an id that is none" expect 404 service GET /v1/fragments/etc
check "a path with an encoded slash" expect 400 service GET /v1/fragments/..%2f..%2fetc
check "a purpose that nobody agreed on" expect 422 county POST /v1/consent-requests "{\"subject\":\"$SUBJECT\",\"purpose\":\"marketing\",\"kinds\":[\"goal\"],\"sources\":[\"$GUIDANCE\"],\"duration\":\"P7D\",\"access\":\"repeated\",\"basis\":\"secrecy_waiver\"}"
check "longer than any agreement" expect 422 county POST /v1/consent-requests "{\"subject\":\"$SUBJECT\",\"purpose\":\"joint_plan\",\"kinds\":[\"goal\"],\"sources\":[\"$GUIDANCE\"],\"duration\":\"P400D\",\"access\":\"repeated\",\"basis\":\"secrecy_waiver\"}"
check "a source that is no unit" expect 422 county POST /v1/consent-requests "{\"subject\":\"$SUBJECT\",\"purpose\":\"joint_plan\",\"kinds\":[\"goal\"],\"sources\":[\"0007:0000000000/x\"],\"duration\":\"P7D\",\"access\":\"repeated\",\"basis\":\"secrecy_waiver\"}"
check "enrolling where nobody identifies people" expect 403 county POST /v1/enrolments "{\"national_id\":\"$PERSON\",\"assurance\":\"high\",\"how\":\"x\"}"
check "a right that the client lacks" expect 403 labour POST /v1/enrolments "{\"national_id\":\"$PERSON\",\"assurance\":\"high\",\"how\":\"x\"}"
as_other_unit() { [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$CITY_SOCK" -H "Sluss-Unit: $LABOUR" "http://agent/v1/consents?subject=$SUBJECT")" = 403 ]; }
check "acting as another board" as_other_unit
without_token() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$CITY_PORT/v1/members")" = 401 ]; }
check "the loopback port without a token" without_token
too_large() { [ "$(head -c 3000000 /dev/zero | tr '\0' 'a' | curl -s -o /dev/null -w '%{http_code}' --unix-socket "$SERVICE_SOCK" -H 'Content-Type: application/json' --data-binary @- http://agent/v1/fragments)" = 413 ]; }
check "a body that is too large" too_large

portal() { curl -s -o "$W/out" -w '%{http_code}' --cacert "$CA_FILE" "$@"; }
portal_is() { local want=$1; shift; local got; got=$(portal "$@"); [ "$got" = "$want" ] || { echo "    got $got"; return 1; }; }
check "the portal without a proof" portal_is 401 "$PORTAL_URL/v1/consents"
check "a proof that is none" portal_is 401 -H 'DPoP: x.y.z' "$PORTAL_URL/v1/consents"
check "a tile that is not there" portal_is 404 "$PORTAL_URL/log/tile/0/x999/999"
check "a tile's name that is none" portal_is 404 "$PORTAL_URL/log/tile/0/0a"
check "a checkpoint" portal_is 200 "$PORTAL_URL/log/checkpoint"
check "a code that is none" portal_is 400 -d 'code=short' "$PORTAL_URL/revoke"
check "a code that is unknown is answered as a known one" portal_is 200 -d 'code=AAAAAAAAAAAAAAAAAAAAAA' "$PORTAL_URL/revoke"
check "nothing changed in the log" [ "$(size_of_log)" = "$before" ]
quiet() { ! grep -rqF "$PERSON" "$W"/*/agent.log "$W/broker.log"; }
check "no log line holds the number" quiet
flow_end
