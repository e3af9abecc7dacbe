#!/usr/bin/env bash
# P7, P8: a log that was exported verifies and replays; every way of changing a copy is found and named.
set -u
. "$(dirname "$0")/../support/flow.sh"
flow_start
flow_publish_all
world_broker export-with-keys "$W/audit" 2>/dev/null || fail "the export"
audit() { "$SLUSS_BUILD/sluss-audit" "$@" >"$W/out" 2>&1; }
check "it verifies" audit verify "$W/audit"
check "it replays" audit replay "$W/audit"
world_broker export "$W/audit2" 2>/dev/null || fail "the second export"
check "it extends the older one" audit consistency "$W/audit" "$W/audit2"

flip() { # FILE OFFSET: changes one bit
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
# found_when CHANGE...: in a fresh copy, in $C
found_when() {
    C=$W/copy
    rm -rf "$C" && cp -r "$W/audit" "$C"
    "$@"
    ! { audit verify "$C" && audit replay "$C"; }
}
entries() { find "$C/tile/entries" -type f | sort | head -1; }
opening() { find "$C/openings" -type f | sort | head -1; }
alter_leaf() { flip "$(entries)" 300; }
alter_tile() { flip "$(find "$C/tile/0" -type f | sort | head -1)" 40; }
alter_opening() { flip "$(opening)" 900; }
alter_evidence() { flip "$(find "$C/evidence" -type f | sort | head -1)" 900; }
cut_leaf() { truncate -s -20 "$(entries)"; }
alter_note() { flip "$C/checkpoint" 30; }
no_openings() { rm "$(opening)"; }
other_keys() { flip "$C/keys" 20; }
check "one bit of a leaf" found_when alter_leaf
check "one bit of a tile" found_when alter_tile
check "one bit of an opening" found_when alter_opening
check "one bit of evidence" found_when alter_evidence
check "a leaf cut off" found_when cut_leaf
check "one bit of the checkpoint" found_when alter_note
check "openings taken away" found_when no_openings
check "another key" found_when other_keys
names_leaf() { found_when alter_leaf && audit verify "$C"; grep -qE 'leaf' "$W/out"; }
check "the leaf is named" names_leaf
flow_end
