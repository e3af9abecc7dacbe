# shellcheck shell=bash
# What flow tests in shell share: a federation in a directory of their own, checks that count, and an end that cleans up.
# A test sources this, calls flow_start, uses `check NAME COMMAND...`, and ends with flow_end.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/support/world.sh"
. "$root/tests/support/story.sh"

flow_passed=0 flow_failed=0

fail() {
    echo "stopped: $1" >&2
    tail -n 20 "$W/broker.log" "$W"/*/agent.log >&2
    exit 1
}

# check NAME COMMAND...: one case.
check() {
    local name=$1
    shift
    if "$@"; then
        flow_passed=$((flow_passed + 1))
    else
        flow_failed=$((flow_failed + 1))
        echo "failed: $name"
    fi
}

# The directory is short, whatever SLUSS_WORK is: Unix sockets have short names.
flow_start() {
    W=$(mktemp -d /tmp/sf.XXXXXX)
    trap 'world_stop "$W" 2>/dev/null; rm -rf "$W"' EXIT
    world_start "$SLUSS_BUILD" "$W" || fail "the federation did not start"
    (umask 077 && mkdir -p "$W/person" && head -c 18 /dev/urandom | base64 >"$W/person/passphrase")
    api service POST /v1/subjects "{\"national_id\":\"$PERSON\"}"
    must "the handle"
    SUBJECT=$(jq -r .subject <<<"$answer")
}

flow_enrol() {
    api service POST /v1/enrolments "{\"national_id\":\"$PERSON\",\"assurance\":\"substantial\",\"how\":\"e-ID\"}"
    must "the enrolment"
    device enrol --portal "$PORTAL_URL" "$(jq -r .link <<<"$answer")" >/dev/null || fail "the device was not enrolled"
}

flow_publish_all() {
    local file
    for file in "$root"/docs/examples/[0-9]*.json; do
        case $file in */10-*) continue ;; esac
        publish "$file"
        must "publishing $file"
    done
}

flow_end() {
    echo "$flow_passed passed, $flow_failed failed"
    [ "$flow_failed" -eq 0 ]
}
