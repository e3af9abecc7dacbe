# shellcheck shell=bash disable=SC2034
# The agencies' systems and the jobseeker's device, as a story or a flow test plays them: plain HTTP with JSON on the
# agents' local sockets, and `sluss device`. Sourced after tests/support/world.sh. Uses: W, BIN, CA_FILE, SUBJECT,
# verbose; a failure calls fail, which the sourcing script defines.

# A published synthetic identity number (docs/examples/persons.txt).
PERSON=199001012385

detail() { [ -z "${verbose:-}" ] || printf '      | %s\n' "$1"; }

# api AGENCY METHOD PATH [JSON]: sets $answer and $code.
api() {
    local agency=$1 method=$2 path=$3 body=${4:-} args=()
    case $agency in
    labour) args=(-H "Authorization: Bearer $(cat "$W/city/token")" "http://127.0.0.1:$CITY_PORT$path") ;;
    *) args=(--unix-socket "$W/$agency/api.sock" "http://agent$path") ;;
    esac
    [ -n "$body" ] && args+=(-H 'Content-Type: application/json' --data-binary "$body")
    [ "$method" = POST ] && args+=(-H "Idempotency-Key: $(head -c 16 /dev/urandom | base64 | tr '+/=' '-_.')")
    detail "$agency: $method $path"
    answer=$(curl -s --max-time 30 -X "$method" -H 'Sluss-Official: handl-17' -w '\n%{http_code}' "${args[@]}")
    code=${answer##*$'\n'} answer=${answer%$'\n'*}
    detail "$code $(printf '%.300s' "$answer")"
}
must() { case $code in 2*) ;; *) fail "$1: HTTP $code $answer" ;; esac; }

owner_of() { jq -r '.owner.id + "/" + .owner.unit' "$1"; }
agency_of() {
    case $1 in
    "$GUIDANCE") echo service ;;
    "$EDUCATION") echo city ;;
    "$LABOUR") echo labour ;;
    "$CAREER") echo county ;;
    esac
}
# publish FILE [ID-IT-REPLACES]: the fragment of a file by the unit that owns it.
publish() {
    local agency body
    agency=$(agency_of "$(owner_of "$1")")
    body=$(jq -c --arg subject "$SUBJECT" --arg replaces "${2:-}" \
        '{subject: $subject, kind: .kind, content: .} + (if $replaces == "" then {} else {replaces: $replaces} end)' "$1")
    api "$agency" POST /v1/fragments "$body"
}

# The same content as a fragment of its own.
publish_new() {
    local copy
    copy=$(mktemp)
    jq --arg id "$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')" '.id = $id' "$1" >"$copy"
    publish "$copy"
    rm -f "$copy"
}

device() { "$BIN/sluss" device "$@" --file "$W/person/device" --passphrase-file "$W/person/passphrase" --ca "$CA_FILE"; }

plan_of() { api "$1" GET "/v1/plans?subject=$SUBJECT&purpose=joint_plan"; must "the plan"; }
plan_items() { jq '[.items[] | select(.state != "own")] | length' <<<"$answer"; }
plan_sources() { jq -r '[.items[] | select(.state != "own") | .source] | unique | length' <<<"$answer"; }
plan_has() { plan_of county && [ "$(plan_items)" -ge "$1" ]; }
missing_code() { jq -r --arg s "$1" '[.missing[]? | select(.source == $s) | .reason] | first // "none"' <<<"$answer"; }

request_consent() { # KINDS DURATION ACCESS: by the career centre, from all three others; sets REQUEST
    api county POST /v1/consent-requests "{\"subject\":\"$SUBJECT\",\"purpose\":\"joint_plan\",\"kinds\":$1,
        \"sources\":[\"$GUIDANCE\",\"$EDUCATION\",\"$LABOUR\"],\"duration\":\"$2\",\"access\":\"$3\",\"basis\":\"secrecy_waiver\"}"
    must "the consent request"
    REQUEST=$(jq -r .id <<<"$answer")
}
