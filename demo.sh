#!/usr/bin/env bash
# Tells the story of Sluss with real processes: three public bodies, one jobseeker, one broker that cannot read.
#
#   ./demo.sh              installs what it needs, builds, and runs the story
#   ./demo.sh --verbose    the same with every command and answer
#   ./demo.sh --keep DIR   leaves everything running and writes DIR/demo.env
#   ./demo.sh --stop DIR   ends what --keep left running
#   ./demo.sh --build DIR  uses programs that are built already
set -u
cd "$(dirname "$0")" || exit 1
here=$PWD
. tests/support/packages.sh
. tests/support/world.sh
. tests/support/story.sh

usage() { sed -n '2,8s/^# \{0,1\}//p' "$0"; }

verbose="" keep="" stop="" bin=""
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) usage; exit 0 ;;
    --verbose) verbose=1 ;;
    --keep) keep=${2:?--keep needs a directory}; shift ;;
    --build) bin=$(cd "${2:?--build needs a directory}" && pwd); shift ;;
    --stop) stop=${2:?--stop needs a directory}; shift ;;
    *) usage >&2; exit 2 ;;
    esac
    shift
done
if [ -n "$stop" ]; then
    world_stop "$stop" 2>/dev/null
    echo "ended what ran in $stop"
    exit 0
fi

# ---- telling ----

chapter=0
tell() { chapter=$((chapter + 1)); printf '%2d. %s\n' "$chapter" "$1"; }
note() { printf '    %s\n' "$1"; }
fail() {
    printf '\nThe story stops here: %s\n' "$1" >&2
    [ -d "${W:-}" ] && tail -n 15 "$W/broker.log" "$W"/*/agent.log >&2
    exit 1
}
# What a command printed, with --verbose.
show() { if [ -n "$verbose" ]; then sed 's/^/      | /'; else cat >/dev/null; fi; }

# ---- build ----

build() {
    # shellcheck disable=SC2086
    packages_install $build_packages $run_packages || exit 1
    mkdir -p build
    if ! { cmake --preset release && cmake --build build/release -j "$(nproc)" --target sluss-broker sluss-agent sluss sluss-audit; } \
        >build/demo.log 2>&1; then
        tail -n 30 build/demo.log >&2
        exit 1
    fi
}
[ -n "$bin" ] || { build && bin=$here/build/release; }

# ---- the story ----

W=${keep:-$(mktemp -d /tmp/sluss-demo.XXXXXX)}
mkdir -p "$W"
W=$(cd "$W" && pwd)
finish() {
    [ -n "$keep" ] && [ "$1" -eq 0 ] && return
    world_stop "$W" 2>/dev/null
    [ -n "$keep" ] || rm -rf "$W"
}
trap 'finish $?' EXIT
examples=(docs/examples/[0-9]*.json)
revision=(docs/examples/10-*.json)
started=$SECONDS

echo "Sluss: three public bodies, one jobseeker, one broker that cannot read."
echo
tell "A federation: a state employment service, a municipality with two boards, a county's career centre."
world_start "$bin" "$W" 2> >(show) || fail "the federation did not start"
(umask 077 && mkdir -p "$W/person" && head -c 18 /dev/urandom | base64 >"$W/person/passphrase")
note "Each has its own agent and keys. The authority (2 of 2 keys) admitted them; all signed one agreement."

tell "Who is it about? Each agency turns the identity number into the same handle, and nobody else can."
api service POST /v1/subjects "{\"national_id\":\"$PERSON\"}"; must "the handle"
SUBJECT=$(jq -r .subject <<<"$answer")
api county POST /v1/subjects "{\"national_id\":\"$PERSON\"}"; must "the handle"
[ "$SUBJECT" = "$(jq -r .subject <<<"$answer")" ] || fail "two agencies got different handles"
note "Handle $(printf '%.12s' "$SUBJECT")..., made blindly: the broker never sees the number."

tell "Three sources publish what they hold, sealed before it leaves the house."
published=0 first_of_pair=""
for file in "${examples[@]}"; do
    [ "$file" = "${revision[0]}" ] && continue
    [ "$(owner_of "$file")" = "$LABOUR" ] && continue
    publish "$file"; must "publishing $file"
    published=$((published + 1))
    case $file in docs/examples/09-*) first_of_pair=$(jq -r .id <<<"$answer") ;; esac
done
note "$published fragments: assessment, goals, studies, plan with courses, meetings, decision, validation ..."

tell "The broker is down. The labour market board publishes all the same."
world_stop_broker
queued=0
for file in "${examples[@]}"; do
    [ "$(owner_of "$file")" = "$LABOUR" ] || continue
    publish "$file"; must "publishing while the broker is away"
    [ "$(jq -r .state <<<"$answer")" = queued ] && queued=$((queued + 1))
done
[ "$queued" -gt 0 ] || fail "nothing was queued"
world_start_broker && world_agents_ready || fail "the broker did not come back"
outbox_empty() { [ "$(curl -sf --unix-socket "$W/city/api.sock" http://agent/healthz | jq .outbox_depth)" = 0 ]; }
world_wait 20 outbox_empty || fail "the outbox did not drain"
note "$queued fragments waited in the outbox and went out when the broker was back."

tell "The jobseeker, identified by the employment service, enrols a device of their own."
api service POST /v1/enrolments "{\"national_id\":\"$PERSON\",\"assurance\":\"substantial\",\"how\":\"e-ID\"}"; must "the enrolment"
device enrol --portal "$PORTAL_URL" "$(jq -r .link <<<"$answer")" > >(show) 2>"$W/person/errors" || fail "the device was not enrolled: $(cat "$W/person/errors")"
note "The keys are made on the device; the one-time code never reaches the broker."

all_kinds='["assessment","goal","activity","study_plan","decision","referral","event","validation","follow_up"]'

tell "The career centre asks. Before any consent it learns nothing, not even whether the person is known."
request_consent "$all_kinds" P30D repeated
plan_of county
note "Its plan shows $(plan_items) fragments of others."

tell "The jobseeker reads the notice, removes one kind, shortens the time, signs for two of three sources:"
device read "$REQUEST" --lang sv --without decision --for P7D --from "$GUIDANCE" --from "$EDUCATION" >"$W/person/notice" || fail "the notice"
sed 's/^/      > /' "$W/person/notice" | cut -c1-110
device sign "$REQUEST" --lang sv --without decision --for P7D --from "$GUIDANCE" --from "$EDUCATION" >"$W/person/signed" || fail "signing"
CONSENT=$(device consents --json | jq -r '[.consents[] | select(.state == "active")][0].consent')

tell "The sources check the token themselves and make keys for the career centre. It reads the joint plan."
world_wait 10 plan_has 5 || fail "nothing was released"
note "$(plan_items) fragments from $(plan_sources) sources, $(jq '[.items[] | select(.receipt)] | length' <<<"$answer") with receipts; missing and named: $(jq -r '[.missing[]?.source] | unique | length' <<<"$answer") source."
[ "$(jq '[.items[] | select(.kind == "decision" and .state != "own")] | length' <<<"$answer")" = 0 ] || fail "a decision was released"
note "No decision among them: that kind was removed before signing."

tell "The labour market board tries to read under the same consent."
api labour GET "/v1/plans?subject=$SUBJECT&purpose=joint_plan"; must "the plan"
[ "$(plan_items)" = 0 ] || fail "the board read something"
note "It gets nothing of others: the consent names the career centre, and secrecy holds between boards."

tell "The municipality publishes a new revision. The career centre hears of it and has it at once."
event_after=$(curl -s --unix-socket "$W/county/api.sock" 'http://agent/v1/events?wait=0' | jq '[.events[].sequence] | max // 0')
publish "${revision[0]}" "$first_of_pair"; must "the revision"
api county GET "/v1/events?after=$event_after&wait=10"; must "the event"
note "Event: $(jq -r '[.events[].type] | unique | join(", ")' <<<"$answer")."

tell "The jobseeker changes their mind: one word, and the sharing ends."
device revoke "$CONSENT" > >(show) || fail "revoking"
plan_of county
[ "$(plan_items)" = 0 ] || fail "something was released after the revocation"
note "The very next read gives $(plan_items) fragments ($(missing_code "$GUIDANCE")). The agents purged what they had opened and said so in the log."

tell "A consent for once is used twice."
request_consent '["goal","activity"]' P1D once
device sign "$REQUEST" --lang sv --from "$GUIDANCE" >/dev/null || fail "signing"
world_wait 10 plan_has 1 || fail "the first use"
first_reading=$(jq -c '[.items[] | select(.state != "own") | .id] | sort' <<<"$answer")
publish_new docs/examples/06-*.json; must "publishing after the first use"
plan_of county
[ "$(jq -c '[.items[] | select(.state != "own") | .id] | sort' <<<"$answer")" = "$first_reading" ] || fail "the second use gave something else"
note "The first reading gave $(jq length <<<"$first_reading") fragments. The second gives those again and nothing that came later: it was used up."

tell "A consent of a few seconds ends by itself."
request_consent '["goal"]' PT4S repeated
device sign "$REQUEST" --lang sv --from "$EDUCATION" >/dev/null || fail "signing"
ended() { plan_of county && [ "$(missing_code "$EDUCATION")" = consent_ended ]; }
world_wait 15 ended || fail "the consent did not end"
note "When the time was over: $(missing_code "$EDUCATION"). Nobody had to do anything."

tell "The heart of the broker is killed in the middle of its work (SIGKILL)."
(verbose=; for _ in 1 2 3 4 5 6 7 8; do publish_new docs/examples/09-*.json; jq -r 'select(.state == "stored") | .id' <<<"$answer"; done >"$W/acknowledged") &
writer=$!
world_wait 5 test -s "$W/acknowledged"
kill -KILL "$(world_role_pid core)"
wait "$writer"
world_wait 20 world_broker status && world_agents_ready || fail "core did not come back"
world_wait 20 outbox_empty || fail "the outbox did not drain"
request_consent '["study_plan"]' PT1H repeated
device sign "$REQUEST" --lang sv --from "$EDUCATION" >/dev/null || fail "signing"
all_there() {
    plan_of county
    while read -r id; do jq -e --arg id "$id" 'any(.items[]; .id == $id)' <<<"$answer" || return 1; done <"$W/acknowledged"
}
world_wait 15 all_there || fail "an acknowledged publication is missing"
note "$(wc -l <"$W/acknowledged") publications were acknowledged around the kill; the career centre reads every one of them."

tell "The auditor takes the log, checks the tree, opens it under a key served for this one run, and replays all."
world_broker export-with-keys "$W/audit" 2> >(show) || fail "the export"
"$BIN/sluss-audit" verify "$W/audit" > >(show) || fail "verify found something"
"$BIN/sluss-audit" replay "$W/audit" --json >"$W/replay.json" || fail "replay found a divergence: $(jq -c '.findings[0:3]' "$W/replay.json")"
note "$(jq -r '"\(.leaves) leaves, \(.signatures) signatures, \(.divergences) divergences"' "$W/replay.json")."
tell "Somebody changes one byte of one stored leaf."
cp -r "$W/audit" "$W/tampered"
entries=$(find "$W/tampered/tile/entries" -type f | sort | head -1)
offset=0
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do # each entry: its length in two bytes, then the leaf
    offset=$((offset + 2 + $(od -An -tu1 -j "$offset" -N 2 "$entries" | awk '{print $1 * 256 + $2}')))
done
offset=$((offset + 2 + 40))
byte=$(od -An -tu1 -j "$offset" -N 1 "$entries" | tr -d ' ')
printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$entries" bs=1 seek="$offset" conv=notrunc 2>/dev/null
"$BIN/sluss-audit" verify "$W/tampered" >"$W/found" 2>&1 && fail "the change was not noticed"
note "The auditor: $(grep -m1 -i leaf "$W/found" | cut -c1-90)"

echo
echo "Told in $((SECONDS - started)) seconds. The broker saw handles, kinds, sizes and times; nobody's plan."
if [ -n "$keep" ]; then
    {
        printf '%s=%q\n' PORTAL_URL "$PORTAL_URL" CA_FILE "$CA_FILE" LOG_VKEY "$LOG_VKEY" CORE_OPERATOR_SOCK "$CORE_OPERATOR_SOCK" \
            SERVICE_SOCK "$SERVICE_SOCK" CITY_SOCK "$CITY_SOCK" COUNTY_SOCK "$COUNTY_SOCK" DEVICE_FILE "$W/person/device" \
            SUPERVISOR_PID "$(cat "$W/supervisor.pid")"
    } >"$W/demo.env"
    echo "Everything runs on; $W/demo.env says where. ./demo.sh --stop $W ends it."
fi
