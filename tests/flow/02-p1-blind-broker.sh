#!/usr/bin/env bash
# P1: after the whole story, nothing of what was published is found in the broker's directory or in a memory image of any
# of its roles. The search is shown to find: the same strings are found in the examples, and one that is planted is found
# in a core image.
set -u
. "$(dirname "$0")/../support/flow.sh"
[ "$(id -u)" -eq 0 ] || { echo "memory images need root"; exit 77; }
command -v gdb >/dev/null || { echo "gdb is missing"; exit 77; }
flow_start
flow_enrol
flow_publish_all
request_consent '["goal","activity","study_plan","event"]' P7D repeated
device sign "$REQUEST" --lang sv --from "$GUIDANCE" --from "$EDUCATION" --from "$LABOUR" >/dev/null || fail "signing"
released() { plan_of county && [ "$(plan_items)" -ge 5 ]; }
world_wait 15 released || fail "nothing was released"
device plan >/dev/null 2>&1

# Titles, descriptions and names of every example, and the number of the person: at least eight bytes each.
jq -r '.. | strings' "$root"/docs/examples/[0-9]*.json | awk 'length($0) >= 16 && !/^https?:|^urn:|^[0-9T:+Z.-]*$|^plan-fragment/' |
    sort -u >"$W/needles"
# What stands in records, requests and settings too is no content.
grep -vxFf <(jq -r '.. | strings' "$W"/*.json "$root"/tests/support/world.sh 2>/dev/null | sort -u) "$W/needles" >"$W/needles.own"
echo "$PERSON" >>"$W/needles.own"
check "there is something to look for" [ "$(wc -l <"$W/needles.own")" -ge 60 ]
check "the search finds" grep -rqFf "$W/needles.own" "$root/docs/examples"

mkdir "$W/images"
for role in keyd core gate portal; do
    pid=$(world_role_pid "$role") || fail "no process of $role"
    gdb -batch -nx -p "$pid" -ex "gcore $W/images/$role" >/dev/null 2>&1
    check "an image of $role" [ -s "$W/images/$role" ]
done
# core knows the federation's name: the images hold what the roles hold.
check "the search finds in an image" grep -qaF "$FEDERATION" "$W/images/core"
found() { grep -raoFf "$W/needles.own" "$@" | sort | uniq -c | head -5; }
nothing() {
    local hits
    hits=$(found "$@")
    [ -z "$hits" ] || { echo "$hits"; return 1; }
}
for role in keyd core gate portal; do
    check "nothing in the memory of $role" nothing "$W/images/$role"
done
check "nothing in the broker's files" nothing "$W/core" "$W/keyd" "$W/run" "$W/gate" "$W/portal" "$W/broker.log"
check "no identity number in an agent's log" nothing "$W/service/agent.log" "$W/city/agent.log" "$W/county/agent.log"
flow_end
