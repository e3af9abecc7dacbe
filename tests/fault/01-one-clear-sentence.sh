#!/usr/bin/env bash
# P11: what an operator gets wrong ends in one sentence that names it, and loses nothing: a wrong word in the settings, a
# key file that others may read, another federation, a store that is open already, a full disk.
set -u
. "$(dirname "$0")/../support/flow.sh"
flow_start
flow_publish_all
size_of_log() { world_broker status | jq .signed_size; }
before=$(size_of_log)

# says TEXT COMMAND...: fails, and its output holds the text
says() {
    local text=$1
    shift
    "$@" >"$W/out" 2>&1 && { echo "    it succeeded"; return 1; }
    grep -qF "$text" "$W/out" || { sed 's/^/    /' "$W/out"; return 1; }
}
sed 's/^port = /prot = /' "$W/gate.conf" >"$W/gate2.conf"
check "a word that is no setting: file, line, key" says "gate2.conf:2" "$BIN/sluss-broker" check gate --settings "$W/gate2.conf"
sed 's/^port = .*/port = 70000/' "$W/gate.conf" >"$W/gate2.conf"
check "a number out of range" says "'port'" "$BIN/sluss-broker" check gate --settings "$W/gate2.conf"
check "settings in order" "$BIN/sluss-broker" check gate --settings "$W/gate.conf"
check "an agent's settings in order" "$BIN/sluss-agent" --settings "$W/service/agent.conf" --check
check "no file" says "not found" "$BIN/sluss-broker" check core --settings "$W/none.conf"

world_stop_agent service
chmod 644 "$W/service/member.keys"
check "a key file that others may read" says "permission" timeout 20 "$BIN/sluss-agent" --settings "$W/service/agent.conf"
chmod 600 "$W/service/member.keys"
world_start_agent service
check "it starts when the file is private again" world_wait 20 world_agent_ready service
check "a second agent on the same store" says "" timeout 20 "$BIN/sluss-agent" --settings "$W/service/agent.conf"

world_stop_broker
sed 's/^federation = .*/federation = "other.example"/' "$W/core.conf" >"$W/core2.conf"
check "a store of another federation" says "federation" timeout 20 "$BIN/sluss-broker" core --settings "$W/core2.conf"
chmod 644 "$W/keys/core.credential"
check "a credential that others may read" says "permission" timeout 20 "$BIN/sluss-broker" core --settings "$W/core.conf"
chmod 600 "$W/keys/core.credential"
world_start_broker && world_agents_ready || fail "the broker did not come back"
check "nothing was lost" [ "$(size_of_log)" -ge "$before" ]

# A full disk: the store on a file system of 24 MiB.
if [ "$(id -u)" -eq 0 ]; then
    world_stop_broker
    mv "$W/core/store" "$W/core/store.full" && mkdir -m 700 "$W/core/store"
    if mount -t tmpfs -o size=24m,mode=700 tmpfs "$W/core/store" 2>/dev/null; then
        trap 'world_stop "$W" 2>/dev/null; umount "$W/core/store"; rm -rf "$W"' EXIT
        cp "$W"/core/store.full/* "$W/core/store/"
        sed -i 's/^map_mib.*/map_mib = 4096\ndisk_reserve_mib = 8/' "$W/core.conf"
        world_start_broker && world_agents_ready || fail "the broker did not start on the small disk"
        at_start=$(size_of_log)
        head -c 40000000 /dev/zero >"$W/core/store/ballast" 2>/dev/null
        publish_new "$root"/docs/examples/02-*.json
        full_answer() { case "$code $(jq -r .state <<<"$answer")" in "202 queued" | 5*) return 0 ;; *) echo "    $code $answer"; return 1 ;; esac; }
        check "publishing on a full disk waits or says so" full_answer
        check "the log stands as it was" [ "$(size_of_log)" -ge "$at_start" ]
        rm "$W/core/store/ballast"
        drained() { [ "$(curl -sf --unix-socket "$W/service/api.sock" http://agent/healthz | jq .outbox_depth)" = 0 ]; }
        check "with room again it goes out" world_wait 40 drained
        check "and stands in the log" [ "$(size_of_log)" -gt "$at_start" ]
    fi
fi
flow_end
